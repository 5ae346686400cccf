"""The ledger: value, unavailable and error apart, falls marked, stories that run out, what vanished, what is kept."""

import csv
import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from counted import DAY, HOUR, JAKARTA, MONDAY, Board, Town
from sqlmodel import col, select

from dissem.channels.adapter import COUNTS, Counts, Facts, Gone, Why
from dissem.channels.errors import Throttled, Unreachable
from dissem.channels.registry import adapter_class, platforms
from dissem.config import Config, EngagementSection
from dissem.engagement import ledger, outcomes, rollup
from dissem.engagement.collect import Collected, collect
from dissem.engagement.keeping import tidy
from dissem.engagement.plans import Last, Plans
from dissem.errors import told
from dissem.models import Engagement, EngagementDay, Reading
from dissem.store.installation import Installation

LASTS = timedelta(hours=24)


def read(installation: Installation, now: datetime) -> Collected:
    return collect(installation, now=now, limit=1000)


def reading(town: Town) -> Reading:
    with town.database.read() as session:
        return session.exec(select(Reading)).one()


# Value, unavailable, error


def test_a_count_without_a_value_says_why_and_one_the_platform_lacks_is_not_missing(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board(Facts(label="Board", text=500, counts=frozenset({"views", "likes", "clicks"})))
    boards["board"].otherwise = Counts(views=7, why={"clicks": Why.AGED, "shares": Why.RIGHT})

    read(installation, MONDAY + HOUR)

    (sample,) = town.samples()
    assert (sample.views, sample.likes, sample.clicks, sample.shares) == (7, None, None, None)
    assert sample.missing == {"likes": "silent", "clicks": "aged"}


def test_a_reading_that_failed_is_no_sample_and_is_told_beside_the_ledger_until_one_succeeds(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()
    boards["board"].meanwhile = failing(Unreachable("No answer."))

    read(installation, MONDAY + HOUR)
    read(installation, MONDAY + 2 * HOUR)

    assert list(town.samples()) == []
    with town.database.read() as session:
        ((channel, row),) = outcomes.failing(session)
    assert (channel.name, row.failing, told(row.reason)) == ("board", MONDAY + HOUR, "No answer.")

    boards["board"].meanwhile = lambda receipts: None
    read(installation, MONDAY + 3 * HOUR)

    now = reading(town)
    assert (now.read, now.failing, now.reason) == (MONDAY + 3 * HOUR, None, None)


def failing(error: Exception) -> Any:
    def fail(receipts: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("asked", "until"), [(timedelta(hours=3), 3 * HOUR), (None, outcomes.PAUSE)], ids=["named", "unnamed"]
)
def test_a_platform_that_asks_for_a_pause_is_not_asked_before_its_end(
    installation: Installation, town: Town, boards: dict[str, Board], asked: timedelta | None, until: timedelta
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()
    boards["board"].meanwhile = failing(Throttled("Slowly.", retry_after=asked))
    read(installation, MONDAY + HOUR)
    boards["board"].meanwhile = lambda receipts: None

    early = read(installation, MONDAY + HOUR + until - timedelta(seconds=1))
    then = read(installation, MONDAY + HOUR + until)

    assert (early, then) == (Collected(), Collected(read=1))
    assert reading(town).free_at is None


def test_a_counter_that_falls_is_kept_and_marked(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()

    for days, views, likes in ((1, 40, 5), (3, None, 6), (7, 25, 4), (30, 25, 9)):
        boards["board"].otherwise = Counts(views=views, likes=likes)
        read(installation, MONDAY + days * DAY)

    assert [(sample.views, sample.fell) for sample in town.samples()] == [
        (40, None),
        (None, None),
        (25, "views likes"),
        (25, None),
    ]


def test_after_an_outage_of_days_one_reading_catches_up_and_counts_for_the_day_it_was_taken(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    channel = town.channel("board")
    posts = [town.published(channel, MONDAY + hours * HOUR) for hours in (0, 5, 30)]
    read(installation, MONDAY + 2 * HOUR)

    back = read(installation, MONDAY + 4 * DAY + HOUR)
    again = read(installation, MONDAY + 4 * DAY + 2 * HOUR)

    assert (back, again) == (Collected(read=3), Collected())
    plans = {sample.publication_id: sample.planned for sample in town.samples()}
    assert plans == {
        posts[0].id: MONDAY + 3 * DAY,
        posts[1].id: MONDAY + 5 * HOUR + 3 * DAY,
        posts[2].id: MONDAY + 54 * HOUR,
    }
    late = [row[:5:4] for row in town.days() if row[0] > date(2026, 11, 23)]
    assert late == [(date(2026, 11, 27), 20)]


# Stories


@pytest.mark.parametrize(
    ("age", "plan"),
    [(19.9, 6), (20, 20), (22.9, 20), (23.1, None), (48, None)],
)
def test_a_story_is_read_for_the_last_time_four_hours_before_its_end(age: float, plan: int | None) -> None:
    plans = Plans(EngagementSection(), JAKARTA, LASTS)
    published = MONDAY + HOUR

    found = plans.due(published, Last(), published + age * HOUR)

    assert found == (plan and published + plan * HOUR)


def test_no_week_end_is_planned_after_a_story_has_run_out() -> None:
    plans = Plans(EngagementSection(), JAKARTA, LASTS)
    published = MONDAY - 22 * HOUR

    assert plans.newest(published, MONDAY + HOUR / 2) == published + 20 * HOUR


def test_a_story_that_has_run_out_is_neither_asked_for_nor_gone(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    story = town.published(town.channel("cerita", platform="instagram-story"), MONDAY)
    boards["cerita"] = Board()
    boards["cerita"].otherwise = Gone()

    result = read(installation, MONDAY + 30 * HOUR)

    assert (result, boards["cerita"].asked) == (Collected(), [])
    assert town.again(story).gone is None


def test_stories_say_how_long_they_last_and_nothing_else_does() -> None:
    lasting = {name: adapter_class(name).facts.lasts for name in platforms() if adapter_class(name).facts.lasts}

    assert lasting == dict.fromkeys(("facebook-story", "instagram-story"), LASTS)


# What vanished


def test_what_vanished_is_told_once_in_the_log_and_in_the_list_of_its_week(
    installation: Installation, town: Town, boards: dict[str, Board], caplog: pytest.LogCaptureFixture
) -> None:
    post = town.published(town.channel("board"), MONDAY, url="https://board.example/7")
    boards["board"] = Board()
    boards["board"].otherwise = Gone()

    read(installation, MONDAY + HOUR)
    read(installation, MONDAY + 6 * HOUR)

    assert [r.getMessage() for r in caplog.records if "no longer" in r.getMessage()] == [
        "a post of channel board is no longer at the platform: https://board.example/7"
    ]
    with town.database.read() as session:
        (vanished,) = ledger.gone(session, MONDAY, MONDAY + 7 * DAY)
        before = ledger.gone(session, MONDAY - 7 * DAY, MONDAY)
    assert (vanished.url, vanished.channel) == (post.url, "board")
    assert before == []


# What is kept


@pytest.fixture
def config(config: Config) -> Config:
    return config.model_copy(update={"engagement": EngagementSection(keep=timedelta(days=90))})


def three_readings(town: Town, published: datetime, **last: int) -> int:
    publication = town.published(town.channel(f"c{published:%j}"), published)
    for days, counts in ((1, {"views": 5, "clicks": 2}), (7, {"views": 8}), (30, last or {"views": 9})):
        town.sample(publication, published + days * DAY, **counts)
    return publication.id or 0


def test_readings_older_than_the_setting_go_and_the_last_known_counts_stay(
    installation: Installation, town: Town
) -> None:
    old, young = three_readings(town, MONDAY), three_readings(town, MONDAY + 40 * DAY)
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)
    now = MONDAY + 125 * DAY

    gone = (tidy(installation, now=now), tidy(installation, now=now))

    assert gone == (1, 0)
    left = [(sample.publication_id, sample.views, sample.clicks) for sample in town.samples()]
    assert left == [(old, 5, 2), (old, 9, None), (young, 5, 2), (young, 8, None), (young, 9, None)]


def test_the_roll_up_stays_as_it_was_also_when_it_is_made_anew_from_what_is_left(
    installation: Installation, town: Town
) -> None:
    for day in (0, 3, 40, 70):
        three_readings(town, MONDAY + day * DAY)
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)
    before = town.days()

    gone = [tidy(installation, now=MONDAY + day * DAY) for day in (119, 121, 124, 161)]
    with installation.database.write() as session:
        rows = rollup.rebuild(session, JAKARTA)
        closed = rollup.closed_until(session)

    assert gone == [0, 1, 1, 1]
    assert town.days() == before
    assert closed is not None
    assert rows == sum(row[0] > closed for row in before) > 0


def test_a_tidying_that_dies_halfway_is_gone_on_with(
    installation: Installation, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dissem.engagement import keeping

    for day in (0, 1, 2):
        three_readings(town, MONDAY + day * DAY)
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)
    monkeypatch.setattr(keeping, "TOGETHER", 1)
    thin, calls = keeping._thin, []

    def dies(*given: Any) -> int:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return thin(*given)

    monkeypatch.setattr(keeping, "_thin", dies)
    with pytest.raises(KeyboardInterrupt):
        tidy(installation, now=MONDAY + 200 * DAY)
    monkeypatch.setattr(keeping, "_thin", thin)

    assert tidy(installation, now=MONDAY + 200 * DAY) == 2


def test_readings_are_kept_for_ninety_days_at_least() -> None:
    with pytest.raises(ValueError, match="keep"):
        EngagementSection(keep=timedelta(days=89))


# For analysts


def test_every_reading_comes_with_what_it_belongs_to_and_why_a_count_is_not_there(
    installation: Installation, town: Town
) -> None:
    channel = town.channel("web", platform="mastodon")
    post = town.published(channel, MONDAY, town.release("=1+1"), url="https://a.example/1")
    town.keep(
        Engagement(
            publication_id=post.id or 0, planned=MONDAY + HOUR, at=MONDAY + HOUR, likes=3, missing={"shares": "few"}
        )
    )
    town.sample(post, MONDAY + DAY, likes=4)

    with installation.database.read() as session:
        first, second = ledger.rows(session, None, None)
        (later,) = ledger.rows(session, MONDAY + 2 * HOUR, MONDAY + 2 * DAY)
        others = list(ledger.rows(session, None, None, agency="bpbd"))

    assert tuple(first) == ledger.COLUMNS
    assert (first["title"], first["kind"], first["channel"], first["likes"]) == ("=1+1", "press_release", "web", 3)
    assert "shares=few" in first["unavailable"].split()
    assert "views=none" in first["unavailable"].split()
    assert (second["likes"], later["likes"], others) == (4, 4, [])


def test_reading_out_the_ledger_holds_some_rows_at_a_time(installation: Installation, town: Town) -> None:
    import tracemalloc

    post = town.published(town.channel("web"), MONDAY)
    with installation.database.write() as session:
        for minute in range(6000):
            at = MONDAY + timedelta(minutes=minute)
            session.add(Engagement(publication_id=post.id or 0, planned=at, at=at, views=minute))
    with installation.database.read() as session:
        list(ledger.rows(session, MONDAY, MONDAY + HOUR))  # what is made once
    tracemalloc.start()

    with installation.database.read() as session:
        count = sum(1 for _row in ledger.rows(session, None, None))
        _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 6000
    assert peak < 6000 * 1000  # bytes: all of them at once would be twice as much


# The page


def test_the_page_of_meanings_and_the_adapters_name_the_same_counts() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "engagement.md").read_text(encoding="utf-8")
    table = list(csv.reader(io.StringIO(page[page.index("| platform |") :].split("\n\n")[0]), delimiter="|"))
    names = [cell.strip() for cell in table[0][2:-1]]
    said = {row[1].strip(): dict(zip(names, (cell.strip() for cell in row[2:-1]), strict=True)) for row in table[2:]}

    counted = {name: adapter_class(name).facts.counts for name in platforms() if adapter_class(name).facts.counts}
    assert tuple(names) == COUNTS
    assert {name: {count for count, text in row.items() if text != "–"} for name, row in said.items()} == counted


def test_rows_of_days_begin_open(town: Town) -> None:
    channel = town.channel("web")
    town.keep(EngagementDay(day=date(2026, 11, 23), channel_id=channel.id or 0, kind="photo"))

    with town.database.read() as session:
        assert session.exec(select(EngagementDay).where(col(EngagementDay.closed))).all() == []
        assert rollup.closed_until(session) is None
