"""`dissem channel connect`: the redirect and its tampered forms, what is kept of a login, and what no output shows."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from channels.browser import request, sent_back
from pydantic import SecretStr
from sqlmodel import select

from dissem.channels.adapter import Facts
from dissem.channels.errors import Unauthorized, Unreachable
from dissem.channels.login import Ask, Choice
from dissem.cli.connect import _open as SHOWN  # noqa: N812 - as it is before a browser takes its place
from dissem.cli.main import main
from dissem.config import AppKeys, Apps, Config, load
from dissem.desk import channels, people
from dissem.desk import connect as connecting
from dissem.desk.acting import Acting
from dissem.desk.channels import known, renew_ending
from dissem.desk.endings import Login, ending, warn
from dissem.desk.redirect import Declined, Loopback, Stranger, code_in
from dissem.desk.turns import LEASE, first, turn
from dissem.errors import Conflict, NotAllowed, NotFound, WrongInput, told
from dissem.models import Agency, AuditEntry, Channel, ChannelState, Role
from dissem.rehearsal import faults
from dissem.rehearsal.linkedin_login import LinkedInLoginStandin
from dissem.rehearsal.login import LoginDoor
from dissem.rehearsal.meta_login import FacebookLoginStandin
from dissem.rehearsal.x_door import SAMPLE
from dissem.rehearsal.x_login import XLoginStandin
from dissem.rehearsal.youtube_login import YoutubeLoginStandin
from dissem.store.installation import Installation
from dissem.tasks import Options, tokens_renew

REDIRECT = "http://127.0.0.1:8765/callback/"
SECOND = replace(SAMPLE, id="1640000000000000002", handle="dishub", token="another", access_token="2-a")
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# The redirect


@dataclass
class Waiting:
    """A loopback port that waits, in a thread, for the redirect of *ask*; `outcome` is what came of it."""

    door: Loopback
    ask: Ask
    outcome: list[Any] = field(default_factory=list)

    def start(self) -> None:
        self.thread = threading.Thread(target=copy_context().run, args=(self._wait,))
        self.thread.start()

    def _wait(self) -> None:
        try:
            self.outcome.append(self.door.code(self.ask, seconds=10))
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.outcome.append(error)

    def result(self) -> Any:
        self.thread.join(10)
        return self.outcome[0]

    def address(self, **changes: str | None) -> str:
        """The redirect as it should be, with *changes* to its query; None leaves a name out."""
        query = {"state": self.ask.state, "code": "the-code", **changes}
        return f"{self.ask.redirect}?{urlencode({k: v for k, v in query.items() if v is not None})}"


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with Loopback() as door:
        made = Waiting(door, Ask(door.redirect))
        made.start()
        yield made
        if made.thread.is_alive():
            request("GET", made.address())
        made.thread.join(10)


def test_the_redirect_of_this_login_is_taken_and_the_window_may_be_closed(waiting: Waiting) -> None:
    status, _, page = request("GET", waiting.address())

    assert (status, waiting.result()) == (200, "the-code")
    assert "close this window" in page
    assert "the-code" not in page


def _twice(address: str, name: str) -> str:
    """*address* with the parameter *name* given once more."""
    values = dict(parse_qsl(urlsplit(address).query))
    return f"{address}&{name}={quote(values[name])}"


TAMPERED: dict[str, Callable[[Waiting], tuple[str, str, dict[str, str]]]] = {
    "no query": lambda w: ("GET", w.ask.redirect, {}),
    "no state": lambda w: ("GET", w.address(state=None), {}),
    "an empty state": lambda w: ("GET", w.address(state=""), {}),
    "a guessed state": lambda w: ("GET", w.address(state="0" * 43), {}),
    "the state of another login": lambda w: ("GET", w.address(state=Ask(w.ask.redirect).state), {}),
    "the state cut by a letter": lambda w: ("GET", w.address(state=w.ask.state[:-1]), {}),
    "the state twice": lambda w: ("GET", _twice(w.address(), "state"), {}),
    "another state beside it": lambda w: ("GET", w.address() + "&state=x", {}),
    "no code": lambda w: ("GET", w.address(code=None), {}),
    "an empty code": lambda w: ("GET", w.address(code=""), {}),
    "two codes": lambda w: ("GET", w.address() + "&code=mine", {}),
    "a code and an error": lambda w: ("GET", w.address(error="access_denied"), {}),
    "an error of no login": lambda w: ("GET", w.address(state="x", code=None, error="access_denied"), {}),
    "another path": lambda w: ("GET", w.address().replace("/callback/", "/"), {}),
    "a path that climbs": lambda w: ("GET", w.address().replace("/callback/", "/x/../callback/"), {}),
    "a name that was led to us": lambda w: ("GET", w.address(), {"Host": "evil.example"}),
    "our name with another port": lambda w: ("GET", w.address(), {"Host": "127.0.0.1:1"}),
    "a form that is posted": lambda w: ("POST", w.address(), {}),
    "only its head": lambda w: ("HEAD", w.address(), {}),
    "far too many parameters": lambda w: ("GET", w.address() + "&a=1" * 50, {}),
    "a very long address": lambda w: ("GET", w.address(more="x" * 9000), {}),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_redirect_changes_nothing_and_the_right_one_is_still_taken(waiting: Waiting, how: str) -> None:
    method, address, headers = TAMPERED[how](waiting)

    status, _, page = request(method, address, **headers)

    assert 400 <= status < 600
    assert "the-code" not in page
    assert waiting.outcome == []
    assert request("GET", waiting.address())[0] == 200
    assert waiting.result() == "the-code"


def test_only_the_first_of_two_answers_counts(waiting: Waiting) -> None:
    request("GET", waiting.address(code="first"))

    with pytest.raises(OSError, match=r"refused|reset|Remote end"):
        while True:
            assert request("GET", waiting.address(code="second"))[0] == 409

    assert waiting.result() == "first"


def test_a_person_who_declines_ends_the_login_and_nothing_of_the_reason_is_echoed(waiting: Waiting) -> None:
    script = "<script>alert(1)</script>"

    status, _, page = request("GET", waiting.address(code=None, error=script, error_description=script))

    assert status == 403
    assert script not in page
    assert "alert" not in page
    assert isinstance(waiting.result(), Declined)
    assert "alert" not in str(waiting.result())


def test_the_word_for_a_refusal_is_shown() -> None:
    ask = Ask(REDIRECT)

    with pytest.raises(Declined, match="access_denied"):
        code_in(f"{REDIRECT}?state={ask.state}&error=access_denied", ask)


def test_a_browser_that_opens_a_line_and_says_nothing_holds_up_nobody(waiting: Waiting) -> None:
    import socket

    parts = urlsplit(waiting.ask.redirect)
    with socket.create_connection((parts.hostname or "", parts.port or 0)):
        assert request("GET", waiting.address())[0] == 200
        assert waiting.result() == "the-code"


def test_nobody_waits_for_ever() -> None:
    with Loopback() as door, pytest.raises(WrongInput, match="ten minutes"):
        door.code(Ask(door.redirect), seconds=0.01)


def test_only_this_machine_can_reach_the_port() -> None:
    with Loopback() as door:
        assert door._server.server_address[0] == "127.0.0.1"
        port = urlsplit(door.redirect).port or 0
        with pytest.raises(WrongInput, match=str(port)):
            Loopback(port)


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "the-code",
        "https://127.0.0.1:8765/callback/?state={state}&code=c",
        "http://127.0.0.1:8766/callback/?state={state}&code=c",
        "http://127.0.0.1:8765@evil.example/callback/?state={state}&code=c",
        "http://evil.example/callback/?state={state}&code=c",
        "http://127.0.0.1:8765/callback/?state=other&code=c",
        "http://127.0.0.1:8765/callback/#state={state}&code=c",
        "http://[::1/callback/?state={state}&code=c",
    ],
)
def test_a_pasted_address_is_judged_alike(pasted: str) -> None:
    ask = Ask(REDIRECT)

    with pytest.raises(Stranger):
        code_in(pasted.format(state=ask.state), ask)


def test_a_pasted_address_may_have_blanks_around_it_and_what_browsers_keep_to_themselves() -> None:
    ask = Ask(REDIRECT)

    assert code_in(f"  {REDIRECT}?code=c&state={ask.state}#_=_\n", ask) == "c"


# What is kept


@pytest.fixture
def sites() -> Iterator[dict[str, LoginDoor]]:
    made: dict[str, LoginDoor] = {
        "x": XLoginStandin(accounts=[SAMPLE, SECOND]),
        "linkedin": LinkedInLoginStandin(),
        "facebook": FacebookLoginStandin(),
        "youtube": YoutubeLoginStandin(),
    }
    for site in made.values():
        site.start()
    yield made
    for site in made.values():
        site.stop()
        assert site.accidents == []


@pytest.fixture
def config(config: Config, sites: dict[str, LoginDoor], monkeypatch: pytest.MonkeyPatch) -> Config:
    """The city has an app everywhere; the secrets are in the environment."""
    keys = {}
    for table, site in sites.items():
        variable = f"CITY_{table.upper()}_SECRET"
        monkeypatch.setenv(variable, site.app_secret)
        keys[table] = AppKeys(client_id=site.app_id, secret_env=variable, login_url=site.url)
    return config.model_copy(update={"apps": Apps(**keys)})


class Desk:
    """The installation's own desk with a clock that can be moved, and a person with a browser."""

    def __init__(self, installation: Installation, sites: dict[str, LoginDoor]) -> None:
        self.installation, self.sites, self.ahead = installation, sites, timedelta(0)
        self.acting = Acting(installation, None, self.now)
        with installation.database.write() as session:
            session.add(Agency(code="kominfo", name="Dinas Kominfo"))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def hosts(self, platform: str) -> dict[str, str]:
        url = self.sites[platform].url
        more = {"token_url": url} if platform in ("linkedin", "youtube") else {}
        return {"api_url": url, **more}

    def plan(self, name: str, platform: str = "") -> connecting.Plan:
        if not platform:
            return connecting.planned(self.acting, name)
        settings = self.hosts(platform)
        return connecting.planned(self.acting, name, platform=platform, agency="kominfo", settings=settings)

    def choices(self, plan: connecting.Plan) -> list[Choice]:
        ask = Ask(REDIRECT)
        return list(connecting.choices(plan, code_in(sent_back(plan.login.address(ask)), ask), ask))

    def connect(self, name: str, platform: str = "", wanted: str = "") -> connecting.Connected:
        plan = self.plan(name, platform)
        choice = connecting.chosen(self.choices(plan), wanted)
        assert choice is not None
        return connecting.keep(self.acting, plan, choice)

    def row(self, name: str) -> Channel:
        with self.installation.database.read() as session:
            return known(session, name)

    def secrets(self, name: str) -> Mapping[str, str]:
        return self.installation.adapters.opened(self.row(name))

    def recorded(self, action: str) -> list[dict[str, Any]]:
        with self.installation.database.read() as session:
            return [row.detail for row in session.exec(select(AuditEntry).where(AuditEntry.action == action))]


@pytest.fixture
def desk(installation: Installation, sites: dict[str, LoginDoor]) -> Desk:
    return Desk(installation, sites)


@pytest.mark.parametrize("platform", ["facebook", "x", "youtube"])
def test_a_new_channel_is_there_with_its_account_or_not_at_all(desk: Desk, platform: str) -> None:
    desk.plan("kota", platform)
    with pytest.raises(NotFound):
        desk.row("kota")

    done = desk.connect("kota", platform)

    row = desk.row("kota")
    assert row.account == desk.sites[platform].accounts[0].id
    assert row.account_name and row.checked
    assert (row.state, row.host, done.former) == (ChannelState.ACTIVE, urlsplit(desk.sites[platform].url).netloc, None)
    assert desk.installation.adapters.of(row).check().id == row.account
    assert desk.recorded("channel.connect")[0]["account"] == row.account


def test_of_several_accounts_one_is_chosen_by_its_number(desk: Desk) -> None:
    first_page = desk.sites["facebook"].accounts[0]
    desk.sites["facebook"].accounts.append(replace(first_page, id="104000000000009", name="Damkar", token="other"))

    found = desk.choices(desk.plan("kota", "facebook"))

    assert [choice.name for choice in found] == ["Damkar", "Humas Kota (gladi)"]
    assert connecting.chosen(found, "") is None
    assert connecting.chosen(found, "104000000000009") is found[0]
    with pytest.raises(NotFound, match="no account"):
        connecting.chosen(found, "1")


def test_another_account_than_before_is_said(desk: Desk) -> None:
    desk.connect("kota", "x")
    before = desk.row("kota")
    desk.sites["x"].person = 1

    done = desk.connect("kota")

    assert done.former == "@kotarehearsal"
    assert desk.row("kota").account == SECOND.id
    assert desk.row("kota").version > before.version
    assert desk.recorded("channel.account") == [{"before": SAMPLE.id, "after": SECOND.id}]


def test_the_same_account_again_is_no_other(desk: Desk) -> None:
    desk.connect("kota", "x")

    assert desk.connect("kota").former is None


def _without_refresh(choice: Choice, **changes: Any) -> Choice:
    kept = {name: value for name, value in choice.secrets.items() if not name.startswith("refresh_token")}
    return replace(choice, secrets=kept, **changes)


@pytest.mark.parametrize("nothing", [None, SecretStr("")])
def test_a_refresh_token_is_never_overwritten_with_nothing(desk: Desk, nothing: SecretStr | None) -> None:
    desk.connect("kota", "youtube")
    before = desk.secrets("kota")["refresh_token"]
    plan = desk.plan("kota")
    choice = _without_refresh(desk.choices(plan)[0])
    if nothing is not None:
        choice = replace(choice, secrets={**choice.secrets, "refresh_token": nothing})

    connecting.keep(desk.acting, plan, choice)

    assert desk.secrets("kota")["refresh_token"] == before


def test_a_refresh_token_of_another_account_is_not_taken_over(desk: Desk) -> None:
    desk.connect("kota", "youtube")
    before = desk.row("kota")
    plan = desk.plan("kota")
    other = _without_refresh(desk.choices(plan)[0], id="UCanother")

    with pytest.raises(Unauthorized, match="lasting"):
        connecting.keep(desk.acting, plan, other)

    assert desk.row("kota") == before


def test_a_browser_login_takes_the_place_of_four_strings(desk: Desk) -> None:
    site = desk.sites["x"]
    strings = {
        "consumer_key": site.consumer_key,
        "consumer_secret": site.consumer_secret,
        "access_token": SAMPLE.access_token,
        "access_token_secret": SAMPLE.access_token_secret,
    }
    settings = {"api_url": site.url}
    channels.add(desk.acting, "kota", platform="x", agency="kominfo", settings=settings, secrets=strings)

    desk.connect("kota")

    named = {"access_token", "access_token_ends", "refresh_token", "client_secret"}
    assert desk.secrets("kota").keys() == named
    assert desk.row("kota").settings["client_id"] == site.app_id


def test_nothing_changes_when_the_account_cannot_be_asked(desk: Desk) -> None:
    desk.connect("kota", "x")
    before, plan = desk.row("kota"), desk.plan("kota")
    found = desk.choices(plan)
    desk.sites["x"].script("account", faults.error_before(503))

    with pytest.raises(Unreachable):
        connecting.keep(desk.acting, plan, found[0])

    assert desk.row("kota") == before


def test_an_account_that_answers_as_another_is_not_kept(desk: Desk) -> None:
    plan = desk.plan("kota", "x")
    choice = replace(desk.choices(plan)[0], id="1")

    with pytest.raises(Conflict, match="another account"):
        connecting.keep(desk.acting, plan, choice)

    with pytest.raises(NotFound):
        desk.row("kota")


def test_a_channel_that_was_changed_during_the_login_stays_as_it_was_changed(desk: Desk) -> None:
    desk.connect("kota", "x")
    plan = desk.plan("kota")
    found = desk.choices(plan)
    channels.edit(desk.acting, "kota", settings={"gap": "5"}, secrets={})
    changed = desk.row("kota")

    with pytest.raises(Conflict, match="changed"):
        connecting.keep(desk.acting, plan, found[0])

    assert desk.row("kota") == changed


def test_of_two_people_who_make_the_same_new_channel_one_does(desk: Desk) -> None:
    plans = [desk.plan("kota", "x") for _ in range(2)]
    found = [desk.choices(plan)[0] for plan in plans]
    connecting.keep(desk.acting, plans[0], found[0])

    with pytest.raises(Conflict):
        connecting.keep(desk.acting, plans[1], found[1])


def test_a_channel_whose_login_was_over_publishes_again_and_one_that_a_person_paused_does_not(desk: Desk) -> None:
    desk.connect("kota", "x")
    with desk.installation.database.write() as session:
        row = known(session, "kota", lock=True)
        row.state, row.reason = ChannelState.PAUSED, Unauthorized("The login is over.").reason()
        session.add(row)

    assert desk.connect("kota").resumed
    assert desk.row("kota").state is ChannelState.ACTIVE

    channels.pause(desk.acting, "kota")
    assert not desk.connect("kota").resumed
    assert desk.row("kota").state is ChannelState.PAUSED


def test_the_end_of_data_access_is_noted_and_a_look_at_the_account_does_not_forget_it(desk: Desk) -> None:
    done = desk.connect("kota", "facebook")
    ends = desk.row("kota").token_expires
    assert ends is not None
    assert done.login_ends == ends
    assert timedelta(days=89) < ends - desk.now() <= timedelta(days=90)

    channels.check(desk.acting, "kota")

    assert desk.row("kota").token_expires == ends


def test_only_who_may_look_after_channels_may_connect_one(desk: Desk) -> None:
    person, _ = people.add_person(desk.acting, "budi", "Budi", agency="kominfo", role=Role.APPROVER)

    with pytest.raises(NotAllowed):
        connecting.planned(replace(desk.acting, person=person), "kota", platform="x", agency="kominfo")


def test_what_cannot_be_connected_is_said_before_anybody_logs_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="no channel"):
        desk.plan("nowhere")
    with pytest.raises(NotFound):
        connecting.planned(desk.acting, "kota", platform="x", agency="nobody")
    with pytest.raises(WrongInput, match="no setting"):
        connecting.planned(desk.acting, "kota", platform="x", agency="kominfo", settings={"pages": "1"})
    with pytest.raises(Conflict, match="no browser login"):
        connecting.planned(desk.acting, "kota", platform="mastodon", agency="kominfo")
    with pytest.raises(NotFound, match="app at Threads"):
        connecting.planned(desk.acting, "kota", platform="threads", agency="kominfo")
    with pytest.raises(WrongInput, match="--set"):
        connecting.planned(
            desk.acting, "kota", platform="x", agency="kominfo", settings={"client_secret": "canary-secret"}
        )
    monkeypatch.delenv("CITY_X_SECRET")
    with pytest.raises(WrongInput, match="CITY_X_SECRET"):
        desk.plan("kota", "x")


def test_a_secret_file_that_others_can_read_is_refused(desk: Desk, installation: Installation, config: Config) -> None:
    file = installation.home / "x.secret"
    file.write_text(desk.sites["x"].app_secret + "\n")
    keys = AppKeys(client_id=desk.sites["x"].app_id, secret_file="x.secret", login_url=desk.sites["x"].url)
    other = Installation(installation.home, config.model_copy(update={"apps": Apps(x=keys)}))
    acting = Acting(other, None)
    given = {"platform": "x", "agency": "kominfo", "settings": {"api_url": desk.sites["x"].url}}
    try:
        file.chmod(0o640)
        with pytest.raises(WrongInput, match="Others can read"):
            connecting.planned(acting, "kota", **given)

        file.chmod(0o600)
        assert connecting.planned(acting, "kota", **given).login.app.words == desk.sites["x"].app_secret
    finally:
        other.close()


# Renewal


def ends_soon(desk: Desk) -> None:
    """Move the clock to where a third of the login's time is left."""
    desk.ahead = timedelta(minutes=90)


def test_a_login_is_renewed_and_the_new_pair_is_kept_before_it_is_used(desk: Desk) -> None:
    desk.connect("kota", "x")
    before = desk.secrets("kota")
    assert renew_ending(desk.acting) == ([], {})
    ends_soon(desk)
    desk.sites["x"].script("account", faults.error_before(503))  # the first use of the new token

    assert renew_ending(desk.acting) == (["kota"], {})

    assert renew_ending(desk.acting) == ([], {})
    assert desk.secrets("kota")["refresh_token"] != before["refresh_token"]
    assert desk.sites["x"].spent == {before["refresh_token"]}
    assert desk.row("kota").state is ChannelState.ACTIVE


def test_of_two_that_would_renew_one_does(desk: Desk) -> None:
    desk.connect("kota", "x")
    ends_soon(desk)
    site, found, together = desk.sites["x"], [], threading.Barrier(2)

    def renew() -> None:
        together.wait()
        found.append(renew_ending(desk.acting))

    threads = [threading.Thread(target=renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(renewed for renewed, _ in found) in ([[], ["kota"]], [["kota"], ["kota"]])
    assert [failed for _, failed in found] == [{}, {}]
    assert len(site.spent) == sum(len(renewed) for renewed, _ in found)
    assert desk.installation.adapters.of(desk.row("kota")).check().id == SAMPLE.id


def test_who_comes_while_a_login_is_renewed_leaves_it_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.connect("kota", "x")
    ends_soon(desk)
    inner = []
    real = channels._stored

    def stored(*given: Any) -> bool:
        inner.append(renew_ending(desk.acting))
        return real(*given)

    monkeypatch.setattr(channels, "_stored", stored)

    assert renew_ending(desk.acting) == (["kota"], {})
    assert inner == [([], {})]
    assert len(desk.sites["x"].spent) == 1


def test_a_new_pair_is_kept_also_when_the_database_was_busy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.connect("kota", "x")
    ends_soon(desk)
    real, tries = channels._store, []

    def store(*given: Any) -> bool:
        tries.append(1)
        if len(tries) < 4:
            raise Conflict("The database is busy.")
        return real(*given)

    monkeypatch.setattr(channels, "_store", store)
    monkeypatch.setattr(channels, "_PATIENCE", (0, 0, 0, 0))

    assert renew_ending(desk.acting) == (["kota"], {})


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def died(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A process died after the answer to a renewal, before the new pair was kept."""
    desk.connect("kota", "x")
    ends_soon(desk)

    def dies(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(channels, "_stored", dies)
        patched.setattr("dissem.desk.turns._given_back", lambda *_, **__: None)
        with pytest.raises(Killed):
            renew_ending(desk.acting)
    return desk


def test_after_a_death_in_a_renewal_its_turn_is_over_only_in_time(died: Desk) -> None:
    assert renew_ending(died.acting) == ([], {})

    died.ahead += LEASE + timedelta(seconds=1)

    assert renew_ending(died.acting)[1].keys() == {"kota"}


def test_a_login_lost_by_a_death_is_said_so_and_publishes_as_long_as_its_token_lasts(died: Desk) -> None:
    died.ahead += LEASE + timedelta(seconds=1)

    _, failed = renew_ending(died.acting)

    assert "was lost" in str(failed["kota"])
    assert "connect kota" in failed["kota"].hint
    assert died.row("kota").state is ChannelState.ACTIVE
    assert died.installation.adapters.of(died.row("kota")).check().id == SAMPLE.id

    died.ahead = timedelta(hours=3)
    renew_ending(died.acting)

    row = died.row("kota")
    assert row.state is ChannelState.PAUSED
    assert "was lost" in told(row.reason)


def test_a_new_login_mends_what_a_death_has_lost(died: Desk) -> None:
    died.ahead = timedelta(hours=3)
    renew_ending(died.acting)

    assert died.connect("kota").resumed

    with turn(died.installation.database, channels.renewal("kota"), now=died.now) as mine:
        assert mine is not None
        assert mine.interrupted is None


def test_a_renewal_whose_answer_was_lost_is_told_as_that(desk: Desk) -> None:
    desk.connect("kota", "x")
    ends_soon(desk)
    desk.sites["x"].script("token", faults.drop_after_accepting())
    renew_ending(desk.acting)

    _, failed = renew_ending(desk.acting)

    assert "the line broke" in str(failed["kota"])


def test_a_renewal_does_not_overwrite_a_login_that_was_made_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.connect("kota", "x")
    ends_soon(desk)
    real = channels._stored

    def stored(*given: Any) -> bool:
        desk.connect("kota")
        return real(*given)

    monkeypatch.setattr(channels, "_stored", stored)
    assert renew_ending(desk.acting) == ([], {})

    assert desk.secrets("kota")["refresh_token"] not in desk.sites["x"].spent
    assert desk.installation.adapters.of(desk.row("kota")).renew() is not None


def test_something_is_done_first_only_once_however_many_ask(installation: Installation) -> None:
    at, asked = datetime(2026, 12, 1, tzinfo=UTC), []
    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        asked.append(first(installation.database, "said", of=at, now=at))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(asked) == [False, False, False, True]


# What ends

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_what_ends_within_two_weeks_is_told_soonest_first(installation: Installation) -> None:
    logins = [
        Login("lama", NOW - timedelta(days=1)),
        Login("dekat", NOW + timedelta(days=14)),
        Login("jauh", NOW + timedelta(days=15)),
        Login("selamanya", None),
    ]
    versions = [
        Facts(label="X", text=1, api="2", sunset=date(2026, 11, 30)),
        Facts(label="Y", text=1, api="3", sunset=date(2027, 11, 30)),
        Facts(label="Z", text=1),
    ]

    found = [str(error) for error in ending(logins, versions, now=NOW, zone=installation.zone)]

    assert [line.partition(" ends")[0] for line in found] == [
        "The login of channel lama has ended.",
        "X",
        "The login of channel dekat",
    ]


def test_an_end_is_written_into_the_log_at_fourteen_seven_and_one_days_once_each(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.connect("dinas", "linkedin", wanted=desk.sites["linkedin"].accounts[0].id)
    ends = desk.row("dinas").token_expires
    assert ends is not None
    caplog.set_level(logging.WARNING)
    said = []
    for days in (20, 14, 13, 8, 7, 6.5, 2, 1, 0.5):
        said += [days] * warn(desk.installation, now=ends - timedelta(days=days))

    assert said == [14, 7, 1]
    assert caplog.text.count("login of channel dinas ends") == 3


def test_the_job_renews_what_it_can_and_warns_of_the_rest(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.connect("kota", "x")
    desk.connect("dinas", "linkedin", wanted=desk.sites["linkedin"].accounts[0].id)
    caplog.set_level(logging.WARNING)
    now = desk.now() + timedelta(days=55)

    detail = tokens_renew(desk.installation, Options(), now=now, planned=now)

    assert detail == {"renewed": ["kota"]}
    assert "login of channel dinas ends" in caplog.text


def test_a_login_that_is_renewed_is_no_warning(desk: Desk) -> None:
    desk.connect("kota", "x")

    assert warn(desk.installation, now=desk.now() + timedelta(hours=1)) == 0


def test_the_end_of_what_renews_a_login_is_a_warning(desk: Desk) -> None:
    desk.sites["linkedin"].partner = True
    desk.connect("dinas", "linkedin", wanted=desk.sites["linkedin"].accounts[0].id)

    assert warn(desk.installation, now=desk.now() + timedelta(days=55)) == 0
    assert warn(desk.installation, now=desk.now() + timedelta(days=352)) == 1


# Settings of the apps


def test_a_wrong_key_of_an_app_is_named_with_what_comes_closest(tmp_path: Any) -> None:
    file = tmp_path / "config.toml"

    file.write_text('[apps.x]\nclient_idd = "canary"\n')
    with pytest.raises(WrongInput, match=r"apps\.x\.client_idd") as error:
        load(file, {})
    assert "client_id?" in error.value.hint
    assert "canary" not in f"{error.value} {error.value.hint}"

    file.write_text("[apps.x]\nclient_id = 5\n")
    with pytest.raises(WrongInput, match=r"apps\.x\.client_id") as error:
        load(file, {})
    assert "id of the app" in error.value.hint

    file.write_text('[apps.facebok]\nclient_id = "5"\n')
    with pytest.raises(WrongInput) as error:
        load(file, {})
    assert "facebook" in error.value.hint


# The command


@dataclass(frozen=True)
class Printed:
    status: int
    out: str
    err: str


Run = Callable[..., Printed]


@pytest.fixture
def run(
    desk: Desk, config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """run(*arguments) → the command as an admin, in English, on a machine whose browser does what it is told."""
    home = desk.installation.home
    known = {name: getattr(config.apps, name).model_dump() for name in config.apps.known()}
    tables = "".join(
        f"[apps.{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items() if value)
        for name, keys in known.items()
    )
    (home / "config.toml").write_text(f'[network]\nallow_hosts = ["127.0.0.1"]\n{tables}')
    _, token = people.add_person(desk.acting, "siti", "Siti", agency=None, role=Role.ADMIN)
    for variable, value in {"DISSEM_HOME": str(home), "DISSEM_LANG": "en", "DISSEM_TOKEN": token}.items():
        monkeypatch.setenv(variable, value)
    browsers = []

    def opens(address: str) -> None:
        def browse() -> None:
            request("GET", sent_back(address))

        browsers.append(threading.Thread(target=browse))
        browsers[-1].start()

    monkeypatch.setattr("dissem.cli.connect._open", opens)

    def command(*arguments: str, stdin: str = "") -> Printed:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = main(arguments)
        printed = capsys.readouterr()
        return Printed(status, printed.out, printed.err)

    yield command
    for browser in browsers:
        browser.join(5)


def new(desk: Desk, platform: str) -> list[str]:
    hosts = [f"{name}={value}" for name, value in desk.hosts(platform).items()]
    given = [part for host in hosts for part in ("--set", host)]
    return ["channel", "connect", "kota", "--platform", platform, "--agency", "kominfo", *given]


@ON_SQLITE
@pytest.mark.parametrize("platform", ["facebook", "x", "youtube"])
def test_one_command_and_one_login_make_a_channel(run: Run, desk: Desk, platform: str) -> None:
    answer = run(*new(desk, platform), "--json")

    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out)["account"] == desk.sites[platform].accounts[0].id


@ON_SQLITE
def test_several_accounts_are_listed_for_programs_and_one_is_chosen_the_next_time(run: Run, desk: Desk) -> None:
    page = desk.sites["facebook"].accounts[0]
    desk.sites["facebook"].accounts.append(replace(page, id="104000000000009", name="Damkar", token="other"))

    answer = run(*new(desk, "facebook"), "--json")

    assert answer.status == 1
    assert [one["id"] for one in json.loads(answer.out)] == ["104000000000009", page.id]
    assert "--choose" in json.loads(answer.err)["hint"]
    assert json.loads(run(*new(desk, "facebook"), "--choose", page.id, "--json").out)["account"] == page.id


@ON_SQLITE
def test_another_account_is_said_to_people_and_programs(run: Run, desk: Desk) -> None:
    run(*new(desk, "x"))
    desk.sites["x"].person = 1

    answer = run("channel", "connect", "kota")
    assert "connected to another account: it was @kotarehearsal, it is @dishub" in answer.err

    desk.sites["x"].person = 0
    assert json.loads(run("channel", "connect", "kota", "--json").out)["former_account"] == "@dishub"


@ON_SQLITE
def test_without_a_browser_the_whole_address_is_pasted(run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def opens(address: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(sent_back(address) + "\n"))

    monkeypatch.setattr("dissem.cli.connect._open", opens)

    assert run(*new(desk, "x"), "--paste").status == 0
    assert desk.row("kota").account == SAMPLE.id


@ON_SQLITE
def test_what_is_pasted_of_another_login_is_refused(run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dissem.cli.connect._open", SHOWN)

    answer = run(*new(desk, "x"), "--paste", stdin=f"{REDIRECT}?state=other&code=canary-code\n")

    assert (answer.status, "canary" in answer.err + answer.out) == (2, False)


@ON_SQLITE
def test_the_address_to_open_is_shown_on_standard_error_to_people_and_programs(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dissem.cli.connect._open", SHOWN)

    people_read = run(*new(desk, "x"), "--paste")
    programs_read = run(*new(desk, "x"), "--paste", "--json")

    assert f"{desk.sites['x'].url}/i/oauth2/authorize?response_type=code" in people_read.err
    assert json.loads(programs_read.err.splitlines()[0])["open"].startswith(desk.sites["x"].url)
    assert (people_read.status, people_read.out, programs_read.out) == (2, "", "")


@ON_SQLITE
def test_a_redirect_address_elsewhere_needs_pasting(run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    file = desk.installation.home / "config.toml"
    elsewhere = "https://kota.example/masuk/"
    file.write_text(file.read_text().replace("[apps.x]\n", f'[apps.x]\nredirect_url = "{elsewhere}"\n'))

    answer = run(*new(desk, "x"))
    assert (answer.status, "--paste" in answer.err) == (2, True)

    desk.sites["x"].redirects = [elsewhere]
    monkeypatch.setattr(
        "dissem.cli.connect._open", lambda url: monkeypatch.setattr("sys.stdin", io.StringIO(sent_back(url)))
    )
    assert run(*new(desk, "x"), "--paste").status == 0


@ON_SQLITE
def test_no_output_log_or_record_shows_a_secret(run: Run, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    printed = [run(*new(desk, "x")), run("channel", "connect", "kota", "--json"), run("channel", "list", "--json")]
    desk.sites["x"].unticked = {"media.write"}
    printed.append(run("channel", "connect", "kota"))
    desk.sites["x"].declines = True
    printed.append(run("channel", "connect", "kota"))
    ends_soon(desk)
    renew_ending(desk.acting)

    with desk.installation.database.read() as session:
        recorded = [f"{row.object} {row.detail}" for row in session.exec(select(AuditEntry))]
    shown = "\n".join([*(one.out + one.err for one in printed), caplog.text, *recorded])
    shown += "".join(str(record.__dict__) for record in caplog.records)

    site = desk.sites["x"]
    secrets = {*site.logins, *site.spent, *site._refresh, *site._codes, site.app_secret}
    secrets |= {value for name, value in desk.secrets("kota").items() if not name.endswith("_ends")}
    assert len(secrets) > 6
    assert [secret for secret in secrets if secret in shown] == []
    assert [one.status for one in printed] == [0, 0, 0, 1, 1]
