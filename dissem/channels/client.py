"""The one way out: time-outs, a size cap, judged addresses, and answers turned into named errors.

`requests` lays a request out, and it leaves by the pools that `requests` is built on: what its sessions add (cookies,
redirects, proxies, passwords of whoever started us) is not wanted here and takes half of the time.

A call is either *irrevocable* (something may become public by it) or not. For an irrevocable one everything that does
not prove "not accepted" is Uncertain; for the others the same trouble is Unreachable and may simply be tried again.
"""

import heapq
import json as jsonlib
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from io import BytesIO
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from certifi import where
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, SSLError
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.ssl_match_hostname import CertificateError

from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network, uploaded

CONNECT, READ = 10.0, 60.0  # seconds
TOTAL = 75.0  # seconds that bound one request; the lease of a publishing delivery is longer
IDLE = 2.0  # seconds after which a pooled connection is too old for an irrevocable call
HOSTS = 32  # whose connections a thread keeps
LARGEST = 5 * 2**20  # bytes of an answer
SMALL = 64 * 1024  # bytes of a body that leaves with its headers
LONGEST_WAIT = timedelta(hours=24)  # a longer Retry-After is not believed

# A TLS error is not among them: one that comes after the handshake proves nothing. See `_judging`.
_NOT_SENT = (ConnectTimeoutError, NewConnectionError, NameResolutionError)

# At DEBUG urllib3 writes whole addresses, and with some platforms the token is in them.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    irrevocable: bool

    def json(self) -> Any:
        """The JSON in it; trouble reading it is Uncertain after an irrevocable call, else Unreachable."""
        try:
            return jsonlib.loads(self.content)
        except ValueError as error:
            raise doubt(self.irrevocable, "The platform's answer could not be read.") from error

    def member(self, *path: str | int) -> Any:
        """What stands at *path* in the JSON: `member("data", "id")`; a hole on the way is as bad as no JSON."""
        found = self.json()
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError) as error:
                raise doubt(self.irrevocable, "The platform's answer lacks what was asked for.") from error
        return found


def doubt(irrevocable: bool, text: str, **values: str | int) -> ChannelError:
    """Uncertain for an irrevocable call, Unreachable for any other."""
    kind: Callable[..., ChannelError] = Uncertain if irrevocable else Unreachable
    return kind(text, **values)


Translate = Callable[[Answer], ChannelError | None]


class _Told:
    """A file that tells how much of it was read. It has a length, so that `requests` need not guess."""

    def __init__(self, file: Any, tell: Callable[[int], None]) -> None:
        self._file, self._tell = file, tell
        here = file.tell()
        self._left = file.seek(0, os.SEEK_END) - here
        file.seek(here)

    def __len__(self) -> int:
        return int(self._left)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(64 * 1024):
            yield piece

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._file.read(size)
        self._left -= len(piece)
        self._tell(len(piece))
        return piece


def _telling(options: dict[str, Any]) -> dict[str, Any]:
    """*options* of a request whose body, if it is a file or a piece of one, tells how much of it has left."""
    tell, body = uploaded.get(), options.get("data")
    if tell is None or body is None:
        return options
    if hasattr(body, "seek"):
        return {**options, "data": _Told(body, tell)}
    return {**options, "data": _Told(BytesIO(body), tell)} if isinstance(body, bytes) else options


class Client:
    """Calls one platform. *translate* turns the platform's own error answers (status >= 400) into named errors first;
    where it answers None the status decides."""

    def __init__(
        self,
        base: str,
        *,
        network: Network,
        auth: requests.auth.AuthBase | None = None,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
        translate: Translate | None = None,
    ) -> None:
        network.check(base)
        self.base = base.rstrip("/")
        self.network = network
        self.auth = auth
        self.headers = {
            "User-Agent": "dissem",
            "Accept-Encoding": "gzip, deflate",
            **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
            **(headers or {}),
        }
        self.translate = translate

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)

    def call(
        self,
        method: str,
        path: str,
        *,
        irrevocable: bool = False,
        total: float | None = TOTAL,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """One request; *path* is under the base address or a whole https URL. *total*: seconds for all of it, None for
        uploads. *options* (params, json, data, files) go to `requests`. Raises ChannelErrors only."""
        url = path if path.startswith(("http://", "https://")) else self.base + path
        self.network.check(url)
        try:
            asked = _laid_out(method, url, {**self.headers, **(headers or {})}, self.auth, _telling(options))
            with _bounded(total, fresh=irrevocable) as bound:
                response = _pools(self.network).urlopen(
                    method,
                    asked.url,
                    body=asked.body,
                    headers=asked.headers,
                    chunked=asked.chunked,
                    timeout=urllib3.Timeout(connect=CONNECT, read=READ),
                    redirect=False,
                    retries=False,
                    preload_content=False,
                )
                content = _read(response, bound)
            answer = Answer(response.status, response.headers, content, irrevocable)
            self._note_time(url, answer)
        except (requests.RequestException, HTTPError) as error:
            raise _unanswered(error, irrevocable) from None  # the cause's text may hold the address, and so a token
        except _TooMuch as error:
            raise doubt(irrevocable, "The platform's answer was too long or too slow.") from error
        return self._judged(answer)

    def _note_time(self, url: str, answer: Answer) -> None:
        """Keep what time it is there; servers of our own may have our own clock's faults."""
        host, date = urlsplit(url).hostname or "", answer.headers.get("Date")
        if date and host not in self.network.allow_hosts:
            _told_times[host] = (date, time.monotonic())

    def _judged(self, answer: Answer) -> Answer:
        if 200 <= answer.status < 300:
            return answer
        error = self.translate(answer) if self.translate and answer.status >= 400 else None
        raise error or by_status(answer)


_told_times: dict[str, tuple[str, float]] = {}  # by host, its last Date header and when it came
AGREE = timedelta(minutes=2)


def others_agree(now: datetime) -> bool:
    """Whether two platforms that answered within ten minutes have about the time *now*."""
    here, agreeing = time.monotonic(), 0
    for date, came in list(_told_times.values()):
        with suppress(ValueError, TypeError):
            there = parsedate_to_datetime(date) + timedelta(seconds=here - came)
            agreeing += here - came < 600 and abs(there - now) < AGREE
    return agreeing >= 2


def by_status(answer: Answer) -> ChannelError:
    """What a status means when the platform's own words do not say more."""
    status = answer.status
    if status == 429:
        return Throttled("The platform asks for a pause.", retry_after=retry_after(answer.headers.get("Retry-After")))
    if status == 401:
        return Unauthorized("The platform does not accept the channel's login.", hint="Connect the channel again.")
    if status == 408 or status >= 500:
        return doubt(
            answer.irrevocable, "The platform answered with an error of its own (HTTP {status}).", status=status
        )
    if 300 <= status < 400:
        return Refused("The address has moved (HTTP {status}).", hint="Correct the channel's address.", status=status)
    return Refused("The platform refused the post (HTTP {status}).", status=status)


def retry_after(value: str | None, now: datetime | None = None) -> timedelta | None:
    """What a Retry-After header asks for, seconds or an HTTP date; None for nonsense, the past and more than a day."""
    if not value:
        return None
    try:
        wait = (
            timedelta(seconds=int(value))
            if value.strip().lstrip("+-").isdigit()
            else parsedate_to_datetime(value) - (now or datetime.now(UTC))
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return wait if timedelta(0) <= wait <= LONGEST_WAIT else None


class _TooMuch(Exception):
    pass


@dataclass(frozen=True)
class _Asked:
    """A request as it goes on the wire. *chunked*: its body's length is not known before."""

    url: str
    headers: Mapping[str, str]
    body: Any = None
    chunked: bool = False


def _laid_out(
    method: str, url: str, headers: Mapping[str, str], auth: requests.auth.AuthBase | None, options: Mapping[str, Any]
) -> _Asked:
    """As `requests` does it; what is JSON alone, as most posts are, is laid out in a fifth of the time."""
    if auth is None and options.keys() == {"json"} and options["json"] is not None:
        body = jsonlib.dumps(options["json"], allow_nan=False).encode()
        return _Asked(url, {"Content-Type": "application/json", **headers}, body)
    laid = requests.Request(method, url, headers=dict(headers), auth=auth or _no_auth, **options).prepare()
    chunked = laid.body is not None and "Content-Length" not in laid.headers
    return _Asked(laid.url or url, laid.headers, laid.body, chunked)


def _read(response: urllib3.BaseHTTPResponse, bound: "_Bound") -> bytes:
    content = bytearray()
    try:
        for chunk in response.stream(64 * 1024, decode_content=True):
            content += chunk
            if len(content) > LARGEST:
                raise _TooMuch
        if bound.over:  # cut, and without a stated length that looks like the end
            raise _TooMuch
    except BaseException:
        response.close()  # what is left in the line is not the next answer
        raise
    response.release_conn()
    return bytes(content)


class _Bound:
    """Cuts the line when the time of a request is up. A socket's own time-out starts anew with every byte, so a
    platform that trickles would hold a request for ever. *fresh*: no connection is used that idled, as the platform may
    have closed it, and then nobody knows what became of the request."""

    def __init__(self, fresh: bool) -> None:
        self.fresh = fresh
        self.over = False
        self.done = False
        self._line: socket.socket | None = None

    def watch(self, line: socket.socket) -> None:
        self._line = line

    def cut(self) -> None:
        self.over = True
        if self._line is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)  # the plain one: TLS would say goodbye first


class _Watchman:
    """One thread that cuts every request whose time is up."""

    def __init__(self) -> None:
        self._bounds: list[tuple[float, int, _Bound]] = []  # a heap by moment; those done are passed over
        self._room = 1000  # of the heap, before those done are thrown out
        self._number = count()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, bound: _Bound, seconds: float) -> None:
        moment = time.monotonic() + seconds
        with self._change:
            if len(self._bounds) >= self._room:
                self._bounds = [entry for entry in self._bounds if not entry[2].done]
                heapq.heapify(self._bounds)
                self._room = max(1000, 2 * len(self._bounds))
            heapq.heappush(self._bounds, (moment, next(self._number), bound))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="request-bounds", daemon=True)
                self._thread.start()
            elif self._bounds[0][2] is bound:  # nearer than all others
                self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                while self._bounds and self._bounds[0][2].done:
                    heapq.heappop(self._bounds)
                wait = self._bounds[0][0] - time.monotonic() if self._bounds else None
                if wait is None or wait > 0:
                    self._change.wait(wait)
                    continue
                bound = heapq.heappop(self._bounds)[2]
            bound.cut()


_here = threading.local()
_watchman = _Watchman()


@contextmanager
def _bounded(total: float | None, *, fresh: bool) -> Iterator[_Bound]:
    """The bound of this thread's request: *total* seconds, or none."""
    bound = _here.bound = _Bound(fresh)
    if total is not None:
        _watchman.watch(bound, total)
    try:
        yield bound
    finally:
        bound.done = True
        _here.bound = None


def _bound_here() -> _Bound | None:
    return getattr(_here, "bound", None)


def _watch(connection: HTTPConnection) -> None:
    """Put *connection* under this thread's bound. Where the time is up already, nothing may be sent any more."""
    bound = _bound_here()
    if bound and connection.sock is not None:
        bound.watch(connection.sock)
        if bound.over:
            raise NewConnectionError(connection, "too late to send")


def _pools(network: Network) -> urllib3.PoolManager:
    """This thread's connections, which all channels share: they are used again, and nothing else is kept."""
    pools: dict[Network, urllib3.PoolManager] | None = getattr(_here, "pools", None)
    if pools is None:
        pools = _here.pools = {}
    if network not in pools:
        made = pools[network] = urllib3.PoolManager(HOSTS, maxsize=1, cert_reqs="CERT_REQUIRED")
        made.pool_classes_by_scheme = {
            "http": _judging(HTTPConnectionPool, HTTPConnection, network),
            "https": _judging(HTTPSConnectionPool, HTTPSConnection, network),
        }
    return pools[network]


@cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed: those that `requests` believes, read once."""
    context = create_urllib3_context()
    context.load_verify_locations(where())
    return context


def _unanswered(error: Exception, irrevocable: bool) -> ChannelError:
    if isinstance(error, (*_NOT_SENT, requests.exceptions.InvalidURL)):
        return Unreachable("The platform could not be reached.", hint="Is the server's network up?")
    return doubt(irrevocable, "The connection broke before the platform's answer was there.")


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _judging(pool: Any, connection: Any, network: Network) -> Any:
    """*pool* whose connections go to addresses that `Network.judge` allowed, and to no other."""

    class Connection(connection):  # type: ignore[misc]
        _dns_host: str
        _used = 0.0
        _headers: bytes | None = None  # of a request that begins; none yet when empty

        @property
        def is_connected(self) -> bool:
            bound = _bound_here()
            idle = time.monotonic() - self._used
            return super().is_connected and not (bound and bound.fresh and idle > IDLE)

        def _new_conn(self) -> socket.socket:
            name = self._dns_host
            try:
                self._dns_host = network.judge(name, self.port)  # TLS and Host header keep the name
                return super()._new_conn()  # type: ignore[no-any-return]
            except socket.gaierror as error:
                raise NameResolutionError(name, self, error) from error
            except UnicodeError as error:  # a label too long for the name service
                raise NewConnectionError(self, "no such name") from error
            finally:
                self._dns_host = name

        def connect(self) -> None:
            if issubclass(connection, HTTPSConnection):
                self.ssl_context = _trust()
            try:
                super().connect()
            except (OSError, SSLError, CertificateError) as error:  # the handshake: nothing of the request has left
                raise NewConnectionError(self, "no secure connection") from error
            _watch(self)

        def request(self, *args: Any, **kwargs: Any) -> None:
            _watch(self)
            self._used, self._headers = time.monotonic(), b""
            super().request(*args, **kwargs)
            if self._headers:
                super().send(self._headers)

        def send(self, data: Any) -> None:
            """The headers wait for a small body and leave with it: each call to the network costs."""
            first, self._headers = self._headers, None
            if first == b"":
                self._headers = data
            elif first and isinstance(data, bytes) and len(data) <= SMALL:
                super().send(first + data)
            else:
                for piece in filter(None, (first, data)):
                    super().send(piece)

    return type(f"Judging{pool.__name__}", (pool,), {"ConnectionCls": Connection})
