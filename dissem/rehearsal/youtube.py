"""YouTube's Data API v3 and Google's token endpoint as their documentation tells them, for one publisher's needs.

Access tokens from refresh tokens, resumable uploads, processing, thumbnails, privacy, listings, statistics, deletion,
the daily quotas. Left out: uploads in one request (`multipart`, `media`), search, captions, playlists of one's own,
`videos:batchGetStats`, comments, scheduling by YouTube (`publishAt` is kept, and nothing comes of it), the longest
duration of unverified channels.
Sources: https://developers.google.com/youtube/v3/docs (discovery document youtube.v3), /guides/auth, /docs/errors
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from html import escape
from itertools import islice
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, Route, Standin, grown, route
from dissem.rehearsal.wire import Answer, Request
from dissem.rehearsal.youtube_errors import (
    closed,
    denied,
    error,
    oauth_denied,
    quota_exceeded,
    video_not_found,
)
from dissem.rehearsal.youtube_sessions import LARGEST, LIFE, Session
from dissem.rehearsal.youtube_videos import WRITABLE, Video, bare, flaw, written

SCOPE = "https://www.googleapis.com/auth/"
UPLOAD, READ, MANAGE = f"{SCOPE}youtube.upload", f"{SCOPE}youtube.readonly", f"{SCOPE}youtube.force-ssl"
TOKEN_LIFE = timedelta(seconds=3599)
PACIFIC = ZoneInfo("America/Los_Angeles")  # where the day of the quotas begins
THUMBNAIL_BYTES = 2 * 2**20  # the help pages' figure; the discovery document says 50 MiB
MOST_IDS = 50
CEILINGS = {"viewCount": 5200, "likeCount": 310, "commentCount": 40}
COMMON = {"part", "fields", "alt", "prettyPrint", "key", "quotaUser"}
VIDEO_PARTS = {"id", "snippet", "status", "statistics", "contentDetails", "processingDetails", "fileDetails"}
OWNERS_PARTS = {"processingDetails", "fileDetails"}
CHANNEL_PARTS = {"id", "snippet", "status", "statistics", "contentDetails"}
ITEM_PARTS = {"id", "snippet", "status", "contentDetails"}


class YoutubeStandin(Standin):
    """`YoutubeStandin()` has the channels @humaskota and @dishubkota; their `token` is a refresh token.

    `polls` is how often a new video is still being processed when asked for; `persists` the most bytes kept of one
    request; `audited = False` the app whose videos stay private; `verified = False` a channel without thumbnails of
    its own; `hidden` the counts its owner does not show; `revoked` refresh tokens that are good no more;
    `uploads_a_day`, `units_a_day` and `channel_uploads` the quotas of the app and the cap of a channel.
    """

    name: ClassVar[str] = "youtube"
    client_id = "gladi-klien.apps.googleusercontent.com"
    client_secret = "gladi-rahasia-klien"  # noqa: S105 - opens nothing

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        scopes = frozenset({UPLOAD, READ, MANAGE})
        accounts = (
            Account("UCgladi0000000000humas01", "humaskota", "Humas Kota", "1//gladi-youtube-humas", scopes),
            Account("UCgladi000000000dishub01", "dishubkota", "Dinas Perhubungan", "1//gladi-youtube-dishub", scopes),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.polls = 1
        self.persists: int | None = None
        self.audited = self.verified = True
        self.hidden: set[str] = set()
        self.revoked: set[str] = set()
        self.uploads_a_day, self.units_a_day, self.channel_uploads = 100, 10_000, 1_000
        self.videos: dict[str, Video] = {}
        self.sessions: dict[str, Session] = {}
        self.issued: dict[str, tuple[str, datetime]] = {}
        self._spent: Counter[tuple[str, date]] = Counter()
        self._made = 0

    # Logging in

    @route("POST", "/token", label="token")
    def token_endpoint(self, request: Request) -> Answer:
        fields = {name: values[-1] for name, values in request.form().fields.items()}
        if fields.get("grant_type") != "refresh_token":
            raise oauth_denied(400, "unsupported_grant_type", "Invalid grant_type")
        if (fields.get("client_id"), fields.get("client_secret")) != (self.client_id, self.client_secret):
            raise oauth_denied(401, "invalid_client", "The OAuth client was not found.")
        account = self.account_with(token=fields.get("refresh_token", ""))
        if account is None or account.token in self.revoked:
            raise oauth_denied(400, "invalid_grant", "Token has been expired or revoked.")
        request.entry.unknown_fields += sorted(
            set(fields) - {"grant_type", "client_id", "client_secret", "refresh_token"}
        )
        made = self._new_id("ya29.gladi", 40)
        # By the real clock: a rehearsal that lets days pass shall not log a running daemon out.
        self.issued[made] = (account.token, self.now() + TOKEN_LIFE)
        body = {"access_token": made, "expires_in": 3599, "scope": " ".join(sorted(account.scopes))}
        return Answer(200, {**body, "token_type": "Bearer"}, {"Cache-Control": "no-store"})

    def _holder(self, request: Request, *scopes: str) -> Account:
        """Who asks, with one of the *scopes*, or with the one that contains them all."""
        if request.bearer is None:
            raise denied(401, "required", "Login Required.", domain="global", location="Authorization")
        refresh, ends = self.issued.get(request.bearer, ("", self.now()))
        held: Account | None = self.account_with(token=refresh)
        if held is None or held.token in self.revoked or ends <= self.now():
            raise denied(401, "authError", "Invalid Credentials", domain="global", location="Authorization")
        if not held.scopes & {*scopes, MANAGE}:
            message = "Request had insufficient authentication scopes."
            raise denied(403, "insufficientPermissions", message, domain="global")
        return held

    def _channel(self, request: Request, *scopes: str) -> Account:
        """The asking account, which must have a channel."""
        held = self._holder(request, *scopes)
        if not held.id:
            raise denied(401, "youtubeSignupRequired", "Unauthorized", domain="youtube.header")
        return held

    # Quotas

    def _spend(self, bucket: str, cost: int, most: int, limit: str) -> None:
        day = self.clock().astimezone(PACIFIC).date()
        self._spent[bucket, day] += cost
        if self._spent[bucket, day] > most:
            raise quota_exceeded(limit)

    def _spend_units(self, cost: int) -> None:
        self._spend("units", cost, self.units_a_day, "Queries per day")

    # Uploads

    @route("POST", "/upload/youtube/v3/videos", label="begin")
    def begin(self, request: Request) -> Answer:
        account = self._channel(request, UPLOAD)
        known = COMMON | {"uploadType", "notifySubscribers", "autoLevels", "stabilize"}
        parts = self._asked(request, VIDEO_PARTS, known)
        self._spend("uploads", 1, self.uploads_a_day, "Video Uploads per day")
        if request.one("uploadType") != "resumable":
            raise denied(400, "badRequest", "Here only resumable uploads are rehearsed.", domain="global")
        kind, total = self._announced(request)
        values = {**bare(), **written(request.json(), parts)}
        if not self.audited:
            values["status"]["privacyStatus"] = "private"
        self._check_cap(account)
        session = Session(self._new_id("sesi", 48), account.id, values, parts, kind, total, self.clock())
        self.sessions[session.id] = session
        address = f"{self.url}{request.path}?uploadType=resumable&part={','.join(sorted(parts))}&upload_id={session.id}"
        return Answer(200, None, {"Location": address, "X-GUploader-UploadID": session.id})

    def _announced(self, request: Request) -> tuple[str, int | None]:
        kind = request.headers.get("x-upload-content-type", "application/octet-stream")
        if not kind.startswith("video/") and kind != "application/octet-stream":
            message = f"Media type '{kind}' is not supported. Valid media types: [application/octet-stream, video/*]"
            raise denied(400, "badContent", message, domain="global")
        said = request.headers.get("x-upload-content-length", "")
        if said and not said.isdigit():
            raise denied(400, "badRequest", "X-Upload-Content-Length is no number.", domain="global")
        if said and int(said) > LARGEST:
            raise denied(413, "uploadTooLarge", "Media larger than maximum allowed size.", domain="global")
        return kind, int(said) if said else None

    def _check_cap(self, account: Account) -> None:
        day = timedelta(hours=24)
        recent = [v for v in self.videos.values() if v.channel == account.id and self.clock() - v.at < day]
        if len(recent) >= self.channel_uploads:
            raise denied(400, "uploadLimitExceeded", "The user has exceeded the number of videos they may upload.")

    @route("PUT", "/upload/youtube/v3/videos", label="upload")
    def upload(self, request: Request) -> Answer:
        account = self._channel(request, UPLOAD)
        session = self.sessions.get(request.one("upload_id") or "")
        if session is None or session.owner != account.id or self.clock() - session.begun > LIFE:
            raise denied(404, "notFound", "Not Found", domain="global")
        if not session.take(request, self.persists):
            return session.incomplete()
        if not session.video:
            session.video = self._new_video(request, session).id
        if session.video not in self.videos:
            raise denied(404, "notFound", "Not Found", domain="global")
        return Answer(200, self._resource(self.videos[session.video], session.parts))

    def _new_video(self, request: Request, session: Session) -> Video:
        content = bytes(session.held)
        twin = any(v.content == content for v in self.videos.values() if v.channel == session.owner)
        made = Video(
            id=self._new_id("", 11),
            channel=session.owner,
            snippet=session.written["snippet"],
            status=session.written["status"],
            at=self.clock(),
            content=content,
            type=sniff(content) if sniff(content).startswith("video/") else session.type,
            waits=self.polls,
            cause=flaw(content) or ("duplicate" if twin else ""),
        )
        self.videos[made.id] = made
        self._show_or_hide(request, made)
        return made

    @route("POST", "/upload/youtube/v3/thumbnails/set", label="thumbnail")
    def thumbnail(self, request: Request) -> Answer:
        account = self._channel(request, UPLOAD)
        closed(request.query, {*COMMON, "videoId", "uploadType"}, "")
        self._spend_units(50)
        video = self._own(account, request.one("videoId") or "")
        if not self.verified:
            message = "The authenticated user doesn't have permissions to upload and set custom video thumbnails."
            raise denied(403, "forbidden", message, domain="youtube.thumbnail")
        if not request.body:
            raise denied(400, "mediaBodyRequired", "The request does not include the image content.")
        if len(request.body) > THUMBNAIL_BYTES:
            raise denied(413, "uploadTooLarge", "Media larger than maximum allowed size.", domain="global")
        if {request.type, sniff(request.body)} - {"image/jpeg", "image/png", "application/octet-stream"}:
            raise denied(400, "invalidImage", "The provided image content is invalid.", domain="youtube.thumbnail")
        video.thumbnail = request.body
        return Answer(200, {"kind": "youtube#thumbnailSetResponse", "items": [self._thumbnails(video)]})

    # Videos

    @property
    def labels(self) -> set[str]:
        return super().labels | {"measure"}

    def operation(self, made: Route | None, request: Request) -> str:
        label = super().operation(made, request)
        counts = label == "status" and "statistics" in (request.one("part") or "").split(",")
        return "measure" if counts else label

    @route("GET", "/youtube/v3/videos", label="status")
    def list_videos(self, request: Request) -> Answer:
        account = self._holder(request, READ)
        parts = self._asked(request, VIDEO_PARTS, {*COMMON, "id", "hl", "maxResults", "pageToken"})
        self._spend_units(1)
        ids = [one for value in request.query.get("id", ()) for one in value.split(",") if one]
        if not ids:
            message = "No filter selected. Expected one of: chart, id, myRating"
            raise denied(400, "missingRequiredParameter", message, domain="youtube.parameter", location="parameters.")
        if len(set(ids)) > MOST_IDS:
            message = "The request specifies an invalid filter parameter."
            raise denied(400, "invalidFilters", message, domain="youtube.parameter", location="parameters.id")
        found = [v for one in dict.fromkeys(ids) if (v := self.videos.get(one)) and self._sees(account, v)]
        if parts & OWNERS_PARTS and any(v.channel != account.id for v in found):
            raise denied(403, "forbidden", "The request is not properly authorized to access video file information.")
        items = [self._resource(video, parts) for video in found]
        for video in found:
            video.waits = max(video.waits - 1, 0) if parts & {"status", "processingDetails"} else video.waits
        return Answer(200, _listing("videoList", items))

    def _sees(self, account: Account, video: Video) -> bool:
        return video.channel == account.id or video.status["privacyStatus"] != "private"

    @route("PUT", "/youtube/v3/videos", label="publish")
    def update(self, request: Request) -> Answer:
        """Each named part is replaced whole; what is not sent of it falls back to its default."""
        account = self._channel(request)
        parts = self._asked(request, VIDEO_PARTS, COMMON)
        self._spend_units(50)
        resource = request.json()
        values = written(resource, parts)
        video = self._own(account, str(resource.get("id") or ""))
        for part in parts & WRITABLE.keys():
            setattr(video, part, values[part])
        if not self.audited:
            video.status["privacyStatus"] = "private"
        self._show_or_hide(request, video)
        return Answer(200, self._resource(video, parts))

    @route("DELETE", "/youtube/v3/videos", label="delete")
    def delete(self, request: Request) -> Answer:
        account = self._channel(request)
        closed(request.query, {*COMMON, "id"}, "")
        self._spend_units(50)
        video = self._own(account, request.one("id") or "")
        del self.videos[video.id]
        if self.find(video.id):
            self.hide(request, video.id)
        return Answer(204)

    def _own(self, account: Account, video: str) -> Video:
        found = self.videos.get(video)
        if found is None or not self._sees(account, found):
            raise video_not_found()
        if found.channel != account.id:
            raise denied(403, "forbidden", "The request might not be properly authorized.")
        return found

    def _show_or_hide(self, request: Request, video: Video) -> None:
        shown = self.find(video.id)
        if video.is_public:
            handle = next(one.handle for one in self.accounts if one.id == video.channel)
            at = shown.at if shown else self.clock()
            media = (Stored(video.content, video.type),)
            self.show(request, Live(handle, video.id, f"{self.url}/watch?v={video.id}", video.text, at, media))
        elif shown:
            self.hide(request, video.id)

    # Channels and their uploads

    @route("GET", "/youtube/v3/channels", label="account")
    def channels(self, request: Request) -> Answer:
        account = self._holder(request, READ)
        parts = self._asked(request, CHANNEL_PARTS, {*COMMON, "mine", "id", "maxResults"})
        self._spend_units(1)
        if request.one("mine") != "true" and "id" not in request.query:
            message = "No filter selected. Expected one of: id, mine, forHandle, forUsername, managedByMe"
            raise denied(400, "missingRequiredParameter", message, domain="youtube.parameter", location="parameters.")
        wanted = {account.id} if request.one("mine") == "true" else set(request.query["id"])
        items = [self._channel_resource(one, parts) for one in self.accounts if one.id and one.id in wanted]
        answer = _listing("channelList", items)
        if not items:
            del answer["items"]  # so it is where there is nothing
        return Answer(200, answer)

    def _channel_resource(self, account: Account, parts: Collection[str]) -> dict[str, Any]:
        own = [video for video in self.videos.values() if video.channel == account.id]
        told: dict[str, dict[str, Any]] = {
            "snippet": {"title": account.name, "description": "", "customUrl": f"@{account.handle}", "country": "ID"},
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": _uploads_of(account.id)}},
            "status": {
                "privacyStatus": "public",
                "isLinked": True,
                "longUploadsStatus": "allowed" if self.verified else "eligible",
            },
            "statistics": {"subscriberCount": "4210", "videoCount": str(sum(video.is_public for video in own))},
        }
        chosen = {name: part for name, part in told.items() if name in parts}
        return {"kind": "youtube#channel", "etag": "gladi", "id": account.id, **chosen}

    @route("GET", "/youtube/v3/playlistItems", label="list")
    def playlist_items(self, request: Request) -> Answer:
        """The uploads of a channel, newest first; its owner sees the private ones, too."""
        account = self._holder(request, READ)
        parts = self._asked(request, ITEM_PARTS, {*COMMON, "playlistId", "maxResults", "pageToken", "videoId"})
        self._spend_units(1)
        playlist = request.one("playlistId") or ""
        if all(_uploads_of(one.id) != playlist for one in self.accounts):
            message = "The playlist identified with the request's playlistId parameter cannot be found."
            raise denied(404, "playlistNotFound", message, domain="youtube.playlistItem")
        shown = list(islice(self._uploads(account, playlist), 1 if request.hides_newest else 0, None))
        start, size = self._page(request)
        items = [self._item(video, playlist, parts) for video in shown[start : start + size]]
        answer = _listing("playlistItemList", items, total=len(shown), size=size)
        if start + size < len(shown):
            answer["nextPageToken"] = f"EAAaB{start + size}"
        return Answer(200, answer)

    def _uploads(self, account: Account, playlist: str) -> Iterator[Video]:
        for video in reversed(self.videos.values()):
            if _uploads_of(video.channel) == playlist and (video.is_public or video.channel == account.id):
                yield video

    def _page(self, request: Request) -> tuple[int, int]:
        said, token = request.one("maxResults", "5") or "", request.one("pageToken", "EAAaB0") or ""
        if not said.isdigit() or int(said) > 50:
            message = f"Invalid value '{said}'. Values must be within the range: [0, 50]"
            raise denied(400, "invalidParameter", message, domain="global", location="maxResults")
        if not re.fullmatch(r"EAAaB\d+", token):
            message = "The request specifies an invalid page token."
            raise denied(400, "invalidPageToken", message, domain="youtube.parameter", location="pageToken")
        return int(token[5:]), int(said)

    def _item(self, video: Video, playlist: str, parts: Collection[str]) -> dict[str, Any]:
        told: dict[str, dict[str, Any]] = {
            "snippet": {
                "publishedAt": _iso(video.at),
                "channelId": video.channel,
                "title": video.snippet["title"],
                "description": video.snippet["description"],
                "playlistId": playlist,
                "resourceId": {"kind": "youtube#video", "videoId": video.id},
            },
            "contentDetails": {"videoId": video.id, "videoPublishedAt": _iso(video.at)},
            "status": {"privacyStatus": video.status["privacyStatus"]},
        }
        chosen = {name: part for name, part in told.items() if name in parts}
        return {"kind": "youtube#playlistItem", "etag": "gladi", "id": f"UU{video.id}", **chosen}

    # Pages for people

    @route("GET", "/watch")
    def watch(self, request: Request) -> Answer:
        video = self.videos.get(request.one("v") or "")
        if video is None or video.status["privacyStatus"] == "private":
            return Answer(404, document("404", "<h1>Video tidak tersedia</h1>"))
        title, words = escape(video.snippet["title"]), escape(video.snippet["description"])
        shown = figure(Stored(video.content, video.type))
        return Answer(200, document(title, f'<article><h1>{title}</h1>{shown}<p class="text">{words}</p></article>'))

    # Resources

    def counts(self, live: Live) -> dict[str, int]:
        told = {name: grown(f"{live.id}:{name}", self.age(live), most) for name, most in CEILINGS.items()}
        return {name: count for name, count in told.items() if name not in self.hidden}

    def _resource(self, video: Video, parts: Collection[str]) -> dict[str, Any]:
        told: dict[str, dict[str, Any]] = {
            "snippet": {**video.snippet, "publishedAt": _iso(video.at), "channelId": video.channel},
            "status": video.told_status(),
            "statistics": self._statistics(video),
            "contentDetails": {"duration": "PT2S", "dimension": "2d", "definition": "sd", "caption": "false"},
            "processingDetails": self._processing(video),
            "fileDetails": {"fileSize": str(len(video.content)), "fileType": "video"},
        }
        chosen = {name: part for name, part in told.items() if name in parts}
        return {"kind": "youtube#video", "etag": "gladi", "id": video.id, **chosen}

    def _statistics(self, video: Video) -> dict[str, str]:
        """Numbers as texts; what the owner hides is not there at all."""
        live = self.find(video.id)
        counted = self.counts(live) if live else {n: 0 for n in CEILINGS if n not in self.hidden}
        return {name: str(count) for name, count in {**counted, "favoriteCount": 0}.items()}

    def _processing(self, video: Video) -> dict[str, Any]:
        if video.waits:
            progress = {"partsTotal": "1000", "partsProcessed": "400", "timeLeftMs": str(video.waits * 20_000)}
            return {"processingStatus": "processing", "processingProgress": progress}
        return {"processingStatus": "failed" if video.cause else "succeeded"}

    def _thumbnails(self, video: Video) -> dict[str, Any]:
        return {"default": {"url": f"{self.url}/vi/{video.id}/default.jpg", "width": 120, "height": 90}}

    def _asked(self, request: Request, parts: Collection[str], parameters: Collection[str]) -> set[str]:
        """The parts asked for, after the parameters were found to be known."""
        closed(request.query, parameters, "")
        named = {one.strip() for value in request.query.get("part", ()) for one in value.split(",") if one.strip()}
        if not named:
            message = "Required parameter: part"
            raise denied(400, "missingRequiredParameter", message, domain="global", location="part")
        if unknown := sorted(named - set(parts)):
            message = f"'{unknown[0]}'"
            raise denied(400, "unknownPart", message, domain="youtube.part", location="part")
        return named

    def _new_id(self, seed: str, length: int) -> str:
        """Different each time, the same in each rehearsal."""
        self._made += 1
        digest = hashlib.sha512(f"{seed}:{self._made}".encode()).digest()
        made = urlsafe_b64encode(digest).decode()[:length]
        return f"{seed}-{made}" if seed else made

    # Google's own wording

    def not_found(self, request: Request) -> Answer:
        words = "<h1>404</h1><p>The requested URL was not found on this server.</p>"
        return Answer(404, document("Error 404 (Not Found)!!1", words))

    def malformed(self, request: Request) -> Answer:
        return error(400, "parseError", "Parse Error", domain="global")

    def refused(self, request: Request) -> Answer:
        if request.path == "/token":
            return Answer(400, {"error": "invalid_request", "error_description": "Bad Request"})
        return error(400, "invalidVideoMetadata", "The request metadata is invalid.", location="body")

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        usual = super().throttled(request, retry_after)
        body = error(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'.", domain="global").body
        return Answer(429, body, usual.headers)

    def token_expired(self, request: Request) -> Answer:
        if request.path == "/token":
            return oauth_denied(400, "invalid_grant", "Token has been expired or revoked.").answer
        return error(401, "authError", "Invalid Credentials", domain="global", location="Authorization")

    def failed(self, request: Request, status: int) -> Answer:
        """What stands before the API answers with pages, the API itself with its envelope."""
        if status in (502, 504):
            return Answer(status, document(f"Error {status}", f"<h1>{status}</h1><p>That's all we know.</p>"))
        return error(status, "backendError", "Backend Error", domain="global")


def _listing(kind: str, items: list[Any], *, total: int | None = None, size: int | None = None) -> dict[str, Any]:
    about = {"totalResults": len(items) if total is None else total, "resultsPerPage": size or len(items)}
    return {"kind": f"youtube#{kind}Response", "etag": "gladi", "items": items, "pageInfo": about}


def _uploads_of(channel: str) -> str:
    return f"UU{channel[2:]}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
