"""A stand-in of Mastodon that can be read back: every status that arrived is there, twice if it came twice.

It ignores keys, as some servers do, so that nothing but dissem keeps a post from being there twice. Statuses are those
of `benchmarks.city`: their key says which channel they belong to. `python -m benchmarks.readable CHANNELS DELAY`.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.platform import Conversation

ROOT = Path(__file__).parents[1]
PAGE = 40
_LISTING = re.compile(rb"GET /api/v1/accounts/(\d+)/statuses\?(?:\S*max_id=(\d+))?")
_ACCOUNT = {"id": "1", "username": "padang", "display_name": "Padang", "url": "http://127.0.0.1/@padang"}


class Readable(Conversation):
    """One connection."""

    def __init__(self, delay: float, log: list[tuple[float, str]], channels: int) -> None:
        super().__init__(delay, log)
        self.channels = channels
        self.prefix = str(id(log) % 1000)  # of every id that `Conversation` gives

    def answer(self, head: bytes, headers: dict[bytes, bytes]) -> None:
        listing = _LISTING.match(head)
        if listing:
            before = int(listing[2][len(self.prefix) :]) if listing[2] else len(self.log) + 1
            self.write(json.dumps(self.listed(int(listing[1]), before)).encode())
        elif head.startswith((b"GET /log", b"POST")):
            super().answer(head, headers)
        else:  # who am I, and what may I: a platform that answers works
            self.write(json.dumps({**_ACCOUNT, "configuration": {}}).encode())

    def listed(self, account: int, before: int) -> list[dict[str, Any]]:
        """The newest statuses of *account*, those that came before the status of that number."""
        newest = ((number, *self.log[number - 1]) for number in range(before - 1, 0, -1))
        ours = (self.status(*one) for one in newest if channel_of(one[2], self.channels) == account)
        return list(islice(ours, PAGE))

    def status(self, number: int, moment: float, key: str) -> dict[str, Any]:
        return {
            "id": f"{self.prefix}{number}",
            "url": f"http://127.0.0.1/@padang/{self.prefix}{number}",
            "created_at": datetime.fromtimestamp(moment, UTC).isoformat(),
            "content": f"<p>Rilis {number_of(key)}: jembatan ditutup Minggu pagi.</p>",
            "in_reply_to_id": None,
            "media_attachments": [],
        }


def number_of(key: str) -> int:
    """The number of the delivery with *key*."""
    return int(key.rpartition("-")[2])


def channel_of(key: str, channels: int) -> int:
    return number_of(key) % channels + 1


@dataclass(frozen=True)
class Platform:
    """A running one."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arrived(self) -> list[tuple[float, str]]:
        """When each status came (Unix time), and its key."""
        with urlopen(f"{self.url}/log") as answer:  # noqa: S310 - our own, on the loopback
            return sorted((moment, key) for moment, key in json.load(answer))

    def times(self) -> Counter[str]:
        """How often each key came."""
        return Counter(key for _, key in self.arrived())


@contextmanager
def running(channels: int, delay: float, module: str = "benchmarks.readable") -> Iterator[Platform]:
    """The platform of *module*, answering after *delay* seconds."""
    command = [sys.executable, "-m", module, str(channels), str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    try:
        yield Platform(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def serve(channels: int, delay: float) -> None:
    log: list[tuple[float, str]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Readable(delay, log, channels), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
