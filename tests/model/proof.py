"""The whole of the proof: every scope, all states; then every rule switched off in turn. Prints what it counted.

python tests/model/proof.py        ends with 1 if anything does not hold
"""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from explorer import Explored, Trace, explore
from promises import broken, broken_promise, has_an_end, is_over
from protocol import PEOPLE, Off, Protocol, Scope, World

from dissem.channels.adapter import Certainty

QUICK = (
    Scope(Certainty.KEYED, desk=False),
    Scope(Certainty.STAGED, prepares=True, desk=False),
    Scope(Certainty.READABLE),
    Scope(Certainty.READABLE, resends=True, desk=False),
    Scope(Certainty.BLIND, works=True),
    Scope(Certainty.READABLE, parts=2, desk=False),
    Scope(Certainty.KEYED, works=True, parts=2, recipients=True, desk=False, workers=1),
    Scope(Certainty.BLIND, works=True, parts=2, recipients=True, desk=False, workers=1),
    Scope(Certainty.BLIND, parts=2, recipients=True, desk=False, verdicts=False),
)
WHOLE = (  # the largest first
    Scope(Certainty.KEYED, works=True, parts=2, recipients=True, desk=False),
    Scope(Certainty.KEYED, works=True),
    Scope(Certainty.STAGED, prepares=True, works=True),
    Scope(Certainty.READABLE),
    Scope(Certainty.READABLE, resends=True),
    Scope(Certainty.BLIND, works=True),
    Scope(Certainty.READABLE, workers=3),
    Scope(Certainty.READABLE, resends=True, workers=3),
    Scope(Certainty.BLIND, workers=3),
    Scope(Certainty.KEYED, workers=3),
    Scope(Certainty.KEYED, works=True, parts=2),
    Scope(Certainty.READABLE, resends=True, parts=2),
    Scope(Certainty.BLIND, works=True, parts=2),
    Scope(Certainty.KEYED, parts=2, recipients=True, desk=False),
    Scope(Certainty.READABLE, parts=2, recipients=True, desk=False),
    Scope(Certainty.BLIND, parts=2, recipients=True, desk=False),
    Scope(Certainty.READABLE, resends=True, works=True, parts=2, recipients=True, desk=False, workers=1),
    Scope(Certainty.BLIND, works=True, parts=2, recipients=True, desk=False),
)
CAUGHT: dict[Off, tuple[Scope, ...]] = {  # where it shows that a rule is missing
    Off.WRITTEN: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.GATE: (Scope(Certainty.READABLE), Scope(Certainty.KEYED)),
    Off.DEAD_SENDER: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.DEADLINE: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.SETTLE: (Scope(Certainty.READABLE, resends=True), Scope(Certainty.STAGED, prepares=True, desk=False)),
    Off.SETTLE_PERSON: (Scope(Certainty.BLIND),),
    Off.FENCE: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.LOST_ANSWER: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.NO_PROOF: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
    Off.DURABLE: (Scope(Certainty.READABLE), Scope(Certainty.BLIND)),
}
TROUBLE = frozenset(  # what must not be needed for an end, beside people
    {
        "dies",
        "the power fails",
        "loses the answer",
        "gets an answer that proves nothing",
        "reaches nobody",
        "cannot prepare now",
        "cannot look now",
        "sleeps past the deadline",
        "finds that it expired",
        "a request arrives late",
        "the approval stops fitting",
        "the approval fits again",
    }
)


def explored(scope: Scope) -> tuple[Protocol, Explored[World]]:
    """Every state of *scope* with all rules."""
    protocol = Protocol(scope)
    return protocol, explore(protocol.start(), protocol.steps, broken)


def failure(found: Explored[World], scope: Scope) -> Trace[World] | None:
    """What is wrong with what was found, None if nothing is: a property that does not hold; a state from which neither
    an end nor a person is reached without help or luck; one from which it is never over, where people do what they
    can. What is half public and too late stays held: its last word is with a person."""
    alone = frozenset(PEOPLE) | TROUBLE
    return (
        found.violation
        or found.stranded(has_an_end, "it comes to an end without help", without=alone)
        or (found.stranded(is_over, "it is over some day") if scope.parts == 1 and scope.desk else None)
    )


def counter_example(off: Off, scope: Scope, *, twice: bool = False) -> Trace[World] | None:
    """The shortest way to a broken promise without *off*; with *twice*, to a second post. No more than two requests
    whose sender is gone are on their way at once: what may send without end would never be explored."""
    protocol = Protocol(scope, off)

    def steps(world: World) -> Iterator[tuple[str, World]]:
        return (step for step in protocol.steps(world) if len(step[1].astray) <= 2)

    def wrong(world: World) -> str | None:
        why = broken_promise(world)
        return why if not twice or why == "never twice" else None

    return explore(protocol.start(), steps, wrong, at_most=1_000_000).violation


def main(scopes: Sequence[Scope]) -> int:
    begun, states, transitions, wrong = time.monotonic(), 0, 0, 0
    with ProcessPoolExecutor() as processes:
        for line, reached, moved, holds in processes.map(_proved, scopes):
            _say(line)
            states, transitions, wrong = states + reached, transitions + moved, wrong + (not holds)
        _say(f"{'together':36} {states:>9,} states {transitions:>10,} transitions {time.monotonic() - begun:6.1f} s")
        for line, caught in processes.map(_missed, [(off, scope) for off, shown in CAUGHT.items() for scope in shown]):
            _say(line)
            wrong += not caught
    return min(wrong, 1)


def _proved(scope: Scope) -> tuple[str, int, int, bool]:
    begun = time.monotonic()
    _, found = explored(scope)
    trouble = failure(found, scope)
    counts = f"{len(found.states):>9,} states {found.transitions:>10,} transitions"
    line = f"{scope!s:36} {counts} {time.monotonic() - begun:6.1f} s  {trouble or 'holds'}"
    return line, len(found.states), found.transitions, trouble is None


def _missed(pair: tuple[Off, Scope]) -> tuple[str, bool]:
    off, scope = pair
    trace, second = counter_example(off, scope), counter_example(off, scope, twice=True)
    said = f"{len(trace.actions):2} steps to: {trace.broken}" if trace else "NOT CAUGHT"
    more = f"; {len(second.actions)} to a second post" if second else ""
    return f"without {off:52} {scope!s:26} {said}{more}", trace is not None


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    sys.exit(main(WHOLE))
