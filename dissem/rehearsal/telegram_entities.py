"""Telegram's entities, which mark places of a text, and the units it measures them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dissem.rehearsal.telegram_calls import bad_request

ENTITY_TYPES = {
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
}


def units(text: str) -> int:
    """UTF-16 code units, in which Telegram measures entities and texts."""
    return len(text.encode("utf-16-le")) // 2


def checked_entities(text: str, entities: Any) -> tuple[Mapping[str, Any], ...]:
    """The entities, if every one lies within the text and cuts no character apart."""
    if not isinstance(entities, list) or not all(isinstance(one, dict) for one in entities):
        raise bad_request("expected an Array of MessageEntity")
    boundaries = _boundaries(text)
    for one in entities:
        _check_entity(one, boundaries)
    return tuple(one for one in entities if one["length"])


def _boundaries(text: str) -> list[int]:
    places = [0]
    for character in text:
        places.append(places[-1] + (2 if character > "\uffff" else 1))
    return places


def _check_entity(entity: Mapping[str, Any], boundaries: Sequence[int]) -> None:
    if entity.get("type") not in ENTITY_TYPES:
        raise bad_request("can't parse MessageEntity: Unsupported type specified")
    offset, length = _entity_number(entity, "offset"), _entity_number(entity, "length")
    end = offset + length
    if entity["type"] == "text_link" and not str(entity.get("url") or "").strip():
        raise bad_request('can\'t parse MessageEntity: Field "url" must be of type String')
    if offset > boundaries[-1]:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
    if end > boundaries[-1]:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends after the end of the text at UTF-16 offset {end}"
        )
    if offset not in boundaries:
        raise bad_request("entity begins in a middle of a UTF-16 symbol")
    if end not in boundaries:
        raise bad_request(f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol")


def _entity_number(entity: Mapping[str, Any], name: str) -> int:
    value = entity.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f'can\'t parse MessageEntity: Field "{name}" must be of type Number')
    if not 0 <= value <= 1_000_000:
        raise bad_request(f"receive an entity with incorrect {name} {value}")
    return value
