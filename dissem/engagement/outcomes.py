"""How reading each channel goes, kept as rows of `Reading`: errors stand there, and not among the samples."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from dissem.channels.errors import Throttled
from dissem.errors import DissemError
from dissem.models import Channel, Reading
from dissem.store.database import Database

PAUSE = timedelta(minutes=15)  # where a platform asks for one and does not say how long


class Outcomes:
    """What came of asking the channels, gathered in memory and written once. *beside*: what was asked were not the
    counts, so that of a failure only a pause that the platform asked for concerns their reading."""

    def __init__(self, now: datetime, *, beside: bool = False) -> None:
        self.now, self.beside = now, beside
        self._answered: set[int] = set()
        self._failed: dict[int, DissemError] = {}  # the first of each channel

    def answered(self, channel: int) -> None:
        self._answered.add(channel)

    def failed(self, channel: int, error: DissemError) -> None:
        self._failed.setdefault(channel, error)

    def keep(self, database: Database) -> None:
        """Write them down, the channels in one order."""
        numbers = sorted(self._answered | self._failed.keys())
        if not numbers:
            return
        with database.write() as session:
            for row in rows_of(session, numbers):
                self._change(row)

    def _change(self, row: Reading) -> None:
        error = self._failed.get(row.channel_id)
        if self.beside:
            row.free_at = self._free_at(error) or row.free_at
            return
        row.reason = error.reason() if error else None
        row.free_at = self._free_at(error)
        if row.channel_id in self._answered:
            row.read, row.failing = self.now, None
        else:
            row.failing = row.failing or self.now

    def _free_at(self, error: DissemError | None) -> datetime | None:
        return self.now + (error.retry_after or PAUSE) if isinstance(error, Throttled) else None


def rows_of(session: Session, channels: Iterable[int]) -> list[Reading]:
    """The row of each channel, made where there was none, locked in the order of their numbers."""
    wanted = sorted(channels)
    _insert_missing(session, wanted)
    query = select(Reading).where(col(Reading.channel_id).in_(wanted)).order_by(col(Reading.channel_id))
    return list(session.exec(query.with_for_update()).all())


def _insert_missing(session: Session, channels: list[int]) -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(Reading).on_conflict_do_nothing(), [{"channel_id": channel} for channel in channels])


def failing(session: Session) -> list[tuple[Channel, Reading]]:
    """Channels of which nothing could be read lately, with the reason: for the report's notes and the doctor."""
    query = select(Channel, Reading).join(Reading, col(Reading.channel_id) == col(Channel.id))
    return list(session.exec(query.where(col(Reading.failing).is_not(None)).order_by(Channel.name)).all())
