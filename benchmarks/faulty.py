"""A platform on its bad days: errors, lost answers, long waits, and moments in which it takes no connection at all.

`python -m benchmarks.faulty CHANNELS DELAY` serves it. What it took is in its record, whatever it answered.
"""

import asyncio
import random
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.readable import Readable

OFTEN = 0.02  # of the posts suffer each of the faults
LONG = (0.5, 3.0)  # seconds that a slow answer takes
UP, DOWN = 20.0, 0.5  # seconds for which it takes connections, and does not

_draw = random.Random(4)  # noqa: S311
_open: set["Faulty"] = set()


class Faulty(Readable):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        _open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        _open.discard(self)

    def answer(self, head: bytes, headers: dict[bytes, bytes]) -> None:
        usual = partial(super().answer, head, headers)
        if not head.startswith(b"POST"):
            usual()
            return
        faults = (self.fails, self.fails_late, self.hangs_up, self.loses, self.is_slow)
        place = int(_draw.random() / OFTEN)
        faults[place](usual) if place < len(faults) else usual()

    def fails(self, usual: Callable[[], None]) -> None:
        """An error, and nothing was taken."""
        self.say("503 Service Unavailable")

    def fails_late(self, usual: Callable[[], None]) -> None:
        """An error, and yet the post is there."""
        self.write = lambda body: self.say("500 Internal Server Error")  # type: ignore[method-assign]
        usual()

    def hangs_up(self, usual: Callable[[], None]) -> None:
        """No answer, and nothing was taken."""
        self.transport.abort()  # type: ignore[attr-defined]

    def loses(self, usual: Callable[[], None]) -> None:
        """No answer, and yet the post is there."""
        self.write = lambda body: self.transport.abort()  # type: ignore[attr-defined, method-assign]
        usual()

    def is_slow(self, usual: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(_draw.uniform(*LONG), usual)

    def say(self, status: str) -> None:
        """An answer without content; the connection ends with it."""
        self.transport.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())  # type: ignore[attr-defined]
        self.transport.close()


async def serve(channels: int, delay: float) -> None:
    """Serve for ever, on one port that is closed now and then."""
    log: list[tuple[float, str]] = []
    loop = asyncio.get_running_loop()
    port = 0
    while True:
        server = await loop.create_server(lambda: Faulty(delay, log, channels), "127.0.0.1", port, backlog=1024)
        if not port:
            port = server.sockets[0].getsockname()[1]
            print(port, flush=True)
        await asyncio.sleep(UP)
        server.close()
        for one in list(_open):
            one.transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(DOWN)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
