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
import hmac
import json
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from dissem.rehearsal.standin import Account, Answer, Denied, Live, Request, Route, Standin, Stored, grown, route, sniff

VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")  # alive at the end of 2026
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

EVERYWHERE = {"access_token", "appsecret_proof", "fields", "format", "locale", "pretty"}
FEED = {"message", "link", "attached_media", "published"}
PHOTOS = {
    "source",
    "url",
    "message",
    "caption",
    "name",
    "alt_text_custom",
    "published",
    "temporary",
}
VIDEOS = {
    "source",
    "file_url",
    "fbuploader_video_file_chunk",
    "title",
    "description",
    "published",
    "upload_phase",
    "upload_session_id",
    "file_size",
    "start_offset",
    "end_offset",
    "video_file_chunk",
}
PAGING = {"limit", "since", "until", "after", "before"}

REACTIONS = ("like", "love", "wow", "haha", "sorry", "anger")
POST_METRICS = {
    "post_media_view",
    "post_total_media_view_unique",
    "post_clicks",
    "post_clicks_by_type",
    "post_reactions_by_type_total",
    "post_activity_by_action_type",
    "post_video_views",
    *(f"post_reactions_{kind}_total" for kind in REACTIONS),
}
PAGE_METRICS = {
    "page_media_view",
    "page_total_media_view_unique",
    "page_follows",
    "page_daily_follows",
    "page_daily_follows_unique",
    "page_daily_unfollows_unique",
    "page_post_engagements",
    "page_views_total",
}
CEILINGS = {
    "post_media_view": 6_000,
    "post_total_media_view_unique": 3_500,
    "post_clicks": 300,
    "post_video_views": 900,
    "comments": 25,
    "shares": 30,
    "like": 150,
    "love": 30,
    "wow": 8,
    "haha": 5,
    "sorry": 3,
    "anger": 2,
}
ATTACHMENT = {
    "description",
    "id",
    "media",
    "media_type",
    "subattachments",
    "target",
    "title",
    "type",
    "unshimmed_url",
    "url",
}
MEASURES = re.compile(r"\b(insights|reactions|comments|likes|shares)\b")

# --- answers --------------------------------------------------------------------------------------------------------


def graph_error(
    code: int,
    message: str,
    subcode: int | None = None,
    *,
    status: int = 400,
    transient: bool = False,
    kind: str = "OAuthException",
    title: str = "",
    told: str = "",
) -> Answer:
    """An error in Graph's form; `finish` adds its trace id."""
    error: dict[str, Any] = {"message": message, "type": kind, "code": code, "is_transient": transient}
    if subcode is not None:
        error["error_subcode"] = subcode
    if told:
        error |= {"error_user_title": title, "error_user_msg": told}
    return Answer(status, {"error": error})


def refusal(code: int, message: str, subcode: int | None = None, **more: Any) -> Denied:
    return Denied(graph_error(code, message, subcode, **more))


def bad_parameter(message: str, subcode: int | None = None, **more: Any) -> Denied:
    return refusal(100, f"(#100) {message}", subcode, **more)


def gone(identity: str, method: str = "get") -> Denied:
    """Not there, or not ours to see: Graph does not tell which."""
    message = (
        f"Unsupported {method} request. Object with ID '{identity}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return refusal(100, message, 33, kind="GraphMethodException")


# --- fields ---------------------------------------------------------------------------------------------------------


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
    fields, closed = _list(waiting)
    if closed:
        raise refusal(2500, "Syntax error: a brace too many in the field expression.")
    return fields


def _list(tokens: Iterator[re.Match[str]]) -> tuple[tuple[Field, ...], bool]:
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
            inner, closed = _list(tokens)
            if not closed:
                raise refusal(2500, "Syntax error: a brace is not closed in the field expression.")
            fields[-1] = replace(fields[-1], inner=inner)
    return tuple(fields), False


def _narrowed(value: Any, inner: Sequence[Field], known: Collection[str]) -> Any:
    """*value*, an object or an edge of objects, with the inner fields only."""
    if isinstance(value, dict) and "data" in value:
        return {**value, "data": [_narrowed(one, inner, known) for one in value["data"]]}
    chosen = {}
    for one in inner:
        if one.name not in known and one.name not in value:
            raise bad_parameter(f"Tried accessing nonexisting field ({one.name})")
        if one.name in value:
            chosen[one.name] = _narrowed(value[one.name], one.inner, known) if one.inner else value[one.name]
    return chosen


# --- what is kept ---------------------------------------------------------------------------------------------------


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


@dataclass
class Video:
    """`polls` is how many status reads will still say "processing"; `draft`: taken in, but not put on the page."""

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
    post: str = ""


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


@dataclass
class Upload:
    """A session of the resumable upload API; `handle` is known once every byte is there."""

    id: str
    signature: str
    total: int
    data: bytes = b""
    handle: str = ""


Kept = TypeVar("Kept", Photo, Video, Post)


class FacebookStandin(Standin):
    """Graph API on loopback.

    `guards_duplicates` and `duplicate_window` rule the refusal of a text posted again. `processing_polls` is how many
    status reads of a video say "processing"; `processing_error`, when set, is how that ends. `usage_percent` is what
    the usage header tells. `requires_proof` demands `appsecret_proof`, which is verified whenever it is sent.
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
        self.app_id = "204000000000002"
        self.app_secret = "rehearsal-app-secret"  # noqa: S105 - opens nothing but this stand-in
        self.guards_duplicates = True
        self.duplicate_window = timedelta(hours=1)
        self.processing_polls = 1
        self.processing_error = ""
        self.chunk_bytes = 1 * MIB
        self.usage_percent = 1
        self.requires_proof = False
        self._photos: dict[str, Photo] = {}
        self._videos: dict[str, Video] = {}
        self._posts: dict[str, Post] = {}
        self._uploads: dict[str, Upload] = {}
        self._numbers = count(122_100_000_000_000_001)
        self._traces = count(1)

    @property
    def page(self) -> str:
        """The id of the first page."""
        return str(self.accounts[0].id)

    @property
    def access_token(self) -> str:
        """The page access token of the first page."""
        return self.token

    # Account

    @route("GET", "/{version}/debug_token", label="account")
    def debug_token(self, request: Request) -> Answer:
        self._sign_in(request)
        asked = self._arguments(request, {"input_token"}).get("input_token", "")
        account = self._account(token=asked)
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
        published = _flag(given, "published", True)
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
        published, temporary = _flag(given, "published", True), _flag(given, "temporary", False)
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
        total = _integer(given, "file_length", least=1)
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
        calls = _json(self._arguments(request, {"batch", "include_headers"}).get("batch", ""), "batch")
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

    def not_found(self, request: Request) -> Answer:
        return graph_error(2500, f"Unknown path components: {request.path}")

    def refused(self, request: Request) -> Answer:
        return graph_error(100, "(#100) Invalid parameter")

    def malformed(self, request: Request) -> Answer:
        return graph_error(100, "(#100) The request body cannot be read")

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """With a time: the page's own limit (80001) and when it ends, in minutes; without: the older code 32."""
        if retry_after is None:
            return graph_error(32, "(#32) Page request limit reached")
        answer = graph_error(80001, "(#80001) There have been too many calls to this Page account.", 2494055)
        return replace(answer, headers=self._usage(request, 100, -int(-retry_after // 60)))

    def token_expired(self, request: Request) -> Answer:
        message = "Error validating access token: Session has expired."
        return graph_error(190, message, 463)

    def failed(self, request: Request, status: int) -> Answer:
        message = "An unexpected error has occurred. Please retry your request later."
        return graph_error(2, message, status=status, transient=True)

    def duplicate_refused(self, request: Request) -> Answer:
        told = "This status update is identical to the last one you posted."
        return graph_error(506, "Duplicate status message", 1455006, title="Duplicate Status Update", told=told)

    def finish(self, request: Request, answer: Answer) -> Answer:
        """Every answer tells its version and the page's usage; an error has a trace id."""
        trace = f"A{next(self._traces):010d}"
        body = answer.body
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            body = {"error": {"fbtrace_id": trace, **body["error"]}}
        told = {"facebook-api-version": self._version(request), "x-fb-trace-id": trace}
        untold = isinstance(body, dict) and body.get("error", {}).get("code") == 32
        usage = {} if untold else self._usage(request, self.usage_percent, 0)
        return replace(answer, body=body, headers={**told, **usage, **answer.headers})

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
                return "status" if node in self._videos else "account" if self._account(id=node) else "read"
        return "read" if made.handler == "read_nodes" else made.label

    # Who asks, and what

    def _sign_in(self, request: Request, *scopes: str) -> FacebookPage:
        self._check_version(request)
        token = self._token(request)
        if not token:
            raise refusal(2500, "An active access token must be used to query information about the current user.")
        account = self._account(token=token)
        if account is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        self._check_proof(request, token)
        for scope in scopes:
            if scope not in account.scopes:
                code = 200 if scope == "pages_manage_posts" else 10
                raise refusal(code, f"(#{code}) The permission {scope} must be granted before this can be done.")
        return account

    def _page_for(self, request: Request, *scopes: str) -> FacebookPage:
        """The page in the path, when the token is its own."""
        account = self._sign_in(request, *scopes)
        page = request.params["page"]
        if page in (account.id, "me"):
            return account
        if self._account(id=page):
            raise refusal(200, "(#200) The token is not one of this page.")
        raise gone(page, request.method.lower())

    def _account(self, **known: str) -> FacebookPage | None:
        for account in self.accounts:
            if all(value and getattr(account, name) == value for name, value in known.items()):
                return account if isinstance(account, FacebookPage) else None
        return None

    def _token(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() in ("bearer", "oauth"):
            return token.strip()
        return self._loosely(request).get("access_token", "")

    def _check_proof(self, request: Request, token: str) -> None:
        proof = self._loosely(request).get("appsecret_proof")
        if proof is None and not self.requires_proof:
            return
        right = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, proof or ""):
            raise refusal(100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")

    def _check_version(self, request: Request) -> None:
        asked = _version_number(request.params.get("version", ""))
        if asked is None or asked > (_version_number(VERSIONS[-1]) or (0, 0)):
            raise Denied(self.not_found(request))

    def _version(self, request: Request) -> str:
        """The version that answers: the one asked for, or the oldest that lives."""
        asked = request.params.get("version", "")
        return asked if asked in VERSIONS else VERSIONS[0] if _version_number(asked) else VERSIONS[-1]

    def _usage(self, request: Request, percent: int, minutes: int) -> dict[str, str]:
        account = self._account(token=self._token(request))
        if account is None:
            return {}
        usage = {
            "type": "pages",
            "call_count": percent,
            "total_cputime": percent,
            "total_time": percent,
            "estimated_time_to_regain_access": minutes,
        }
        return {"X-Business-Use-Case-Usage": json.dumps({account.id: [usage]})}

    def _loosely(self, request: Request) -> dict[str, str]:
        """Every parameter, from query and body, unchecked; without a readable body, the query's."""
        given = {name: values[-1] for name, values in request.query.items()}
        try:
            if request.type == "application/json" and request.body:
                body = request.json()
                sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
                return given | sent
            return given | {name: values[-1] for name, values in request.form().fields.items()}
        except (ValueError, AttributeError):
            return given

    def _arguments(self, request: Request, known: Collection[str]) -> dict[str, str]:
        """Every parameter; refused with code 100 when one is not *known*."""
        request.form()
        given = self._loosely(request)
        for name in (*given, *request.form().files):
            if name.partition("[")[0] not in known and name not in EVERYWHERE:
                raise bad_parameter(f"Param {name} is not supported")
        return given

    def _fields(self, request: Request, known: Collection[str]) -> tuple[Field, ...]:
        return wanted_fields(self._arguments(request, known).get("fields", ""))

    # Publishing, in steps

    def _number(self) -> str:
        return str(next(self._numbers))

    def _check_text(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise bad_parameter("Param message is too long")

    def _attached(self, account: FacebookPage, given: Mapping[str, str]) -> list[Photo]:
        """The photos named in `attached_media`, as a JSON list or as numbered parameters."""
        if "attached_media" in given:
            entries = _json(given["attached_media"], "attached_media")
        else:
            numbered = {name: value for name, value in given.items() if name.startswith("attached_media[")}
            for name in numbered:
                if not re.fullmatch(r"attached_media\[\d+\]", name):
                    raise bad_parameter(f"Param {name} is not supported")
            ordered = sorted(numbered, key=lambda name: int(name[15:-1]))
            entries = [_json(numbered[name], name) for name in ordered]
        if not isinstance(entries, list):
            raise bad_parameter("Param attached_media must be an array.")
        return [self._attachable(account, entry) for entry in entries]

    def _attachable(self, account: FacebookPage, entry: Any) -> Photo:
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

    def _start_video(self, account: FacebookPage, given: Mapping[str, str]) -> dict[str, Any]:
        total = _integer(given, "file_size", least=1)
        video = Video(self._number(), account.id, total, self.clock(), session=self._number())
        self._videos[video.id] = video
        return {"video_id": video.id, "upload_session_id": video.session, **self._offsets(video)}

    def _offsets(self, video: Video) -> dict[str, str]:
        start = len(video.data)
        return {"start_offset": str(start), "end_offset": str(min(start + self.chunk_bytes, video.total))}

    def _in_session(self, account: FacebookPage, given: Mapping[str, str]) -> Video:
        asked = given.get("upload_session_id", "")
        for video in self._videos.values():
            if asked and video.session == asked and video.page == account.id and not video.accepted:
                return video
        raise bad_parameter("Invalid upload_session_id: the session is unknown or finished")

    def _transfer_video(self, request: Request, video: Video, given: Mapping[str, str]) -> dict[str, Any]:
        chunk = request.form().file("video_file_chunk")
        if chunk is None or not chunk.bytes:
            raise bad_parameter("The parameter video_file_chunk is required")
        if _integer(given, "start_offset") != len(video.data):
            answer = graph_error(6001, "There was a problem uploading your video file: wrong offset.", 1363037)
            answer.body["error"]["error_data"] = self._offsets(video)
            raise Denied(answer)
        if len(video.data) + len(chunk.bytes) > video.total:
            raise refusal(6000, "There was a problem uploading your video file: more than announced.", 1363030)
        video.data += chunk.bytes
        return self._offsets(video)

    def _accept_video(self, request: Request, account: FacebookPage, video: Video, given: Mapping[str, str]) -> None:
        """Take in what is said about a video, and put it on the page unless it shall not, cannot, or already is."""
        video.title = given.get("title", given.get("name", video.title))
        video.description = given.get("description", video.description)
        self._check_text(video.description)
        first, video.accepted = not video.accepted, True
        if first:
            video.polls, video.cause = self.processing_polls, self.processing_error
        if not _flag(given, "published", first) or video.post or video.cause:
            return
        width, height = mp4_size(video.data) or (0, 0)
        video.draft = height > width  # taken for a reel: a draft for the page's people, while the answer is a success
        if not video.draft:
            post = self._new_post(account, video.description, video=video.id)
            video.post = post.id
            self._go_live(request, account, post)

    def _new_post(
        self, account: FacebookPage, message: str, *, link: str = "", photos: tuple[str, ...] = (), video: str = ""
    ) -> Post:
        identity = f"{account.id}_{self._number()}"
        post = Post(identity, account.id, message, self.clock(), link=link, photos=photos, video=video)
        self._posts[identity] = post
        return post

    def _go_live(self, request: Request, account: FacebookPage, post: Post) -> None:
        post.published = True
        live = Live(
            account=account.id,
            id=post.id,
            url=_permalink(post),
            text=post.message or post.link,
            at=post.made,
            media=self._stored(post),
        )
        self.show(request, live)

    def _stored(self, post: Post) -> tuple[Stored, ...]:
        if post.video:
            return (Stored(self._videos[post.video].data, "video/mp4"),)
        return tuple(self._photos[one].stored for one in post.photos if one in self._photos)

    def _repeats(self, account: FacebookPage, message: str, link: str) -> bool:
        return any(
            post.page == account.id
            and (post.message, post.link) == (message, link)
            and not post.photos
            and not post.video
            and self.clock() - post.made < self.duplicate_window
            for post in self._posts.values()
        )

    def _change_post(self, request: Request, account: FacebookPage, post: Post) -> None:
        given = self._arguments(request, {"message", "is_published"})
        self._check_text(given.get("message", ""))
        post.message = given.get("message", post.message)
        if _flag(given, "is_published", False) and not post.published:
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

    def _own(self, kept: Mapping[str, Kept], account: FacebookPage, identity: str) -> Kept | None:
        found = kept.get(identity)
        return found if found and found.page == account.id else None

    def _node(self, account: FacebookPage, identity: str, fields: Sequence[Field]) -> dict[str, Any]:
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
            return self._shown("Photo", self._photo_values(photo), fields or wanted_fields("created_time,name"))
        raise gone(identity)

    def _need(self, account: FacebookPage, scope: str) -> None:
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
                shown[wanted.name] = _narrowed(value, wanted.inner, ATTACHMENT) if wanted.inner else value
        return {**shown, "id": values["id"]}

    def _page_values(self, account: FacebookPage) -> dict[str, Any]:
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

    def _post_values(self, account: FacebookPage, post: Post) -> dict[str, Any]:
        return {
            "id": post.id,
            "message": post.message or None,
            "created_time": _instant(post.made),
            "updated_time": _instant(post.made),
            "permalink_url": _permalink(post),
            "status_type": _status_type(post),
            "is_published": post.published,
            "is_hidden": False,
            "from": {"name": account.name, "id": account.id},
            "story": None,
            "full_picture": None,
            "attachments": lambda wanted: self._attachments(post),
            "shares": lambda wanted: self._shares(post),
            "reactions": lambda wanted: self._people(account, post, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, post, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, post, wanted, ("comments",)),
            "insights": lambda wanted: self._edge_insights(account, post, wanted),
        }

    def _photo_values(self, photo: Photo) -> dict[str, Any]:
        return {
            "id": photo.id,
            "name": photo.name or None,
            "alt_text": photo.stored.alt or None,
            "alt_text_custom": photo.stored.alt or None,
            "created_time": _instant(photo.made),
            "updated_time": _instant(photo.made),
            "page_story_id": photo.post or None,
            "link": f"https://www.facebook.com/photo.php?fbid={photo.id}",
        }

    def _video_values(self, account: FacebookPage, video: Video) -> dict[str, Any]:
        shown = self._posts.get(video.post, video)
        return {
            "id": video.id,
            "title": video.title or None,
            "description": video.description or None,
            "created_time": _instant(video.made),
            "updated_time": _instant(video.made),
            "permalink_url": f"/{video.page}/videos/{video.id}/",
            "post_id": video.post or None,
            "published": bool(video.post),
            "status": lambda wanted: self._video_status(video),
            "views": lambda wanted: self._grown(shown, "post_video_views"),
            "reactions": lambda wanted: self._people(account, shown, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, shown, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, shown, wanted, ("comments",)),
        }

    def _video_status(self, video: Video) -> dict[str, Any]:
        """How far the video is; each look brings its processing one step on."""
        sent = {"status": "complete" if len(video.data) == video.total else "in_progress"}
        uploading = {**sent, "bytes_transferred": len(video.data)}
        if not video.accepted:
            waiting = {"status": "not_started"}
            phases = {"uploading_phase": uploading, "processing_phase": waiting, "publishing_phase": waiting}
            return {"video_status": "uploading", **phases}
        working, video.polls = video.polls > 0, max(video.polls - 1, 0)
        if not working and video.cause:
            errors = [{"code": 1363030, "message": video.cause}]
            failed = {"status": "error", "errors": errors}
            waiting = {"status": "not_started"}
            phases = {"uploading_phase": uploading, "processing_phase": failed, "publishing_phase": waiting}
            return {"video_status": "error", **phases}
        state = "processing" if working else "ready"
        processing = {"status": "in_progress" if working else "complete"}
        phases = {"uploading_phase": uploading, "processing_phase": processing, "publishing_phase": _publishing(video)}
        return {"video_status": state, **phases}

    def _attachments(self, post: Post) -> dict[str, Any] | None:
        photos = [{"media_type": "photo", "type": "photo", "target": _target(one)} for one in post.photos]
        if len(photos) > 1:
            album = {"media_type": "album", "type": "album", "target": {"url": _permalink(post)}}
            return {"data": [{**album, "subattachments": {"data": photos}}]}
        if photos:
            return {"data": photos}
        if post.video:
            return {"data": [{"media_type": "video", "type": "video_inline", "target": _target(post.video)}]}
        if post.link:
            link = {"url": post.link, "unshimmed_url": post.link, "target": {"url": post.link}}
            return {"data": [{"media_type": "link", "type": "share", **link}]}
        return None

    def _grown(self, post: Live | Post | Video, name: str) -> int:
        if isinstance(post, Video):
            return 0  # nobody has seen it
        made = post.made if isinstance(post, Post) else post.at
        return grown(f"{post.id} {name}", self.clock() - made, CEILINGS[name])

    def _shares(self, post: Post) -> dict[str, int] | None:
        """Absent, not 0, while nobody has shared."""
        shares = self._grown(post, "shares")
        return {"count": shares} if shares else None

    def _people(self, account: FacebookPage, post: Post | Video, wanted: Field, kinds: Iterable[str]) -> dict[str, Any]:
        self._need(account, "pages_read_user_content")
        if unknown := wanted.options.keys() - {"limit", "summary", "type", "filter", "order"}:
            raise bad_parameter(f"Param {min(unknown)} is not supported")
        total = sum(self._grown(post, kind) for kind in kinds)
        summary = {"summary": {"total_count": total}} if wanted.options.get("summary") in ("true", "1") else {}
        return {"data": [], **summary}

    def _edge_insights(self, account: FacebookPage, post: Post, wanted: Field) -> dict[str, Any]:
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
        since, until = _moment(request.one("since"), "since"), _moment(request.one("until"), "until")
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


def _flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value not in ("true", "false", "1", "0"):
        raise bad_parameter(f"Param {name} must be a boolean")
    return value in ("true", "1")


def _integer(given: Mapping[str, str], name: str, least: int = 0) -> int:
    value = given.get(name, "")
    if not value.isdigit() or int(value) < least:
        raise bad_parameter(f"Param {name} must be an integer of at least {least}")
    return int(value)


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise bad_parameter(f"Param {name} must be valid JSON") from error


def _moment(text: str | None, name: str) -> datetime | None:
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


def _partial(message: str) -> Denied:
    body = {"debug_info": {"retriable": False, "type": "PartialRequestError", "message": message}}
    return Denied(Answer(400, body))


def _version_number(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"v(\d+)\.(\d)", text)
    return (int(found[1]), int(found[2])) if found else None


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _permalink(post: Post) -> str:
    page, _, number = post.id.partition("_")
    return f"https://www.facebook.com/{page}/posts/{number}"


def _status_type(post: Post) -> str:
    if post.video:
        return "added_video"
    if post.photos:
        return "added_photos"
    return "shared_story" if post.link else "mobile_status_update"


def _target(identity: str) -> dict[str, str]:
    return {"id": identity, "url": f"https://www.facebook.com/{identity}"}


def _publishing(video: Video) -> dict[str, Any]:
    if video.post:
        return {"status": "complete", "publish_status": "published", "publish_time": _instant(video.made)}
    return {"status": "not_started", "publish_status": "draft" if video.draft else "unpublished"}


def _cursor(identity: str) -> str:
    return base64.urlsafe_b64encode(identity.encode()).decode().rstrip("=")
