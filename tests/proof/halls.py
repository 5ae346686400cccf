"""Town halls for processes that die: an installation on disk, channels of the four kinds, approved deliveries, and what
must be true of them afterwards."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from billboard import Billboard
from sqlmodel import select

from dissem import clock
from dissem.channels.adapter import Attachment
from dissem.channels.adapter import Part as Post
from dissem.compose.media import stored
from dissem.config import load
from dissem.errors import told
from dissem.models import (
    Agency,
    Approval,
    ApprovedDelivery,
    Channel,
    Delivery,
    Held,
    Kind,
    Part,
    Person,
    Publication,
    Release,
    ReleaseState,
    Role,
    State,
)
from dissem.queue import gate
from dissem.queue.pacing import first_moment
from dissem.store.installation import Installation
from dissem.store.vault import make_key

PICTURE = b"a picture, for all that a queue knows"
SHA256 = hashlib.sha256(PICTURE).hexdigest()
_PICTURE = Attachment(SHA256, Path(SHA256), "image/jpeg", len(PICTURE), 1200, 800)

# A lease of four seconds: a test sees it end, and a machine that is busy with other things still keeps it.
SHORT = {
    "send_deadline": "2 s",
    "request": "1500 ms",
    "margin": "500 ms",
    "preparing": "6 s",
    "look_again": "200 ms",
    "backoff": "100 ms",
    "breaker": "200 ms",
}
LEASE = 4.0  # seconds, of the above


class Hall:
    """One installation."""

    def __init__(self, home: Path, url: str, board: Billboard, timing: dict[str, str] = SHORT, **daemon: int) -> None:
        """*home* has a migrated database of its own already if *url*, that of PostgreSQL, is empty."""
        self.home, self.board = home, board
        for folder in (home / "jobs", home / "data" / "media", home / "public"):
            folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"[database]\nurl = {json.dumps(url)}",
            '[network]\nallow_hosts = ["127.0.0.1"]',
            f"[public_media]\nfolder = {json.dumps(str(board.media))}\nurl = {json.dumps(board.url)}",
            *("[timing]", *(f"{name} = {json.dumps(value)}" for name, value in timing.items())),
            *("[daemon]", *(f"{name} = {value}" for name, value in daemon.items())),
        ]
        (home / "config.toml").write_text("\n".join(lines), encoding="utf-8")
        self.installation = Installation(home, load(home / "config.toml", {})[0])
        make_key(self.installation.key_file)
        picture = stored(self.installation.media, SHA256, "image/jpeg")
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(PICTURE)
        self._people()

    def _people(self) -> None:
        now = clock.utc_now()
        with self.installation.database.write() as session:
            session.add(Agency(code="kominfo", name="Dinas Kominfo"))
            session.flush()
            for number, name in enumerate(("ani", "budi"), start=1):
                session.add(
                    Person(id=number, username=name, name=name, role=Role.COORDINATOR, token_hash=name, created=now)
                )

    def channel(self, name: str, kind: str, **settings: Any) -> Channel:
        """A channel on a wall of its own, *name*."""
        with self.installation.database.write() as session:
            channel = Channel(
                name=name,
                platform=kind,
                agency="kominfo",
                settings={"wall": name, "api_url": self.board.url, **settings},
                account=name,
                host="",
                created=clock.utc_now(),
            )
            session.add(channel)
        return channel

    def queue(
        self,
        channel: Channel,
        due: datetime | None = None,
        *,
        texts: int = 1,
        picture: bool = True,
        follows: int | None = None,
        video: Attachment | None = None,
    ) -> int:
        """An approved delivery of so many parts, the first with a *picture*, or the *video*; answers its id."""
        now = clock.utc_now()
        due = due or now
        until = due + timedelta(hours=12)
        with self.installation.database.write() as session:
            release = Release(
                kind=Kind.PRESS_RELEASE,
                state=ReleaseState.APPROVED,
                agency="kominfo",
                title="Judul",
                body="Isi",
                author_id=1,
                editor_id=1,
                created=now,
                edited=now,
            )
            session.add(release)
            session.flush()
            shown = (video or _PICTURE,) if picture else ()
            prepares = picture or channel.platform == "staged"
            delivery = Delivery(
                release_id=release.id or 0,
                channel_id=channel.id or 0,
                state=State.WAITING,
                due=due,
                until=until,
                next_at=until if follows else due,
                account=channel.account,
                parts=texts,
                ready=not prepares,
                follows=follows,
                since=now,
            )
            if not (follows or delivery.ready):
                delivery.next_at = first_moment(delivery, channel.platform, now)
            session.add(delivery)
            session.flush()
            parts = [
                Part(
                    delivery_id=delivery.id or 0,
                    number=number,
                    post=_post(f"{channel.name}-{delivery.id}-{number}", shown if number == 1 else ()).frozen(),
                    prepares=(picture and number == 1) or channel.platform == "staged",
                )
                for number in range(1, texts + 1)
            ]
            session.add_all(parts)
            covered = gate.delivery_hash(delivery, parts)
            release.content_hash = gate.content_hash(release, [covered])
            approval = Approval(
                release_id=release.id or 0,
                content_hash=release.content_hash,
                approver_id=2,
                author_id=1,
                editor_id=1,
                at=now,
            )
            session.add(approval)
            session.flush()
            session.add(ApprovedDelivery(approval_id=approval.id or 0, delivery_id=delivery.id or 0, hash=covered))
            return delivery.id or 0

    def video(self, size: int) -> Attachment:
        """A file of *size* bytes among the media, that takes no room on the disk."""
        zeros, digest = bytes(2**20), hashlib.sha256()
        for left in range(size, 0, -len(zeros)):
            digest.update(zeros[:left])
        file = stored(self.installation.media, digest.hexdigest(), "video/mp4")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as empty:
            empty.truncate(size)
        return Attachment(digest.hexdigest(), file, "video/mp4", size, 1920, 1080, 60.0)

    def see(self) -> list["Seen"]:
        """Every delivery beside what hangs on the walls."""
        with self.installation.database.read() as session:
            kinds = {c.id: (c.name, c.platform) for c in session.exec(select(Channel))}
            kept: dict[int, list[str]] = {}
            for publication in session.exec(select(Publication).where(Publication.published.is_not(None))):  # type: ignore[union-attr]
                kept.setdefault(publication.delivery_id, []).append(publication.remote_id)
            deliveries = session.exec(select(Delivery).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        return [
            self._seen(delivery, *kinds[delivery.channel_id], kept.get(delivery.id or 0, [])) for delivery in deliveries
        ]

    def _seen(self, delivery: Delivery, name: str, kind: str, proofs: list[str]) -> "Seen":
        wall = self.board.wall(name)
        there = [[p.id for p in wall.with_code(f"{name}-{delivery.id}-{n}")] for n in range(1, delivery.parts + 1)]
        return Seen(delivery, kind, there, sorted(proofs))

    def close(self) -> None:
        self.installation.close()


def _post(code: str, attachments: tuple[Attachment, ...]) -> Post:
    text = f"Jembatan ditutup ({code})."
    return Post(key=code, kind="press_release", title="Judul", text=text, body=text, attachments=attachments)


@dataclass(frozen=True)
class Seen:
    """One delivery: what its row says, what hangs there of each part, and the ids that are kept as proofs."""

    delivery: Delivery
    kind: str
    there: list[list[str]]
    proofs: list[str]

    @property
    def state(self) -> State:
        return self.delivery.state

    @property
    def is_twice(self) -> bool:
        return any(len(ids) > 1 for ids in self.there)

    @property
    def is_published_once(self) -> bool:
        """It says so, it is so, and the proof is of what is there."""
        once = all(len(ids) == 1 for ids in self.there)
        return self.state is State.PUBLISHED and once and self.proofs == sorted(i for ids in self.there for i in ids)

    @property
    def is_held_and_said(self) -> bool:
        """A person reads that nobody knows, and what to do."""
        unknown = self.state is State.HELD and self.delivery.held is Held.UNKNOWN and self.delivery.ambiguous
        return unknown and f"dissem delivery resolve {self.delivery.id} --published URL" in told(self.delivery.reason)
