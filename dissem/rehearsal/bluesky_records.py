"""What a Bluesky server checks of a post before it is stored, after the published lexicons; and content identifiers.

Lexicon objects are open: a field nobody knows is stored like any other, so it is named here and not refused.
Sources: https://github.com/bluesky-social/atproto/tree/main/lexicons (app.bsky.feed.post, app.bsky.richtext.facet,
app.bsky.embed.images, .video, .external), https://atproto.com/specs/record-key, /specs/tid
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from dissem.rehearsal.mastodon_text import graphemes

POST = "app.bsky.feed.post"
MAX_GRAPHEMES, MAX_BYTES = 300, 3000
IMAGE_BYTES, THUMB_BYTES, VIDEO_BYTES = 2_000_000, 1_000_000, 300_000_000
MAX_IMAGES, MAX_LANGS, MAX_TAGS = 4, 3, 8
MAX_TAG_GRAPHEMES, MAX_TAG_BYTES = 64, 640

TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,20})?(?:Z|[+-]\d\d:\d\d)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{1,8})*|i(?:-[A-Za-z0-9]{1,8})+")
_URI = re.compile(r"\w+:(?://)?[^\s/]\S*")
_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
AT_URI = re.compile(rf"at://({_DID.pattern})/([a-zA-Z0-9.-]+)/([A-Za-z0-9_~.:-]+)")
_CID = re.compile(r"b[a-z2-7]{58}")

_SHAPES: Mapping[str, tuple[str, ...]] = {
    POST: ("text", "createdAt", "facets", "reply", "embed", "langs", "labels", "tags", "entities"),
    "facet": ("index", "features"),
    "index": ("byteStart", "byteEnd"),
    "app.bsky.richtext.facet#link": ("uri",),
    "app.bsky.richtext.facet#tag": ("tag",),
    "app.bsky.richtext.facet#mention": ("did",),
    "app.bsky.embed.images": ("images",),
    "app.bsky.embed.video": ("video", "captions", "alt", "aspectRatio", "presentation"),
    "app.bsky.embed.external": ("external",),
    "image": ("image", "alt", "aspectRatio"),
    "external": ("uri", "title", "description", "thumb", "associatedRefs"),
    "aspectRatio": ("width", "height"),
    "reply": ("root", "parent"),
    "strongRef": ("uri", "cid"),
}


class InvalidRecord(ValueError):
    """The record is not what its lexicon says."""


def blob_cid(data: bytes) -> str:
    """CIDv1 of raw bytes with SHA-256, in base 32: the name of a blob."""
    return _cid(0x55, data)


def record_cid(record: Any) -> str:
    """A name for a record that is the same for the same content. (Real servers hash DAG-CBOR, here it is JSON.)"""
    return _cid(0x71, json.dumps(record, sort_keys=True, ensure_ascii=False).encode())


def _cid(codec: int, data: bytes) -> str:
    binary = bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(data).digest()
    return "b" + base64.b32encode(binary).decode().lower().rstrip("=")


def checked(record: Any, rkey: str) -> Iterator[str]:
    """The fields of a post that its lexicon does not know; InvalidRecord where it breaks the lexicon."""
    if not TID.fullmatch(rkey):
        raise InvalidRecord(f"Invalid record key for {POST}: Invalid TID string (got {rkey!r})")
    post = _object(record, "record")
    text = _string(post, "text", "record")
    if len(text.encode()) > MAX_BYTES:
        raise _invalid("record.text", f"must not be longer than {MAX_BYTES} bytes")
    if graphemes(text) > MAX_GRAPHEMES:
        raise _invalid("record.text", f"must not be longer than {MAX_GRAPHEMES} graphemes")
    _match(_DATETIME, _string(post, "createdAt", "record"), "record.createdAt", "datetime")
    _require_date(post["createdAt"])
    for language in _list(post, "langs", "record", MAX_LANGS):
        _match(_LANGUAGE, language, "record.langs", "language")
    for tag in _list(post, "tags", "record", MAX_TAGS):
        _tag(tag, "record.tags")
    yield from _unknown(post, POST, "record")
    for place, facet in enumerate(_list(post, "facets", "record")):
        yield from _facet(facet, f"record.facets[{place}]")
    if "reply" in post:
        yield from _reply(_object(post["reply"], "record.reply"))
    if "embed" in post:
        yield from _embed(_object(post["embed"], "record.embed"))


def blobs_of(record: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """The blobs that a checked post refers to, in order, each with its alt text."""
    embed = record.get("embed") or {}
    if embed.get("$type") == "app.bsky.embed.images":
        return [(image["image"], image["alt"]) for image in embed["images"]]
    if embed.get("$type") == "app.bsky.embed.video":
        return [(embed["video"], embed.get("alt", ""))]
    thumb = (embed.get("external") or {}).get("thumb")
    return [(thumb, "")] if thumb else []


def _facet(facet: Any, where: str) -> Iterator[str]:
    yield from _unknown(_object(facet, where), "facet", where)
    index = _object(facet.get("index"), f"{where}.index")
    yield from _unknown(index, "index", f"{where}.index")
    for name in ("byteStart", "byteEnd"):
        _integer(index, name, 0, f"{where}.index")
    if "features" not in facet:
        raise _invalid(where, 'Missing required key "features"')
    for feature in _list(facet, "features", where):
        yield from _feature(_object(feature, f"{where}.features"), f"{where}.features")


def _feature(feature: Mapping[str, Any], where: str) -> Iterator[str]:
    kind = _string(feature, "$type", where)
    match kind:
        case "app.bsky.richtext.facet#link":
            _match(_URI, _string(feature, "uri", where), f"{where}.uri", "uri")
        case "app.bsky.richtext.facet#tag":
            _tag(_string(feature, "tag", where), f"{where}.tag")
        case "app.bsky.richtext.facet#mention":
            _match(_DID, _string(feature, "did", where), f"{where}.did", "did")
        case _:
            yield f"{where}.{kind}"
            return
    yield from _unknown(feature, kind, where)


def _reply(reply: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(reply, "reply", "record.reply")
    for name in ("root", "parent"):
        where = f"record.reply.{name}"
        reference = _object(reply.get(name), where)
        _match(AT_URI, _string(reference, "uri", where), f"{where}.uri", "at-uri")
        _match(_CID, _string(reference, "cid", where), f"{where}.cid", "cid")
        yield from _unknown(reference, "strongRef", where)


def _embed(embed: Mapping[str, Any]) -> Iterator[str]:
    where = "record.embed"
    kind = _string(embed, "$type", where)
    match kind:
        case "app.bsky.embed.images":
            if "images" not in embed:
                raise _invalid(where, 'Missing required key "images"')
            for place, image in enumerate(_list(embed, "images", where, MAX_IMAGES)):
                yield from _image(_object(image, f"{where}.images[{place}]"), f"{where}.images[{place}]")
        case "app.bsky.embed.video":
            _blob(embed.get("video"), "video/mp4", VIDEO_BYTES, f"{where}.video")
            yield from _shape_of(embed, where)
        case "app.bsky.embed.external":
            yield from _external(_object(embed.get("external"), f"{where}.external"), f"{where}.external")
        case _:
            yield f"{where}.{kind}"
            return
    yield from _unknown(embed, kind, where)


def _image(image: Mapping[str, Any], where: str) -> Iterator[str]:
    _blob(image.get("image"), "image/", IMAGE_BYTES, f"{where}.image")
    _string(image, "alt", where)
    yield from _shape_of(image, where)
    yield from _unknown(image, "image", where)


def _external(card: Mapping[str, Any], where: str) -> Iterator[str]:
    _match(_URI, _string(card, "uri", where), f"{where}.uri", "uri")
    for name in ("title", "description"):
        _string(card, name, where)
    if "thumb" in card:
        _blob(card["thumb"], "image/", THUMB_BYTES, f"{where}.thumb")
    yield from _unknown(card, "external", where)


def _shape_of(media: Mapping[str, Any], where: str) -> Iterator[str]:
    """Alt text and aspect ratio, where they are."""
    if "alt" in media:
        _string(media, "alt", where)
    if "aspectRatio" in media:
        ratio = _object(media["aspectRatio"], f"{where}.aspectRatio")
        for name in ("width", "height"):
            _integer(ratio, name, 1, f"{where}.aspectRatio")
        yield from _unknown(ratio, "aspectRatio", f"{where}.aspectRatio")


def _blob(blob: Any, accepted: str, most: int, where: str) -> None:
    found = _object(blob, where)
    reference = _object(found.get("ref"), f"{where}.ref")
    if found.get("$type") != "blob" or not isinstance(found.get("size"), int):
        raise _invalid(where, "Expected blob value type")
    _match(_CID, _string(reference, "$link", f"{where}.ref"), f"{where}.ref", "cid")
    if not _string(found, "mimeType", where).startswith(accepted):
        raise _invalid(where, f'Expected "{accepted}*" (got "{found["mimeType"]}") mime type')
    if found["size"] > most:
        raise _invalid(where, f"Blob too big (maximum {most}, got {found['size']})")


# Pieces


def _invalid(where: str, reason: str) -> InvalidRecord:
    return InvalidRecord(f"Invalid {POST} record: {reason} at $.{where}")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(where, "Expected object value type")
    return value


def _string(values: Mapping[str, Any], name: str, where: str) -> str:
    if name not in values:
        raise _invalid(where, f'Missing required key "{name}"')
    if not isinstance(values[name], str):
        raise _invalid(f"{where}.{name}", "Expected string value type")
    return str(values[name])


def _integer(values: Mapping[str, Any], name: str, least: int, where: str) -> None:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _invalid(f"{where}.{name}", f"Expected integer of at least {least}")


def _list(values: Mapping[str, Any], name: str, where: str, most: int | None = None) -> list[Any]:
    found = values.get(name, [])
    if not isinstance(found, list):
        raise _invalid(f"{where}.{name}", "Expected array value type")
    if most is not None and len(found) > most:
        raise _invalid(f"{where}.{name}", f"array too big (maximum {most}, got {len(found)})")
    return found


def _match(pattern: re.Pattern[str], value: Any, where: str, name: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _invalid(where, f"Invalid {name} (got {value!r})")


def _require_date(value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise _invalid("record.createdAt", f"Invalid datetime (got {value!r})") from None


def _tag(tag: Any, where: str) -> None:
    if not isinstance(tag, str) or len(tag.encode()) > MAX_TAG_BYTES or graphemes(tag) > MAX_TAG_GRAPHEMES:
        raise _invalid(where, f"string too big (maximum {MAX_TAG_GRAPHEMES} graphemes)")


def _unknown(values: Mapping[str, Any], shape: str, where: str) -> Iterator[str]:
    yield from (f"{where}.{name}" for name in values if name not in (*_SHAPES[shape], "$type"))
