"""Mastodon: text, pictures or a video, threads; counts favourites, replies, boosts and quotes.

Some servers remember an Idempotency-Key for an hour, some ignore it: after a lost answer we read our own statuses.
API: https://docs.joinmastodon.org/methods/statuses/
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from dissem.channels import letters
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
    same_text,
)
from dissem.channels.client import Answer, Client, doubt, retry_after
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network

PER_URL = 23  # characters an address counts, whatever its length
MEDIA_LIFE = timedelta(hours=20)  # servers drop media that no status uses after about a day
POLL = timedelta(seconds=5)  # between two looks at a video in processing
PAGE, PAGES = 40, 25  # statuses a listing, and listings read before giving up

_ADDRESS = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?()\[\]]", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w/])@(\w+(?:[.-]\w+)*)@[\w-]+(?:\.[\w-]+)+")
_BREAK = re.compile(r"<br\s*/?>|</p>", re.IGNORECASE)
_ELEMENT = re.compile(r"<[^>]*>")
_SHAPE = {"id", "url", "created_at", "content", "in_reply_to_id", "media_attachments"}  # a status in a listing
_POST_ADDRESS = re.compile(r"https?://[^/]+/(?:@[^/]+|users/[^/]+/statuses)/(\w+)/?$")


class Mastodon(Adapter):
    """One account on a server that speaks Mastodon's API."""

    platform = "mastodon"
    facts = Facts(
        label="Mastodon",
        certainties=frozenset({Certainty.READABLE}),
        text=500,
        api="4.7",
        images=4,
        videos=1,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        image_bytes=16 * 2**20,
        image_side=5760,  # servers take 33 megapixels
        video_types=frozenset({"video/mp4", "video/webm", "video/quicktime"}),
        video_bytes=99 * 2**20,
        alt=1500,
        threads=True,
        counts=frozenset({"likes", "comments", "shares"}),
        batch=20,
    )

    class Settings(Adapter.Settings):
        """The server, and the token of an application made there under Preferences, Development."""

        api_url: str = "https://mastodon.social"
        access_token: SecretStr

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        token = settings.access_token.get_secret_value()
        self.api = Client(settings.api_url, network=network, bearer=token, translate=_translate)

    @classmethod
    def length(cls, text: str) -> int:
        """Grapheme clusters; every address counts 23, a mention without its server."""
        return letters.count(_MENTION.sub(r"@\1", _ADDRESS.sub("x" * PER_URL, text)))

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = _POST_ADDRESS.match(url)
        return Receipt(found[1], url) if found else None

    def certainty(self, part: Part) -> Certainty:
        """Readable whatever the key promises: several servers ignore it."""
        return Certainty.READABLE

    def check(self) -> Account:
        """The account's numeric id, its name, and the limits of its server."""
        me = self.api.get("/api/v1/accounts/verify_credentials")
        name = me.member("display_name") or me.member("username")
        return Account(id=str(me.member("id")), name=name, url=me.member("url"), limits=self._limits())

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Upload what is missing, then wait for what the server still processes."""
        for attachment in part.attachments[len(prepared.get("media")) :]:
            prepared = self._uploaded(attachment, prepared)
            yield prepared
        for media in prepared.get("waiting"):
            self._await(media)
            prepared = prepared.having(waiting=[other for other in prepared.get("waiting") if other != media])
            yield prepared

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One status. The key is a second lock on servers that honour it; used media ids are another."""
        status = {
            "status": part.text,
            "visibility": "public",
            "language": part.language,
            **({"media_ids": list(prepared.get("media"))} if part.attachments else {}),
            **({"in_reply_to_id": part.after.id} if part.after else {}),
        }
        headers = {"Idempotency-Key": part.key}
        return _receipt(self.api.post("/api/v1/statuses", irrevocable=True, json=status, headers=headers))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """Statuses that hold our media ids, or else say the same in the same place."""
        recent = list(self._statuses(since))
        media = set(prepared.get("media"))
        ours = [s for s in recent if media & {one["id"] for one in s["media_attachments"]}]
        return [Receipt(s["id"], s["url"]) for s in ours or recent if s in ours or self._is(s, part)]

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """What this server knows; reactions on other servers may be fewer than there are."""
        answer = self.api.get("/api/v1/statuses", params={"id[]": [receipt.id for receipt in receipts]})
        known = {status["id"]: status for status in _listed(answer)}
        return {r.id: _counts(known[r.id]) if r.id in known else Gone() for r in receipts}

    def recent(self, since: datetime) -> Sequence[Seen]:
        return [_seen(status) for status in self._statuses(since) if not status["in_reply_to_id"]]

    def followers(self) -> int:
        return int(self.api.get("/api/v1/accounts/verify_credentials").member("followers_count"))

    def remove(self, receipt: Receipt) -> None:
        try:
            self.api.delete(f"/api/v1/statuses/{receipt.id}")
        except _Missing:
            return  # gone already

    def _limits(self) -> dict[str, Any]:
        """The server's own numbers under the names of `Facts`; empty where it does not tell."""
        try:
            told = self.api.get("/api/v2/instance").member("configuration")
        except _Missing:
            return {}
        statuses, media = told.get("statuses", {}), told.get("media_attachments", {})
        limits = {
            "text": statuses.get("max_characters"),
            "images": statuses.get("max_media_attachments"),
            "alt": media.get("description_limit"),
            "image_bytes": media.get("image_size_limit"),
            "video_bytes": media.get("video_size_limit"),
        }
        return {name: value for name, value in limits.items() if value}

    def _uploaded(self, attachment: Attachment, prepared: Prepared) -> Prepared:
        """*prepared* with the media id; 202 says that the server still processes the file."""
        with attachment.path.open("rb") as file:
            named = (f"{attachment.sha256[:16]}.{attachment.type.rpartition('/')[2]}", file, attachment.type)
            described = {"description": attachment.alt} if attachment.alt else {}
            answer = self.api.post("/api/v2/media", files={"file": named}, data=described, total=None)
        media = answer.member("id")
        prepared = prepared.adding("media", media).until(datetime.now(UTC) + MEDIA_LIFE)
        return prepared.adding("waiting", media) if answer.status == 202 else prepared

    def _await(self, media: str) -> None:
        if self.api.get(f"/api/v1/media/{media}").status == 206:
            raise NotYet("Mastodon is still processing the video.", retry_after=POLL)

    def _statuses(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Our statuses made after *since*, newest first; Uncertain if there are too many to read."""
        account = self.account or self.check().id
        paging: dict[str, Any] = {"limit": PAGE, "exclude_reblogs": "true"}
        for _ in range(PAGES):
            page = _listed(self.api.get(f"/api/v1/accounts/{account}/statuses", params=paging))
            recent = [status for status in page if datetime.fromisoformat(status["created_at"]) >= since]
            yield from recent
            if len(recent) < len(page) or not page:
                return
            paging["max_id"] = page[-1]["id"]
        raise Uncertain("The account has too many posts to look through.")

    def _is(self, status: Mapping[str, Any], part: Part) -> bool:
        place = part.after.id if part.after else None
        if status["in_reply_to_id"] != place or len(status["media_attachments"]) != len(part.attachments):
            return False
        return same_text(part.text, _text(status["content"])) or self._was_rewritten(status, part)

    def _was_rewritten(self, status: Mapping[str, Any], part: Part) -> bool:
        """Mentions lose their server in the HTML: then the source decides."""
        if not _MENTION.search(part.text):
            return False
        return same_text(part.text, self.api.get(f"/api/v1/statuses/{status['id']}/source").member("text"))


class _Missing(Refused):
    """404: no such thing here."""


def _receipt(answer: Answer) -> Receipt:
    return Receipt(id=answer.member("id"), url=answer.member("url"))


def _listed(answer: Answer) -> list[dict[str, Any]]:
    """The statuses in a listing; anything else was no listing."""
    found = answer.json()
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.keys() >= _SHAPE for one in found):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def _seen(status: Mapping[str, Any]) -> Seen:
    return Seen(status["id"], datetime.fromisoformat(status["created_at"]), status["url"], _text(status["content"]))


def _counts(status: Mapping[str, Any]) -> Counts:
    names = ("favourites_count", "replies_count", "reblogs_count", "quotes_count")
    raw = {name: status[name] for name in names if name in status}
    shares = raw.get("reblogs_count")
    return Counts(
        likes=raw.get("favourites_count"),
        comments=raw.get("replies_count"),
        shares=shares if shares is None else shares + raw.get("quotes_count", 0),
        raw=raw,
    )


def _text(content: str) -> str:
    """The text of a status from its HTML."""
    return html.unescape(_ELEMENT.sub("", _BREAK.sub("\n", content)))


def _translate(answer: Answer) -> ChannelError | None:
    """Mastodon has no error codes: the status decides, and the words only where two meanings share one."""
    reason = _reason(answer)
    if answer.status == 429:
        return Throttled("The platform asks for a pause.", retry_after=_until_reset(answer.headers))
    if answer.status == 403:
        return Unauthorized("Mastodon does not let this account do that: {reason}", reason=reason)
    if answer.status == 404:
        return _Missing("Mastodon does not know what was asked for: {reason}", reason=reason)
    if answer.status not in (400, 413, 415, 422):
        return None
    if "already attached" in reason:  # so a status with our media is there
        return doubt(answer.irrevocable, "Mastodon says that these files are in another post already.")
    if "finished processing" in reason:
        return Unreachable("Mastodon is still processing the video.")
    return Refused("Mastodon refused the post: {reason}", reason=reason)


def _reason(answer: Answer) -> str:
    try:
        return str(answer.member("error"))[:300]
    except ChannelError:
        return f"HTTP {answer.status}"


def _until_reset(headers: Mapping[str, str]) -> timedelta | None:
    """The wait until X-RateLimit-Reset, an ISO 8601 time; else Retry-After, which a proxy may have sent."""
    try:
        reset = datetime.fromisoformat(headers["X-RateLimit-Reset"])
        return max(reset - datetime.now(UTC), timedelta())
    except (KeyError, ValueError, TypeError):
        return retry_after(headers.get("Retry-After"))
