"""A line between two programs that can fall silent: a TCP relay in a process of its own, standard library only.

Silent means silent: connections stay open, nothing arrives any more and nobody is told, as when a cable is pulled.
`python tests/relay.py TARGET` relays from a free port to TARGET, host:port or the path of a Unix socket.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Relay:
    """A running one, listening at 127.0.0.1:*port*."""

    port: int
    process: "subprocess.Popen[str]"

    def falls_silent(self) -> None:
        """For ever: what is under way does not arrive later either."""
        self.process.send_signal(signal.SIGSTOP)


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """A relay to *target*, until the block ends."""
    command = [sys.executable, str(Path(__file__)), target]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield Relay(int(process.stdout.readline()), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class End(asyncio.Protocol):
    """One end of a connection; what comes in goes out at the other."""

    other: asyncio.Transport | None = None

    def __init__(self) -> None:
        self.early: list[bytes] = []  # before the other end is there

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.close()

    def joined(self, other: asyncio.Transport) -> None:
        self.other = other
        for data in self.early:
            other.write(data)


class Front(End):
    """The end at the client; it reaches for the target."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.reaching = asyncio.ensure_future(self._reach())

    async def _reach(self) -> None:
        back, loop = End(), asyncio.get_running_loop()
        try:
            if self.target.startswith("/"):
                transport, _ = await loop.create_unix_connection(lambda: back, self.target)
            else:
                host, _, port = self.target.rpartition(":")
                transport, _ = await loop.create_connection(lambda: back, host, int(port))
        except OSError:
            self.transport.close()
            return
        back.joined(self.transport)  # type: ignore[arg-type]
        self.joined(transport)


async def main(target: str) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Front(target), "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
