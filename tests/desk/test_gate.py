"""Nothing gets past the gate, whatever door it comes through, and each refusal says why."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from conftest import SOON, As  # type: ignore[import-not-found]
from sqlalchemy import text
from sqlmodel import select
from town import Town

from dissem.compose.media import stored
from dissem.desk import releases, schedule
from dissem.desk.draft import Draft, File
from dissem.errors import told
from dissem.models import Channel, Delivery, Part, State

Trick = Callable[[Town, int], None]


def _sql(*statements: str) -> Trick:
    def run(town: Town, number: int) -> None:
        with town.installation.database.write() as session:
            for statement in statements:
                session.execute(text(statement), {"release": number} if ":release" in statement else {})

    return run


def _changed_part(town: Town, number: int) -> None:
    with town.installation.database.write() as session:
        part = session.exec(select(Part)).one()
        part.post = {**part.post, "text": "Judi daring gratis"}
        session.add(part)


def _other_account(town: Town, number: int) -> None:
    with town.installation.database.write() as session:
        channel = session.exec(select(Channel)).one()
        channel.account = "somebody-else"
        session.add(channel)


TRICKS: dict[str, tuple[Trick, str]] = {
    "a part changed after approval": (_changed_part, "not what was approved"),
    "the channel connected to another account since": (_other_account, "another account"),
    "the approval deleted": (
        _sql("DELETE FROM approveddelivery", "DELETE FROM approval"),
        "no valid approval",
    ),
    "the approval voided": (_sql("UPDATE approval SET voided = at"), "no valid approval"),
    "the release set back to draft": (_sql("UPDATE release SET state = 'draft'"), "no valid approval"),
    "the content hash replaced": (_sql("UPDATE release SET content_hash = 'x'"), "no valid approval"),
    "the due time moved": (_sql("UPDATE delivery SET due = not_before, urgent = true"), "not what was approved"),
    "made urgent": (_sql("UPDATE delivery SET urgent = true"), "not what was approved"),
    "the window widened": (_sql("UPDATE delivery SET until = '2030-01-01 00:00:00+00'"), "not what was approved"),
}


@pytest.fixture
def approved(town: Town, acting: As) -> int:
    """An approved release with an embargo, due in five minutes."""
    town.channel("board")
    draft = Draft(title="Judul", body="Isi.", not_before=town.clock() + timedelta(minutes=1))
    number: int = releases.add(acting("siti"), draft).id
    schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)
    releases.submit(acting("siti"), number)
    releases.approve(acting("rudi"), number)
    return number


def _delivery(town: Town) -> Delivery:
    with town.installation.database.read() as session:
        return session.exec(select(Delivery)).one()


def test_without_a_trick_it_is_published(town: Town, approved: int) -> None:
    town.clock.pass_(minutes=6)

    town.work(2)

    assert _delivery(town).state is State.PUBLISHED


@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_is_published_and_it_says_why(town: Town, approved: int, trick: str) -> None:
    play, why = TRICKS[trick]
    play(town, approved)
    town.clock.pass_(minutes=6)

    town.work(3)

    assert town.walls("board")[0].publishes == 0
    assert _delivery(town).state is State.PROPOSED
    assert why in told(_delivery(town).reason)


def test_a_delivery_set_to_waiting_by_sql_without_approval_is_not_published(town: Town, acting: As) -> None:
    town.channel("board")
    number = releases.add(acting("siti"), Draft(title="Judul", body="Isi.")).id
    schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)
    releases.submit(acting("siti"), number)
    _sql("UPDATE delivery SET state = 'waiting'")(town, number)
    town.clock.pass_(minutes=6)

    town.work(3)

    assert town.walls("board")[0].publishes == 0
    assert "no valid approval" in told(_delivery(town).reason)


def test_a_media_file_changed_after_approval_is_not_sent(town: Town, acting: As, photo: File) -> None:
    town.channel("board")
    number = releases.add(acting("siti"), Draft(title="Judul", body="Isi.", media=(photo,))).id
    schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)
    releases.submit(acting("siti"), number)
    releases.approve(acting("rudi"), number)
    with town.installation.database.read() as session:
        attachment = session.exec(select(Part)).one().post["attachments"][0]
    file = stored(town.installation.media, attachment["sha256"], attachment["type"])
    file.write_bytes(file.read_bytes() + b"x")
    town.clock.pass_(minutes=6)

    town.work(3)

    assert town.walls("board")[0].publishes == 0
    assert _delivery(town).state is State.REFUSED
    assert "changed after it was approved" in told(_delivery(town).reason)


def test_nothing_goes_out_before_the_embargo_even_if_the_next_look_is_moved_by_sql(town: Town, approved: int) -> None:
    _sql("UPDATE delivery SET next_at = since")(town, approved)

    town.work(3)

    assert town.walls("board")[0].publishes == 0
    assert _delivery(town).state is State.WAITING
