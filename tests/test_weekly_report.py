"""The figures of the weekly report, each worked out a second time the slow way."""

import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from sqlmodel import col, select
from test_engagement import DAY, HOUR, JAKARTA, MONDAY, NEXT_MONDAY, Board, Boards, Town, history

from dissem.channels.adapter import COUNTS
from dissem.clock import week_bounds
from dissem.engagement import rollup
from dissem.models import (
    Agency,
    Channel,
    ChannelState,
    Delivery,
    Engagement,
    EngagementDay,
    Held,
    Kind,
    Publication,
    Release,
    State,
)
from dissem.reports.weekly import Tally, WeeklyReport, weekly
from dissem.store.installation import Installation


@pytest.fixture
def town(installation: Installation) -> Town:
    town = Town(installation)
    town.agency("kominfo", "Dinas Kominfo")
    return town


@pytest.fixture
def boards(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> dict[str, Board]:
    adapters = Boards()
    monkeypatch.setitem(installation.__dict__, "adapters", adapters)
    return adapters.boards


def report_of(installation: Installation, week: str = "2026-W48", now: datetime = NEXT_MONDAY + DAY) -> WeeklyReport:
    label, start, end = week_bounds(week, now=now, zone=JAKARTA)
    with installation.database.read() as session:
        return weekly(session, week=label, start=start, end=end, zone=JAKARTA, now=now, office_name="Kota Padang")


def rolled_up(installation: Installation) -> None:
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)


def gained(row: Tally, name: str = "views") -> int | None:
    return row.gained[name]


# One figure at a time


def test_an_empty_week_has_no_figures_and_everybody_is_silent(installation: Installation, town: Town) -> None:
    town.channel("site")

    report = report_of(installation)

    assert (report.totals.published, report.totals.measured, gained(report.totals)) == (0, 0, None)
    assert (report.punctuality.median, report.punctuality.worst) == (None, None)
    assert (report.channels, report.agencies, report.releases) == ((), (), ())
    assert [one.agency for one in report.silent.agencies] == ["kominfo"]
    assert [one.channel for one in report.silent.channels] == ["site"]


def test_deliveries_belong_to_the_week_they_were_published_in(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    moments = (MONDAY - timedelta(microseconds=1), MONDAY, NEXT_MONDAY - timedelta(microseconds=1), NEXT_MONDAY)
    before, first, last, after = (town.published(channel, moment) for moment in moments)

    report = report_of(installation)

    assert (report.totals.published, report.totals.releases) == (2, 2)
    assert [row.release for row in report.releases] == [first.delivery_id, last.delivery_id]
    assert {before.delivery_id, after.delivery_id}.isdisjoint(row.release for row in report.releases)


def test_gained_is_the_last_value_by_the_end_minus_the_last_by_the_beginning(
    installation: Installation, town: Town
) -> None:
    publication = town.published(town.channel("board"), MONDAY - 2 * DAY)
    town.sample(publication, MONDAY - DAY, views=40)
    town.sample(publication, MONDAY, MONDAY + HOUR, views=50)  # the end of the week before
    town.sample(publication, MONDAY + DAY, views=70)
    town.sample(publication, NEXT_MONDAY, NEXT_MONDAY + 2 * HOUR, views=90)
    town.sample(publication, NEXT_MONDAY + DAY, views=200)
    rolled_up(installation)

    weeks = [report_of(installation, week, NEXT_MONDAY + 7 * DAY) for week in ("2026-W47", "2026-W48", "2026-W49")]

    assert [gained(week.totals) for week in weeks] == [50, 40, 110]
    assert [(week.differs, week.totals.late) for week in weeks] == [(0, 0)] * 3


def test_a_late_reading_counts_for_the_week_it_was_taken_in_and_is_marked(
    installation: Installation, town: Town
) -> None:
    publication = town.published(town.channel("board"), MONDAY + DAY)
    town.sample(publication, MONDAY + 2 * DAY, views=10)
    town.sample(publication, NEXT_MONDAY, NEXT_MONDAY + 2 * HOUR + timedelta(microseconds=1), views=90)
    rolled_up(installation)

    ended, following = (report_of(installation, week, NEXT_MONDAY + 7 * DAY) for week in ("2026-W48", "2026-W49"))

    assert (gained(ended.totals), ended.totals.late, ended.unread) == (10, 0, 1)
    assert (gained(following.totals), following.totals.late) == (80, 1)
    assert (ended.differs, following.differs) == (0, 0)


def test_a_missing_figure_is_unavailable_and_sums_say_for_how_many_it_was_there(
    installation: Installation, town: Town
) -> None:
    site, board = town.channel("site"), town.channel("board")
    release = town.release()
    for channel, counts in ((site, {"likes": 0}), (board, {"views": 5, "likes": 2})):
        town.sample(town.published(channel, MONDAY, release), MONDAY + HOUR, **counts)
    rolled_up(installation)

    report = report_of(installation)

    assert [gained(row) for row in report.channels] == [5, None]
    assert (gained(report.totals), report.totals.available["views"], report.totals.measured) == (5, 1, 2)
    assert (gained(report.totals, "likes"), report.totals.available["likes"]) == (2, 2)
    assert (gained(report.totals, "shares"), report.totals.available["shares"]) == (None, 0)


def test_a_counter_that_fell_is_a_negative_gain_and_marked(installation: Installation, town: Town) -> None:
    publication = town.published(town.channel("board"), MONDAY - 2 * DAY)
    town.sample(publication, MONDAY - DAY, views=40)
    town.sample(publication, MONDAY + DAY, views=25)
    rolled_up(installation)

    report = report_of(installation)

    assert (gained(report.totals), report.totals.fallen) == (-15, 1)


def test_the_parts_of_a_thread_are_one_delivery_whose_counts_add_up(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    first = town.published(channel, MONDAY, url="https://board.example/1")
    with installation.database.read() as session:
        delivery = session.get_one(Delivery, first.delivery_id)
    second = town.publication(delivery, MONDAY + HOUR, url="https://board.example/2")
    for part in (first, second):
        town.sample(part, MONDAY + 2 * HOUR, views=3)
    rolled_up(installation)

    (row,) = report_of(installation).releases

    assert (row.published, row.measured, gained(row)) == (1, 2, 6)
    assert [link.url for link in row.links] == ["https://board.example/1", "https://board.example/2"]


def test_an_older_release_that_was_read_follows_those_of_the_week(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    old, new = town.published(channel, MONDAY - DAY), town.published(channel, MONDAY)
    for publication in (old, new):
        town.sample(publication, MONDAY + DAY, views=1)
    rolled_up(installation)

    report = report_of(installation)

    assert [(row.release, row.published) for row in report.releases] == [(new.delivery_id, 1), (old.delivery_id, 0)]


def test_failures_and_what_waits_for_a_person_are_listed_with_their_reason(
    installation: Installation, town: Town
) -> None:
    reason = {"text": "The picture is too large.", "hint": "", "values": {}}
    channels = [town.channel(name) for name in ("a", "b", "c", "d", "e", "f", "g")]
    release = town.release("Banjir")
    in_week, earlier, later = MONDAY + DAY, MONDAY - DAY, NEXT_MONDAY
    town.delivery(release, channels[0], state=State.REFUSED, since=in_week, reason=reason)
    town.delivery(release, channels[1], state=State.MISSED, since=earlier)
    town.delivery(release, channels[2], state=State.MISSED, since=in_week + HOUR)
    town.delivery(release, channels[3], state=State.CANCELLED, since=in_week)
    town.held(release, channels[4], Held.UNKNOWN, since=earlier)
    town.delivery(release, channels[5], state=State.UNKNOWN, since=in_week)
    town.held(release, channels[6], Held.TWICE, since=later)

    report = report_of(installation)

    assert [(one.channel, one.state, one.reason) for one in report.failures] == [
        ("a", "refused", reason),
        ("c", "missed", None),
    ]
    assert [(one.channel, one.state, one.held) for one in report.holds] == [
        ("e", "held", "unknown"),
        ("f", "unknown", None),
    ]
    assert (report.totals.cancelled, report.failures[0].title) == (1, "Banjir")


def test_punctuality_is_measured_from_due_to_published(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    for seconds in (2, 30, 400):
        published = MONDAY + HOUR + timedelta(seconds=seconds)
        worst = town.delivery(town.release(), channel, state=State.PUBLISHED, due=MONDAY + HOUR, published=published)

    report = report_of(installation)

    assert (report.punctuality.deliveries, report.punctuality.median, report.punctuality.worst) == (3, 30.0, 400.0)
    assert report.punctuality.worst_delivery == worst.id


def test_an_agency_heard_on_anothers_channel_is_not_silent(installation: Installation, town: Town) -> None:
    for code in ("bpbd", "dinkes"):
        town.agency(code)
    city = town.channel("city")
    town.channel("bpbd-site", "bpbd", state=ChannelState.PAUSED)
    town.channel("not yet", "bpbd", created=NEXT_MONDAY)
    town.published(city, MONDAY, town.release(agency="bpbd"))

    report = report_of(installation)

    assert [one.agency for one in report.silent.agencies] == ["dinkes"]
    assert [(one.channel, one.paused) for one in report.silent.channels] == [("bpbd-site", True)]
    assert [(row.agency, row.published, row.releases) for row in report.agencies] == [
        ("bpbd", 0, 1),
        ("kominfo", 1, 0),
    ]


def test_a_roll_up_that_is_not_what_the_samples_say_is_told_and_the_samples_count(
    installation: Installation, town: Town
) -> None:
    town.sample(town.published(town.channel("board"), MONDAY), MONDAY + HOUR, views=5)
    rolled_up(installation)
    with installation.database.write() as session:
        session.exec(select(EngagementDay)).one().views = 6

    report = report_of(installation)

    assert (report.differs, gained(report.totals)) == (1, 5)


def test_only_what_could_have_been_read_at_the_weeks_end_is_unread(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    unread, read, old, gone, never = (
        town.published(channel, published, **said)
        for published, said in (
            (MONDAY, {}),
            (MONDAY, {}),
            (NEXT_MONDAY - 30 * DAY, {}),
            (MONDAY, {"gone": MONDAY + 2 * DAY}),
            (NEXT_MONDAY - HOUR / 2, {}),
        )
    )
    for publication in (unread, read, old, gone):
        town.sample(publication, MONDAY + DAY, views=1)
    town.sample(read, NEXT_MONDAY, views=1)

    ended, running = report_of(installation), report_of(installation, now=NEXT_MONDAY - HOUR)

    assert never.published is not None
    assert (ended.unread, ended.over) == (1, True)
    assert (running.unread, running.over) == (0, False)


# Every cell, worked out the slow way

World = tuple[list[Agency], list[Channel], list[Release], list[Delivery], list[Publication], list[Engagement]]


def everything(installation: Installation) -> World:
    with installation.database.read() as session:
        tables = (Agency, Channel, Release, Delivery, Publication, Engagement)
        return tuple(list(session.exec(select(table)).all()) for table in tables)  # type: ignore[return-value]


def last_known(samples: Iterable[Engagement], name: str, by: datetime) -> int | None:
    """The newest value of the samples that count by *by*."""
    counting = [s for s in samples if (s.planned if s.at <= s.planned + 2 * HOUR else s.at) <= by]
    values = [getattr(s, name) for s in sorted(counting, key=lambda s: s.at)]
    return next((value for value in reversed(values) if value is not None), None)


def tally_by_hand(
    world: World, start: datetime, end: datetime, wanted: Callable[[Delivery, Release, Channel], bool]
) -> dict[str, Any]:
    _agencies, channels, releases, deliveries, publications, samples = world
    channel_of, release_of = {c.id: c for c in channels}, {r.id: r for r in releases}
    chosen = [d for d in deliveries if wanted(d, release_of[d.release_id], channel_of[d.channel_id])]
    row: dict[str, Any] = {
        "published": sum(d.published is not None and start <= d.published < end for d in chosen),
        "measured": 0,
        "late": 0,
        "fallen": 0,
        "gained": dict.fromkeys(COUNTS),
        "available": dict.fromkeys(COUNTS, 0),
    }
    for publication in (p for p in publications if p.delivery_id in {d.id for d in chosen}):
        own = [s for s in samples if s.publication_id == publication.id]
        late = [s.at > s.planned + 2 * HOUR for s in own]
        moments = [s.at if is_late else s.planned for s, is_late in zip(own, late, strict=True)]
        within = [start < moment <= end for moment in moments]
        if not any(within):
            continue
        row["measured"] += 1
        row["late"] += any(a and b for a, b in zip(within, late, strict=True))
        fell = False
        for name in COUNTS:
            spoken = [s for s, inside in zip(own, within, strict=True) if inside and getattr(s, name) is not None]
            if spoken:
                gain = (last_known(own, name, end) or 0) - (last_known(own, name, start) or 0)
                row["gained"][name] = (row["gained"][name] or 0) + gain
                row["available"][name] += 1
                fell = fell or gain < 0
        row["fallen"] += fell
    return row


def cells(row: Tally) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("published", "measured", "late", "fallen", "gained", "available")}


def compare(installation: Installation, report: WeeklyReport) -> None:
    world = everything(installation)
    agencies, channels, releases, deliveries, *_ = world
    start, end = report.start, report.end

    def by_hand(wanted: Callable[[Delivery, Release, Channel], bool]) -> dict[str, Any]:
        return tally_by_hand(world, start, end, wanted)

    assert cells(report.totals) == by_hand(lambda d, r, c: True)
    for channel in report.channels:
        assert cells(channel) == by_hand(lambda d, r, c, name=channel.channel: c.name == name)  # type: ignore[misc]
    for agency in report.agencies:
        assert cells(agency) == by_hand(lambda d, r, c, code=agency.agency: c.agency == code)  # type: ignore[misc]
    for kind in report.kinds:
        assert cells(kind) == by_hand(lambda d, r, c, kind=kind.kind: r.kind == kind)  # type: ignore[misc]
    for release in report.releases:
        assert cells(release) == by_hand(lambda d, r, c, number=release.release: r.id == number)  # type: ignore[misc]
    sent = [d for d in deliveries if d.published and start <= d.published < end]
    spoke = {d.channel_id for d in sent}
    assert {one.channel for one in report.silent.channels} == {c.name for c in channels if c.id not in spoke}
    owners = {r.id: r.agency for r in releases}
    heard = {owners[d.release_id] for d in sent} | {c.agency for c in channels if c.id in spoke}
    assert {one.agency for one in report.silent.agencies} == {a.code for a in agencies} - heard
    delays = [(d.published - d.due).total_seconds() for d in sent if d.published]
    assert report.punctuality.median == (median(delays) if delays else None)
    assert report.punctuality.worst == max(delays, default=None)
    for rows in (report.channels, report.agencies, report.kinds, report.releases):
        assert sum(row.measured for row in rows) == report.totals.measured
        assert sum(row.published for row in rows) == report.totals.published


@pytest.mark.parametrize("seed", [3, 4])
def test_every_cell_of_every_week_equals_a_straightforward_recomputation(
    installation: Installation, town: Town, boards: dict[str, Board], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret is made of it
    history(town, installation, boards, dice)
    with installation.database.write() as session:
        for delivery in session.exec(select(Delivery).order_by(col(Delivery.id))):
            delivery.due -= timedelta(seconds=dice.randrange(900))

    reports = [report_of(installation, f"2026-W{week}", MONDAY + 60 * DAY) for week in range(48, 54)]

    for report in reports:
        compare(installation, report)
        assert report.differs == 0
    assert sum(report.totals.late for report in reports) > 0
    assert sum(report.totals.fallen for report in reports) > 0
    assert {kind.kind for report in reports for kind in report.kinds} == {kind.value for kind in Kind}
    assert any(report.unread for report in reports)
