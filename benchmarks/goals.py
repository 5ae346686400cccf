"""What dissem has to reach, and how each figure is come by. Ratios within one run wherever it can be one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import burst, city, claim, commands, engagement, idle, platform, recovery, report, startup, steady
from benchmarks.pile import Pile, piled
from benchmarks.table import Figure, at_least, at_most, none, told

MILLI = 1000.0


@dataclass(frozen=True)
class Scope:
    """How large a run is."""

    posts: int  # due at one moment
    queued: int  # due later
    seconds: int  # of the steady flow
    resting: int  # seconds of the idle daemon
    rounds: int  # of commands
    kills: int
    read: int  # posts whose counts are read
    samples: int  # a weekly report is made from


QUICK = Scope(posts=2_000, queued=100_000, seconds=20, resting=20, rounds=5, kills=2, read=20_000, samples=100_000)
FULL = Scope(posts=10_000, queued=1_000_000, seconds=60, resting=30, rounds=9, kills=5, read=100_000, samples=1_000_000)


@dataclass
class Run:
    """One run: its scope, and a full queue for each database, filled when first needed and used by several."""

    scope: Scope
    _stack: ExitStack = field(default_factory=ExitStack)
    _piles: dict[str, Pile] = field(default_factory=dict)

    def pile(self, kind: str) -> Pile:
        if kind not in self._piles:
            self._piles[kind] = self._stack.enter_context(piled(kind, self.scope.queued))
        return self._piles[kind]

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _startup(run: Run) -> Iterator[Figure]:
    for name, ratio in startup.measure().items():
        yield at_most(f"{name}, CPU of `python -c pass`", ratio, startup.GOALS[name][1], "{:.1f} ×")


def _burst(run: Run) -> Iterator[Figure]:
    yield told("ceiling of the platform, 0 ms", platform.ceiling(), "{:,.0f}/s")
    for delay, shares in ((0.05, {"sqlite": 0.95, "postgresql": 0.90}), (0.0, {"sqlite": 0.80, "postgresql": 0.80})):
        for kind, share in shares.items():
            found = burst.measure(kind, run.scope.posts, delay)
            title = f"{kind}, {run.scope.posts:,} at once, {delay * MILLI:.0f} ms"
            yield told(f"{title}: the limit, {burst.SENDERS} threads with requests", found.limit, "{:,.0f}/s")
            yield at_least(f"{title}: share of the limit", found.share, share)
            yield at_most(f"{title}: first after due", found.first * MILLI, 50, "{:.0f} ms")
            yield from _clean(title, found.early, found.twice, found.lost)
            yield at_most(f"{title}: peak of memory", found.peak, 120, "{:.0f} MiB")
            yield told(f"{title}: CPU against the limit", found.cpu, "{:.2f} ×")


def _steady(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        found = steady.measure(run.pile(kind), run.scope.seconds)
        title = f"{kind}, {steady.RATE} a second over {run.scope.queued:,}"
        yield told(f"{title}: lateness p50", found.median * MILLI, "{:.0f} ms")
        yield at_most(f"{title}: lateness p99", found.late * MILLI, 50, "{:.0f} ms")
        yield from _clean(title, found.early, found.twice, found.lost)
        yield at_most(f"{title}: of a core", found.core, 0.3)
        yield at_most(f"{title}: peak of memory", found.peak, 120, "{:.0f} MiB")


def _claim(run: Run) -> Iterator[Figure]:
    for kind, most in (("sqlite", 2), ("postgresql", 6)):
        found = claim.measure(run.pile(kind), run.scope.posts)
        title = f"{kind}, {run.scope.queued:,} queued"
        yield told(f"{title}: find 100 of {run.scope.posts:,} due", found.find * MILLI, "{:.1f} ms")
        yield told(f"{title}: find when nothing is due", found.nothing * MILLI, "{:.1f} ms")
        yield told(f"{title}: the next moment", found.nearest * MILLI, "{:.2f} ms")
        yield at_most(f"{title}: claim 100, with gate and attempts", found.claim * MILLI, most, "{:.1f} ms")


def _idle(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        share = idle.measure(run.pile(kind), run.scope.resting)
        yield at_most(f"{kind}, {run.scope.queued:,} queued: idle daemon, of a core", share * 100, 0.5, "{:.2f} %")


def _commands(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        for name, ratio in commands.measure(run.pile(kind), run.scope.rounds).items():
            yield at_most(f"{kind}: dissem {name}, {run.scope.queued:,} queued : empty", ratio, 1.1)


def _recovery(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        found = recovery.measure(kind, run.scope.posts, run.scope.kills)
        title = f"{kind}, {run.scope.kills} × SIGKILL"
        yield at_most(f"{title}: sends again within", max(found.again), 5, "{:.1f} s")
        yield none(f"{title}: there twice", found.twice)
        yield none(f"{title}: lost", found.lost)


def _engagement(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        found = engagement.measure(kind, run.scope.read)
        title = f"{kind}, counts of {run.scope.read:,} posts"
        if run.scope.read < FULL.read:  # the goal is about all of them
            yield told(title, found["seconds"], "{:.1f} s")
        else:
            yield at_most(title, found["seconds"], 10, "{:.1f} s")
        yield told(f"{title}: memory grew by", found["grown"], "{:.0f} MiB")


def _report(run: Run) -> Iterator[Figure]:
    for kind in city.DATABASES:
        found = report.measure(kind, run.scope.samples)
        title = f"{kind}, week of {run.scope.samples:,} samples"
        yield at_most(f"{title}: from roll-ups", found.rolled * MILLI, 50, "{:.0f} ms")
        yield at_most(f"{title}: from raw rows", found.raw, 1, "{:.2f} s")
        yield told(f"{title}: as PDF", found.pdf, "{:.1f} s")
        yield told(f"{title}: peak of memory", found.peak, "{:.0f} MiB")


def _clean(title: str, early: int, twice: int, lost: int) -> Iterator[Figure]:
    yield none(f"{title}: early", early)
    yield none(f"{title}: there twice", twice)
    yield none(f"{title}: lost", lost)


BENCHMARKS: dict[str, Callable[[Run], Iterator[Figure]]] = {
    "startup": _startup,
    "burst": _burst,
    "commands": _commands,
    "idle": _idle,
    "claim": _claim,
    "steady": _steady,
    "recovery": _recovery,
    "engagement": _engagement,
    "report": _report,
}
