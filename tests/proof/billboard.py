"""A platform of four characters, outside the processes that die: an HTTP server in the test's own process is the truth,
and four adapters speak to it, one for each kind of certainty.

A post is one line of a wall. The wall honours keys or does not, can be listed or not, knows invisible drafts or not;
what each adapter makes of a lost answer follows from that.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from dissem.channels import registry
from dissem.channels.adapter import Account, Adapter, Attachment, Certainty, Facts, Part, Prepared, Receipt, Stage
from dissem.channels.client import Client
from dissem.channels.errors import NotYet

PIECE = 4 * 2**20  # bytes of a video in one step
KINDS = ("keyed", "staged", "readable", "blind")


@dataclass
class Post:
    """What hangs there. *code* is the part's key, by which the test knows it, whether the wall honours keys or not."""

    id: str
    code: str
    text: str
    at: float


@dataclass
class Wall:
    """One account's posts, and how the platform behaves to it."""

    posts: list[Post] = field(default_factory=list)
    drafts: dict[str, dict[str, str]] = field(default_factory=dict)
    loses: int = 0  # so many posts are taken and the connection is dropped instead of an answer
    processes: int = 0  # so many times it is asked before a post is public
    delay: float = 0.0  # seconds until a post is answered, after it was taken
    line: float = 0.0  # bytes a second that pieces of a video come by; 0: as fast as may be
    uploaded: int = 0  # bytes of pieces
    last_piece: float = 0.0  # when the last one was there
    asked: int = 0

    def with_code(self, code: str) -> list[Post]:
        return [post for post in self.posts if post.code == code]


class Billboard:
    """The server. *media*: the folder whose files it is given addresses of; *accidents* are those it was to publish and
    did not find."""

    def __init__(self, media: Path | None = None) -> None:
        self.media = media
        self.walls: dict[str, Wall] = {}
        self.accidents: list[str] = []
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.board = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Billboard":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wall(self, name: str) -> Wall:
        with self.lock:
            return self.walls.setdefault(name, Wall())

    def public(self) -> list[Post]:
        """Every post of every wall, the first to arrive first."""
        with self.lock:
            return sorted((post for wall in self.walls.values() for post in wall.posts), key=lambda post: post.at)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    board: Billboard

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients die; that is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name, what, *rest = url.path.strip("/").split("/")
        wall, board = self.server.board.wall(name), self.server.board
        with board.lock:
            if what == "me":
                answer: Any = {"id": name}
            elif what == "drafts":
                answer = wall.drafts.get(rest[0], {})
            elif rest:
                wall.asked += 1
                answer = {"ready": wall.asked >= wall.processes}
            else:
                wanted = {key: values[0] for key, values in parse_qs(url.query).items()}
                answer = [
                    post.id
                    for post in wall.posts
                    if post.code == wanted.get("key", post.code)
                    and post.text == wanted.get("text", post.text)
                    and post.at >= float(wanted.get("since", 0))
                ]
        self._say(answer)

    def do_PUT(self) -> None:
        """A piece of a video, over a slow line: the sender waits while we read no faster than that."""
        wall = self.server.board.wall(urlsplit(self.path).path.strip("/").split("/")[0])
        left, began, got = int(self.headers["Content-Length"]), time.monotonic(), 0
        while left:
            piece = len(self.rfile.read(min(left, 2**16)))
            left, got = left - piece, got + piece
            if wall.line:
                time.sleep(max(began + got / wall.line - time.monotonic(), 0))
        with self.server.board.lock:
            wall.uploaded, wall.last_piece = wall.uploaded + got, time.time()
        self._say({})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, what, *rest = urlsplit(self.path).path.strip("/").split("/")
        wall, board = self.server.board.wall(name), self.server.board
        if what == "files":
            self._say({"id": f"file-{time.monotonic_ns()}", "fetched": self._fetched(sent)})
            return
        if what == "drafts" and not rest:
            with board.lock:
                number = f"draft-{len(wall.drafts) + 1}"
                wall.drafts[number] = sent
            self._say({"id": number})
            return
        if not self._fetched(sent) and sent.get("url"):
            board.accidents.append(sent["url"])
        with board.lock:
            post = self._flip(wall, rest[0]) if what == "drafts" else self._put(wall, sent)
            lost, wall.loses = wall.loses > 0, max(wall.loses - 1, 0)
        time.sleep(wall.delay)
        if lost:
            self.close_connection = True
            return
        self._say({"id": post.id, "processing": bool(wall.processes)})

    def _flip(self, wall: Wall, number: str) -> Post:
        draft = wall.drafts[number]
        post = next((post for post in wall.posts if post.id == draft.get("post")), None)
        if post is None:
            post = self._hang(wall, draft)
            draft["post"] = post.id
        return post

    def _put(self, wall: Wall, sent: dict[str, str]) -> Post:
        known = wall.with_code(sent["code"]) if self.headers.get("Idempotency-Key") else []
        return known[0] if known else self._hang(wall, sent)

    def _hang(self, wall: Wall, sent: dict[str, str]) -> Post:
        post = Post(f"post-{len(wall.posts) + 1}", sent["code"], sent["text"], time.time())
        wall.posts.append(post)
        return post

    def _fetched(self, sent: dict[str, str]) -> bool:
        """Fetch the file whose address was given, as such platforms do."""
        board, url = self.server.board, sent.get("url")
        if not url or not board.media:
            return False
        return (board.media / url.rsplit("/", 1)[1]).is_file()

    def _say(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Keyed(Adapter):
    """Sends its own key: the wall takes it once."""

    platform = "keyed"
    kind: ClassVar[Certainty] = Certainty.KEYED
    facts: ClassVar[Facts]

    class Settings(Adapter.Settings):
        wall: str
        api_url: str

    def __init__(self, settings: Settings, **others: Any) -> None:
        super().__init__(settings, **others)
        self.api = Client(f"{settings.api_url}/{settings.wall}", network=self.network)

    def certainty(self, part: Part) -> Certainty:
        return self.kind

    def check(self) -> Account:
        return Account(self.settings.wall, self.settings.wall)

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if part.attachments and part.attachments[0].is_video:
            yield from self._pieces(part.attachments[0], prepared)
            return
        for attachment in part.attachments[len(prepared.get("files")) :]:
            prepared = prepared.adding("files", self.api.post("/files", json={"url": attachment.url}).member("id"))
            yield prepared

    def _pieces(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        with video.path.open("rb") as file:
            for place in range(prepared.get("pieces", 0), -(-video.size // PIECE)):
                file.seek(place * PIECE)
                self.api.put("/uploads", data=file.read(PIECE), total=None)
                yield prepared.having(pieces=place + 1)

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        return self._sent("/posts", part, **self._keys(part))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        return self._listed(key=part.key)

    def confirm(self, receipt: Receipt) -> Receipt:
        if not self.api.get(f"/posts/{receipt.id}").member("ready"):
            raise NotYet("It is still at it.", retry_after=timedelta(milliseconds=50))
        return self._receipt(receipt.id)

    def _keys(self, part: Part) -> dict[str, Any]:
        return {"headers": {"Idempotency-Key": part.key}}

    def _sent(self, path: str, part: Part, **options: Any) -> Receipt:
        answer = self.api.post(path, json=_line(part), irrevocable=True, **options)
        stage = Stage.PROCESSING if answer.member("processing") else Stage.PUBLIC
        return self._receipt(answer.member("id"), stage)

    def _listed(self, **wanted: Any) -> list[Receipt]:
        return [self._receipt(found) for found in self.api.get("/posts", params=wanted).json()]

    def _receipt(self, number: str, stage: Stage = Stage.PUBLIC) -> Receipt:
        return Receipt(number, f"{self.settings.api_url}/{self.settings.wall}/{number}", stage=stage)


class Staged(Keyed):
    """Makes an invisible draft first, and flips it."""

    platform = "staged"
    kind = Certainty.STAGED

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        for step in super().prepare(part, prepared):
            prepared = step
            yield step
        if not prepared.get("draft"):
            yield prepared.having(draft=self.api.post("/drafts", json=_line(part)).member("id"))

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        return self._sent(f"/drafts/{prepared.get('draft')}/publish", part)

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        made = self.api.get(f"/drafts/{prepared.get('draft')}").json().get("post")
        return [self._receipt(made)] if made else []


class Readable(Keyed):
    """Knows no keys; its posts can be listed."""

    platform = "readable"
    kind = Certainty.READABLE

    def _keys(self, part: Part) -> dict[str, Any]:
        return {}

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        return self._listed(text=part.text, since=since.timestamp())


class Blind(Readable):
    """Knows no keys and cannot be asked."""

    platform = "blind"
    kind = Certainty.BLIND
    find = Adapter.find


def _line(part: Part) -> dict[str, Any]:
    """*code* tells the test which part it is, as no platform would know."""
    files: Sequence[Attachment] = part.attachments
    return {"code": part.key, "text": part.text, "url": files[0].url if files else None}


ADAPTERS = {kind.platform: kind for kind in (Keyed, Staged, Readable, Blind)}
for _adapter in ADAPTERS.values():
    _adapter.facts = Facts(
        label=_adapter.platform.title(),
        certainties=frozenset({_adapter.kind}),
        text=500,
        images=1,
        videos=1,
        video_bytes=512 * 2**20,
        fetches=True,
        prepares_text=_adapter is Staged,
        lag=timedelta(0),
    )


@contextmanager
def installed() -> Iterator[None]:
    """The four are platforms like any other in this process."""
    known = registry.entry_points
    ours = {name: EntryPoint(name, f"billboard:{kind.__name__}", registry.GROUP) for name, kind in ADAPTERS.items()}
    registry.entry_points = lambda **wanted: (  # type: ignore[assignment]
        [ours[wanted["name"]]] if wanted.get("name") in ours else [*known(**wanted), *ours.values()]
    )
    _forget()
    try:
        yield
    finally:
        registry.entry_points = known
        _forget()


def _forget() -> None:
    registry.adapter_class.cache_clear()
    registry.platforms.cache_clear()
