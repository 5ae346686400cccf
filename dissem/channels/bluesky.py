"""Bluesky: text, up to four pictures or a video, threads; counts likes, replies, reposts with quotes, and bookmarks.

A post has a key of our choosing, made from the part's own. It is put there on the condition that nothing is there yet,
so a request that comes twice makes one post; after a lost answer the key is read.
API: https://docs.bsky.app/docs/api/com-atproto-repo-put-record
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from dissem.channels import bluesky_text
from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
    Seen,
)
from dissem.channels.bluesky_login import Login, Missing, require_active, told
from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError, NotYet, Refused, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network

POST = "app.bsky.feed.post"
BLOB_LIFE = timedelta(minutes=50)  # servers drop a file that no post refers to, most after an hour or later
POLL = timedelta(seconds=5)  # between two looks at a video in processing
KEYS = timedelta(days=1)  # how far a key may be off the moment of its post, among those that others made
PAGE, PAGES = 100, 20  # records a listing, and listings read before giving up
UPLOAD_TIME = timedelta(minutes=30)  # the service's own advice for the life of an upload's token

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # where a part does not say when it was made
_HOUR = 3_600_000_000  # microseconds
_OF_THE_FILE = {"validation_failure", "encoding_failure", "pds_upload_unsupported_blob_size"}


class Bluesky(Adapter):
    """One account, spoken for by an app password."""

    platform = "bluesky"
    facts = Facts(
        label="Bluesky",
        certainties=frozenset({Certainty.KEYED}),
        text=bluesky_text.GRAPHEMES,
        images=4,
        videos=1,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        image_bytes=1_000_000,  # servers of 2026 take twice as much, older ones do not
        image_side=2000,  # larger ones are shown no larger
        video_bytes=100_000_000,
        video_seconds=180,
        alt=1000,  # graphemes
        threads=True,
        prepares_text=True,
        counts=frozenset({"likes", "comments", "shares", "saves"}),
        batch=25,
        ahead=timedelta(minutes=20),
    )

    class Settings(Adapter.Settings):
        """*identifier*: the handle, or the DID. An app password is made under Settings, Privacy and security.

        *video_url*: the service that processes videos. *web_url*: where people open posts.
        """

        api_url: str = "https://bsky.social"
        video_url: str = "https://video.bsky.app"
        web_url: str = "https://bsky.app"
        identifier: str
        app_password: SecretStr

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        password = settings.app_password.get_secret_value()
        self.login = Login(settings.api_url, settings.identifier, password, network=network)
        self.videos = Client(settings.video_url, network=network, translate=_of_videos)

    @classmethod
    def length(cls, text: str) -> int:
        """Grapheme clusters, or a tenth of the UTF-8 bytes where that is more."""
        return bluesky_text.length(text)

    def certainty(self, part: Part) -> Certainty:
        return Certainty.KEYED

    def check(self) -> Account:
        """The account's DID, its handle, and how large a file its server takes."""
        me = self.login.call("GET", "com.atproto.server.getSession")
        did, handle = me.member("did"), me.member("handle")
        require_active(me.json())
        return Account(id=did, name=handle, url=f"{self._web}/profile/{handle}", limits=self._limits())

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Log in, find the place in the thread, upload what is missing; a video is waited for."""
        self.login.session()
        if part.after and not prepared.get("reply"):
            prepared = prepared.having(reply=self._place_below(part.after))
            yield prepared
        for attachment in part.attachments[len(prepared.get("blobs")) :]:
            if attachment.is_video:
                yield from self._with_video(attachment, prepared)
            else:
                prepared = prepared.adding("blobs", self._uploaded(attachment)).until(_now() + BLOB_LIFE)
                yield prepared

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One post, put under its key if nothing is there."""
        reply = prepared.get("reply") or (self._place_below(part.after) if part.after else None)
        facets, embed = bluesky_text.facets(part.text), _embed(part, prepared.get("blobs"))
        record = {
            "$type": POST,
            "text": part.text,
            "createdAt": _now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "langs": [part.language],
            **({"facets": facets} if facets else {}),
            **({"embed": embed} if embed else {}),
            **({"reply": reply} if reply else {}),
        }
        asked = {**self._named(key_of(part)), "record": record, "swapRecord": None}
        return self._receipt(self.login.once("com.atproto.repo.putRecord", json=asked).member("uri"))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """What stands under the part's key, at the account's own server: its answer is complete and never late."""
        try:
            return [self._receipt(self._record(key_of(part)).member("uri"))]
        except Missing:
            return []
        except Refused as error:
            raise Uncertain("Bluesky could not be asked for the post: {reason}", reason=error.text) from error

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """What the app shows; a post it does not show is gone if the account's own server says so, too."""
        did = self.login.session().did
        uris = {_uri(did, receipt.id): receipt.id for receipt in receipts}
        answer = self.login.call("GET", "app.bsky.feed.getPosts", params={"uris": list(uris)})
        shown = {post["uri"]: post for post in answer.member("posts")}
        counted: dict[str, Counts | Gone] = {uris[uri]: _counts(post) for uri, post in shown.items() if uri in uris}
        gone = [ours for uri, ours in uris.items() if uri not in shown and self._is_gone(_key(uri))]
        return counted | dict.fromkeys(gone, Gone())

    def recent(self, since: datetime) -> Sequence[Seen]:
        """By the account's own server, whose list is in the order of the keys, newest first. When it was made is what a
        post says itself, so that its key, which others have from the server, is asked as well."""
        seen, cursor = [], ""
        for _ in range(PAGES):
            named = {"repo": self.login.session().did, "collection": POST, "limit": PAGE}
            asked = {**named, **({"cursor": cursor} if cursor else {})}
            answer = self.login.call("GET", "com.atproto.repo.listRecords", params=asked)
            page = [self._seen(record) for record in answer.member("records")]
            seen += [one for one, above in page if not above and one.at >= since]
            cursor = str(answer.json().get("cursor") or "")
            if not cursor or (page and max(one.at for one, _above in page) < since - KEYS):
                return seen
        raise Unreachable("The account has too many posts to look through.")

    def _seen(self, record: Mapping[str, Any]) -> tuple[Seen, bool]:
        """A listed post, and whether it answers another."""
        try:
            value, receipt = record["value"], self._receipt(record["uri"])
            at = max(datetime.fromisoformat(value["createdAt"]), _moment_of(_key(receipt.id)))
            return Seen(receipt.id, at, receipt.url, str(value.get("text") or "")), bool(value.get("reply"))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable("The platform's answer could not be read.") from error

    def followers(self) -> int:
        who = {"actor": self.login.session().did}
        return int(self.login.call("GET", "app.bsky.actor.getProfile", params=who).member("followersCount"))

    def remove(self, receipt: Receipt) -> None:
        """Bluesky's own answer is the same for a post that is gone already."""
        self.login.call("POST", "com.atproto.repo.deleteRecord", json=self._named(_key(receipt.id)))

    @property
    def _web(self) -> str:
        return str(self.settings.web_url).rstrip("/")

    def _named(self, key: str) -> dict[str, str]:
        """What names one of our posts in a request."""
        return {"repo": self.login.session().did, "collection": POST, "rkey": key}

    def _record(self, key: str) -> Answer:
        return self.login.call("GET", "com.atproto.repo.getRecord", params=self._named(key))

    def _is_gone(self, key: str) -> bool:
        try:
            self._record(key)
        except Missing:
            return True
        return False

    def _receipt(self, uri: str) -> Receipt:
        """The DID is in the link, for a handle may change."""
        return Receipt(id=uri, url=f"{self._web}/profile/{self.login.session().did}/post/{_key(uri)}")

    def _limits(self) -> dict[str, Any]:
        """What the server says of files, under the names of `Facts`; empty where it does not tell."""
        server = self.login.call("GET", "com.atproto.server.describeServer").json()
        most = server.get("blobUploadLimit") if isinstance(server, dict) else None
        if not isinstance(most, int):
            return {}
        return {"image_bytes": min(most, self.facts.image_bytes), "video_bytes": min(most, self.facts.video_bytes)}

    def _place_below(self, after: Receipt) -> dict[str, Any]:
        """The reference of a reply: its parent, and the first post of the thread, each with the version it has."""
        found = self._record(_key(after.id))
        parent = {"uri": found.member("uri"), "cid": found.member("cid")}
        above = found.member("value").get("reply")
        return {"root": above["root"] if above else parent, "parent": parent}

    # Files

    def _uploaded(self, picture: Attachment) -> dict[str, Any]:
        """The blob of a picture, to stand in the record as it is."""
        headers = {"Content-Type": picture.type}
        content = picture.path.read_bytes()
        answer = self.login.call("POST", "com.atproto.repo.uploadBlob", headers=headers, data=content, total=None)
        blob: dict[str, Any] = answer.member("blob")
        return blob

    def _with_video(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """Give the video to the service, and wait until it has stored it at the account's server."""
        if not prepared.get("job"):
            prepared = prepared.having(job=self._video_job(video)).until(_now() + BLOB_LIFE)
            yield prepared
        try:
            yield prepared.adding("blobs", self._processed(prepared.get("job")))
        except _Lost:
            yield prepared.having(job="")  # the next try begins anew
            raise

    def _video_job(self, video: Attachment) -> str:
        session = self.login.session()
        host = quote(urlsplit(session.server).netloc, safe="")
        asked = {
            "aud": f"did:web:{host}",  # the service uploads to the account's server in our name
            "lxm": "com.atproto.repo.uploadBlob",
            "exp": int((_now() + UPLOAD_TIME).timestamp()),
        }
        token = self.login.call("GET", "com.atproto.server.getServiceAuth", params=asked).member("token")
        with video.path.open("rb") as file:
            try:
                answer = self.videos.post(
                    "/xrpc/app.bsky.video.uploadVideo",
                    params={"did": session.did, "name": f"{video.sha256[:16]}.mp4"},
                    headers={"Authorization": f"Bearer {token}", "Content-Type": video.type},
                    data=file,
                    total=None,
                )
            except _Known as known:
                return known.job
        wrapped = "jobStatus" in answer.json()  # as its lexicon says; the service did not always
        return str(answer.member("jobStatus", "jobId") if wrapped else answer.member("jobId"))

    def _processed(self, job: str) -> dict[str, Any]:
        """The blob of a finished video, told also where the state is no success; any unknown state means: not yet."""
        status = self.videos.get("/xrpc/app.bsky.video.getJobStatus", params={"jobId": job}).member("jobStatus")
        if status.get("blob"):
            return dict(status["blob"])
        if status.get("state") != "JOB_STATE_FAILED":
            raise NotYet("Bluesky is still processing the video.", retry_after=POLL)
        reason = str(status.get("failureCode") or status.get("error") or "")[:300]
        if reason in _OF_THE_FILE:
            raise Refused("Bluesky cannot use the video: {reason}", hint="Use another video.", reason=reason)
        raise _Lost("Bluesky could not process the video this time: {reason}", reason=reason)


class _Lost(Unreachable):
    """The video service gave up for reasons of its own."""


class _Known(Refused):
    """The service has had this video before, as *job*."""

    def __init__(self, job: str) -> None:
        super().__init__("Bluesky has this video already.")
        self.job = job


def _of_videos(answer: Answer) -> ChannelError | None:
    name, reason = told(answer)
    if name == "already_exists" and answer.json().get("jobId"):
        return _Known(str(answer.json()["jobId"]))
    if answer.status == 404:
        return _Lost("Bluesky does not know the video any more.")
    if name in ("ExpiredToken", "InvalidToken") or answer.status in (401, 403):
        return Unauthorized("Bluesky takes no video from this account: {reason}", reason=reason)
    if answer.status in (400, 409, 413, 415, 422):
        return Refused("Bluesky refused the video: {reason}", reason=reason)
    return None


def key_of(part: Part) -> str:
    """The key of a part's post: a TID, thirteen letters that tell a moment in microseconds and ten bits more.

    The moment lies within the hour before the release was made, spread by the part's key: the same for every try.
    """
    digest = int.from_bytes(hashlib.sha256(part.key.encode()).digest()[:16])
    made = round((part.created or _FIRST).timestamp() * 1_000_000)
    number = (made - digest % _HOUR) << 10 | digest // _HOUR % 1024
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(13)))


def _moment_of(key: str) -> datetime:
    """The moment that a key tells; long ago if it is none that tells one."""
    if len(key) != 13 or not set(key) <= set(_ALPHABET):
        return datetime.min.replace(tzinfo=UTC)
    number = 0
    for sign in key:
        number = number << 5 | _ALPHABET.index(sign)
    return datetime.fromtimestamp((number >> 10 & 2**53 - 1) / 1_000_000, UTC)


def _embed(part: Part, blobs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The video, the pictures, or a card for the link."""
    shown = list(zip(part.attachments, blobs, strict=True))
    if shown and part.attachments[0].is_video:
        return {"$type": "app.bsky.embed.video", "video": blobs[0], **_as_shown(part.attachments[0])}
    if shown:
        images = [{"image": blob, "alt": "", **_as_shown(attachment)} for attachment, blob in shown]
        return {"$type": "app.bsky.embed.images", "images": images}
    if part.link:
        card = {"uri": part.link, "title": part.title, "description": part.agency}
        return {"$type": "app.bsky.embed.external", "external": card}
    return None


def _as_shown(attachment: Attachment) -> dict[str, Any]:
    ratio = {"width": attachment.width, "height": attachment.height}
    return {"aspectRatio": ratio, **({"alt": attachment.alt} if attachment.alt else {})}


def _counts(post: Mapping[str, Any]) -> Counts:
    names = ("likeCount", "replyCount", "repostCount", "quoteCount", "bookmarkCount")
    raw = {name: post[name] for name in names if name in post}
    shares = raw.get("repostCount")
    return Counts(
        likes=raw.get("likeCount"),
        comments=raw.get("replyCount"),
        shares=shares if shares is None else shares + raw.get("quoteCount", 0),
        saves=raw.get("bookmarkCount"),
        raw=raw,
    )


def _key(name: str) -> str:
    """The key in a receipt's id: an at-uri, or the address that a person gave."""
    return urlsplit(name).path.rstrip("/").rpartition("/")[2]


def _uri(did: str, name: str) -> str:
    return f"at://{did}/{POST}/{_key(name)}"


def _now() -> datetime:
    return datetime.now(UTC)
