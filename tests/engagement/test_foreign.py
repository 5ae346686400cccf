"""Posts on our accounts that dissem did not make are noticed within one reading; ours, and doubtful ones, are not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from noticeboard import Noticeboard, Wall
from sqlmodel import select
from town import START, Town

from dissem.channels.adapter import Seen
from dissem.channels.errors import Throttled, Uncertain, Unreachable
from dissem.daemon import health
from dissem.desk.acting import Acting
from dissem.desk.ledger import acknowledge, notices
from dissem.engagement.foreign import FIRST_LOOK, OVERLAP, open_notices, watch
from dissem.errors import NotAllowed, told
from dissem.models import Channel, ForeignPost, Person, Reading, Role
from dissem.store.installation import Installation

HOUR = timedelta(hours=1)


class Listing:
    """What the board's account shows, or the error that comes instead; and since when it was asked."""

    def __init__(self) -> None:
        self.shows: list[Seen] = []
        self.fails: Exception | None = None
        self.asked: list[datetime] = []

    def recent(self, board: Noticeboard, since: datetime) -> Sequence[Seen]:
        self.asked.append(since)
        if self.fails:
            raise self.fails
        return [one for one in self.shows if one.at >= since]


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Listing:
    listing = Listing()
    monkeypatch.setattr(Noticeboard, "recent", lambda board, since: listing.recent(board, since))
    return listing


@pytest.fixture
def channel(hall: Town) -> Channel:
    return hall.channel()[0]


def seen(number: str, hall: Town, text: str = "Klik di sini, hadiah menanti!", **said: object) -> Seen:
    return Seen(number, hall.clock(), f"https://board.example/{number}", text, **said)  # type: ignore[arg-type]


def foreign(installation: Installation) -> list[str]:
    with installation.database.read() as session:
        return [notice.remote_id for notice, _channel in open_notices(session)]


def test_a_taken_over_account_is_seen_within_one_reading_and_told_once(
    installation: Installation, hall: Town, channel: Channel, listing: Listing, caplog: pytest.LogCaptureFixture
) -> None:
    hall.delivery(channel, "Jalan ditutup")
    hall.work()
    listing.shows = [seen("1", hall, "Jalan ditutup"), seen("666", hall)]

    found = [watch(installation, now=hall.clock()).found for _reading in range(3)]

    assert found == [1, 0, 0]
    assert foreign(installation) == ["666"]
    said = [record.getMessage() for record in caplog.records if "did not make" in record.getMessage()]
    assert said == ["channel board shows 1 posts that dissem did not make, the newest is https://board.example/666"]


def test_the_doctor_names_the_channel_and_the_newest_until_somebody_says_that_they_are_our_own(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.shows = [seen("7", hall), seen("8", hall)]
    watch(installation, now=hall.clock())
    with installation.database.read() as session:
        ani = session.get_one(Person, 1)
    acting = Acting(installation, ani, hall.clock)

    said = [str(one) for one in health.ailments(installation, now=hall.clock())]
    known = acknowledge(acting, "board")

    assert any("2 posts on the account of channel board" in text and "example/8" in text for text in said)
    assert {(one.remote_id, one.known, one.known_by) for one in known} == {(n, START, "ani") for n in ("7", "8")}
    assert notices(acting) == []
    assert not any("on the account" in str(one) for one in health.ailments(installation, now=hall.clock()))


def test_what_is_known_is_not_told_again_and_a_new_one_is(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.shows = [seen("7", hall)]
    watch(installation, now=hall.clock())
    with installation.database.read() as session:
        ani = session.get_one(Person, 1)
    acknowledge(Acting(installation, ani, hall.clock), "board")
    listing.shows.append(seen("8", hall))

    found = watch(installation, now=hall.clock()).found

    assert (found, foreign(installation)) == (1, ["8"])


def test_only_those_who_may_pause_a_channel_may_call_it_sound(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.shows = [seen("7", hall)]
    watch(installation, now=hall.clock())
    author = Person(
        id=9, username="cici", name="Cici", role=Role.AUTHOR, agency="kominfo", token_hash="c", created=START
    )

    with pytest.raises(NotAllowed):
        acknowledge(Acting(installation, author, hall.clock), "board")
    assert foreign(installation) == ["7"]


@pytest.mark.parametrize(
    "named",
    [
        {"number": "1"},
        {"number": "x", "also": ("1",)},
        {"number": "x", "url": "https://board.example/1"},
        {"number": "album-2"},
    ],
    ids=["id", "a file's id", "link", "a further id"],
)
def test_a_post_of_ours_is_known_by_any_of_its_names(
    installation: Installation, hall: Town, channel: Channel, listing: Listing, named: dict[str, object]
) -> None:
    hall.delivery(channel, "Jalan ditutup")
    hall.work()
    with installation.database.write() as session:
        from dissem.models import Publication

        session.exec(select(Publication)).one().also = ["album-2"]
    number, link = named["number"], named.get("url")
    listing.shows = [
        Seen(str(number), hall.clock(), str(link or "https://elsewhere.example"), "", also=named.get("also", ()))  # type: ignore[arg-type]
    ]

    assert watch(installation, now=hall.clock()).found == 0


def test_a_post_of_another_channel_of_the_same_account_is_ours(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    other, _wall = hall.channel("stories", wall="board")
    with installation.database.write() as session:
        session.get_one(Channel, other.id).account = channel.account
    other.account = channel.account
    hall.delivery(other, "Jalan ditutup")
    hall.work()
    listing.shows = [seen("1", hall, "Jalan ditutup")]

    assert watch(installation, now=hall.clock()).found == 0


def doubtful(hall: Town, channel: Channel, wall: Wall, text: str) -> int:
    """A delivery whose answer was lost and which the board does not list yet."""
    wall.fails_after = [Uncertain("the line dropped")]
    wall.hides = 1000
    number = hall.delivery(channel, text)
    hall.work()
    return number


def test_what_a_delivery_in_doubt_may_have_left_is_looked_at_again_until_the_doubt_is_over(
    installation: Installation, hall: Town, listing: Listing
) -> None:
    channel, wall = hall.channel()
    doubtful(hall, channel, wall, "Jalan ditutup")
    listing.shows = [seen("1", hall, "JALAN  ditutup"), seen("666", hall)]
    first = watch(installation, now=hall.clock() + HOUR)
    wall.hides = 0
    hall.work_for(timedelta(minutes=2), 5)

    later = watch(installation, now=hall.clock() + 2 * HOUR)

    assert (first.found, later.found) == (1, 0)
    assert foreign(installation) == ["666"]
    assert listing.asked[1] <= START


def test_a_doubt_that_lasts_hides_nothing_for_ever(installation: Installation, hall: Town, listing: Listing) -> None:
    channel, wall = hall.channel()
    doubtful(hall, channel, wall, "Jalan ditutup")
    listing.shows = [seen("1", hall, "Jalan ditutup")]

    found = [watch(installation, now=hall.clock() + hours * HOUR).found for hours in (1, 11, 13)]

    assert found == [0, 0, 1]


def test_an_account_that_cannot_be_looked_through_any_more_is_told_by_the_doctor(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    hall.channel("other")
    watch(installation, now=START)
    watch(installation, now=START + 30 * HOUR)
    with installation.database.write() as session:
        session.get_one(Reading, channel.id).watched = START

    said = [str(one) for one in health.ailments(installation, now=START + 30 * HOUR)]

    assert [text for text in said if "could not be looked through" in text] == [
        "The account of channel board could not be looked through since 2026-11-24, so foreign posts there "
        "would not be noticed."
    ]


def test_a_notice_is_taken_back_when_the_post_turns_out_to_be_ours(
    installation: Installation, hall: Town, listing: Listing
) -> None:
    channel, wall = hall.channel()
    doubtful(hall, channel, wall, "Jalan ditutup")
    listing.shows = [seen("1", hall, "The platform has rewritten it")]
    watch(installation, now=hall.clock())
    assert foreign(installation) == ["1"]
    wall.hides = 0
    hall.work_for(timedelta(minutes=2), 5)

    watch(installation, now=hall.clock())

    assert foreign(installation) == []


def test_what_was_there_before_the_channel_is_none_of_our_business(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.shows = [Seen("old", START - timedelta(seconds=1))]

    found = watch(installation, now=START + HOUR).found

    assert (found, listing.asked) == (0, [START])


def test_each_look_begins_where_the_last_one_ended_and_the_first_a_day_ago(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    now = START + 10 * FIRST_LOOK

    watch(installation, now=now)
    watch(installation, now=now + HOUR)

    assert listing.asked == [now - FIRST_LOOK, now - OVERLAP]


def test_a_list_that_cannot_be_read_is_told_and_read_from_the_same_moment_next_time(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    watch(installation, now=START)
    listing.fails = Unreachable("No answer.")
    watched = watch(installation, now=START + HOUR)
    listing.fails = None

    watch(installation, now=START + 2 * HOUR)

    assert told(watched.reasons["board"]) == "No answer."
    assert listing.asked[1] == listing.asked[2] == START


def test_a_platform_that_asks_for_a_pause_is_not_listed_before_its_end(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.fails = Throttled("Slowly.", retry_after=3 * HOUR)
    for hours in range(4):
        watch(installation, now=START + hours * HOUR)

    assert len(listing.asked) == 2
    with installation.database.read() as session:
        assert session.exec(select(Reading)).one().free_at == START + 6 * HOUR


def test_a_post_is_recorded_once_however_many_daemons_look(
    installation: Installation, hall: Town, channel: Channel, listing: Listing
) -> None:
    listing.shows = [seen("7", hall)]
    inner = Listing.recent

    def meanwhile(self: Listing, board: Noticeboard, since: datetime) -> Sequence[Seen]:
        if len(self.asked) == 0:
            self.asked.append(since)
            watch(installation, now=START)
        return inner(self, board, since)

    Listing.recent = meanwhile  # type: ignore[method-assign]
    try:
        watch(installation, now=START)
    finally:
        Listing.recent = inner  # type: ignore[method-assign]

    with installation.database.read() as session:
        assert len(session.exec(select(ForeignPost)).all()) == 1
