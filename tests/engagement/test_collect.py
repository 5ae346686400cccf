"""Reading counts: what is due when, one sample a plan whatever happens, and a roll-up equal to the samples."""

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from counted import DAY, HOUR, JAKARTA, MONDAY, NEXT_MONDAY, Board, Town
from sqlmodel import col, select

from dissem.channels.adapter import COUNTS, Counts, Facts, Gone, Receipt
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Unreachable
from dissem.config import EngagementSection
from dissem.engagement import arithmetic, rollup
from dissem.engagement.collect import Collected, collect
from dissem.engagement.plans import Last, Plans, due, planned
from dissem.errors import WrongInput, told
from dissem.models import Channel, ChannelState, Delivery, EngagementDay, Kind, Publication, Release
from dissem.store.installation import Installation

CONFIG = EngagementSection()


# What is due


def at_age(age: timedelta, published: datetime = MONDAY + 8 * HOUR, **said: Any) -> datetime | None:
    publication = Publication(part_id=1, delivery_id=1, channel_id=1, remote_id="r", fingerprint="f")
    publication.published = published
    return planned(publication, Plans(CONFIG, JAKARTA), now=published + age, **said)


@pytest.mark.parametrize("age", [HOUR, 6 * HOUR, 24 * HOUR, 3 * DAY])
def test_a_sample_is_due_from_the_very_moment_of_its_age(age: timedelta) -> None:
    published = MONDAY + 8 * HOUR

    assert at_age(age) == published + age
    assert at_age(age - timedelta(microseconds=1)) != published + age


def test_nothing_is_due_before_the_first_age_nor_twice() -> None:
    published = MONDAY + 8 * HOUR

    assert at_age(HOUR / 2) is None
    assert at_age(2 * HOUR, last=Last(published + HOUR, published + HOUR)) is None
    assert at_age(6 * HOUR, last=Last(published + HOUR, published + HOUR)) == published + 6 * HOUR


def test_after_an_outage_only_the_newest_missed_plan_is_due() -> None:
    published = MONDAY + 8 * HOUR

    assert at_age(80 * HOUR, last=Last(published + HOUR, published + HOUR)) == published + 3 * DAY
    assert at_age(80 * HOUR, last=Last(published + 3 * DAY, published + 80 * HOUR)) is None
    assert at_age(200 * DAY) == published + 30 * DAY


def test_the_end_of_each_local_week_is_a_plan_while_the_publication_is_young() -> None:
    published = NEXT_MONDAY - 2 * HOUR

    assert at_age(2 * HOUR, published) == NEXT_MONDAY
    assert at_age(2 * HOUR - timedelta(microseconds=1), published) == published + HOUR
    assert at_age(28 * DAY + 2 * HOUR, published) == NEXT_MONDAY + 28 * DAY
    assert at_age(35 * DAY + 2 * HOUR, published) == published + 30 * DAY


def test_the_week_ends_at_the_midnight_of_the_offices_zone() -> None:
    publication = Publication(part_id=1, delivery_id=1, channel_id=1, remote_id="r", fingerprint="f")
    publication.published = NEXT_MONDAY - 3 * HOUR
    midnight_in_jayapura = NEXT_MONDAY - 2 * HOUR

    plan = planned(publication, Plans(CONFIG, ZoneInfo("Asia/Jayapura")), now=midnight_in_jayapura)

    assert plan == midnight_in_jayapura
    assert planned(publication, Plans(CONFIG, JAKARTA), now=midnight_in_jayapura) == publication.published + HOUR


def test_what_was_published_at_the_midnight_itself_is_not_read_at_age_nothing() -> None:
    assert at_age(timedelta(), published=MONDAY) is None


def test_a_reading_after_the_plan_covers_it_so_that_a_new_setting_brings_no_older_plans() -> None:
    published = MONDAY + 8 * HOUR

    assert at_age(8 * HOUR, last=Last(published + HOUR, published + 7 * HOUR)) is None


@pytest.mark.parametrize("said", [{"removed": MONDAY}, {"gone": MONDAY}, {"published": None}])
def test_what_is_not_public_any_more_or_not_yet_is_not_read(said: dict[str, Any]) -> None:
    known = {"part_id": 1, "delivery_id": 1, "channel_id": 1, "remote_id": "r", "fingerprint": "f", "published": MONDAY}

    publication = Publication(**{**known, **said})

    assert planned(publication, Plans(CONFIG, JAKARTA), now=MONDAY + DAY) is None


def test_the_query_finds_what_the_rule_for_one_publication_says(installation: Installation, town: Town) -> None:
    channel = town.channel("board")
    publications = [town.published(channel, MONDAY + hour * HOUR) for hour in (0, 3, 30, 50, 160)]
    town.sample(publications[0], MONDAY + 3 * DAY)
    town.sample(publications[1], MONDAY + 3 * HOUR + DAY, MONDAY + 4 * DAY)
    town.published(channel, MONDAY, removed=MONDAY + DAY)
    town.published(channel, MONDAY, gone=MONDAY + DAY)
    town.published(channel, MONDAY - 300 * DAY)
    town.publication(town.delivery(town.release(), channel), None)
    now = MONDAY + 4 * DAY

    with installation.database.read() as session:
        found = due(session, now=now, config=CONFIG, zone=JAKARTA)

    fourth, third = publications[3], publications[2]
    assert found == {
        channel.id: [
            (MONDAY + 74 * HOUR, fourth.id, fourth.published),
            (MONDAY + 54 * HOUR, third.id, third.published),
        ]
    }


# Reading and storing


def read(installation: Installation, now: datetime, limit: int = 1000) -> Collected:
    return collect(installation, now=now, limit=limit)


def test_a_due_publication_is_read_once_and_counted_on_its_local_day(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    channel = town.channel("board")
    publication = town.published(channel, MONDAY + 8 * HOUR)
    now = MONDAY + 9 * HOUR + HOUR / 4

    first, second = read(installation, now), read(installation, now)

    assert (first, second) == (Collected(read=1), Collected())
    (sample,) = town.samples()
    assert (sample.publication_id, sample.planned, sample.at) == (publication.id, MONDAY + 9 * HOUR, now)
    assert (sample.views, sample.likes, sample.shares) == (10, 1, None)
    nothing = (None,) * 5
    assert town.days() == [(date(2026, 11, 23), channel.id, "press_release", 1, 10, None, 1, *nothing)]


def test_posts_are_asked_in_batches_of_their_own_channel_with_all_their_ids(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    one, other = town.channel("one"), town.channel("other")
    for channel in (one, one, one, other):
        town.published(channel, MONDAY, also=["album"])
    seen: list[Receipt] = []
    boards["other"] = Board()
    boards["other"].meanwhile = seen.extend

    result = read(installation, MONDAY + HOUR)

    assert result == Collected(read=4)
    assert sorted(len(batch) for batch in boards["one"].asked) == [1, 2]
    assert [receipt.also for receipt in seen] == [("album",)]


def test_the_database_is_free_while_a_platform_is_asked(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()
    boards["board"].meanwhile = lambda receipts: town.agency("bpbd")

    result = read(installation, MONDAY + HOUR)

    assert result == Collected(read=1)


def test_what_is_gone_is_marked_gets_no_sample_and_is_never_asked_again(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    channel = town.channel("board")
    gone, there = town.published(channel, MONDAY), town.published(channel, MONDAY)
    boards["board"] = Board()
    boards["board"].says[gone.remote_id] = Gone()

    result = read(installation, MONDAY + HOUR)
    later = read(installation, MONDAY + 6 * HOUR)

    assert (result, later) == (Collected(read=1, gone=1), Collected(read=1))
    assert town.again(gone).gone == MONDAY + HOUR
    assert {sample.publication_id for sample in town.samples()} == {there.id}


def test_a_platform_without_counts_is_unavailable_and_leaves_no_rows(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("mail"), MONDAY)
    boards["mail"] = Board(Facts(label="Mail", text=None))

    result = read(installation, MONDAY + HOUR)

    assert result == Collected(unavailable=1)
    assert (boards["mail"].asked, list(town.samples()), town.days()) == ([], [], [])


def test_an_answer_that_leaves_a_post_out_is_no_sample_and_the_plan_stays_due(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    publication = town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()
    boards["board"].otherwise = None

    result = read(installation, MONDAY + HOUR)
    boards["board"].otherwise = Counts(views=3)
    later = read(installation, MONDAY + 2 * HOUR)

    assert (result, later) == (Collected(failed=1), Collected(read=1))
    assert [(sample.publication_id, sample.views) for sample in town.samples()] == [(publication.id, 3)]


def raising(error: Exception) -> Callable[[Sequence[Receipt]], object]:
    def fail(receipts: Sequence[Receipt]) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized("The login ended."),
        Refused("No."),
        Unreachable("No answer."),
        ChannelError("?"),
        KeyError("defect"),
    ],
)
def test_one_channel_that_fails_keeps_no_other_from_being_read(
    installation: Installation, town: Town, boards: dict[str, Board], error: Exception
) -> None:
    town.published(town.channel("ill"), MONDAY)
    town.published(town.channel("well"), MONDAY)
    boards["ill"] = Board()
    boards["ill"].meanwhile = raising(error)

    result = read(installation, MONDAY + HOUR)

    assert (result.read, result.failed) == (1, 1)
    assert (str(error) if isinstance(error, ChannelError) else "KeyError") in told(result.reasons["ill"])


@pytest.mark.parametrize("odd", [12.5, "12", [12]])
def test_what_is_no_whole_number_is_never_counted_and_spoils_no_other_channel(
    installation: Installation, town: Town, boards: dict[str, Board], odd: Any
) -> None:
    town.published(town.channel("ill"), MONDAY)
    town.published(town.channel("well"), MONDAY)
    boards["ill"] = Board()
    boards["ill"].meanwhile = lambda receipts: Counts(views=odd)

    result = read(installation, MONDAY + HOUR)

    assert (result.read, result.failed) == (1, 1)
    assert "The adapter made a mistake" in told(result.reasons["ill"])


def test_a_channel_whose_settings_cannot_be_used_is_a_failure_with_its_reason(
    installation: Installation, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unusable:
        def of(self, channel: Channel) -> Board:
            raise WrongInput("There is no platform named {platform}.", platform=channel.platform)

    town.published(town.channel("board"), MONDAY)
    monkeypatch.setitem(installation.__dict__, "adapters", Unusable())

    result = read(installation, MONDAY + HOUR)

    assert result.failed == 1
    assert told(result.reasons["board"]) == "There is no platform named board."


def test_a_channel_that_asks_us_to_wait_is_left_alone_until_the_next_call(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    channel = town.channel("board")
    for _ in range(9):
        town.published(channel, MONDAY)
    boards["board"] = Board()
    boards["board"].meanwhile = raising(Throttled("Too many requests."))

    result = collect(installation, now=MONDAY + HOUR, limit=100, readers=1)

    assert (result.read, result.failed) == (0, 9)
    assert len(boards["board"].asked) < 5


def test_a_limit_is_shared_by_the_channels_in_turn_and_the_rest_comes_next(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    one, other = town.channel("one"), town.channel("other")
    for channel in (one, one, one, one, one, other):
        town.published(channel, MONDAY)

    first = read(installation, MONDAY + HOUR, limit=4)
    asked = {name: sum(map(len, board.asked)) for name, board in boards.items()}
    second = read(installation, MONDAY + HOUR, limit=4)

    assert (first.read, second.read) == (4, 2)
    assert asked == {"one": 3, "other": 1}


def test_a_paused_channel_is_still_read(installation: Installation, town: Town, boards: dict[str, Board]) -> None:
    town.published(town.channel("board", state=ChannelState.PAUSED), MONDAY)

    assert read(installation, MONDAY + HOUR) == Collected(read=1)


def test_a_collector_killed_between_reading_and_storing_repeats_and_counts_once(
    installation: Installation, town: Town, boards: dict[str, Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    town.published(town.channel("board"), MONDAY)
    add = rollup.add

    def killed(*args: Any) -> None:
        add(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(rollup, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        read(installation, MONDAY + HOUR)
    assert (list(town.samples()), town.days()) == ([], [])
    monkeypatch.setattr(rollup, "add", add)

    result = read(installation, MONDAY + HOUR)

    assert result == Collected(read=1)
    assert [row[3:5] for row in town.days()] == [(1, 10)]


@pytest.mark.parametrize("later", [timedelta(), 5 * HOUR])
def test_two_collectors_at_once_store_one_sample_and_count_it_once(
    installation: Installation, town: Town, boards: dict[str, Board], later: timedelta
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()
    faster: list[Collected] = []

    def another(receipts: Sequence[Receipt]) -> None:
        boards["board"].meanwhile = lambda receipts: None
        faster.append(read(installation, MONDAY + HOUR + later))

    boards["board"].meanwhile = another

    slower = read(installation, MONDAY + HOUR)

    assert (faster, slower) == ([Collected(read=1)], Collected())
    assert [row[3:5] for row in town.days()] == [(1, 10)]
    assert [sample.at for sample in town.samples()] == [MONDAY + HOUR + later]


def test_what_was_removed_while_the_platform_was_asked_gets_no_sample(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    publication = town.published(town.channel("board"), MONDAY)

    def remove(receipts: Sequence[Receipt]) -> None:
        with installation.database.write() as session:
            session.get_one(Publication, publication.id).removed = MONDAY

    boards["board"] = Board()
    boards["board"].meanwhile = remove

    assert read(installation, MONDAY + HOUR) == Collected()
    assert list(town.samples()) == []


# The roll-up


def views_by_day(town: Town) -> dict[date, int | None]:
    return {row[0]: row[4] for row in town.days()}


def test_a_counter_that_falls_or_is_missing_gains_the_difference_to_the_last_known_value(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), MONDAY)
    boards["board"] = Board()

    for days, views in ((1, 40), (3, None), (7, 25), (30, 30)):
        boards["board"].otherwise = Counts(views=views)
        read(installation, MONDAY + days * DAY)

    assert [row[4] for row in town.days()] == [40, None, -15, 5]
    assert [row[6] for row in town.days()] == [None] * 4


def test_the_reading_of_the_weeks_end_belongs_to_the_week_that_ended(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), NEXT_MONDAY - 5 * HOUR)

    read(installation, NEXT_MONDAY + HOUR / 4)

    assert views_by_day(town) == {date(2026, 11, 29): 10}


def test_a_late_reading_belongs_to_the_day_it_was_taken(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    town.published(town.channel("board"), NEXT_MONDAY - 3 * HOUR)

    read(installation, NEXT_MONDAY + arithmetic.TOLERANCE + timedelta(microseconds=1))

    assert views_by_day(town) == {date(2026, 11, 30): 10}


def history(town: Town, installation: Installation, boards: dict[str, Board], dice: random.Random) -> None:
    """Five weeks of irregular readings: outages, failures, counters that fall or are missing, posts that go."""
    for agency in ("bpbd", "dinkes"):
        town.agency(agency)
    channels = [town.channel(f"c{n}", agency) for n, agency in enumerate(("kominfo", "bpbd", "bpbd", "dinkes"))]
    releases = [town.release(kind=kind, agency=dice.choice(["kominfo", "dinkes"])) for kind in [*Kind, *Kind]]
    posts = [
        town.published(channel, MONDAY + dice.uniform(0, 14) * DAY, release)
        for release in releases
        for channel in dice.sample(channels, 2)
    ]
    now = MONDAY
    while now < MONDAY + 35 * DAY:
        now += dice.choice([HOUR / 3, 3 * HOUR, 8 * HOUR, 40 * HOUR])
        for board in boards.values():
            board.meanwhile = raising(Unreachable("No answer.")) if dice.random() < 0.1 else lambda receipts: None
            board.says = {post.remote_id: anything(dice) for post in posts}
        read(installation, now)


def anything(dice: random.Random) -> Counts | Gone | None:
    if dice.random() < 0.02:
        return dice.choice([Gone(), None])
    return Counts(**{name: dice.choice([None, dice.randrange(1000)]) for name in COUNTS if name != "saves"})


def by_hand(town: Town) -> dict[tuple[date, int, str], list[int | None]]:
    """The roll-up worked out the slow way: for each cell, all last values by the end of the day minus those before."""
    with town.database.read() as session:
        posts = {
            post.id: (post.channel_id, kind.value)
            for post, kind in session.exec(
                select(Publication, Release.kind)
                .join(Delivery, col(Delivery.id) == Publication.delivery_id)
                .join(Release, col(Release.id) == Delivery.release_id)
            )
        }
    cells: dict[tuple[date, int, str], list[int | None]] = {}
    seen: dict[tuple[int, str], int] = {}
    for sample in sorted(town.samples(), key=lambda one: one.at):
        in_time = sample.at <= sample.planned + 2 * HOUR
        moment = (sample.planned if in_time else sample.at).astimezone(JAKARTA)
        midnight = (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
        day = moment.date() - DAY if midnight else moment.date()
        row = cells.setdefault((day, *posts[sample.publication_id]), [0] + [None] * len(COUNTS))
        row[0] = (row[0] or 0) + 1
        for place, name in enumerate(COUNTS, 1):
            value = getattr(sample, name)
            if value is not None:
                row[place] = (row[place] or 0) + value - seen.get((sample.publication_id, name), 0)
                seen[sample.publication_id, name] = value
    return cells


@pytest.mark.parametrize("seed", [1, 2])
def test_the_roll_up_kept_while_reading_equals_the_samples_worked_out_by_hand_and_made_anew(
    installation: Installation, town: Town, boards: dict[str, Board], seed: int
) -> None:
    history(town, installation, boards, random.Random(seed))  # noqa: S311 - no secret is made of it
    kept = town.days()

    with installation.database.write() as session:
        rows = rollup.rebuild(session, JAKARTA)

    assert {row[:3]: list(row[3:]) for row in kept} == by_hand(town)
    assert town.days() == kept
    assert rows == len(kept) > 30
    assert any(value is not None and value < 0 for row in kept for value in row[4:])
    assert any(sample.at - sample.planned > 2 * HOUR for sample in town.samples())


def test_making_the_roll_up_anew_repairs_what_somebody_changed(installation: Installation, town: Town) -> None:
    publication = town.published(town.channel("board"), MONDAY)
    town.sample(publication, MONDAY + HOUR, views=7)
    town.keep(EngagementDay(day=date(2020, 1, 1), channel_id=publication.channel_id, kind="photo", samples=3, views=9))

    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)

    assert [row[:5] for row in town.days()] == [(date(2026, 11, 23), publication.channel_id, "press_release", 1, 7)]
