"""Followers once a local day, whatever fails in between."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from noticeboard import Noticeboard
from sqlmodel import select
from town import START, Town

from dissem.channels.errors import Unauthorized
from dissem.engagement.followers import count_followers
from dissem.errors import told
from dissem.models import AccountDay
from dissem.store.installation import Installation

HOUR = timedelta(hours=1)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[str]]:
    """says(answer) lets every board tell that many, or raise it; the list holds who was asked."""
    asked: list[str] = []

    def tell(answer: object) -> list[str]:
        def followers(board: Noticeboard) -> object:
            asked.append(board.account)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Noticeboard, "followers", followers)
        return asked

    return tell


def kept(installation: Installation) -> list[tuple[date, int]]:
    with installation.database.read() as session:
        return [(row.day, row.followers) for row in session.exec(select(AccountDay).order_by(AccountDay.day)).all()]


def test_followers_are_read_once_a_day_of_the_offices_zone(
    installation: Installation, hall: Town, says: Callable[[object], list[str]]
) -> None:
    hall.channel()
    asked = says(120)
    evening = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)  # 23.30 in Jakarta

    first = count_followers(installation, now=evening)
    again = count_followers(installation, now=evening + HOUR / 4)
    says(125)
    tomorrow = count_followers(installation, now=evening + HOUR)

    assert (first.read, again.read, tomorrow.read, len(asked)) == (1, 0, 1, 2)
    assert kept(installation) == [(date(2026, 11, 24), 120), (date(2026, 11, 25), 125)]


def test_an_account_that_cannot_be_read_is_told_and_tried_again_and_the_others_are_read(
    installation: Installation, hall: Town, says: Callable[[object], list[str]]
) -> None:
    hall.channel()
    says(Unauthorized("The login ended."))

    failed = count_followers(installation, now=START)
    says(120)
    later = count_followers(installation, now=START + HOUR)

    assert told(failed.reasons["board"]) == "The login ended."
    assert (failed.read, later.read) == (0, 1)


def test_what_the_platform_does_not_tell_is_no_row_and_not_nought(
    installation: Installation, hall: Town, says: Callable[[object], list[str]]
) -> None:
    hall.channel()
    says(None)

    assert count_followers(installation, now=START).read == 0
    assert kept(installation) == []


def test_an_account_that_tells_nothing_is_not_asked(installation: Installation, hall: Town) -> None:
    hall.channel()

    assert count_followers(installation, now=START).reasons == {}
    assert kept(installation) == []
