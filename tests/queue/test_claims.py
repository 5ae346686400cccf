"""Who gets a delivery, and what happens to those of the dead."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from town import Town

from dissem.channels.adapter import Certainty
from dissem.channels.errors import Unreachable
from dissem.errors import told
from dissem.models import Held, State
from dissem.queue import reconcile
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claims, end_leases, sweep


def test_of_many_owners_one_gets_it(town: Town) -> None:
    numbers = [town.delivery(town.channel(f"papan-{n}")[0]) for n in range(8)]
    taken: list[int] = []
    start = threading.Barrier(6)

    def claim(owner: str) -> None:
        claims = Claims(town.installation.database, owner, town.installation.config.timing)
        start.wait()
        for _ in range(10):
            taken.extend(c.delivery.id or 0 for c in claims.publishing(now=town.clock(), limit=3))

    threads = [threading.Thread(target=claim, args=(f"owner-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(numbers)


def test_a_channel_publishes_one_at_a_time_urgent_ones_first(town: Town) -> None:
    channel, _ = town.channel()
    town.delivery(channel, "biasa")
    town.clock.pass_(minutes=1)
    urgent = town.delivery(channel, "darurat", urgent=True)

    first = town.claims.publishing(now=town.clock(), limit=10)
    second = town.claims.publishing(now=town.clock(), limit=10)

    assert [c.delivery.id for c in first] == [urgent]
    assert second == []


def test_one_host_gets_no_more_than_its_room(town: Town) -> None:
    for number in range(6):
        town.delivery(town.channel(f"papan-{number}", api_url="https://board.example")[0])
    town.delivery(town.channel("lain", api_url="https://other.example")[0])

    taken = town.claims.publishing(now=town.clock(), limit=10, room={"board.example": 2})

    assert sorted(c.channel.host for c in taken) == ["board.example", "board.example", "other.example"]


def test_the_dead_ones_sending_is_unknown_never_ready_again(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    town.claims.publishing(now=town.clock(), limit=1)
    town.clock.pass_(minutes=10)

    sweep(town.installation.database, town.installation.config.timing, now=town.clock())

    assert town.see(number).state is State.UNKNOWN
    assert "may be public" in told(town.see(number).reason)
    assert wall.publishes == 0


def test_on_sqlite_the_next_daemon_need_not_wait_for_the_lease(town: Town) -> None:
    channel, _ = town.channel()
    number = town.delivery(channel)
    town.claims.publishing(now=town.clock(), limit=1)

    end_leases(town.installation.database, now=town.clock(), but="worker-2")
    sweep(town.installation.database, town.installation.config.timing, now=town.clock())

    assert town.see(number).state is State.UNKNOWN


def test_a_late_receipt_is_kept_and_publishes(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel)
    slow = town.claims.publishing(now=town.clock(), limit=1)[0]
    town.clock.pass_(minutes=10)
    town.work(2)
    assert town.see(number).held is Held.UNKNOWN

    town.carrier.publish(slow)

    assert town.see(number).state is State.PUBLISHED
    assert [p.remote_id for p in town.publications(number)] == ["1"]


def test_a_late_receipt_of_a_processing_post_is_asked_after(town: Town) -> None:
    channel, wall = town.channel()
    wall.processes, wall.hides = 2, 100
    number = town.delivery(channel)
    slow = town.claims.publishing(now=town.clock(), limit=1)[0]
    town.clock.pass_(minutes=10)
    town.work()
    assert town.see(number).state is State.UNKNOWN

    town.carrier.publish(slow)
    assert town.see(number).state is State.PROCESSING

    town.work_for(timedelta(minutes=1), 5)
    assert town.see(number).state is State.PUBLISHED


def test_a_late_failure_moves_nothing(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel)
    slow = town.claims.publishing(now=town.clock(), limit=1)[0]
    town.clock.pass_(minutes=10)
    town.work(2)
    wall.fails = [Unreachable("no route")]

    town.carrier.publish(slow)

    assert town.see(number).held is Held.UNKNOWN


def test_whoever_slept_after_the_claim_does_not_send(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    claimed = town.claims.publishing(now=town.clock(), limit=1)[0]

    town.carrier.publish(replace(claimed, taken=time.clock_gettime(time.CLOCK_BOOTTIME) - 60))

    assert wall.publishes == 0
    assert town.see(number).state is State.WAITING


def test_two_deaths_while_preparing_hold_it(town: Town) -> None:
    channel, _ = town.channel()
    number = town.delivery(channel, attachments=_photo(town))

    for _ in range(2):
        assert town.claims.preparing(now=town.clock(), limit=1)
        town.clock.pass_(minutes=5)
        sweep(town.installation.database, town.installation.config.timing, now=town.clock())

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.POISON)


def test_preparing_goes_on_where_it_stopped(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, attachments=_photo(town, count=3))
    wall.prepare_fails = []

    class Power(BaseException):
        pass

    steps: list[str] = []

    def dies(point: str) -> None:
        steps.append(point)
        if steps.count("after step") == 2:
            raise Power

    dying = Carrier(town.installation, now=town.clock, reached=dies)
    with pytest.raises(Power):
        dying.prepare(town.claims.preparing(now=town.clock(), limit=1)[0])
    town.clock.pass_(minutes=5)
    town.work(2)

    assert town.see(number).state is State.PUBLISHED
    assert len(wall.prepared) == 3


def test_dying_at_any_point_of_publishing_ends_in_one_post(town: Town) -> None:
    class Power(BaseException):
        pass

    for point in ("before publish", "after publish", "after look"):
        channel, wall = town.channel(f"papan-{point.replace(' ', '-')}")
        wall.certainty = Certainty.KEYED
        number = town.delivery(channel, f"Halo {point}")

        def dies(reached: str, point: str = point) -> None:
            if reached == point:
                raise Power

        dying = Carrier(town.installation, now=town.clock, reached=dies)
        try:
            for claimed in town.claims.publishing(now=town.clock(), limit=1):
                dying.publish(claimed)
            town.clock.pass_(minutes=5)
            for claimed in town.claims.looking(now=town.clock(), limit=1):
                reconcile.look(dying, claimed)
        except Power:
            pass
        town.work_for(timedelta(minutes=2), 20)

        assert town.see(number).state is State.PUBLISHED, point
        assert len(wall.pinned) == 1, point


def _photo(town: Town, count: int = 1) -> tuple[object, ...]:
    import hashlib

    from dissem.channels.adapter import Attachment
    from dissem.compose.media import stored

    made = []
    for number in range(count):
        content = f"photo {number}".encode()
        name = hashlib.sha256(content).hexdigest()
        path = stored(town.installation.media, name, "image/jpeg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.append(Attachment(name, path, "image/jpeg", len(content), 10, 10))
    return tuple(made)
