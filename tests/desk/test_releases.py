"""A release from draft to public, and what an edit does to it on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import SOON, As  # type: ignore[import-not-found]
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from town import Town

from dissem.desk import releases, schedule, verdicts
from dissem.desk.draft import Draft, File
from dissem.errors import Conflict, NotAllowed, WrongInput
from dissem.models import Approval, AuditEntry, Delivery, Held, ReleaseState, State


def _submitted(town: Town, acting: As, draft: Draft, *names: str) -> int:
    number: int = releases.add(acting("siti"), draft).id
    for name in names or ("board",):
        town.channel(name)
    schedule.schedule(acting("siti"), number, names or ("board",), town.clock() + SOON)
    releases.submit(acting("siti"), number)
    return number


def _deliveries(town: Town, number: int) -> list[Delivery]:
    with town.installation.database.read() as session:
        return list(session.exec(select(Delivery).where(Delivery.release_id == number).order_by(Delivery.id)))


def test_the_usual_way_ends_public_and_recorded(town: Town, acting: As, draft: Draft, photo: File) -> None:
    number = _submitted(town, acting, replace(draft, media=(photo,)))
    releases.approve(acting("rudi"), number)
    town.clock.pass_(minutes=6)

    town.work(3)

    delivery = _deliveries(town, number)[0]
    assert delivery.state is State.PUBLISHED
    with town.installation.database.read() as session:
        assert [e.action for e in session.exec(select(AuditEntry).order_by(AuditEntry.id))] == [
            "release.add",
            "release.schedule",
            "release.submit",
            "release.approve",
        ]


def test_preview_shows_exactly_what_is_then_sent(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)

    shown = releases.preview(acting("rudi"), number)[0][1]
    case = verdicts.show(acting("rudi"), _deliveries(town, number)[0].id)

    assert [part.frozen() for part in shown.parts] == [part.post for part in case.parts]


@pytest.mark.parametrize("who", ["siti", "tono", "agus"])
def test_the_author_a_stranger_and_an_admin_cannot_approve(town: Town, acting: As, draft: Draft, who: str) -> None:
    number = _submitted(town, acting, draft)

    with pytest.raises(NotAllowed):
        releases.approve(acting(who), number)

    assert _deliveries(town, number)[0].state is State.PROPOSED


def test_whoever_edited_last_cannot_approve(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    releases.edit(acting("rudi"), number, Draft(title="Jembatan ditutup dua jam"))
    releases.submit(acting("rudi"), number)

    with pytest.raises(NotAllowed, match="last edited"):
        releases.approve(acting("rudi"), number)


def test_the_database_itself_refuses_a_yes_to_ones_own_work(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)

    with pytest.raises(IntegrityError), town.installation.database.write() as session:
        session.add(
            Approval(release_id=number, content_hash="x", approver_id=11, author_id=11, editor_id=12, at=town.clock())
        )


@pytest.mark.parametrize(
    "change",
    [
        Draft(title="Anders"),
        Draft(body="Isi lain."),
        Draft(link="https://padang.go.id/x"),
        Draft(urgent=True),
        Draft(tags=("Padang",)),
    ],
)
def test_any_edit_voids_the_approval(town: Town, acting: As, draft: Draft, change: Draft) -> None:
    number = _submitted(town, acting, draft)
    releases.approve(acting("rudi"), number)

    releases.edit(acting("siti"), number, change)
    town.clock.pass_(minutes=10)
    town.work(2)

    shown = releases.show(acting("siti"), number)
    assert shown.release.state is ReleaseState.DRAFT
    assert shown.approval is None
    assert _deliveries(town, number)[0].state is State.PROPOSED


def test_another_time_or_channel_voids_it_too(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    town.channel("kedua")
    for change in (
        lambda: schedule.reschedule(acting("siti"), _deliveries(town, number)[0].id, town.clock() + 2 * SOON),
        lambda: schedule.schedule(acting("siti"), number, ["kedua"], town.clock() + SOON),
    ):
        releases.approve(acting("rudi"), number)
        change()

        assert releases.show(acting("siti"), number).release.state is ReleaseState.DRAFT
        releases.submit(acting("siti"), number)


def test_a_yes_counts_only_for_what_was_submitted(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET urgent = NOT urgent"))

    with pytest.raises(Conflict, match="has changed"):
        releases.approve(acting("rudi"), number)


def test_while_it_may_be_public_nothing_is_edited(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    releases.approve(acting("rudi"), number)
    town.clock.pass_(minutes=6)
    claimed = town.claims.publishing(now=town.clock(), limit=1)

    with pytest.raises(Conflict, match="being published"):
        releases.edit(acting("siti"), number, Draft(title="Anders"))

    town.carrier.publish(claimed[0])
    with pytest.raises(Conflict, match="public"):
        releases.withdraw(acting("siti"), number)


def test_schedule_is_all_or_nothing(town: Town, acting: As, draft: Draft) -> None:
    number = releases.add(acting("siti"), draft).id
    town.channel("satu")

    with pytest.raises(Exception, match="no channel"):
        schedule.schedule(acting("siti"), number, ["satu", "tiada"], town.clock() + SOON)

    assert _deliveries(town, number) == []


def test_a_past_time_and_one_before_the_embargo_are_refused(town: Town, acting: As, draft: Draft) -> None:
    town.channel("satu")
    number = releases.add(acting("siti"), replace(draft, not_before=town.clock() + timedelta(hours=1))).id

    with pytest.raises(WrongInput):
        schedule.schedule(acting("siti"), number, ["satu"], town.clock() - SOON)
    with pytest.raises(WrongInput, match="embargo"):
        schedule.schedule(acting("siti"), number, ["satu"], town.clock() + SOON)


def test_what_one_channel_was_told_stays_apart_from_others(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft, "satu", "dua")
    releases.approve(acting("rudi"), number)
    first = _deliveries(town, number)[0]

    schedule.cancel(acting("siti"), first.id)
    town.clock.pass_(minutes=6)
    town.work(2)

    assert [d.state for d in _deliveries(town, number)] == [State.CANCELLED, State.PUBLISHED]


def test_a_rejected_release_can_be_mended_and_submitted_again(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)

    releases.reject(acting("rudi"), number, "Nama jembatan salah.")
    assert releases.show(acting("siti"), number).release.reason == "Nama jembatan salah."

    releases.edit(acting("siti"), number, Draft(body="Benar."))
    releases.submit(acting("siti"), number)
    releases.approve(acting("rudi"), number)
    assert _deliveries(town, number)[0].state is State.WAITING


def test_a_person_s_verdicts_on_a_held_delivery(town: Town, acting: As, draft: Draft) -> None:
    from dissem.channels.adapter import Certainty
    from dissem.channels.errors import Uncertain

    number = _submitted(town, acting, draft, "satu", "dua")
    releases.approve(acting("rudi"), number)
    for wall in town.walls("satu", "dua"):
        wall.certainty, wall.fails = Certainty.BLIND, [Uncertain("the line dropped")]
    town.clock.pass_(minutes=6)
    town.work(1)
    town.clock.pass_(minutes=1)
    town.work(1)
    first, second = _deliveries(town, number)
    assert (first.held, second.held) == (Held.UNKNOWN, Held.UNKNOWN)

    with pytest.raises(Conflict, match="too early"):
        verdicts.resolve(acting("rudi"), first.id, published=None)
    with pytest.raises(Conflict, match="cannot be retried"):
        verdicts.retry(acting("rudi"), first.id)
    verdicts.resolve(acting("rudi"), second.id, published="https://t.me/kota/7")
    town.clock.pass_(minutes=5)
    verdicts.resolve(acting("rudi"), first.id, published=None)
    town.work(2)

    assert [d.state for d in _deliveries(town, number)] == [State.PUBLISHED, State.PUBLISHED]
    assert [p.url for p in town.publications(second.id)] == ["https://t.me/kota/7"]


def test_a_refused_delivery_goes_again_after_retry_if_still_approved(town: Town, acting: As, draft: Draft) -> None:
    from dissem.channels.errors import Refused

    number = _submitted(town, acting, draft)
    releases.approve(acting("rudi"), number)
    town.walls("board")[0].fails = [Refused("spam filter")]
    town.clock.pass_(minutes=6)
    town.work(1)
    delivery = _deliveries(town, number)[0]
    assert delivery.state is State.REFUSED

    verdicts.retry(acting("rudi"), delivery.id)
    town.work(1)

    assert _deliveries(town, number)[0].state is State.PUBLISHED


def test_remove_takes_the_post_down(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    releases.approve(acting("rudi"), number)
    town.clock.pass_(minutes=6)
    town.work(1)
    delivery = _deliveries(town, number)[0]

    verdicts.remove(acting("rudi"), delivery.id)

    assert town.walls("board")[0].pinned == []
    assert town.publications(delivery.id)[0].removed


def test_more_posts_than_a_channel_may_make_in_a_day_are_not_planned(town: Town, acting: As, draft: Draft) -> None:
    town.channel(daily=1)
    first, second = (releases.add(acting("siti"), replace(draft, title=title)).id for title in ("Satu", "Dua"))
    schedule.schedule(acting("siti"), first, ["board"], town.clock() + SOON)

    with pytest.raises(Conflict, match="1 posts within a day"):
        schedule.schedule(acting("siti"), second, ["board"], town.clock() + 2 * SOON)

    schedule.schedule(acting("siti"), second, ["board"], town.clock() + timedelta(days=2))
