"""Parameters of a request to the Graph API: the expression of `fields`, and values with their types."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dissem.rehearsal.graph_errors import bad_parameter, refusal


@dataclass(frozen=True)
class Field:
    """One wanted field: `name.option(value){inner}`."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    inner: tuple[Field, ...] = ()


_TOKEN = re.compile(r"\s*(?:\.(?P<option>\w+)\((?P<value>[^()]*)\)|(?P<name>\w+)|(?P<sign>[{},]))")


def wanted_fields(text: str) -> tuple[Field, ...]:
    """The `fields` parameter taken apart; refused with code 2500 when its syntax is wrong."""
    text, place, tokens = text.strip(), 0, []
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise refusal(2500, f"Syntax error at character {place} in the field expression.")
        tokens.append(found)
        place = found.end()
    waiting = iter(tokens)
    fields, closed = _fields_up_to_brace(waiting)
    if closed:
        raise refusal(2500, "Syntax error: a brace too many in the field expression.")
    return fields


def _fields_up_to_brace(tokens: Iterator[re.Match[str]]) -> tuple[tuple[Field, ...], bool]:
    """The fields up to the closing brace or the end, and whether a brace closed them."""
    fields: list[Field] = []
    for token in tokens:
        if token["name"]:
            fields.append(Field(token["name"]))
        elif token["sign"] == "}":
            return tuple(fields), True
        elif token["sign"] == ",":
            continue
        elif not fields:
            raise refusal(2500, "Syntax error: the field expression starts with no name.")
        elif token["option"]:
            fields[-1] = replace(fields[-1], options={**fields[-1].options, token["option"]: token["value"]})
        else:
            inner, closed = _fields_up_to_brace(tokens)
            if not closed:
                raise refusal(2500, "Syntax error: a brace is not closed in the field expression.")
            fields[-1] = replace(fields[-1], inner=inner)
    return tuple(fields), False


def narrowed(value: Any, inner: Sequence[Field], known: Collection[str]) -> Any:
    """*value*, an object or an edge of objects, with the inner fields only."""
    if isinstance(value, dict) and "data" in value:
        return {**value, "data": [narrowed(one, inner, known) for one in value["data"]]}
    chosen = {}
    for one in inner:
        if one.name not in known and one.name not in value:
            raise bad_parameter(f"Tried accessing nonexisting field ({one.name})")
        if one.name in value:
            chosen[one.name] = narrowed(value[one.name], one.inner, known) if one.inner else value[one.name]
    return chosen


def flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value not in ("true", "false", "1", "0"):
        raise bad_parameter(f"Param {name} must be a boolean")
    return value in ("true", "1")


def integer(given: Mapping[str, str], name: str, least: int = 0) -> int:
    value = given.get(name, "")
    if not value.isdigit() or int(value) < least:
        raise bad_parameter(f"Param {name} must be an integer of at least {least}")
    return int(value)


def json_value(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise bad_parameter(f"Param {name} must be valid JSON") from error


def moment(text: str | None, name: str) -> datetime | None:
    """A time as epoch seconds or ISO 8601."""
    if text is None:
        return None
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise bad_parameter(f"Param {name} must be a time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
