"""Hearing at once that another process wrote something, without asking the tables.

SQLite keeps a counter that changes with every commit of another connection; PostgreSQL delivers notices.
"""

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from dissem.store.database import Database

CHANNEL = "dissem"
STEP = 0.02  # seconds between two looks at SQLite's counter


def ring(session: Session) -> None:
    """Tell every waiting daemon, at commit, that there is something new. On SQLite the commit itself tells."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {CHANNEL}"))


class Bell:
    """One listener; for one thread."""

    def __init__(self, database: Database) -> None:
        self.sqlite = database.is_sqlite
        self._raw = database.engine.raw_connection()
        self._connection: Any = self._raw.driver_connection
        if self.sqlite:
            self._seen = self._version()
        else:
            listening: Any = self._connection
            listening.autocommit = True
            listening.execute(f"LISTEN {CHANNEL}")

    def wait(self, longest: timedelta, stop: Any) -> None:
        """Return when something was written elsewhere, *stop* (an Event) is set, or after *longest*."""
        end = time.monotonic() + max(longest.total_seconds(), 0)
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._heard(min(left, STEP if self.sqlite else 0.25), stop):
                return

    def _heard(self, seconds: float, stop: Any) -> bool:
        if not self.sqlite:
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        before, self._seen = self._seen, self._version()
        if before != self._seen:
            return True
        stop.wait(seconds)
        return False

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._raw.invalidate()  # it listens or has an odd mode: not for the pool again
