"""A report made by hand, with one thing of everything, or with the same foreign text in every place for texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image

from dissem.channels.adapter import COUNTS
from dissem.reports import figures
from dissem.reports.compared import Compared
from dissem.reports.figures import (
    AgencyRow,
    ChannelRow,
    Doubts,
    KindRow,
    Link,
    OlderRow,
    Past,
    Period,
    PlatformRow,
    Readings,
    ReleaseRow,
    Report,
    Silent,
    SilentAgency,
    SilentChannel,
    Totals,
    Trouble,
)
from dissem.reports.noticed import Failing, FollowersRow, Foreign, Noticed, Untold, Vanished
from dissem.reports.release import Approved, OnChannel, Point, ReleaseReport, Step, Try
from dissem.reports.release import Untold as OneUntold

JAKARTA = ZoneInfo("Asia/Jakarta")
MONDAY = datetime(2026, 11, 22, 17, tzinfo=UTC)
DAY = timedelta(days=1)
PRINTED = date(2026, 11, 30)


def gained(**known: int) -> Mapping[str, int | None]:
    return {name: known.get(name) for name in COUNTS}


def tally(**known: int) -> dict[str, Any]:
    counts = gained(**known)
    values = tuple(counts.values())
    return {
        "releases": 1,
        "published": 2,
        "readings": 9,
        **figures.engagement(values, *figures.both([values])),
    }


def past() -> tuple[Past, ...]:
    return tuple(Past(f"2026-W{40 + n}", n, 2 * n, 1000 * n, 100 * n, 0.1, n % 3) for n in range(9))


def picture() -> bytes:
    out = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((240, 160)).save(out, "JPEG")
    return out.getvalue()


def trouble(text: str, state: str, held: str | None) -> Trouble:
    reason = {"text": "The picture is {size} px wide.", "hint": "", "values": {"size": text}}
    return Trouble(7, 1, text, text, text, state, held, MONDAY, MONDAY + DAY, reason)


def report(texts: Sequence[str] = ("Banjir surut",), **changed: Any) -> Report:
    """Every text of *texts* stands as title, as name of agency and channel, in reasons, in links and elsewhere."""
    first = texts[0]
    release = {"kind": "photo", "agency": first, "published": 1}
    engaged = {name: value for name, value in tally(views=1000, likes=50).items() if name in ("interactions", "rate")}
    known: dict[str, Any] = {
        "period": Period("week", "2026-W48", MONDAY, MONDAY + 7 * DAY),
        "zone": JAKARTA,
        "office": first,
        "printed": PRINTED,
        "over": True,
        "source": "rollups",
        "totals": Totals(
            **tally(views=12345, likes=678, shares=-3),
            cancelled=1,
            read=2,
            available={name: int(name in ("views", "likes", "shares")) for name in COUNTS},
        ),
        "glance": figures.glance(past()),
        "past": past(),
        "punctuality": figures.punctuality({1: 0.5, 2: 30.0, 3: 4000.0}),
        "channels": tuple(ChannelRow(channel=t, platform=t, agency=t, **tally(views=5)) for t in texts),
        "agencies": tuple(AgencyRow(agency=t, name=t, **tally(views=5, likes=1)) for t in texts),
        "platforms": tuple(PlatformRow(platform=t, channels=1, **tally(views=9, likes=3)) for t in texts),
        "kinds": (KindRow(kind="photo", **tally(views=9, likes=3)),),
        "releases": tuple(
            ReleaseRow(
                release=number,
                title=text,
                gained=gained(views=1000, likes=50),
                links=(
                    Link(text, f"https://board.example/?q={text}", gone=False),
                    Link(text, f"javascript:{text}", gone=True),
                    Link(text, None, gone=False),
                ),
                **release,
                **engaged,
            )
            for number, text in enumerate(texts, start=1)
        ),
        "failures": tuple(trouble(t, "refused", None) for t in texts),
        "holds": tuple(trouble(t, "held", "unknown") for t in texts),
        "doubts": Doubts(lost=4, found=1, absent=1, person=1, open=1),
        "silent": Silent(
            tuple(SilentAgency(t, t) for t in texts), tuple(SilentChannel(t, t, paused=True) for t in texts)
        ),
        "endings": tuple(texts),
        "readings": Readings(
            publications=3,
            late=1,
            fallen=1,
            unread=1,
            differs=1,
            hours=tuple(tuple(day * hour for hour in range(24)) for day in range(7)),
            older=tuple(
                OlderRow(release=n, title=t, kind="video", agency=t, gained=gained(likes=4), interactions=4)
                for n, t in enumerate(texts, start=900)
            ),
        ),
        "noticed": noticed(texts),
        "pictures": {1: picture()},
    }
    return Report(**{**known, **changed})


def reason(text: str) -> dict[str, Any]:
    return {"text": "The login was refused by {host}.", "hint": "", "values": {"host": text}}


def noticed(texts: Sequence[str]) -> Noticed:
    """One of everything for each text, wherever a text can stand."""
    url = "https://board.example/?q="
    return Noticed(
        vanished=tuple(Vanished(n, t, t, t, t, f"{url}{t}", MONDAY, MONDAY + DAY) for n, t in enumerate(texts)),
        foreign=tuple(Foreign(t, t, t, MONDAY, f"javascript:{t}", t) for t in texts),
        failing=tuple(Failing(t, t, t, MONDAY, reason(t)) for t in texts),
        untold=tuple(Untold(t, t, t, 3, 1) for t in texts),
        followers=tuple(FollowersRow(t, t, t, 1200, 1203) for t in texts),
        closed=None,
    )


def compared(texts: Sequence[str] = ("Banjir surut",)) -> Compared:
    """The week beside the one before it."""
    now = report(texts)
    before = Period("week", "2026-W47", MONDAY - 7 * DAY, MONDAY)
    return Compared(now, replace(now, period=before, past=now.past[:-1], channels=now.channels[1:], noticed=Noticed()))


def released(texts: Sequence[str] = ("Banjir surut",), **changed: Any) -> ReleaseReport:
    """One release; every text of *texts* is a channel, a reason, a person."""
    first, url = texts[0], "https://board.example/?q="
    known: dict[str, Any] = {
        "release": 7,
        "title": first,
        "kind": "photo",
        "agency": first,
        "agency_name": first,
        "state": "approved",
        "author": first,
        "created": MONDAY,
        "submitted": MONDAY,
        "rejected": first,
        "zone": JAKARTA,
        "office": first,
        "printed": PRINTED,
        "approvals": tuple(Approved(MONDAY, t, MONDAY + DAY if n else None) for n, t in enumerate(texts)),
        "steps": tuple(Step(MONDAY, t, t, t) for t in texts),
        "channels": tuple(on_channel(n, t, url) for n, t in enumerate(texts)),
        "tries": tuple(Try(t, 1, MONDAY, t) for t in texts),
        "growth": tuple(Point(h, MONDAY + h * DAY / 24, gained(views=h, likes=h // 2), h // 2) for h in (1, 6, 240)),
        "pictures": {7: picture()},
        **{name: value for name, value in tally(views=1000, likes=50).items() if name in ENGAGED},
    }
    return ReleaseReport(**{**known, **changed})


ENGAGED = ("gained", "interactions", "rate")


def on_channel(number: int, text: str, url: str) -> OnChannel:
    return OnChannel(
        delivery=number,
        channel=text,
        platform=text,
        agency=text,
        state="held" if number else "published",
        held="unknown" if number else None,
        due=MONDAY,
        published=None if number else MONDAY + timedelta(seconds=30),
        attempts=2,
        reason=reason(text),
        links=(Link(text, f"{url}{text}", gone=number % 2 == 1), Link(text, f"javascript:{text}", gone=False)),
        read=MONDAY + DAY,
        untold=(OneUntold("reach", text), OneUntold("clicks", "none")),
        failing=MONDAY if number % 3 == 1 else None,
        failing_reason=reason(text),
        **{name: value for name, value in tally(views=5, likes=1).items() if name in ENGAGED},
    )
