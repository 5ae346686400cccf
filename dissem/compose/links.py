"""A link that is not known yet: other channels' posts are composed and approved with its place, as long as it may get.

The place looks like an address, so that every platform counts it as it will count the link itself.
"""

import re
from dataclasses import replace

from dissem.channels.adapter import Adapter, Part
from dissem.channels.errors import Refused

_PLACE = re.compile(r"https://example\.com/link-0*")


def place(longest: int) -> str:
    """What stands for a link of up to *longest* characters."""
    return "https://example.com/link-".ljust(longest, "0")


def in_words(text: str, words: str) -> str:
    """*text* as people read it: *words* where the place of a link is."""
    return _PLACE.sub(words, text)


def waits(part: Part) -> bool:
    """Whether *part* has a place for a link."""
    return bool(_PLACE.search(part.text) or _PLACE.search(part.link or ""))


def filled(part: Part, url: str | None, kind: type[Adapter]) -> Part:
    """*part* with *url* in the link's place. Refused if there is no link, or no room for it."""
    if url is None:
        raise Refused(
            "The publication it should link to has no link.",
            hint="Write the link into the release: dissem release edit ID --link URL",
        )
    linked = replace(part, text=_PLACE.sub(url, part.text), link=part.link and _PLACE.sub(url, part.link))
    limit = kind.facts.limit(linked.attachments)
    if limit is not None and kind.length(linked.text) > limit:
        raise Refused("The link {url} is longer than was left room for.", hint="Shorten the text.", url=url)
    return linked
