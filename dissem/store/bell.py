"""Hearing at once that another process wrote something, without asking the tables.

SQLite keeps a counter that changes with every commit of another connection; PostgreSQL delivers notices.
"""

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from dissem.store.database import Database

log = logging.getLogger(__name__)

CHANNEL = "dissem"
STEP = 0.02  # seconds between two looks at SQLite's counter
CALM = 0.1  # the same after a while in which nothing was written
PATIENCE = 0.25  # seconds in one go for a notice of PostgreSQL: a stop is noticed that late


def ring(session: Session) -> None:
    """Tell every waiting daemon, at commit, that there is something new. On SQLite the commit itself tells."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {CHANNEL}"))


class Bell:
    """One listener; for one thread. It listens from its first `wait` on, and again after the database was away."""

    def __init__(self, database: Database) -> None:
        driver: Any = database.engine.dialect.loaded_dbapi
        self._errors: tuple[type[Exception], ...] = (driver.Error, DBAPIError)
        self._database = database
        self._raw: Any = None
        self._connection: Any = None
        self._seen = 0
        self._rang = 0.0

    def wait(self, longest: timedelta, stop: Any) -> None:
        """Wait until something was, or may have been, written elsewhere, *stop* is set, or *longest* is over."""
        end = time.monotonic() + max(longest.total_seconds(), 0)
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._heard(min(left, self._step()), stop):
                return

    def _step(self) -> float:
        if not self._database.is_sqlite:
            return PATIENCE
        return STEP if time.monotonic() - self._rang < 1 else CALM

    def _heard(self, seconds: float, stop: Any) -> bool:
        """Whether it rang within *seconds*. A database that is away does not ring; when it is back, it may have."""
        try:
            if self._raw is None:
                self._listen()
                return True
            return self._changed(seconds, stop) if self._database.is_sqlite else self._noticed(seconds)
        except self._errors as error:
            log.warning("cannot hear the database: %s", type(error).__name__)
            self.close()
            stop.wait(seconds)
            return False

    def _listen(self) -> None:
        self._raw = self._database.engine.raw_connection()
        self._connection = self._raw.driver_connection
        if self._database.is_sqlite:
            self._seen = self._version()
        else:
            self._connection.autocommit = True
            self._connection.execute(f"LISTEN {CHANNEL}")

    def _changed(self, seconds: float, stop: Any) -> bool:
        before, self._seen = self._seen, self._version()
        if before != self._seen:
            self._rang = time.monotonic()
            return True
        stop.wait(seconds)
        return False

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _noticed(self, seconds: float) -> bool:
        return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))

    def close(self) -> None:
        """Stop listening; a later `wait` would begin anew."""
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.detach()  # it listens, or has an odd mode: not for the pool again
            with suppress(*self._errors):
                raw.close()
