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

import hashlib
import math
import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from dissem.rehearsal.faults import NOTHING_DONE, PORTAL, VERBS, Verb
from dissem.rehearsal.files import Stored
from dissem.rehearsal.server import Server
from dissem.rehearsal.wire import Answer, Denied, Entry, Malformed, Request

# --- what is public, and how much people liked it -------------------------------------------------------------------


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


# --- handlers and their paths ---------------------------------------------------------------------------------------

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
        self._server: Server | None = None

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
        self._server = Server(self, self.port)
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

    def account_with(self, **known: str) -> Any:
        """The sample account with these values, none of them empty; None if there is no such account."""
        for account in self.accounts:
            if all(value and getattr(account, name) == value for name, value in known.items()):
                return account
        return None

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
