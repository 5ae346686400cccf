"""SIGKILL under load, and the next daemon at once: how long until something is sent again, and what became of it all.

The platform ignores keys and can be read back, so what was on the wire is looked up there, and what is not there is
sent again (`on_absent = "resend_once"`). The bounds of the protocol are cut down to seconds, or the look-up of what the
dead one had in hand would begin after minutes.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func
from sqlmodel import select

from benchmarks import city, daemons, readable
from dissem.config import Timing
from dissem.models import Delivery, State
from dissem.store.installation import Installation

SENDERS, CHANNELS, DELAY = 32, 500, 0.05
LEAD = 4.0  # seconds for the first daemon to begin
TIMING = Timing(
    send_deadline=timedelta(seconds=2),
    request=timedelta(seconds=2),
    margin=timedelta(seconds=1),
    look_again=timedelta(seconds=0.5),
)


@dataclass(frozen=True)
class Recovery:
    """What was seen. *again*: seconds from each start after a kill to the next post; the rest are counts."""

    again: Sequence[float]
    twice: int
    lost: int  # not at the platform, or there and not written down


def measure(kind: str, posts: int, kills: int) -> Recovery:
    """*posts* due at one moment, and so many kills while they are sent."""
    with (
        tempfile.TemporaryDirectory() as folder,
        city.database_of(kind, Path(folder)) as url,
        readable.running(CHANNELS, DELAY) as platform,
    ):
        installation = city.installed(Path(folder) / "home", url, SENDERS, TIMING)
        due = datetime.now(UTC) + timedelta(seconds=city.filling(posts) + LEAD)
        city.fill(installation, [platform.url], CHANNELS, [due] * posts, {"on_absent": "resend_once"})
        again = []
        for number in range(1, kills + 1):
            began = time.time()
            with daemons.running(installation.home) as daemon:
                daemons.wait_until(lambda: len(platform.arrived()) >= number * posts // (kills + 1))  # noqa: B023
                daemon.kill()
            again.append(began)
        again.append(time.time())
        with daemons.running(installation.home) as daemon:
            daemons.wait_until(lambda: _published(installation) == posts)
            daemon.leave()
        arrived, times = platform.arrived(), platform.times()
        installation.close()
    return Recovery(
        again=[min(moment for moment, _ in arrived if moment > began) - began for began in again[1:]],
        twice=sum(many > 1 for many in times.values()),
        lost=posts - len(times),
    )


def _published(installation: Installation) -> int:
    with installation.database.read() as session:
        return session.exec(select(func.count()).where(Delivery.state == State.PUBLISHED)).one()
