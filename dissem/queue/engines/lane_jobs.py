"""Lane jobs in the hands of procrastinate: who works on which channel, on any number of machines.

A job says "look at this channel's lane" and nothing more. While it runs, the lane is lent to this process; what is
published, and whether, the claim on the row decides. A job that is lost, or runs twice, does no harm: so its tables are
written without waiting for the disk, may be dropped at any time, and lie in a PostgreSQL schema of their own, named
after their form. Another procrastinate with other tables makes other ones beside them.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dissem.errors import Broken, Conflict
from dissem.queue.engines.lent import Lanes
from dissem.queue.heads import Head
from dissem.store.database import Database

if TYPE_CHECKING:
    from procrastinate import App

log = logging.getLogger(__name__)

QUEUE, TASK = "lanes", "lane"
BEAT = timedelta(seconds=10)  # between two signs of life of a worker
BEATS = 3  # so many missed, and it is taken for dead
CONNECTIONS = 4  # to the database, beside the one that listens
AGAIN = 1.0  # seconds until it is tried anew after the database was away
URGENT = 1  # a job's priority; the others have none
KEPT = 24 * 7  # hours that the jobs of the dead are kept to be looked at
_LOCK = 7_235_419  # one worker at a time makes the tables
_OPEN = "SELECT lock FROM procrastinate_jobs WHERE queue_name = 'lanes' AND status IN ('todo', 'doing')"


def lay_out(database: Database) -> None:
    """Make procrastinate's tables where they are not yet. Conflict on SQLite, Broken without the package."""
    if database.is_sqlite:
        raise Conflict(
            "Workers need PostgreSQL; this installation has SQLite.",
            hint="Run the daemon, which carries everything out itself: dissem daemon",
        )
    form, name = _form(), schema()
    import psycopg

    try:
        with database.write() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if session.execute(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": name}).first():
                return
            raw: Any = session.connection().connection.driver_connection
            raw.execute(f"CREATE SCHEMA {name}; SET LOCAL search_path TO {name}; {form}")
    except psycopg.errors.InsufficientPrivilege as error:
        raise Broken(
            "The workers' tables cannot be made: the database user may not create a schema.",
            hint="Once, as the database's owner: GRANT CREATE ON DATABASE {database} TO {user}",
            database=database.engine.url.database,
            user=database.engine.url.username,
        ) from error


def _form() -> str:
    """The SQL that makes the tables."""
    try:
        from procrastinate.schema import SchemaManager
    except ImportError as error:
        raise Broken(
            "Workers need the package procrastinate, which is not installed.",
            hint="Run: pip install 'dissem[distributed]'",
        ) from error
    return SchemaManager.get_schema()


def schema() -> str:
    """Name of the PostgreSQL schema with the tables of the procrastinate that is installed."""
    return f"procrastinate_{sha256(_form().encode()).hexdigest()[:8]}"


class LaneJobs:
    """procrastinate's worker, in a thread of its own; it begins anew after the database was away."""

    def __init__(self, database: Database, lanes: Lanes, most: int, beat: timedelta = BEAT) -> None:
        """Up to *most* lanes are lent to this process at once; *beat* is the time between two signs of life."""
        self._database = database
        self._lanes = lanes
        self._most = most
        self._beat = beat.total_seconds()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="lane jobs", daemon=True)
        self._closing = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._working: asyncio.Task[None] | None = None
        self._app: App | None = None  # while it is connected
        self._calling: Any = None

    def start(self) -> None:
        self._thread.start()

    def call(self, heads: Sequence[Head]) -> None:
        """Have somebody, perhaps us, look at the lanes of *heads*, in this order; those called already are left out."""
        if self._loop is None or self._app is None or not heads or (self._calling and not self._calling.done()):
            return
        with suppress(RuntimeError):  # the loop ends at this moment
            self._calling = asyncio.run_coroutine_threadsafe(self._call(self._app, heads), self._loop)

    def take_no_more(self) -> None:
        """Let no further lanes be lent; those that are stay so until they are given back."""
        self._closing.set()
        loop, working = self._loop, self._working
        if loop and working:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(working.cancel)

    def finish(self, seconds: float) -> None:
        """End, when every lane is given back; wait no longer than so many *seconds*."""
        self.take_no_more()
        self._thread.join(seconds)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: log.info("lane jobs: %s", context["message"]))
        while not self._closing.is_set():
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows are as they are and lanes are called anew
                log.error("lane jobs stop for a moment: %s", type(error).__name__)
            finally:
                self._app = None
            if not self._closing.is_set():
                await asyncio.sleep(AGAIN)

    async def _work(self) -> None:
        app = self._made()
        async with app.open_async():
            self._app = app
            await app.job_manager.delete_old_jobs(nb_hours=KEPT, queue=QUEUE, include_failed=True, include_aborted=True)
            self._working = asyncio.create_task(self._worker(app))
            tasks = (self._working, *map(asyncio.create_task, (self._care(app), self._fails(app))))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _worker(self, app: "App") -> None:
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=self._most,
            fetch_job_polling_interval=AGAIN,
            delete_jobs="always",
            install_signal_handlers=False,
            shutdown_graceful_timeout=AGAIN,  # a lane that is in use may go to others: the claim decides
            update_heartbeat_interval=self._beat,
            stalled_worker_timeout=self._beat * BEATS,
        )

    async def _care(self, app: "App") -> None:
        """End the jobs of workers that died, so that their lanes can be called again."""
        while True:
            await end_stalled(app, self._beat * BEATS)
            await asyncio.sleep(self._beat)

    async def _fails(self, app: "App") -> None:
        """Return when the end of a job could not be written. A new worker is begun then: what the old one had in hand
        counts as a dead worker's, or that lane would be closed for as long as we live."""
        failed = asyncio.Event()
        finish = app.job_manager.finish_job

        async def finished(*job: Any, **more: Any) -> None:
            try:
                await finish(*job, **more)
            except Exception:  # whatever it was, the job is not known to be over
                failed.set()
                raise

        app.job_manager.finish_job = finished  # type: ignore[method-assign]
        await failed.wait()
        log.warning("a lane could not be given back")

    async def _call(self, app: "App", heads: Sequence[Head]) -> None:
        from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

        lane = app.tasks[TASK]
        for _ in range(3):  # others call the same lanes at the same moment
            try:
                rows = await app.connector.execute_query_all_async(_OPEN)
                called = {row["lock"] for row in rows}
                jobs = [
                    lane.configure(
                        lock=str(head.channel),
                        queueing_lock=str(head.channel),
                        priority=URGENT if head.urgent else 0,
                        task_kwargs={"channel": head.channel},
                    ).job
                    for head in heads
                    if str(head.channel) not in called
                ]
                if jobs:
                    await app.job_manager.batch_defer_jobs_async(jobs)
                return
            except AlreadyEnqueued:
                continue
            except ConnectorException as error:  # the next look at the queue calls them again
                log.warning("lanes could not be called: %s", type(error.__cause__ or error).__name__)
                return

    def _made(self) -> "App":
        """procrastinate on our database, knowing the one task there is."""
        from procrastinate import App, PsycopgConnector

        url = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        options = f"-c search_path={schema()} -c synchronous_commit=off"
        connector = PsycopgConnector(
            pool_factory=_pool,
            conninfo=url,
            kwargs={"options": options},
            configure=_single_statements,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=10.0,
        )
        app = App(connector=connector)

        @app.task(name=TASK, queue=QUEUE)
        async def lane(channel: int) -> None:
            await self._lanes.lend(channel)

        return app


def _pool(**options: Any) -> Any:
    """Connections that are not asked before each use whether they live: if one does not, all is begun anew."""
    from psycopg_pool import AsyncConnectionPool

    return AsyncConnectionPool(**{**options, "check": None})


async def _single_statements(connection: Any) -> None:
    """Each statement is a transaction of its own, which saves two round trips."""
    await connection.set_autocommit(True)


async def end_stalled(app: "App", seconds: float) -> int:
    """End as failed what workers have in hand that were silent for *seconds*; answers how many. Never retried: whoever
    looks at the queue next calls these lanes again, if there is still something to do."""
    from procrastinate.exceptions import ConnectorException
    from procrastinate.jobs import Status

    ended = 0
    for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=seconds):
        with suppress(ConnectorException):  # somebody else ended it a moment earlier
            await app.job_manager.finish_job_by_id_async(job.id or 0, Status.FAILED, delete_job=False)
            ended += 1
    if ended:
        log.warning("a worker is gone: %d lanes it had in hand are free again", ended)
    return ended
