"""Text as a Mastodon server counts it, and as it renders it in HTML."""

from __future__ import annotations

import re
import unicodedata
from html import escape

CHARACTERS_PER_URL = 23

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_MENTION = re.compile(r"(?<![\w/])@(\w+)@[\w.-]+\w")
HASHTAG = re.compile(r"(?<![\w/#&])#(\w*[^\W\d]\w*)")
_ZERO_WIDTH_JOINER = "\u200d"


def graphemes(text: str) -> int:
    """Characters as people see them; the common cases of Unicode's grapheme clusters, not all."""
    count, joined, half_flag = 0, False, False
    for character in text.replace("\r\n", "\n"):
        regional = "\U0001f1e6" <= character <= "\U0001f1ff"
        extends = (
            unicodedata.category(character).startswith("M")
            or character == _ZERO_WIDTH_JOINER
            or "\U0001f3fb" <= character <= "\U0001f3ff"
            or "\U000e0020" <= character <= "\U000e007f"
        )
        if not (extends or joined or (regional and half_flag)):
            count += 1
        joined = character == _ZERO_WIDTH_JOINER
        half_flag = regional and not half_flag
    return count


def counted(text: str) -> int:
    """The length that a server compares with its limit: every address costs 23, a mention only its local part."""
    return graphemes(_MENTION.sub(r"@\1", _URL.sub("x" * CHARACTERS_PER_URL, text)))


def as_html(text: str, base: str) -> str:
    """A status's content: paragraphs, line breaks, shortened links and hashtags, as the server renders plain text."""
    found = re.compile(f"(?P<url>{_URL.pattern})|{HASHTAG.pattern}")
    pieces, place = [], 0
    for match in found.finditer(text):
        pieces += [escape(text[place : match.start()], quote=False), _anchor(match, base)]
        place = match.end()
    rendered = "".join(pieces) + escape(text[place:], quote=False)
    paragraphs = re.split(r"\n{2,}", rendered.replace("\r\n", "\n"))
    return "".join("<p>{}</p>".format(paragraph.replace("\n", "<br />")) for paragraph in paragraphs if paragraph)


def _anchor(match: re.Match[str], base: str) -> str:
    if match["url"] is None:
        tag = escape(match[0][1:])
        return f'<a href="{base}/tags/{tag}" class="mention hashtag" rel="tag">#<span>{tag}</span></a>'
    scheme, _, rest = match["url"].partition("://")
    shown, hidden = rest[:30], rest[30:]
    return (
        f'<a href="{escape(match["url"])}" target="_blank" rel="nofollow noopener noreferrer" translate="no">'
        f'<span class="invisible">{scheme}://</span>'
        f'<span class="{"ellipsis" if hidden else ""}">{escape(shown)}</span>'
        f'<span class="invisible">{escape(hidden)}</span></a>'
    )
