"""Reading the counts of a hundred thousand posts from a platform that takes 200 ms an answer, a hundred posts each.

`python -m benchmarks.engagement` prints one line a database: seconds, the least they could be (the platform's own time
over all readers), the processor's seconds, and how far memory grew. The platform answers as X does, in a process of its
own. `… serve PORT DELAY` is that platform, `… read HOME DATABASE` one reading, each a process for itself.
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import func, insert, text
from sqlmodel import select

from benchmarks import city
from benchmarks.platform import _free_port
from dissem.models import Agency, Channel, Delivery, Engagement, Kind, Part, Person, Publication, Release, Role, State
from dissem.store.installation import Installation
from dissem.store.migrate import migrate

POSTS, CHANNELS, BATCH = 100_000, 250, 100
DELAY = 0.2  # seconds
AGE = timedelta(hours=30)  # of the posts: the sample of a day is due
ID_EPOCH = 1_288_834_974_657  # milliseconds; X's ids begin with the time since

_POST = (
    '{"id":"%s","text":"Jembatan ditutup Minggu pagi.","edit_history_tweet_ids":["%s"],"public_metrics":{'
    '"retweet_count":4,"reply_count":2,"like_count":31,"quote_count":1,"bookmark_count":3,"impression_count":1840},'
    '"non_public_metrics":{"impression_count":1840,"url_link_clicks":12,"user_profile_clicks":5}}'
)


class Conversation(asyncio.Protocol):
    """One connection: requests in, answers out after the delay."""

    def __init__(self, delay: float) -> None:
        self.delay, self.got = delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data
        while b"\r\n\r\n" in self.got:
            head, _, self.got = self.got.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.delay, self.answer, head.split(b" ", 2)[1].decode())

    def answer(self, address: str) -> None:
        asked = parse_qs(urlsplit(address).query)["ids"][0].split(",")
        body = ('{"data":[' + ",".join(_POST % (number, number) for number in asked) + "]}").encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)  # type: ignore[attr-defined]


async def serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(delay), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


@contextmanager
def platform() -> Iterator[str]:
    """Address of the platform."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.engagement", "serve", str(port), str(DELAY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def fill(installation: Installation, url: str, posts: int, now: datetime) -> None:
    """*posts* publications of `CHANNELS` channels at X, all `AGE` old and never read."""
    installation.database.create()
    migrate(installation.database)
    with installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        ani = {"username": "ani", "name": "Ani", "token_hash": "ani"}
        session.add(Person(id=1, role=Role.COORDINATOR, created=now, **ani))
        for number in range(1, CHANNELS + 1):
            session.add(_channel(installation, number, url, now))
    for first in range(0, posts, city.BATCH):
        with installation.database.write() as session:
            for model, rows in _rows(range(first, min(first + city.BATCH, posts)), now).items():
                session.execute(insert(model), rows)
    with installation.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _channel(installation: Installation, number: int, url: str, now: datetime) -> Channel:
    channel = Channel(
        id=number,
        name=f"channel-{number}",
        platform="x",
        agency="kominfo",
        settings={"api_url": url},
        account=str(number),
        host=url.removeprefix("http://"),
        created=now - 2 * AGE,
    )
    login = {"client_id": "benchmark", "client_secret": "", "refresh_token": "benchmark", "access_token": "benchmark"}
    channel.secrets = installation.adapters.seal(channel, login)
    return channel


def _rows(numbers: range, now: datetime) -> dict[Any, list[dict[str, Any]]]:
    """A release for each round over the channels, and what it became on them."""
    at = now - AGE
    born = (int(at.timestamp() * 1000) - ID_EPOCH) << 22
    rows: dict[Any, list[dict[str, Any]]] = {m: [] for m in (Release, Delivery, Part, Publication)}
    for place in numbers:
        number, channel = place + 1, place % CHANNELS + 1
        if channel == 1:
            rows[Release].append(_release(place // CHANNELS + 1, at))
        delivery = {"id": number, "release_id": place // CHANNELS + 1, "channel_id": channel, "state": State.PUBLISHED}
        times = dict.fromkeys(("due", "until", "next_at", "since", "published"), at)
        rows[Delivery].append({**delivery, **times})
        rows[Part].append({"id": number, "delivery_id": number, "number": 1, "post": {}, "prepared": {}})
        proof = {"id": number, "part_id": number, "delivery_id": number, "channel_id": channel, "fingerprint": "f"}
        rows[Publication].append(
            {**proof, "account": str(channel), "remote_id": str(born + number), "also": [], "published": at}
        )
    return {model: many for model, many in rows.items() if many}


def _release(number: int, at: datetime) -> dict[str, Any]:
    people = {"author_id": 1, "editor_id": 1, "created": at, "edited": at}
    return Release(id=number, kind=Kind.PHOTO, agency="kominfo", title="Jembatan", body="Isi", **people).model_dump()


def read(home: Path, url: str) -> dict[str, float]:
    """One reading of everything that is due, as `dissem engagement collect` does it."""
    from dissem.cli.main import GARBAGE
    from dissem.engagement.collect import collect

    installation = city.installed(home, url, 2)
    gc.collect()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    before, began = _used(), time.perf_counter()
    collected = collect(installation, now=datetime.now(UTC), limit=10 * POSTS)
    seconds, after = time.perf_counter() - began, _used()
    with installation.database.read() as session:
        stored = session.exec(select(func.count()).select_from(Engagement)).one()
    installation.close()
    assert collected.read == stored, collected
    return {
        "seconds": seconds,
        "read": collected.read,
        "cpu": after[0] - before[0],
        "grown": after[1] - before[1],
        "peak": after[1],
    }


def _used() -> tuple[float, float]:
    """Seconds of the processor, and the peak of memory in MiB."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(kind: str, posts: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, city.database_of(kind, Path(folder)) as url, platform() as address:
        home = Path(folder) / "home"
        installation = city.installed(home, url, 2)
        fill(installation, address, posts, datetime.now(UTC))
        installation.close()
        command = [sys.executable, "-m", "benchmarks.engagement", "read", str(home), url]
        found: dict[str, float] = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        )
        return found


def main(kinds: tuple[str, ...], posts: int) -> None:
    from dissem.engagement.collect import READERS

    least = -(-posts // BATCH) * DELAY / READERS
    for kind in kinds:
        found = measure(kind, posts)
        print(
            f"{kind}: {found['read']:,.0f} posts in {found['seconds']:.1f} s (at least {least:.1f}), "
            f"{found['cpu']:.1f} s of the processor, memory {found['peak']:.0f} MiB ({found['grown']:.0f} for this)"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port, delay]:
            asyncio.run(serve(int(port), float(delay)))
        case ["read", home, *url]:
            print(json.dumps(read(Path(home), "".join(url))))
        case [kind, *posts]:
            main((kind,), int((posts or [POSTS])[0]))
        case _:
            main(city.DATABASES, POSTS)
