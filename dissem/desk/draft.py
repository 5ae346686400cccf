"""A release as people hand it in: a Markdown file with TOML front matter between two lines of `+++`, or options.

+++
kind = "press_release"
title = "Jembatan Siti Nurbaya ditutup Minggu pagi"
tags = ["Padang", "lalu lintas"]
media = [{ path = "jembatan.jpg", alt = "Jembatan dari arah muara" }]
+++
Isi rilis dalam Markdown …
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dissem.config import TOML_HINT, toml_place
from dissem.errors import DissemError, WrongInput
from dissem.i18n import _
from dissem.models import Kind, Shape
from dissem.phrases import understand

FENCE = "+++"
LARGEST = 1 << 20  # bytes of a release's text
TITLE = 300  # characters of a title

# Tab and line feed stay. The others end texts early, or steer what shows them.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# They make a text read otherwise than it is written: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class File:
    """A media file as handed in."""

    path: Path
    alt: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alt", plain(_("a description"), self.alt).strip())


@dataclass(frozen=True)
class Draft:
    """What is known of a release; None is "not said", so that an edit changes only what was said.

    Whoever makes one: its title is one line of at most `TITLE` characters, and its texts hold nothing but text, else
    WrongInput.
    """

    kind: Kind | None = None
    title: str | None = None
    body: str | None = None
    tags: tuple[str, ...] | None = None
    link: str | None = None
    language: str | None = None
    urgent: bool | None = None
    not_before: datetime | None = None
    until: datetime | None = None
    agency: str | None = None
    media: tuple[File, ...] | None = None
    shape: Shape | None = None  # what is done with pictures whose shape a platform does not take
    link_from: str | None = None  # name of the channel whose publication the others link to; empty: none

    def __post_init__(self) -> None:
        if self.title is not None:
            object.__setattr__(self, "title", one_line(self.title))
        if self.body is not None:
            object.__setattr__(self, "body", plain(_("the text"), self.body).strip())
        if self.tags is not None:
            object.__setattr__(self, "tags", tuple(plain(_("a hashtag"), tag).strip() for tag in self.tags))

    def over(self, other: "Draft") -> "Draft":
        """*other*, with what is said here instead."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(other, **said)


def read(file: Path, *, now: datetime, zone: ZoneInfo) -> Draft:
    """The draft in *file*; media paths are meant from the file's folder. Raises WrongInput."""
    front, body = _halves(_text(file), file)
    try:
        data = tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        raise WrongInput(
            "The front matter of {file} is not valid TOML: {why}.",
            hint=TOML_HINT,
            file=file,
            why=toml_place(error, above=1),
        ) from error
    known = [f.name for f in fields(Draft) if f.name != "body"]
    for key in data:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = "Did you mean {close}?" if close else "It knows: {known}."
            raise WrongInput(
                "{file}: the front matter has no key {key}.",
                hint=hint,
                file=file,
                key=key,
                close=close[0] if close else "",
                known=", ".join(known),
            )
    return Draft(body=body.strip() or None, **_values(data, file, now, zone))


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise WrongInput("{file} is too large for a release's text.", hint="Put pictures into media.", file=file)
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise WrongInput("The file {file} does not exist.", hint="Check the path.", file=file) from error
    except IsADirectoryError as error:
        raise WrongInput("{file} is a folder, not a file.", hint="Name the file in it.", file=file) from error
    except UnicodeDecodeError as error:
        raise WrongInput("{file} is not a text in UTF-8.", hint="Save it as UTF-8 text.", file=file) from error
    except OSError as error:
        raise WrongInput("The file {file} cannot be read.", hint="Check its rights.", file=file) from error


def _halves(text: str, file: Path) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != FENCE:
        return "", text
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise WrongInput("{file}: the front matter has no end.", hint="Close it with a line of +++.", file=file)


def _values(data: Mapping[str, Any], file: Path, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in data.items():
        try:
            made[key] = _READERS[key](value, file, now, zone)
        except (TypeError, ValueError, KeyError) as error:
            raise WrongInput("{file}: {key} cannot be used.", hint=_SHAPES[key], file=file, key=key) from error
    return made


def _string(value: Any, *_: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _moment(value: Any, file: Path, now: datetime, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    return understand(_string(value), now=now, zone=zone)


def _truth(value: Any, *_: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _strings(value: Any, *_: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_string(item) for item in value)


def _files(value: Any, file: Path, *_: Any) -> tuple[File, ...]:
    if not isinstance(value, list) or any(set(item) - {"path", "alt"} for item in value):
        raise ValueError
    return tuple(File(file.parent / _string(item["path"]), str(item.get("alt", "")).strip()) for item in value)


_READERS: dict[str, Any] = {
    "kind": lambda value, *_: kind(_string(value)),
    "title": _string,
    "tags": _strings,
    "link": lambda value, *_: link(_string(value)),
    "language": _string,
    "urgent": _truth,
    "not_before": _moment,
    "until": _moment,
    "agency": _string,
    "media": _files,
    "shape": lambda value, *_: shape(_string(value)),
    "link_from": _string,
}
_SHAPES = {
    "kind": 'As in: kind = "press_release"',
    "title": 'As in: title = "…"',
    "tags": 'As in: tags = ["Padang", "banjir"]',
    "link": 'As in: link = "https://padang.go.id/…"',
    "language": 'As in: language = "id"',
    "urgent": "true or false",
    "not_before": 'As in: not_before = "2026-12-01T08:00"',
    "until": 'As in: until = "2026-12-01T20:00"',
    "agency": "The code of the agency in quotes",
    "shape": 'As in: shape = "pad"',
    "link_from": 'As in: link_from = "website"',
    "media": 'As in: media = [{{ path = "foto.jpg", alt = "…" }}]',  # braces double: the hint is a format
}


def one_line(title: str) -> str:
    """*title* without blanks around it and line breaks in it; WrongInput if it is empty, too long, or no plain text."""
    line = " ".join(plain(_("the title"), title).split())
    if not line:
        raise WrongInput("The title is empty.", hint="Give one with --title, or title in the front matter.")
    if len(line) > TITLE:
        raise WrongInput(
            "The title has {length} characters; at most {limit} are possible.",
            hint="Move the details into the text.",
            length=len(line),
            limit=TITLE,
        )
    return line


def plain(where: str, text: str) -> str:
    """*text* with its lines ended by line feeds alone; WrongInput if it holds a sign that is no text.

    *where*: which text it is, for the error.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := _CONTROL.search(text):
        raise WrongInput(
            "There is a control character in {where} ({sign}).",
            hint="Delete it, or type that place anew: it came along when the text was copied.",
            where=where,
            sign=_code(found),
        )
    if found := _TURNING.search(text):
        raise WrongInput(
            "There is an invisible sign in {where} that turns the direction of writing ({sign}), so that people would "
            "read something else than is sent.",
            hint="Delete it, or type that place anew: it came along when the text was copied.",
            where=where,
            sign=_code(found),
        )
    return text


def _code(found: re.Match[str]) -> str:
    return f"U+{ord(found[0]):04X}"


def kind(value: str) -> Kind:
    """A kind by its word; a wrong one is answered with the known ones."""
    try:
        return Kind(value.strip().lower().replace("-", "_").replace(" ", "_"))
    except ValueError:
        raise WrongInput(
            "There is no kind of release named {kind}.",
            hint="Kinds: {known}.",
            kind=value,
            known=", ".join(k.value for k in Kind),
        ) from None


def shape(value: str) -> Shape:
    """What to do with a picture of another shape, by its word."""
    try:
        return Shape(value.strip().lower())
    except ValueError:
        raise WrongInput(
            "Pictures cannot be made to fit by {shape}.",
            hint="Known: {known}.",
            shape=value,
            known=", ".join(s.value for s in Shape),
        ) from None


def link(value: str) -> str:
    """A whole web address."""
    if not value.startswith(("https://", "http://")) or any(c.isspace() for c in value) or "." not in value:
        raise WrongInput("The link {link} is not a whole web address.", hint="Begin with https://", link=value)
    return value


def complete(draft: Draft) -> Draft:
    """*draft* with defaults; what a release cannot do without is asked for."""
    missing: DissemError | None = None
    if not draft.title:
        missing = WrongInput("The release has no title.", hint="Give one with --title, or title in the front matter.")
    elif not (draft.body or draft.media):
        missing = WrongInput("The release has neither text nor media.", hint="Give --body or --media.")
    if missing:
        raise missing
    return draft.over(Draft(kind=Kind.PRESS_RELEASE, body="", tags=(), language="id", urgent=False, media=()))
