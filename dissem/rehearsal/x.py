"""X: posts, threads, photos and video through API v2, with OAuth 1.0a signatures really verified.

Written after the vendor's OpenAPI description 2.167 (docs.x.com). Its new names (`post.fields`, `repost_count`) and the
ones of its prose and of tweepy (`tweet.fields`, `retweet_count`) both work; an answer speaks the names of its question.
Known keys that dissem has no use for (polls, places, communities) are answered 501.

A read that asks for metrics is scripted as `measure`; others are `read` (by id) and `list` (the timeline).
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import count
from typing import Any

from dissem.rehearsal.files import sniff
from dissem.rehearsal.standin import Live, Route, grown, route
from dissem.rehearsal.wire import Answer, Denied, Request
from dissem.rehearsal.x_door import ID, SAMPLE, XAccount, XDoor
from dissem.rehearsal.x_media import DAY, KIND, LARGEST, MIB, TYPES, Media
from dissem.rehearsal.x_problems import PROBLEMS, absent, closed, closed_metric, invalid, missing, problem
from dissem.rehearsal.x_text import CASHTAG, LONG, SHORT, cut, entity, handed_out, short, weight
from dissem.rehearsal.x_vocabulary import (
    BODY,
    BODY_MEDIA,
    BODY_REPLY,
    METADATA,
    NOT_REHEARSED,
    POST_READS,
    PRIVATE_METRICS,
    RENAMED,
    REPLY_SETTINGS,
    VOCABULARIES,
)

EPOCH = 1_288_834_974_657  # ms; ids count from here


@dataclass(frozen=True)
class Wanted:
    """What a reader asked to see, in the old names; `renamed` when the question used the new ones."""

    fields: frozenset[str]
    renamed: bool
    media: frozenset[str]
    user: frozenset[str]
    expansions: frozenset[str]


class XStandin(XDoor):
    """X on loopback.

    `processing_polls` is how many status calls answer "in_progress" after a video's upload; `processing_error`, when
    set, is what its processing ends with. `guards_duplicates` and `duplicate_window` rule the refusal of repeated
    texts. Whether and how often an account may ask is told at `XDoor`.
    """

    name = "x"

    def __init__(
        self,
        *,
        accounts: Iterable[XAccount] = (SAMPLE,),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now)
        self.processing_polls = 1
        self.processing_error = ""
        self.check_after_secs = 1
        self.guards_duplicates = True
        self.duplicate_window = timedelta(days=1)
        self._media: dict[str, Media] = {}
        self._attached: dict[str, tuple[str, ...]] = {}
        self._counter = count()

    # Account

    @route("GET", "/2/users/me", label="account")
    def me(self, request: Request) -> Answer:
        account = self._sign_in(request, "users.read", "tweet.read")
        wanted = self._wanted(request, {"user.fields", "tweet.fields", "post.fields", "expansions"})
        return Answer(200, {"data": self._user(account, wanted)})

    # Media

    @route("POST", "/2/media/upload", label="upload")
    def upload(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, set())
        given = self._media_body(request, {"media", "media_category", "additional_owners"})
        category, data = given.get("media_category"), given.get("media")
        if category not in LARGEST or category == "amplify_video":
            raise invalid("media_category is required and must be one of the known categories", media_category=category)
        if not isinstance(data, bytes) or not data:
            raise invalid("media is required", media="")
        kind = sniff(data)
        self._fits(str(category), kind, len(data))
        media = self._new_media(account, str(category), kind, len(data))
        media.segments[0] = data
        self._finish_upload(media)
        return Answer(200, {"data": self._media_status(media)})

    @route("POST", "/2/media/upload/initialize", label="upload")
    def initialize(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, set())
        body = self._body(request, {"media_type", "total_bytes", "media_category", "additional_owners", "shared"})
        category, kind, total = body.get("media_category"), body.get("media_type"), body.get("total_bytes")
        if category not in LARGEST:
            raise invalid("media_category must be one of the known categories", media_category=category)
        if not isinstance(total, int) or isinstance(total, bool) or total <= 0:
            raise invalid("total_bytes must be a positive integer", total_bytes=total)
        self._fits(str(category), str(kind), total)
        return Answer(200, {"data": self._media_head(self._new_media(account, str(category), str(kind), total))})

    @route("POST", "/2/media/upload/{id}/append", label="upload")
    def append(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, set())
        media = self._own_media(account, request.params["id"])
        given = self._media_body(request, {"media", "segment_index"})
        number, data = str(given.get("segment_index", "")), given.get("media")
        if not re.fullmatch(r"[0-9]{1,3}", number):
            raise invalid("segment_index must be an integer from 0 to 999", segment_index=number)
        if not isinstance(data, bytes) or not data:
            raise invalid("media is required", media="")
        if len(data) > 5 * MIB:
            raise Denied(problem(413, "A segment must not be larger than 5 MiB."))
        if media.polls is not None:
            raise invalid("This upload has been finalized.", media_id=media.id)
        media.segments[int(number)] = data
        return Answer(200, {"data": {"expires_at": int(media.expires.timestamp())}})

    @route("POST", "/2/media/upload/{id}/finalize", label="upload")
    def finalize(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, set())
        media = self._own_media(account, request.params["id"])
        if not media.whole:
            raise invalid("Segments do not add up to the announced size.", media_id=media.id)
        if media.polls is None:
            self._finish_upload(media)
        return Answer(200, {"data": self._media_status(media)})

    @route("GET", "/2/media/upload", label="status")
    def upload_status(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, {"command", "media_id"})
        if request.one("command", "STATUS") != "STATUS":
            raise invalid("command must be STATUS", command=request.one("command"))
        media = self._own_media(account, request.one("media_id") or "")
        if media.polls is None:
            raise invalid("This upload has not been finalized.", media_id=media.id)
        answer = self._media_status(media)
        media.polls = max(media.polls - 1, 0)
        return Answer(200, {"data": answer})

    @route("POST", "/2/media/metadata", label="upload")
    def metadata(self, request: Request) -> Answer:
        account = self._sign_in(request, "media.write")
        self._only(request, set())
        body = self._body(request, {"id", "metadata"})
        media = self._own_media(account, str(body.get("id", "")))
        given = body.get("metadata")
        if not isinstance(given, dict) or set(given) - METADATA:
            raise invalid("metadata has unknown keys or is no object", metadata=given)
        alt = given.get("alt_text")
        if alt is not None:
            text = alt.get("text") if isinstance(alt, dict) and set(alt) == {"text"} else None
            if not isinstance(text, str) or not 1 <= len(text) <= 1_000:
                raise invalid("alt_text.text must have 1 to 1000 characters", alt_text=alt)
            media.alt = text
        return Answer(200, {"data": {"id": media.id, "associated_metadata": given}})

    # Posts

    @route("POST", "/2/tweets", label="publish")
    def create_post(self, request: Request) -> Answer:
        account = self._sign_in(request, "tweet.write", "tweet.read", "users.read")
        self._only(request, set())
        body = self._post_body(request)
        media = self._wanted_media(account, body.get("media"))
        text = self._checked_text(account, str(body.get("text", "")), with_media=bool(media))
        reply_to = self._reply_to(account, body.get("reply"))
        if self.guards_duplicates and not media and self._repeats(account, text):
            raise Denied(self.duplicate_refused(request))
        live = self._post(account, text, media, reply_to)
        self.show(request, live)
        written = self._rendered(live, Wanted(frozenset(), False, frozenset(), frozenset(), frozenset()))
        return Answer(201, {"data": written})

    @route("DELETE", "/2/tweets/{id}", label="delete")
    def delete_post(self, request: Request) -> Answer:
        account = self._sign_in(request, "tweet.write", "tweet.read", "users.read")
        self._only(request, set())
        live = self.find(self._id(request.params["id"], "id"))
        if live is None:
            raise missing("tweet", "id", request.params["id"])
        if live.account != account.handle:
            raise Denied(problem(403, "You are not authorized to delete this Tweet."))
        self.hide(request, live.id)
        return Answer(200, {"data": {"deleted": True}})

    @route("GET", "/2/tweets/{id}", label="read")
    def post_by_id(self, request: Request) -> Answer:
        self._sign_in(request, "tweet.read", "users.read", app=True)
        wanted = self._wanted(request, POST_READS)
        identity = self._id(request.params["id"], "id")
        live = self.find(identity)
        if live is None:
            return Answer(200, {"errors": [absent("tweet", "id", identity)]})
        answer = self._listing([live], wanted)
        return Answer(200, answer | {"data": answer["data"][0]})

    @route("GET", "/2/tweets", label="measure")
    def posts_by_id(self, request: Request) -> Answer:
        self._sign_in(request, "tweet.read", "users.read", app=True)
        wanted = self._wanted(request, POST_READS | {"ids"})
        ids = (request.one("ids") or "").split(",")
        if not 1 <= len(ids) <= 100:
            raise invalid(
                f"The number of values in the `ids` query parameter list [{len(ids)}] is not between 1 and 100"
            )
        found = [self.find(self._id(identity, "ids")) for identity in ids]
        answer = self._listing([live for live in found if live], wanted)
        absences = [absent("tweet", "ids", identity) for identity, live in zip(ids, found, strict=True) if not live]
        if absences:
            answer["errors"] = answer.get("errors", []) + absences
        return Answer(200, answer)

    @route("GET", "/2/users/{id}/tweets", label="list")
    def timeline(self, request: Request) -> Answer:
        self._sign_in(request, "tweet.read", "users.read", app=True)
        wanted = self._wanted(
            request,
            POST_READS
            | {"max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"},
        )
        owner = self.account_with(id=self._id(request.params["id"], "id"))
        if owner is None:
            return Answer(200, {"errors": [absent("user", "id", request.params["id"])]})
        within = self._window_asked(request)
        posts = [live for live in self.listed(request, owner.handle)[:3_200] if within(live)]
        return Answer(200, self._page(request, posts, wanted))

    def counts(self, live: Live) -> dict[str, int]:
        ceilings = {
            "impression_count": 4_000,
            "like_count": 120,
            "retweet_count": 40,
            "reply_count": 15,
            "quote_count": 6,
            "bookmark_count": 10,
        }
        return {name: grown(f"{live.id} {name}", self.age(live), most) for name, most in ceilings.items()}

    def operation(self, made: Route | None, request: Request) -> str:
        """Reads that ask for metrics have faults of their own, apart from those that look for a post."""
        if made is None or made.handler not in ("posts_by_id", "post_by_id", "timeline"):
            return made.label if made else ""
        if "_metrics" in f"{request.one('tweet.fields')},{request.one('post.fields')}":
            return "measure"
        return "list" if made.handler == "timeline" else "read"

    def _owner(self, live: Live) -> XAccount:
        owner: XAccount | None = self.account_with(handle=live.account)
        assert owner, "a post belongs to an account"  # noqa: S101 - posts are made here only
        return owner

    # What is asked

    def _wanted(self, request: Request, allowed: Collection[str]) -> Wanted:
        self._only(request, allowed)
        asked = {name: self._values(request, name, known) for name, known in VOCABULARIES.items()}
        renamed = "post.fields" in request.query
        old = {new: old for old, new in RENAMED.items()}
        fields = frozenset(old.get(name, name) for name in asked["post.fields"] | asked["tweet.fields"])
        return Wanted(fields, renamed, asked["media.fields"], asked["user.fields"], asked["expansions"])

    def _media_body(self, request: Request, allowed: Collection[str]) -> dict[str, str | bytes]:
        """The body of an upload, as multipart with a file or as JSON with base64, without unknown names."""
        if request.type == "application/json":
            body = self._body(request, allowed)
            try:
                return {**body, "media": base64.b64decode(str(body.get("media", "")), validate=True)}
            except binascii.Error as error:
                raise invalid("media is not base64") from error
        if request.type != "multipart/form-data":
            raise Denied(problem(415, "Content-Type must be multipart/form-data or application/json."))
        try:
            form = request.form()
        except ValueError as error:
            raise invalid("The form cannot be read.") from error
        closed([*form.fields, *form.files], allowed, "$")
        files = {name: uploads[-1].bytes for name, uploads in form.files.items()}
        return {**{name: values[-1] for name, values in form.fields.items()}, **files}

    def _post_body(self, request: Request) -> dict[str, Any]:
        body = self._body(request, BODY.keys() | NOT_REHEARSED)
        for name, value in body.items():
            if name in NOT_REHEARSED:
                raise Denied(problem(501, f"{name} is not part of the rehearsal."))
            if not isinstance(value, BODY[name]):
                raise invalid(f"$.{name}: {type(value).__name__} found, {BODY[name].__name__} expected")
        if body.get("reply_settings", "verified") not in REPLY_SETTINGS:
            raise invalid("$.reply_settings: does not have a value in the enumeration")
        return body

    def _checked_text(self, account: XAccount, text: str, *, with_media: bool) -> str:
        text = unicodedata.normalize("NFC", text).strip()
        if not text and not with_media:
            raise invalid("text or media is required", text="")
        if weight(text) > (SHORT if account.subscription_type in ("None", "") else LONG):
            raise Denied(problem(400, "Your Tweet text is too long.", f"{PROBLEMS}invalid-request", "Invalid Request"))
        if len(CASHTAG.findall(text)) > 1:
            raise Denied(problem(403, "Posts may hold at most one cashtag."))
        return text

    def _reply_to(self, account: XAccount, reply: Mapping[str, Any] | None) -> str | None:
        if reply is None:
            return None
        closed(reply, BODY_REPLY, "$.reply")
        before = reply.get("in_reply_to_tweet_id")
        if not isinstance(before, str) or not ID.fullmatch(before):
            raise invalid("$.reply.in_reply_to_tweet_id: must be the id of a post, as a string")
        live = self.find(before)
        if live is None:
            raise Denied(problem(403, "You attempted to reply to a Tweet that is deleted or not visible to you."))
        if live.account != account.handle:
            raise Denied(problem(403, "Reply to this conversation is not allowed."))
        return before

    def _wanted_media(self, account: XAccount, given: Mapping[str, Any] | None) -> list[Media]:
        if given is None:
            return []
        closed(given, BODY_MEDIA, "$.media")
        ids = given.get("media_ids")
        if not isinstance(ids, list) or not 1 <= len(ids) <= 4:
            raise invalid("$.media.media_ids: must have 1 to 4 items")
        if not all(isinstance(one, str) and ID.fullmatch(one) for one in ids):
            raise invalid("$.media.media_ids: must be ids, as strings")
        found = [self._media.get(one) for one in ids]
        media = [one for one in found if one and one.owner == account.id and one.ready and self._lasts(one)]
        if len(media) != len(ids) or len(set(ids)) != len(ids):
            raise invalid("Your media IDs are invalid.", **{"media.media_ids": ids})
        if len(media) > 1 and any(one.category != "tweet_image" for one in media):
            raise invalid("One video, one GIF, or up to four photos.", **{"media.media_ids": ids})
        return media

    def _repeats(self, account: XAccount, text: str) -> bool:
        return any(
            live.text == text and not live.media and self.age(live) < self.duplicate_window
            for live in self._all_of(account)
        )

    def _all_of(self, account: XAccount) -> list[Live]:
        """The account's live posts, without any lag."""
        return [live for live in self.public if live.account == account.handle]

    # Media, while it is being made

    def _fits(self, category: str, kind: str, size: int) -> None:
        if kind not in TYPES[category]:
            raise invalid(f"media type unrecognized for {category}", media_type=kind)
        if size > LARGEST[category]:
            raise invalid(f"File size exceeds {LARGEST[category]} bytes.", total_bytes=size)

    def _new_media(self, account: XAccount, category: str, kind: str, total: int) -> Media:
        expires = self.clock() + timedelta(seconds=DAY)
        media = Media(self._snowflake(), account.id, category, kind, total, expires)
        self._media[media.id] = media
        return media

    def _finish_upload(self, media: Media) -> None:
        media.polls = self.processing_polls if media.processed else 0
        if sniff(media.bytes) not in TYPES[media.category]:
            media.cause = "media type unrecognized"
        elif media.processed:
            media.cause = self.processing_error

    def _own_media(self, account: XAccount, identity: str) -> Media:
        self._id(identity, "media_id")
        media = self._media.get(identity)
        if media is None or media.owner != account.id or not self._lasts(media):
            raise missing("media", "media_id", identity)
        return media

    def _lasts(self, media: Media) -> bool:
        return self.clock() < media.expires

    def _media_head(self, media: Media) -> dict[str, Any]:
        left = int((media.expires - self.clock()).total_seconds())
        return {"id": media.id, "media_key": media.key, "expires_after_secs": left}

    def _media_status(self, media: Media) -> dict[str, Any]:
        status = {**self._media_head(media), "size": media.total}
        if media.polls:
            going = {"state": "pending" if media.polls == self.processing_polls else "in_progress"}
            return {**status, "processing_info": {**going, "check_after_secs": self.check_after_secs}}
        if media.cause:
            why = {"code": 1, "name": "InvalidMedia", "message": media.cause}
            return {**status, "processing_info": {"state": "failed", "progress_percent": 100, "error": why}}
        if media.processed:
            return {**status, "processing_info": {"state": "succeeded", "progress_percent": 100}}
        return status

    # Posts, as they are kept and shown

    def _snowflake(self) -> str:
        milliseconds = round(self.clock().timestamp() * 1_000) - EPOCH
        return str((milliseconds << 22) | (next(self._counter) & 0x3FFFFF))

    def _post(self, account: XAccount, text: str, media: list[Media], reply_to: str | None) -> Live:
        identity = self._snowflake()
        self._attached[identity] = tuple(one.id for one in media)
        return Live(
            account=account.handle,
            id=identity,
            url=f"https://x.com/{account.handle}/status/{identity}",
            text=text,
            at=self.clock(),
            media=tuple(one.stored() for one in media),
            reply_to=reply_to,
        )

    def _window_asked(self, request: Request) -> Callable[[Live], bool]:
        """Whether a post lies between the times and ids asked for, replies left out where asked."""
        after, before = self._instant(request, "start_time"), self._instant(request, "end_time")
        since = int(self._id(request.one("since_id") or "0", "since_id"))
        until = int(self._id(request.one("until_id") or "9" * 19, "until_id"))
        excluded = self._values(request, "exclude", {"replies", "retweets"})

        def within(live: Live) -> bool:
            timely = (after is None or live.at >= after) and (before is None or live.at < before)
            return timely and since < int(live.id) < until and not ("replies" in excluded and live.reply_to)

        return within

    def _instant(self, request: Request, name: str) -> datetime | None:
        value = request.one(name)
        if value is None:
            return None
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", value):
            raise invalid(f"The `{name}` query parameter value [{value}] is not a valid date-time", **{name: value})
        return datetime.fromisoformat(value)

    def _page(self, request: Request, posts: list[Live], wanted: Wanted) -> dict[str, Any]:
        size = request.one("max_results", "10") or ""
        if not size.isdigit() or not 5 <= int(size) <= 100:
            raise invalid(
                f"The `max_results` query parameter value [{size}] is not between 5 and 100", max_results=size
            )
        last = self._after(request)
        posts = sorted(
            (live for live in posts if last is None or int(live.id) < last), key=lambda live: int(live.id), reverse=True
        )
        page, rest = posts[: int(size)], posts[int(size) :]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
        if rest:
            meta["next_token"] = base64.b32hexencode(page[-1].id.encode()).decode().rstrip("=").lower()
        return {**self._listing(page, wanted), "meta": meta}

    def _after(self, request: Request) -> int | None:
        token = request.one("pagination_token")
        if token is None:
            return None
        try:
            return int(base64.b32hexdecode(token.upper() + "=" * (-len(token) % 8)))
        except ValueError as error:  # binascii's errors are ValueErrors too
            raise invalid(
                f"The `pagination_token` query parameter value [{token}] is not valid", pagination_token=token
            ) from error

    def _listing(self, posts: list[Live], wanted: Wanted) -> dict[str, Any]:
        answer: dict[str, Any] = {"data": [self._rendered(live, wanted) for live in posts]} if posts else {}
        if includes := self._includes(posts, wanted):
            answer["includes"] = includes
        private = PRIVATE_METRICS & wanted.fields
        if too_old := [closed_metric(live, name) for live in posts for name in private if not self._recent(live)]:
            answer["errors"] = too_old
        return answer

    def _recent(self, live: Live) -> bool:
        """Young enough for the metrics that only the author sees."""
        return self.age(live) <= timedelta(days=30)

    def _includes(self, posts: list[Live], wanted: Wanted) -> dict[str, Any]:
        includes: dict[str, Any] = {}
        if "attachments.media_keys" in wanted.expansions:
            used = dict.fromkeys(one for live in posts for one in self._attached[live.id])
            if used:
                includes["media"] = [self._shown_media(self._media[one], wanted) for one in used]
        if "author_id" in wanted.expansions and posts:
            owners = {live.account: self._owner(live) for live in posts}
            includes["users"] = [self._user(owner, wanted) for owner in owners.values()]
        return includes

    def _shown_media(self, media: Media, wanted: Wanted) -> dict[str, Any]:
        views = grown(media.id, self.clock() - media.expires + timedelta(seconds=DAY), 3_000)
        everything = {
            "media_key": media.key,
            "type": KIND[media.category],
            "alt_text": media.alt or None,
            "url": f"https://pbs.twimg.com/media/{media.id}" if KIND[media.category] == "photo" else None,
            "public_metrics": {"view_count": views} if KIND[media.category] == "video" else None,
        }
        return _chosen(everything, {"media_key", "type"} | wanted.media)

    def _user(self, account: XAccount, wanted: Wanted) -> dict[str, Any]:
        everything = {
            "id": account.id,
            "name": account.name,
            "username": account.handle,
            "protected": False,
            "verified": False,
            "verified_type": "none",
            "subscription_type": account.subscription_type,
            "created_at": "2023-03-26T00:00:00.000Z",
            "description": "",
            "public_metrics": {"followers_count": 4210, "following_count": 12, "tweet_count": 7, "listed_count": 3},
        }
        return _chosen(everything, {"id", "name", "username"} | wanted.user)

    def _rendered(self, live: Live, wanted: Wanted) -> dict[str, Any]:
        owner = self._owner(live)
        text, entities = self._wire_text(live)
        keys = [self._media[one].key for one in self._attached[live.id]]
        everything = {
            "id": live.id,
            "text": text,
            "edit_history_tweet_ids": [live.id],
            "author_id": owner.id,
            "conversation_id": self._root(live),
            "created_at": live.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{live.at.microsecond // 1000:03}Z",
            "attachments": {"media_keys": keys} if keys else None,
            "entities": {"urls": entities} if entities else None,
            "in_reply_to_user_id": owner.id if live.reply_to else None,
            "referenced_tweets": [{"type": "replied_to", "id": live.reply_to}] if live.reply_to else None,
            "note_tweet": {"text": escape(live.text, quote=False)} if weight(live.text) > SHORT else None,
            "public_metrics": self.counts(live),
            "lang": "in",
            "reply_settings": "everyone",
            "possibly_sensitive": False,
        }
        if self._recent(live):
            everything |= {"non_public_metrics": self._clicks(live), "organic_metrics": self._clicks(live)}
        shown = _chosen(everything, {"id", "text", "edit_history_tweet_ids"} | wanted.fields)
        return _renamed(shown) if wanted.renamed else shown

    def _clicks(self, live: Live) -> dict[str, int]:
        ceilings = {"url_link_clicks": 200, "user_profile_clicks": 40, "engagements": 400}
        return {name: grown(f"{live.id} {name}", self.age(live), most) for name, most in ceilings.items()}

    def _root(self, live: Live) -> str:
        before = self.find(live.reply_to) if live.reply_to else None
        return self._root(before) if before else live.reply_to or live.id

    def _wire_text(self, live: Live) -> tuple[str, list[dict[str, Any]]]:
        """The text as X hands it out, the media's link last; and its links."""
        written, entities = handed_out(cut(live.text), live.id)
        if attached := self._attached[live.id]:
            written += " " if written else ""
            entities.append(self._media_entity(live, written, self._media[attached[0]]))
            written += entities[-1]["url"]
        return written, entities

    def _media_entity(self, live: Live, written: str, media: Media) -> dict[str, Any]:
        kind = "photo" if KIND[media.category] == "photo" else "video"
        link = short(f"{live.id} media")
        picture = {"display_url": link.replace("https://t.co", "pic.x.com"), "media_key": media.key}
        return {**entity(written, link, f"{live.url}/{kind}/1"), **picture}


# --- small things ---------------------------------------------------------------------------------------------------


def _chosen(everything: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in everything.items() if name in names and value is not None}


def _renamed(shown: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: _renamed(value) if isinstance(value, dict) else value for name, value in shown.items()}
    return {RENAMED.get(name, name): value for name, value in inner.items()}
