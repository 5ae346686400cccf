"""A worker as it would run on a machine of its own: it reaches the platform by its own line.

`python tests/proof/group.py HOME DATABASE ENGINE SENDERS PATIENCE PLATFORM LINE`: what goes to the port PLATFORM goes
to the port LINE instead. PATIENCE is what the bounds of the protocol are cut down to, in seconds.
"""

import socket
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import city
from dissem.channels.mastodon import Mastodon
from dissem.config import Timing
from dissem.daemon.run import new_owner, run
from dissem.queue.engine import Engine
from dissem.store.installation import Installation


def timing(patience: float) -> Timing:
    """Bounds and leases so short that a proof need not wait for minutes."""
    span = timedelta(seconds=patience)
    return Timing(send_deadline=span / 2, request=span, margin=span / 4, look_again=span / 20, backoff=span / 20)


def reach(platform: int, line: int) -> None:
    """Let every connection to the port *platform* go to *line*."""
    connect = socket.socket.connect

    def by_the_line(self: socket.socket, address: Any) -> None:
        connect(self, (address[0], line) if isinstance(address, tuple) and address[1] == platform else address)

    socket.socket.connect = by_the_line  # type: ignore[method-assign]


def engine(kind: str, installation: Installation, owner: str, patience: float) -> Engine:
    if kind == "procrastinate":
        from dissem.queue.engines.procrastinate import Procrastinate

        return Procrastinate(installation, owner, beat=timedelta(seconds=patience / 4))
    from dissem.queue.engines.threads import Threads

    return Threads(installation, owner)


def main(home: str, url: str, kind: str, senders: str, patience: str, platform: str, line: str) -> int:
    reach(int(platform), int(line))
    Mastodon.facts = replace(Mastodon.facts, lag=timedelta(0))  # our stand-in shows at once what it took
    installed = city.installed(Path(home), url, int(senders))
    config = installed.config.model_copy(update={"timing": timing(float(patience))})
    installation, owner = Installation(Path(home), config), new_owner()
    return run(installation, engine=engine(kind, installation, owner, float(patience)), owner=owner, starts_jobs=False)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
