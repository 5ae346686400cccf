"""What a page keeps: photos, videos, posts, stories and files on their way, and how the Graph API shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dissem.rehearsal.files import Stored

STORY_LIFE = timedelta(hours=24)
WAITING = {"status": "not_started"}  # a phase of a video that has not begun


@dataclass
class Photo:
    id: str
    page: str
    stored: Stored
    name: str
    made: datetime
    published: bool
    temporary: bool = False
    post: str = ""
    story: str = ""

    def values(self) -> dict[str, Any]:
        """Everything that is known of it, by the names of its fields."""
        return {
            "id": self.id,
            "name": self.name or None,
            "alt_text": self.stored.alt or None,
            "alt_text_custom": self.stored.alt or None,
            "created_time": instant(self.made),
            "updated_time": instant(self.made),
            "page_story_id": self.post or None,
            "link": f"https://www.facebook.com/photo.php?fbid={self.id}",
        }


@dataclass
class Video:
    """`kind` is "video", "reel" or "story". `polls` is how many status reads will still say "processing"; `draft`: it
    was taken in, but not put on the page; `cause` and `code`: what is wrong with it; `post`: the post or story of it.
    """

    id: str
    page: str
    total: int
    made: datetime
    session: str = ""
    data: bytes = b""
    title: str = ""
    description: str = ""
    accepted: bool = False
    draft: bool = False
    polls: int = 0
    cause: str = ""
    code: int = 0
    post: str = ""
    kind: str = "video"
    finished: datetime | None = None
    story: str = ""

    @property
    def whole(self) -> bool:
        return 0 < self.total == len(self.data)

    @property
    def releasable(self) -> bool:
        """A finished reel or story that was worked on and is not public yet."""
        staged = self.kind != "video" and self.accepted and not self.draft
        return staged and not (self.polls or self.cause or self.post)

    def looked_at(self) -> dict[str, Any]:
        """How far the video is; each look brings its processing one step on."""
        if not self.accepted:
            return self._arriving() if self.kind != "video" else self._status("uploading", WAITING, WAITING)
        working, self.polls = self.polls > 0, max(self.polls - 1, 0)
        if not working and self.cause:
            failed = {"status": "error", "errors": [{"code": 1363030, "message": self.cause}]}
            return self._status("error", failed, WAITING)
        processing = {"status": "in_progress" if working else "complete"}
        return self._status("processing" if working else "ready", processing, self._publishing())

    def _arriving(self) -> dict[str, Any]:
        """A reel or story on its way: half an upload is "processing", and trouble hides in a phase not begun."""
        state = "upload_complete" if self.whole else "processing" if self.data else "uploading"
        trouble = {"error": {"message": self.cause}} if self.cause else {}
        return self._status("processing" if trouble else state, {**WAITING, **trouble}, WAITING)

    def _status(self, state: str, processing: dict[str, Any], publishing: dict[str, Any]) -> dict[str, Any]:
        sent = "complete" if self.whole else "in_progress" if self.data else "not_started"
        return {
            "video_status": state,
            "uploading_phase": {"status": sent, "bytes_transferred": len(self.data)},
            "processing_phase": processing,
            "publishing_phase": publishing,
        }

    def _publishing(self) -> dict[str, Any]:
        if self.post:
            return {"status": "complete", "publish_status": "published", "publish_time": instant(self.made)}
        if self.kind != "video" and not self.draft:
            return WAITING
        return {**WAITING, "publish_status": "draft" if self.draft else "unpublished"}


@dataclass
class Post:
    id: str
    page: str
    message: str
    made: datetime
    link: str = ""
    photos: tuple[str, ...] = ()
    video: str = ""
    published: bool = True

    @property
    def permalink(self) -> str:
        page, _, number = self.id.partition("_")
        return f"https://www.facebook.com/{page}/posts/{number}"

    @property
    def status_type(self) -> str:
        if self.video:
            return "added_video"
        if self.photos:
            return "added_photos"
        return "shared_story" if self.link else "mobile_status_update"

    def attachments(self) -> dict[str, Any] | None:
        photos = [{"media_type": "photo", "type": "photo", "target": _target(one)} for one in self.photos]
        if len(photos) > 1:
            album = {"media_type": "album", "type": "album", "target": {"url": self.permalink}}
            return {"data": [{**album, "subattachments": {"data": photos}}]}
        if photos:
            return {"data": photos}
        if self.video:
            return {"data": [{"media_type": "video", "type": "video_inline", "target": _target(self.video)}]}
        if self.link:
            link = {"url": self.link, "unshimmed_url": self.link, "target": {"url": self.link}}
            return {"data": [{"media_type": "link", "type": "share", **link}]}
        return None


@dataclass
class Story:
    """A photo or video that is public for a day; `medium` is its id."""

    id: str
    page: str
    medium: str
    kind: str
    made: datetime
    stored: Stored

    @property
    def url(self) -> str:
        return f"https://facebook.com/stories/{self.id}"

    def over(self, now: datetime) -> bool:
        return now - self.made >= STORY_LIFE

    def values(self, now: datetime) -> dict[str, Any]:
        """Everything that is known of it, by the names of its fields."""
        return {
            "post_id": self.id,
            "status": "archived" if self.over(now) else "published",
            "creation_time": str(int(self.made.timestamp())),
            "media_type": self.kind,
            "media_id": self.medium,
            "url": self.url,
        }


@dataclass
class Upload:
    """A session of the resumable upload API; `handle` is known once every byte is there."""

    id: str
    signature: str
    total: int
    data: bytes = b""
    handle: str = ""


def instant(moment: datetime) -> str:
    """A time as Graph writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _target(identity: str) -> dict[str, str]:
    return {"id": identity, "url": f"https://www.facebook.com/{identity}"}
