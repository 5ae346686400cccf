"""TikTok's forms: the envelope of every answer, its refusals by code, and the names that requests may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dissem.rehearsal.wire import Answer, Denied, Request

LOG_ID = "20261124100000GLADI0000000000000"

POST_INFO_VIDEO = {
    "title",
    "privacy_level",
    "disable_duet",
    "disable_comment",
    "disable_stitch",
    "video_cover_timestamp_ms",
    "brand_content_toggle",
    "brand_organic_toggle",
    "is_aigc",
}
POST_INFO_PHOTO = {
    "title",
    "description",
    "privacy_level",
    "disable_comment",
    "auto_add_music",
    "brand_content_toggle",
    "brand_organic_toggle",
    "is_aigc",
}
SOURCE_VIDEO = {"source", "video_size", "chunk_size", "total_chunk_count", "video_url"}
SOURCE_PHOTO = {"source", "photo_images", "photo_cover_index"}
FLAGS = {"disable_duet", "disable_comment", "disable_stitch", "brand_content_toggle", "brand_organic_toggle"} | {
    "is_aigc",
    "auto_add_music",
}

USER_FIELDS = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "display_name": "user.info.basic",
    "username": "user.info.profile",
    "profile_deep_link": "user.info.profile",
    "is_verified": "user.info.profile",
    "follower_count": "user.info.stats",
    "video_count": "user.info.stats",
}
COUNTS = {"view_count": 9_000, "like_count": 700, "comment_count": 60, "share_count": 90}  # and what they grow to
VIDEO_FIELDS = {
    "id",
    "create_time",
    "share_url",
    "video_description",
    "title",
    "duration",
    "height",
    "width",
    "cover_image_url",
    "embed_link",
    "embed_html",
    *COUNTS,
}


def envelope(data: Mapping[str, Any] | None = None, code: str = "ok", message: str = "") -> dict[str, Any]:
    """What every answer of the API looks like, a refusal too."""
    return {"data": dict(data or {}), "error": {"code": code, "message": message, "log_id": LOG_ID}}


def ok(data: Mapping[str, Any]) -> Answer:
    return Answer(200, envelope(data))


def refusal(status: int, code: str, message: str = "") -> Denied:
    return Denied(Answer(status, envelope(code=code, message=message or f"The request was refused: {code}.")))


def invalid(message: str) -> Denied:
    return refusal(400, "invalid_params", message)


def oauth_refusal(status: int, error: str, description: str) -> Denied:
    """The token endpoint has a form of its own."""
    return Denied(Answer(status, {"error": error, "error_description": description, "log_id": LOG_ID}))


def units(text: str) -> int:
    """Length as TikTok counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# Reading requests


def body_of(request: Request, known: Iterable[str]) -> dict[str, Any]:
    """The JSON object of a request; fields that nobody knows go into the journal."""
    if request.type != "application/json":
        raise invalid("Content-Type must be application/json")
    given = request.json()
    return part_of(request, {"": given}, "", known, where="")


def part_of(
    request: Request, given: Mapping[str, Any], name: str, known: Iterable[str], *, where: str | None = None
) -> dict[str, Any]:
    """The object *name* in *given*."""
    found = given.get(name)
    if not isinstance(found, dict):
        raise invalid(f"{name or 'The body'} must be an object")
    prefix = f"{name}." if where is None else where
    request.entry.unknown_fields += sorted(prefix + field for field in set(found) - set(known))
    return found


def text_in(given: Mapping[str, Any], name: str, longest: int) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    if units(value) > longest:
        raise invalid(f"{name} is longer than {longest} UTF-16 runes")
    return value


def number_in(given: Mapping[str, Any], name: str, least: int = 1) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise invalid(f"{name} must be a number of at least {least}")
    return value


def check_flags(given: Mapping[str, Any]) -> None:
    for name in FLAGS & set(given):
        if not isinstance(given[name], bool):
            raise invalid(f"{name} must be a boolean")


def fields_of(request: Request, known: Iterable[str]) -> list[str]:
    """The names in the query's `fields`, which must be there; an unknown one is refused."""
    names = [name for name in (request.one("fields") or "").split(",") if name]
    if not names:
        raise invalid("fields is required")
    for name in names:
        if name not in known:
            raise invalid(f"Fields {name} is invalid")
    return names
