"""What readers of a newsroom see: pages and feeds made from its items, by pure functions.

Readers of a newsroom are Indonesian whoever runs dissem, so the templates are. Atom: RFC 4287; tag addresses: RFC 4151;
JSON Feed: https://www.jsonfeed.org/version/1.1/
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.channels.markdown import as_html

NEWEST = 50  # items of the front page and the feeds
SUMMARY = 240  # characters
KINDS = {"press_release": "Siaran pers", "photo": "Foto", "infographic": "Infografik", "video": "Video"}
Item = Mapping[str, Any]

_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_ELEMENT = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Site:
    """One newsroom. *address*: where readers find its folder, ending in a slash; *served*: whether by a web server."""

    title: str
    address: str
    served: bool
    zone: ZoneInfo

    @property
    def host(self) -> str:
        return (urlsplit(self.address).hostname if self.served else None) or "localhost"

    @property
    def tag(self) -> str:
        """The feed's name for ever; the year is one in which the host was the city's."""
        return f"tag:{self.host},2026:newsroom"


def page(item: Item, site: Site) -> str:
    """The page of one release."""
    return _made("release.html.jinja", site, root="../", item=_full(item, site))


def overview(items: Sequence[Item], years: Sequence[str], site: Site) -> Iterator[tuple[str, str]]:
    """Path and text of the front page, the list of every year, and the feeds. *items*: newest first."""
    front = [_shown(item, site) for item in items[:NEWEST]]
    yield "index.html", _made("index.html.jinja", site, root="", year="", years=years, items=front)
    for year in years:
        within = [_shown(item, site) for item in items if year_of(item) == year]
        yield f"{year}/index.html", _made("index.html.jinja", site, root="../", year=year, years=years, items=within)
    entries = [_full(item, site) for item in items[:NEWEST]]
    updated = max((item["published"] for item in items), default="2026-01-01T00:00:00+00:00")
    yield "feed.atom", _made("feed.atom.jinja", site, items=entries, updated=updated)
    yield "feed.json", as_json(_json_feed(entries, site))


def summary(body: str) -> str:
    """The beginning of a Markdown text in plain words: its paragraphs, if it has any."""
    html = as_html(body)
    words = " ".join(_PARAGRAPH.findall(html)) or html
    return textwrap.shorten(unescape(_ELEMENT.sub("", words)), SUMMARY, placeholder=" …")


def year_of(item: Item) -> str:
    return str(item["page"]).partition("/")[0]


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _shown(item: Item, site: Site) -> dict[str, Any]:
    """*item* with what templates need and the file does not keep."""
    return {
        **item,
        "kind_name": KINDS.get(item["kind"], ""),
        "moment": _moment(item["published"], site.zone),
        "url": site.address + item["page"],
    }


def _full(item: Item, site: Site) -> dict[str, Any]:
    return {**_shown(item, site), "html": as_html(item["body"] or item["text"], below=1)}


def _moment(published: str, zone: ZoneInfo) -> str:
    before = i18n.language.set("id")
    try:
        return i18n.moment(datetime.fromisoformat(published).replace(second=0), zone)
    finally:
        i18n.language.reset(before)


def _json_feed(entries: Sequence[Item], site: Site) -> dict[str, Any]:
    places = {"home_page_url": site.address + "index.html", "feed_url": site.address + "feed.json"}
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": site.title,
        "language": "id",
        **(places if site.served else {}),
        "items": [_json_entry(item, site) for item in entries],
    }


def _json_entry(item: Item, site: Site) -> dict[str, Any]:
    content = _templates().get_template("pieces.jinja").module.content
    pictures = [site.address + file["path"] for file in item["media"] if file["type"].startswith("image/")]
    return {
        "id": item["tag"],
        "url": item["url"],
        **({"external_url": item["link"]} if item["link"] else {}),
        "title": item["title"],
        "content_html": str(content(item, site.address)).strip(),
        "summary": item["summary"],
        **({"image": pictures[0]} if pictures else {}),
        "date_published": item["published"],
        "date_modified": item["published"],
        "authors": [{"name": item["agency"] or site.title}],
        "tags": item["tags"],
        "language": item["language"],
        "attachments": [_json_attachment(file, site) for file in item["media"]],
    }


def _json_attachment(file: Item, site: Site) -> dict[str, Any]:
    return {
        "url": site.address + file["path"],
        "mime_type": file["type"],
        "size_in_bytes": file["size"],
        **({"title": file["alt"]} if file["alt"] else {}),
        **({"duration_in_seconds": file["duration"]} if file["duration"] else {}),
    }


def _made(template: str, site: Site, **values: Any) -> str:
    text: str = _templates().get_template(template).render(site=site, **values)
    return text.lstrip()  # an XML declaration must come first


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("dissem.channels", "newsroom_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
