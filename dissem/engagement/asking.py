"""Whom to ask: publications that are due, in batches of one channel, the channels in turn."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import Dialect, Select, String, Text, cast, select, type_coerce
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import Adapter, Receipt
from dissem.engagement.plans import Due
from dissem.engagement.prepared import among, listed
from dissem.engagement.sums import Post
from dissem.models import Channel


@dataclass(frozen=True)
class Batch:
    """Samples of one channel, as many as one request can carry. *posts*: of each, its name at the platform and what its
    counts are added up under."""

    channel: Channel
    adapter: Adapter
    samples: Sequence[Due]
    posts: Sequence[tuple[Receipt, Post]] = ()


def cut(channel: Channel, adapter: Adapter, samples: Sequence[Due]) -> Iterator[Batch]:
    """*samples* in batches as large as the platform takes."""
    size = adapter.facts.batch
    return (Batch(channel, adapter, samples[at : at + size]) for at in range(0, len(samples), size))


def in_turn(lines: Sequence[Iterator[Batch]], limit: int) -> Iterator[Batch]:
    """One batch of each channel, then the next of each, until *limit* publications are reached."""
    left = limit
    for row in zip_longest(*lines):
        for batch in row:
            if batch is not None and left > 0:
                yield replace(batch, samples=batch.samples[:left])
                left -= len(batch.samples)


def addressed(session: Session, batches: Sequence[Batch]) -> list[Batch]:
    """*batches* with their posts, which are looked up together: so each page of the database is read once."""
    connection = session.connection()
    numbers = (publication for batch in batches for _plan, publication, _published in batch.samples)
    rows = connection.execute(_posts(connection.dialect), listed(numbers, connection.dialect)).all()
    found = {number: known for number, *known in rows}
    return [
        replace(batch, posts=[_post(published, *found[number]) for _plan, number, published in batch.samples])
        for batch in batches
    ]


def _post(
    published: datetime, remote_id: str, url: str | None, also: str, channel: int, kind: str, release: int
) -> tuple[Receipt, Post]:
    return Receipt(remote_id, url, _names(also)), Post(channel, kind, release, published)


@cache
def _posts(dialect: Dialect) -> Select[Any]:
    publication, delivery, release = (SQLModel.metadata.tables[name] for name in ("publication", "delivery", "release"))
    name = (publication.c.remote_id, publication.c.url, cast(publication.c.also, Text))
    post = (publication.c.channel_id, type_coerce(release.c.kind, String), release.c.id)
    return (
        select(publication.c.id, *name, *post)
        .join(delivery, delivery.c.id == publication.c.delivery_id)
        .join(release, release.c.id == delivery.c.release_id)
        .where(among(publication.c.id, dialect))
    )


def _names(also: str) -> tuple[str, ...]:
    """The list in *also*, which is empty mostly, and then not worth to be decoded."""
    return tuple(json.loads(also)) if also != "[]" else ()
