"""The report of one week of a city with a million samples: from the roll-ups, from the samples, and as PDF.

`python -m benchmarks.report [DATABASE [SAMPLES]]` prints a line a database. Each time is that of a process of its own:
`… figures HOME WEEK` makes the figures both ways and lets the database add up the same samples, with nothing
around it, for comparison; `… pdf HOME WEEK` makes the document, in a process that
has loaded no more than the command does.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import func, select, text

from dissem.models import Engagement
from dissem.store.installation import Installation

SAMPLES = 1_000_000
RELEASES = 730  # a week, that give as many
ROUNDS = 7


@dataclass(frozen=True)
class Made:
    """Seconds, but for *peak*, MiB of the largest process that made the PDF, and *samples*, how many there were.

    *bare*: the database's own sum over the samples of the week. *pdf*: figures from the roll-ups, and the document;
    *pdf_cpu*: of the processor, that of the process that sets the document included.
    """

    samples: int
    rolled: float
    raw: float
    bare: float
    pdf: float
    pdf_cpu: float
    peak: float

    @property
    def ratio(self) -> float:
        """What the audit takes, times the bare sum of the same run."""
        return self.raw / self.bare


def measure(kind: str, samples: int) -> Made:
    """The week before the last of a made-up city on a database of *kind*."""
    from benchmarks import city

    with tempfile.TemporaryDirectory() as folder, city.database_of(kind, Path(folder)) as url:
        home = Path(folder) / "home"
        installation = city.installed(home, url, 2)
        week, stored = fill(installation, samples)
        installation.close()
        figures, document = (_run(what, str(home), week) for what in ("figures", "pdf"))
        return Made(samples=stored, **figures, **document)


def fill(installation: Installation, samples: int) -> tuple[str, int]:
    """The made-up city of the tests with about *samples* samples; answers a full week of it, and how many there are."""
    from dissem.store.migrate import migrate

    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from made_up_city import City, Size, settle  # type: ignore[import-not-found]

    made = City(Size(agencies=50, channels=300, releases=max(RELEASES * samples // SAMPLES, 3), reach=6))
    installation.database.create()
    migrate(installation.database)
    with installation.database.write() as session:
        stored = settle(session, made)
    with installation.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return made.week(10), stored


def _run(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.report", *arguments]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _timed(do: Callable[[], object], rounds: int) -> float:
    """The median, after one round that does not count."""
    took = []
    for _round in range(rounds + 1):
        began = time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
    return median(took[1:])


def figures(installation: Installation, week: str) -> dict[str, float]:
    """The two ways, and the bare sum."""
    return {
        "rolled": _timed(lambda: _reported(installation, week), ROUNDS),
        "raw": _timed(lambda: _reported(installation, week, source="samples"), ROUNDS // 2),
        "bare": _timed(lambda: _summed(installation, week), ROUNDS // 2),
    }


def _reported(installation: Installation, week: str, **said: Any) -> Any:
    from dissem.reports import periods
    from dissem.reports.weekly import reported

    now, zone = datetime.now(UTC), installation.zone
    period = periods.week(week, now=now, zone=zone)
    with installation.database.read() as session:
        return reported(session, period, zone=zone, office="Kota Padang", printed=now.date(), **said)


def _summed(installation: Installation, week: str) -> Any:
    from dissem.channels.adapter import COUNTS
    from dissem.reports import periods

    period = periods.week(week, now=datetime.now(UTC), zone=installation.zone)
    table: Any = Engagement.metadata.tables["engagement"].c
    sums = select(*(func.sum(table[name]) for name in COUNTS))
    with installation.database.read() as session:
        return session.execute(sums.where(table.at > period.start, table.at <= period.end)).one()


def pdf(installation: Installation, week: str) -> dict[str, float]:
    """The whole way from the database to the document, for the first time in this process."""
    from dissem.reports.render import render
    from dissem.reports.weekly import of_week

    before, began, now = _used(), time.perf_counter(), datetime.now(UTC)
    document = render(of_week(installation, week, planned=now, now=now), "pdf")
    seconds, after = time.perf_counter() - began, _used()
    assert document[:5] == b"%PDF-", document[:20]
    return {"pdf": seconds, "pdf_cpu": after[0] - before[0], "peak": after[1]}


def _used() -> tuple[float, float]:
    """Seconds of the processor, of this process and those it started; MiB that the largest of them took at its peak."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = sum(used.ru_utime + used.ru_stime for used in (own, others))
    return seconds, max(_peak(), others.ru_maxrss) / 1024


def _peak() -> int:
    """KiB. The system's own count remembers what started this process, the filled city with it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def main(kinds: tuple[str, ...], samples: int) -> None:
    for kind in kinds:
        made = measure(kind, samples)
        print(
            f"{kind}: {made.samples:,} samples, from roll-ups {made.rolled * 1000:.0f} ms, from samples {made.raw:.2f} "
            f"s ({made.ratio:.1f} × the database's own sum), PDF {made.pdf:.1f} s ({made.pdf_cpu:.1f} s of the "
            f"processor), memory {made.peak:.0f} MiB"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("figures" | "pdf") as what, home, week]:
            opened = Installation.open(Path(home))
            print(json.dumps((figures if what == "figures" else pdf)(opened, week)))
            opened.close()
        case [kind, *samples]:
            main((kind,), int(samples[0]) if samples else SAMPLES)
        case _:
            main(("sqlite", "postgresql"), SAMPLES)
