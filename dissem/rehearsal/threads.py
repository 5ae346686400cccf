"""Threads: text, pictures, video, carousels and reply chains through the Threads API v1.0, for one publisher's needs.

Written after Meta's sample collection and guides. Files are fetched from their address over HTTP: pictures at once, a
video while its container is worked on. Parameters are closed: what dissem has no use for (`auto_publish_text`, polls,
text attachments, GIFs, places) is refused with code 100 like a misspelt name.

Containers with a file are scripted as `upload`, those without one (a text, a carousel) as `stage`. Not documented, so
assumed: code and subcode of pictures and links that are not taken, and of a full day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dissem.rehearsal.container_files import VideoLimits, file_at
from dissem.rehearsal.containers import PAGING, Container, ContainerDoor, Medium, instant, item_asked
from dissem.rehearsal.fetching import NotFetched, fetched
from dissem.rehearsal.files import Stored, dimensions, sniff
from dissem.rehearsal.graph_errors import bad_parameter, graph_error, refusal
from dissem.rehearsal.graph_parameters import Field, wanted_fields
from dissem.rehearsal.standin import Account, Live, Route, route
from dissem.rehearsal.wire import Answer, Denied, Request

SCOPES = frozenset(
    {
        "threads_basic",
        "threads_content_publish",
        "threads_manage_insights",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_delete",
    }
)
VERSION = "v1.0"
LONGEST_TEXT = 500  # code points; an emoji counts its bytes
LONGEST_ALT = 1_000
LARGEST_PICTURE, LARGEST_VIDEO = 8 * 2**20, 10**9
VIDEO = VideoLimits(LARGEST_VIDEO, seconds=(0, 300), ratio=(0.01, 10))
CAUSES = {"format": "FAILED_PROCESSING_VIDEO", "duration": "INVALID_DURATION", "shape": "INVALID_ASPEC_RATIO"}
WIDEST = 10  # width ÷ height of a picture, or height ÷ width
MOST_LINKS, MOST_ITEMS, MOST_REPLIES = 5, 20, 1_000
PICTURE_TYPES = {"image/jpeg", "image/png"}

CREATE = {
    "media_type",
    "text",
    "image_url",
    "video_url",
    "alt_text",
    "is_carousel_item",
    "children",
    "reply_to_id",
    "reply_control",
    "link_attachment",
    "topic_tag",
}
AUDIENCES = {"everyone", "accounts_you_follow", "mentioned_only", "parent_post_author_only", "followers_only"}
CEILINGS = {"views": 4_000, "likes": 210, "replies": 30, "reposts": 25, "quotes": 9, "shares": 40}
_EMOJI = re.compile(  # what emoji are made of: signs, joiners, shades, flags
    "[\u00a9\u00ae\u200d\u203c\u2049\u20e3\u2122\u2139\u2194-\u23ff\u2600-\u27bf\u2b05-\u2b55\ufe0f"
    "\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?()\[\]]", re.IGNORECASE)


@dataclass(frozen=True)
class ThreadsProfile(Account):
    """A profile: `handle` is its user name."""


SAMPLE = ThreadsProfile(
    id="25400000000000001",
    handle="humaskota.rehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-threads-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=SCOPES,
)


def counted(text: str) -> int:
    """The length of *text* as Threads counts it."""
    return sum(len(letter.encode()) if _EMOJI.match(letter) else 1 for letter in text)


class ThreadsStandin(ContainerDoor):
    """The Threads API on loopback.

    `misses` is how many flips of finished containers answer "Media Not Found" all the same. `forgets` says whether a
    published container still tells its state.
    """

    name = "threads"
    me = ("me",)
    grant = "th_refresh_token"
    kinds = {"CAROUSEL": "CAROUSEL_ALBUM", "TEXT": "TEXT_POST"}  # noqa: RUF012 - never changed
    metric_ceilings = CEILINGS

    def __init__(
        self,
        *,
        accounts: Iterable[ThreadsProfile] = (SAMPLE,),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now, quota=250, first_number=18_000_000_000_000_001)
        self.misses = 0
        self.forgets = False

    # Containers

    @route("POST", "/{version}/{user}/threads", label="upload")
    def create(self, request: Request) -> Answer:
        account = self._user_for(request, "threads_content_publish")
        given = self._arguments(request, CREATE)
        kind, text = given.get("media_type", ""), given.get("text", "")
        _check_words(given, text)
        item = item_asked(given, kind, ("IMAGE", "VIDEO"), text)
        made = Container(self.number(), account.id, kind, self.clock(), text=text, item=item)
        made.reply_to = self._parent(account, given)
        match kind:
            case "TEXT":
                if not text:
                    raise bad_parameter("Param text is required for a text post")
            case "IMAGE":
                made.stored = (_picture_at(given),)
            case "VIDEO":
                _take_video(made, given)
            case "CAROUSEL":
                made.children = tuple(one.id for one in self.items(account, given, MOST_ITEMS))
            case _:
                raise bad_parameter("Param media_type must be one of {CAROUSEL, IMAGE, TEXT, VIDEO}")
        return Answer(200, {"id": self.keep(made).id})

    def _parent(self, account: Account, given: Mapping[str, str]) -> str | None:
        parent = given.get("reply_to_id")
        if parent is None:
            return None
        if "threads_manage_replies" not in account.scopes:
            raise refusal(10, "Application does not have permission for this action")
        if not self.find(parent):
            raise bad_parameter("Param reply_to_id must be a post that can be replied to")
        return parent

    def unknown(self, identity: str) -> Denied:
        told = f"The media with id {identity} cannot be found."
        return refusal(24, "The requested resource does not exist", 4279009, title="Media Not Found", told=told)

    def require_finished(self, container: Container) -> None:
        if container.state(self.clock()) != "FINISHED":
            raise self.unknown(container.id)

    def require_room(self, account: Account, container: Container) -> None:
        if self.misses:
            self.misses -= 1
            raise self.unknown(container.id)
        most = MOST_REPLIES if container.reply_to else self.quota
        if self.published_today(account, replies=bool(container.reply_to)) >= most:
            raise refusal(4, "Application request limit reached: too many posts in 24 hours")

    def shown_at(self, account: Account, medium: Medium) -> str:
        return f"https://www.threads.com/@{account.handle}/post/{medium.shortcode}"

    @route("POST", "/{version}/{user}/threads_publish", label="publish")
    def threads_publish(self, request: Request) -> Answer:
        return self.flip(request, "threads_content_publish")

    # Reading

    @route("GET", "/{version}/{user}/threads", label="list")
    def list_threads(self, request: Request) -> Answer:
        """Posts that are no replies."""
        return self._list(request, self._user_for(request, "threads_basic"), replies=False)

    @route("GET", "/{version}/{user}/replies", label="list")
    def list_replies(self, request: Request) -> Answer:
        account = self._user_for(request, "threads_basic", "threads_read_replies")
        return self._list(request, account, replies=True)

    def _list(self, request: Request, account: Account, *, replies: bool) -> Answer:
        fields = self._fields(request, PAGING)
        media = [one for one in self.listed_media(request, account) if bool(one.reply_to) == replies]
        return Answer(200, self.page(request, media, lambda one: self._shown(account, one, fields)))

    @route("GET", "/{version}/{user}/threads_publishing_limit", label="limit")
    def publishing_limit(self, request: Request) -> Answer:
        return self.told_limits(request, "threads_content_publish")

    def limits(self, account: Account) -> dict[str, Any]:
        replies = self.published_today(account, replies=True)
        config = {"quota_total": MOST_REPLIES, "quota_duration": 86_400}
        return {**super().limits(account), "reply_quota_usage": replies, "reply_config": config}

    @route("GET", "/{version}/{node}/insights", label="measure")
    def insights(self, request: Request) -> Answer:
        account = self._sign_in(request, "threads_manage_insights")
        names = self._arguments(request, {"metric"}).get("metric", "").split(",")
        medium = self.medium(account, request.params["node"])
        return Answer(200, self.measured(medium, [name for name in names if name], CEILINGS))

    @route("GET", "/{version}/{user}/threads_insights", label="insights")
    def profile_insights(self, request: Request) -> Answer:
        self._sign_in(request, "threads_manage_insights")
        known = {"views", "likes", "replies", "reposts", "quotes", "clicks", "followers_count"}
        names = self._arguments(request, {"metric", "since", "until"}).get("metric", "").split(",")
        if not known.issuperset(names):
            raise Denied(self.refused(request))
        return Answer(
            200, {"data": [{"name": name, "period": "day", "total_value": {"value": 4210}} for name in names]}
        )

    @route("GET", "/{version}/{node}", label="read")
    def read_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "threads_basic")
        fields = self._fields(request, set())
        node = request.params["node"]
        if node in ("me", account.id):
            return Answer(200, self.chosen("User", self._user_values(account), fields or wanted_fields("id")))
        if made := self.container(account, node):
            return Answer(200, self._container(made, fields))
        return Answer(200, self._shown(account, self.medium(account, node), fields))

    @route("DELETE", "/{version}/{node}", label="delete")
    def delete_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "threads_delete")
        self._arguments(request, set())
        self.take_down(request, account, request.params["node"])
        return Answer(200, {"success": True, "deleted_id": request.params["node"]})

    # Graph's own wording, with this API's differences

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """No header of this API tells a time; a script that names one has it told by whoever stands in front."""
        told = {} if retry_after is None else {"Retry-After": str(-int(-retry_after // 1))}
        answer = graph_error(4, "Application request limit reached", transient=True)
        return Answer(answer.status, answer.body, told)

    def counts(self, live: Live) -> dict[str, int]:
        medium = self._media[live.id]
        return {
            "views": self.grown(medium, "views"),
            "likes": self.grown(medium, "likes"),
            "replies_count": self.grown(medium, "replies"),
            "shares": sum(self.grown(medium, name) for name in ("reposts", "quotes", "shares")),
        }

    def operation(self, made: Route | None, request: Request) -> str:
        """What a request does, not its path alone, decides which faults are for it."""
        if made is None:
            return ""
        if made.handler == "create" and not {"image_url", "video_url"} & self._loosely(request).keys():
            return "stage"
        if made.handler == "read_node":
            node = request.params["node"]
            mine = node == "me" or self.account_with(id=node)
            return "status" if node in self._containers else "account" if mine else "read"
        return made.label

    def _check_version(self, request: Request) -> None:
        if request.params.get("version") != VERSION:
            raise Denied(self.not_found(request))

    def _version(self, request: Request) -> str:
        return VERSION

    def _usage(self, request: Request, percent: int, minutes: int) -> dict[str, str]:
        return {}

    # Pieces

    def _user_values(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "username": account.handle,
            "name": account.name,
            "threads_profile_picture_url": None,
            "threads_biography": "Gladi",
            "is_verified": False,
        }

    def _container(self, made: Container, fields: Sequence[Field]) -> dict[str, Any]:
        if self.forgets and made.medium:
            message = "Tried accessing nonexisting field (status)"
            raise refusal(100, message, kind="THApiException")
        state = made.looked_at(self.clock())
        values = {"id": made.id, "status": state, "error_message": made.cause if state == "ERROR" else None}
        return self.chosen("Container", values, fields or wanted_fields("id"))

    def _shown(self, account: Account, medium: Medium, fields: Sequence[Field]) -> dict[str, Any]:
        replied = {"id": medium.reply_to} if medium.reply_to else None
        values = {
            "id": medium.id,
            "text": medium.text or None,
            "timestamp": instant(medium.made),
            "permalink": medium.permalink,
            "shortcode": medium.shortcode,
            "media_type": medium.kind,
            "media_product_type": "THREADS",
            "username": account.handle,
            "owner": {"id": account.id},
            "children": {"data": [{"id": one} for one in medium.children]} if medium.children else None,
            "is_reply": bool(medium.reply_to),
            "replied_to": replied,
            "root_post": {"id": self._root(medium)} if medium.reply_to else None,
            "is_quote_post": False,
            "topic_tag": None,
        }
        return self.chosen("Post", values, fields or wanted_fields("id"))

    def _root(self, medium: Medium) -> str:
        while medium.reply_to and medium.reply_to in self._media:
            medium = self._media[medium.reply_to]
        return medium.id


# --- what is taken --------------------------------------------------------------------------------------------------


def _check_words(given: Mapping[str, str], text: str) -> None:
    if counted(text) > LONGEST_TEXT:
        raise bad_parameter(f"Param text must be at most {LONGEST_TEXT} characters long.")
    links = {*_LINK.findall(text), *([given["link_attachment"]] if "link_attachment" in given else [])}
    if len(links) > MOST_LINKS:
        raise bad_parameter("THREADS_API__LINK_LIMIT_EXCEEDED", kind="THApiException")
    if "link_attachment" in given and given.get("media_type") != "TEXT":
        raise bad_parameter("Param link_attachment is for text posts only")
    if given.get("reply_control", "everyone") not in AUDIENCES:
        raise bad_parameter("Param reply_control must be one of the audiences")
    if not re.fullmatch(r"[^.&]{1,50}", given.get("topic_tag", "x")):
        raise bad_parameter("Param topic_tag must have 1 to 50 characters, without . and &")
    if len(given.get("alt_text", "")) > LONGEST_ALT:
        raise bad_parameter(f"Param alt_text must be at most {LONGEST_ALT} characters long.")
    if "alt_text" in given and given.get("media_type") not in ("IMAGE", "VIDEO"):
        raise bad_parameter("Param alt_text is for images and videos only")


def _picture_at(given: Mapping[str, str]) -> Stored:
    if not given.get("image_url"):
        raise bad_parameter("The parameter image_url is required")
    data = file_at(given["image_url"], "image", LARGEST_PICTURE, code=100)
    kind, size = sniff(data), dimensions(data)
    if kind not in PICTURE_TYPES or len(data) > LARGEST_PICTURE or size is None:
        raise bad_parameter("The picture is not a JPEG or PNG of 8 MB at most", 2207005)
    if not 1 / WIDEST <= size[0] / size[1] <= WIDEST:
        raise bad_parameter("The aspect ratio of the picture is not supported", 2207009)
    return Stored(data, kind, given.get("alt_text", ""))


def _take_video(made: Container, given: Mapping[str, str]) -> None:
    """A video is fetched and looked at while its container is worked on."""
    if not given.get("video_url"):
        raise bad_parameter("The parameter video_url is required")
    try:
        data = fetched(given["video_url"], "video", LARGEST_VIDEO)
    except NotFetched:
        made.cause = "FAILED_DOWNLOADING_VIDEO"
        return
    made.stored = (Stored(data, sniff(data), given.get("alt_text", "")),)
    made.cause = CAUSES.get(VIDEO.complaint(data), "")
