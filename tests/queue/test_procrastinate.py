"""The distributed engine: where it runs, lanes called, lent and given back, and what dead workers leave."""

import asyncio
import builtins
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from at_work import LIMIT, Gate, RealClock, happens, hasty, is_, run_until_idle, running, told_at_once
from sqlalchemy import func, text
from sqlmodel import col, select
from town import Clock, Town

from dissem.clock import utc_now
from dissem.config import Config
from dissem.errors import Broken, Conflict
from dissem.models import Daemon, Media, State
from dissem.queue.engines import lane_jobs, lent
from dissem.queue.engines.lane_jobs import lay_out, schema
from dissem.queue.engines.lent import Ears, Lanes
from dissem.queue.engines.procrastinate import Procrastinate
from dissem.queue.heads import Head
from dissem.queue.shared import require_media

BEAT = timedelta(milliseconds=100)

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> Clock:
    """The present instant."""
    return RealClock()


@pytest.fixture
def config(config: Config) -> Config:
    """Four senders, and waits of milliseconds."""
    return hasty(config)


def engine_of(town: Town, owner: str = "engine-1", beat: timedelta = BEAT) -> Procrastinate:
    return Procrastinate(town.installation, owner, now=utc_now, beat=beat)


def jobs(town: Town) -> list[tuple[str, str]]:
    """Status and lock of every lane job, the oldest first."""
    query = f"SELECT CAST(status AS text), lock FROM {schema()}.procrastinate_jobs ORDER BY id"  # noqa: S608
    with town.installation.database.read() as session:
        return [(status, lock) for status, lock in session.execute(text(query))]


def leaves_behind(town: Town, channel: int, status: str = "doing") -> None:
    """A lane job as a worker leaves it that was killed long ago."""
    with town.installation.database.write() as session:
        session.execute(text(f"SET LOCAL search_path TO {schema()}"))
        worker = session.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id")
        ).scalar()
        values = {"lock": str(channel), "status": status, "worker": worker, "args": f'{{"channel": {channel}}}'}
        session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id) "
                "VALUES ('lanes', 'lane', :lock, :lock, CAST(:args AS jsonb), "
                "CAST(:status AS procrastinate_job_status), :worker)"
            ),
            values,
        )


# Where it runs


@on_sqlite
def test_on_sqlite_there_are_no_workers_and_one_sentence_says_so(town: Town) -> None:
    with pytest.raises(Conflict, match="Workers need PostgreSQL") as refused:
        engine_of(town)

    assert "dissem daemon" in refused.value.hint


@on_postgresql
def test_without_the_package_one_sentence_says_what_to_install(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.split(".")[0] == "procrastinate":
            raise ImportError(name)
        return known(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(Broken, match="not installed") as refused:
        engine_of(town)

    assert "pip install 'dissem[distributed]'" in refused.value.hint


@on_postgresql
def test_its_tables_are_made_once_and_stand_beside_ours(town: Town) -> None:
    lay_out(town.installation.database)
    lay_out(town.installation.database)

    with town.installation.database.read() as session:
        query = "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name LIKE 'procrastinate%'"
        assert session.execute(text(query)).all() == [(schema(),)]


@on_postgresql
def test_a_user_who_may_make_no_schema_reads_what_to_grant(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    def refused() -> str:
        return "DO $$ BEGIN RAISE insufficient_privilege; END $$"

    monkeypatch.setattr(lane_jobs, "_form", refused)

    with pytest.raises(Broken, match="may not create a schema") as told:
        lay_out(town.installation.database)

    assert isinstance(told.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert "GRANT CREATE ON DATABASE test_" in told.value.hint


@on_postgresql
def test_dissem_worker_works_until_it_is_told_to_stop(town: Town) -> None:
    home, url = town.installation.home, town.installation.config.database.url
    (home / "config.toml").write_text(f"[database]\nurl = {json.dumps(url)}", encoding="utf-8")
    code = "import sys; from dissem.cli.main import main; sys.exit(main())"
    worker = subprocess.Popen([sys.executable, "-c", code, "--dir", str(home), "worker"], stderr=subprocess.DEVNULL)
    try:
        happens(lambda: worker.poll() is not None or _alive(town))
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(LIMIT)
    finally:
        worker.kill()

    assert status == 0
    assert not _alive(town)


def _alive(town: Town) -> int:
    with town.installation.database.read() as session:
        return session.exec(select(func.count()).select_from(Daemon).where(col(Daemon.ended).is_(None))).one()


# Lanes


@on_postgresql
def test_a_channel_with_much_to_do_is_one_job_and_nothing_of_it_is_left(town: Town) -> None:
    channel, wall = town.channel()
    for n in range(5):
        town.delivery(channel, f"kabar {n}")

    run_until_idle(engine_of(town))

    assert wall.publishes == 5
    assert jobs(town) == []
    with town.installation.database.read() as session:
        taken = session.execute(text(f"SELECT last_value FROM {schema()}.procrastinate_jobs_id_seq")).scalar()  # noqa: S608
    assert taken <= 2


@on_postgresql
def test_a_lane_called_by_somebody_is_not_called_again(town: Town) -> None:
    channel, _ = town.channel()
    town.delivery(channel)
    engine = engine_of(town)
    leaves_behind(town, channel.id or 0, status="todo")

    run_until_idle(engine)

    assert jobs(town) == []


@on_postgresql
def test_a_job_for_a_channel_with_nothing_to_do_ends_and_does_nothing(town: Town) -> None:
    channel, wall = town.channel()
    engine = engine_of(town)
    leaves_behind(town, channel.id or 0, status="todo")

    with running(engine):
        happens(lambda: not jobs(town))

    assert not wall.publishes


@on_postgresql
def test_the_lane_of_an_urgent_post_is_called_before_all_that_wait(town: Town) -> None:
    gate = Gate()
    for n in range(12):  # more than are lent at once
        channel, wall = town.channel(f"ramai-{n}")
        wall.before_publish = gate
        town.delivery(channel)
    urgent, _ = town.channel("gempa")
    query = text(f"SELECT priority FROM {schema()}.procrastinate_jobs WHERE lock = :lock")  # noqa: S608

    def priority() -> int | None:
        with town.installation.database.read() as session:
            return session.execute(query, {"lock": str(urgent.id)}).scalar()

    with running(engine_of(town)):
        happens(lambda: gate.now == 4)
        told_at_once(town, urgent, urgent=True)
        happens(lambda: priority() is not None)
        found = priority()
        gate.open.set()

    assert found == lane_jobs.URGENT


@on_postgresql
def test_a_job_that_was_lost_is_called_again_and_the_post_goes_out(town: Town) -> None:
    channel, _ = town.channel()
    with running(engine_of(town)):
        happens(is_(town, told_at_once(town, channel), State.PUBLISHED))

        with town.installation.database.write() as session:
            session.execute(text(f"TRUNCATE {schema()}.procrastinate_jobs CASCADE"))
        number = told_at_once(town, channel)

        happens(is_(town, number, State.PUBLISHED))


@on_postgresql
def test_the_lane_of_a_dead_worker_is_ended_as_failed_and_never_retried(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    engine = engine_of(town)
    leaves_behind(town, channel.id or 0)

    with running(engine):
        happens(is_(town, number, State.PUBLISHED))

    assert jobs(town) == [("failed", str(channel.id))]
    assert wall.publishes == 1


@on_postgresql
def test_a_lane_whose_end_could_not_be_written_is_not_closed_for_ever(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from procrastinate.exceptions import ConnectorException
    from procrastinate.manager import JobManager

    monkeypatch.setattr(lane_jobs, "AGAIN", 0.05)
    failures = [ConnectorException()]
    finish = JobManager.finish_job

    async def away(*job: Any, **more: Any) -> None:
        if failures:
            raise failures.pop()
        await finish(*job, **more)

    monkeypatch.setattr(JobManager, "finish_job", away)
    channel, _ = town.channel()
    with running(engine_of(town)):
        happens(is_(town, told_at_once(town, channel), State.PUBLISHED))
        happens(lambda: not failures)

        number = told_at_once(town, channel)

        happens(is_(town, number, State.PUBLISHED))


@on_postgresql
def test_an_engine_that_is_stuck_has_its_lanes_no_longer(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "SILENT", 0.05)
    lanes = Lanes(lambda: None)

    asyncio.run(asyncio.wait_for(lanes.lend(1), 5))

    assert lanes.lent() == set()


def test_a_lane_is_lent_until_it_is_given_back() -> None:
    rung: list[int] = []
    lanes = Lanes(lambda: rung.append(1))

    async def lend() -> set[int]:
        task = asyncio.create_task(lanes.lend(7))
        await asyncio.sleep(0)
        had = lanes.lent()
        await lanes.lend(7)  # a second job for the same lane has nothing to do
        lanes.give_back({7, 8})
        await asyncio.wait_for(task, 5)
        return had

    assert asyncio.run(lend()) == {7}
    assert (lanes.lent(), len(rung)) == (set(), 1)


@on_postgresql
def test_no_more_lanes_of_a_host_are_called_than_it_may_get(town: Town) -> None:
    engine = engine_of(town)
    channels = dict.fromkeys(range(1, 9), "busy.example") | {9: "calm.example"}
    found = [Head(n, n, host, "board", "dinas", urgent=False) for n, host in channels.items()]

    called = engine._to_call(found, channels, lent={1, 2}, sending={2})

    assert [head.channel for head in called] == [3, 4, 5, 6, 7, 9]
    assert [head.channel for head in engine._to_call(found, {1: "busy.example"}, (), ())] == list(channels)


# When something is away


@on_postgresql
def test_after_the_database_was_away_it_goes_on(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_jobs, "AGAIN", 0.05)
    channel, _ = town.channel()
    with running(engine_of(town)):
        happens(is_(town, told_at_once(town, channel), State.PUBLISHED))

        with town.installation.database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        number = town.delivery(channel)

        happens(is_(town, number, State.PUBLISHED))


@on_postgresql
def test_without_the_shared_media_folder_nothing_is_taken_in_hand(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    with town.installation.database.write() as session:
        session.add(Media(sha256="a" * 64, type="image/jpeg", size=5, width=1, height=1, created=utc_now()))

    with pytest.raises(Broken, match="newest media file is not in"):
        require_media(town.installation)
    with running(engine_of(town)):
        happens(lambda: "cannot look for work" in caplog.text)

    assert town.see(number).state is State.WAITING
    assert not wall.publishes


# Waking


@pytest.fixture
def ears(town: Town) -> Iterator[Callable[[timedelta], float]]:
    """ears(span) → how many seconds it waited of it."""
    made = Ears(town.installation.database)
    never = Event()

    def waits(longest: timedelta, ring: bool = False) -> float:
        began = time.monotonic()
        if ring:
            made.ring()
        made.wait(longest, never)
        return time.monotonic() - began

    yield waits
    made.close()


def test_a_ring_wakes_at_once(ears: Callable[..., float]) -> None:
    hour = timedelta(hours=1)
    ears(timedelta(0))

    waited = [ears(hour, ring=True) for _ in range(5)]

    assert all(one < 10 for one in waited)
