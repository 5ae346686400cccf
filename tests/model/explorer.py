"""Visits every state that a model can reach, breadth first, so that what goes wrong is shown by a shortest trace.

A state is any hashable value; what looks the same is the same. Nothing here knows of deliveries.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
Steps = Callable[[S], Iterable[tuple[str, S]]]


@dataclass(frozen=True)
class Trace(Generic[S]):
    """What was done from the start until a property no longer held, and which one."""

    broken: str
    actions: Sequence[str]
    state: S

    def __str__(self) -> str:
        lines = [f"{number:3}. {action}" for number, action in enumerate(self.actions, start=1)]
        return "\n".join([f"broken: {self.broken}", *lines, f"then: {self.state}"])


@dataclass
class Explored(Generic[S]):
    """All that was reached. *edges* holds, state after state, where each leads; *starts* where its own begin."""

    states: list[S]
    parents: array  # type: ignore[type-arg]  # number of the state it was first reached from
    by: list[str]  # and by which action
    edges: array  # type: ignore[type-arg]
    labels: array  # type: ignore[type-arg]  # of each edge, the place of its action in `names`
    starts: array  # type: ignore[type-arg]
    names: dict[str, int] = field(default_factory=dict)
    violation: Trace[S] | None = None

    @property
    def transitions(self) -> int:
        return len(self.edges)

    def trace(self, number: int, broken: str) -> Trace[S]:
        """The shortest way to state *number*."""
        state, actions = self.states[number], []
        while number:
            actions.append(self.by[number])
            number = self.parents[number]
        return Trace(broken, actions[::-1], state)

    @property
    def actions(self) -> Mapping[str, int]:
        """How often each action was possible."""
        counted = Counter(self.labels)
        return {name: counted[number] for name, number in self.names.items()}

    def stranded(self, at_home: Callable[[S], bool], wanted: str, *, without: Collection[str] = ()) -> Trace[S] | None:
        """A shortest way to a state from which no way, *without* these actions, leads to one that is *at_home*; None
        if there is none."""
        home = bytearray(len(self.states))
        into = self._reversed({self.names[name] for name in without if name in self.names})
        found = [number for number, state in enumerate(self.states) if at_home(state)]
        for number in found:
            home[number] = 1
        while found:
            for before in into[found.pop()]:
                if not home[before]:
                    home[before] = 1
                    found.append(before)
        lost = home.find(0)
        return None if lost < 0 else self.trace(lost, wanted)

    def _reversed(self, without: Collection[int]) -> list[list[int]]:
        into: list[list[int]] = [[] for _ in self.states]
        for number in range(len(self.states)):
            for edge in range(self.starts[number], self.starts[number + 1]):
                if self.labels[edge] not in without:
                    into[self.edges[edge]].append(number)
        return into


def explore(start: S, steps: Steps[S], broken: Callable[[S], str | None], *, at_most: int = 50_000_000) -> Explored[S]:
    """Everything that can be reached from *start* by *steps*; ends early at the first state that is *broken*.

    Raises AssertionError beyond *at_most* states: a bound that cuts something off must not pass for a proof.
    """
    known: dict[S, int] = {start: 0}
    found = Explored([start], array("L", [0]), [""], array("L"), array("B"), array("L", [0]))
    number = 0
    while number < len(found.states):
        for action, state in steps(found.states[number]):
            target = known.get(state)
            if target is None:
                target = known[state] = len(found.states)
                found.states.append(state)
                found.parents.append(number)
                found.by.append(action)
                if why := broken(state):
                    found.violation = found.trace(target, why)
                    return found
            found.edges.append(target)
            found.labels.append(found.names.setdefault(action, len(found.names)))
        found.starts.append(len(found.edges))
        number += 1
        assert number <= at_most, f"more than {at_most} states"
    return found
