"""What every stand-in of a platform shares: a real HTTP server, scripted faults, a journal, and what is public now.

A platform is a subclass of `Standin` whose handlers are marked with `route`:

    class Board(Standin):
        name = "board"

        @route("POST", "/notes/{id}", label="publish")
        def pin(self, request: Request) -> Answer:
            self.show(request, Live(account="city", id=request.params["id"], url=self.url, text=..., at=self.clock()))
            return Answer(201, {"id": request.params["id"]})

    with Board() as board:
        board.script("publish", drop_after_accepting(), accept())

Handlers of one stand-in run one at a time, so they need no locks. A handler ends early by raising `Denied`; a body
that cannot be read answers `malformed`. Another process scripts and reads a stand-in
through `POST /_rehearsal/faults`, `POST /_rehearsal/time`, `GET /_rehearsal/journal` and `GET /_rehearsal/public`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

LARGEST_BODY = 120_000_000  # bytes; above every limit that a platform here states
HIDDEN_HEADERS = {"authorization", "cookie", "proxy-authorization"}

# --- what is public, and how much people liked it -------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """A file as the platform keeps it."""

    bytes: bytes
    type: str
    alt: str = ""


@dataclass(frozen=True)
class Live:
    """A post that anyone could open at this moment."""

    account: str
    id: str
    url: str
    text: str
    at: datetime
    media: tuple[Stored, ...] = ()
    reply_to: str | None = None


@dataclass(frozen=True)
class Account:
    """A sample account; a platform that needs more (keys, pages) extends it."""

    id: str
    handle: str
    name: str
    token: str = ""
    scopes: frozenset[str] = frozenset()


def grown(seed: str, age: timedelta, ceiling: int) -> int:
    """How many of *ceiling* people reacted within *age*: the same for the same seed, never fewer with more age."""
    digest = hashlib.sha256(seed.encode()).digest()
    share, pace = digest[0] / 255, digest[1] / 255
    hours = max(age.total_seconds(), 0) / 3600
    final = ceiling * (0.2 + 0.8 * share)
    return math.floor(final * (1 - math.exp(-hours / (3 + 27 * pace))))


# --- requests and answers -------------------------------------------------------------------------------------------


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


# --- what a file is, by its first bytes -----------------------------------------------------------------------------

_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp", "video/mp4"),
)


def sniff(data: bytes) -> str:
    """The media type told by the first bytes; application/octet-stream when they tell none."""
    for start, signature, kind in _SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return kind
    return "application/octet-stream"


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG in pixels; None when the head of the file does not tell."""
    match sniff(data):
        case "image/png" if len(data) >= 24 and data[12:16] == b"IHDR":
            width, height = struct.unpack(">II", data[16:24])
            return width, height
        case "image/gif" if len(data) >= 10:
            width, height = struct.unpack("<HH", data[6:10])
            return width, height
        case "image/jpeg":
            return _jpeg_dimensions(data)
    return None


def _jpeg_dimensions(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        # The frame headers SOF0 to SOF15, without the three markers in between that mean something else.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
        place += 2 + length
    return None


# --- scripted faults ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verb:
    """What shall happen to one request instead of the usual."""

    kind: str
    status: int | None = None
    body: Any = None
    seconds: float | None = None
    times: int = 1


def accept() -> Verb:
    """Nothing special: lets one request pass before the next verb."""
    return Verb("accept")


def refuse(status: int | None = None, body: Any = None) -> Verb:
    """The platform's own permanent refusal, or the given one; nothing is done."""
    return Verb("refuse", status=status, body=body)


def drop() -> Verb:
    """The request is read, the line closes without an answer, nothing is done."""
    return Verb("drop")


def drop_after_accepting() -> Verb:
    """The request is carried out, the line closes without an answer."""
    return Verb("drop_after_accepting")


def late(seconds: float) -> Verb:
    """The request is carried out at once and answered after *seconds*."""
    return Verb("late", seconds=seconds)


def error_before(status: int = 500, body: Any = None) -> Verb:
    """The platform's own form of a server error; nothing is done."""
    return Verb("error_before", status=status, body=body)


def reply(status: int, body: Any = None) -> Verb:
    """The same as `error_before`, as a script reads best."""
    return error_before(status, body)


def error_after_accepting(status: int = 500, body: Any = None) -> Verb:
    """The request is carried out, and the answer is a server error all the same."""
    return Verb("error_after_accepting", status=status, body=body)


def throttle(retry_after: float | None = None) -> Verb:
    """429 as the platform words it; without seconds the platform names no time, where it can do so."""
    return Verb("throttle", seconds=retry_after)


def expired_token() -> Verb:
    """What the platform says to a token that was good once."""
    return Verb("expired_token")


def html() -> Verb:
    """200 with a page made by something in between, such as a captive portal; nothing is done."""
    return Verb("html")


def duplicate() -> Verb:
    """The platform's refusal of a repeated post, where it has one."""
    return Verb("duplicate")


def lag(times: int) -> Verb:
    """The newest post stays out of this many listings."""
    return Verb("lag", times=times)


def reset() -> Verb:
    """The request is read, the line is reset (RST), nothing is done."""
    return Verb("reset")


VERBS: Mapping[str, Callable[..., Verb]] = {
    verb.__name__: verb
    for verb in (
        accept,
        refuse,
        drop,
        drop_after_accepting,
        late,
        error_before,
        reply,
        error_after_accepting,
        throttle,
        expired_token,
        html,
        duplicate,
        lag,
        reset,
    )
}

NOTHING_DONE = {"drop", "reset", "refuse", "error_before", "throttle", "expired_token", "html", "duplicate"}
PORTAL = (
    "<!DOCTYPE html>\n<html><head><title>Masuk</title></head><body><h1>Silakan masuk ke jaringan</h1></body></html>"
)


# --- the server -----------------------------------------------------------------------------------------------------

S = TypeVar("S", bound="Standin")
Handle = Callable[[Any, Request], Answer]


@dataclass(frozen=True)
class Route:
    """A method and a path with `{places}`, the handler's name, and the operation that faults are scripted for."""

    method: str
    pattern: re.Pattern[str]
    places: int
    handler: str
    label: str


def route(method: str, path: str, *, label: str = "") -> Callable[[Handle], Handle]:
    """Mark a handler. A place matches within one segment; the route with the fewest places wins."""
    pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))

    def mark(handle: Handle) -> Handle:
        made = Route(method, pattern, path.count("{"), handle.__name__, label)
        handle.__dict__.setdefault("routes", []).append(made)
        return handle

    return mark


class Standin:
    """A platform on 127.0.0.1; subclasses give routes and the platform's own wording of refusals.

    `journal` has every request in the order received, `public` every post that is live, `accidents` the
    exceptions that a handler did not expect (a defect of the stand-in, never of the adapter).
    """

    name: ClassVar[str] = "standin"
    _routes: ClassVar[tuple[Route, ...]] = ()

    def __init__(
        self,
        *,
        accounts: Iterable[Account] = (),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.accounts: list[Any] = list(accounts)
        self.port = port
        self.now = now or (lambda: datetime.now(UTC))
        self.time_offset = timedelta()
        self.journal: list[Entry] = []
        self.faults: dict[str, deque[Verb]] = defaultdict(deque)
        self.accidents: list[Exception] = []
        self._live: dict[str, Live] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._server: _Server | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
        marked = [made for name in names for made in getattr(getattr(cls, name, None), "routes", ())]
        cls._routes = tuple(sorted(marked, key=lambda made: made.places))

    # Starting and stopping

    @property
    def url(self) -> str:
        """The address before the API's own path; known once started."""
        if not self.port:
            raise RuntimeError(f"the stand-in {self.name} has not been started")
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Serve until `stop`. Started again, it takes the same port and still knows everything."""
        self._stopping.clear()
        self._server = _Server(self, self.port)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name=self.name).start()
        return self

    def stop(self) -> None:
        """Close the port and every line at once; answers that are late are never given."""
        if self._server is None:
            return
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Time, faults, and what is public

    def clock(self) -> datetime:
        """The time as the platform has it."""
        return self.now() + self.time_offset

    @property
    def token(self) -> str:
        """The token of the first sample account."""
        return str(self.accounts[0].token)

    @property
    def labels(self) -> set[str]:
        """The operations that faults can be scripted for."""
        return {made.label for made in self._routes if made.label}

    def script(self, where: str, *verbs: Verb | Callable[[], Verb]) -> None:
        """Queue *verbs* for the operation *where*, one for each coming request; afterwards all is normal again."""
        chosen = [verb() if callable(verb) else verb for verb in verbs]
        if where not in self.labels:
            raise ValueError(f"{self.name} has no operation {where!r}; it has {', '.join(sorted(self.labels))}")
        for verb in chosen:
            if verb.kind == "lag" and where != "list":
                raise ValueError("lag belongs to listings")
            if verb.kind == "duplicate" and type(self).duplicate_refused is Standin.duplicate_refused:
                raise ValueError(f"{self.name} refuses no duplicates")
        with self._lock:
            self.faults[where].extend(replace(verb, times=1) for verb in chosen for _ in range(verb.times))

    @property
    def public(self) -> list[Live]:
        """Every post that is live, in the order published."""
        with self._lock:
            return list(self._live.values())

    @property
    def unknown_fields(self) -> list[str]:
        """Every field sent that the platform's documentation does not know, where the platform lets it pass."""
        return [name for entry in self.journal for name in entry.unknown_fields]

    def show(self, request: Request, live: Live, *, key: str = "") -> None:
        """Make a post public, or replace it by its edited self; *key* where the ids of two accounts may be equal."""
        key = key or live.id
        if key not in self._live:
            request.entry.published.append(live.id)
        self._live[key] = live

    def hide(self, request: Request, key: str) -> None:
        """Take the post with this id, or key, down."""
        request.entry.removed.append(self._live.pop(key).id)

    def find(self, key: str) -> Live | None:
        """The live post with this id, or key."""
        return self._live.get(key)

    def listed(self, request: Request, account: str | None = None) -> list[Live]:
        """The live posts, of one account if named, newest first, as a listing shows them: a lag hides the newest."""
        posts = [live for live in self._live.values() if account in (None, live.account)]
        posts.reverse()
        return posts[1:] if request.hides_newest else posts

    def age(self, live: Live) -> timedelta:
        return self.clock() - live.at

    def counts(self, live: Live) -> dict[str, int]:
        """What people did with a post so far; the names are the platform's own."""
        return {}

    # The platform's own wording: subclasses override

    def not_found(self, request: Request) -> Answer:
        """For a path that the platform does not have."""
        return Answer(404, {"error": "Not Found"})

    def refused(self, request: Request) -> Answer:
        """A permanent refusal, as for a text that is too long."""
        return Answer(400, {"error": "Bad Request"})

    def malformed(self, request: Request) -> Answer:
        """The body is not what its Content-Type says, and the handler left that to us."""
        return Answer(400, {"error": "Bad Request"})

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """Too many requests."""
        headers = {} if retry_after is None else {"Retry-After": f"{math.ceil(retry_after)}"}
        return Answer(429, {"error": "Too Many Requests"}, headers)

    def token_expired(self, request: Request) -> Answer:
        """The token was good once."""
        return Answer(401, {"error": "Unauthorized"})

    def failed(self, request: Request, status: int) -> Answer:
        """A server error."""
        return Answer(status, {"error": HTTPStatus(status).phrase})

    def duplicate_refused(self, request: Request) -> Answer:
        """The refusal of a post that repeats an earlier one; not every platform has one."""
        raise NotImplementedError

    def finish(self, request: Request, answer: Answer) -> Answer:
        """The last touch on every answer, such as headers that tell the rate limit."""
        return answer

    # Serving

    def answer(self, request: Request) -> Answer | None:
        """Carry out a request, faults included; None when the line shall close without an answer."""
        if request.path.startswith("/_rehearsal/"):
            return self._control(request)
        made, request.params = self._match(request)
        with self._lock:
            request.entry.label = self.operation(made, request)
            verb = self._next_verb(request.entry.label)
            request.entry.fault = verb.kind if verb else ""
            request.hides_newest = verb is not None and verb.kind == "lag"
            self.journal.append(request.entry)
            usual = Answer() if verb and verb.kind in NOTHING_DONE else self._carry_out(made, request)
        return self._with_fault(verb, request, usual)

    def operation(self, made: Route | None, request: Request) -> str:
        """The operation that faults are scripted for; a platform whose paths do not tell it looks into the request."""
        return made.label if made else ""

    def _match(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        for made in self._routes:
            found = made.pattern.fullmatch(request.path)
            if found and made.method == method:
                return made, {name: unquote(value) for name, value in found.groupdict().items()}
        return None, {}

    def _next_verb(self, label: str) -> Verb | None:
        waiting = self.faults.get(label)
        return waiting.popleft() if waiting else None

    def _carry_out(self, made: Route | None, request: Request) -> Answer:
        if made is None:
            return self.finish(request, self.not_found(request))
        try:
            answer: Answer = getattr(self, made.handler)(request)
        except Denied as denied:
            answer = denied.answer
        except Malformed:
            answer = self.malformed(request)
        except Exception as error:  # noqa: BLE001 - a stand-in answers as a server with a defect does, and remembers
            self.accidents.append(error)
            answer = self.failed(request, 500)
        return self.finish(request, answer)

    def _with_fault(self, verb: Verb | None, request: Request, usual: Answer) -> Answer | None:
        match verb.kind if verb else "accept":
            case "drop" | "drop_after_accepting" | "reset":
                return None
            case "late":
                return None if self._stopping.wait(verb.seconds if verb else 0) else usual
            case "html":
                return Answer(200, PORTAL)
            case "accept" | "lag":
                return usual
        return self.finish(request, self._own_words(verb, request)) if verb else usual

    def _own_words(self, verb: Verb, request: Request) -> Answer:
        """A refusal in the platform's form; a status or body that the script names replaces its own."""
        match verb.kind:
            case "throttle":
                return self.throttled(request, verb.seconds)
            case "expired_token":
                return self.token_expired(request)
            case "duplicate":
                return self.duplicate_refused(request)
            case "refuse":
                own = self.refused(request)
            case _:
                own = self.failed(request, verb.status or 500)
        return replace(own, status=verb.status or own.status, body=own.body if verb.body is None else verb.body)

    def without_secrets(self, text: str) -> str:
        """*text* with the sample accounts' tokens left out."""
        for account in self.accounts:
            text = text.replace(account.token, "***") if account.token else text
        return text

    # The control path, for another process

    def _control(self, request: Request) -> Answer:
        try:
            match request.method, request.path.removeprefix("/_rehearsal/"):
                case "POST", "faults":
                    asked = request.json()
                    verbs = [VERBS[verb.pop("verb")](**verb) for verb in asked["verbs"]]
                    self.script(asked["where"], *verbs)
                case "DELETE", "faults":
                    self.faults.clear()
                case "POST", "time":
                    self.time_offset = timedelta(seconds=request.json()["offset_seconds"])
                case "GET", "journal":
                    return Answer(200, [_plain(asdict(entry)) for entry in list(self.journal)])
                case "GET", "public":
                    return Answer(200, [_plain(_summary(live)) for live in self.public])
                case _:
                    return Answer(404, {"error": "no such control"})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})
        return Answer(200, {})


def _summary(live: Live) -> dict[str, Any]:
    media = [{"type": stored.type, "alt": stored.alt, "size": len(stored.bytes)} for stored in live.media]
    return {**{name: value for name, value in vars(live).items() if name != "media"}, "media": media}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


class _Server(ThreadingHTTPServer):
    """Knows its open lines, so that stopping can close them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, standin: Standin, port: int) -> None:
        self.standin = standin
        self.lines: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the rehearsal; nothing is printed."""


class _BadRequest(Exception):
    """The request cannot be read."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "rehearsal"
    sys_version = ""
    wbufsize = -1  # one packet for head and body: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Silent."""

    def _serve(self) -> None:
        try:
            request = self._read()
        except (_BadRequest, ValueError):
            self.close_connection = True
            self._write(Answer(400, {"error": "Bad Request"}))
            return
        answer = self.server.standin.answer(request)
        if answer is None:
            self._hang_up(reset=request.entry.fault == "reset")
        else:
            request.entry.status = answer.status
            self._write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _read(self) -> Request:
        standin = self.server.standin
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        kept = {name: standin.without_secrets(value) for name, value in headers.items() if name not in HIDDEN_HEADERS}
        entry = Entry(self.command, standin.without_secrets(target.path), standin.clock(), "", kept)
        query = parse_qs(target.query, keep_blank_values=True)
        return Request(self.command, target.path, query, headers, self._body(), entry)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        return self._exactly(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            yield self._exactly(size)
            self.rfile.readline(3)
        while self.rfile.readline(1024).strip():
            pass  # trailers

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= LARGEST_BODY:
            raise _BadRequest
        body = self.rfile.read(size)
        if len(body) < size:
            raise _BadRequest
        return body

    def _write(self, answer: Answer) -> None:
        body, kind = answer.wire()
        self.send_response(answer.status)
        headers = {name.lower(): (name, value) for name, value in answer.headers.items()}
        if kind and "content-type" not in headers:
            self.send_header("Content-Type", kind)
        for name, value in headers.values():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Only the last reference closes for real, and the reader holds one: take the descriptor away.
            os.close(self.connection.detach())
