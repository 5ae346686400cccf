"""A small town hall with a noticeboard, and a clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta
from typing import Any

from noticeboard import WALLS, Wall
from sqlmodel import select

from dissem.channels.adapter import Part as Post
from dissem.models import (
    Agency,
    Approval,
    ApprovedDelivery,
    Channel,
    Delivery,
    Kind,
    Part,
    Person,
    Publication,
    Release,
    ReleaseState,
    Role,
    State,
)
from dissem.queue import gate, reconcile
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claims, sweep
from dissem.store.installation import Installation

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Clock:
    """A clock for tests: call it for the time, move it by `pass_`."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


class Town:
    """What queue tests speak with: makes approved deliveries, works on them step by step, and looks."""

    def __init__(self, installation: Installation, clock: Clock) -> None:
        self.installation = installation
        self.clock = clock
        self.carrier = Carrier(installation, now=clock)
        self.claims = Claims(installation.database, "worker-1", installation.config.timing)
        with installation.database.write() as session:
            session.add(Agency(code="kominfo", name="Dinas Kominfo"))
            session.flush()
            for number, name in enumerate(("ani", "budi"), start=1):
                session.add(
                    Person(
                        id=number,
                        username=name,
                        name=name.title(),
                        role=Role.APPROVER,
                        agency="kominfo",
                        token_hash=name,
                        created=START,
                    )
                )

    def channel(self, name: str = "board", platform: str = "board", **settings: Any) -> tuple[Channel, Wall]:
        """A channel on a wall of its own."""
        wall = WALLS.setdefault(name, Wall(account=name))
        with self.installation.database.write() as session:
            channel = Channel(
                name=name,
                platform=platform,
                agency="kominfo",
                settings={"wall": name, **settings},
                account=wall.account,
                host=settings.get("api_url", "").removeprefix("https://"),
                created=START,
            )
            session.add(channel)
        return channel, wall

    def walls(self, *names: str) -> list[Wall]:
        """The walls of the channels *names*."""
        return [WALLS[name] for name in names]

    def delivery(
        self,
        channel: Channel,
        *texts: str,
        due: timedelta = timedelta(0),
        lasts: timedelta = timedelta(hours=12),
        urgent: bool = False,
        attachments: tuple[Any, ...] = (),
        approved: bool = True,
    ) -> int:
        """An approved delivery of the parts *texts*; answers its id."""
        at = self.clock() + due
        with self.installation.database.write() as session:
            release = Release(
                kind=Kind.PRESS_RELEASE,
                state=ReleaseState.APPROVED,
                agency="kominfo",
                title="Judul",
                body="Isi",
                author_id=1,
                editor_id=1,
                created=START,
                edited=START,
                urgent=urgent,
            )
            session.add(release)
            session.flush()
            delivery = Delivery(
                release_id=release.id or 0,
                channel_id=channel.id or 0,
                state=State.WAITING,
                due=at,
                until=at + lasts,
                next_at=at,
                urgent=urgent,
                account=channel.account,
                parts=max(len(texts), 1),
                ready=not attachments,
                since=START,
            )
            session.add(delivery)
            session.flush()
            parts = [
                Part(
                    delivery_id=delivery.id or 0,
                    number=number,
                    post=Post(
                        key=f"key-{delivery.id}-{number}",
                        kind="press_release",
                        title="Judul",
                        text=text,
                        body=text,
                        attachments=attachments if number == 1 else (),
                    ).frozen(),
                    prepares=bool(attachments) and number == 1,
                )
                for number, text in enumerate(texts or ("Halo Padang",), start=1)
            ]
            session.add_all(parts)
            covered = gate.delivery_hash(delivery, parts)
            release.content_hash = gate.content_hash(release, [covered])
            if approved:
                approval = Approval(
                    release_id=release.id or 0,
                    content_hash=release.content_hash,
                    approver_id=2,
                    author_id=1,
                    editor_id=1,
                    at=START,
                )
                session.add(approval)
                session.flush()
                session.add(ApprovedDelivery(approval_id=approval.id or 0, delivery_id=delivery.id or 0, hash=covered))
            return delivery.id or 0

    def work(self, rounds: int = 1) -> None:
        """Sweep, then claim and carry out whatever can be, *rounds* times, at the clock's time."""
        for _ in range(rounds):
            sweep(self.installation.database, self.installation.config.timing, now=self.clock())
            for claimed in self.claims.preparing(now=self.clock(), limit=50):
                self.carrier.prepare(claimed)
            for claimed in self.claims.publishing(now=self.clock(), limit=50):
                self.carrier.publish(claimed)
            for claimed in self.claims.looking(now=self.clock(), limit=50):
                reconcile.look(self.carrier, claimed)

    def work_for(self, step: timedelta, steps: int) -> None:
        """Work, and let *step* pass, *steps* times."""
        for _ in range(steps):
            self.work()
            self.clock.time += step

    def see(self, number: int) -> Delivery:
        with self.installation.database.read() as session:
            return session.get_one(Delivery, number)

    def publications(self, number: int) -> list[Publication]:
        with self.installation.database.read() as session:
            return list(session.exec(select(Publication).where(Publication.delivery_id == number)))
