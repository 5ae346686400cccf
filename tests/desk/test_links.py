"""The website goes first, the others show its link: `link_from`."""

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import SOON, As  # type: ignore[import-not-found]
from sqlmodel import select
from town import Town

from dissem.channels.errors import Refused, Uncertain
from dissem.desk import releases, schedule, verdicts
from dissem.desk.draft import Draft
from dissem.errors import Conflict, NotFound, told
from dissem.models import Delivery, State

MINUTE = timedelta(minutes=1)


def _approved(town: Town, acting: As, draft: Draft) -> int:
    """Release on "website" and "board", approved; the board links to the website."""
    town.channel("website")
    town.channel("board")
    number: int = releases.add(acting("siti"), replace(draft, link_from="website")).id
    schedule.schedule(acting("siti"), number, ["website", "board"], town.clock() + SOON)
    releases.submit(acting("siti"), number)
    releases.approve(acting("rudi"), number)
    return number


def _deliveries(town: Town, number: int) -> tuple[Delivery, Delivery]:
    with town.installation.database.read() as session:
        query = select(Delivery).where(Delivery.release_id == number).order_by(Delivery.id)
        website, board = session.exec(query)
        return website, board


def test_the_others_show_the_link_of_the_first(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    website, board = town.walls("website", "board")
    town.clock.pass_(minutes=6)

    town.work(3)

    assert [p.text.count("http") for p in website.pinned] == [0]
    assert len(board.pinned) == 1
    assert board.pinned[0].text.endswith("https://board.example/1")
    assert "example.com" not in board.pinned[0].text
    assert [d.state for d in _deliveries(town, number)] == [State.PUBLISHED, State.PUBLISHED]


def test_nothing_goes_out_before_the_link_is_there(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    website, board = town.walls("website", "board")
    website.fails_after = [Uncertain("the line dropped")]
    website.hides = 1
    town.clock.pass_(minutes=6)

    town.work(2)
    assert board.pinned == []

    town.work_for(MINUTE, 8)
    assert [d.state for d in _deliveries(town, number)] == [State.PUBLISHED, State.PUBLISHED]
    assert len(board.pinned) == 1


def test_those_that_wait_say_why_when_the_first_is_refused(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    website, board = town.walls("website", "board")
    website.fails = [Refused("no")]
    town.clock.pass_(minutes=6)

    town.work(3)

    assert board.pinned == []
    waiting = _deliveries(town, number)[1]
    assert waiting.state is State.WAITING
    assert "website, which is not published" in told(waiting.reason)


def test_a_retry_of_the_first_lets_the_others_follow(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    website, board = town.walls("website", "board")
    website.fails = [Refused("no")]
    town.clock.pass_(minutes=6)
    town.work(3)

    verdicts.retry(acting("rudi"), _deliveries(town, number)[0].id or 0)
    town.work(3)

    assert len(website.pinned) == len(board.pinned) == 1


def test_if_the_link_never_comes_it_is_missed_and_says_so(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    website, board = town.walls("website", "board")
    website.fails = [Refused("no")]
    town.clock.pass_(minutes=6)
    town.work(2)

    town.clock.pass_(hours=13)
    town.work(2)

    late = _deliveries(town, number)[1]
    assert late.state is State.MISSED
    assert "The link it should show" in told(late.reason)
    assert board.pinned == []


def test_a_lost_answer_of_one_that_shows_a_link_is_found_again(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    _, board = town.walls("website", "board")
    board.fails_after = [Uncertain("the line dropped")]
    town.clock.pass_(minutes=6)

    town.work_for(MINUTE, 6)

    assert _deliveries(town, number)[1].state is State.PUBLISHED
    assert board.publishes == 1


def test_the_link_must_come_from_a_channel_it_is_scheduled_on(town: Town, acting: As, draft: Draft) -> None:
    town.channel("website")
    town.channel("board")
    number: int = releases.add(acting("siti"), replace(draft, link_from="website")).id
    schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)

    with pytest.raises(Conflict, match="not scheduled"):
        releases.submit(acting("siti"), number)


def test_the_first_must_not_be_due_after_those_that_wait_for_it(town: Town, acting: As, draft: Draft) -> None:
    town.channel("website")
    town.channel("board")
    number: int = releases.add(acting("siti"), replace(draft, link_from="website")).id
    schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)
    schedule.schedule(acting("siti"), number, ["website"], town.clock() + 2 * SOON)

    with pytest.raises(Conflict, match="before website"):
        releases.submit(acting("siti"), number)


def test_a_channel_that_is_not_there_cannot_lead(acting: As, draft: Draft) -> None:
    with pytest.raises(NotFound):
        releases.add(acting("siti"), replace(draft, link_from="nowhere"))


def test_the_preview_shows_the_place_of_the_link(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)

    texts = {channel.name: post.parts[0].text for channel, post in releases.preview(acting("rudi"), number)}

    assert "http" not in texts["website"]
    assert "https://example.com/link-" in texts["board"]
