"""What WordPress does to the texts it is given: slugs, markup an author may not use, plain alt texts.

Sources: https://developer.wordpress.org/reference/functions/sanitize_title_with_dashes/, /wp_kses_post/,
/sanitize_text_field/, /wp_unique_post_slug/
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from html import unescape

_FORBIDDEN = re.compile(r"</?(?:script|iframe|style|form|input|object|embed|link|meta|base|html|body)\b[^>]*>", re.I)
_HANDLER = re.compile(r"""\s(?:on\w+|srcdoc)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.I)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<br\s*/?>|</(?:p|h\d|li|tr|blockquote)>", re.I)


def slug(text: str, taken: Collection[str] = ()) -> str:
    """*text* as a part of an address; with a number behind it where others have it already."""
    plain = unicodedata.normalize("NFKD", _ELEMENT.sub("", text)).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"-+", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-")[:200]
    numbers = (f"{made}-{number}" for number in range(2, len(taken) + 3))
    return made if made not in taken else next(one for one in numbers if one not in taken)


def allowed(html: str) -> str:
    """*html* without what people who are no administrators may not write; the words in between stay."""
    return _HANDLER.sub("", _FORBIDDEN.sub("", html))


def one_line(text: str) -> str:
    """A field of plain text: whatever looks like an element is taken out."""
    return " ".join(_ELEMENT.sub("", text).split())


def words(html: str) -> str:
    """What people read of *html*."""
    lines = unescape(_ELEMENT.sub("", _BREAK.sub("\n", _COMMENT.sub("", html)))).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())
