"""Corners in which a promise could break: what was found there once, kept shut."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import SOON, As  # type: ignore[import-not-found]
from noticeboard import WALLS, Noticeboard, Wall
from sqlalchemy import text
from sqlmodel import select
from town import Town

from dissem.channels.adapter import Account, Certainty, Receipt
from dissem.channels.errors import Refused, Throttled, Uncertain, Unreachable
from dissem.desk import channels, releases, schedule, verdicts
from dissem.desk.draft import Draft, File
from dissem.errors import Conflict
from dissem.models import Channel, ChannelState, Delivery, Held, State
from dissem.queue import carry

MINUTE = timedelta(minutes=1)


def _submitted(town: Town, acting: As, draft: Draft, *names: str) -> int:
    number: int = releases.add(acting("siti"), draft).id
    for name in names or ("board",):
        town.channel(name)
    schedule.schedule(acting("siti"), number, names or ("board",), town.clock() + SOON)
    releases.submit(acting("siti"), number)
    return number


def _approved(town: Town, acting: As, draft: Draft, *names: str) -> int:
    number = _submitted(town, acting, draft, *names)
    releases.approve(acting("rudi"), number)
    town.clock.pass_(minutes=6)
    return number


def _delivery(town: Town, number: int) -> Delivery:
    with town.installation.database.read() as session:
        return session.exec(select(Delivery).where(Delivery.release_id == number).order_by(Delivery.id)).first()


def _channel(town: Town) -> Channel:
    with town.installation.database.read() as session:
        return session.exec(select(Channel)).one()


# Approval


def test_a_yes_to_what_was_edited_after_the_look_is_refused(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    releases.preview(acting("rudi"), number)
    releases.edit(acting("siti"), number, Draft(body="Lain sekali."))
    releases.submit(acting("siti"), number)

    with pytest.raises(Conflict, match="after you looked"):
        releases.approve(acting("rudi"), number)

    assert "Lain sekali." in releases.preview(acting("rudi"), number)[0][1].parts[0].text
    releases.approve(acting("rudi"), number)


def test_a_submitted_release_is_shown_as_it_was_frozen(town: Town, acting: As, draft: Draft) -> None:
    number = _submitted(town, acting, draft)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE agency SET name = 'Nama Baru' WHERE code = 'kominfo'"))

    shown = releases.preview(acting("rudi"), number)[0][1]

    frozen = verdicts.show(acting("rudi"), _delivery(town, number).id).parts[0].post
    assert shown.parts[0].frozen() == frozen


# Writing down


def test_a_proof_is_not_lost_when_the_database_is_busy_for_a_moment(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel)
    record, busy = town.carrier.record, [Conflict("The database is busy."), Conflict("The database is busy.")]

    def sometimes(*arguments: object) -> None:
        if busy:
            raise busy.pop()
        record(*arguments)

    monkeypatch.setattr(town.carrier, "record", sometimes)

    town.work()

    assert town.see(number).state is State.PUBLISHED


def test_a_busy_database_while_preparing_does_not_pause_the_channel(
    town: Town, acting: As, draft: Draft, photo: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _approved(town, acting, replace(draft, media=(photo,)))

    def busy(*arguments: object) -> None:
        raise Conflict("The database is busy.")

    with monkeypatch.context() as patched:
        patched.setattr(town.carrier, "_save", busy)
        for claimed in town.claims.preparing(now=town.clock(), limit=5):
            town.carrier.prepare(claimed)
    assert _channel(town).state is ChannelState.ACTIVE

    town.work_for(MINUTE, 3)
    assert _delivery(town, number).state is State.PUBLISHED


def test_the_id_of_another_deliverys_post_is_for_a_person(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, _ = town.channel()
    town.delivery(channel, "satu")
    second = town.delivery(channel, "dua")
    monkeypatch.setattr(Noticeboard, "publish", lambda *_: Receipt("7", "https://board.example/7"))

    town.work(3)

    assert (town.see(second).state, town.see(second).held) == (State.HELD, Held.TWICE)


# Channels


def test_a_new_setting_while_the_platform_is_down_voids_nothing(
    town: Town, acting: As, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _approved(town, acting, draft)

    def down(adapter: Noticeboard) -> Account:
        raise Unreachable("down")

    with monkeypatch.context() as patched:
        patched.setattr(Noticeboard, "check", down)
        _, trouble = channels.edit(acting("agus"), "board", settings={"gap": "1"}, secrets={})
    town.work(2)
    assert trouble is not None
    assert _delivery(town, number).state is State.WAITING

    channels.check(acting("agus"), "board")
    town.work(2)
    assert _delivery(town, number).state is State.PUBLISHED


def test_an_answer_for_old_settings_is_not_kept_for_new_ones(
    town: Town, acting: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.channel()
    WALLS["new"] = Wall(account="other")
    check = Noticeboard.check

    def slow(adapter: Noticeboard) -> Account:
        answer = check(adapter)
        monkeypatch.setattr(Noticeboard, "check", check)
        channels.edit(acting("agus"), "board", settings={"wall": "new"}, secrets={})
        return answer

    monkeypatch.setattr(Noticeboard, "check", slow)

    with pytest.raises(Conflict, match="was changed while"):
        channels.check(acting("agus"), "board")

    assert _channel(town).account == "other"


def test_another_account_may_count_its_posts_from_one_again(town: Town, acting: As) -> None:
    channel, _ = town.channel()
    town.delivery(channel, "satu")
    town.work()
    WALLS["new"] = Wall(account="other")
    channels.edit(acting("agus"), "board", settings={"wall": "new"}, secrets={})
    second = town.delivery(_channel(town), "dua")

    town.work()

    assert town.see(second).state is State.PUBLISHED


def test_a_long_pause_counts_for_all_however_little_time_one_has_left(town: Town) -> None:
    channel, wall = town.channel()
    town.delivery(channel, "satu", lasts=2 * MINUTE)
    wall.fails = [Throttled("slow down", retry_after=timedelta(hours=1))]

    town.work()

    assert _channel(town).free_at == town.clock() + timedelta(hours=1)


def test_on_a_paused_channel_what_is_unknown_comes_before_a_person_in_the_end(
    town: Town, acting: As, draft: Draft
) -> None:
    number = _approved(town, acting, draft)
    WALLS["board"].fails = [Uncertain("the line dropped")]
    town.work()
    channels.pause(acting("rudi"), "board")

    town.work_for(timedelta(hours=1), 14)

    assert (_delivery(town, number).state, _delivery(town, number).held) == (State.HELD, Held.UNKNOWN)
    verdicts.resolve(acting("rudi"), _delivery(town, number).id, published=None)


def test_what_is_prepared_is_made_anew_rather_than_sent_in_its_last_second(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET prepared_until = next_at"))

    assert town.claims.publishing(now=town.clock(), limit=5) == []
    town.work(2)

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


# What people do


def test_a_release_that_failed_in_processing_can_be_corrected(town: Town, acting: As, draft: Draft) -> None:
    number = _approved(town, acting, draft)
    WALLS["board"].processes, WALLS["board"].stuck = 5, Refused("The video cannot be played.")
    town.work_for(MINUTE, 3)

    edited = releases.edit(acting("siti"), number, Draft(title="Diperbaiki"))

    assert edited.title == "Diperbaiki"


def test_removing_the_first_part_keeps_the_others_from_going_out(town: Town, acting: As) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, "satu", "dua", "tiga")
    town.work()

    verdicts.remove(acting("rudi"), number)
    town.work_for(MINUTE, 3)

    assert wall.publishes == 1
    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PART)
    with pytest.raises(Conflict, match="taken down already"):
        verdicts.remove(acting("rudi"), number)


def _held_by_chance(town: Town, *texts: str) -> int:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel, *texts)
    wall.fails_after = [Uncertain("the line dropped")]
    town.work_for(MINUTE, 5)
    return number


def test_a_post_known_by_address_alone_is_not_said_to_be_removed(town: Town, acting: As) -> None:
    number = _held_by_chance(town, "satu")
    verdicts.resolve(acting("rudi"), number, published="https://elsewhere.example/satu")

    with pytest.raises(Conflict, match="only the address"):
        verdicts.remove(acting("rudi"), number)


def test_the_next_part_refers_to_the_post_at_the_address_a_person_gave(town: Town, acting: As) -> None:
    number = _held_by_chance(town, "satu", "dua")

    verdicts.resolve(acting("rudi"), number, published="https://board.example/1")
    town.work_for(MINUTE, 3)

    assert [p.after for p in WALLS["board"].pinned] == [None, "1"]


def test_one_address_settles_one_delivery(town: Town, acting: As) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    first, second = town.delivery(channel, "satu"), town.delivery(channel, "dua")
    wall.fails = [Uncertain("the line dropped"), Uncertain("again")]
    town.work_for(MINUTE, 6)
    verdicts.resolve(acting("rudi"), first, published="https://board.example/1")

    with pytest.raises(Conflict, match=f"belongs to delivery {first}"):
        verdicts.resolve(acting("rudi"), second, published="https://board.example/1")


def test_a_delivery_the_gate_sent_back_goes_on_once_its_approval_holds_again(
    town: Town, acting: As, draft: Draft
) -> None:
    number = _approved(town, acting, draft)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE channel SET account = 'somebody-else'"))
    town.work()
    assert _delivery(town, number).state is State.PROPOSED
    with town.installation.database.write() as session:
        session.execute(text("UPDATE channel SET account = 'board'"))

    verdicts.retry(acting("rudi"), _delivery(town, number).id)
    town.work()

    assert _delivery(town, number).state is State.PUBLISHED


def test_a_worker_and_a_desk_do_not_lock_each_other_out(
    town: Town, acting: As, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _approved(town, acting, draft)
    (claimed,) = town.claims.publishing(now=town.clock(), limit=5)
    writing, trouble = threading.Event(), []
    keep = carry.keep_receipt

    def slow(*arguments: object) -> None:
        writing.set()
        desk.join(0.3)
        keep(*arguments)

    def plan() -> None:
        writing.wait(5)
        try:
            schedule.schedule(acting("siti"), number, ["board"], town.clock() + SOON)
        except Conflict as error:
            trouble.append(str(error))

    monkeypatch.setattr(carry, "keep_receipt", slow)
    desk = threading.Thread(target=plan)
    desk.start()

    town.carrier.publish(claimed)
    desk.join()

    assert _delivery(town, number).state is State.PUBLISHED
    assert len(trouble) == 1
