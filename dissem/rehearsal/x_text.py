"""Text as X counts it (weighted characters, links, emoji) and as it hands it out again, with short links."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from html import escape
from typing import Any

LINK_WEIGHT = 23
SHORT, LONG = 280, 25_000  # weighted: everybody, and accounts that pay
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|name|mobi|asia|travel|museum|app|dev|blog|news|online|site|store|tech|xyz|"
    "id|my|sg|th|vn|ph|bn|tl|au|nz|jp|kr|cn|hk|tw|in|uk|us|eu|nl|de|fr|it|es|co|io|me|tv|cc|ly|gl|be|to|ai"
)
_NAME = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"
_BELOW = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9_\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"  # below a name, underscores may be
_PATH = r"[a-z0-9\u00c0-\u024f\u0400-\u04ff!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_QUERY = r"[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]"
LINK = re.compile(
    rf"(?:(?<![a-z0-9@\uff20$#\uff03])https?://|(?<![a-z0-9@\uff20$#\uff03\-_./]))"
    rf"(?:{_BELOW}\.)*{_NAME}\.(?:{_TLD})(?![a-z0-9@+-])(?::\d+)?"
    rf"(?:/(?:\({_PATH}+\)|{_PATH})*(?<=[a-z0-9\u00c0-\u024f\u0400-\u04ff+\-=_#/)]))?"
    rf"(?:\?{_QUERY}*(?<=[a-z0-9\-_&=#/]))?",
    re.IGNORECASE,
)

_PICTURE = (
    "(?:[\u00a9\u00ae]\ufe0f|[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]\ufe0f?)[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*",
)
CASHTAG = re.compile(r"(?<!\S)\$[a-z]{1,6}(?![a-z0-9_])", re.IGNORECASE)


def weight(text: str) -> int:
    """The weighted length by configuration v3 of twitter-text: links 23, an emoji 2 however it is composed."""
    pieces = LINK.split(unicodedata.normalize("NFC", text))
    return LINK_WEIGHT * (len(pieces) - 1) + sum(_plain_weight(piece) for piece in pieces)


def _plain_weight(text: str) -> int:
    without_sequences = EMOJI.sub("\ufffc", text)
    return sum(1 if any(low <= ord(sign) <= high for low, high in LIGHT) else 2 for sign in without_sequences)


def cut(text: str) -> str:
    """What of a long post stands in `text`; the whole is in its note."""
    if weight(text) <= SHORT:
        return text
    text = text[:SHORT]
    while weight(f"{text}…") > SHORT:
        text = text[:-1]
    return f"{text}…"


def handed_out(text: str, seed: str) -> tuple[str, list[dict[str, Any]]]:
    """*text* with links shortened and `& < >` escaped; and its links. The same *seed* gives the same short links."""
    written, entities, end = "", [], 0
    for number, found in enumerate(LINK.finditer(text)):
        written += escape(text[end : found.start()], quote=False)
        full = found[0] if "://" in found[0] else f"http://{found[0]}"
        entities.append(entity(written, short(f"{seed} {number}"), full))
        written += entities[-1]["url"]
        end = found.end()
    return written + escape(text[end:], quote=False), entities


def short(seed: str) -> str:
    """A short link; the same for the same seed."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).decode()
    return f"https://t.co/{digest.replace('-', 'A').replace('_', 'B')[:10]}"


def entity(written: str, link: str, full: str) -> dict[str, Any]:
    """The entry of `entities` for the short *link* that follows what is *written* and leads to *full*."""
    shown = full.partition("://")[2]
    return {
        "start": len(written),
        "end": len(written) + len(link),
        "url": link,
        "expanded_url": full,
        "display_url": shown if len(shown) <= 27 else f"{shown[:26]}…",
    }
