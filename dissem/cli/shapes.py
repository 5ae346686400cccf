"""What rows look like in JSON: the models' field names, people and channels by name, never a secret."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dissem.cli.show import fields
from dissem.errors import told

if TYPE_CHECKING:
    from dissem.models import Channel, Delivery, Person, Publication, Release

_INNER = ("release_id", "channel_id", "owner", "fence", "lease_until", "prepared_until")


def person(row: "Person", zone: ZoneInfo, token: str | None = None) -> dict[str, Any]:
    """A person; *token* only where it was just made."""
    said = fields(row, zone, without=["token_hash", "id"])
    return said if token is None else {**said, "token": token}


def channel(row: "Channel", zone: ZoneInfo) -> dict[str, Any]:
    """A channel with its settings; of its secrets only the names."""
    said = fields(row, zone, without=["secrets", "version", "free_at"])
    return {**said, "reason": told(row.reason) or None, "secret_names": sorted(row.secrets)}


def release(row: "Release", zone: ZoneInfo) -> dict[str, Any]:
    return fields(row, zone)


def delivery(
    row: "Delivery", release_number: int, at: "Channel", proof: "Publication | None", zone: ZoneInfo
) -> dict[str, Any]:
    """A delivery on the channel *at*; *proof* is its first publication."""
    return {
        "id": row.id,
        "release": release_number,
        "channel": at.name,
        "platform": at.platform,
        **fields(row, zone, without=("id", "reason", *_INNER)),
        "remote_id": proof.remote_id if proof else None,
        "url": proof.url if proof else None,
        "reason": told(row.reason) or None,
    }


def publications(rows: "Sequence[Publication]", zone: ZoneInfo) -> list[dict[str, Any]]:
    return [fields(row, zone, without=["delivery_id", "channel_id"]) for row in rows]
