"""A whole platform in a few lines: an adapter that pins posts to a list and fails when told to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from dissem.channels.adapter import Account, Adapter, Certainty, Counts, Facts, Gone, Part, Prepared, Receipt, Stage
from dissem.channels.errors import NoRecipient, NotYet


@dataclass
class Pinned:
    """One post on the board."""

    id: str
    text: str
    key: str
    at: datetime
    account: str
    after: str | None = None
    recipient: str = ""


@dataclass
class Wall:
    """What hangs there, and what will go wrong: `fails` before the pinning, `fails_after` after it."""

    account: str = "padang"
    pinned: list[Pinned] = field(default_factory=list)
    fails: list[BaseException] = field(default_factory=list)
    fails_after: list[BaseException] = field(default_factory=list)
    prepare_fails: list[BaseException] = field(default_factory=list)
    find_fails: list[BaseException] = field(default_factory=list)
    hides: int = 0  # so many listings do not show anything yet
    processes: int = 0  # so many times `confirm` has to ask before a post is public
    stuck: BaseException | None = None  # what `confirm` answers instead
    certainty: Certainty = Certainty.READABLE
    prepared: list[str] = field(default_factory=list)
    publishes: int = 0
    fetched: list[str] = field(default_factory=list)  # addresses that were given to be fetched
    before_publish: Any = None
    dead: set[str] = field(default_factory=set)
    slow: dict[str, bool] = field(default_factory=dict)
    lost: dict[str, BaseException] = field(default_factory=dict)  # put there, and then this is raised

    @property
    def reached(self) -> list[str]:
        """To whom, in order."""
        return [pinned.recipient for pinned in self.pinned]


WALLS: dict[str, Wall] = {}


class Noticeboard(Adapter):
    """Pins to the wall that its settings name."""

    platform = "board"
    facts: ClassVar[Facts] = Facts(
        label="Noticeboard",
        certainties=frozenset({Certainty.READABLE}),
        text=500,
        images=4,
        threads=True,
        lag=timedelta(0),
        batch=50,
        counts=frozenset({"views"}),
    )

    class Settings(Adapter.Settings):
        wall: str
        api_url: str = ""

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = re.fullmatch(r"https://board\.example/(\d+)", url)
        return Receipt(found[1], url) if found else None

    @property
    def wall(self) -> Wall:
        return WALLS[self.settings.wall]

    def certainty(self, part: Part) -> Certainty:
        return self.wall.certainty

    def check(self) -> Account:
        return Account(self.wall.account, f"Papan {self.wall.account}")

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        for attachment in part.attachments[len(prepared.get("media")) :]:
            _raise_next(self.wall.prepare_fails)
            self.wall.prepared.append(attachment.sha256)
            prepared = prepared.adding("media", attachment.sha256)
            yield prepared

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        wall = self.wall
        wall.publishes += 1
        wall.fetched += [attachment.url for attachment in part.attachments if attachment.url]
        if wall.before_publish:
            wall.before_publish()
        _raise_next(wall.fails)
        pinned = self._pin(part)
        _raise_next(wall.fails_after)
        stage = Stage.PROCESSING if wall.processes else Stage.PUBLIC
        return Receipt(pinned.id, f"https://board.example/{pinned.id}", stage=stage)

    def confirm(self, receipt: Receipt) -> Receipt:
        if self.wall.stuck:
            raise self.wall.stuck
        if receipt.stage is Stage.PROCESSING and self.wall.processes > 1:
            self.wall.processes -= 1
            raise NotYet("still at it")
        return replace(receipt, id=f"post-{receipt.id}", stage=Stage.PUBLIC)

    def _pin(self, part: Part) -> Pinned:
        wall = self.wall
        for pinned in wall.pinned:
            if wall.certainty is Certainty.KEYED and pinned.key == part.key:
                return pinned
        after = part.after.id if part.after else None
        made = Pinned(
            str(len(wall.pinned) + 1), part.text, part.key, datetime.now(UTC), wall.account, after, part.recipient
        )
        wall.pinned.append(made)
        return made

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        _raise_next(self.wall.find_fails)
        if self.wall.hides:
            self.wall.hides -= 1
            return []
        return [
            Receipt(p.id, f"https://board.example/{p.id}")
            for p in self.wall.pinned
            if p.text == part.text and p.at >= since
        ]

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        there = {p.id for p in self.wall.pinned}
        return {r.id: Counts(views=10) if r.id in there else Gone() for r in receipts}

    def remove(self, receipt: Receipt) -> None:
        self.wall.pinned = [p for p in self.wall.pinned if p.id != receipt.id]


class Letters(Noticeboard):
    """Puts a post into each recipient's letterbox; `Wall.dead` are those that take nothing, `Wall.slow` ask to wait."""

    platform = "letters"
    facts: ClassVar[Facts] = Facts(label="Letters", text=500, recipients=True, lag=timedelta(0))

    class Settings(Noticeboard.Settings):
        recipients: str = ""

    def recipients(self) -> Sequence[str]:
        return self.settings.recipients.split()

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        if part.recipient in self.wall.dead:
            self.wall.publishes += 1
            raise NoRecipient("Nobody lives there.")
        if self.wall.slow.pop(part.recipient, None):
            self.wall.publishes += 1
            raise NotYet("Come back later.", retry_after=timedelta(minutes=10))
        if error := self.wall.lost.pop(part.recipient, None):
            self._pin(part)
            raise error
        return super().publish(part, prepared)


def _raise_next(errors: list[BaseException]) -> None:
    if errors:
        raise errors.pop(0)
