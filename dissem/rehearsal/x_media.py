"""Files on their way to a post on X: what is taken, and how far an upload is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dissem.rehearsal.files import Stored

MIB = 1024 * 1024
DAY = 86_400  # seconds that a media id is good for
LARGEST = {"tweet_image": 5 * MIB, "tweet_gif": 15 * MIB, "tweet_video": 512 * MIB, "amplify_video": 512 * MIB}
KEY_PREFIX = {"tweet_image": "3", "tweet_gif": "16", "tweet_video": "7", "amplify_video": "13"}
KIND = {"tweet_image": "photo", "tweet_gif": "animated_gif", "tweet_video": "video", "amplify_video": "video"}
TYPES = {
    "tweet_image": {"image/jpeg", "image/png", "image/webp", "image/gif"},
    "tweet_gif": {"image/gif"},
    "tweet_video": {"video/mp4", "video/quicktime", "video/webm"},
    "amplify_video": {"video/mp4", "video/quicktime", "video/webm"},
}


@dataclass
class Media:
    """An upload on its way to a post. `polls` is how often its status will still be "in progress"; None: not final."""

    id: str
    owner: str
    category: str
    type: str
    total: int
    expires: datetime
    segments: dict[int, bytes] = field(default_factory=dict)
    alt: str = ""
    polls: int | None = None
    cause: str = ""

    @property
    def key(self) -> str:
        return f"{KEY_PREFIX[self.category]}_{self.id}"

    @property
    def bytes(self) -> bytes:
        return b"".join(self.segments[number] for number in sorted(self.segments))

    @property
    def whole(self) -> bool:
        return sorted(self.segments) == list(range(len(self.segments))) and len(self.bytes) == self.total

    @property
    def processed(self) -> bool:
        """Whether X works on it after the upload; photos are ready at once."""
        return self.category != "tweet_image"

    @property
    def ready(self) -> bool:
        return self.polls == 0 and not self.cause

    def stored(self) -> Stored:
        return Stored(self.bytes, self.type, self.alt)
