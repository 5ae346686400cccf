"""Requests and answers of a stand-in as they travel: query, JSON and forms taken apart, and the journal of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True)
class Upload:
    """One file of a multipart form."""

    filename: str
    type: str
    bytes: bytes


@dataclass(frozen=True)
class Form:
    """The fields and files of a form, each name with all its values in the order sent."""

    fields: Mapping[str, list[str]]
    files: Mapping[str, list[Upload]]

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value of a field, as most servers read it."""
        return self.fields.get(name, [default])[-1]

    def file(self, name: str) -> Upload | None:
        return self.files[name][-1] if name in self.files else None


@dataclass
class Entry:
    """One request as the journal remembers it; secrets are left out. `status` 0 means that no answer was given."""

    method: str
    path: str
    time: datetime
    label: str
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    status: int = 0
    published: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)


@dataclass
class Request:
    """A request read to its end. Header names are lower case; `params` are the places of the route, unquoted."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    entry: Entry
    params: dict[str, str] = field(default_factory=dict)
    hides_newest: bool = False

    @property
    def type(self) -> str:
        """The media type of the body without its parameters, lower case; empty when not stated."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def json(self) -> Any:
        """The body as JSON; Malformed when it is none."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except ValueError as error:
            raise Malformed("the body is not JSON") from error

    @cached_property
    def _form(self) -> Form:
        if self.type == "multipart/form-data":
            return _multipart(self.headers["content-type"], self.body)
        if self.type == "application/x-www-form-urlencoded":
            return Form(parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True), {})
        return Form({}, {})

    def form(self) -> Form:
        """The body as a form, urlencoded or multipart, empty for another type; Malformed when it cannot be read."""
        return self._form


@dataclass(frozen=True)
class Answer:
    """What goes back. A dict or list becomes JSON, a text HTML, unless `headers` states a Content-Type."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> tuple[bytes, str]:
        """The body as sent, and its media type."""
        match self.body:
            case None:
                return b"", ""
            case bytes():
                return self.body, "application/octet-stream"
            case str():
                return self.body.encode(), "text/html; charset=utf-8"
            case _:
                return json.dumps(self.body, ensure_ascii=False).encode(), "application/json; charset=utf-8"


class Malformed(ValueError):
    """A body that is not what its Content-Type says."""


class Denied(Exception):
    """Raised by a handler to answer at once with a refusal."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with {answer.status}")
        self.answer = answer


_DISPOSITION = re.compile(r';\s*([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')


def _multipart(content_type: str, body: bytes) -> Form:
    """A multipart/form-data body taken apart (RFC 7578); Malformed when a delimiter or a name is missing."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        raise Malformed("the form states no boundary")
    delimiter = b"--" + found[1].strip().encode()
    fields: dict[str, list[str]] = defaultdict(list)
    files: dict[str, list[Upload]] = defaultdict(list)
    for head, content in _parts(body, delimiter):
        places = _places(head.get("content-disposition", ""))
        if "name" not in places:
            raise Malformed("a part of the form has no name")
        if "filename" in places:
            kind = head.get("content-type", "application/octet-stream")
            files[places["name"]].append(Upload(places["filename"], kind, content))
        else:
            fields[places["name"]].append(content.decode("utf-8", "replace"))
    return Form(dict(fields), dict(files))


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Malformed("the form is not closed by its boundary")
    for piece in pieces[1:-1]:
        head, gap, content = piece.partition(b"\r\n\r\n")
        if not gap:
            raise Malformed("a part of the form has no headers")
        lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n") if line.strip())
        yield {name.strip().lower(): value.strip() for name, _, value in lines}, content


def _places(disposition: str) -> dict[str, str]:
    places = {}
    for name, quoted, bare in _DISPOSITION.findall(disposition):
        if name.endswith("*"):
            places[name[:-1].lower()] = unquote((quoted or bare).rpartition("'")[2])
        else:
            places.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted or bare))
    return places
