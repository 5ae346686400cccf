"""Facebook Pages, Graph API: text with a link card, photos, horizontal video; counts views and reactions.

There is no idempotency key, and an error of Facebook's own (code 1 or 2, any 5xx) has been seen after posts that were
published all the same. So files go up unpublished first, and only the one request that makes them public is in doubt:
afterwards the page's posts are read, where the ids of our photos prove which post is ours, and a video is asked itself.
facebook-sdk 3.1.0 names the calls; its own `request` puts the token into addresses and knows no time-out: ours is used.
API: https://developers.facebook.com/docs/pages-api
"""

import hashlib
import hmac
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr

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
    Stage,
    plain,
    same_text,
)
from dissem.channels.client import Answer, Client, doubt, retry_after
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network

CHUNK = 8 * 2**20  # bytes of a video that we hold in memory at once; Facebook may ask for less
SESSION_LIFE = timedelta(hours=24)  # Facebook names none; a video's session is not trusted for longer
PAGES = 50  # of a hundred posts: more than a page publishes in the years that Facebook lists
PLAIN_FIGURES = "shares,reactions.limit(0).summary(true),comments.limit(0).summary(true)"
INSIGHTS = "insights.metric(post_media_view,post_total_media_view_unique,post_clicks)"
VIDEO_FIGURES = "views,reactions.limit(0).summary(true),comments.limit(0).summary(true)"
LISTED = (
    "id,message,created_time,permalink_url,is_published,attachments{media_type,target{id},subattachments{target{id}}}"
)
VERTICAL = "Facebook keeps an upright video as a draft instead of showing it."
VERTICAL_HINT = "Use a horizontal or square video, or publish it by hand as a reel."
_POST_ADDRESS = re.compile(r"facebook\.com/(\d+_\d+)")


class Facebook(Adapter):
    platform = "facebook"
    facts = Facts(
        label="Facebook",
        text=63_206,
        api="v26.0",
        images=10,
        videos=1,
        image_bytes=4_000_000,
        video_bytes=2**30,
        video_seconds=4 * 3600,
        alt=1000,
        counts=frozenset({"views", "reach", "likes", "comments", "shares", "clicks"}),
        batch=50,
        lag=timedelta(minutes=10),
    )

    class Settings(Adapter.Settings):
        api_url: str = "https://graph.facebook.com"
        version: str = Field("v26.0", pattern=r"^v\d+\.\d+$", description="of the Graph API")
        page: str = Field(pattern=r"^[\w.-]+$", description="number of the page")
        access_token: SecretStr
        app_secret: SecretStr | None = Field(None, description="where the app demands a proof with every call")

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = _POST_ADDRESS.search(url)
        return Receipt(found[1], url) if found else None

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED if _video(part) else Certainty.READABLE

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.page = settings.page
        token = settings.access_token.get_secret_value()
        api = Client(settings.api_url, network=network, bearer=token, translate=_translate)
        self.graph = _graph(api, settings.version, _proof(token, settings.app_secret))

    def check(self) -> Account:
        answer = self.graph.get_object(self.page, fields="id,name,link")
        url = _object(answer).get("link")
        return Account(id=str(answer.member("id")), name=str(answer.member("name")), url=url)

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if video := _video(part):
            yield from self._upload_video(video, prepared)
            return
        for photo in part.attachments[len(prepared.get("photos")) :]:
            prepared = prepared.adding("photos", self._upload_photo(photo))
            yield prepared

    def _upload_photo(self, photo: Attachment) -> str:
        described = {"alt_text_custom": photo.alt} if photo.alt else {}
        with photo.path.open("rb") as file:
            source = (photo.sha256, file, photo.type)
            answer = self.graph.put_photo(source, f"{self.page}/photos", published=False, **described)
        return str(answer.member("id"))

    def _upload_video(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`video`, `session`: ids; `start`, `end`: which bytes Facebook asks for next, by its last word."""
        if video.height > video.width:
            raise Refused(VERTICAL, hint=VERTICAL_HINT)
        resumed = bool(prepared.get("session"))
        if not resumed:
            prepared = self._begin(video, prepared)
            yield prepared
        while prepared.get("start") < video.size:
            start = prepared.get("start")
            try:
                prepared = prepared.having(**self._transfer(video, prepared))
            except (_Missing, _BadField) as lost:
                if not resumed:
                    raise
                yield Prepared()
                raise Unreachable("Facebook has forgotten the upload; it begins anew.") from lost
            yield prepared
            if prepared.get("start") <= start:
                raise Unreachable("Facebook does not take the video forward.")  # later, not in an endless circle

    def _begin(self, video: Attachment, prepared: Prepared) -> Prepared:
        answer = self._phase("start", file_size=video.size)
        ids = {"session": str(answer.member("upload_session_id")), "video": str(answer.member("video_id"))}
        return prepared.having(**ids, **_wanted(answer)).until(datetime.now(UTC) + SESSION_LIFE)

    def _transfer(self, video: Attachment, prepared: Prepared) -> dict[str, int]:
        """Send the bytes that Facebook asked for; answers with what it asks for next, also where it corrects us."""
        start, end = prepared.get("start"), prepared.get("end")
        with video.path.open("rb") as file:
            file.seek(start)
            chunk = file.read(max(min(end - start, CHUNK), 1))
        try:
            answer = self._phase(
                "transfer",
                files={"video_file_chunk": (video.sha256, chunk, "application/octet-stream")},
                upload_session_id=prepared.get("session"),
                start_offset=start,
            )
        except _OtherOffset as correction:
            return correction.wanted
        return _wanted(answer)

    def _phase(self, phase: str, *, files: Any = None, **arguments: Any) -> Answer:
        path = f"{self.graph.version}/{self.page}/videos"
        answer: Answer = self.graph.request(path, post_args={"upload_phase": phase, **arguments}, files=files)
        return answer

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        if _video(part):
            return self._publish_video(part, prepared)
        photos = [str(photo) for photo in prepared.get("photos")]
        shown: dict[str, Any] = {"attached_media": [{"media_fbid": photo} for photo in photos]} if photos else {}
        if part.link and not photos:
            shown["link"] = part.link
        answer = self.graph.put_object(self.page, "feed", message=part.text, **shown)
        post = str(answer.member("id"))
        return Receipt(id=post, url=_address(post), also=tuple(photos))

    def _publish_video(self, part: Part, prepared: Prepared) -> Receipt:
        answer = self._phase(
            "finish", upload_session_id=prepared.get("session"), title=part.title, description=part.text
        )
        if answer.member("success") is not True:
            raise doubt(answer.irrevocable, "The platform's answer lacks what was asked for.")
        return _processing(prepared.get("video"))

    def confirm(self, receipt: Receipt) -> Receipt:
        if receipt.stage is Stage.PROCESSING:
            return self._confirmed(receipt)
        try:
            answer = self.graph.get_object(receipt.id, fields="permalink_url")
            return Receipt(receipt.id, _absolute(str(answer.member("permalink_url"))), receipt.also, receipt.stage)
        except ChannelError:
            return receipt  # the post is public whether or not its address can be read

    def _confirmed(self, receipt: Receipt) -> Receipt:
        node = self._video_node(receipt.id)
        state = _state(node)
        if state in _FAILED:
            raise Refused("Facebook cannot use the video.", hint="Convert it to MP4 (H.264, AAC) and try again.")
        if node.get("published") and state in ("ready", ""):
            return _public_video(receipt.id, node)
        if state == "ready":
            # Seen with upright videos: the call succeeds, the owner gets a draft, nobody sees anything.
            raise Refused(VERTICAL, hint=VERTICAL_HINT)
        raise NotYet("Facebook is still working on the video.")

    def _video_node(self, video: str) -> Mapping[str, Any]:
        return _object(self.graph.get_object(video, fields="status,published,permalink_url,post_id"))

    # Is it there?

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        try:
            return self._found_video(prepared) if _video(part) else self._found(part, prepared, since)
        except (ChannelError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Uncertain("Facebook did not tell whether the post is there.") from error

    def _found_video(self, prepared: Prepared) -> Sequence[Receipt]:
        video = prepared.get("video", None)
        if not video:
            return []  # `finish` needs a session, so nothing was published
        node = self._video_node(video)
        if node.get("published") and _state(node) in ("ready", ""):
            return [_public_video(video, node)]
        return [] if _unfinished(node) else [_processing(video)]

    def _found(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        photos = {str(photo) for photo in prepared.get("photos")}
        posts = [post for post in self._posts(since) if post.get("is_published") is not False]
        proven = [post for post in posts if photos & set(_photos(post))]
        if not (proven or plain(part.text)):
            raise LookupError("nothing to recognise it by")
        return [_found_post(post) for post in proven or posts if proven or _says(post, part)]

    def _posts(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """The page's posts back to *since*, newest first; LookupError when the list is not whole."""
        asked = {"fields": LISTED, "since": int(since.timestamp()), "limit": 100}
        following: Mapping[str, str] = {}
        for _ in range(PAGES):
            answer = self.graph.get_connections(self.page, "published_posts", **{**asked, **following})
            body = _object(answer)
            for post in body["data"]:
                if datetime.fromisoformat(post["created_time"]) >= since.replace(microsecond=0):
                    yield post
            following = _following(body)
            if not following:
                return
        raise LookupError("more pages than a page can have")

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        posts = [receipt.id for receipt in receipts if "_" in receipt.id]
        videos = [receipt.id for receipt in receipts if "_" not in receipt.id]
        return {**self._post_figures(posts), **self._nodes(videos, VIDEO_FIGURES, _video_counts)}

    def _post_figures(self, ids: Sequence[str]) -> Mapping[str, Counts | Gone]:
        try:
            return self._nodes(ids, f"{PLAIN_FIGURES},{INSIGHTS}", _post_counts)
        except (_BadField, _NoRight):
            # One metric that Facebook has retired fails them all, as does a missing right; the rest is worth having.
            return self._nodes(ids, PLAIN_FIGURES, _post_counts)

    def _nodes(
        self, ids: Sequence[str], fields: str, counted: Callable[[Mapping[str, Any]], Counts]
    ) -> Mapping[str, Counts | Gone]:
        """Figures by id. One missing object fails the whole question, so it is halved until the missing are found."""
        if not ids:
            return {}
        try:
            body = _object(self.graph.get_objects(ids, fields=fields))
        except _Missing:
            if len(ids) == 1:
                return {ids[0]: Gone()}
            half = len(ids) // 2
            return {**self._nodes(ids[:half], fields, counted), **self._nodes(ids[half:], fields, counted)}
        return {i: counted(body[i]) for i in ids if isinstance(body.get(i), dict)}

    def remove(self, receipt: Receipt) -> None:
        for node in (receipt.id, *receipt.also):  # photos and videos outlive their post
            try:
                answer = self.graph.delete_object(node)
            except _Missing:
                continue
            if answer.member("success") is not True:
                raise Unreachable("Facebook did not say that the post is removed.")


# facebook-sdk, tamed


def _proof(token: str, secret: SecretStr | None) -> Mapping[str, str]:
    if secret is None:
        return {}
    digest = hmac.new(secret.get_secret_value().encode(), token.encode(), hashlib.sha256)
    return {"appsecret_proof": digest.hexdigest()}


def _graph(api: Client, version: str, proof: Mapping[str, str]) -> Any:
    """A facebook-sdk client whose every method answers with our Answer, asked and judged by *api*."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # an escape that Python 3.12 and later complain of
        import facebook

    class _Graph(facebook.GraphAPI):  # type: ignore[misc]
        def request(
            self, path: str, args: Any = None, post_args: Any = None, files: Any = None, method: str | None = None
        ) -> Answer:
            method = method or ("GET" if post_args is None else "POST")
            sent: dict[str, Any] = {"params": _encoded({**(args or {}), **(proof if post_args is None else {})})}
            if post_args is not None:
                sent["data"] = _encoded({**post_args, **proof})
            return api.call(
                method,
                f"/{path}",
                files=files,
                irrevocable=_publishes(path, post_args),
                **({"total": None} if files else {}),
                **sent,
            )

    graph = _Graph(access_token="in the header of every request")  # noqa: S106 - only asked whether there is one
    graph.version = version  # its constructor knows none that still lives
    return graph


def _publishes(path: str, post_args: Mapping[str, Any] | None) -> bool:
    """Whether something becomes public by this call."""
    return post_args is not None and (path.endswith("/feed") or post_args.get("upload_phase") == "finish")


def _encoded(arguments: Mapping[str, Any]) -> dict[str, str]:
    """As Graph reads a form: what is not text as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in arguments.items()
        if value is not None
    }


# What Facebook answers


class _Missing(Refused):
    """The object is not there, or not ours to see."""


class _BadField(Refused):
    """A field or metric that Facebook does not know (any more), among other wrong parameters."""


class _NoRight(Unauthorized):
    """The token lacks a permission for this."""


class _OtherOffset(Refused):
    """Facebook wants other bytes of the video than it was sent."""

    wanted: dict[str, int]


_OWN_TROUBLE = {1, 2, -1, -2, 1363047, 1609010}
_PAUSES = {4, 17, 32, 341, 613, 80001, 80002, 1390008}
_LOGIN = {190, 102, 2500, 490}
_RIGHTS = {3, 10, 1404078, *range(200, 300)}
_BLOCKED = {368, 1346003, 1404102, 1404112}
_REPEATED = {506, 1366051, 1455006, 368}  # 368 is said of repeats and of blocked accounts; only its text differs
_LOGIN_HINTS = {
    458: "The app was removed from the page: connect the channel again.",
    459: "Log in at Facebook and pass its check.",
    460: "The password was changed: connect the channel again.",
    463: "The login has ended: connect the channel again.",
    464: "Log in at Facebook and pass its check.",
    467: "The login is no longer valid: connect the channel again.",
    492: "The person who connected the channel has no role on the page any more.",
}
_OFFSET_SUBCODE = 1363037
_FAILED = {"error", "expired", "upload_failed"}


def _translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal, by status, code and subcode; None leaves it to the status."""
    error = _error(answer)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    codes = {code, *([subcode] if subcode > 100_000 else [])}  # the short subcodes mean something by their code only
    told: dict[str, Any] = {
        "says": str(error.get("error_user_msg") or error.get("message") or "")[:300],
        "trace": _trace(error),
    }
    if answer.status >= 500 or codes & _OWN_TROUBLE:
        return doubt(answer.irrevocable, "Facebook answered with an error of its own ({code}).", code=code, **told)
    if codes & _PAUSES or answer.status == 429:
        return Throttled("Facebook asks for a pause.", retry_after=_pause(answer.headers))
    if answer.irrevocable and codes & _REPEATED:
        return Uncertain("Facebook did not take the post, perhaps because it has it already: {says}", **told)
    if codes & _LOGIN:
        hint = _LOGIN_HINTS.get(subcode, "Connect the channel again.")
        return Unauthorized("Facebook does not accept the channel's login: {says}", hint=hint, **told)
    if codes & _RIGHTS or codes & _BLOCKED:
        hint = "Look at the page's rights and notices at Facebook."
        kind = _NoRight if codes & _RIGHTS else Unauthorized
        return kind("Facebook does not let this page act: {says}", hint=hint, **told)
    if error.get("is_transient") is True:
        return doubt(answer.irrevocable, "Facebook answered with an error of its own ({code}).", code=code, **told)
    if subcode == _OFFSET_SUBCODE:
        return _other_offset(error)
    if (code, subcode) == (100, 33) or code == 803:
        return _Missing("Facebook does not have it, or does not show it to this page.", **told)
    if not error:
        return None
    if code == 100:
        return _BadField("Facebook refused it: {says}", **told)
    return Refused("Facebook refused it: {says}", **told)


def _other_offset(error: Mapping[str, Any]) -> ChannelError:
    refusal = _OtherOffset("Facebook refused the video.")
    try:
        data = error["error_data"]
        data = json.loads(data) if isinstance(data, str) else data
        refusal.wanted = {"start": int(data["start_offset"]), "end": int(data["end_offset"])}
    except (KeyError, TypeError, ValueError):
        return Unreachable("Facebook wants another piece of the video and does not say which.")
    return refusal


def _error(answer: Answer) -> Mapping[str, Any]:
    """The `error` of the JSON; empty for HTML, nothing, or another shape."""
    try:
        error = answer.member("error")
    except ChannelError:
        return {}
    return error if isinstance(error, dict) else {}


def _object(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; any other JSON is as bad as none."""
    found = answer.json()
    if not isinstance(found, dict):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _trace(error: Mapping[str, Any]) -> str:
    """What Facebook's support asks for."""
    return str(error.get("fbtrace_id") or "")


def _pause(headers: Mapping[str, str]) -> timedelta | None:
    """The longest wait, in minutes, that the header about the page's use tells."""
    try:
        use = json.loads(headers.get("X-Business-Use-Case-Usage") or "{}")
        minutes = [entry.get("estimated_time_to_regain_access", 0) for entries in use.values() for entry in entries]
        wait = timedelta(minutes=max(minutes, default=0))
    except (ValueError, TypeError, AttributeError, OverflowError):
        wait = timedelta()
    return wait if timedelta() < wait <= timedelta(hours=24) else retry_after(headers.get("Retry-After"))


def _wanted(answer: Answer) -> dict[str, int]:
    """Which bytes of the video Facebook asks for next; both are texts in its answer."""
    try:
        return {"start": int(answer.member("start_offset")), "end": int(answer.member("end_offset"))}
    except (TypeError, ValueError) as error:
        raise Unreachable("The platform's answer could not be read.") from error


# Posts and videos as Facebook shows them


def _video(part: Part) -> Attachment | None:
    return next((a for a in part.attachments if a.is_video), None)


def _address(post: str) -> str:
    return f"https://www.facebook.com/{post}"


def _absolute(address: str) -> str:
    """Facebook names a video's address without the host."""
    return _address(address.lstrip("/")) if address.startswith("/") else address


def _processing(video: str) -> Receipt:
    return Receipt(id=video, stage=Stage.PROCESSING)


def _public_video(video: str, node: Mapping[str, Any]) -> Receipt:
    """Named by the post that shows the video, where Facebook tells it: figures belong to posts."""
    url = _absolute(str(node.get("permalink_url") or _address(video)))
    post = str(node.get("post_id") or "")
    return Receipt(id=post, url=url, also=(video,)) if post else Receipt(id=video, url=url)


def _state(node: Mapping[str, Any]) -> str:
    """`video_status`, in lower case; empty where Facebook does not say."""
    return str((node.get("status") or {}).get("video_status") or "").lower()


def _unfinished(node: Mapping[str, Any]) -> bool:
    """Whether the video still waits for our `finish`: its bytes are arriving, or its session ran out before."""
    return _state(node) in ("uploading", "expired", "upload_failed")


def _found_post(post: Mapping[str, Any]) -> Receipt:
    return Receipt(id=str(post["id"]), url=post.get("permalink_url") or _address(post["id"]), also=tuple(_photos(post)))


def _photos(post: Mapping[str, Any]) -> list[str]:
    """Ids of the photos that a listed post shows."""
    found = []
    for attachment in (post.get("attachments") or {}).get("data") or ():
        below = (attachment.get("subattachments") or {}).get("data") or ()
        for shown in below or ([attachment] if attachment.get("media_type") == "photo" else []):
            if (shown.get("target") or {}).get("id"):
                found.append(str(shown["target"]["id"]))
    return found


def _says(post: Mapping[str, Any], part: Part) -> bool:
    shown = (post.get("attachments") or {}).get("data") or ()
    if any(str(a.get("media_type")).startswith("video") for a in shown) or len(_photos(post)) != len(part.attachments):
        return False
    return same_text(part.text, post.get("message") or "")


def _following(body: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of the page after this one, empty after the last: taken from `next`, whose address has the token."""
    address = (body.get("paging") or {}).get("next")
    asked = dict(parse_qsl(urlsplit(address).query)) if address else {}
    return {name: value for name, value in asked.items() if name not in ("access_token", "appsecret_proof", "fields")}


def _total(node: Mapping[str, Any], edge: str) -> int | None:
    total = ((node.get(edge) or {}).get("summary") or {}).get("total_count")
    return total if isinstance(total, int) else None


def _post_counts(node: Mapping[str, Any]) -> Counts:
    insights = {i.get("name"): _value(i) for i in (node.get("insights") or {}).get("data") or ()}
    return Counts(
        views=insights.get("post_media_view"),
        reach=insights.get("post_total_media_view_unique"),
        likes=_total(node, "reactions"),
        comments=_total(node, "comments"),
        shares=(node.get("shares") or {}).get("count"),
        clicks=insights.get("post_clicks"),
        raw=insights,
    )


def _value(insight: Mapping[str, Any]) -> int | None:
    values = insight.get("values") or [{}]
    value = values[0].get("value")
    return value if isinstance(value, int) else None


def _video_counts(node: Mapping[str, Any]) -> Counts:
    views = node.get("views")
    return Counts(
        views=views if isinstance(views, int) else None,
        likes=_total(node, "reactions"),
        comments=_total(node, "comments"),
    )
