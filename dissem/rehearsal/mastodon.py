"""A Mastodon server of version 4.5 as its documentation tells it, for one publisher's needs.

Accounts, media, statuses with Idempotency-Key, listings, deletion. As Rails does, fields that nobody knows are
ignored; the journal lists them. Polls, boosts, edits and streaming are left out.
Sources: https://docs.joinmastodon.org/methods/statuses/, /methods/media/, /methods/accounts/, /api/rate-limits/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import islice
from typing import Any, ClassVar

from dissem.rehearsal.files import Stored, dimensions, sniff
from dissem.rehearsal.mastodon_text import CHARACTERS_PER_URL, HASHTAG, as_html, counted
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, Standin, grown, route
from dissem.rehearsal.wire import Answer, Denied, Request

MAX_CHARACTERS = 500
MAX_DESCRIPTION = 1500
MAX_MEDIA = 4
MAX_BATCH = 20
KEY_LIFE = timedelta(hours=1)
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/heic", "image/heif", "image/webp", "image/avif")
VIDEO_TYPES = ("video/webm", "video/mp4", "video/quicktime")
IMAGE_BYTES = 16 * 2**20
VIDEO_BYTES = 99 * 2**20
VISIBILITIES = ("public", "unlisted", "private", "direct")
CEILINGS = {"replies_count": 30, "reblogs_count": 90, "favourites_count": 240, "quotes_count": 6}
SCOPES = frozenset({"read:accounts", "read:statuses", "write:statuses", "write:media"})

STATUS_FIELDS = {
    "status",
    "media_ids",
    "in_reply_to_id",
    "sensitive",
    "spoiler_text",
    "visibility",
    "language",
    "scheduled_at",
    "quoted_status_id",
    "quote_approval_policy",
}
MEDIA_FIELDS = {"file", "description", "focus", "thumbnail"}
LISTING_FIELDS = {"limit", "max_id", "since_id", "min_id", "exclude_reblogs", "exclude_replies", "only_media"}


@dataclass
class Media:
    """An uploaded file; `waits` polls until it is processed, `status` once it is attached."""

    id: str
    owner: str
    stored: Stored
    focus: str | None = None
    waits: int = 0
    status: str | None = None

    @property
    def is_video(self) -> bool:
        return self.stored.type.startswith("video/")


@dataclass(frozen=True)
class Status:
    """A status as the database has it."""

    id: str
    account: Account
    text: str
    at: datetime
    spoiler: str = ""
    visibility: str = "public"
    language: str | None = None
    sensitive: bool = False
    reply_to: Status | None = field(default=None, repr=False)
    media: tuple[Media, ...] = ()

    @property
    def is_public(self) -> bool:
        return self.visibility in ("public", "unlisted")

    @property
    def answers_another(self) -> bool:
        """A reply to somebody else: a listing without replies keeps an account's own threads."""
        return self.reply_to is not None and self.reply_to.account.id != self.account.id


def _iso(moment: datetime, digits: int = 3) -> str:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text[: len(text) - 6 + digits] + "Z"


def _unprocessable(reason: str) -> Denied:
    return Denied(Answer(422, {"error": reason}))


def _invalid(reason: str) -> Denied:
    return _unprocessable(f"Validation failed: {reason}")


def _no_record() -> Denied:
    return Denied(Answer(404, {"error": "Record not found"}))


def _truthy(value: object) -> bool:
    return str(value).lower() in ("true", "1", "on", "t")


class MastodonStandin(Standin):
    """`MastodonStandin()` has the accounts @humas and @dishub.

    `honours_keys = False` makes it one of the servers that ignore Idempotency-Key; `polls` is how often a video
    is still being processed when asked for. A token of fewer scopes: append a copy of an account to `accounts`.
    """

    name: ClassVar[str] = "mastodon"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None, honours_keys: bool = True) -> None:
        accounts = (
            Account("109000000000000001", "humas", "Humas Kota", "gladi-mastodon-humas", SCOPES),
            Account("109000000000000002", "dishub", "Dinas Perhubungan", "gladi-mastodon-dishub", SCOPES),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.honours_keys = honours_keys
        self.polls = 1
        self.statuses: dict[str, Status] = {}
        self.media: dict[str, Media] = {}
        self._keys: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._posted: Counter[str] = Counter()
        self._last_id = 0

    # Accounts and the server

    @route("GET", "/api/v2/instance", label="instance")
    def instance(self, request: Request) -> Answer:
        statuses = {
            "max_characters": MAX_CHARACTERS,
            "max_media_attachments": MAX_MEDIA,
            "characters_reserved_per_url": CHARACTERS_PER_URL,
        }
        media = {
            "description_limit": MAX_DESCRIPTION,
            "supported_mime_types": [*IMAGE_TYPES, *VIDEO_TYPES],
            "image_size_limit": IMAGE_BYTES,
            "image_matrix_limit": 33_177_600,
            "video_size_limit": VIDEO_BYTES,
            "video_frame_rate_limit": 120,
            "video_matrix_limit": 8_294_400,
        }
        configuration = {"statuses": statuses, "media_attachments": media, "accounts": {"max_featured_tags": 10}}
        about = {"domain": self.url.removeprefix("http://"), "title": "Gladi Mastodon", "version": "4.5.0"}
        return Answer(200, {**about, "api_versions": {"mastodon": 7}, "configuration": configuration, "rules": []})

    @route("GET", "/api/v1/accounts/verify_credentials", label="account")
    def verify_credentials(self, request: Request) -> Answer:
        account = self._holder(request, "read:accounts")
        source = {"privacy": "public", "sensitive": False, "language": "id", "note": "", "fields": []}
        return Answer(200, {**self._account(account), "source": source})

    def _holder(self, request: Request, scope: str) -> Account:
        """Who asks, with the right to; a broad scope such as `write` contains `write:media`."""
        held: Account | None = self.account_with(token=request.bearer or "")
        if held is None:
            raise Denied(self._unauthorized("The access token is invalid"))
        if not held.scopes & {scope, scope.split(":")[0]}:
            raise Denied(Answer(403, {"error": "This action is outside the authorized scopes"}))
        return held

    def _viewer(self, request: Request) -> Account | None:
        """Who asks for something that anyone may see; an unknown token counts as nobody."""
        known = self.account_with(token=request.bearer or "")
        return self._holder(request, "read:statuses") if known else None

    def _unauthorized(self, reason: str) -> Answer:
        challenge = f'Bearer realm="Doorkeeper", error="invalid_token", error_description="{reason}"'
        return Answer(401, {"error": reason}, {"WWW-Authenticate": challenge})

    # Media

    @route("POST", "/api/v2/media", label="upload")
    def upload(self, request: Request) -> Answer:
        account = self._holder(request, "write:media")
        form = request.form()
        request.entry.unknown_fields += sorted({*form.fields, *form.files} - MEDIA_FIELDS)
        sent = form.file("file")
        if sent is None or not sent.bytes:
            raise _invalid("File can't be blank")
        kind = self._accepted_type(sent.bytes)
        description = self._description(form.one("description"))
        waits = self.polls if kind.startswith("video/") else 0
        made = Media(self._next_id(), account.id, Stored(sent.bytes, kind, description), form.one("focus"), waits=waits)
        self.media[made.id] = made
        return Answer(202 if waits else 200, self._attachment(made))

    def _accepted_type(self, data: bytes) -> str:
        kind = sniff(data)
        if kind == "application/octet-stream":
            raise _unprocessable("File type of uploaded media could not be verified")
        if kind not in (*IMAGE_TYPES, *VIDEO_TYPES):
            raise _invalid("File content type is invalid, File is invalid")
        if len(data) > (limit := VIDEO_BYTES if kind.startswith("video/") else IMAGE_BYTES):
            raise _invalid(f"File file size must be less than {limit // 2**20} MB")
        return kind

    def _description(self, text: str | None) -> str:
        if len(text or "") > MAX_DESCRIPTION:
            raise _invalid(f"Description is too long (maximum is {MAX_DESCRIPTION} characters)")
        return text or ""

    @route("GET", "/api/v1/media/{id}", label="status")
    def media_state(self, request: Request) -> Answer:
        made = self._unattached(request)
        answer = Answer(206 if made.waits else 200, self._attachment(made))
        made.waits = max(made.waits - 1, 0)
        return answer

    @route("PUT", "/api/v1/media/{id}", label="describe")
    def describe(self, request: Request) -> Answer:
        made = self._unattached(request)
        fields = self._fields(request, MEDIA_FIELDS - {"file"})
        if "description" in fields:
            made.stored = replace(made.stored, alt=self._description(str(fields["description"] or "")))
        made.focus = fields.get("focus", made.focus)
        return Answer(206 if made.waits else 200, self._attachment(made))

    def _unattached(self, request: Request) -> Media:
        account = self._holder(request, "write:media")
        made = self.media.get(request.params["id"])
        if made is None or made.owner != account.id or made.status:
            raise _no_record()
        return made

    @route("GET", "/media_attachments/{id}")
    def file(self, request: Request) -> Answer:
        made = self.media.get(request.params["id"])
        if made is None:
            raise _no_record()
        return Answer(200, made.stored.bytes, {"Content-Type": made.stored.type})

    # Statuses

    @route("POST", "/api/v1/statuses", label="publish")
    def publish(self, request: Request) -> Answer:
        account = self._holder(request, "write:statuses")
        fields = self._fields(request, STATUS_FIELDS)
        reply_to = self._replied_to(fields)
        key = (account.id, request.headers.get("idempotency-key", ""))
        earlier = self._earlier(key)
        if earlier is not None:
            return Answer(200, self._status(earlier))
        media = self._attachable(account, fields.get("media_ids") or [])
        status = self._new_status(account, fields, reply_to, media)
        if fields.get("scheduled_at"):
            return self._scheduled(fields)
        self._store(request, status)
        if key[1]:
            self._keys[key] = (status.id, self.clock())
        return Answer(200, self._status(status))

    def _replied_to(self, fields: Mapping[str, Any]) -> Status | None:
        wanted = str(fields.get("in_reply_to_id") or "")
        if wanted and wanted not in self.statuses:
            reason = "The post you are trying to reply to does not appear to exist."
            raise Denied(Answer(404, {"error": reason}))
        return self.statuses.get(wanted)

    def _earlier(self, key: tuple[str, str]) -> Status | None:
        """The status made with the same key within the hour; a deleted one is not found, and not made again."""
        if not self.honours_keys or key not in self._keys:
            return None
        made, at = self._keys[key]
        if self.clock() - at > KEY_LIFE:
            return None
        if made not in self.statuses:
            raise _no_record()
        return self.statuses[made]

    def _attachable(self, account: Account, ids: Sequence[Any]) -> tuple[Media, ...]:
        if len(ids) > MAX_MEDIA:
            raise _unprocessable(f"Cannot attach more than {MAX_MEDIA} files")
        chosen = {str(one): self.media.get(str(one)) for one in ids}
        free = [one for one in chosen.values() if one and one.owner == account.id and not one.status]
        if missing := [name for name, one in chosen.items() if one not in free]:
            raise _unprocessable(f"Media {', '.join(missing)} not found or already attached to another post")
        if len(free) > 1 and any(one.is_video for one in free):
            raise _unprocessable("Cannot attach a video to a post that already contains images")
        if any(one.waits for one in free):
            raise _unprocessable("Cannot attach files that have not finished processing. Try again in a moment!")
        return tuple(free)

    def _new_status(
        self, account: Account, fields: Mapping[str, Any], reply_to: Status | None, media: tuple[Media, ...]
    ) -> Status:
        text, spoiler = (str(fields.get(name) or "").strip() for name in ("status", "spoiler_text"))
        visibility = str(fields.get("visibility") or "public")
        if not text and not media and not spoiler:
            raise _invalid("Text can't be blank")
        if counted(spoiler + text) > MAX_CHARACTERS:
            raise _invalid(f"Text character limit of {MAX_CHARACTERS} exceeded")
        if visibility not in VISIBILITIES:
            raise _invalid("Visibility is not included in the list")
        return Status(
            id=self._next_id(),
            account=account,
            text=text,
            at=self.clock(),
            spoiler=spoiler,
            visibility=visibility,
            language=fields.get("language") or "id",
            sensitive=_truthy(fields.get("sensitive")) or bool(spoiler),
            reply_to=reply_to,
            media=media,
        )

    def _scheduled(self, fields: Mapping[str, Any]) -> Answer:
        """A scheduled status has no address and becomes public never: the rehearsal does not play that part."""
        try:
            due = datetime.fromisoformat(str(fields["scheduled_at"]))
        except ValueError:
            raise _invalid("Scheduled at The scheduled date must be in the future") from None
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        if due < self.clock() + timedelta(minutes=5):
            raise _invalid("Scheduled at The scheduled date must be in the future")
        kept = {"text": fields.get("status"), "visibility": fields.get("visibility")}
        body = {"id": self._next_id(), "scheduled_at": _iso(due), "params": kept, "media_attachments": []}
        return Answer(200, body)

    def _store(self, request: Request, status: Status) -> None:
        self.statuses[status.id] = status
        self._posted[status.account.id] += 1
        for one in status.media:
            one.status = status.id
        if status.is_public:
            self.show(request, self._live_of(status))

    def _live_of(self, status: Status) -> Live:
        return Live(
            account=status.account.handle,
            id=status.id,
            url=self._address(status),
            text="\n\n".join(part for part in (status.spoiler, status.text) if part),
            at=status.at,
            media=tuple(one.stored for one in status.media),
            reply_to=status.reply_to.id if status.reply_to else None,
        )

    @route("GET", "/api/v1/statuses/{id}", label="read")
    def status(self, request: Request) -> Answer:
        return Answer(200, self._status(self._visible(request, self._viewer(request))))

    @route("GET", "/api/v1/statuses/{id}/source", label="read")
    def source(self, request: Request) -> Answer:
        status = self._visible(request, self._holder(request, "read:statuses"))
        return Answer(200, {"id": status.id, "text": status.text, "spoiler_text": status.spoiler})

    def _visible(self, request: Request, viewer: Account | None) -> Status:
        status = self.statuses.get(request.params["id"])
        if status is None or not (status.is_public or (viewer and viewer.id == status.account.id)):
            raise _no_record()
        return status

    @route("GET", "/api/v1/statuses", label="measure")
    def several(self, request: Request) -> Answer:
        self._viewer(request)
        request.entry.unknown_fields += sorted(set(request.query) - {"id[]"})
        wanted = set(request.query.get("id[]", []))
        if len(wanted) > MAX_BATCH:
            raise _unprocessable("Mastodon::ValidationError")
        found = (self.statuses.get(one) for one in sorted(wanted))
        return Answer(200, [self._status(one) for one in found if one and one.is_public])

    @route("GET", "/api/v1/accounts/{id}/statuses", label="list")
    def statuses_of(self, request: Request) -> Answer:
        viewer = self._viewer(request)
        request.entry.unknown_fields += sorted(set(request.query) - LISTING_FIELDS)
        if all(one.id != request.params["id"] for one in self.accounts):
            raise _no_record()
        chosen = self._one_page(request, list(self._owned(request, viewer)))
        return Answer(200, [self._status(one) for one in chosen], self._page_links(request, chosen))

    def _owned(self, request: Request, viewer: Account | None) -> Iterator[Status]:
        """One account's statuses, newest first, as the filters allow."""
        owner = request.params["id"]
        own = viewer is not None and viewer.id == owner
        newest_first = (one for one in reversed(self.statuses.values()) if one.account.id == owner)
        for one in islice(newest_first, 1 if request.hides_newest else 0, None):
            unwanted = _truthy(request.one("exclude_replies")) and one.answers_another
            without = _truthy(request.one("only_media")) and not one.media
            if (one.is_public or own) and not unwanted and not without:
                yield one

    def _one_page(self, request: Request, statuses: list[Status]) -> list[Status]:
        limit = self._number(request, "limit", 20) or 20
        before, since, after = (self._number(request, name) for name in ("max_id", "since_id", "min_id"))
        within = [one for one in statuses if before is None or int(one.id) < before]
        if after is not None:
            # min_id takes the oldest that come after it, since_id the newest: the answer is newest first either way.
            return [one for one in within if int(one.id) > after][-min(limit, 40) :]
        return [one for one in within if since is None or int(one.id) > since][: min(limit, 40)]

    def _number(self, request: Request, name: str, default: int | None = None) -> int | None:
        found = re.match(r"\d+", request.one(name) or "")
        return int(found[0]) if found else default

    def _page_links(self, request: Request, statuses: list[Status]) -> dict[str, str]:
        if not statuses:
            return {}
        here = f"{self.url}{request.path}"
        older, newer = f"{here}?max_id={statuses[-1].id}", f"{here}?min_id={statuses[0].id}"
        return {"Link": f'<{older}>; rel="next", <{newer}>; rel="prev"'}

    @route("DELETE", "/api/v1/statuses/{id}", label="delete")
    def delete(self, request: Request) -> Answer:
        account = self._holder(request, "write:statuses")
        status = self.statuses.get(request.params["id"])
        if status is None or status.account.id != account.id:
            raise _no_record()
        answer = {**self._status(status), "text": status.text}
        del self.statuses[status.id]
        self._posted[account.id] -= 1
        if status.is_public:
            self.hide(request, status.id)
        return Answer(200, answer)

    # Pages for people

    @route("GET", "/{handle}/{id}", label="")
    def status_page(self, request: Request) -> Answer:
        status = self.statuses.get(request.params["id"])
        if status is None or not status.is_public or request.params["handle"] != f"@{status.account.handle}":
            return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))
        media = "".join(figure(one.stored) for one in status.media)
        body = f"<article><h1>{escape(status.account.name)}</h1>{as_html(status.text, self.url)}{media}</article>"
        return Answer(200, document(status.account.name, body))

    # Entities

    def counts(self, live: Live) -> dict[str, int]:
        return {name: grown(f"{live.id}:{name}", self.age(live), ceiling) for name, ceiling in CEILINGS.items()}

    def _status(self, status: Status) -> dict[str, Any]:
        live = self._live_of(status)
        return {
            "id": status.id,
            "created_at": _iso(status.at),
            "in_reply_to_id": live.reply_to,
            "in_reply_to_account_id": status.reply_to.account.id if status.reply_to else None,
            "sensitive": status.sensitive,
            "spoiler_text": status.spoiler,
            "visibility": status.visibility,
            "language": status.language,
            "uri": f"{self.url}/users/{status.account.handle}/statuses/{status.id}",
            "url": live.url,
            **self.counts(live),
            "edited_at": None,
            "favourited": False,
            "reblogged": False,
            "content": as_html(status.text, self.url),
            "reblog": None,
            "application": {"name": "dissem", "website": None},
            "account": self._account(status.account),
            "media_attachments": [self._attachment(one) for one in status.media],
            "mentions": [],
            "tags": [{"name": tag, "url": f"{self.url}/tags/{tag}"} for tag in HASHTAG.findall(status.text)],
            "emojis": [],
            "card": None,
            "poll": None,
        }

    def _address(self, status: Status) -> str:
        return f"{self.url}/@{status.account.handle}/{status.id}"

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "username": account.handle,
            "acct": account.handle,
            "display_name": account.name,
            "locked": False,
            "bot": False,
            "url": f"{self.url}/@{account.handle}",
            "uri": f"{self.url}/users/{account.handle}",
            "statuses_count": self._posted[account.id],
            "followers_count": 4210,
            "following_count": 12,
        }

    def _attachment(self, made: Media) -> dict[str, Any]:
        address = None if made.waits else f"{self.url}/media_attachments/{made.id}"
        size = dimensions(made.stored.bytes)
        original = {"width": size[0], "height": size[1], "size": f"{size[0]}x{size[1]}"} if size else {}
        kind = "video" if made.is_video else "gifv" if made.stored.type == "image/gif" else "image"
        return {
            "id": made.id,
            "type": kind,
            "url": address,
            "preview_url": address,
            "remote_url": None,
            "meta": {"original": original} if original else {},
            "description": made.stored.alt or None,
            "blurhash": None,
        }

    def _next_id(self) -> str:
        """Milliseconds and a counter, as Mastodon's snowflakes: later is greater."""
        self._last_id = max(self._last_id + 1, int(self.clock().timestamp() * 1000) << 16)
        return str(self._last_id)

    def _fields(self, request: Request, known: set[str]) -> dict[str, Any]:
        """The known fields of a body and the query; a list where none belongs, or the reverse, counts as unknown."""
        sent: dict[str, Any] = {name: values[-1] for name, values in request.query.items()}
        if request.type == "application/json":
            body = request.json() if request.body.strip() else {}
            sent.update(body if isinstance(body, dict) else {"_json": body})
        else:
            for name, values in request.form().fields.items():
                sent[name.removesuffix("[]")] = values if name.endswith("[]") else values[-1]
        kept = {
            name: value
            for name, value in sent.items()
            if name in known and isinstance(value, list) == (name == "media_ids") and not isinstance(value, dict)
        }
        request.entry.unknown_fields += sorted(set(sent) - set(kept))
        return kept

    # The server's own wording

    def not_found(self, request: Request) -> Answer:
        if not request.path.startswith("/api/"):
            return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))
        return Answer(404, {"error": "Not Found"})

    def malformed(self, request: Request) -> Answer:
        return Answer(400, {"status": 400, "error": "Bad Request"})

    def refused(self, request: Request) -> Answer:
        return Answer(422, {"error": f"Validation failed: Text character limit of {MAX_CHARACTERS} exceeded"})

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """No Retry-After: the time of the next window is in X-RateLimit-Reset."""
        wait = timedelta(seconds=300 if retry_after is None else retry_after)
        return Answer(429, {"error": "Too many requests"}, self._rate_limit(0, self.clock() + wait))

    def token_expired(self, request: Request) -> Answer:
        """Tokens of Mastodon do not expire, they are revoked."""
        return self._unauthorized("The access token was revoked")

    def failed(self, request: Request, status: int) -> Answer:
        """503 is the application's own; what stands before it, and a crash, answer with pages."""
        if status == 503:
            return Answer(503, {"error": "There was a temporary problem serving your request, please try again"})
        return Answer(status, document(str(status), f"<h1>{status}</h1><p>We're sorry, but something went wrong.</p>"))

    def finish(self, request: Request, answer: Answer) -> Answer:
        if not request.path.startswith("/api/") or request.bearer is None:
            return answer
        seconds = int(self.clock().timestamp())
        reset = datetime.fromtimestamp(seconds - seconds % 300 + 300, UTC)
        return replace(answer, headers={**self._rate_limit(299, reset), **answer.headers})

    def _rate_limit(self, remaining: int, reset: datetime) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": _iso(reset, digits=6),
        }
