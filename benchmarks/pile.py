"""A million deliveries that are due later: the weight under which a queue has to be as quick as without.

They are copies of delivery 1 that the database makes by itself, a row for each as if it were approved. They would not
pass the gate, and never come to it.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks import city, platform
from dissem.models import Approval, ApprovedDelivery, Delivery, Part, Release
from dissem.store.installation import Installation

CHANNELS = 500
SENDERS = 32
APART = 30  # seconds between two of them: a million reach a year ahead
USEFUL = 12 * 3600  # seconds after due

_LANE = "n % :channels + 1"
_COPIES: dict[Any, tuple[str, dict[str, str]]] = {  # which column finds the original, and what differs in copy n
    Release: ("id", {"id": "n"}),
    Delivery: (
        "id",
        {
            "id": "n",
            "release_id": "n",
            "channel_id": _LANE,
            "account": f"CAST({_LANE} AS varchar)",
            "due": "{due}",
            "next_at": "{due}",
            "until": "{until}",
        },
    ),
    Part: ("delivery_id", {"delivery_id": "n"}),
    Approval: ("release_id", {"id": "n", "release_id": "n"}),
    ApprovedDelivery: ("delivery_id", {"approval_id": "n", "delivery_id": "n"}),
}
_SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (VALUES(:first) UNION ALL SELECT n + 1 FROM s WHERE n < :last) SELECT n FROM s)",
    "postgresql": "generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS series(n)",
}
_MOMENTS = {  # so many seconds after :after, written as SQLAlchemy does
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', :after, '+' || ({seconds}) || ' seconds')",
    "postgresql": "CAST(:after AS timestamptz) + make_interval(secs => {seconds})",
}


@dataclass
class Pile:
    """An installation with a full queue, and the platform of its channels."""

    installation: Installation
    platform: platform.Platform

    def add(self, dues: Sequence[datetime]) -> range:
        """Approved deliveries, due then; their ids."""
        first = city.free(self.installation)
        city.queue(self.installation, first, dues, CHANNELS)
        return range(first, first + len(dues))


@contextmanager
def piled(kind: str, queued: int) -> Iterator[Pile]:
    """*queued* deliveries on a database of *kind*, the first of them due tomorrow."""
    with (
        tempfile.TemporaryDirectory() as folder,
        city.database_of(kind, Path(folder)) as url,
        platform.running(0.05) as fast,
    ):
        installation = city.installed(Path(folder) / "home", url, SENDERS)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        city.fill(installation, fast.urls, CHANNELS, [tomorrow])
        pile(installation, queued, CHANNELS, tomorrow)
        yield Pile(installation, fast)
        installation.close()


def pile(installation: Installation, last: int, channels: int, after: datetime) -> None:
    """Take the ids that are free up to *last*; the first is due at *after*, the others one by one."""
    first = city.free(installation)
    with installation.database.write() as session:
        if not installation.database.is_sqlite:
            session.execute(text("SET LOCAL session_replication_role = replica"))  # no look at each foreign key
        values = {"first": first, "last": last, "channels": channels, "after": after.isoformat()}
        for model in _COPIES:
            copying = _copying(model, session.get_bind().dialect.name)
            session.execute(text(copying), {name: value for name, value in values.items() if f":{name}" in copying})
    city.settle(installation)


def _copying(model: Any, dialect: str) -> str:
    later = f"(n - :first) * {APART}"
    moments = {
        name: _MOMENTS[dialect].format(seconds=seconds)
        for name, seconds in (("due", later), ("until", f"{later} + {USEFUL}"))
    }
    key, changed = _COPIES[model]
    table = model.__table__
    names = [column.name for column in table.columns if column.name != "id" or "id" in changed]
    wanted = ", ".join(changed.get(name, f"one.{name}").format(**moments) for name in names)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "  # noqa: S608 - nothing in it comes from outside
        f"SELECT {wanted} FROM {_SERIES[dialect]}, {table.name} one WHERE one.{key} = 1"
    )
