"""What publishing a post costs and uses up at its platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dissem.channels.registry import adapter_class
from dissem.desk.acting import Acting
from dissem.models import Channel
from dissem.queue import quotas

if TYPE_CHECKING:
    from dissem.compose.post import Post


@dataclass(frozen=True)
class Uses:
    """*price* in US dollars; *posts* are those of the last 24 hours, *most* how many there may be (None: any)."""

    price: float
    posts: int
    most: int | None


def uses(acting: Acting, posts: "Sequence[tuple[Channel, Post]]") -> Mapping[str, Uses]:
    """By channel name, what each of *posts* would use."""
    now = acting.now()
    with acting.installation.database.read() as session:
        return {
            channel.name: Uses(
                sum(adapter_class(channel.platform).price(part) for part in post.parts),
                len(quotas.used(session, channel, now)),
                quotas.most(channel),
            )
            for channel, post in posts
        }
