"""Looking into the ledger: the course of one post's counts, what vanished, and every row for analysts."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from dissem.channels.adapter import COUNTS, Why
from dissem.channels.registry import adapter_class
from dissem.errors import DissemError
from dissem.models import Channel, Delivery, Engagement, Publication, Release

AT_ONCE = 1000  # rows in memory while the ledger is read out


class Vanished(NamedTuple):
    """A post that the platform does not have any more, though nobody took it down here."""

    release: int
    title: str
    channel: str
    platform: str
    agency: str  # of the release
    owner: str  # the agency of the channel
    url: str | None
    published: datetime | None
    gone: datetime


def gone(session: Session, start: datetime, end: datetime) -> list[Vanished]:
    """Posts that were found to be gone from *start* to before *end*, in that order. Stories that have run out are not
    among them: after their time nobody asks for them."""
    query = (
        select(
            col(Release.id),
            col(Release.title),
            col(Channel.name),
            col(Channel.platform),
            col(Release.agency),
            col(Channel.agency),
            col(Publication.url),
            col(Publication.published),
            col(Publication.gone),
        )
        .select_from(Publication)
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(col(Publication.gone) >= start, col(Publication.gone) < end)
        .order_by(col(Publication.gone), col(Publication.id))
    )
    rows: Iterable[Any] = session.connection().execute(query)
    return [Vanished(*row) for row in rows]


class Moment(NamedTuple):
    """One sample of a post: when it was read, the counts by name, and those that had fallen."""

    at: datetime
    counts: Mapping[str, int | None]
    fell: frozenset[str]


def course(session: Session, publications: Sequence[int]) -> dict[int, list[Moment]]:
    """Every sample of each of *publications*, oldest first."""
    found: dict[int, list[Moment]] = {number: [] for number in publications}
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    query = (
        select(col(Engagement.publication_id), col(Engagement.at), col(Engagement.fell), *counts)
        .where(col(Engagement.publication_id).in_(publications))
        .order_by(col(Engagement.publication_id), col(Engagement.at))
    )
    for number, at, fell, *values in session.execute(query):
        known = dict(zip(COUNTS, values, strict=True))
        found[number].append(Moment(at, known, frozenset((fell or "").split())))
    return found


# Everything, for analysts

COLUMNS = (
    *("agency", "channel", "platform", "release", "kind", "title", "delivery", "remote_id", "url", "published", "gone"),
    *("planned", "read", *COUNTS, "fell", "unavailable"),
)


def rows(
    session: Session, since: datetime | None, until: datetime | None, *, agency: str | None = None
) -> Generator[dict[str, Any], None, None]:
    """Every sample read from *since* to before *until*, oldest first, with what it belongs to: the names of `COLUMNS`.
    *agency*: of its releases only.

    Streams: memory holds `AT_ONCE` of them. *unavailable*: each count without a value and why, as "clicks=aged",
    parted by blanks; "none" is one that the platform does not have at all.
    """
    offered_by: dict[str, frozenset[str]] = {}
    query = _everything(since, until)
    query = query if agency is None else query.where(col(Release.agency) == agency)
    with closing(session.execute(query)) as result:
        for row in result.mappings():
            platform = row["platform"]
            if platform not in offered_by:
                offered_by[platform] = offered(platform)
            yield {
                **{name: row[name] for name in COLUMNS if name != "unavailable"},
                "kind": row["kind"].value,
                "unavailable": _unavailable(row, offered_by[platform]),
            }


def _everything(since: datetime | None, until: datetime | None) -> Any:
    query: Any = (
        select(
            col(Release.agency),
            col(Channel.name).label("channel"),
            col(Channel.platform),
            col(Release.id).label("release"),
            col(Release.kind),
            col(Release.title),
            col(Delivery.id).label("delivery"),
            col(Publication.remote_id),
            col(Publication.url),
            col(Publication.published),
            col(Publication.gone),
            col(Engagement.planned),
            col(Engagement.at).label("read"),
            *(col(getattr(Engagement, name)) for name in COUNTS),
            col(Engagement.fell),
            col(Engagement.missing),
        )
        .join(Publication, col(Publication.id) == col(Engagement.publication_id))
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .order_by(col(Engagement.at), col(Engagement.id))
        .execution_options(yield_per=AT_ONCE)
    )
    if since is not None:
        query = query.where(col(Engagement.at) >= since)
    return query if until is None else query.where(col(Engagement.at) < until)


def _unavailable(row: Mapping[Any, Any], known: frozenset[str]) -> str:
    missing = row["missing"] or {}
    without = [name for name in COUNTS if row[name] is None]
    return " ".join(f"{name}={missing.get(name, Why.SILENT) if name in known else 'none'}" for name in without)


def offered(platform: str) -> frozenset[str]:
    """The counts that *platform* has; all where nobody knows it any more, so that nothing is claimed."""
    try:
        return adapter_class(platform).facts.counts
    except DissemError:
        return frozenset(COUNTS)
