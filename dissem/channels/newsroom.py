"""The city's own newsroom: a folder of pages and feeds for any web server; no network, no figures.

The key of a part names its item, so the same part written again changes nothing. Everything a reader sees is made from
the items; each file is replaced whole, under a lock, and only if it differs.

    items/<title>-<key>.json       what was published: the proof
    <year>/<title>-<key>.html      one page a release           <year>/index.html   all of a year
    media/<sha256>.<ext>           pictures and videos          index.html, feed.atom, feed.json   the newest
"""

import fcntl
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from dissem.channels import newsroom_pages as pages
from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
)
from dissem.channels.errors import Uncertain, Unreachable
from dissem.channels.network import Network
from dissem.i18n import _

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
}
LONGEST_SLUG = 60
Item = dict[str, Any]

# Characters that XML 1.0 cannot hold or discourages; they come with texts pasted from word processors.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

_WEB = re.compile(r"https?://[^\x00-\x20]+$", re.IGNORECASE)  # a link readers may be led to


class Newsroom(Adapter):
    """A folder on this machine that a web server shows to the public."""

    platform = "newsroom"
    facts = Facts(
        label="Newsroom",
        certainties=frozenset({Certainty.KEYED}),
        text=None,
        images=20,
        videos=1,
        mixed=True,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
        image_bytes=20 * 2**20,
        video_types=frozenset({"video/mp4", "video/webm", "video/quicktime"}),
        video_bytes=500 * 2**20,
        alt=1500,
        link="field",
        tags="field",
        titled=True,
        full=True,
    )

    class Settings(Adapter.Settings):
        """Where the pages are written, and the address under which the public sees that folder."""

        folder: Path
        base_url: str = Field("", pattern=r"^(https?://[^\s/?#]+[^\s?#]*)?$")
        title: str = "Ruang Berita"
        timezone: str = "Asia/Jakarta"

        @field_validator("timezone")
        @classmethod
        def _is_a_zone(cls, name: str) -> str:
            try:
                ZoneInfo(name)
            except (KeyError, OSError) as error:
                raise ValueError(_("It is not a time zone, such as Asia/Jakarta.")) from error
            return name

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.folder = settings.folder.absolute()
        address = settings.base_url.rstrip("/") or self.folder.as_uri()
        zone = ZoneInfo(settings.timezone)
        self.site = pages.Site(settings.title, f"{address}/", served=bool(settings.base_url), zone=zone)

    def certainty(self, part: Part) -> Certainty:
        """The key names the item."""
        return Certainty.KEYED

    def check(self) -> Account:
        """The folder is the account; made and tried here."""
        with self._locked():
            _make(self.folder / "items")
        return Account(id=str(self.folder), name=self.settings.title, url=f"{self.site.address}index.html")

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """Write the item and everything made from it. Unreachable before the item stands, Uncertain after."""
        name = _name(part)
        with self._locked():
            items = self._items()
            item = items.get(name) or self._new_item(part)
            self._copy_media(part)
            self._write(f"items/{name}.json", pages.as_json(item))
            with _doubting():
                self._render({**items, name: item}, item)
        return self._receipt(name, item)

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """The item of this key. Where writing broke off after it, the pages are finished first."""
        name = _name(part)
        with self._locked():
            items = self._items()
            if name not in items:
                return []
            with _doubting():
                self._render(items, items[name])
        return [self._receipt(name, items[name])]

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """Nothing: the web server's logs are not ours."""
        return {}

    def remove(self, receipt: Receipt) -> None:
        """Take item, page and files no other item uses away, and render the rest anew."""
        with self._locked():
            items = self._items()
            item = items.pop(receipt.id, None)
            if item is None:
                return
            self._render(items)
            kept = {file["path"] for other in items.values() for file in other["media"]}
            gone = {file["path"] for file in item["media"]} - kept
            for path in (item["page"], *sorted(gone), f"items/{receipt.id}.json"):  # the proof last
                (self.folder / path).unlink(missing_ok=True)

    # Items

    def _new_item(self, part: Part) -> Item:
        """What is kept of *part*. The moment of publication is data, so that pages made again later stay the same."""
        name, at = _name(part), datetime.now(UTC).replace(microsecond=0)
        year = at.astimezone(self.site.zone).year
        return {
            "tag": f"tag:{self.site.host},{year}:release/{name.rpartition('-')[2]}",
            "page": f"{year}/{name}.html",
            "published": at.isoformat(),
            "kind": part.kind,
            "title": _fit(part.title),
            "text": _fit(part.text),
            "body": _fit(part.body),
            "summary": pages.summary(_fit(part.body or part.text)),
            "tags": [_fit(tag) for tag in part.tags],
            "link": part.link if _WEB.match(part.link or "") else None,
            "language": part.language,
            "agency": _fit(part.agency),
            "media": [_file(attachment) for attachment in part.attachments],
        }

    def _items(self) -> dict[str, Item]:
        """All items by name. One that cannot be read stops everything: rendering without it would hide a release."""
        items = {}
        for path in sorted((self.folder / "items").glob("*.json")):
            try:
                items[path.stem] = json.loads(path.read_bytes())
            except ValueError as error:
                raise Unreachable(
                    "The newsroom's file {path} cannot be read.", hint="Restore it from a backup.", path=path
                ) from error
        return items

    def _receipt(self, name: str, item: Item) -> Receipt:
        return Receipt(id=name, url=self.site.address + item["page"])

    # Files

    def _render(self, items: Mapping[str, Item], changed: Item | None = None) -> None:
        """The page of *changed*, then the lists and feeds, which lead to it."""
        newest_first = sorted(items.items(), key=lambda entry: (entry[1]["published"], entry[0]), reverse=True)
        ordered = [item for _, item in newest_first]
        years = sorted({*map(pages.year_of, ordered), *self._years_written()}, reverse=True)
        if changed:
            self._write(changed["page"], pages.page(changed, self.site))
        for path, text in pages.overview(ordered, years, self.site):
            self._write(path, text)

    def _years_written(self) -> list[str]:
        """Years that have a list, also those whose last release was taken down."""
        return [path.parent.name for path in self.folder.glob("[0-9][0-9][0-9][0-9]/index.html")]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The folder for us alone, made if need be. Whatever the disk refuses is Unreachable."""
        try:
            _make(self.folder)
            with (self.folder / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Unreachable(
                "The newsroom's folder {folder} cannot be written: {reason}",
                hint="Is the disk full, or the folder somebody else's?",
                folder=self.folder,
                reason=error.strerror or error,
            ) from error

    def _copy_media(self, part: Part) -> None:
        for attachment in part.attachments:
            path = _file(attachment)["path"]
            if not (self.folder / path).exists():
                self._replace(path, attachment.path.read_bytes())

    def _write(self, path: str, text: str) -> None:
        """Leave a file alone that says the same already: its date is what readers' caches go by."""
        content, there = text.encode(), self.folder / path
        if not there.exists() or there.read_bytes() != content:
            self._replace(path, content)

    def _replace(self, path: str, content: bytes) -> None:
        """Whole or not at all, also when the power fails; readable by the web server."""
        there = self.folder / path
        _make(there.parent)
        half = there.with_name(f".{there.name}.new")
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        half.replace(there)
        _sync_folder(there.parent)


@contextmanager
def _doubting() -> Iterator[None]:
    """The item stands: whatever fails from here on leaves the release public, or nearly."""
    try:
        yield
    except OSError as error:
        raise Uncertain(
            "The release is in the newsroom's folder, but its pages could not all be written: {reason}",
            hint="Is the disk full?",
            reason=error.strerror or error,
        ) from error


def _make(folder: Path) -> None:
    """A folder that the web server can read, whatever the daemon's umask; one that is there stays as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)  # another channel may be making it now
        folder.chmod(0o755)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(part: Part) -> str:
    """The part's name for ever: its title for people, its key for certainty."""
    letters = unicodedata.normalize("NFKD", part.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    if len(slug) > LONGEST_SLUG:
        slug = slug[:LONGEST_SLUG].rpartition("-")[0] or slug[:LONGEST_SLUG]
    return f"{slug or 'kabar'}-{hashlib.sha256(part.key.encode()).hexdigest()[:16]}"


def _fit(text: str) -> str:
    return _UNFIT.sub("", text)


def _file(attachment: Attachment) -> Item:
    return {
        "path": f"media/{attachment.sha256}.{EXTENSIONS[attachment.type]}",
        "type": attachment.type,
        "size": attachment.size,
        "width": attachment.width,
        "height": attachment.height,
        "duration": attachment.duration,
        "alt": _fit(attachment.alt),
    }
