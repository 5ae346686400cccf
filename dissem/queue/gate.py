"""The gate: nothing becomes public that a second person has not approved as it is.

An approval covers a content hash; for each delivery it keeps the hash of the frozen parts, the account and the times.
The gate is asked in the transaction that writes the attempt, whatever door a release came through.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import String, bindparam, literal_column
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from dissem.errors import Conflict, DissemError
from dissem.models import Channel, Delivery, Part, Release
from dissem.models.release import release_facts, stamp
from dissem.queue.due import padded


def canonical(data: Any) -> str:
    """SHA-256, hexadecimal, of *data* as canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def delivery_hash(delivery: Delivery, parts: Sequence[Part]) -> str:
    """What of *delivery* an approval covers: where it goes, as which account, from when to when, every frozen part."""
    followed = {"follows": delivery.follows} if delivery.follows else {}
    return canonical(
        {
            **followed,
            "channel": delivery.channel_id,
            "account": delivery.account,
            "due": stamp(delivery.due),
            "until": stamp(delivery.until),
            "not_before": stamp(delivery.not_before),
            "urgent": delivery.urgent,
            "parts": [part.post for part in sorted(parts, key=lambda p: p.number)],
        }
    )


def content_hash(release: Release, hashes: Iterable[str]) -> str:
    """What one approval of *release* covers: its own facts and all its deliveries."""
    return canonical({"release": release_facts(release), "deliveries": sorted(hashes)})


def parts_of(session: Session, deliveries: Iterable[Delivery]) -> Mapping[int, list[Part]]:
    """The frozen parts of each delivery, by its id, in order."""
    many = {d.id or 0: d.parts for d in deliveries}
    found: dict[int, list[Part]] = {number: [] for number in many}
    for part in session.execute(_PARTS, {"deliveries": list(many)}).scalars():
        if part.number <= many[part.delivery_id]:  # a part that fell away keeps its row, for its attempts
            found[part.delivery_id].append(part)
    return found


_PARTS = (
    select(Part).where(col(Part.delivery_id).in_(bindparam("deliveries", expanding=True))).order_by(col(Part.number))
)


def covered(session: Session, deliveries: Iterable[Delivery]) -> tuple[Mapping[int, list[Part]], Mapping[int, str]]:
    """By delivery id its frozen parts, as `parts_of`, and the hash that a valid approval of its approved release
    covers; where that is missing, there is none. The parts are to be read, not to be written."""
    many = {d.id or 0: d.parts for d in deliveries}
    found: dict[int, list[Part]] = {number: [] for number in many}
    approvals: dict[int, str] = {}
    for row in session.connection().execute(_COVERED, {"deliveries": padded(many)}):
        if row.number <= many[row.delivery_id]:
            found[row.delivery_id].append(cast(Part, row))
        if row.approved is not None:
            approvals[row.delivery_id] = row.approved
    return found, approvals


# In this order, which SQLite keeps for a CROSS JOIN: left to itself it may begin with all approved releases.
_APPROVED: Any = literal_column(
    """(
        SELECT max(covered.hash) FROM approveddelivery covered CROSS JOIN approval CROSS JOIN release
        WHERE covered.delivery_id = part.delivery_id AND approval.id = covered.approval_id AND approval.voided IS NULL
        AND release.id = approval.release_id AND approval.content_hash = release.content_hash
        AND release.state = 'approved'
    )""",
    String(),
)
_COVERED: Any = (
    sql_select(*Part.__table__.columns, _APPROVED.label("approved"))  # type: ignore[attr-defined]
    .where(col(Part.delivery_id).in_(bindparam("deliveries", expanding=True)))
    .order_by(col(Part.number))
)


def objection(delivery: Delivery, parts: Sequence[Part], channel: Channel, approved: str | None) -> DissemError | None:
    """Why *delivery* may not be published, None if it may."""
    if approved is None:
        return Conflict(
            "Release {release} has no valid approval for channel {channel}.",
            hint="Submit it and let another person approve it.",
            release=delivery.release_id,
            channel=channel.name,
        )
    if channel.account != delivery.account:
        return Conflict(
            "Channel {channel} is connected to another account than the one that was approved.",
            hint="Withdraw release {release}, submit it again and have it approved for the new account.",
            release=delivery.release_id,
            channel=channel.name,
        )
    if not parts or delivery_hash(delivery, parts) != approved:
        return Conflict(
            "What would be published on {channel} is not what was approved.",
            hint="Withdraw release {release}, look at it, and have it approved again.",
            release=delivery.release_id,
            channel=channel.name,
        )
    return None
