"""Reels of a page: a number first, then the bytes at the upload host, then one request that releases them.

What is wrong with a video is found once its bytes are there, told in its status, and refused at `finish`. It is public
when the work on it is over, at the status read that finds it so. Not documented, so assumed: finishing twice is refused
like a wrong parameter, and the thirty-first reel of a day with code 613.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from datetime import timedelta

from dissem.rehearsal.facebook_objects import Video
from dissem.rehearsal.facebook_videos import VIDEO_TYPES, FacebookVideos
from dissem.rehearsal.facebook_vocabulary import REELS
from dissem.rehearsal.files import mp4_size, sniff
from dissem.rehearsal.graph_errors import bad_parameter, gone, refusal
from dissem.rehearsal.standin import Account, route
from dissem.rehearsal.wire import Answer, Denied, Request

SHORTEST, LONGEST = 3, {"reel": 90, "story": 60}  # seconds
NARROWEST, LOWEST = 540, 960  # pixels
SLIMMEST, WIDEST = 9 / 16, 16 / 9  # width ÷ height


class FacebookReels(FacebookVideos):
    """Upright videos, released by their numbers."""

    @route("POST", "/{version}/{page}/video_reels", label="publish")
    def video_reels(self, request: Request) -> Answer:
        return self.staged(request, "reel", REELS)

    def staged(self, request: Request, kind: str, known: Collection[str]) -> Answer:
        """One phase of a reel or a story."""
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, known)
        match given.get("upload_phase", "").lower():
            case "start":
                return self._begun(request, account, kind, given)
            case "finish":
                return self._finished(request, account, kind, given)
        raise bad_parameter("Param upload_phase must be one of {START, FINISH}")

    def _begun(self, request: Request, account: Account, kind: str, given: Mapping[str, str]) -> Answer:
        if early := given.keys() & {"video_id", "video_state", "title", "description"}:
            raise bad_parameter(f"Param {min(early)} is not supported in this phase")
        video = Video(self._number(), account.id, 0, self.clock(), kind=kind)
        self._videos[video.id] = video
        where = f"{self.url}/video-upload/{request.params['version']}/{video.id}"
        return Answer(200, {"video_id": video.id, "upload_url": where})

    @route("POST", "/video-upload/{version}/{video}", label="upload")
    def send_bytes(self, request: Request) -> Answer:
        video = self._awaited(request)
        offset, size = request.headers.get("offset", ""), request.headers.get("file_size", "")
        if not (offset.isdigit() and size.isdigit()):
            raise _not_taken("ParameterValidationError", "Header offset or file_size is not convertable to a number")
        if int(offset) != len(video.data):
            raise _not_taken("OffsetInvalidError", "Request starting offset is invalid")
        if not 0 < int(size) == (video.total or int(size)):
            raise _not_taken("PartialRequestError", "Partial request (did not match length of file)")
        video.total = int(size)
        arriving = request.body[: self.cuts.pop(0)] if self.cuts else request.body
        if len(video.data) + len(arriving) <= video.total:
            video.data += arriving
        if not video.whole or len(arriving) < len(request.body):
            raise _not_taken("PartialRequestError", "Partial request (did not match length of file)")
        video.code, video.cause = _wrong_with(video)
        return Answer(200, {"success": True})

    def _awaited(self, request: Request) -> Video:
        """The video whose bytes these are; no version and no proof is asked for at this host."""
        if not request.headers.get("authorization", "").startswith("OAuth "):
            raise refusal(190, "Invalid OAuth access token.")
        account = self.account_with(token=self._token(request))
        if account is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        if "file_url" in request.headers:
            raise _not_taken("ProcessingFailedError", "the rehearsal fetches no addresses")
        video = self._own(self._videos, account, request.params["video"])
        if video is None or video.kind == "video" or video.accepted or video.whole:
            raise gone(request.params["video"], "post")
        return video

    def _finished(self, request: Request, account: Account, kind: str, given: Mapping[str, str]) -> Answer:
        if missing := [name for name in self.required(kind) if not given.get(name)]:
            raise bad_parameter(f"Missing parameter: {', '.join(missing)}")
        state = given.get("video_state", "PUBLISHED")
        if state not in ("PUBLISHED", "DRAFT"):
            raise bad_parameter("Param video_state must be one of {DRAFT, PUBLISHED}: the rehearsal schedules nothing")
        video = self._own(self._videos, account, given["video_id"])
        if video is None or video.kind != kind:
            raise gone(given["video_id"], "post")
        self._check_finish(account, video, given)
        video.title, video.description = given.get("title", ""), given.get("description", "")
        video.accepted, video.finished, video.draft = True, self.clock(), state == "DRAFT"
        video.polls, video.cause = self.processing_polls, self.processing_error
        video.story = self._number() if kind == "story" else ""
        self.move_on(request, account, video.id)
        return Answer(200, {"success": True, **({"post_id": video.story} if video.story else {})})

    def required(self, kind: str) -> tuple[str, ...]:
        return ("video_id", "video_state") if kind == "reel" else ("video_id",)

    def _check_finish(self, account: Account, video: Video, given: Mapping[str, str]) -> None:
        if video.accepted:
            raise bad_parameter("The upload of this video is finished already")
        if not video.whole:
            raise refusal(6000, "There was a problem uploading your video file. Please try again.", 1363030)
        if video.cause:
            raise refusal(6000, video.cause, video.code, title="Unsupported Video", told=video.cause)
        self._check_text(given.get("description", ""))
        if video.kind == "reel" and self._reels_today(account) >= self.reels_a_day:
            raise refusal(613, "(#613) Calls to this api have exceeded the rate limit.")

    def _reels_today(self, account: Account) -> int:
        since = self.clock() - timedelta(hours=24)
        reels = (video for video in self._videos.values() if video.kind == "reel" and video.page == account.id)
        return sum(video.finished is not None and video.finished > since for video in reels)

    def move_on(self, request: Request, account: Account, identity: str) -> None:
        """Let a video go live that was finished and worked on."""
        video = self._own(self._videos, account, identity)
        if video is not None and video.releasable:
            self.release(request, account, video)

    def release(self, request: Request, account: Account, video: Video) -> None:
        post = self._new_post(account, video.description, video=video.id)
        video.post = post.id
        self._go_live(request, account, post)


def _wrong_with(video: Video) -> tuple[int, str]:
    """Code and words for what keeps a video from being a reel or a story; nothing if nothing does."""
    if sniff(video.data) not in VIDEO_TYPES:
        return 1363024, "The video file you selected is in a format that we don't support."
    width, height = mp4_size(video.data) or (NARROWEST, LOWEST)
    if not SLIMMEST - 0.01 <= width / height <= WIDEST:
        return 1363040, "Aspect ratios for videos need to be between 16x9 and 9x16."
    if width < NARROWEST or height < LOWEST:
        return 1363127, "Resolution too low. Video must have a minimum resolution of 540p."
    seconds = _seconds(video.data)
    if seconds is not None and not SHORTEST <= seconds <= LONGEST[video.kind]:
        return 1363128, f"The video must last between {SHORTEST} and {LONGEST[video.kind]} seconds."
    return 0, ""


def _seconds(data: bytes) -> float | None:
    """How long the film lasts, from its movie header (ISO 14496-12); None where there is none."""
    place = data.find(b"mvhd")
    if place < 0 or len(data) < place + 36:
        return None
    scale, length = struct.unpack_from(
        ">IQ" if data[place + 4] else ">II", data, place + (24 if data[place + 4] else 16)
    )
    return length / scale if scale else None


def _not_taken(kind: str, message: str) -> Denied:
    return Denied(Answer(400, {"debug_info": {"retriable": False, "type": kind, "message": message}}))
