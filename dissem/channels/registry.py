"""Which adapters there are: entry points of the group `dissem.channels`, ours and other people's alike."""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from dissem.channels.adapter import Adapter
from dissem.errors import WrongInput

GROUP = "dissem.channels"


@cache
def platforms() -> tuple[str, ...]:
    """Names of all installed adapters, sorted; none of them is imported."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def adapter_class(platform: str) -> type[Adapter]:
    """The adapter for *platform*; a wrong name gets a suggestion."""
    for point in entry_points(group=GROUP, name=platform):
        loaded: Any = point.load()
        return loaded  # type: ignore[no-any-return]
    close = get_close_matches(platform, platforms(), 1)
    hint = "Did you mean {close}?" if close else "Known platforms: {known}."
    raise WrongInput(
        "There is no platform named {platform}.",
        hint=hint,
        platform=platform,
        close=close[0] if close else "",
        known=", ".join(platforms()),
    )
