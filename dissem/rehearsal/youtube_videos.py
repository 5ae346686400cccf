"""Videos as YouTube keeps them: what their owner may write about them, and what becomes of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dissem.rehearsal.files import sniff
from dissem.rehearsal.youtube_errors import closed, denied

TITLE = 100  # characters
DESCRIPTION = 5000  # bytes
TAGS = 500  # characters of all tags together; one with a blank counts two more
CATEGORIES = frozenset(["1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29"])
PRIVACY = ("public", "unlisted", "private")

WRITABLE: Mapping[str, Mapping[str, type]] = {
    "snippet": {
        "title": str,
        "description": str,
        "tags": list,
        "categoryId": str,
        "defaultLanguage": str,
        "defaultAudioLanguage": str,
    },
    "status": {
        "privacyStatus": str,
        "publishAt": str,
        "license": str,
        "embeddable": bool,
        "publicStatsViewable": bool,
        "selfDeclaredMadeForKids": bool,
        "containsSyntheticMedia": bool,
    },
}
READ_ONLY = {
    "snippet": {"publishedAt", "channelId", "channelTitle", "thumbnails", "liveBroadcastContent", "localized"},
    "status": {"uploadStatus", "failureReason", "rejectionReason", "madeForKids"},
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "snippet": {"description": ""},
    "status": {"privacyStatus": "public", "license": "youtube", "embeddable": True, "publicStatsViewable": True},
}


@dataclass
class Video:
    """A video. `waits` is how many looks at it will still find it unprocessed; `cause` why it then fails."""

    id: str
    channel: str
    snippet: dict[str, Any]
    status: dict[str, Any]
    at: datetime
    content: bytes = field(repr=False)
    type: str = "video/mp4"
    waits: int = 0
    cause: str = ""
    thumbnail: bytes = field(default=b"", repr=False)

    @property
    def upload_status(self) -> str:
        if self.waits:
            return "uploaded"
        if not self.cause:
            return "processed"
        return "rejected" if self.cause == "duplicate" else "failed"

    @property
    def is_public(self) -> bool:
        return self.status["privacyStatus"] == "public" and self.upload_status in ("uploaded", "processed")

    @property
    def text(self) -> str:
        return "\n\n".join(words for words in (self.snippet["title"], self.snippet["description"]) if words)

    def told_status(self) -> dict[str, Any]:
        told = {**self.status, "uploadStatus": self.upload_status}
        told["madeForKids"] = bool(told.get("selfDeclaredMadeForKids"))
        if self.upload_status in ("failed", "rejected"):
            told["failureReason" if self.upload_status == "failed" else "rejectionReason"] = self.cause
        return told


def flaw(content: bytes) -> str:
    """Why YouTube will not be able to process the file; empty if it will."""
    if not content:
        return "emptyFile"
    return "" if sniff(content).startswith("video/") else "invalidFile"


def bare() -> dict[str, dict[str, Any]]:
    """What a video is called, and who sees it, if its uploader does not say."""
    return {"snippet": {"title": "unknown", "description": "", "categoryId": "22"}, "status": dict(DEFAULTS["status"])}


def written(resource: Any, parts: set[str]) -> dict[str, dict[str, Any]]:
    """The writable properties of each of *parts*, whole: what is not sent falls back to its default."""
    if not isinstance(resource, dict):
        raise denied(400, "parseError", "Parse Error", domain="global")
    closed(resource, {"id", "kind", "etag", *WRITABLE}, "video")
    return {part: _part(part, resource.get(part) or {}) for part in WRITABLE if part in parts}


def _part(name: str, sent: Any) -> dict[str, Any]:
    kinds = WRITABLE[name]
    if not isinstance(sent, dict):
        raise _wrong_type(name)
    closed(sent, kinds.keys() | READ_ONLY[name], f"video.{name}")
    kept = {key: value for key, value in sent.items() if key in kinds and value is not None}
    for key, value in kept.items():
        if not isinstance(value, kinds[key]):
            raise _wrong_type(f"{name}.{key}")
    whole = {**DEFAULTS[name], **kept}
    (_check_snippet if name == "snippet" else _check_status)(whole)
    return whole


def _wrong_type(where: str) -> Exception:
    return denied(400, "invalid", f"Invalid value at 'video.{where}'", domain="global")


def _check_snippet(snippet: Mapping[str, Any]) -> None:
    title, description, tags = snippet.get("title"), snippet["description"], snippet.get("tags", [])
    if title is None or "categoryId" not in snippet:
        raise denied(400, "invalidVideoMetadata", "The request metadata is invalid.", location="body")
    if not title.strip() or len(title) > TITLE or _has_brackets(title):
        message = "The request metadata specifies an invalid or empty video title."
        raise denied(400, "invalidTitle", message, location="body.snippet.title")
    if len(description.encode()) > DESCRIPTION or _has_brackets(description):
        message = "The request metadata specifies an invalid video description."
        raise denied(400, "invalidDescription", message, location="body.snippet.description")
    if any(not isinstance(tag, str) or _has_brackets(tag) for tag in tags) or _tags_length(tags) > TAGS:
        message = "The request metadata specifies invalid video keywords."
        raise denied(400, "invalidTags", message, location="body.snippet.tags")
    if snippet["categoryId"] not in CATEGORIES:
        message = "The snippet.categoryId property specifies an invalid category ID."
        raise denied(400, "invalidCategoryId", message, location="body.snippet.categoryId")


def _has_brackets(text: str) -> bool:
    return "<" in text or ">" in text


def _tags_length(tags: list[str]) -> int:
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(len(tags) - 1, 0)


def _check_status(status: Mapping[str, Any]) -> None:
    if status["privacyStatus"] not in PRIVACY:
        raise _wrong_type("status.privacy_status")
    if status["license"] not in ("youtube", "creativeCommon"):
        raise _wrong_type("status.license")
    if "publishAt" in status and status["privacyStatus"] != "private":
        message = "The request metadata specifies an invalid scheduled publishing time."
        raise denied(400, "invalidPublishAt", message, location="body.status.publishAt")
