"""X, API v2: posts, threads, up to four photos or one video; counts views, likes, replies, reposts, bookmarks, clicks.

There is no idempotency key, so after a lost answer the account's own timeline is read. X refuses a text that it has
already, which is taken as a reason to look there, not as a failure. tweepy makes the calls for posts; it does not know
the living media endpoints, has no time-outs and writes to a host of its own, so its requests go through our Client.
API: https://docs.x.com/x-api
"""

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from dissem.channels import x_login
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
    Why,
    plain,
    same_text,
)
from dissem.channels.client import Answer, Client, doubt, retry_after
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.login import App, moment
from dissem.channels.network import Network
from dissem.channels.x_text import has_link, unlinked, weight

LOGIN = "X needs consumer_key, consumer_secret and access_token_secret with it, or a login by: dissem channel connect"
LONG_TEXT = 25_000  # what an account with Premium may write
PREMIUM = {"Premium", "PremiumPlus"}
CHUNK = 4 * 2**20  # bytes; a segment over 5 MiB was too long for the endpoint's forerunner
MEDIA_LIFE, MARGIN = timedelta(hours=24), timedelta(minutes=30)  # of an uploaded file, and what we do not trust of it
PRIVATE_LIFE = timedelta(days=29)  # clicks are told for 30 days, and asking later spoils the whole answer
POLL = timedelta(seconds=5)  # between two looks at a video, where X does not say
UNNAMED_WAIT = timedelta(minutes=15)  # the shortest window of X's limits
# US dollars a request, https://docs.x.com/x-api/getting-started/pricing: a post is many times dearer with a link in it
PRICE, LINKED_PRICE, ALT_PRICE = 0.015, 0.20, 0.005
PAGES = 32  # of a hundred posts: the timeline goes no further back
ID_EPOCH = 1_288_834_974_657  # ms; the upper bits of an id are the milliseconds since
POST = ("POST", "/2/tweets")
_POST_ADDRESS = re.compile(r"https?://(?:x|twitter)\.com/.*/status/(\d+)")


class X(Adapter):
    platform = "x"
    facts = Facts(
        label="X",
        certainties=frozenset({Certainty.READABLE}),
        text=280,
        api="2",
        images=4,
        videos=1,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        image_bytes=5 * 2**20,
        video_bytes=512 * 2**20,
        video_seconds=140,
        alt=1000,
        threads=True,
        counts=frozenset({"views", "likes", "comments", "shares", "saves", "clicks"}),
        batch=100,
        lag=timedelta(minutes=10),
    )

    class Settings(Adapter.Settings):
        """A login of OAuth 1.0a, four strings that last, or one of OAuth 2.0, which `renew` keeps up: both tokens are
        spent and given anew, and the end of one is a moment as seconds since 1970, which nobody enters."""

        api_url: str = "https://api.x.com"
        client_id: str = Field("", description="of the app, for logins by browser")
        client_secret: SecretStr | None = None
        consumer_key: SecretStr | None = None
        consumer_secret: SecretStr | None = None
        access_token_secret: SecretStr | None = None
        refresh_token: SecretStr | None = None
        access_token: SecretStr
        access_token_ends: SecretStr | None = None

        @field_validator("access_token")
        @classmethod
        def _whole(cls, token: SecretStr, known: ValidationInfo) -> SecretStr:
            signs = all(known.data.get(name) for name in ("consumer_key", "consumer_secret", "access_token_secret"))
            if not signs and not (known.data.get("client_id") and known.data.get("refresh_token")):
                raise ValueError(LOGIN)
            return token

    @classmethod
    def length(cls, text: str) -> int:
        """Weighted characters: a link is 23, an emoji 2."""
        return weight(text)

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = _POST_ADDRESS.match(url)
        return Receipt(found[1], url) if found else None

    @classmethod
    def price(cls, part: Part) -> float:
        """By X's pay-per-use prices: of the post, and of each alt text that goes out with a picture."""
        described = 0 if any(a.is_video for a in part.attachments) else sum(bool(a.alt) for a in part.attachments)
        return round((LINKED_PRICE if has_link(part.text) else PRICE) + described * ALT_PRICE, 3)

    def certainty(self, part: Part) -> Certainty:
        return Certainty.READABLE

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.api = _api(settings, network)
        self.posts = _posts(self.api)
        self.user = account or settings.access_token.get_secret_value().partition("-")[0]  # of OAuth 1.0a begins so

    def check(self) -> Account:
        answer = self.posts.get_me(user_auth=True, user_fields=["subscription_type"])
        user, name = _object(answer, "data"), answer.member("data", "username")
        return Account(
            id=str(answer.member("data", "id")),
            name=f"@{name}",
            url=f"https://x.com/{name}",
            expires=moment(self.settings.access_token_ends),
            limits={"text": LONG_TEXT} if user.get("subscription_type") in PREMIUM else {},
        )

    def renew(self) -> Mapping[str, SecretStr] | None:
        """The next pair of tokens; None for OAuth 1.0a. Uncertain: the answer was lost, and perhaps the login too."""
        known = self.settings
        if _signs(known) or not known.refresh_token:
            return None
        door = Client(known.api_url, network=self.network, translate=x_login.translate)
        return x_login.renewed(door, App(known.client_id, known.client_secret), known.refresh_token)

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if any(a.is_video for a in part.attachments):
            yield from self._upload_video(part.attachments[0], prepared)
            return
        for attachment in part.attachments[len(prepared.get("media")) :]:
            prepared = _lasting(prepared, media := self._upload_image(attachment)).adding("media", media["id"])
            yield prepared
        for number in range(prepared.get("described", 0), len(part.attachments)):
            if alt := part.attachments[number].alt:
                self._describe(prepared.get("media")[number], alt)
                prepared = prepared.having(described=number + 1)
                yield prepared

    def _upload_image(self, image: Attachment) -> Mapping[str, Any]:
        with image.path.open("rb") as file:
            answer = self.api.post(
                "/2/media/upload",
                data={"media_category": "tweet_image"},
                files={"media": (image.sha256, file, image.type)},
                total=None,
            )
        return _media(answer)

    def _describe(self, media: str, alt: str) -> None:
        self.api.post("/2/media/metadata", json={"id": media, "metadata": {"alt_text": {"text": alt}}})

    def _upload_video(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        if prepared.get("media"):
            return
        try:
            yield from self._video_steps(video, prepared)
        except _Lost:
            yield Prepared()  # X has forgotten the upload: the next try begins a new one
            raise

    def _video_steps(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`upload`: the id X gave; `sent`: segments it has; `whole`: it was told that there are no more."""
        if not prepared.get("upload"):
            media = self._begin(video)
            prepared = _lasting(prepared, media).having(upload=media["id"], sent=0)
            yield prepared
        upload = prepared.get("upload")
        for number in range(prepared.get("sent"), -(-video.size // CHUNK)):
            self._append(upload, number, video)
            prepared = prepared.having(sent=number + 1)
            yield prepared
        if not prepared.get("whole"):
            media = _media(self.api.post(f"/2/media/upload/{upload}/finalize"))
            prepared = prepared.having(whole=True)
            yield prepared
        else:
            media = _media(self.api.get("/2/media/upload", params={"command": "STATUS", "media_id": upload}))
        _see_processing(media)
        yield prepared.having(media=[upload])

    def _begin(self, video: Attachment) -> Mapping[str, Any]:
        announced = {"media_type": video.type, "total_bytes": video.size, "media_category": "tweet_video"}
        return _media(self.api.post("/2/media/upload/initialize", json=announced))

    def _append(self, upload: str, number: int, video: Attachment) -> None:
        with video.path.open("rb") as file:
            file.seek(number * CHUNK)
            segment = file.read(CHUNK)
        self.api.post(
            f"/2/media/upload/{upload}/append",
            data={"segment_index": str(number)},
            files={"media": (video.sha256, segment, video.type)},
            total=None,
        )

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        answer = self.posts.create_tweet(
            text=part.text or None,
            media_ids=prepared.get("media") or None,
            in_reply_to_tweet_id=part.after.id if part.after else None,
        )
        return _receipt(_id(answer))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        try:
            ours = [post["id"] for post in self._timeline(since) if _born(post["id"]) >= since and _is(post, part)]
        except (ChannelError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Uncertain("X did not list the account's posts, so nobody knows whether this one is there.") from error
        return [_receipt(post) for post in ours]

    def recent(self, since: datetime) -> Sequence[Seen]:
        try:
            posts = list(self._timeline(since, exclude="retweets,replies"))
            found = [(_receipt(str(post["id"])), post["text"]) for post in posts]
            return [Seen(one.id, _born(one.id), one.url, unlinked(_unescaped(text))) for one, text in found]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable("The platform's answer could not be read.") from error

    def _timeline(self, since: datetime, exclude: str = "retweets") -> Iterator[Mapping[str, Any]]:
        """The account's own posts back to *since*, newest first; LookupError when the list is not whole."""
        following = None
        for _ in range(PAGES):
            found = self.posts.get_users_tweets(
                self.user,
                user_auth=True,
                max_results=100,
                start_time=since,
                exclude=exclude,
                tweet_fields=["attachments", "created_at", "entities", "text"],
                pagination_token=following,
            )
            answer = _object(found)
            if answer.get("errors"):
                raise LookupError
            yield from answer.get("data") or ()
            following = answer["meta"].get("next_token")
            if not following:
                return
        raise LookupError

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        youngest = datetime.now(UTC) - PRIVATE_LIFE
        ids = [receipt.id for receipt in receipts]
        young = [i for i in ids if _born(i) > youngest]
        old = [i for i in ids if _born(i) <= youngest]
        return {**self._figures(young, "public_metrics", "non_public_metrics"), **self._figures(old, "public_metrics")}

    def _figures(self, ids: Sequence[str], *fields: str) -> Mapping[str, Counts | Gone]:
        if not ids:
            return {}
        answer = self.posts.get_tweets(ids, user_auth=True, tweet_fields=list(fields))
        body = _object(answer)
        gone = {str(e.get("resource_id") or e.get("value")) for e in _errors(body) if _absent(e)}
        counted = {str(post["id"]): _counts(post) for post in body.get("data") or ()}
        return {**{i: Gone() for i in ids if i in gone}, **counted}

    def followers(self) -> int | None:
        answer = self.posts.get_me(user_auth=True, user_fields=["public_metrics"])
        told = (_object(answer, "data").get("public_metrics") or {}).get("followers_count")
        return told if isinstance(told, int) else None

    def remove(self, receipt: Receipt) -> None:
        try:
            answer = self.posts.delete_tweet(receipt.id)
        except _Lost:
            return
        if answer.member("data", "deleted") is not True:
            raise Unreachable("X did not say that the post is removed.")


# tweepy, tamed


def _signs(settings: X.Settings) -> bool:
    """Whether the login is one of OAuth 1.0a."""
    return settings.access_token_secret is not None


def _api(settings: X.Settings, network: Network) -> Client:
    if _signs(settings):
        return Client(settings.api_url, network=network, auth=_signing(settings), translate=_translate)
    token, ends = settings.access_token.get_secret_value(), moment(settings.access_token_ends)
    return _Lasting(settings.api_url, network=network, bearer=token, translate=_translate, ends=ends)


class _Lasting(Client):
    """Calls with a token that ends: afterwards the next one is waited for, which `renew` brings."""

    def __init__(self, base: str, *, ends: datetime | None, **options: Any) -> None:
        super().__init__(base, **options)
        self.ends = ends

    def call(self, method: str, path: str, **options: Any) -> Answer:
        if self.ends and self.ends <= datetime.now(UTC):
            raise NotYet(
                "The channel waits for a new access token of {platform}.",
                hint="If this stays so, look whether its login is renewed: dissem doctor",
                retry_after=timedelta(minutes=1),
                platform="X",
            )
        return super().call(method, path, **options)


def _signing(settings: X.Settings) -> Any:
    from requests_oauthlib import OAuth1

    for name in ("tweepy", "oauthlib", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.INFO)  # at DEBUG they write down headers and signing keys
    return OAuth1(
        _plain(settings.consumer_key),
        _plain(settings.consumer_secret),
        _plain(settings.access_token),
        _plain(settings.access_token_secret),
    )


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _posts(api: Client) -> Any:
    """A tweepy client whose every method answers with our Answer, asked and judged by *api*."""
    import tweepy

    class _XClient(tweepy.Client):  # type: ignore[misc]
        def request(
            self, method: str, route: str, params: Any = None, json: Any = None, user_auth: bool = False
        ) -> Answer:
            return api.call(method, route, params=params, json=json, irrevocable=(method, route) == POST)

    return _XClient(return_type=requests.Response)  # tweepy hands on what `request` returned


# What X answers


class _Lost(Unreachable):
    """What was asked for is not there."""


_BLOCKED = {"client-forbidden", "usage-capped", "unsupported-authentication", "oauth1-permissions"}
_BLOCKED_CODES = {64, 326, 453}  # suspended, locked, not in the app's plan
_DUPLICATE_CODE = 187
_BLOCKED_WORDS = re.compile(r"\b(suspended|locked|app permissions|scopes?)\b", re.IGNORECASE)


def _translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal; None leaves it to the status."""
    problem = _problem(answer)
    says, codes = _sentences(problem), _codes(problem)
    if answer.status == 402:
        return Unauthorized(
            "X accepts nothing from this account until it is paid.",
            hint="Buy credits or raise the spending limit at X.",
        )
    if str(problem.get("type")).rpartition("/")[2] in _BLOCKED or codes & _BLOCKED_CODES:
        return _blocked(says)
    if answer.status == 429:
        return Throttled("X asks for a pause.", retry_after=_pause(answer.headers, datetime.now(UTC)))
    if answer.status == 403 and says:
        return _forbidden(says, codes, irrevocable=answer.irrevocable)
    if answer.status == 404 and not answer.irrevocable:
        # A 404 for everything was an outage twice; only X's own words say that the thing is missing.
        return _Lost("X does not have what was asked for.") if _absent(problem) else Unreachable("X has an outage.")
    if 400 <= answer.status < 500 and answer.status not in (401, 408) and says:
        return _refused(says)
    return None


def _forbidden(says: str, codes: set[Any], *, irrevocable: bool) -> ChannelError:
    if irrevocable and (_DUPLICATE_CODE in codes or "duplicate" in says.lower()):
        return Uncertain("X says that it has this post already.")
    if _BLOCKED_WORDS.search(says):
        return _blocked(says)
    return _refused(says)


def _blocked(says: str) -> Unauthorized:
    return Unauthorized(
        "X does not let this account act: {says}", hint="Log in at X and see what it asks for.", says=says[:300]
    )


def _refused(says: str) -> Refused:
    return Refused("X refused it: {says}", says=says[:300])


def _problem(answer: Answer) -> Mapping[str, Any]:
    """The refusal's JSON object; empty where an answer is HTML, empty, or no object."""
    try:
        found = answer.json()
    except ChannelError:
        return {}
    return found if isinstance(found, dict) else {}


def _object(answer: Answer, *path: str) -> Mapping[str, Any]:
    """The JSON object at *path*; anything else there is as bad as nothing."""
    found = answer.member(*path)
    if not isinstance(found, dict):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def _errors(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = problem.get("errors")
    return [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []


def _codes(problem: Mapping[str, Any]) -> set[Any]:
    return {code for e in (problem, *_errors(problem)) if isinstance(code := e.get("code"), int)}


def _sentences(problem: Mapping[str, Any]) -> str:
    """The detail, and what `errors` say more exactly; may be empty."""
    told = [problem.get("detail"), *(e.get("message") for e in _errors(problem))]
    return " ".join(str(one).strip() for one in told if one)


def _absent(problem: Mapping[str, Any]) -> bool:
    return str(problem.get("type")).endswith("/resource-not-found")


def _pause(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Until the latest reset among the limits that are used up: of the quarter hour, the app's day, the user's day."""
    waits = []
    for limit in ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour"):
        reset = headers.get(f"{limit}-reset", "")
        if headers.get(f"{limit}-remaining", "0").strip() == "0" and re.fullmatch(r"[0-9]{1,11}", reset):
            waits.append(datetime.fromtimestamp(int(reset), UTC) - now)
    believed = [wait for wait in waits if timedelta(0) <= wait <= timedelta(hours=24)]
    return max(believed, default=None) or retry_after(headers.get("Retry-After")) or UNNAMED_WAIT


def _media(answer: Answer) -> Mapping[str, Any]:
    """What X says about an upload: at least its `id`, a text."""
    return {**_object(answer, "data"), "id": str(answer.member("data", "id"))}


def _lasting(prepared: Prepared, media: Mapping[str, Any]) -> Prepared:
    seconds = media.get("expires_after_secs")
    life = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds <= 86_400 else MEDIA_LIFE
    return prepared.until(datetime.now(UTC) + life - MARGIN)


def _see_processing(media: Mapping[str, Any]) -> None:
    """Return when the video is ready; NotYet while X works on it, Refused when X gave it up."""
    processing = media.get("processing_info") or {}
    state = processing.get("state", "succeeded")
    if state == "failed":
        cause = processing.get("error") or {}
        raise Refused(
            "X cannot use the video: {says}", says=str(cause.get("message") or cause.get("name") or "?")[:300]
        )
    if state != "succeeded":
        seconds = processing.get("check_after_secs")
        wait = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds <= 3600 else POLL
        raise NotYet("X is still working on the video.", retry_after=wait)


def _id(answer: Answer) -> str:
    """The id of a new post; anything but digits leaves us in doubt."""
    found = str(answer.member("data", "id"))
    if not re.fullmatch(r"[0-9]{1,19}", found):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def _receipt(post: str) -> Receipt:
    return Receipt(id=post, url=f"https://x.com/i/web/status/{post}")  # needs no name, so it survives a renaming


def _born(post: str) -> datetime:
    """When the post with this id was made."""
    return datetime.fromtimestamp(((int(post) >> 22) + ID_EPOCH) / 1000, UTC)


def _is(post: Mapping[str, Any], part: Part) -> bool:
    """Whether *post*, from the timeline, is *part*: as many files, and the same words whatever became of the links."""
    attached = (post.get("attachments") or {}).get("media_keys") or ()
    if len(attached) != len(part.attachments):
        return False
    short = _unescaped(post["text"])
    if same_text(unlinked(part.text), unlinked(short)) and plain(unlinked(part.text)):
        return True
    # Nothing but links, or a bare host whose ending we do not know: compared as they were before X shortened them.
    links = [u for u in (post.get("entities") or {}).get("urls") or () if not u.get("media_key")]
    for link in links:
        short = short.replace(link["url"], link.get("expanded_url") or "")
    if not links:
        return not part.text.strip() and not plain(short)
    return _schemeless(short) == _schemeless(part.text)


def _schemeless(text: str) -> str:
    """*text* with its links as people read them, blanks collapsed; a file's own link at the end is left out."""
    return " ".join(re.sub(r"\bhttps?://(?:t\.co/\S*)?", "", unicodedata.normalize("NFC", text)).split())


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _counts(post: Mapping[str, Any]) -> Counts:
    public, private = post.get("public_metrics") or {}, post.get("non_public_metrics") or {}
    reposts = public.get("retweet_count", public.get("repost_count"))  # renamed in 2026
    quotes = public.get("quote_count")
    return Counts(
        views=public.get("impression_count"),
        likes=public.get("like_count"),
        comments=public.get("reply_count"),
        shares=None if reposts is None and quotes is None else (reposts or 0) + (quotes or 0),
        saves=public.get("bookmark_count"),
        clicks=private.get("url_link_clicks"),
        raw={**public, **private},
        why={} if private else {"clicks": Why.AGED},
    )
