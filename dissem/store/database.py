"""Sessions on SQLite and PostgreSQL alike.

SQLite: WAL, `synchronous=FULL` (an attempt that is committed survives a power cut), writers take the lock when they
begin, so that nothing they read can change under them. PostgreSQL: a reader sees one snapshot; a writer runs READ
COMMITTED and makes its writes conditional on what it expects. No transaction is held over a network call.
"""

import select
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlmodel import Session

from dissem.errors import Broken, Conflict

HEAD = "0003"  # the newest migration; a test holds it equal to what the folder says
BUSY = 5.0  # seconds a writer waits for another
RESTED = 1.0  # seconds after which a connection to PostgreSQL is asked whether it still lives
LAST_BACKUP = "Stop the daemon and bring back the last backup: dissem restore FILE --replace"

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "secure_delete=ON")


class Database:
    """One database, used by any number of threads."""

    def __init__(self, url: str, *, connections: int = 50, busy: float = BUSY) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"pool_size": connections, "max_overflow": connections, "pool_timeout": 30}
        if self.is_sqlite:
            self.engine = create_engine(url, creator=lambda: self._connect_sqlite(busy), **options)
            _teach_sqlite(self.engine)
        else:
            self.engine = _postgresql(url, options)
        self._writer = self.engine.execution_options(writing=True)
        # SQLite takes one writer at a time and lets the others sleep and try again: here they stand in a line.
        self._line: AbstractContextManager[Any] = threading.RLock() if self.is_sqlite else nullcontext()
        self._reader = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )

    @property
    def file(self) -> Path | None:
        """The database file, None for PostgreSQL."""
        return Path(str(self.engine.url.database)) if self.is_sqlite else None

    def create(self) -> None:
        """Make an empty SQLite file where there is none. Nothing else does: a lost file is not to be taken for an
        installation in which nothing was ever published."""
        if self.file:
            self.file.touch(mode=0o600)

    def _connect_sqlite(self, busy: float) -> sqlite3.Connection:
        file = f"{Path(str(self.file)).absolute().as_uri()}?mode=rw"
        return sqlite3.connect(file, uri=True, timeout=busy, check_same_thread=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment and changes nothing."""
        with self._explained(), Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session
            if not self.is_sqlite:  # which may not write here; after a rollback psycopg forgets what it has prepared
                session.expunge_all()  # what was changed in it stays unwritten
                session.commit()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session committed as one at the end, or rolled back by any error."""
        with (
            self._explained(),
            self._line,
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def version(self) -> str | None:
        """Its migration, None if it has no tables yet."""
        with self._explained(), self.engine.connect() as connection:
            if not connection.dialect.has_table(connection, "alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found

    def require_current(self) -> None:
        """Raise Broken unless the tables are those of this dissem."""
        version = self.version()
        if version is None:
            raise Broken("The database has no tables.", hint="Run dissem init in the installation's folder.")
        if version > HEAD:
            raise Broken(
                "The database was written by a newer dissem.", hint="Install that version again, or a newer one."
            )
        if version < HEAD:
            raise Broken(
                "The database is of an older dissem.",
                hint="Make a backup, then run dissem init to bring it up to date.",
            )

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Database trouble as one sentence; what is ours (a key that was violated) stays for the caller."""
        try:
            yield
        except DBAPIError as error:
            if self.file and not self.file.exists():
                raise _missing(self.file) from error
            said = str(error.orig).lower()
            for sign, explained in _TROUBLE:
                if sign in said:
                    raise copy(explained) from error
            raise


def is_writing(session: Session) -> bool:
    """Whether *session* was opened to write, so that rows may be locked in it."""
    return bool(session.get_bind().get_execution_options().get("writing"))


def _teach_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgresql(url: str, options: dict[str, Any]) -> Engine:
    try:
        # the one that was used last has prepared what is asked all the time
        engine = create_engine(url, connect_args=_watchful(url), pool_use_lifo=True, **options)
    except ImportError as error:
        raise Broken(
            "PostgreSQL needs the package psycopg, which is not installed.", hint="Run: pip install 'dissem[postgres]'"
        ) from error
    _ask_before_use(engine)
    return engine


def _ask_before_use(engine: Engine) -> None:
    """As `pool_pre_ping`, but those that were used a moment ago are asked only if the server has said something
    meanwhile, which is goodbye: a question before each use costs as much as a claim."""

    @event.listens_for(engine, "checkin")
    def checkin(connection: object, record: Any) -> None:
        record.info["rests"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: Any, proxy: object) -> None:
        if time.monotonic() - record.info.get("rests", 0.0) < RESTED and not _says_something(connection):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # it opens new ones, and forgets all that are as old


def _says_something(connection: Any) -> bool:
    asked = select.poll()
    asked.register(connection.fileno(), select.POLLIN)
    return bool(asked.poll(0))


def _watchful(url: str) -> dict[str, Any]:
    """What a connection needs so that a machine that is cut off harms nobody, unless *url* says otherwise: PostgreSQL
    gives up a transaction that stands still, and with it the rows it locked; both sides notice a line that is dead."""
    given = make_url(url).query
    lively = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
    theirs = {
        "idle_in_transaction_session_timeout": "30s",
        "tcp_keepalives_idle": "15",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "30s",
    }
    options = f"{' '.join(f'-c {name}={value}' for name, value in theirs.items())} {given.get('options', '')}".strip()
    return {"options": options, **{name: value for name, value in lively.items() if name not in given}}


def _missing(file: Path) -> Broken:
    return Broken(
        "The database {file} is missing.",
        hint=LAST_BACKUP,
        file=file,
    )


_LOGIN = "Are address, user and password in database.url right, and is the database there?"
_TROUBLE = (
    ("database is locked", Conflict("The database is busy.", hint="Somebody else is writing; try again in a moment.")),
    ("readonly", Broken("The database cannot be written.", hint="Check owner and rights of the data folder.")),
    ("read-only", Broken("The database cannot be written.", hint="Check owner and rights of the data folder.")),
    (
        "unable to open",
        Broken("The database cannot be opened.", hint="Is the data folder there, and yours?"),
    ),
    ("malformed", Broken("The database file is damaged.", hint=LAST_BACKUP)),
    ("not a database", Broken("The database file is damaged.", hint=LAST_BACKUP)),
    ("disk is full", Broken("The disk is full; nothing was written.", hint="Make room on the server.")),
    ("disk i/o", Broken("The disk reports an error.", hint="Look at the server's disk before going on.")),
    (
        "transaction timeout",  # also of one that is idle
        Conflict("The database gave up a transaction that stood still; nothing of it was written.", hint="Try again."),
    ),
    ("authentication failed", Broken("PostgreSQL refuses the login.", hint=_LOGIN)),
    ("no password supplied", Broken("PostgreSQL refuses the login.", hint=_LOGIN)),
    ("fatal:  database", Broken("PostgreSQL refuses the login.", hint=_LOGIN)),
    ("failed to resolve host", Broken("PostgreSQL does not answer.", hint=_LOGIN)),
    ("connection refused", Broken("PostgreSQL does not answer.", hint="Is the database server running?")),
)
