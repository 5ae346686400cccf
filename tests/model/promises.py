"""What holds in every state of the model: nothing twice, nothing without approval, nothing silently lost."""

from collections.abc import Callable, Mapping

from protocol import AT_WORK, ENDED, IN_DOUBT, Doing, World

from dissem.models import Held, Settled, State

Property = Callable[[World], bool]


def broken(world: World) -> str | None:
    """What does not hold in *world*, None if everything does."""
    return _first(PROMISES | BOOKS, world)


def broken_promise(world: World) -> str | None:
    """The same, of what people see alone."""
    return _first(PROMISES, world)


def _first(properties: Mapping[str, Property], world: World) -> str | None:
    for name, holds in properties.items():
        if not holds(world):
            return name
    return None


def never_twice(world: World) -> bool:
    parts = [post.part for post in world.public]
    return len(parts) == len(set(parts))


def nothing_leaves_without_approval(world: World) -> bool:
    return not world.unapproved


def published_is_public(world: World) -> bool:
    """Every part once; of recipients those that take nothing are left out, and nobody else."""
    row = world.row
    if row.state is not State.PUBLISHED:
        return True
    public = {post.part for post in world.public}
    return all(
        number in public or (row.independent and part is Settled.REFUSED)
        for number, part in enumerate(row.settled_parts, start=1)
    )


def refused_missed_and_cancelled_are_not(world: World) -> bool:
    return world.row.state not in ENDED or not _somewhere(world)


def what_may_be_public_is_not_forgotten(world: World) -> bool:
    """Wherever a part is public or on its way, the database says that it is or may be."""
    return world.row.state is State.PUBLISHED or all(_remembered(world, part) for part in _somewhere(world))


def held_says_why(world: World) -> bool:
    return (world.row.state is State.HELD) == (world.row.held is not None)


def who_is_held_in_doubt_is_in_doubt(world: World) -> bool:
    """A person is not asked about a recipient to whom nothing was sent."""
    row = world.row
    asked = row.independent and row.held is Held.UNKNOWN
    return not asked or row.settled_parts[row.part - 1] is Settled.UNSURE


def _named(*properties: Property) -> dict[str, Property]:
    return {step.__name__.replace("_", " "): step for step in properties}


PROMISES = _named(
    never_twice,
    nothing_leaves_without_approval,
    published_is_public,
    refused_missed_and_cancelled_are_not,
)
BOOKS = _named(  # why the promises hold
    what_may_be_public_is_not_forgotten,
    held_says_why,
    who_is_held_in_doubt_is_in_doubt,
)


def has_an_end(world: World) -> bool:
    """Published, surely not public, or with a person who is told why."""
    return world.row.state in (State.PUBLISHED, *ENDED, State.HELD)


def is_over(world: World) -> bool:
    return world.row.state in (State.PUBLISHED, *ENDED)


def _somewhere(world: World) -> set[int]:
    """Parts that are public or still can become so."""
    sent = {worker.part for worker in world.workers if worker.doing is Doing.SENT}
    return sent | {post.part for post in (*world.public, *world.pending, *world.astray)}


def _remembered(world: World, part: int) -> bool:
    row = world.row
    if part == row.part:
        return row.state in AT_WORK or row.ambiguous or row.held in IN_DOUBT
    if row.independent:
        return row.settled_parts[part - 1] in (Settled.PUBLIC, Settled.UNSURE)
    return part < row.part
