"""Facebook Pages: text, links, photos and video through the Graph API, for one publisher's needs.

Written after Meta's own node descriptions (v25.0) and documentation; versions v21.0 to v26.0 live here. Parameters are
closed: what dissem has no use for (scheduling, targeting, places) is refused with code 100 like a misspelt name, and
addresses (`url`, `file_url`) are never fetched. Reels, stories, comments and people are left out.

Reads that ask for insights, reactions, comments or shares are scripted as `measure`. What does not publish (photos and
videos with `published=false`, the phases before `finish`) is scripted as `upload`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from dissem.rehearsal.facebook_objects import Photo, Post, Upload, Video, instant
from dissem.rehearsal.facebook_vocabulary import (
    ATTACHMENT,
    CEILINGS,
    FEED,
    PAGE_METRICS,
    PAGING,
    PHOTOS,
    POST_METRICS,
    REACTIONS,
    VIDEOS,
)
from dissem.rehearsal.files import Stored, mp4_size, sniff
from dissem.rehearsal.graph_door import GraphDoor
from dissem.rehearsal.graph_errors import bad_parameter, gone, graph_error, refusal
from dissem.rehearsal.graph_parameters import Field, flag, integer, json_value, moment, narrowed, wanted_fields
from dissem.rehearsal.standin import Account, Live, Route, grown, route
from dissem.rehearsal.wire import Answer, Denied, Request

SCOPES = frozenset(
    {
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_read_user_content",
        "read_insights",
    }
)
MIB = 1024 * 1024
LARGEST_PHOTO = 4 * MIB
LONGEST_TEXT = 63_206
PHOTO_TYPES = {"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"}
VIDEO_TYPES = {"video/mp4", "video/quicktime"}
UPLOAD_TYPES = {"application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4"}

MEASURES = re.compile(r"\b(insights|reactions|comments|likes|shares)\b")


@dataclass(frozen=True)
class FacebookPage(Account):
    """A page: `id` is its number, `handle` its user name, `token` a page access token."""


SAMPLE = FacebookPage(
    id="104000000000001",
    handle="humaskota.rehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-page-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=SCOPES,
)

Kept = TypeVar("Kept", Photo, Video, Post)


class FacebookStandin(GraphDoor):
    """Graph API on loopback.

    `guards_duplicates` and `duplicate_window` rule the refusal of a text posted again. `processing_polls` is how many
    status reads of a video say "processing"; `processing_error`, when set, is how that ends. What every request has to
    pass is told at `GraphDoor`.
    """

    name = "facebook"

    def __init__(
        self,
        *,
        accounts: Iterable[FacebookPage] = (SAMPLE,),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now)
        self.guards_duplicates = True
        self.duplicate_window = timedelta(hours=1)
        self.processing_polls = 1
        self.processing_error = ""
        self.chunk_bytes = 1 * MIB
        self._photos: dict[str, Photo] = {}
        self._videos: dict[str, Video] = {}
        self._posts: dict[str, Post] = {}
        self._uploads: dict[str, Upload] = {}
        self._numbers = count(122_100_000_000_000_001)

    @property
    def page(self) -> str:
        """The id of the first page."""
        return str(self.accounts[0].id)

    # Account

    @route("GET", "/{version}/debug_token", label="account")
    def debug_token(self, request: Request) -> Answer:
        self._sign_in(request)
        asked = self._arguments(request, {"input_token"}).get("input_token", "")
        account = self.account_with(token=asked)
        if account is None:
            why = {"code": 190, "message": "Invalid OAuth access token."}
            return Answer(200, {"data": {"error": why, "is_valid": False, "scopes": []}})
        ends = self.clock() + timedelta(days=90)
        return Answer(
            200,
            {
                "data": {
                    "app_id": self.app_id,
                    "type": "PAGE",
                    "application": "dissem (gladi)",
                    "data_access_expires_at": int(ends.timestamp()),
                    "expires_at": 0,
                    "is_valid": True,
                    "profile_id": account.id,
                    "user_id": account.id,
                    "scopes": sorted(account.scopes),
                }
            },
        )

    @route("GET", "/{version}/me", label="account")
    def me(self, request: Request) -> Answer:
        account = self._sign_in(request)
        return Answer(200, self._node(account, account.id, self._fields(request, set())))

    # Publishing

    @route("POST", "/{version}/{page}/feed", label="publish")
    def feed(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, FEED)
        message, link = given.get("message", ""), given.get("link", "")
        photos = self._attached(account, given)
        if not (message or link or photos):
            raise bad_parameter("Missing message or attachment")
        self._check_text(message)
        if link and not re.match(r"https?://[^/\s]+\.[^\s]+$", link):
            raise bad_parameter("The link is not a valid address", 1609005)
        published = flag(given, "published", True)
        if self.guards_duplicates and not photos and self._repeats(account, message, link):
            raise Denied(self.duplicate_refused(request))
        post = self._new_post(account, message, link=link, photos=tuple(photo.id for photo in photos))
        for photo in photos:
            photo.post = post.id
        post.published = False
        if published:
            self._go_live(request, account, post)
        return Answer(200, {"id": post.id})

    @route("POST", "/{version}/{page}/photos", label="publish")
    def photos(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, PHOTOS)
        stored = self._photo_sent(request, given)
        name = given.get("message", given.get("caption", given.get("name", "")))
        self._check_text(name)
        published, temporary = flag(given, "published", True), flag(given, "temporary", False)
        if temporary and published:
            raise bad_parameter("A temporary photo must be unpublished")
        photo = Photo(self._number(), account.id, stored, name, self.clock(), published, temporary)
        self._photos[photo.id] = photo
        if not published:
            return Answer(200, {"id": photo.id})
        post = self._new_post(account, name, photos=(photo.id,))
        photo.post = post.id
        self._go_live(request, account, post)
        return Answer(200, {"id": photo.id, "post_id": post.id})

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
            raise _partial(f"Offset mismatch: expected {len(upload.data)}, got {offset or 'none'}")
        upload.data += request.body
        if len(upload.data) != upload.total:
            raise _partial("Partial request (did not match length of file)")
        upload.handle = upload.handle or f"4:{upload.id}:e:{hashlib.sha256(upload.data).hexdigest()}"
        return Answer(200, {"h": upload.handle})

    @route("GET", "/{version}/upload:{session}", label="status")
    def upload_status(self, request: Request) -> Answer:
        self._sign_in(request)
        upload = self._upload(request)
        return Answer(200, {"id": f"upload:{upload.id}?sig={upload.signature}", "file_offset": len(upload.data)})

    # Reading

    @route("GET", "/{version}/{page}/published_posts", label="list")
    def published_posts(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_read_engagement")
        fields = self._fields(request, PAGING) or wanted_fields("created_time,message")
        posts = [self._posts[live.id] for live in self.listed(request, account.id)]
        page, paging = self._page(request, [post for post in posts if self._within(request, post.made)])
        return Answer(200, {"data": [self._node(account, post.id, fields) for post in page], **paging})

    @route("GET", "/{version}/{page}/photos", label="list")
    def uploaded_photos(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_read_engagement")
        fields = self._fields(request, PAGING | {"type"}) or wanted_fields("created_time,name")
        photos = [photo for photo in reversed(self._photos.values()) if photo.page == account.id and photo.published]
        page, paging = self._page(request, [photo for photo in photos if self._within(request, photo.made)])
        return Answer(200, {"data": [self._node(account, photo.id, fields) for photo in page], **paging})

    @route("GET", "/{version}/{node}/insights", label="measure")
    def insights(self, request: Request) -> Answer:
        account = self._sign_in(request, "read_insights", "pages_read_engagement")
        given = self._arguments(request, {"metric", "period", "since", "until", "date_preset"})
        self._node(account, request.params["node"], ())
        return Answer(200, self._measured(request.params["node"], given))

    @route("GET", "/{version}/{node}", label="read")
    def read_node(self, request: Request) -> Answer:
        account = self._sign_in(request)
        return Answer(200, self._node(account, request.params["node"], self._fields(request, set())))

    @route("GET", "/{version}", label="measure")
    @route("GET", "/{version}/", label="measure")
    def read_nodes(self, request: Request) -> Answer:
        account = self._sign_in(request)
        fields = self._fields(request, {"ids"})
        ids = [identity for identity in (request.one("ids") or "").split(",") if identity]
        if not ids:
            raise bad_parameter("The parameter ids is required")
        if len(ids) > 50:
            raise bad_parameter(f"Too many IDs. Maximum: 50. Provided: {len(ids)}.")
        return Answer(200, {identity: self._node(account, identity, fields) for identity in ids})

    @route("POST", "/{version}", label="measure")
    @route("POST", "/{version}/", label="measure")
    def batch(self, request: Request) -> Answer:
        """Up to fifty reads in one request, each with an answer of its own."""
        self._sign_in(request)
        calls = json_value(self._arguments(request, {"batch", "include_headers"}).get("batch", ""), "batch")
        if not isinstance(calls, list) or not 1 <= len(calls) <= 50:
            raise bad_parameter("Param batch must be a list of 1 to 50 requests")
        return Answer(200, [self._call(request, call) for call in calls])

    def _call(self, request: Request, call: Any) -> dict[str, Any]:
        if not isinstance(call, dict) or call.get("method") != "GET" or not isinstance(call.get("relative_url"), str):
            raise bad_parameter("The rehearsal's batches hold reads only: method GET, relative_url")
        target = urlsplit("/" + call["relative_url"].lstrip("/"))
        path = target.path if re.match(r"/v\d", target.path) else f"/{request.params['version']}{target.path}"
        query = parse_qs(target.query, keep_blank_values=True)
        inner = replace(request, method="GET", path=path, query=query, body=b"")
        inner.headers = {"authorization": f"Bearer {self._token(request)}"}
        made, inner.params = self._match(inner)
        answer = self._carry_out(made, inner)
        return {"code": answer.status, "body": json.dumps(answer.body)}

    # Changing and removing

    @route("POST", "/{version}/{node}", label="edit")
    def change_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "pages_manage_posts")
        identity = request.params["node"]
        if post := self._own(self._posts, account, identity):
            self._change_post(request, account, post)
        elif video := self._own(self._videos, account, identity):
            given = self._arguments(request, {"published", "title", "name", "description"})
            self._accept_video(request, account, video, given)
        else:
            raise gone(identity, "post")
        return Answer(200, {"success": True})

    @route("DELETE", "/{version}/{node}", label="delete")
    def delete_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "pages_manage_posts")
        self._arguments(request, set())
        identity = request.params["node"]
        if post := self._own(self._posts, account, identity):
            self._take_down(request, post.id)
        elif video := self._own(self._videos, account, identity):
            del self._videos[video.id]
            self._take_down(request, video.post)
        elif photo := self._own(self._photos, account, identity):
            del self._photos[photo.id]
        else:
            raise gone(identity, "delete")
        return Answer(200, {"success": True})

    # Graph's own wording

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """With a time: the page's own limit (80001) and when it ends, in minutes; without: the older code 32."""
        if retry_after is None:
            return graph_error(32, "(#32) Page request limit reached")
        answer = graph_error(80001, "(#80001) There have been too many calls to this Page account.", 2494055)
        return replace(answer, headers=self._usage(request, 100, -int(-retry_after // 60)))

    def duplicate_refused(self, request: Request) -> Answer:
        told = "This status update is identical to the last one you posted."
        return graph_error(506, "Duplicate status message", 1455006, title="Duplicate Status Update", told=told)

    def counts(self, live: Live) -> dict[str, int]:
        people = {name: self._grown(live, name) for name in CEILINGS}
        reactions = sum(people[kind] for kind in REACTIONS)
        return {
            "reactions": reactions,
            "comments": people["comments"],
            "shares": people["shares"],
            "views": people["post_media_view"],
        }

    def operation(self, made: Route | None, request: Request) -> str:
        """What a request does, not its path alone, decides which faults are for it."""
        if made is None:
            return ""
        if request.method == "GET":
            return self._reading(made, request)
        given = self._loosely(request)
        if made.handler == "change_node":
            return "publish" if {"published", "is_published"} & given.keys() else made.label
        held_back = given.get("published", "").lower() in ("false", "0")
        early = given.get("upload_phase", "finish") != "finish"
        return "upload" if made.label == "publish" and (held_back or early) else made.label

    def _reading(self, made: Route, request: Request) -> str:
        if made.handler in ("published_posts", "uploaded_photos", "read_node", "read_nodes"):
            if MEASURES.search(request.one("fields") or ""):
                return "measure"
            if made.handler == "read_node":
                node = request.params["node"]
                return "status" if node in self._videos else "account" if self.account_with(id=node) else "read"
        return "read" if made.handler == "read_nodes" else made.label

    # Who asks, and what

    def _page_for(self, request: Request, *scopes: str) -> Account:
        """The page in the path, when the token is its own."""
        account = self._sign_in(request, *scopes)
        page = request.params["page"]
        if page in (account.id, "me"):
            return account
        if self.account_with(id=page):
            raise refusal(200, "(#200) The token is not one of this page.")
        raise gone(page, request.method.lower())

    # Publishing, in steps

    def _number(self) -> str:
        return str(next(self._numbers))

    def _check_text(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise bad_parameter("Param message is too long")

    def _attached(self, account: Account, given: Mapping[str, str]) -> list[Photo]:
        """The photos named in `attached_media`, as a JSON list or as numbered parameters."""
        if "attached_media" in given:
            entries = json_value(given["attached_media"], "attached_media")
        else:
            numbered = {name: value for name, value in given.items() if name.startswith("attached_media[")}
            for name in numbered:
                if not re.fullmatch(r"attached_media\[\d+\]", name):
                    raise bad_parameter(f"Param {name} is not supported")
            ordered = sorted(numbered, key=lambda name: int(name[15:-1]))
            entries = [json_value(numbered[name], name) for name in ordered]
        if not isinstance(entries, list):
            raise bad_parameter("Param attached_media must be an array.")
        return [self._attachable(account, entry) for entry in entries]

    def _attachable(self, account: Account, entry: Any) -> Photo:
        if not isinstance(entry, dict) or set(entry) != {"media_fbid"}:
            raise bad_parameter("Param attached_media must hold objects with media_fbid")
        photo = self._own(self._photos, account, str(entry["media_fbid"]))
        if photo is None or (photo.temporary and self.clock() - photo.made > timedelta(days=1)):
            raise gone(str(entry["media_fbid"]), "post")
        if photo.post or photo.published:
            told = "These photos were already posted."
            raise bad_parameter("Invalid parameter", 1366051, title="Already Posted", told=told)
        return photo

    def _photo_sent(self, request: Request, given: Mapping[str, str]) -> Stored:
        file = request.form().file("source")
        if "url" in given:
            raise refusal(324, "(#324) Missing or invalid image file: the rehearsal fetches no addresses", 2069019)
        if file is None:
            raise refusal(324, "(#324) Requires upload file")
        kind = "image/tiff" if file.bytes[:4] in (b"II*\0", b"MM\0*") else sniff(file.bytes)
        kind = "image/bmp" if file.bytes[:2] == b"BM" else kind
        if kind not in PHOTO_TYPES or len(file.bytes) > LARGEST_PHOTO:
            told = "Photos should be less than 4 MB and saved as JPG, PNG, GIF, TIFF or BMP files."
            raise bad_parameter("Invalid parameter", 1366046, title="Can't Read Files", told=told)
        return Stored(file.bytes, kind, given.get("alt_text_custom", ""))

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

    def _new_post(
        self, account: Account, message: str, *, link: str = "", photos: tuple[str, ...] = (), video: str = ""
    ) -> Post:
        identity = f"{account.id}_{self._number()}"
        post = Post(identity, account.id, message, self.clock(), link=link, photos=photos, video=video)
        self._posts[identity] = post
        return post

    def _go_live(self, request: Request, account: Account, post: Post) -> None:
        post.published = True
        live = Live(
            account=account.id,
            id=post.id,
            url=post.permalink,
            text=post.message or post.link,
            at=post.made,
            media=self._stored(post),
        )
        self.show(request, live)

    def _stored(self, post: Post) -> tuple[Stored, ...]:
        if post.video:
            return (Stored(self._videos[post.video].data, "video/mp4"),)
        return tuple(self._photos[one].stored for one in post.photos if one in self._photos)

    def _repeats(self, account: Account, message: str, link: str) -> bool:
        return any(
            post.page == account.id
            and (post.message, post.link) == (message, link)
            and not post.photos
            and not post.video
            and self.clock() - post.made < self.duplicate_window
            for post in self._posts.values()
        )

    def _change_post(self, request: Request, account: Account, post: Post) -> None:
        given = self._arguments(request, {"message", "is_published"})
        self._check_text(given.get("message", ""))
        post.message = given.get("message", post.message)
        if flag(given, "is_published", False) and not post.published:
            post.made = self.clock()
            self._go_live(request, account, post)
        elif live := self.find(post.id):
            self.show(request, replace(live, text=post.message or post.link))

    def _take_down(self, request: Request, post: str) -> None:
        if self._posts.pop(post, None) and self.find(post):
            self.hide(request, post)

    def _upload(self, request: Request) -> Upload:
        upload = self._uploads.get(request.params["session"])
        if upload is None or request.one("sig") != upload.signature:
            raise gone(f"upload:{request.params['session']}")
        return upload

    # Reading, in pieces

    def _own(self, kept: Mapping[str, Kept], account: Account, identity: str) -> Kept | None:
        found = kept.get(identity)
        return found if found and found.page == account.id else None

    def _node(self, account: Account, identity: str, fields: Sequence[Field]) -> dict[str, Any]:
        """The object with the wanted fields and always its id."""
        if identity in (account.id, "me"):
            return self._shown("Page", self._page_values(account), fields or wanted_fields("name"))
        if post := self._own(self._posts, account, identity):
            self._need(account, "pages_read_engagement")
            values = self._post_values(account, post)
            return self._shown("Post", values, fields or wanted_fields("created_time,message"))
        if video := self._own(self._videos, account, identity):
            return self._shown(
                "Video", self._video_values(account, video), fields or wanted_fields("description,updated_time")
            )
        if photo := self._own(self._photos, account, identity):
            return self._shown("Photo", photo.values(), fields or wanted_fields("created_time,name"))
        raise gone(identity)

    def _need(self, account: Account, scope: str) -> None:
        if scope not in account.scopes:
            raise refusal(10, f"(#10) The permission {scope} must be granted before this can be done.")

    def _shown(self, kind: str, values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for wanted in fields:
            if wanted.name not in values:
                raise bad_parameter(f"Tried accessing nonexisting field ({wanted.name}) on node type ({kind})")
            value = values[wanted.name]
            value = value(wanted) if callable(value) else value
            if value is not None:
                shown[wanted.name] = narrowed(value, wanted.inner, ATTACHMENT) if wanted.inner else value
        return {**shown, "id": values["id"]}

    def _page_values(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "name": account.name,
            "username": account.handle,
            "link": f"https://www.facebook.com/{account.handle}",
            "category": "Government Organization",
            "about": "Gladi",
            "access_token": account.token,
            "fan_count": 4_200,
            "followers_count": 4_321,
            "is_published": True,
            "verification_status": "not_verified",
        }

    def _post_values(self, account: Account, post: Post) -> dict[str, Any]:
        return {
            "id": post.id,
            "message": post.message or None,
            "created_time": instant(post.made),
            "updated_time": instant(post.made),
            "permalink_url": post.permalink,
            "status_type": post.status_type,
            "is_published": post.published,
            "is_hidden": False,
            "from": {"name": account.name, "id": account.id},
            "story": None,
            "full_picture": None,
            "attachments": lambda wanted: post.attachments(),
            "shares": lambda wanted: self._shares(post),
            "reactions": lambda wanted: self._people(account, post, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, post, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, post, wanted, ("comments",)),
            "insights": lambda wanted: self._edge_insights(account, post, wanted),
        }

    def _video_values(self, account: Account, video: Video) -> dict[str, Any]:
        shown = self._posts.get(video.post, video)
        return {
            "id": video.id,
            "title": video.title or None,
            "description": video.description or None,
            "created_time": instant(video.made),
            "updated_time": instant(video.made),
            "permalink_url": f"/{video.page}/videos/{video.id}/",
            "post_id": video.post or None,
            "published": bool(video.post),
            "status": lambda wanted: video.looked_at(),
            "views": lambda wanted: self._grown(shown, "post_video_views"),
            "reactions": lambda wanted: self._people(account, shown, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, shown, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, shown, wanted, ("comments",)),
        }

    def _grown(self, post: Live | Post | Video, name: str) -> int:
        if isinstance(post, Video):
            return 0  # nobody has seen it
        made = post.made if isinstance(post, Post) else post.at
        return grown(f"{post.id} {name}", self.clock() - made, CEILINGS[name])

    def _shares(self, post: Post) -> dict[str, int] | None:
        """Absent, not 0, while nobody has shared."""
        shares = self._grown(post, "shares")
        return {"count": shares} if shares else None

    def _people(self, account: Account, post: Post | Video, wanted: Field, kinds: Iterable[str]) -> dict[str, Any]:
        self._need(account, "pages_read_user_content")
        if unknown := wanted.options.keys() - {"limit", "summary", "type", "filter", "order"}:
            raise bad_parameter(f"Param {min(unknown)} is not supported")
        total = sum(self._grown(post, kind) for kind in kinds)
        summary = {"summary": {"total_count": total}} if wanted.options.get("summary") in ("true", "1") else {}
        return {"data": [], **summary}

    def _edge_insights(self, account: Account, post: Post, wanted: Field) -> dict[str, Any]:
        self._need(account, "read_insights")
        return self._measured(post.id, wanted.options)

    def _measured(self, node: str, options: Mapping[str, str]) -> dict[str, Any]:
        """Insights of a post or a page; one dead or misspelt name fails them all."""
        post = self._posts.get(node)
        living = POST_METRICS if post else PAGE_METRICS
        names = [name for name in options.get("metric", "").split(",") if name]
        if not names:
            raise bad_parameter("An invalid set of parameters: no metric was specified")
        for name in names:
            if name not in living:
                raise bad_parameter("The value must be a valid insights metric", kind="OAuthException")
        period = "lifetime" if post else options.get("period", "day")
        return {"data": [self._metric(post, node, name, period) for name in names]}

    def _metric(self, post: Post | None, node: str, name: str, period: str) -> dict[str, Any]:
        value = self._metric_of_post(post, name) if post else grown(f"{node} {name}", timedelta(days=30), 900)
        return {"name": name, "period": period, "values": [{"value": value}], "id": f"{node}/insights/{name}/{period}"}

    def _metric_of_post(self, post: Post, name: str) -> Any:
        by_kind = {kind: self._grown(post, kind) for kind in REACTIONS}
        if name == "post_reactions_by_type_total":
            return {kind: number for kind, number in by_kind.items() if number}
        if found := re.fullmatch(r"post_reactions_(\w+)_total", name):
            return by_kind[found[1]]
        if name == "post_clicks_by_type":
            return {"other clicks": self._grown(post, "post_clicks")}
        if name == "post_activity_by_action_type":
            return {"like": by_kind["like"], "comment": self._grown(post, "comments")}
        if name == "post_total_media_view_unique":
            return min(self._grown(post, name), self._grown(post, "post_media_view"))
        return self._grown(post, name)

    def _within(self, request: Request, made: datetime) -> bool:
        since, until = moment(request.one("since"), "since"), moment(request.one("until"), "until")
        return (since is None or made >= since) and (until is None or made <= until)

    def _page(self, request: Request, everything: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """One page of what was found, and `paging` as Graph gives it: absent when nothing is there."""
        limit = request.one("limit", "25") or ""
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise bad_parameter("Param limit must be a number from 1 to 100")
        cursors = [_cursor(one.id) for one in everything]
        after = request.one("after") or ""
        start = cursors.index(after) + 1 if after in cursors else 0
        page, shown = everything[start : start + int(limit)], cursors[start : start + int(limit)]
        if not page:
            return [], {}
        paging: dict[str, Any] = {"cursors": {"before": shown[0], "after": shown[-1]}}
        if start + int(limit) < len(everything):
            query = {name: values[-1] for name, values in request.query.items()} | {"after": shown[-1]}
            paging["next"] = f"{self.url}{request.path}?{urlencode(query)}"
        return page, {"paging": paging}


# --- small things ---------------------------------------------------------------------------------------------------


def _partial(message: str) -> Denied:
    body = {"debug_info": {"retriable": False, "type": "PartialRequestError", "message": message}}
    return Denied(Answer(400, body))


def _cursor(identity: str) -> str:
    return base64.urlsafe_b64encode(identity.encode()).decode().rstrip("=")
