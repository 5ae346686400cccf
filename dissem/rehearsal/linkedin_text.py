"""LinkedIn's "little" text: what a commentary shows, which of it is live, and where an unescaped character cuts it.

The characters `\\ | { } @ [ ] ( ) < > # * _ ~` mean something unless a backslash stands before them. One that means
nothing at its place ends the text there, and the post is accepted all the same. Inside an address `_` and `~` pass.
Source: https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RESERVED = r"\\|{}@\[\]()<>#*_~"

_ESCAPED = rf"\\[{RESERVED}]"
_PLAIN = rf"[^{RESERVED}]"
_PIECE = re.compile(
    rf"(?P<escaped>{_ESCAPED})"
    rf"|\{{hashtag\|\\?\#\|(?P<template>(?:{_ESCAPED}|{_PLAIN})+)\}}"
    rf"|@\[(?P<mention>(?:{_ESCAPED}|{_PLAIN})+)\]\((?P<urn>urn:li:(?:person|organization):[\w-]+)\)"
    r"|(?P<link>https?://[^\s\\|{}@\[\]()<>#*]+)"
    r"|(?<![\w&/])\#(?P<hashtag>\w*[^\W\d]\w*)"
    rf"|(?P<plain>{_PLAIN})"
)


@dataclass(frozen=True)
class Little:
    """A commentary read: the pieces people see, each with its kind (`plain`, `hashtag`, `mention` or `link`)."""

    pieces: tuple[tuple[str, str], ...]
    cut: bool = False

    @property
    def text(self) -> str:
        return "".join(f"#{shown}" if kind == "hashtag" else shown for kind, shown in self.pieces)

    def of(self, kind: str) -> list[str]:
        return [shown for found, shown in self.pieces if found == kind]

    def written(self) -> str:
        """As the API tells it: everything escaped, hashtags as templates, whichever way they were sent."""
        return "".join(
            f"{{hashtag|\\#|{_escape(shown)}}}" if kind == "hashtag" else _escape(shown) for kind, shown in self.pieces
        )


def read(commentary: str) -> Little:
    """*commentary* up to the first character that should have been escaped."""
    pieces: list[tuple[str, str]] = []
    place = 0
    while place < len(commentary):
        found = _PIECE.match(commentary, place)
        if found is None:
            return Little(tuple(pieces), cut=True)
        pieces.append(_piece(found))
        place = found.end()
    return Little(tuple(pieces))


def units(text: str) -> int:
    """UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _piece(found: re.Match[str]) -> tuple[str, str]:
    kind = next(name for name in ("escaped", "template", "mention", "link", "hashtag", "plain") if found[name])
    shown = found[kind]
    if kind in ("escaped", "template", "mention"):
        shown = re.sub(r"\\(.)", r"\1", shown)
    return {"escaped": "plain", "template": "hashtag"}.get(kind, kind), shown


def _escape(text: str) -> str:
    return re.sub(f"[{RESERVED}]", r"\\\g<0>", text)
