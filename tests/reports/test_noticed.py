"""What the ledger noticed stands in the report: vanished and foreign posts, channels nobody can read, followers."""

from datetime import date
from typing import Any

import pytest
from counted import DAY, HOUR, JAKARTA, MONDAY, NEXT_MONDAY, Town

from dissem.errors import DissemError
from dissem.models import AccountDay, EngagementDay, ForeignPost, Reading
from dissem.reports import periods
from dissem.reports.figures import Report
from dissem.reports.noticed import Noticed
from dissem.reports.page import notes, page
from dissem.reports.weekly import reported
from dissem.store.installation import Installation

FIRST = date(2026, 11, 23)


@pytest.fixture
def town(installation: Installation) -> Town:
    town = Town(installation)
    for code in ("kominfo", "dishub"):
        town.agency(code)
    return town


def report_of(installation: Installation, **said: Any) -> Report:
    period = periods.week("2026-W48", now=NEXT_MONDAY, zone=JAKARTA)
    with installation.database.read() as session:
        return reported(session, period, zone=JAKARTA, office="Kota Padang", printed=date(2026, 11, 30), **said)


def noticed(installation: Installation, **said: Any) -> Noticed:
    return report_of(installation, **said).noticed


def test_a_quiet_week_has_nothing_to_notice_and_says_so(installation: Installation, town: Town) -> None:
    report = report_of(installation)

    assert report.noticed == Noticed()
    section = next(one for one in page(report).sections if one.key == "attention")
    assert [table.empty for table in section.blocks if table.rows == ()] == [  # type: ignore[union-attr]
        "Every post on our accounts was made by dissem.",
        "No post vanished.",
        "Every channel could be read.",
    ]


def test_posts_that_vanished_in_the_week_are_told_and_those_of_other_weeks_are_not(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("board")
    for gone in (MONDAY - HOUR, MONDAY, NEXT_MONDAY - HOUR, NEXT_MONDAY):
        town.published(channel, MONDAY - 2 * DAY, gone=gone, url="https://board.example/1")

    found = noticed(installation).vanished

    assert [one.gone for one in found] == [MONDAY, NEXT_MONDAY - HOUR]
    assert (found[0].channel, found[0].title, found[0].url) == ("board", "Banjir surut", "https://board.example/1")


def test_posts_that_are_not_ours_are_told_until_a_person_says_that_they_are(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("board")
    for number, known in enumerate((None, MONDAY)):
        town.keep(
            ForeignPost(
                channel_id=channel.id or 0,
                account="a",
                remote_id=str(number),
                at=MONDAY + HOUR,
                text="Slot",
                seen=MONDAY + 2 * HOUR,
                known=known,
            )
        )

    report = report_of(installation)

    assert [(one.channel, one.text) for one in report.noticed.foreign] == [("board", "Slot")]
    assert "Posts on our accounts that dissem did not make: 1 (board). Make sure that they are ours." in notes(report)


def test_channels_that_cannot_be_read_are_told_with_the_reason(installation: Installation, town: Town) -> None:
    reason = DissemError("The login was refused.").reason()
    for name, failing in (("a", MONDAY), ("b", None), ("c", NEXT_MONDAY)):
        channel = town.channel(name)
        town.keep(Reading(channel_id=channel.id or 0, failing=failing, reason=reason if failing else None))

    report = report_of(installation)

    assert [(one.channel, one.reason) for one in report.noticed.failing] == [("a", reason)]
    assert "Channels whose figures cannot be read: 1 (a). What they gained is missing." in notes(report)


def test_figures_that_were_not_told_are_counted_by_platform_and_reason(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    missing = ({"reach": "few"}, {"reach": "few", "clicks": "aged"}, None)
    for hours, why in enumerate(missing, start=1):
        post = town.published(channel, MONDAY)
        for again in (0, 1):
            town.sample(post, MONDAY + (hours + 3 * again) * HOUR, views=5)
        with installation.database.write() as session:
            for sample in town.samples():
                if sample.publication_id == post.id:
                    sample.missing = why
                    session.merge(sample)

    found = noticed(installation).untold

    assert [(one.platform, one.count, one.why, one.posts, one.channels) for one in found] == [
        ("board", "reach", "few", 2, 1),
        ("board", "clicks", "aged", 1, 1),
    ]


def test_followers_are_compared_with_the_last_reading_before_the_week(installation: Installation, town: Town) -> None:
    old, new, quiet = (town.channel(name) for name in ("old", "new", "quiet"))
    days = [(old, -9, 90), (old, -2, 100), (old, 1, 104), (old, 6, 97), (old, 7, 500), (new, 3, 7), (quiet, -1, 5)]
    for channel, day, followers in days:
        town.keep(
            AccountDay(
                channel_id=channel.id or 0,
                day=date.fromordinal(FIRST.toordinal() + day),
                at=MONDAY,
                followers=followers,
            )
        )

    found = noticed(installation).followers

    assert [(one.channel, one.followers, one.before, one.change) for one in found] == [
        ("old", 97, 100, -3),
        ("new", 7, None, None),
    ]


def test_a_week_whose_readings_were_thrown_away_says_that_its_figures_are_the_daily_sums(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("board")
    town.keep(EngagementDay(day=FIRST, channel_id=channel.id or 0, kind="photo", samples=1, views=3, closed=True))

    said = notes(report_of(installation))

    assert (
        "Single readings up to 23 November 2026 are no longer kept; the figures of those days are the daily sums."
        in said
    )


def test_an_agency_is_told_of_its_own_channels_and_releases_only(installation: Installation, town: Town) -> None:
    ours, theirs = town.channel("ours", "kominfo"), town.channel("theirs", "dishub")
    guest = town.release("Tamu", "kominfo")
    for channel, release in ((ours, None), (theirs, guest), (theirs, town.release("Lain", "dishub"))):
        town.published(channel, MONDAY - DAY, release, gone=MONDAY)
    for channel in (ours, theirs):
        town.keep(AccountDay(channel_id=channel.id or 0, day=FIRST, at=MONDAY, followers=5))
        town.keep(Reading(channel_id=channel.id or 0, failing=MONDAY))

    found = noticed(installation, agency="kominfo")

    assert sorted(one.channel for one in found.vanished) == ["ours", "theirs"]
    assert [one.channel for one in found.followers] == ["ours"]
    assert [one.channel for one in found.failing] == ["ours"]
