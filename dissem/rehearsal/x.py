"""X: posts, threads, photos and video through API v2, with OAuth 1.0a signatures really verified.

Written after the vendor's OpenAPI description 2.167 (docs.x.com). Its new names (`post.fields`, `repost_count`) and the
ones of its prose and of tweepy (`tweet.fields`, `retweet_count`) both work; an answer speaks the names of its question.
Known keys that dissem has no use for (polls, places, communities) are answered 501.

A read that asks for metrics is scripted as `measure`; others are `read` (by id) and `list` (the timeline).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import quote, unquote

from dissem.rehearsal.standin import Account, Answer, Denied, Live, Request, Route, Standin, Stored, grown, route, sniff

# --- text as X counts it --------------------------------------------------------------------------------------------

LINK_WEIGHT = 23
SHORT, LONG = 280, 25_000  # weighted: everybody, and accounts that pay
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|name|mobi|asia|travel|museum|app|dev|blog|news|online|site|store|tech|xyz|"
    "id|my|sg|th|vn|ph|bn|tl|au|nz|jp|kr|cn|hk|tw|in|uk|us|eu|nl|de|fr|it|es|co|io|me|tv|cc|ly|gl|be|to|ai"
)
_NAME = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"
_BELOW = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9_\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"  # below a name, underscores may be
_PATH = r"[a-z0-9\u00c0-\u024f\u0400-\u04ff!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_QUERY = r"[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]"
LINK = re.compile(
    rf"(?:(?<![a-z0-9@\uff20$#\uff03])https?://|(?<![a-z0-9@\uff20$#\uff03\-_./]))"
    rf"(?:{_BELOW}\.)*{_NAME}\.(?:{_TLD})(?![a-z0-9@+-])(?::\d+)?"
    rf"(?:/(?:\({_PATH}+\)|{_PATH})*(?<=[a-z0-9\u00c0-\u024f\u0400-\u04ff+\-=_#/)]))?"
    rf"(?:\?{_QUERY}*(?<=[a-z0-9\-_&=#/]))?",
    re.IGNORECASE,
)

_PICTURE = (
    "(?:[\u00a9\u00ae]\ufe0f|[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]\ufe0f?)[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*",
)
CASHTAG = re.compile(r"(?<!\S)\$[a-z]{1,6}(?![a-z0-9_])", re.IGNORECASE)


def weight(text: str) -> int:
    """The weighted length by configuration v3 of twitter-text: links 23, an emoji 2 however it is composed."""
    pieces = LINK.split(unicodedata.normalize("NFC", text))
    return LINK_WEIGHT * (len(pieces) - 1) + sum(_plain_weight(piece) for piece in pieces)


def _plain_weight(text: str) -> int:
    without_sequences = EMOJI.sub("\ufffc", text)
    return sum(1 if any(low <= ord(sign) <= high for low, high in LIGHT) else 2 for sign in without_sequences)


# --- files ----------------------------------------------------------------------------------------------------------

MIB = 1024 * 1024
DAY = 86_400  # seconds that a media id is good for
LARGEST = {"tweet_image": 5 * MIB, "tweet_gif": 15 * MIB, "tweet_video": 512 * MIB, "amplify_video": 512 * MIB}
KEY_PREFIX = {"tweet_image": "3", "tweet_gif": "16", "tweet_video": "7", "amplify_video": "13"}
KIND = {"tweet_image": "photo", "tweet_gif": "animated_gif", "tweet_video": "video", "amplify_video": "video"}
TYPES = {
    "tweet_image": {"image/jpeg", "image/png", "image/webp", "image/gif"},
    "tweet_gif": {"image/gif"},
    "tweet_video": {"video/mp4", "video/quicktime", "video/webm"},
    "amplify_video": {"video/mp4", "video/quicktime", "video/webm"},
}


@dataclass
class Media:
    """An upload on its way to a post. `polls` is how often its status will still be "in progress"; None: not final."""

    id: str
    owner: str
    category: str
    type: str
    total: int
    expires: datetime
    segments: dict[int, bytes] = field(default_factory=dict)
    alt: str = ""
    polls: int | None = None
    cause: str = ""

    @property
    def key(self) -> str:
        return f"{KEY_PREFIX[self.category]}_{self.id}"

    @property
    def bytes(self) -> bytes:
        return b"".join(self.segments[number] for number in sorted(self.segments))

    @property
    def whole(self) -> bool:
        return sorted(self.segments) == list(range(len(self.segments))) and len(self.bytes) == self.total

    @property
    def processed(self) -> bool:
        """Whether X works on it after the upload; photos are ready at once."""
        return self.category != "tweet_image"

    @property
    def ready(self) -> bool:
        return self.polls == 0 and not self.cause

    def stored(self) -> Stored:
        return Stored(self.bytes, self.type, self.alt)


# --- what the API knows ---------------------------------------------------------------------------------------------


def names(text: str) -> frozenset[str]:
    """The words of *text*."""
    return frozenset(text.split())


PROBLEMS = "https://api.x.com/2/problems/"
EPOCH = 1_288_834_974_657  # ms; ids count from here
WINDOW = timedelta(minutes=15)
LIMITS = {  # requests of one user in 15 minutes, by handler
    "me": 75,
    "create_post": 100,
    "delete_post": 50,
    "post_by_id": 900,
    "posts_by_id": 5_000,
    "timeline": 900,
    "upload": 500,
    "initialize": 1_875,
    "append": 1_875,
    "finalize": 1_875,
    "upload_status": 1_000,
    "metadata": 500,
}
OLD_POST_FIELDS = names(
    "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang media_metadata "
    "non_public_metrics note_tweet organic_metrics possibly_sensitive promoted_metrics public_metrics "
    "referenced_tweets reply_settings scopes source text withheld"
)
NEW_POST_FIELDS = names(
    "article article_title attachments card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls entities geo id lang matched_media_notes media_metadata non_public_metrics "
    "note_post note_request_suggestions organic_metrics paid_partnership possibly_sensitive promoted_metrics "
    "public_metrics reply_settings scopes source suggested_source_links suggested_source_links_with_counts text "
    "withheld"
)
RENAMED = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "retweet_count": "repost_count",
}
USER_FIELDS = names(
    "confirmed_email connection_status created_at description entities id is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected public_metrics "
    "receives_your_dm subscribes_to_you subscription subscription_type url username verified "
    "verified_followers_count verified_type withheld"
)
MEDIA_FIELDS = names(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url promoted_metrics "
    "public_metrics type url variants width"
)
EXPANSIONS = names(
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_tweet_ids edit_history_post_ids entities.mentions.username "
    "geo.place_id in_reply_to_user_id referenced_tweets.id referenced_tweets.id.author_id referenced_posts "
    "username"
)
VOCABULARIES: Mapping[str, Collection[str]] = {
    "tweet.fields": OLD_POST_FIELDS,
    "post.fields": NEW_POST_FIELDS,
    "user.fields": USER_FIELDS,
    "media.fields": MEDIA_FIELDS,
    "expansions": EXPANSIONS,
}
POST_READS = {*VOCABULARIES, "poll.fields", "place.fields"}
PRIVATE_METRICS = {"non_public_metrics", "organic_metrics"}
BODY = {
    "text": str,
    "media": dict,
    "reply": dict,
    "reply_settings": str,
    "made_with_ai": bool,
    "paid_partnership": bool,
    "nullcast": bool,
}
NOT_REHEARSED = names(
    "card_uri community_id direct_message_deep_link edit_options for_super_followers_only geo poll quote_tweet_id "
    "share_with_followers"
)
BODY_MEDIA = names("media_ids tagged_user_ids description title embeddable preview_media_id call_to_actions")
BODY_REPLY = {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"}
REPLY_SETTINGS = {"following", "mentionedUsers", "subscribers", "verified"}
METADATA = names(
    "allow_download_status alt_text audience_policy content_expiration domain_restrictions found_media_origin "
    "geo_restrictions management_info preview_image sensitive_media_warning shared_info sticker_info "
    "upload_source"
)
ID = re.compile(r"[0-9]{1,19}")
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@dataclass(frozen=True)
class XAccount(Account):
    """An account: `token` is its OAuth 2.0 user token, the other two are for OAuth 1.0a."""

    access_token: str = ""
    access_token_secret: str = ""
    subscription_type: str = "None"


SAMPLE = XAccount(
    id="1640000000000000001",
    handle="kotarehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-x-user-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=frozenset({"tweet.read", "tweet.write", "users.read", "media.write", "offline.access"}),
    access_token="1640000000000000001-rehearsalAccessToken",  # noqa: S106
    access_token_secret="rehearsal-access-token-secret",  # noqa: S106
)


@dataclass(frozen=True)
class Wanted:
    """What a reader asked to see, in the old names; `renamed` when the question used the new ones."""

    fields: frozenset[str]
    renamed: bool
    media: frozenset[str]
    user: frozenset[str]
    expansions: frozenset[str]


def problem(status: int, detail: str, kind: str = "about:blank", title: str = "", **more: Any) -> Answer:
    """A refusal in the form of RFC 7807, as most of X's are."""
    body = {"title": title or HTTPStatus(status).phrase, "detail": detail, "type": kind, "status": status, **more}
    return Answer(status, body, {"Content-Type": "application/problem+json; charset=utf-8"})


def invalid(message: str, **parameters: Any) -> Denied:
    """400, with the sentence about the parameter in `errors`."""
    body = {
        "errors": [{"parameters": {name: [str(value)] for name, value in parameters.items()}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}invalid-request",
    }
    return Denied(Answer(400, body, {"Content-Type": "application/problem+json; charset=utf-8"}))


def absent(kind: str, parameter: str, value: str) -> dict[str, Any]:
    """The entry of `errors` for something that is not there."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}resource-not-found",
    }


class XStandin(Standin):
    """X on loopback.

    `credits_depleted` and `suspended` make every request fail as they do at X. `processing_polls` is how many status
    calls answer "in_progress" after a video's upload; `processing_error`, when set, is what its processing ends with.
    `limits` (by handler) may be changed. `guards_duplicates` and `duplicate_window` rule the refusal of repeated texts.
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
        self.consumer_key = "rehearsal-consumer-key"
        self.consumer_secret = "rehearsal-consumer-secret"  # noqa: S105 - opens nothing but this stand-in
        self.app_token = "rehearsal-app-only-token"  # noqa: S105
        self.credits_depleted = False
        self.suspended = False
        self.processing_polls = 1
        self.processing_error = ""
        self.check_after_secs = 1
        self.guards_duplicates = True
        self.duplicate_window = timedelta(days=1)
        self.limits = dict(LIMITS)
        self._media: dict[str, Media] = {}
        self._attached: dict[str, tuple[str, ...]] = {}
        self._nonces: set[tuple[str, str]] = set()
        self._windows: dict[tuple[str, str], tuple[datetime, int]] = {}
        self._counter = count()

    @property
    def access_token(self) -> str:
        return str(self.accounts[0].access_token)

    @property
    def access_token_secret(self) -> str:
        return str(self.accounts[0].access_token_secret)

    @property
    def bearer(self) -> str:
        """The OAuth 2.0 user token of the first account."""
        return self.token

    @property
    def user_id(self) -> str:
        return str(self.accounts[0].id)

    @property
    def username(self) -> str:
        return str(self.accounts[0].handle)

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
            raise Denied(problem(404, **_as_problem(absent("tweet", "id", request.params["id"]))))
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
        missing = [absent("tweet", "ids", identity) for identity, live in zip(ids, found, strict=True) if not live]
        if missing:
            answer["errors"] = answer.get("errors", []) + missing
        return Answer(200, answer)

    @route("GET", "/2/users/{id}/tweets", label="list")
    def timeline(self, request: Request) -> Answer:
        self._sign_in(request, "tweet.read", "users.read", app=True)
        wanted = self._wanted(
            request,
            POST_READS
            | {"max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"},
        )
        owner = self._account(id=self._id(request.params["id"], "id"))
        if owner is None:
            return Answer(200, {"errors": [absent("user", "id", request.params["id"])]})
        within = self._window_asked(request)
        posts = [live for live in self.listed(request, owner.handle)[:3_200] if within(live)]
        return Answer(200, self._page(request, posts, wanted))

    # X's own wording

    def not_found(self, request: Request) -> Answer:
        return problem(404, "Not Found")

    def refused(self, request: Request) -> Answer:
        return invalid("The request was refused.").answer

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        answer = problem(429, "Too Many Requests")
        limit = {"x-rate-limit-limit": str(self._window(request)[1]), "x-rate-limit-remaining": "0"}
        if retry_after is not None:
            limit["x-rate-limit-reset"] = str(int(self.clock().timestamp() + retry_after))
        return replace(answer, headers={**answer.headers, **limit})

    def token_expired(self, request: Request) -> Answer:
        return problem(401, "Unauthorized")

    def failed(self, request: Request, status: int) -> Answer:
        return problem(status, HTTPStatus(status).phrase)

    def duplicate_refused(self, request: Request) -> Answer:
        return problem(403, DUPLICATE)

    def finish(self, request: Request, answer: Answer) -> Answer:
        """Every answer tells what is left of the endpoint's fifteen minutes."""
        if "x-rate-limit-remaining" in answer.headers:
            return answer
        window, limit = self._window(request)
        start, used = self._windows.get(window, (self.clock(), 0))
        told = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(limit - used, 0)),
            "x-rate-limit-reset": str(int((start + WINDOW).timestamp())),
        }
        return replace(answer, headers={**answer.headers, **told})

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

    def without_secrets(self, text: str) -> str:
        for secret in (self.app_token, self.consumer_secret, *(one.access_token for one in self.accounts)):
            text = text.replace(secret, "***") if secret else text
        return super().without_secrets(text)

    def operation(self, made: Route | None, request: Request) -> str:
        """Reads that ask for metrics have faults of their own, apart from those that look for a post."""
        if made is None or made.handler not in ("posts_by_id", "post_by_id", "timeline"):
            return made.label if made else ""
        if "_metrics" in f"{request.one('tweet.fields')},{request.one('post.fields')}":
            return "measure"
        return "list" if made.handler == "timeline" else "read"

    # Who asks

    def _sign_in(self, request: Request, *scopes: str, app: bool = False) -> XAccount:
        """The account that asks, allowed to; *app*: the app may ask without any user."""
        if request.headers.get("authorization", "").partition(" ")[0].lower() == "oauth":
            account = self._signer(request)
        else:
            account = self._bearer_of(request, scopes, app=app)
        request.params["account"] = account.id
        self._spend(request)
        if self.credits_depleted:
            detail = "Your enrolled account does not have any credits to fulfill this request."
            raise Denied(problem(402, detail, f"{PROBLEMS}credits", title="CreditsDepleted"))
        if self.suspended:
            raise Denied(problem(403, "Your account is suspended and is not permitted to access this feature."))
        return account

    def _bearer_of(self, request: Request, scopes: Collection[str], *, app: bool) -> XAccount:
        token = request.bearer or ""
        if token == self.app_token:
            if app:
                return replace(SAMPLE, id="", handle="")
            detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
            raise Denied(problem(403, detail, f"{PROBLEMS}unsupported-authentication", "Unsupported Authentication"))
        account = self._account(token=token) if token else None
        if account is None:
            raise Denied(problem(401, "Unauthorized"))
        if not account.scopes.issuperset(scopes):
            raise Denied(problem(403, "You are not permitted to perform this action."))
        return account

    def _signer(self, request: Request) -> XAccount:
        """The account whose secrets signed this request (OAuth 1.0a, HMAC-SHA1, RFC 5849)."""
        given = _oauth_header(request.headers["authorization"])
        account = self._account(access_token=given.get("oauth_token", ""))
        fresh = abs(time.time() - _number(given.get("oauth_timestamp"))) <= 300
        once = (given.get("oauth_nonce", ""), given.get("oauth_timestamp", ""))
        if not (
            account
            and given.get("oauth_consumer_key") == self.consumer_key
            and given.get("oauth_signature_method") == "HMAC-SHA1"
            and given.get("oauth_version", "1.0") == "1.0"
            and fresh
            and once[0]
            and once not in self._nonces
        ):
            raise Denied(problem(401, "Unauthorized"))
        expected = signature(request, given, self.consumer_secret, account.access_token_secret)
        if not hmac.compare_digest(expected, given.get("oauth_signature", "")):
            raise Denied(problem(401, "Unauthorized"))
        self._nonces.add(once)
        return account

    def _account(self, **known: str) -> XAccount | None:
        for account in self.accounts:
            if all(getattr(account, name) == value for name, value in known.items()):
                return account if isinstance(account, XAccount) else None
        return None

    def _owner(self, live: Live) -> XAccount:
        owner = self._account(handle=live.account)
        assert owner, "a post belongs to an account"  # noqa: S101 - posts are made here only
        return owner

    def _window(self, request: Request) -> tuple[tuple[str, str], int]:
        """What the rate limit is counted by (handler and user), and the limit."""
        made, _ = self._match(request)
        handler = made.handler if made else ""
        return (handler, request.params.get("account", "")), self.limits.get(handler, 900)

    def _spend(self, request: Request) -> None:
        window, limit = self._window(request)
        start, used = self._windows.get(window, (self.clock(), 0))
        if not start <= self.clock() < start + WINDOW:
            start, used = self.clock(), 0
        if used >= limit:
            raise Denied(self.throttled(request, (start + WINDOW - self.clock()).total_seconds()))
        self._windows[window] = (start, used + 1)

    # What is asked

    def _only(self, request: Request, allowed: Collection[str]) -> None:
        for name in request.query:
            if name not in allowed:
                raise invalid(
                    f"The query parameter [{name}] is not one of [{','.join(sorted(allowed))}]",
                    **{name: request.one(name)},
                )

    def _wanted(self, request: Request, allowed: Collection[str]) -> Wanted:
        self._only(request, allowed)
        asked = {name: self._values(request, name, known) for name, known in VOCABULARIES.items()}
        renamed = "post.fields" in request.query
        old = {new: old for old, new in RENAMED.items()}
        fields = frozenset(old.get(name, name) for name in asked["post.fields"] | asked["tweet.fields"])
        return Wanted(fields, renamed, asked["media.fields"], asked["user.fields"], asked["expansions"])

    def _values(self, request: Request, name: str, known: Collection[str]) -> frozenset[str]:
        if name not in request.query:
            return frozenset()
        values = ",".join(request.query[name]).split(",")
        for value in values:
            if value not in known:
                raise invalid(f"The `{name}` query parameter value [{value}] is not one of its values", **{name: value})
        return frozenset(values)

    def _id(self, value: str, name: str) -> str:
        if not ID.fullmatch(value):
            raise invalid(f"The `{name}` query parameter value [{value}] is not valid", **{name: value})
        return value

    def _body(self, request: Request, allowed: Collection[str]) -> dict[str, Any]:
        if request.type != "application/json":
            raise Denied(problem(415, "Content-Type must be application/json."))
        try:
            body = request.json()
        except ValueError as error:
            raise invalid("Requests with bodies must have valid JSON.") from error
        if not isinstance(body, dict):
            raise invalid("$: an object is required")
        _closed(body, allowed, "$")
        return body

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
        _closed([*form.fields, *form.files], allowed, "$")
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
        _closed(reply, BODY_REPLY, "$.reply")
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
        _closed(given, BODY_MEDIA, "$.media")
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
            raise Denied(problem(404, **_as_problem(absent("media", "media_id", identity))))
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
        if too_old := [_closed_metric(live, name) for live in posts for name in private if not self._recent(live)]:
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
        }
        return _chosen(everything, {"id", "name", "username"} | wanted.user)

    def _rendered(self, live: Live, wanted: Wanted) -> dict[str, Any]:
        owner = self._owner(live)
        text, entities = self._wire_text(live, _cut(live.text))
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
            "note_tweet": {"text": html.escape(live.text, quote=False)} if weight(live.text) > SHORT else None,
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

    def _wire_text(self, live: Live, text: str) -> tuple[str, list[dict[str, Any]]]:
        """The text as X hands it out: links shortened, the media's link last, `& < >` escaped; and its links."""
        written, entities, end = "", [], 0
        for number, found in enumerate(LINK.finditer(text)):
            written += html.escape(text[end : found.start()], quote=False)
            full = found[0] if "://" in found[0] else f"http://{found[0]}"
            entities.append(_entity(written, _short(f"{live.id} {number}"), full))
            written += entities[-1]["url"]
            end = found.end()
        written += html.escape(text[end:], quote=False)
        if attached := self._attached[live.id]:
            written += " " if written else ""
            entities.append(self._media_entity(live, written, self._media[attached[0]]))
            written += entities[-1]["url"]
        return written, entities

    def _media_entity(self, live: Live, written: str, media: Media) -> dict[str, Any]:
        kind = "photo" if KIND[media.category] == "photo" else "video"
        short = _short(f"{live.id} media")
        picture = {"display_url": short.replace("https://t.co", "pic.x.com"), "media_key": media.key}
        return {**_entity(written, short, f"{live.url}/{kind}/1"), **picture}


# --- the wire -------------------------------------------------------------------------------------------------------


def signature(request: Request, given: Mapping[str, str], consumer_secret: str, token_secret: str) -> str:
    """HMAC-SHA1 over method, address as received and every parameter but a multipart or JSON body (RFC 5849, 3.4)."""
    pairs = [(name, value) for name, value in given.items() if name not in ("oauth_signature", "realm")]
    pairs += [(name, value) for name, values in request.query.items() for value in values]
    if request.type == "application/x-www-form-urlencoded":
        pairs += [(name, value) for name, values in request.form().fields.items() for value in values]
    listed = "&".join(f"{name}={value}" for name, value in sorted((_escape(n), _escape(v)) for n, v in pairs))
    address = f"http://{request.headers.get('host', '').lower().removesuffix(':80')}{request.path}"
    base = "&".join((request.method, _escape(address), _escape(listed)))
    key = f"{_escape(consumer_secret)}&{_escape(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def _oauth_header(value: str) -> dict[str, str]:
    """The parameters of an `Authorization: OAuth …` header; a name given twice is an error, so nothing is returned."""
    pairs = re.findall(r'(\w+)="([^"]*)"', value.partition(" ")[2])
    return {name: unquote(text) for name, text in pairs} if len({name for name, _ in pairs}) == len(pairs) else {}


def _escape(text: str) -> str:
    return quote(text, safe="-._~")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _closed(names: Iterable[str], allowed: Collection[str], where: str) -> None:
    for name in names:
        if name not in allowed:
            raise invalid(
                f"{where}.{name}: is not defined in the schema and the schema does not allow additional properties"
            )


def _as_problem(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {("kind" if name == "type" else name): value for name, value in entry.items()}


def _chosen(everything: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in everything.items() if name in names and value is not None}


def _renamed(shown: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: _renamed(value) if isinstance(value, dict) else value for name, value in shown.items()}
    return {RENAMED.get(name, name): value for name, value in inner.items()}


def _closed_metric(live: Live, name: str) -> dict[str, Any]:
    return {
        "resource_id": live.id,
        "parameter": name,
        "resource_type": "tweet",
        "section": "data",
        "value": name,
        "title": "Field Authorization Error",
        "detail": f"Sorry, you are not authorized to access '{name}' on the Tweet.",
        "type": f"{PROBLEMS}not-authorized-for-field",
    }


def _cut(text: str) -> str:
    """What of a long post stands in `text`; the whole is in its note."""
    if weight(text) <= SHORT:
        return text
    text = text[:SHORT]
    while weight(f"{text}…") > SHORT:
        text = text[:-1]
    return f"{text}…"


def _short(seed: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).decode()
    return f"https://t.co/{digest.replace('-', 'A').replace('_', 'B')[:10]}"


def _entity(written: str, short: str, full: str) -> dict[str, Any]:
    shown = full.partition("://")[2]
    return {
        "start": len(written),
        "end": len(written) + len(short),
        "url": short,
        "expanded_url": full,
        "display_url": shown if len(shown) <= 27 else f"{shown[:26]}…",
    }
