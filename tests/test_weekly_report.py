"""The figures of the report, one rule at a time; all of them together are compared in tests/reports."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from counted import DAY, HOUR, JAKARTA, MONDAY, NEXT_MONDAY, Town
from sqlmodel import select

from dissem.clock import local_day
from dissem.engagement import rollup
from dissem.engagement.keeping import tidy
from dissem.errors import WrongInput
from dissem.models import ChannelState, Delivery, EngagementPeriod, Held, State
from dissem.reports import figures, periods
from dissem.reports.figures import Past, Readings, Report, Tally
from dissem.reports.weekly import reported
from dissem.store.installation import Installation


@pytest.fixture
def town(installation: Installation) -> Town:
    town = Town(installation)
    town.agency("kominfo", "Dinas Kominfo")
    return town


def report_of(
    installation: Installation, week: str = "2026-W48", now: datetime = NEXT_MONDAY + DAY, **said: Any
) -> Report:
    period = periods.week(week, now=now, zone=JAKARTA)
    known = {"zone": JAKARTA, "office": "Kota Padang", "printed": local_day(now, JAKARTA)}
    with installation.database.read() as session:
        return reported(session, period, **{**known, **said})


def readings_of(report: Report) -> Readings:
    assert report.readings is not None
    return report.readings


def rolled_up(installation: Installation) -> None:
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)


def gained(row: Tally, name: str = "views") -> int | None:
    return row.gained[name]


# One figure at a time


def test_an_empty_week_has_no_figures_and_everybody_is_silent(installation: Installation, town: Town) -> None:
    town.channel("site")

    report = report_of(installation)

    assert (report.totals.published, report.totals.readings, gained(report.totals)) == (0, 0, None)
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
    assert {row.release for row in report.releases} == {first.delivery_id, last.delivery_id}
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
    assert [(readings_of(week).differs, readings_of(week).late) for week in weeks] == [(0, 0)] * 3


def test_a_late_reading_counts_for_the_week_it_was_taken_in_and_is_marked(
    installation: Installation, town: Town
) -> None:
    publication = town.published(town.channel("board"), MONDAY + DAY)
    town.sample(publication, MONDAY + 2 * DAY, views=10)
    town.sample(publication, NEXT_MONDAY, NEXT_MONDAY + 2 * HOUR + timedelta(microseconds=1), views=90)
    rolled_up(installation)

    ended, following = (report_of(installation, week, NEXT_MONDAY + 7 * DAY) for week in ("2026-W48", "2026-W49"))

    assert (gained(ended.totals), readings_of(ended).late, readings_of(ended).unread) == (10, 0, 1)
    assert (gained(following.totals), readings_of(following).late) == (80, 1)
    assert (readings_of(ended).differs, readings_of(following).differs) == (0, 0)


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
    assert (gained(report.totals), report.totals.available["views"], report.totals.read) == (5, 1, 2)
    assert (gained(report.totals, "likes"), report.totals.available["likes"]) == (2, 2)
    assert (gained(report.totals, "shares"), report.totals.available["shares"]) == (None, 0)


def test_a_counter_that_fell_is_a_negative_gain_and_marked(installation: Installation, town: Town) -> None:
    publication = town.published(town.channel("board"), MONDAY - 2 * DAY)
    town.sample(publication, MONDAY - DAY, views=40)
    town.sample(publication, MONDAY + DAY, views=25)
    rolled_up(installation)

    report = report_of(installation)

    assert (gained(report.totals), readings_of(report).fallen) == (-15, 1)


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

    assert (row.published, row.gained["views"]) == (1, 6)
    assert [link.url for link in row.links] == ["https://board.example/1", "https://board.example/2"]


def test_an_older_release_that_was_read_is_told_with_what_it_gained(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    old, new = town.published(channel, MONDAY - DAY), town.published(channel, MONDAY)
    for publication in (old, new):
        town.sample(publication, MONDAY + DAY, views=1)
    rolled_up(installation)

    report = report_of(installation)

    assert [row.release for row in report.releases] == [new.delivery_id]
    assert [(row.release, row.gained["views"]) for row in readings_of(report).older] == [(old.delivery_id, 1)]


def test_the_best_release_is_the_one_with_most_interactions(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    quiet, seen, liked = (town.published(channel, MONDAY + n * HOUR) for n in range(3))
    town.sample(seen, MONDAY + DAY, views=900, likes=1)
    town.sample(liked, MONDAY + DAY, views=50, likes=2, comments=3)
    rolled_up(installation)

    report = report_of(installation)

    assert [row.release for row in report.releases] == [liked.delivery_id, seen.delivery_id, quiet.delivery_id]
    assert (report.releases[0].interactions, report.releases[0].rate) == (5, 0.1)
    assert (report.releases[2].interactions, report.releases[2].rate) == (None, None)


def test_a_figure_missing_from_the_last_reading_is_taken_from_the_one_before(
    installation: Installation, town: Town
) -> None:
    publication = town.published(town.channel("board"), MONDAY)
    town.sample(publication, MONDAY + HOUR, views=30, likes=4)
    town.sample(publication, MONDAY + DAY, likes=6)
    rolled_up(installation)

    reports = [report_of(installation, source=source) for source in ("rollups", "samples")]

    assert [row.gained["views"] for report in reports for row in report.releases] == [30, 30]
    assert [row.interactions for report in reports for row in report.releases] == [6, 6]


def test_a_reading_for_another_week_does_not_count_for_what_a_release_reached(
    installation: Installation, town: Town
) -> None:
    publication = town.published(town.channel("board"), NEXT_MONDAY - HOUR)
    town.sample(publication, NEXT_MONDAY - HOUR / 2, views=10)
    late = NEXT_MONDAY + 2 * HOUR + timedelta(microseconds=1)
    town.sample(publication, NEXT_MONDAY - HOUR / 4, late, views=99)  # taken too late for its plan
    town.sample(publication, NEXT_MONDAY + HOUR, late + HOUR, views=100)
    rolled_up(installation)

    reports = [report_of(installation, source=source) for source in ("rollups", "samples")]

    assert [row.gained["views"] for report in reports for row in report.releases] == [10, 10]


def test_likes_from_where_nobody_counts_views_raise_no_rate(installation: Installation, town: Town) -> None:
    site, board = town.channel("site"), town.channel("board")
    town.sample(town.published(site, MONDAY), MONDAY + HOUR, likes=500)
    town.sample(town.published(board, MONDAY), MONDAY + HOUR, views=200, likes=10)
    rolled_up(installation)

    report = report_of(installation)

    assert (report.totals.interactions, report.totals.rate) == (510, 0.05)


def test_the_glance_compares_with_the_week_before_and_with_what_is_usual(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("board")
    for week, posts in enumerate((1, 2, 3, 4, 9)):
        for post in range(posts):
            town.published(channel, MONDAY - (4 - week) * 7 * DAY + post * HOUR)

    posts = next(one for one in report_of(installation).glance if one.name == "published")

    assert (posts.now, posts.before, posts.change) == (9, 4, 5)
    assert (posts.low, posts.usual, posts.high) == (1.75, 2.5, 3.25)


def test_weeks_before_anything_was_published_say_nothing_about_what_is_usual(
    installation: Installation, town: Town
) -> None:
    town.published(town.channel("board"), MONDAY - 7 * DAY)

    report = report_of(installation)

    assert [one.label for one in report.past] == ["2026-W47", "2026-W48"]
    assert {one.usual for one in report.glance} == {None}


def test_a_month_has_the_same_figures_over_its_own_days(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    for moment in (MONDAY - 23 * DAY, MONDAY - 22 * DAY, MONDAY, NEXT_MONDAY + DAY):
        town.published(channel, moment)
    period = periods.month("2026-11", now=NEXT_MONDAY, zone=JAKARTA)

    with installation.database.read() as session:
        report = reported(session, period, zone=JAKARTA, office="", printed=local_day(NEXT_MONDAY + 9 * DAY, JAKARTA))

    assert (report.totals.published, report.over) == (2, True)
    assert [one.label for one in report.past] == ["2026-10", "2026-11"]


@pytest.mark.parametrize("label", ["2026-13", "2026", "besok", "26-11", "2026-W47"])
def test_a_month_that_is_none_is_refused(label: str) -> None:
    with pytest.raises(WrongInput, match="month"):
        periods.month(label, now=MONDAY, zone=JAKARTA)


def test_this_and_last_month_are_seen_from_now() -> None:
    labels = [periods.month(said, now=MONDAY, zone=JAKARTA).label for said in ("this", "ini", "last", "lalu")]

    assert labels == ["2026-11", "2026-11", "2026-10", "2026-10"]
    assert periods.before(periods.month("2027-01", now=MONDAY, zone=JAKARTA), JAKARTA).label == "2026-12"


def test_the_usual_range_leaves_out_what_was_unavailable() -> None:
    past = [Past("w", 1, 1, views, None, None, 0) for views in (None, 10, 20, 30, 40, 50)]

    views = next(one for one in figures.glance(past) if one.name == "views")

    assert (views.now, views.low, views.usual, views.high) == (50, 17.5, 25, 32.5)


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

    found = report.punctuality
    assert (found.deliveries, found.median, found.p95, found.worst, found.on_time) == (3, 30.0, 400.0, 400.0, 2 / 3)
    assert found.worst_delivery == worst.id


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


def test_a_roll_up_that_is_not_what_the_samples_say_is_told_and_the_samples_may_be_taken(
    installation: Installation, town: Town
) -> None:
    town.sample(town.published(town.channel("board"), MONDAY), MONDAY + HOUR, views=5)
    rolled_up(installation)
    with installation.database.write() as session:
        week = select(EngagementPeriod).where(EngagementPeriod.period == "2026-W48")
        session.exec(week).one().views = 6

    report, audit = report_of(installation), report_of(installation, source="samples")

    assert (readings_of(report).differs, gained(report.totals)) == (0, 6)
    assert (readings_of(audit).differs, gained(audit.totals)) == (1, 5)


def test_an_audit_of_a_week_whose_readings_were_thrown_away_is_refused_and_its_sums_stay(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("board")
    for week in range(2):
        publication = town.published(channel, MONDAY + week * 7 * DAY)
        for day in range(1, 4):
            town.sample(publication, MONDAY + (week * 7 + day) * DAY, views=day)
    rolled_up(installation)
    before = [report_of(installation, week, MONDAY + 20 * DAY) for week in ("2026-W48", "2026-W49")]

    thrown = tidy(installation, now=MONDAY + 4 * DAY + installation.config.engagement.keep)
    rolled_up(installation)

    assert thrown == 2
    with pytest.raises(WrongInput, match="readings of 2026-W48 have been thrown away"):
        report_of(installation, "2026-W48", source="samples")
    after = [report_of(installation, week, MONDAY + 20 * DAY) for week in ("2026-W48", "2026-W49")]
    assert [one.totals for one in after] == [one.totals for one in before]
    assert [one.releases for one in after] == [one.releases for one in before]
    assert [one.readings for one in after] == [one.readings for one in before]
    audit = report_of(installation, "2026-W49", MONDAY + 20 * DAY, source="samples")
    assert (audit.totals, audit.readings) == (after[1].totals, after[1].readings)


def test_a_release_has_reached_what_all_its_posts_have_also_those_of_the_week_before(
    installation: Installation, town: Town
) -> None:
    release = town.release()
    early = town.published(town.channel("board"), MONDAY - DAY, release)
    late = town.published(town.channel("site"), MONDAY, release)
    town.sample(early, MONDAY - DAY / 2, views=10, likes=1)
    town.sample(late, MONDAY + DAY, views=20, likes=2)
    rolled_up(installation)

    reports = [report_of(installation, source=source) for source in ("rollups", "samples")]

    assert [[row.gained["views"] for row in report.releases] for report in reports] == [[30], [30]]
    assert [report.releases[0].rate for report in reports] == [0.1, 0.1]
    assert [gained(report.totals) for report in reports] == [20, 20]


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
    rolled_up(installation)

    ended, running = report_of(installation), report_of(installation, now=NEXT_MONDAY - HOUR)

    assert never.published is not None
    assert (readings_of(ended).unread, ended.over) == (1, True)
    assert (readings_of(running).unread, running.over) == (0, False)
