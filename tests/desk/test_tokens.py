"""Logins that end are renewed in time, and new secrets are kept before they are used."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from noticeboard import WALLS, Noticeboard
from pydantic import SecretStr
from town import Town

from dissem.channels.adapter import Account
from dissem.channels.errors import Unauthorized
from dissem.desk.acting import Acting
from dissem.desk.channels import add, known, renew_ending
from dissem.models import Channel


class Ending(Noticeboard):
    """A noticeboard whose login ends after a day."""

    class Settings(Noticeboard.Settings):
        refresh_token: SecretStr

    used: list[str] = []  # noqa: RUF012 — one list for all, on purpose
    refuses = False

    def check(self) -> Account:
        self.used.append(self.settings.refresh_token.get_secret_value())
        return Account(self.wall.account, "Papan", expires=CLOCK[0]() + timedelta(days=1))

    def renew(self) -> Mapping[str, SecretStr] | None:
        if self.refuses:
            raise Unauthorized("The refresh token was used before.")
        return {"refresh_token": SecretStr(f"{self.settings.refresh_token.get_secret_value()}+")}


CLOCK: list = []


@pytest.fixture
def admin(town: Town, monkeypatch: pytest.MonkeyPatch) -> Acting:
    import noticeboard
    from noticeboard import Wall

    monkeypatch.setattr(noticeboard, "Noticeboard", Ending)
    monkeypatch.setattr(Ending, "used", [])
    CLOCK[:] = [town.clock]
    WALLS["papan"] = Wall()
    acting = Acting(town.installation, None, town.clock)
    add(acting, "papan", platform="board", agency="kominfo", settings={"wall": "papan"}, secrets={"refresh_token": "t"})
    return acting


def _channel(acting: Acting) -> Channel:
    with acting.installation.database.read() as session:
        return known(session, "papan")


def test_a_login_with_time_left_is_left_alone(admin: Acting, town: Town) -> None:
    town.clock.pass_(hours=15)

    assert renew_ending(admin) == ([], {})


def test_a_login_that_ends_soon_is_renewed_and_asked_anew(admin: Acting, town: Town) -> None:
    before = _channel(admin)
    town.clock.pass_(hours=17)

    assert renew_ending(admin) == (["papan"], {})

    after = _channel(admin)
    assert after.token_expires == town.clock() + timedelta(days=1)
    assert admin.installation.adapters.opened(after) == {"refresh_token": "t++"}
    assert after.version > before.version
    assert Ending.used == ["t+", "t++"]


def test_a_new_login_is_renewed_before_anything_is_asked_with_it(admin: Acting) -> None:
    assert Ending.used == ["t+"]
    assert admin.installation.adapters.opened(_channel(admin)) == {"refresh_token": "t+"}


def test_a_refused_renewal_keeps_the_old_secret_and_is_told(
    admin: Acting, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ending, "refuses", True)
    town.clock.pass_(hours=17)

    renewed, failed = renew_ending(admin)

    assert renewed == []
    assert "used before" in str(failed["papan"])
    assert admin.installation.adapters.opened(_channel(admin)) == {"refresh_token": "t+"}
