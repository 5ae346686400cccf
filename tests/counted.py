"""A town whose rows are written as a test says, and boards that answer what they were told: for tests of the ledger."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlmodel import SQLModel, col, select

from dissem.channels.adapter import COUNTS, Account, Adapter, Counts, Facts, Gone, Part, Prepared, Receipt
from dissem.channels.network import Network
from dissem.models import (
    Agency,
    Channel,
    Delivery,
    Engagement,
    EngagementDay,
    Held,
    Kind,
    Person,
    Publication,
    Release,
    Role,
    State,
)
from dissem.models import Part as PartRow
from dissem.store.installation import Installation

JAKARTA = ZoneInfo("Asia/Jakarta")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=JAKARTA).astimezone(UTC)  # 2026-W48 begins
NEXT_MONDAY = MONDAY + 7 * DAY

Row = TypeVar("Row", bound=SQLModel)


class Town:
    """Rows of a made-up town. Things are made with what a test says of them, and sensible values for the rest."""

    def __init__(self, installation: Installation) -> None:
        self.database = installation.database
        self.numbers = count(1)
        self.author = self.keep(
            Person(username="siti", name="Siti", role=Role.COORDINATOR, token_hash="x", created=MONDAY)
        )

    def keep(self, row: Row) -> Row:
        with self.database.write() as session:
            session.add(row)
        return row

    def agency(self, code: str, name: str = "") -> Agency:
        return self.keep(Agency(code=code, name=name or f"Dinas {code.title()}"))

    def channel(self, name: str, agency: str = "kominfo", **said: Any) -> Channel:
        return self.keep(Channel(**{"name": name, "platform": "board", "agency": agency, "created": MONDAY, **said}))

    def release(self, title: str = "Banjir surut", agency: str = "kominfo", **said: Any) -> Release:
        person = self.author.id
        known = {"kind": Kind.PRESS_RELEASE, "body": "", "author_id": person, "editor_id": person, "created": MONDAY}
        return self.keep(Release(**{**known, "title": title, "agency": agency, "edited": MONDAY, **said}))

    def delivery(self, release: Release, channel: Channel, **said: Any) -> Delivery:
        due = said.get("due") or said.get("published") or MONDAY
        known = {"release_id": release.id, "channel_id": channel.id, "due": due, "until": due + DAY, "next_at": due}
        return self.keep(Delivery(**{**known, "since": said.get("published") or due, **said}))

    def held(self, release: Release, channel: Channel, why: Held, **said: Any) -> Delivery:
        return self.delivery(release, channel, state=State.HELD, held=why, **said)

    def publication(self, delivery: Delivery, published: datetime | None, **said: Any) -> Publication:
        """The proof of one more part of *delivery*."""
        number = next(self.numbers)
        part = self.keep(PartRow(delivery_id=delivery.id or 0, number=number, post={}))
        known = {"part_id": part.id, "delivery_id": delivery.id, "channel_id": delivery.channel_id, "fingerprint": "f"}
        return self.keep(Publication(**{**known, "remote_id": f"r{number}", "published": published, **said}))

    def published(self, channel: Channel, at: datetime, release: Release | None = None, **said: Any) -> Publication:
        """A release that went out whole on *channel*."""
        release = release or self.release(agency=channel.agency)
        delivery = self.delivery(release, channel, state=State.PUBLISHED, published=at)
        return self.publication(delivery, at, **said)

    def sample(self, publication: Publication, planned: datetime, at: datetime | None = None, **counts: int) -> None:
        self.keep(Engagement(publication_id=publication.id or 0, planned=planned, at=at or planned, **counts))

    def samples(self) -> Sequence[Engagement]:
        with self.database.read() as session:
            return session.exec(select(Engagement).order_by(col(Engagement.publication_id), col(Engagement.at))).all()

    def days(self) -> list[tuple[Any, ...]]:
        """The whole roll-up, one tuple a row."""
        order = (col(EngagementDay.day), col(EngagementDay.channel_id), col(EngagementDay.kind))
        with self.database.read() as session:
            rows = session.exec(select(EngagementDay).order_by(*order)).all()
        return [(r.day, r.channel_id, r.kind, r.samples, *(getattr(r, name) for name in COUNTS)) for r in rows]

    def again(self, publication: Publication) -> Publication:
        with self.database.read() as session:
            return session.get_one(Publication, publication.id)


class Board(Adapter):
    """Says of each post what it was told to, and remembers what it was asked."""

    platform = "board"
    facts = Facts(label="Board", text=500, counts=frozenset({"views", "likes"}), batch=2)

    class Settings(BaseModel):
        pass

    def __init__(self, facts: Facts | None = None) -> None:
        super().__init__(self.Settings(), network=Network())
        self.says: dict[str, Counts | Gone | None] = {}
        self.otherwise: Counts | Gone | None = Counts(views=10, likes=1)
        self.asked: list[list[str]] = []
        self.meanwhile: Callable[[Sequence[Receipt]], object] = lambda receipts: None
        if facts:
            self.facts = facts  # type: ignore[misc]

    def check(self) -> Account:
        return Account("1", "Board")

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        raise AssertionError("measuring never publishes")

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        self.asked.append([receipt.id for receipt in receipts])
        self.meanwhile(receipts)
        answers = {receipt.id: self.says.get(receipt.id, self.otherwise) for receipt in receipts}
        return {remote_id: answer for remote_id, answer in answers.items() if answer is not None}


class Boards:
    """Stands where the installation keeps its adapters: a board for each channel, by name."""

    def __init__(self) -> None:
        self.boards: dict[str, Board] = {}

    def of(self, channel: Channel) -> Board:
        return self.boards.setdefault(channel.name, Board())
