"""What becomes of one `publish_id`: files that arrive in chunks or are fetched, and whether TikTok takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from dissem.rehearsal.fetching import NotFetched, fetched
from dissem.rehearsal.files import Stored, dimensions, mp4_size, sniff
from dissem.rehearsal.tiktok_words import invalid, number_in, refusal
from dissem.rehearsal.wire import Answer, Denied, Request

MIB = 2**20
LARGEST_VIDEO = 4 * 1024 * MIB
LARGEST_CHUNK = 64 * MIB
MOST_CHUNKS = 1000
LARGEST_PHOTO = 20 * MIB
MOST_PHOTOS = 35
SIDES = (360, 4096)  # of a video, pixels
PHOTO_SIDES = (1080, 1920)  # "1080p": the shorter and the longer one
URL_LIFE = timedelta(hours=1)
VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm")
PHOTO_TYPES = ("image/jpeg", "image/webp")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class Task:
    """One post on its way. `polls`: how often it is still in processing when asked; `hidden`: how often it is
    posted and not yet through moderation."""

    id: str
    owner: str
    made: datetime
    inbox: bool
    info: Mapping[str, Any]
    size: int = 0
    chunk: int = 0
    count: int = 0
    token: str = ""
    photos: tuple[str, ...] = ()
    data: bytearray = field(default_factory=bytearray)
    media: tuple[Stored, ...] = ()
    status: str = ""  # final; empty while it is in processing
    fail_reason: str = ""
    polls: int = 0
    hidden: int = 0
    posts: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether TikTok can begin: it fetches photos by itself, and a video's last byte has arrived."""
        return bool(self.photos) or len(self.data) == self.size

    @property
    def pending(self) -> bool:
        """A draft that nobody has posted."""
        return self.inbox and not self.posts and self.status != "FAILED"

    def progress(self) -> dict[str, Any]:
        if self.photos:
            return {"downloaded_bytes": sum(len(photo.bytes) for photo in self.media)}
        return {"uploaded_bytes": len(self.data)}

    def fail(self, reason: str) -> None:
        self.status, self.fail_reason = "FAILED", reason


def check_chunks(source: Mapping[str, Any], least: int) -> tuple[int, int, int]:
    """Size, chunk size and count of `source_info`; *least*: bytes of the smallest chunk.

    The count is the size divided by the chunk size, rounded DOWN: the last chunk takes what is left.
    """
    size, chunk, count = (number_in(source, name) for name in ("video_size", "chunk_size", "total_chunk_count"))
    if size > LARGEST_VIDEO:
        raise invalid("The video is larger than 4 GB")
    if size < least and chunk != size:
        raise invalid("The chunk size is invalid: a video under 5 MB is uploaded as a whole")
    if size >= least and not least <= chunk <= LARGEST_CHUNK:
        raise invalid("The chunk size is invalid")
    if count != size // chunk or not 1 <= count <= MOST_CHUNKS:
        raise invalid("The total chunk count is invalid")
    return size, chunk, count


def take_chunk(task: Task, request: Request, now: datetime) -> Answer:
    """One PUT to the upload address: in order, of the promised size, within the hour."""
    if now - task.made > URL_LIFE:
        raise Denied(Answer(403))
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    if not found or request.type not in VIDEO_TYPES:
        raise Denied(Answer(400))
    first, last, total = (int(number) for number in found.groups())
    if total != task.size or last - first + 1 != len(request.body):
        raise Denied(Answer(400))
    if first != len(task.data):
        raise Denied(Answer(416, None, _arrived(task)))
    final = first // task.chunk == task.count - 1
    if len(request.body) != (task.size - first if final else task.chunk):
        raise Denied(Answer(400))
    task.data += request.body
    return Answer(201 if task.whole else 206, None, _arrived(task))


def _arrived(task: Task) -> dict[str, str]:
    return {"Content-Range": f"bytes 0-{len(task.data)}/{task.size}"}


def is_last_chunk(request: Request) -> bool:
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    return bool(found) and int(found[2]) + 1 == int(found[3])  # type: ignore[index]


def check_video(task: Task) -> None:
    """Processing: the task has failed afterwards, or has its media."""
    data = bytes(task.data)
    kind = sniff(data)
    size = mp4_size(data)
    if kind not in VIDEO_TYPES:
        task.fail("file_format_check_failed")
    elif size and not (min(size) >= SIDES[0] and max(size) <= SIDES[1]):
        task.fail("picture_size_check_failed")
    else:
        task.media = (Stored(data, kind),)


def check_urls(given: Any, verified: Sequence[str]) -> tuple[str, ...]:
    """The addresses of photos, each https (or on this machine) and below a verified prefix."""
    if not isinstance(given, list) or not all(isinstance(url, str) for url in given):
        raise invalid("photo_images must be a list of strings")
    if not 1 <= len(given) <= MOST_PHOTOS:
        raise invalid(f"photo_images must have 1 to {MOST_PHOTOS} addresses")
    for url in given:
        if urlsplit(url).scheme != "https" and urlsplit(url).hostname != "127.0.0.1":
            raise invalid("photo_images must use https")
        if not url.startswith(tuple(verified)):
            raise refusal(403, "url_ownership_unverified", "Please review our URL ownership verification rules")
    return tuple(given)


def fetch_photos(task: Task) -> None:
    """Processing: the task has failed afterwards, or has its media."""
    stored = []
    for url in task.photos:
        data = _fetched(url)
        size = dimensions(data) if data else None
        if data is None:
            return task.fail("photo_pull_failed")
        if sniff(data) not in PHOTO_TYPES or len(data) > LARGEST_PHOTO:
            return task.fail("file_format_check_failed")
        if size and (min(size) > PHOTO_SIDES[0] or max(size) > PHOTO_SIDES[1]):
            return task.fail("picture_size_check_failed")
        stored.append(Stored(data, sniff(data)))
    task.media = tuple(stored)
    return None


def _fetched(url: str) -> bytes | None:
    """What lies at *url*; None where TikTok could not have it."""
    try:
        return fetched(url, "image", LARGEST_PHOTO)
    except NotFetched:
        return None
