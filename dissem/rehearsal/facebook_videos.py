"""Videos of a page: in one request, in phases, or by the handle of a resumable upload.

An upright video is taken with success and becomes a draft that nobody sees. Parameters are closed, and addresses
(`file_url`) are never fetched.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from dissem.rehearsal.facebook_nodes import FacebookNodes
from dissem.rehearsal.facebook_objects import Upload, Video
from dissem.rehearsal.facebook_vocabulary import VIDEOS
from dissem.rehearsal.files import mp4_size, sniff
from dissem.rehearsal.graph_errors import bad_parameter, gone, graph_error, refusal
from dissem.rehearsal.graph_parameters import flag, integer
from dissem.rehearsal.standin import Account, route
from dissem.rehearsal.wire import Answer, Denied, Request

VIDEO_TYPES = {"video/mp4", "video/quicktime"}
UPLOAD_TYPES = {"application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4"}


class FacebookVideos(FacebookNodes):
    """Ordinary videos, and files on their way."""

    @route("POST", "/{version}/{page}/videos", label="publish")
    def videos(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, VIDEOS)
        match given.get("upload_phase"):
            case None:
                data = self._video_sent(request, given)
                video = Video(self._number(), account.id, len(data), self.clock(), data=data)
                self._check_video(data)
                self._videos[video.id] = video
                self._accept_video(request, account, video, given)
                return Answer(200, {"id": video.id})
            case "start":
                return Answer(200, self._start_video(account, given))
            case "transfer":
                return Answer(200, self._transfer_video(request, self._in_session(account, given), given))
            case "finish":
                video = self._in_session(account, given)
                if len(video.data) < video.total:
                    raise refusal(6000, "There was a problem uploading your video file. Please try again.", 1363030)
                self._check_video(video.data)
                self._accept_video(request, account, video, given)
                return Answer(200, {"success": True})
            case "cancel":
                del self._videos[self._in_session(account, given).id]
                return Answer(200, {"success": True})
        raise bad_parameter("Param upload_phase must be one of {START, TRANSFER, FINISH, CANCEL}")

    @route("POST", "/{version}/{app}/uploads", label="upload")
    def start_upload(self, request: Request) -> Answer:
        self._sign_in(request)
        if request.params["app"] not in (self.app_id, "app"):
            raise gone(request.params["app"], "post")
        given = self._arguments(request, {"file_name", "file_length", "file_type"})
        if given.get("file_type") not in UPLOAD_TYPES:
            raise bad_parameter("Param file_type must be a supported type")
        total = integer(given, "file_length", least=1)
        identity = base64.b64encode(f"attachment:{self._number()}".encode()).decode()
        upload = Upload(identity, hashlib.sha256(identity.encode()).hexdigest()[:16], total)
        self._uploads[identity] = upload
        return Answer(200, {"id": f"upload:{identity}?sig={upload.signature}"})

    @route("POST", "/{version}/upload:{session}", label="upload")
    def send_upload(self, request: Request) -> Answer:
        if not request.headers.get("authorization", "").startswith("OAuth "):
            raise refusal(190, "Invalid OAuth access token.")
        self._sign_in(request)
        upload = self._upload(request)
        offset = request.headers.get("file_offset", "")
        if offset != str(len(upload.data)):
            raise partial(f"Offset mismatch: expected {len(upload.data)}, got {offset or 'none'}")
        upload.data += request.body
        if len(upload.data) != upload.total:
            raise partial("Partial request (did not match length of file)")
        upload.handle = upload.handle or f"4:{upload.id}:e:{hashlib.sha256(upload.data).hexdigest()}"
        return Answer(200, {"h": upload.handle})

    @route("GET", "/{version}/upload:{session}", label="status")
    def upload_status(self, request: Request) -> Answer:
        self._sign_in(request)
        upload = self._upload(request)
        return Answer(200, {"id": f"upload:{upload.id}?sig={upload.signature}", "file_offset": len(upload.data)})

    # In steps

    def _video_sent(self, request: Request, given: Mapping[str, str]) -> bytes:
        if handle := given.get("fbuploader_video_file_chunk"):
            found = [upload.data for upload in self._uploads.values() if upload.handle == handle]
            if not found:
                raise refusal(6000, "There was a problem uploading your video file. Please try again.", 1363030)
            return found[0]
        if "file_url" in given:
            raise refusal(389, "(#389) Unable to fetch video file from URL: the rehearsal fetches no addresses")
        file = request.form().file("source")
        if file is None:
            raise bad_parameter("No video file was given")
        return file.bytes

    def _check_video(self, data: bytes) -> None:
        if sniff(data) not in VIDEO_TYPES:
            told = "The video file you selected is in a format that we don't support."
            raise refusal(352, "(#352) Unsupported video format", 1363024, title="Unsupported Format", told=told)

    def _start_video(self, account: Account, given: Mapping[str, str]) -> dict[str, Any]:
        total = integer(given, "file_size", least=1)
        video = Video(self._number(), account.id, total, self.clock(), session=self._number())
        self._videos[video.id] = video
        return {"video_id": video.id, "upload_session_id": video.session, **self._offsets(video)}

    def _offsets(self, video: Video) -> dict[str, str]:
        start = len(video.data)
        return {"start_offset": str(start), "end_offset": str(min(start + self.chunk_bytes, video.total))}

    def _in_session(self, account: Account, given: Mapping[str, str]) -> Video:
        asked = given.get("upload_session_id", "")
        for video in self._videos.values():
            if asked and video.session == asked and video.page == account.id and not video.accepted:
                return video
        raise bad_parameter("Invalid upload_session_id: the session is unknown or finished")

    def _transfer_video(self, request: Request, video: Video, given: Mapping[str, str]) -> dict[str, Any]:
        chunk = request.form().file("video_file_chunk")
        if chunk is None or not chunk.bytes:
            raise bad_parameter("The parameter video_file_chunk is required")
        if integer(given, "start_offset") != len(video.data):
            answer = graph_error(6001, "There was a problem uploading your video file: wrong offset.", 1363037)
            answer.body["error"]["error_data"] = self._offsets(video)
            raise Denied(answer)
        if len(video.data) + len(chunk.bytes) > video.total:
            raise refusal(6000, "There was a problem uploading your video file: more than announced.", 1363030)
        video.data += chunk.bytes
        return self._offsets(video)

    def _accept_video(self, request: Request, account: Account, video: Video, given: Mapping[str, str]) -> None:
        """Take in what is said about a video, and put it on the page unless it shall not, cannot, or already is."""
        video.title = given.get("title", given.get("name", video.title))
        video.description = given.get("description", video.description)
        self._check_text(video.description)
        first, video.accepted = not video.accepted, True
        if first:
            video.polls, video.cause = self.processing_polls, self.processing_error
        if not flag(given, "published", first) or video.post or video.cause:
            return
        width, height = mp4_size(video.data) or (0, 0)
        video.draft = height > width  # taken for a reel: a draft for the page's people, while the answer is a success
        if not video.draft:
            post = self._new_post(account, video.description, video=video.id)
            video.post = post.id
            self._go_live(request, account, post)

    def _upload(self, request: Request) -> Upload:
        upload = self._uploads.get(request.params["session"])
        if upload is None or request.one("sig") != upload.signature:
            raise gone(f"upload:{request.params['session']}")
        return upload


def partial(message: str) -> Denied:
    body = {"debug_info": {"retriable": False, "type": "PartialRequestError", "message": message}}
    return Denied(Answer(400, body))
