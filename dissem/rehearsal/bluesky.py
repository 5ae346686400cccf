"""A Bluesky account's server (PDS), with the video service and the app's view of posts, for one publisher's needs.

Sessions of an app password, blobs, posts under keys of our choosing, videos, counts. One address plays all hosts:
give it as `api_url`, `video_url` and `web_url`. OAuth, galleries, quotes and mentions by handle are left out.
Sources: https://docs.bsky.app/docs/api/, https://atproto.com/specs/xrpc, https://atproto.com/specs/blob,
https://docs.bsky.app/docs/tutorials/video, and the server at https://github.com/bluesky-social/atproto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, ClassVar
from urllib.parse import quote

from dissem.rehearsal.bluesky_door import ERRORS, BlueskyDoor, denied, invalid
from dissem.rehearsal.bluesky_records import (
    AT_URI,
    POST,
    InvalidRecord,
    blob_cid,
    blobs_of,
    checked,
    record_cid,
)
from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, grown, route
from dissem.rehearsal.wire import Answer, Request

BLOB_LIFE = timedelta(hours=1)  # of a blob that no record refers to; real servers differ
VIDEO_BYTES = 100_000_000  # the video service
MAX_URIS = 25
CEILINGS = {"likeCount": 260, "replyCount": 30, "repostCount": 80, "quoteCount": 8, "bookmarkCount": 40}
PUT_FIELDS = {"repo", "collection", "rkey", "validate", "record", "swapRecord", "swapCommit"}
DELETE_FIELDS = {"repo", "collection", "rkey", "swapRecord", "swapCommit"}


@dataclass(frozen=True)
class Record:
    """A post as the repository has it."""

    cid: str
    value: Mapping[str, Any]
    at: datetime


@dataclass
class Blob:
    """A file at the server; *temporary* until a record refers to it."""

    stored: Stored
    at: datetime
    temporary: bool = True


@dataclass
class VideoJob:
    """A video in the service's hands; `waits` looks until it is done."""

    id: str
    did: str
    data: bytes
    waits: int
    failure: str = ""


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"


class BlueskyStandin(BlueskyDoor):
    """`BlueskyStandin()` has the accounts humas.padang.example and dishub.padang.example; `token` is an app password.

    *polls*: how often a video is still being processed when asked for; *failure*: how the next ones fail instead.
    *indexing*: how long the app takes to see a new post. *wraps_jobs*: `uploadVideo` answers as its lexicon says, and
    not as the service's tutorial does.
    """

    name: ClassVar[str] = "bluesky"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        super().__init__(port=port, now=now)
        self.polls = 1
        self.failure = ""
        self.indexing = timedelta()
        self.wraps_jobs = False
        self.records: dict[str, Record] = {}
        self.blobs: dict[tuple[str, str], Blob] = {}
        self.jobs: dict[str, VideoJob] = {}

    # Blobs and videos

    @route("POST", "/xrpc/com.atproto.repo.uploadBlob", label="upload")
    def upload_blob(self, request: Request) -> Answer:
        account = self._writer(request)
        if not request.type:
            raise invalid("Request encoding (Content-Type) required but not provided")
        if len(request.body) > self.blob_bytes:
            raise denied(413, "PayloadTooLarge", "request entity too large")
        return Answer(200, {"blob": self._keep_blob(account.id, request.body, request.type)})

    def _keep_blob(self, did: str, data: bytes, stated: str) -> dict[str, Any]:
        """Keep a file for the account; what its first bytes tell counts more than what was stated."""
        told = sniff(data)
        kind = stated if told == "application/octet-stream" else told
        name = blob_cid(data)
        known = self.blobs.get((did, name))
        if known is None or known.temporary:
            self.blobs[did, name] = Blob(Stored(data, kind), self.clock())
        return {"$type": "blob", "ref": {"$link": name}, "mimeType": kind, "size": len(data)}

    @route("POST", "/xrpc/app.bsky.video.uploadVideo", label="upload")
    def upload_video(self, request: Request) -> Answer:
        did = self._uploader(request)
        request.entry.unknown_fields += sorted(set(request.query) - {"did", "name"})
        if request.type != "video/mp4":
            raise denied(415, "invalid_content_type", "Content-Type must be video/mp4")
        if len(request.body) > VIDEO_BYTES:
            raise denied(413, "file_too_large", "The file is too large")
        known = next((job for job in self.jobs.values() if job.data == request.body and job.did == did), None)
        if known:
            told = {**self._job_status(known), "error": "already_exists", "message": "Video already processed"}
            return Answer(409, told)
        failure = self.failure or ("" if sniff(request.body) == "video/mp4" else "validation_failure")
        self._numbers += 1
        job = VideoJob(f"job{self._numbers}", did, request.body, self.polls, failure)
        self.jobs[job.id] = job
        told = {"jobId": job.id, "did": did, "state": "JOB_STATE_CREATED"}
        return Answer(200, {"jobStatus": told} if self.wraps_jobs else told)

    def _uploader(self, request: Request) -> str:
        """Whose video comes: the service stores it at the account's server with the token it was given."""
        token = self._token(request, "com.atproto.repo.uploadBlob")
        if token.audience != self.service:
            raise denied(401, "BadJwtAudience", "jwt audience does not match service did")
        if request.one("did") != token.did:
            raise invalid("did does not match the token")
        if not request.one("name"):
            raise invalid("name is required")
        return token.did

    @route("GET", "/xrpc/app.bsky.video.getJobStatus", label="status")
    def get_job_status(self, request: Request) -> Answer:
        job = self.jobs.get(request.one("jobId") or "")
        if job is None:
            raise denied(404, "NotFound", "job not found")
        answer = Answer(200, {"jobStatus": self._job_status(job)})
        job.waits = max(job.waits - 1, 0)
        return answer

    def _job_status(self, job: VideoJob) -> dict[str, Any]:
        told: dict[str, Any] = {"jobId": job.id, "did": job.did}
        if job.waits:
            return {**told, "state": "JOB_STATE_ENCODING", "progress": 40}
        if job.failure:
            return {**told, "state": "JOB_STATE_FAILED", "failureCode": job.failure, "error": job.failure}
        return {**told, "state": "JOB_STATE_COMPLETED", "blob": self._keep_blob(job.did, job.data, "video/mp4")}

    # Records

    @route("POST", "/xrpc/com.atproto.repo.putRecord", label="publish")
    def put_record(self, request: Request) -> Answer:
        account = self._writer(request)
        asked = self._input(request, PUT_FIELDS, ("repo", "collection", "rkey", "record"))
        uri, record = self._checked_record(request, account, asked)
        current = self.records.get(uri)
        made = Record(record_cid(record), record, self.clock())
        if current and current.cid == made.cid:
            return Answer(200, {"uri": uri, "cid": made.cid, "validationStatus": "valid"})
        self._require_swap(asked, current)
        return self._stored(request, account, uri, made)

    @route("POST", "/xrpc/com.atproto.repo.createRecord", label="publish")
    def create_record(self, request: Request) -> Answer:
        account = self._writer(request)
        asked = self._input(request, PUT_FIELDS - {"swapRecord"}, ("repo", "collection", "record"))
        asked.setdefault("rkey", self._next_tid())
        uri, record = self._checked_record(request, account, asked)
        if uri in self.records:
            raise denied(500, *ERRORS[500])
        return self._stored(request, account, uri, Record(record_cid(record), record, self.clock()))

    def _checked_record(
        self, request: Request, account: Account, asked: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        self._require_own(account, asked)
        if asked["collection"] != POST:
            raise invalid(f"Lexicon not found: {asked['collection']}")
        record = asked["record"]
        if not isinstance(record, dict):
            raise invalid("Input/record must be an object")
        record = {"$type": POST, **record}
        if record["$type"] != POST:
            raise invalid(f"Invalid $type: expected {POST}, got {record['$type']}")
        try:
            request.entry.unknown_fields += list(checked(record, str(asked["rkey"])))
        except InvalidRecord as error:
            raise invalid(str(error)) from None
        return f"at://{account.id}/{POST}/{asked['rkey']}", record

    def _require_own(self, account: Account, asked: Mapping[str, Any]) -> None:
        owner = self._named(str(asked["repo"]))
        if owner is None:
            raise denied(403, "AccountNotFound", "Account not found")
        if owner.id != account.id:
            raise denied(401, "AuthenticationRequired", "Authentication Required")

    def _require_swap(self, asked: Mapping[str, Any], current: Record | None) -> None:
        """Compare and swap: null means that nothing may be there yet; left out, anything may."""
        if "swapRecord" in asked and asked["swapRecord"] != (current.cid if current else None):
            raise invalid(f"Record was at {current.cid if current else 'null'}", "InvalidSwap")

    def _stored(self, request: Request, account: Account, uri: str, made: Record) -> Answer:
        media = tuple(self._referred(account, blob, alt) for blob, alt in blobs_of(made.value))
        self.records[uri] = made
        reply = made.value.get("reply")
        live = Live(
            account=account.handle,
            id=uri,
            url=f"{self.url}/profile/{account.id}/post/{uri.rpartition('/')[2]}",
            text=made.value["text"],
            at=made.at,
            media=media,
            reply_to=reply["parent"]["uri"] if reply else None,
        )
        self.show(request, live)
        commit = {"cid": record_cid([uri, made.cid]), "rev": self._next_tid()}
        return Answer(200, {"uri": uri, "cid": made.cid, "commit": commit, "validationStatus": "valid"})

    def _referred(self, account: Account, blob: Mapping[str, Any], alt: str) -> Stored:
        """The file behind a blob of a record, kept for good from now on."""
        name = blob["ref"]["$link"]
        found = self.blobs.get((account.id, name))
        if found is None or (found.temporary and self.clock() - found.at > BLOB_LIFE):
            raise invalid(f"Could not find blob: {name}", "BlobNotFound")
        if found.temporary and blob["mimeType"] != found.stored.type:
            raise invalid("Referenced Mimetype does not match stored blob.", "InvalidMimeType")
        if found.temporary and blob["size"] != len(found.stored.bytes):
            raise invalid("Referenced Size does not match stored blob.", "InvalidSize")
        found.temporary = False
        return replace(found.stored, alt=alt)

    @route("GET", "/xrpc/com.atproto.repo.getRecord", label="read")
    def get_record(self, request: Request) -> Answer:
        repo, collection, rkey = (self._parameter(request, name) for name in ("repo", "collection", "rkey"))
        owner = self._named(repo)
        if owner is None:
            raise invalid("Could not locate record")
        uri = f"at://{owner.id}/{collection}/{rkey}"
        if uri not in self.records:
            raise invalid(f"Could not locate record: {uri}", "RecordNotFound")
        return Answer(200, self._entry(uri))

    @route("GET", "/xrpc/com.atproto.repo.listRecords", label="list")
    def list_records(self, request: Request) -> Answer:
        owner = self._named(self._parameter(request, "repo"))
        if owner is None:
            raise invalid(f"Could not find repo: {request.one('repo')}")
        limit = request.one("limit") or "50"
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise invalid("Error: limit must be between 1 and 100")
        within = f"at://{owner.id}/{self._parameter(request, 'collection')}/"
        uris = sorted((uri for uri in self.records if uri.startswith(within)), reverse=True)
        uris = uris[1:] if request.hides_newest else uris
        if cursor := request.one("cursor"):
            uris = [uri for uri in uris if uri < within + cursor]
        page = uris[: int(limit)]
        more = {"cursor": page[-1].rpartition("/")[2]} if page else {}
        return Answer(200, {"records": [self._entry(uri) for uri in page], **more})

    @route("POST", "/xrpc/com.atproto.repo.deleteRecord", label="delete")
    def delete_record(self, request: Request) -> Answer:
        account = self._writer(request)
        asked = self._input(request, DELETE_FIELDS, ("repo", "collection", "rkey"))
        self._require_own(account, asked)
        uri = f"at://{account.id}/{asked['collection']}/{asked['rkey']}"
        if self.records.pop(uri, None) is None:
            return Answer(200, {})
        self.hide(request, uri)
        return Answer(200, {"commit": {"cid": record_cid([uri]), "rev": self._next_tid()}})

    def _entry(self, uri: str) -> dict[str, Any]:
        record = self.records[uri]
        return {"uri": uri, "cid": record.cid, "value": record.value}

    def _next_tid(self) -> str:
        self._numbers += 1
        number, text = int(self.clock().timestamp() * 1_000_000) << 10 | self._numbers % 1024, ""
        for _ in range(13):
            text, number = "234567abcdefghijklmnopqrstuvwxyz"[number % 32] + text, number // 32
        return text

    # What the app shows

    @route("GET", "/xrpc/app.bsky.feed.getPosts", label="measure")
    def get_posts(self, request: Request) -> Answer:
        """A post that is not there, or not seen yet, is left out without a word."""
        self._token(request, "access")
        uris = request.query.get("uris", [])
        request.entry.unknown_fields += sorted(set(request.query) - {"uris"})
        if not uris:
            raise invalid('Error: Params must have the property "uris"')
        if len(uris) > MAX_URIS:
            raise invalid(f"Error: uris must not have more than {MAX_URIS} elements")
        if not all(AT_URI.fullmatch(uri) for uri in uris):
            raise invalid("Error: uris must be valid at-uris")
        seen = [live for uri in uris if (live := self.find(uri)) and self.age(live) >= self.indexing]
        return Answer(200, {"posts": [self._view(live) for live in seen]})

    @route("GET", "/xrpc/app.bsky.actor.getProfile", label="profile")
    def get_profile(self, request: Request) -> Answer:
        self._token(request, "access")
        owner = self._named(self._parameter(request, "actor"))
        if owner is None:
            raise invalid("Profile not found")
        about = {"did": owner.id, "handle": owner.handle, "displayName": owner.name, "labels": []}
        return Answer(200, {**about, "followersCount": 4210, "followsCount": 12, "postsCount": len(self.records)})

    def counts(self, live: Live) -> dict[str, int]:
        return {name: grown(f"{live.id}:{name}", self.age(live), ceiling) for name, ceiling in CEILINGS.items()}

    def _view(self, live: Live) -> dict[str, Any]:
        record, author = self.records[live.id], self._named(live.account)
        return {
            "uri": live.id,
            "cid": record.cid,
            "author": {"did": author.id if author else "", "handle": live.account, "labels": []},
            "record": record.value,
            **self.counts(live),
            "indexedAt": _iso(live.at + self.indexing),
            "labels": [],
        }

    @route("GET", "/profile/{did}/post/{rkey}")
    def post_page(self, request: Request) -> Answer:
        live = self.find(f"at://{request.params['did']}/{POST}/{request.params['rkey']}")
        if live is None:
            return Answer(404, document("404", "<h1>Kiriman tidak ditemukan</h1>"))
        text = linked(self.records[live.id].value)
        media = "".join(figure(stored) for stored in live.media)
        article = f'<article><h1>{escape(live.account)}</h1><p class="text">{text}</p>{media}</article>'
        return Answer(200, document(live.account, article))


def linked(record: Mapping[str, Any]) -> str:
    """A post's text as HTML with its facets as links, as apps show it: by bytes, whatever they cut."""
    text, shown, end = record["text"].encode(), "", 0
    for facet in sorted(record.get("facets", ()), key=lambda facet: int(facet["index"]["byteStart"])):
        start, stop = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        if not end <= start < stop <= len(text):
            continue  # apps pass over what cannot be
        feature = facet["features"][0]
        target = feature.get("uri") or f"https://bsky.app/hashtag/{quote(feature.get('tag', ''))}"
        shown += f'{_html(text[end:start])}<a href="{escape(target)}">{_html(text[start:stop])}</a>'
        end = stop
    return shown + _html(text[end:])


def _html(piece: bytes) -> str:
    return escape(piece.decode("utf-8", "replace"), quote=False)
