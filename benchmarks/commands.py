"""What people type, over a full queue and over an empty one: whole processes, in turn, by the clock on the wall."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import select

from benchmarks import city
from benchmarks.pile import CHANNELS, SENDERS, Pile
from benchmarks.startup import MAIN
from dissem.desk import releases
from dissem.desk.acting import Acting
from dissem.desk.draft import Draft
from dissem.models import Person
from dissem.store.installation import Installation

FAR = "2030-08-17T09:30"


def measure(pile: Pile, rounds: int) -> dict[str, float]:
    """Of each command full : empty, each in its least disturbed round."""
    with _empty(pile) as empty:
        halls = [(pile.installation, _draft(pile.installation)), (empty, _draft(empty))]
        times: dict[str, list[Sequence[float]]] = {"queue": [], "schedule": []}
        for number in range(1, rounds + 1):
            at = ["--to", f"channel-{number}", "--at", FAR]
            times["queue"].append([_timed(hall, ["queue"]) for hall, _ in halls])
            times["schedule"].append([_timed(hall, ["schedule", str(draft), *at]) for hall, draft in halls])
    least = {name: [min(one) for one in zip(*found, strict=True)] for name, found in times.items()}
    return {name: full / bare for name, (full, bare) in least.items()}


@contextmanager
def _empty(pile: Pile) -> Iterator[Installation]:
    """The same city with one delivery, on the same server if there is one."""
    with tempfile.TemporaryDirectory() as folder, city.database_beside(pile.installation) as url:
        installation = city.installed(Path(folder) / "home", url, SENDERS)
        city.fill(installation, pile.platform.urls, CHANNELS, [datetime.now(UTC) + timedelta(days=1)])
        yield installation
        installation.close()


def _draft(installation: Installation) -> int:
    """A release that is not scheduled yet."""
    with installation.database.read() as session:
        ani = session.exec(select(Person).where(Person.username == "ani")).one()
    draft = Draft(title="Jembatan ditutup", body="Jembatan ditutup Minggu pagi.", agency="kominfo")
    return releases.add(Acting(installation, ani), draft).id or 0


def _timed(installation: Installation, arguments: Sequence[str]) -> float:
    """Seconds of a whole process."""
    command = [sys.executable, "-c", MAIN, "--dir", str(installation.home), *arguments]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "DISSEM_TOKEN": city.TOKEN})
    return time.perf_counter() - began
