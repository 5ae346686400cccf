"""A text as Bluesky takes it: its length, and the places in it that are links and hashtags.

Nothing links itself there: every link and hashtag is a facet, placed by bytes of UTF-8, or it is dead text.
Rules: https://docs.bsky.app/docs/advanced-guides/post-richtext, lexicons app.bsky.feed.post and app.bsky.richtext.facet
"""

import re
from collections.abc import Iterator
from typing import Any

from dissem.channels import letters

GRAPHEMES, BYTES = 300, 3000
_TAG_GRAPHEMES, _TAG_BYTES = 64, 640

_MARKS = ".,;:!?\"'”’»"
_OPENED = {")": "(", "]": "["}
_WHOLE = r"https?://[^\s/.,;:!?\"'”’»()\[\]]\S*"
_BARE = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:id|com|net|org|gov|edu|info)(?![\w.@-]*[\w@])(?:[/?#]\S*)?"
_LINK = re.compile(rf"(?:^|(?<=[\s(])){_WHOLE}|(?:^|(?<=[\s(])){_BARE}", re.IGNORECASE)
_BLANK = r"\s\u00AD\u2060\u200A\u200B\u200C\u200D\u20e2"
_TAG = letters.pattern(rf"(?:^|(?<=\s))[#＃](?!\ufe0f)([^{_BLANK}]*[^\d\p{{P}}{_BLANK}][^{_BLANK}]*)")
_END = letters.pattern(r"\p{P}+$")


def length(text: str) -> int:
    """Letters as people see them, or a tenth of the bytes where that is more: 300 is then the limit of both."""
    return max(letters.count(text), -(-len(text.encode("utf-8", "surrogatepass")) * GRAPHEMES // BYTES))


def facets(text: str) -> list[dict[str, Any]]:
    """The links and hashtags of *text* as facets, in their order."""
    found = sorted([*_links(text), *_tags(text)], key=lambda place: place[0])
    return [
        {
            "index": {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())},
            "features": [{"$type": f"app.bsky.richtext.facet#{kind}", **feature}],
        }
        for start, end, kind, feature in found
    ]


_Place = tuple[int, int, str, dict[str, str]]


def _links(text: str) -> Iterator[_Place]:
    for found in _LINK.finditer(text):
        shown = _without_sentence(found[0])
        whole = shown if "://" in shown else f"https://{shown}"
        yield found.start(), found.start() + len(shown), "link", {"uri": whole}


def _without_sentence(link: str) -> str:
    """*link* without the marks of the sentence around it; a bracket belongs to it if it was opened in it."""
    while link[-1] in _MARKS or link.count(link[-1]) > link.count(_OPENED.get(link[-1], link[-1])):
        link = link[:-1]
    return link


def _tags(text: str) -> Iterator[_Place]:
    for found in _TAG.finditer(text):
        tag = _END.sub("", found[1])
        if tag and letters.count(tag) <= _TAG_GRAPHEMES and len(tag.encode()) <= _TAG_BYTES:
            yield found.start(), found.start() + 1 + len(tag), "tag", {"tag": tag}
