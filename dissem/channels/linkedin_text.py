"""LinkedIn's "little" text: plain text written so that all of it arrives and hashtags are live, and read back.

A character that means something and is not escaped ends the text there, although LinkedIn accepts the post. Hashtags
become templates. Addresses keep `_` and `~` bare, because escaped ones are said to end the live part of an address.
Format: https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format
"""

import re

from dissem.channels.letters import pattern

_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_RESERVED_IN_ADDRESS = re.compile(r"[\\|{}@\[\]()<>#*]")
_LIVE = pattern(
    r"(?P<address>(?i:https?)://\S+)|(?<![\p{L}\p{M}\p{N}_&/#])#(?P<tag>[\p{L}\p{M}\p{N}_]*\p{L}[\p{L}\p{M}\p{N}_]*)"
)
_MARKED = re.compile(
    r"\{hashtag\|\\?#\|(?P<tag>(?:\\.|[^\\}])*)\}"
    r"|@\[(?P<name>(?:\\.|[^\\\]])*)\]\([^()]*\)"
    r"|\\(?P<escaped>.)",
    re.DOTALL,
)


def written(text: str) -> str:
    """*text* as a commentary."""
    pieces, place = [], 0
    for live in _LIVE.finditer(text):
        pieces += [_escaped(text[place : live.start()]), _live(live)]
        place = live.end()
    return "".join(pieces) + _escaped(text[place:])


def read(commentary: str) -> str:
    """The text that people see of a *commentary*."""
    return _MARKED.sub(_shown, commentary)


def _live(found: re.Match[str]) -> str:
    if found["address"]:
        return _RESERVED_IN_ADDRESS.sub(r"\\\g<0>", found["address"])
    return f"{{hashtag|\\#|{_escaped(found['tag'])}}}"


def _escaped(text: str) -> str:
    return _RESERVED.sub(r"\\\g<0>", text)


def _shown(found: re.Match[str]) -> str:
    if found["escaped"] is not None:
        return found["escaped"]
    return f"#{read(found['tag'])}" if found["tag"] is not None else read(found["name"])
