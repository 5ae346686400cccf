"""A platform that is faster than any client: what a post costs here is the client's own cost.

Two processes answer `POST /api/v1/statuses` as Mastodon does, after a delay, and keep when each post arrived and under
which key. `GET /log` of each gives its record. `python -m benchmarks.platform PORT DELAY` serves one of them.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import urlopen

PROCESSES = 2
PIPED = 100  # requests that the measurement of the ceiling writes at once


class Conversation(asyncio.Protocol):
    """One connection: requests in, answers out, in order."""

    def __init__(self, delay: float, log: list[tuple[float, str]]) -> None:
        self.delay, self.log, self.got = delay, log, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data
        while b"\r\n\r\n" in self.got:
            head, _, rest = self.got.partition(b"\r\n\r\n")
            names = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            headers = {name.lower(): value for name, value in names.items()}
            length = int(headers.get(b"content-length", 0))
            if len(rest) < length:
                return
            self.got = rest[length:]
            self.answer(head, headers)

    def answer(self, head: bytes, headers: dict[bytes, bytes]) -> None:
        if head.startswith(b"GET /log"):
            self.write(json.dumps(self.log).encode())
            return
        self.log.append((time.time(), headers.get(b"idempotency-key", b"").decode()))
        number = f"{id(self.log) % 1000}{len(self.log)}"
        body = f'{{"id": "{number}", "url": "http://127.0.0.1/@padang/{number}"}}'.encode()
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.write, body)
        else:
            self.write(body)

    def write(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)  # type: ignore[attr-defined]


async def serve(port: int, delay: float) -> None:
    log: list[tuple[float, str]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(delay, log), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


@dataclass(frozen=True)
class Platform:
    """Addresses of a running one."""

    urls: tuple[str, ...]

    def posts(self) -> list[tuple[float, str]]:
        """When each post arrived (Unix time), and its key."""
        found: list[tuple[float, str]] = []
        for url in self.urls:
            with urlopen(f"{url}/log") as answer:  # noqa: S310 - our own, on the loopback
                found += [(moment, key) for moment, key in json.load(answer)]
        return sorted(found)


@contextmanager
def running(delay: float) -> Iterator[Platform]:
    """The platform, answering after *delay* seconds."""
    ports = [_free_port() for _ in range(PROCESSES)]
    command = [sys.executable, "-m", "benchmarks.platform"]
    started = [subprocess.Popen([*command, str(port), str(delay)], stdout=subprocess.PIPE, text=True) for port in ports]
    try:
        for process in started:
            assert process.stdout and process.stdout.readline() == "ready\n"
        yield Platform(tuple(f"http://127.0.0.1:{port}" for port in ports))
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ceiling(posts: int = 20_000) -> float:
    """Posts a second that it takes from a client that costs next to nothing: all are written before any is read."""
    body = b'{"status": "Jembatan ditutup Minggu pagi.", "visibility": "public", "language": "id"}'
    head = f"POST /api/v1/statuses HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
    share = posts // PROCESSES
    with running(0) as platform, ThreadPoolExecutor(PROCESSES) as pool:
        began = time.perf_counter()
        list(pool.map(lambda url: _flood(url, (head.encode() + body) * PIPED, share // PIPED), platform.urls))
        return share * PROCESSES / (time.perf_counter() - began)


def _flood(url: str, requests: bytes, times: int) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        for _ in range(times):
            line.sendall(requests)
            got = b""
            while got.count(b"HTTP/1.1 200") < PIPED:
                got += line.recv(65536)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
