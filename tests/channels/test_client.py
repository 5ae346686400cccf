import datetime as dt
import gzip
import ipaddress
import logging
import socket
import ssl
import threading
import time
import traceback
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dissem.channels import client
from dissem.channels.client import Client, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network, uploaded

LOOPBACK = Network(frozenset({"127.0.0.1", "localhost"}))
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"id": "7"}'
LOGIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>Masuk</h1>"
TOKEN = "700100200:AAG-rahasia-sekali-jangan-tampil"


class Line:
    """A server of raw bytes: each connection is handed to *answer*, which gets the socket after a whole request."""

    def __init__(self, answer, wrap=None) -> None:
        self.answer, self.wrap = answer, wrap
        self.requests: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line) -> None:
        with closing(line), suppress(OSError):
            line = self.wrap(line) if self.wrap else line
            with closing(line):
                while request := self._read(line):
                    self.requests.append(request)
                    if self.answer(line) is False:
                        return

    def _read(self, line) -> bytes:
        """One request, its body included."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = line.recv(4096)
            if not more:
                return b""
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        lengths = [int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")]
        while len(body) < sum(lengths):
            body += line.recv(4096)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def serve():
    """serve(bytes or function of a socket) → a running Line."""
    lines = []

    def serve(answer, **options) -> Line:
        act = answer if callable(answer) else lambda line: line.sendall(answer)
        lines.append(Line(act, **options))
        return lines[-1]

    yield serve
    for line in lines:
        line.listener.close()


def trickle(head: bytes, drop: bytes = b"x"):
    """An answer that begins with *head* and goes on byte by byte, for as long as anyone listens."""

    def answer(line):
        line.sendall(head)
        while True:
            line.sendall(drop)
            time.sleep(0.01)

    return answer


def answered(status: int, *headers: str, body: bytes = b"{}") -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


BOTH = pytest.mark.parametrize(("irrevocable", "expected"), [(True, Uncertain), (False, Unreachable)])

# Where requests may go


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "224.0.0.1",
        "192.0.0.8",
        "255.255.255.255",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_an_address_that_is_not_public_is_never_connected_to(address, monkeypatch):
    monkeypatch.setattr(client.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 443))])

    with pytest.raises(Unauthorized, match=r"jahat\.example"):
        Network().judge("jahat.example", 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_a_public_address_is_taken(address, monkeypatch):
    monkeypatch.setattr(client.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 443))])

    assert Network().judge("baik.example", 443) == address


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    found = [(2, 1, 6, "", (address, 443)) for address in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(client.socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(Unauthorized):
        Network().judge("jahat.example", 443)


@pytest.mark.parametrize("url", ["http://padang.go.id", "ftp://padang.go.id", "file:///etc/passwd", "//padang.go.id"])
def test_only_https_is_spoken_unless_the_host_is_allowed(url):
    with pytest.raises(Unauthorized):
        Client(url, network=LOOPBACK)


def test_a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent(serve):
    line = serve(OK)
    api = Client(f"https://localhost:{line.port}", network=Network(frozenset({"127.0.0.1"})))

    with pytest.raises(Unauthorized, match="localhost"):
        api.get("/")

    assert line.connections == 0


def test_an_address_from_an_answer_is_judged_as_well(serve):
    line = serve(OK)

    with pytest.raises(Unauthorized):
        Client(line.url, network=LOOPBACK).get("http://10.0.0.1/latest/meta-data")

    assert line.connections == 0


@pytest.mark.parametrize("start", ["localhost:8081", "http://[", "", "https://"])
def test_an_address_that_is_none_is_refused_without_repeating_it(start):
    with pytest.raises(Unauthorized) as refusal:
        Client(f"{start}/bot{TOKEN}", network=LOOPBACK)

    assert TOKEN not in str(refusal.value) + repr(refusal.value)


def test_proxies_and_passwords_of_whoever_started_us_are_not_used(serve, monkeypatch, tmp_path):
    line, proxy = serve(OK), serve(OK)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)

    Client(line.url, network=LOOPBACK).get("/")

    assert proxy.connections == 0
    assert b"authorization" not in line.requests[0].lower()


def test_a_redirect_is_not_followed(serve):
    elsewhere = serve(OK)
    line = serve(answered(307, f"Location: {elsewhere.url}/"))

    with pytest.raises(Refused):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=True, data={"a": "b"})

    assert elsewhere.connections == 0


# What an answer means


@BOTH
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
def test_an_error_of_the_platform_itself_proves_nothing(serve, status, irrevocable, expected):
    line = serve(answered(status))

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable)


@pytest.mark.parametrize(
    ("status", "expected"), [(400, Refused), (404, Refused), (422, Refused), (401, Unauthorized), (429, Throttled)]
)
def test_a_refusal_is_one_also_for_an_irrevocable_call(serve, status, expected):
    line = serve(answered(status))

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=True)


def test_the_platforms_own_words_go_before_the_status(serve):
    line = serve(answered(400, body=b'{"code": 190}'))
    api = Client(line.url, network=LOOPBACK, translate=lambda a: Unauthorized("x") if a.json()["code"] == 190 else None)

    with pytest.raises(Unauthorized):
        api.post("/", irrevocable=True)


@BOTH
@pytest.mark.parametrize(
    "answer", [LOGIN, answered(200, body=b""), answered(200, body=b'{"id'), answered(200, body=b"[]")]
)
def test_an_answer_without_what_was_asked_for_proves_nothing(serve, answer, irrevocable, expected):
    line = serve(answer)
    got = Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable)

    with pytest.raises(expected):
        got.member("id")


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        answered(200, "Content-Encoding: gzip", body=b"not gzip"),
        answered(200, "Content-Encoding: gzip", body=gzip.compress(b"{}")[:-12]),
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 20",
        b"",
    ],
    ids=["short", "short chunk", "no gzip", "short gzip", "no http", "half a line", "nothing"],
)
def test_an_answer_that_breaks_off_proves_nothing(serve, answer, irrevocable, expected):
    line = serve(lambda line: (line.sendall(answer) and None) or False)

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable).json()


@BOTH
def test_an_answer_that_never_ends_is_cut(serve, irrevocable, expected, monkeypatch):
    monkeypatch.setattr(client, "LARGEST", 200_000)
    line = serve(trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000))

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable)


@BOTH
def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut(serve, irrevocable, expected, monkeypatch):
    monkeypatch.setattr(client, "LARGEST", 200_000)
    line = serve(answered(200, "Content-Encoding: gzip", body=gzip.compress(b" " * 5_000_000)))

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable)


@BOTH
@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id": "7"}',
    ],
    ids=["status", "header", "body", "body without length"],
)
def test_the_total_bound_holds_however_slowly_the_platform_drips(serve, head, irrevocable, expected):
    line = serve(trickle(head, b" "))
    started = time.monotonic()

    with pytest.raises(expected):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=irrevocable, total=0.1)

    assert time.monotonic() - started < 2


def test_a_call_without_a_bound_may_take_its_time(serve):
    line = serve(lambda line: [time.sleep(0.05), line.sendall(OK)])

    assert Client(line.url, network=LOOPBACK).post("/", total=None).member("id") == "7"


def test_a_bound_of_one_call_does_not_cut_the_next(serve):
    line = serve(lambda line: [time.sleep(0.06), line.sendall(OK)])
    api = Client(line.url, network=LOOPBACK)

    assert [api.get("/", total=0.1).member("id") for _ in range(3)] == ["7"] * 3
    assert line.connections == 1


def test_nothing_is_sent_when_the_time_was_up_before_the_line_stood(serve, monkeypatch):
    line = serve(OK)
    quick = socket.getaddrinfo
    monkeypatch.setattr(client.socket, "getaddrinfo", lambda *a, **k: time.sleep(0.05) or quick(*a, **k))

    with pytest.raises(Unreachable):
        Client(line.url, network=LOOPBACK).post("/", irrevocable=True, total=0.01)

    assert line.requests == []


# Whether anything was sent


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(client.socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable):
        Client("https://nobody.example", network=Network()).post("/", irrevocable=True)


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example"])
def test_a_name_that_can_be_none_is_unreachable(host):
    with pytest.raises(Unreachable):
        Client(f"https://{host}", network=Network()).post("/", irrevocable=True)


def test_a_platform_that_takes_no_connections_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(Unreachable):
        Client(f"http://127.0.0.1:{port}", network=LOOPBACK).post("/", irrevocable=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with key and certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    day, now = dt.timedelta(days=1), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "127.0.0.1.pem"
    plain = serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(written + made.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.fixture
def tls(certificate, serve):
    """tls(answer) → a Line that speaks TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return lambda answer: serve(answer, wrap=lambda line: context.wrap_socket(line, server_side=True))


@pytest.fixture
def trusted(certificate, monkeypatch):
    """The certificate is one of those that are believed."""
    context = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(client, "_trust", lambda: context)


def secure(line: Line) -> Client:
    network = Network(frozenset({"127.0.0.1", f"{line.port}.example"}))  # connections are kept by network
    return Client(f"https://127.0.0.1:{line.port}", network=network)


def test_tls_works_with_a_certificate_that_is_trusted(tls, trusted):
    assert secure(tls(OK)).post("/", irrevocable=True).member("id") == "7"


def test_a_certificate_that_nobody_vouches_for_is_unreachable(tls):
    line = tls(OK)

    with pytest.raises(Unreachable):
        secure(line).post("/", irrevocable=True)

    assert line.requests == []


def test_a_line_that_breaks_in_the_handshake_is_unreachable(serve):
    line = serve(OK, wrap=lambda line: line.close() or line)

    with pytest.raises(Unreachable):
        secure(line).post("/", irrevocable=True)


@pytest.mark.parametrize(
    "garbage", [b"\x15\x03\x03\x00\x02\x02\x14", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["alert", "plain"]
)
def test_tls_that_breaks_after_the_request_proves_nothing(tls, trusted, garbage):
    def break_off(line):
        with socket.socket(fileno=line.detach()) as raw:
            raw.sendall(garbage)
        return False

    with pytest.raises(Uncertain):
        secure(tls(break_off)).post("/", irrevocable=True)


def test_the_bound_holds_over_tls(tls, trusted):
    line = tls(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"))

    with pytest.raises(Uncertain):
        secure(line).post("/", irrevocable=True, total=0.2)


def test_a_connection_that_idled_is_not_used_for_what_cannot_be_taken_back(serve, monkeypatch):
    line = serve(OK)
    api = Client(line.url, network=LOOPBACK)
    for irrevocable in (False, False, True):
        api.post("/", irrevocable=irrevocable)
    assert line.connections == 1

    monkeypatch.setattr(client, "IDLE", 0.0)
    api.post("/", irrevocable=True)

    assert line.connections == 2


def test_channels_of_one_host_use_the_same_connection_and_nothing_else_in_common(serve):
    line = serve(answered(200, "Set-Cookie: who=first; Path=/"))
    first = Client(line.url, network=LOOPBACK, bearer="one")
    second = Client(line.url, network=LOOPBACK, bearer="two")

    first.post("/", irrevocable=True)
    second.post("/", irrevocable=True)

    assert line.connections == 1
    assert b"Bearer one" in line.requests[0]
    assert b"Bearer two" in line.requests[1]
    assert b"cookie" not in line.requests[1].lower()


def test_the_bound_of_a_later_request_may_end_first(serve):
    line = serve(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"))
    api = Client(line.url, network=LOOPBACK)
    outcomes: list[float] = []

    def ask(seconds: float) -> None:
        with suppress(ChannelError):  # on a busy machine the shorter time may be up before anything is sent
            api.post("/", irrevocable=True, total=seconds)
        outcomes.append(seconds)

    threads = [threading.Thread(target=ask, args=(seconds,)) for seconds in (3.0, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert outcomes == [0.3, 3.0]


@pytest.mark.parametrize("whole", [True, False], ids=["a file", "a piece of it"])
def test_an_upload_tells_how_much_has_left(serve, tmp_path, whole):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x" * 100_000)
    line = serve(OK)
    told: list[int] = []
    token = uploaded.set(told.append)

    try:
        with film.open("rb") as file:
            Client(line.url, network=LOOPBACK).put("/", data=file if whole else file.read(), total=None)
    finally:
        uploaded.reset(token)

    assert sum(told) == 100_000
    assert line.requests[0].endswith(b"x" * 100_000)


# How long to wait

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("35", 35),
        (" 0 ", 0),
        ("86400", 86400),
        ("Tue, 24 Nov 2026 02:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 09:00:30 +0700", 30),
        ("86401", None),
        ("-5", None),
        ("99999999999999999999", None),
        ("Tue, 24 Nov 2026 01:59:00 GMT", None),
        ("Fri, 24 Nov 2028 02:00:00 GMT", None),
        ("Tue, 24 Nov 2026 02:00:30 -0000", None),
        ("besok", None),
        ("²", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_believed_only_when_it_makes_sense(value, seconds):
    assert retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_429_hands_on_the_wait(serve):
    line = serve(answered(429, "Retry-After: 35"))

    with pytest.raises(Throttled) as pause:
        Client(line.url, network=LOOPBACK).post("/", irrevocable=True)

    assert pause.value.retry_after == timedelta(seconds=35)


# Secrets


@pytest.mark.parametrize(
    "answer",
    [OK, LOGIN, b"", answered(500), answered(302, f"Location: /bot{TOKEN}/x")],
    ids=["accepted", "page", "nothing", "error", "redirect"],
)
def test_a_token_in_the_address_is_shown_nowhere(serve, answer, caplog):
    caplog.set_level(logging.DEBUG)
    line = serve(lambda line: (line.sendall(answer) and None) or False)
    api = Client(f"{line.url}/bot{TOKEN}", network=LOOPBACK, bearer=f"bearer-{TOKEN}")
    shown = [repr(api)]

    try:
        shown.append(repr(api.post("/sendMessage", irrevocable=True).json()))
    except ChannelError as error:
        shown += [str(error), repr(error), *traceback.format_exception(error), repr(error.reason())]

    assert TOKEN not in "\n".join(shown) + caplog.text
