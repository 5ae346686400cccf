"""A receiver of webhooks that holds to Standard Webhooks 1.0.0, and shows the releases it was given.

It checks id, time and signature of the bytes as they came, fetches files from loopback and compares them with what was
said of them, and takes an id only once: a second time it answers as it did the first time. Types that it does not know
are passed over with 204, as are fields (the journal lists them).
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar

from dissem.rehearsal.fetching import NotFetched, fetched
from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, Route, Standin, route
from dissem.rehearsal.wire import Answer, Denied, Malformed, Request

TOLERANCE = timedelta(minutes=5)
LARGEST = 256 * 1024  # bytes of a request; the specification recommends under 20 kB
TYPE = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")
PING, PUBLISHED = "channel.ping", "release.published"

TEXT, MAYBE_TEXT, NUMBER = (str,), (str, type(None)), (int,)
DATA: Mapping[str, tuple[type, ...]] = {
    "id": TEXT,
    "kind": TEXT,
    "title": TEXT,
    "text": TEXT,
    "body": TEXT,
    "tags": (list,),
    "link": MAYBE_TEXT,
    "language": TEXT,
    "created": MAYBE_TEXT,
    "agency": TEXT,
    "media": (list,),
}
FILE: Mapping[str, tuple[type, ...]] = {
    "sha256": TEXT,
    "type": TEXT,
    "size": NUMBER,
    "width": NUMBER,
    "height": NUMBER,
    "duration": (int, float, type(None)),
    "alt": TEXT,
    "url": MAYBE_TEXT,
}
KINDS = ("press_release", "photo", "infographic", "video")


def _refused(status: int, reason: str) -> Denied:
    return Denied(Answer(status, {"error": reason}))


class WebhookStandin(Standin):
    """`WebhookStandin()` takes webhooks at `address`, signed with the secret of its account.

    `closed` makes it answer 410, `known_status` is what it answers to an id that it knows.
    """

    name: ClassVar[str] = "webhook"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        secret = "whsec_" + base64.b64encode(b"gladi-webhook-rahasia-0001").decode()
        super().__init__(accounts=(Account("1", "penerima", "Portal Kota", secret),), port=port, now=now)
        self.closed = False
        self.known_status = 200
        self.pings = 0
        self._answers: dict[str, Answer] = {}

    @property
    def address(self) -> str:
        """Where the webhooks go; without its last slash it is another address."""
        return f"{self.url}/hook/"

    @route("POST", "/hook/", label="publish")
    def take(self, request: Request) -> Answer:
        identity = self._verified(request)
        if self.closed:
            raise _refused(410, "This webhook has been closed.")
        event = self._event(request)
        if event["type"] == PING:
            self.pings += 1
            return Answer(204)
        if event["type"] != PUBLISHED:
            return Answer(204)
        if identity in self._answers:
            return replace(self._answers[identity], status=self.known_status)
        return self._publish(request, identity, event["data"])

    def _publish(self, request: Request, identity: str, data: Mapping[str, Any]) -> Answer:
        _checked(request, data, DATA, "data")
        if data["id"] != identity or data["kind"] not in KINDS or not all(isinstance(tag, str) for tag in data["tags"]):
            raise _refused(422, "data: id, kind or tags are not what they should be")
        media = tuple(self._file(request, told) for told in data["media"])
        number = len(self._answers) + 1
        url = f"{self.url}/berita/{number}"
        self.show(request, Live(self.accounts[0].handle, identity, url, data["text"], self.clock(), media))
        answer = Answer(201, {"id": number, "url": url})
        self._answers[identity] = answer
        return answer

    def _verified(self, request: Request) -> str:
        """The id of a request that is fresh and rightly signed."""
        identity, time, signatures = (
            request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not (identity and time and signatures) or "." in identity:
            raise _refused(400, "Missing required headers")
        if not re.fullmatch(r"\d{1,11}", time):
            raise _refused(400, "Invalid timestamp header")
        if abs(self.clock().timestamp() - int(time)) > TOLERANCE.total_seconds():
            raise _refused(401, "Message timestamp is too old or too new")
        given = [signature for signature in signatures.split(" ") if signature.startswith("v1,")]
        expected = self._signature(identity, time, request.body)
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
            raise _refused(401, "No matching signature found")
        return identity

    def _signature(self, identity: str, time: str, body: bytes) -> str:
        key = base64.b64decode(self.token.removeprefix("whsec_"))
        digest = hmac.new(key, f"{identity}.{time}.".encode() + body, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(digest).decode()}"

    def _event(self, request: Request) -> dict[str, Any]:
        if request.type != "application/json":
            raise _refused(415, "Content-Type must be application/json")
        if len(request.body) > LARGEST:
            raise _refused(413, "The request is too large")
        event = request.json()
        fields = {"type": TEXT, "timestamp": TEXT, "data": (dict,)}
        _checked(request, event, fields, "event")
        try:
            told = datetime.fromisoformat(event["timestamp"])
        except ValueError:
            raise _refused(422, "timestamp is not of ISO 8601") from None
        if told.tzinfo is None or not TYPE.fullmatch(event["type"]):
            raise _refused(422, "timestamp has no offset, or type is no name")
        return dict(event)

    def _file(self, request: Request, told: Any) -> Stored:
        """A file as it was announced, fetched at once."""
        _checked(request, told, FILE, "media")
        family = told["type"].partition("/")[0]
        try:
            data = fetched(told["url"] or "", family, told["size"])
        except NotFetched as reason:
            raise _refused(422, f"media: could not be fetched: {reason}") from None
        if len(data) != told["size"] or hashlib.sha256(data).hexdigest() != told["sha256"]:
            raise _refused(422, "media: the file is not the one that was announced")
        if sniff(data) != told["type"]:
            raise _refused(422, f"media: the file is no {told['type']}")
        return Stored(data, told["type"], told["alt"])

    @route("GET", "/berita/{number}")
    def page(self, request: Request) -> Answer:
        """A release as people see it."""
        url = f"{self.url}{request.path}"
        for live in self.public:
            if live.url == url:
                media = "".join(figure(one) for one in live.media)
                return Answer(200, document(live.account, f"<article><p>{escape(live.text)}</p>{media}</article>"))
        return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))

    @property
    def labels(self) -> set[str]:
        return super().labels | {"account"}

    def operation(self, made: Route | None, request: Request) -> str:
        """A ping has faults of its own."""
        label = super().operation(made, request)
        try:
            event = request.json() if label else None
        except Malformed:
            return label
        return "account" if isinstance(event, dict) and event.get("type") == PING else label

    # The receiver's own wording

    def refused(self, request: Request) -> Answer:
        return Answer(422, {"error": "The release cannot be taken"})

    def token_expired(self, request: Request) -> Answer:
        return Answer(401, {"error": "No matching signature found"})


def _checked(request: Request, value: Any, known: Mapping[str, tuple[type, ...]], where: str) -> None:
    """422 unless *value* is an object with all *known* fields of their types; others are written down."""
    if not isinstance(value, dict):
        raise _refused(422, f"{where} is not an object")
    for name, types in known.items():
        if name not in value or not isinstance(value[name], types) or isinstance(value[name], bool):
            raise _refused(422, f"{where}.{name} is missing or of another type")
    request.entry.unknown_fields += sorted(f"{where}.{name}" for name in set(value) - set(known))
