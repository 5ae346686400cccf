"""A made-up city with everything that makes figures hard, the same each time for one seed and size.

Agencies with channels on platforms of which each gives other counts; releases on several channels; platforms that were
down, so that posts came late; a reader that was down, so that samples came late or never; counters that fell; posts
that were deleted; counts that were unavailable for once; posts and samples at the very midnight a week ends; lost
answers that were settled this way and that.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import COUNTS
from dissem.engagement import rollup
from dissem.models import (
    Agency,
    Attempt,
    AuditEntry,
    Channel,
    ChannelState,
    Delivery,
    Engagement,
    Evidence,
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

JAKARTA = ZoneInfo("Asia/Jakarta")
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
TICK = timedelta(microseconds=1)

# what each platform gives; the order decides how often it is used
PLATFORMS: dict[str, tuple[str, ...]] = {
    "instagram": ("views", "reach", "likes", "comments", "shares", "saves"),
    "facebook": ("views", "reach", "likes", "comments", "shares", "clicks"),
    "x": ("views", "likes", "comments", "shares", "saves"),
    "youtube": ("views", "likes", "comments", "watch_seconds"),
    "mastodon": ("likes", "comments", "shares"),
    "telegram": ("views",),
    "newsroom": (),
}
AGES = (0.25, 0.5, 1, 2, 3, 4.5, 6, 8, 10, 12, 18, 24, 36, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720)  # hours
SUBJECTS = (
    "Banjir surut di Kecamatan Koto Tangah",
    "Jadwal imunisasi bulan ini",
    "Pasar Raya buka sampai malam",
    "Perbaikan jembatan Siti Nurbaya",
    "Beasiswa anak berprestasi dibuka",
    "Layanan KTP keliling akhir pekan",
    "Lomba foto Padang Bersih",
    "Peringatan dini cuaca ekstrem",
    "Rute baru Trans Padang",
    "Vaksin rabies gratis",
    "Pemadaman air sementara di Lubuk Begalung untuk perbaikan pipa induk",
    "Festival Siti Nurbaya dimulai",
)
NAMES = (
    "Dinas Komunikasi dan Informatika",
    "Badan Penanggulangan Bencana Daerah",
    "Dinas Kesehatan",
    "Dinas Perhubungan",
    "Dinas Pendidikan dan Kebudayaan",
    "Dinas Kependudukan dan Pencatatan Sipil",
    "Dinas Lingkungan Hidup",
    "Perumda Air Minum",
    "Satuan Polisi Pamong Praja",
    "Dinas Pariwisata",
)


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    agencies: int = 6
    channels: int = 20
    weeks: int = 12
    releases: int = 10  # a week, in all
    reach: int = 4  # channels a release goes out on
    ages: tuple[float, ...] = AGES  # hours after publishing at which a sample is planned


SMALL = Size()
# about 1,000,000 samples
BIG = Size(agencies=50, channels=300, releases=730, reach=6)
FIRST_MONDAY = datetime.combine(datetime(2026, 9, 7), time(), JAKARTA).astimezone(UTC)  # noqa: DTZ001 - the zone follows

Rows = dict[str, list[dict[str, Any]]]  # by table


@cache
def _defaults(model: type[SQLModel]) -> dict[str, Any]:
    fields = model.model_fields
    return {name: f.get_default(call_default_factory=True) for name, f in fields.items() if not f.is_required()}


class City:
    """Rows of all tables but the samples in `rows`; samples come as a stream, they may be many."""

    def __init__(self, size: Size = SMALL, seed: int = 7, first: datetime = FIRST_MONDAY) -> None:
        self.size, self.first = size, first
        self.dice = random.Random(seed)  # noqa: S311 - no secret is made of it
        self.rows: Rows = {}
        self.end = first + size.weeks * WEEK
        weeks = range(1, size.weeks, 3)
        self.platform_down = [self._outage(week, day=2, hour=8, most=9 * HOUR) for week in weeks]
        self.reader_down = [self._outage(week, day=self.dice.randrange(7), hour=20, most=30 * HOUR) for week in weeks]
        self._staff()
        self._channels()
        for week in range(size.weeks):
            for number in range(size.releases):
                self._release(week, number)
        self._troubles()

    def week(self, number: int) -> str:
        """The label of week *number*, from 0."""
        local = (self.first + number * WEEK).astimezone(JAKARTA)
        return f"{local.isocalendar().year}-W{local.isocalendar().week:02}"

    # Making

    def _keep(self, model: type[SQLModel], **values: Any) -> int:
        table = self.rows.setdefault(str(model.__tablename__), [])
        number = len(table) + 1
        known = {"id": number} if "id" in model.model_fields else {}
        table.append({**_defaults(model), **known, **values})
        return number

    def _outage(self, week: int, *, day: int, hour: int, most: timedelta) -> tuple[datetime, datetime]:
        start = self.first + week * WEEK + day * DAY + hour * HOUR
        return start, start + most * self.dice.uniform(0.5, 1)

    def _staff(self) -> None:
        for number in range(self.size.agencies):
            name = NAMES[number % len(NAMES)]
            district = "" if number < len(NAMES) else f" Wilayah {number // len(NAMES) + 1}"
            self._keep(Agency, code=f"opd{number + 1:02}", name=name + district)
        self._keep(
            Person, username="siti", name="Siti", role=Role.COORDINATOR, token_hash="siti", created=self.first - WEEK
        )

    def _channels(self) -> None:
        """The last agency has channels but publishes nothing; the last channel is new and paused."""
        platforms = list(PLATFORMS)
        for number in range(self.size.channels):
            platform = platforms[number % len(platforms)]
            agency = f"opd{number // len(platforms) % self.size.agencies + 1:02}"
            last = number == self.size.channels - 1
            self._keep(
                Channel,
                name=f"{agency}-{platform}-{number // (len(platforms) * self.size.agencies) + 1}",
                platform=platform,
                agency=agency,
                state=ChannelState.PAUSED if last else ChannelState.ACTIVE,
                created=self.end - WEEK if last else self.first - WEEK,
            )

    def _release(self, week: int, number: int) -> None:
        dice = self.dice
        agency = f"opd{dice.randrange(max(self.size.agencies - 1, 1)) + 1:02}"
        due = self._due(week, number)
        kind = dice.choices(list(Kind), (4, 3, 2, 1))[0]
        release = self._keep(
            Release,
            kind=kind,
            state=ReleaseState.APPROVED,
            agency=agency,
            title=f"{dice.choice(SUBJECTS)} ({week + 1}/{number + 1})",
            body="Isi.",
            author_id=1,
            editor_id=1,
            created=due - DAY,
            edited=due - DAY,
        )
        own = [n for n, c in enumerate(self.rows["channel"], 1) if c["agency"] == agency and c["state"] == "active"]
        city = [n for n, c in enumerate(self.rows["channel"], 1) if c["agency"] == "opd01"]
        wanted = [*dice.sample(own, min(len(own), self.size.reach - 1)), dice.choice(city)]
        for channel in dict.fromkeys(wanted):
            self._delivery(release, channel, due)

    def _due(self, week: int, number: int) -> datetime:
        """Mostly in office hours; two of each week at its very edges."""
        monday = self.first + week * WEEK
        if number == 0:
            return monday
        if number == 1:
            return monday + WEEK - TICK
        hour = self.dice.choices((7, 8, 9, 10, 11, 12, 13, 15, 16, 19, 20, 23), (2, 5, 6, 4, 3, 2, 2, 3, 3, 3, 2, 1))[0]
        day = self.dice.choices(range(7), (5, 5, 5, 5, 4, 2, 1))[0]
        return monday + day * DAY + hour * HOUR + self.dice.randrange(0, 60, 5) * timedelta(minutes=1)

    def _delivery(self, release: int, channel: int, due: datetime) -> None:
        dice = self.dice
        luck = dice.random()
        if luck < 0.015:
            self._stopped(release, channel, due, State.REFUSED)
        elif luck < 0.025:
            self._stopped(release, channel, due, State.MISSED)
        elif luck < 0.03:
            self._stopped(release, channel, due, State.CANCELLED)
        else:
            at = self._out(due)
            if at < self.end:
                self._published(release, channel, due, at, lost=0.03 < luck < 0.09)

    def _out(self, due: datetime) -> datetime:
        for start, end in self.platform_down:
            if start <= due < end and self.dice.random() < 0.6:
                return end + self.dice.random() * HOUR
        if due.microsecond or (due - self.first) % WEEK == timedelta():
            return due  # at the very edge of a week
        return due + timedelta(seconds=round(self.dice.expovariate(1 / 9), 3))

    def _made(self, release: int, channel: int, due: datetime, since: datetime, **values: Any) -> int:
        known = {"due": due, "until": due + DAY, "next_at": due, "since": since}
        return self._keep(Delivery, release_id=release, channel_id=channel, **known, **values)

    def _stopped(self, release: int, channel: int, due: datetime, state: State) -> None:
        reason = {"text": "The picture is {size} px wide.", "hint": "Make it smaller.", "values": {"size": 9000}}
        self._made(release, channel, due, due + HOUR, state=state, reason=reason if state is State.REFUSED else None)

    def _published(self, release: int, channel: int, due: datetime, at: datetime, *, lost: bool) -> None:
        parts = 2 if self.dice.random() < 0.04 else 1
        delivery = self._made(release, channel, due, at, state=State.PUBLISHED, published=at, parts=parts)
        for number in range(1, parts + 1):
            part = self._keep(Part, delivery_id=delivery, number=number, post={})
            gone = at + self.dice.random() * 20 * DAY if self.dice.random() < 0.03 else None
            self._keep(
                Publication,
                part_id=part,
                delivery_id=delivery,
                channel_id=channel,
                remote_id=f"{part}",
                url=f"https://{self.rows['channel'][channel - 1]['platform']}.example/{part}",
                fingerprint="f",
                published=at if number == parts else at - timedelta(seconds=2),
                gone=gone if gone and gone < self.end else None,
            )
            self._attempts(delivery, part, at, lost=lost and number == 1)

    def _attempts(self, delivery: int, part: int, at: datetime, *, lost: bool) -> None:
        again = lost and self.dice.random() < 0.5
        outcomes = [Evidence.UNCERTAIN] * lost + [Evidence.PROOF] * (again or not lost)
        for number, outcome in enumerate(outcomes, start=1):
            self._attempt(delivery, part, number, at, outcome)
        if lost and self.dice.random() < 0.3:
            self._keep(
                AuditEntry, at=at, actor="siti", action="delivery.resolve", object=f"delivery {delivery}", mac=""
            )

    def _attempt(self, delivery: int, part: int, number: int, at: datetime, outcome: Evidence) -> None:
        self._keep(
            Attempt,
            part_id=part,
            delivery_id=delivery,
            number=number,
            fence=1,
            owner="made up",
            fingerprint="f",
            started=at,
            settled=at,
            outcome=outcome.value,
        )

    def _troubles(self) -> None:
        """Some that nobody has settled yet, the older one of them from weeks ago."""
        for number, (held, since) in enumerate(((Held.UNKNOWN, 10), (Held.TWICE, 3), (Held.HANDED, 2), (None, 1))):
            state = State.HELD if held else State.UNKNOWN
            at = self.end - since * DAY
            taken = {(d["release_id"], d["channel_id"]) for d in self.rows["delivery"]}
            release, channel = next(
                (r, c) for r in range(1, len(self.rows["release"]) + 1) for c in (number + 1,) if (r, c) not in taken
            )
            delivery = self._made(release, channel, at - HOUR, at, state=state, held=held)
            part = self._keep(Part, delivery_id=delivery, number=1, post={})
            if held in (Held.UNKNOWN, None):
                self._attempt(delivery, part, 1, at, Evidence.LEASE_OVER)

    # Samples

    def samples(self) -> Iterator[dict[str, Any]]:
        """Of each publication, in the order they were taken, until the city's last week has ended and been read."""
        for publication in self.rows["publication"]:
            yield from self._of(publication)

    def _of(self, publication: dict[str, Any]) -> Iterator[dict[str, Any]]:
        dice = self.dice
        channel = self.rows["channel"][publication["channel_id"] - 1]
        given = PLATFORMS[channel["platform"]]
        if not given:
            return
        scale = dice.lognormvariate(5.5, 1.2)
        plans = self._taken(publication["published"], publication["gone"])
        known: dict[str, int] = dict.fromkeys(given, 0)
        for planned, at in plans:
            age = (at - publication["published"]) / HOUR
            share = 1 - math.exp(-age / 30)
            counts: dict[str, int | None] = dict.fromkeys(COUNTS)
            for name in given:
                total = int(scale * share * _WEIGHT[name])
                fell = known[name] and dice.random() < 0.01
                known[name] = int(known[name] * 0.9) if fell else max(known[name], total)
                counts[name] = None if dice.random() < 0.004 else known[name]
            yield {"publication_id": publication["id"], "planned": planned, "at": at, "raw": {}, **counts}

    def _taken(self, published: datetime, gone: datetime | None) -> list[tuple[datetime, datetime]]:
        """Which plans were taken, and when: of those that passed while the reader was down, only the newest."""
        ages = [published + timedelta(hours=age) for age in self.size.ages]
        weeks = [
            end
            for end in (self.first + number * WEEK for number in range(1, self.size.weeks + 1))
            if published < end < published + 30 * DAY
        ]
        taken: dict[datetime, datetime] = {}
        last = published
        for plan in sorted({*ages, *weeks}):
            at = self._reading(plan)
            if plan > self.end or (gone and at >= gone):
                break
            if taken and at == last:  # the reader was down: the newer plan is taken instead
                taken.pop(next(reversed(taken)))
            taken[plan], last = at, at
        return list(taken.items())

    def _reading(self, plan: datetime) -> datetime:
        for start, end in self.reader_down:
            if start <= plan < end:
                return end
        return plan + timedelta(seconds=plan.timestamp() * 7 % 600)


_WEIGHT = {
    "views": 10.0,
    "reach": 7.0,
    "likes": 0.6,
    "comments": 0.08,
    "shares": 0.12,
    "saves": 0.05,
    "clicks": 0.2,
    "watch_seconds": 90.0,
}
_ORDER = ("agency", "person", "channel", "release", "delivery", "part", "publication", "attempt", "audit_entry")


def settle(session: Session, city: City, zone: ZoneInfo = JAKARTA) -> int:
    """Put *city* into an empty database, with its roll-up; answers how many samples."""
    tables = SQLModel.metadata.tables
    for name in _ORDER:
        for chunk in _chunks(city.rows.get(name, ())):
            session.execute(insert(tables[name]), chunk)
    samples = 0
    for chunk in _chunks(city.samples()):
        session.execute(insert(tables[str(Engagement.__tablename__)]), chunk)
        samples += len(chunk)
    rollup.rebuild(session, zone)
    return samples


def _chunks(rows: Iterable[dict[str, Any]], size: int = 5000) -> Iterator[Sequence[dict[str, Any]]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk
