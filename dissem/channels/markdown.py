"""Markdown as HTML for platforms that show a whole text: no HTML inside, no pictures from elsewhere."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def as_html(text: str, *, below: int = 0) -> str:
    """*text* as HTML; its headings stand *below* levels deeper, under those of the page."""
    tokens = _parser().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + below, 6)}"
    html: str = _parser().renderer.render(tokens, _parser().options, {})
    return html


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
