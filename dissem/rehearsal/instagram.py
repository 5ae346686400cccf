"""Instagram: photos, carousels, reels and stories through the Graph API, for one publisher's needs.

Written after Meta's node descriptions (v25.0) and publishing guide. Pictures are fetched from their address at once,
over HTTP; a video's bytes come to `/ig-api-upload/`, or from its address. Parameters are closed: what dissem has no use
for (tags, places, covers) is refused with code 100 like a misspelt name. It is played as by Facebook Login; with
`login = "instagram"` tokens are renewed, and nothing can be uploaded or deleted.

Files that arrive are scripted as `upload`; containers without a file (a carousel, a video before its bytes) as `stage`.
Reads that ask for counts or insights are `measure`. Not documented, so assumed: publishing a container a second time
is answered like an unknown one; a video in a carousel may last a minute; what a story is not described to have is
refused; how few viewers are refused, beyond its code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.container_files import VideoLimits, file_at
from dissem.rehearsal.containers import DAY, PAGING, Container, ContainerDoor, Medium, instant, item_asked
from dissem.rehearsal.files import Stored, dimensions, sniff
from dissem.rehearsal.graph_door import EVERYWHERE
from dissem.rehearsal.graph_errors import bad_parameter, gone, graph_error, refusal
from dissem.rehearsal.graph_parameters import Field, wanted_fields
from dissem.rehearsal.standin import Account, Live, Route, route
from dissem.rehearsal.wire import Answer, Denied, Request

SCOPES = frozenset(
    {"instagram_basic", "instagram_content_publish", "instagram_manage_insights", "pages_read_engagement"}
)
BY_INSTAGRAM = {  # the same rights as Instagram Login names them
    "instagram_basic": "instagram_business_basic",
    "instagram_content_publish": "instagram_business_content_publish",
    "instagram_manage_insights": "instagram_business_manage_insights",
}
MIB = 1024 * 1024
LARGEST_PHOTO, LARGEST_REEL = 8 * MIB, 300 * MIB
VIDEOS = {
    "REELS": VideoLimits(LARGEST_REEL, seconds=(3, 900), ratio=(0.01, 10)),
    "VIDEO": VideoLimits(LARGEST_REEL, seconds=(3, 60), ratio=(0.01, 10)),
    "STORIES": VideoLimits(100 * MIB, seconds=(3, 60), ratio=(0.1, 10)),
}
NARROWEST, WIDEST = 4 / 5, 1.91  # width : height of a photo
LONGEST_CAPTION = 2_200  # UTF-16 units
LONGEST_ALT = 1_000
MOST_TAGS, MOST_MENTIONS, MOST_ITEMS = 30, 20, 10
FEW = 5  # viewers of a story, below which nothing is told

MEDIA = {
    "image_url",
    "video_url",
    "media_type",
    "caption",
    "alt_text",
    "is_carousel_item",
    "children",
    "upload_type",
    "share_to_feed",
    "thumb_offset",
}
COMMON_METRICS = {"views", "reach", "likes", "comments", "saved", "shares", "total_interactions"}
METRICS = {
    "FEED": COMMON_METRICS | {"follows", "profile_visits", "profile_activity", "reposts"},
    "REELS": COMMON_METRICS | {"ig_reels_avg_watch_time", "ig_reels_video_view_total_time", "reels_skip_rate"},
    "STORY": {"views", "reach", "replies", "shares", "navigation", "follows"},
}
CEILINGS = dict.fromkeys(set().union(*METRICS.values()), 40) | {
    "views": 9_000,
    "reach": 6_000,
    "likes": 420,
    "comments": 45,
    "saved": 60,
    "shares": 80,
}
MEASURES = re.compile(r"\b(insights|like_count|comments_count)\b")


@dataclass(frozen=True)
class InstagramAccount(Account):
    """A professional account: `handle` is its user name."""


SAMPLE = InstagramAccount(
    id="17841400000000001",
    handle="humaskota.rehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-instagram-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=SCOPES,
)


class InstagramStandin(ContainerDoor):
    """Graph API and the upload host of Instagram, both on one loopback address."""

    name = "instagram"
    grant = "ig_refresh_token"
    kinds = {"CAROUSEL": "CAROUSEL_ALBUM", "REELS": "VIDEO"}  # noqa: RUF012 - never changed
    metric_ceilings = CEILINGS
    metric_delay = timedelta(hours=1)

    def __init__(
        self,
        *,
        accounts: Iterable[InstagramAccount] = (SAMPLE,),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
        login: str = "facebook",
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now, quota=50, first_number=17_900_000_000_000_001)
        self.login = login

    # The login

    @property
    def renews(self) -> bool:
        return self.login == "instagram"

    def _named(self, scope: str) -> str:
        return BY_INSTAGRAM.get(scope, scope) if self.login == "instagram" else scope

    def _sign_in(self, request: Request, *scopes: str) -> Account:
        return super()._sign_in(request, *map(self._named, scopes))

    @route("GET", "/{version}/debug_token", label="debug")
    def debug_token(self, request: Request) -> Answer:
        account = self._sign_in(request)
        asked = self._arguments(request, {"input_token"}).get("input_token", "")
        if self.login == "instagram" or self.account_with(token=asked) != account:
            raise bad_parameter("The access token could not be decrypted", kind="OAuthException")
        ends = self.ends(asked)
        told = {"app_id": self.app_id, "type": "PAGE", "is_valid": True, "scopes": sorted(account.scopes)}
        return Answer(200, {"data": {**told, "expires_at": int(ends.timestamp()) if ends else 0}})

    # Containers

    @route("POST", "/{version}/{user}/media", label="upload")
    def media(self, request: Request) -> Answer:
        account = self._user_for(request, "instagram_content_publish")
        given = self._arguments(request, MEDIA)
        kind = given.get("media_type", "IMAGE")
        caption = given.get("caption", "")
        _check_caption(caption)
        match kind:
            case "STORIES":
                _check_story(given)
                if "image_url" not in given:
                    return self._video(request, account, given, kind)
                made = self._photo(account, given, "", kind)
            case "IMAGE":
                made = self._photo(account, given, caption, kind)
            case "REELS" | "VIDEO":
                return self._video(request, account, given, kind)
            case "CAROUSEL":
                children = self.items(account, given, MOST_ITEMS)
                made = self._new(account, kind, caption, children=tuple(one.id for one in children))
            case _:
                raise bad_parameter("Param media_type must be one of {CAROUSEL, IMAGE, REELS, STORIES, VIDEO}", 2207023)
        return Answer(200, {"id": self.keep(made).id})

    def _new(self, account: Account, kind: str, caption: str, **more: Any) -> Container:
        return Container(self.number(), account.id, kind, self.clock(), text=caption, **more)

    def _photo(self, account: Account, given: Mapping[str, str], caption: str, kind: str) -> Container:
        if "image_url" not in given:
            raise refusal(100, "(#100) The parameter image_url is required")
        item = item_asked(given, "IMAGE", ("IMAGE", "VIDEO"), caption)
        alt = given.get("alt_text", "")
        if len(alt) > LONGEST_ALT:
            raise bad_parameter("Param alt_text is too long")
        stored = Stored(_photo_at(given["image_url"], any_shape=kind == "STORIES"), "image/jpeg", alt)
        return self._new(account, kind, caption, item=item, stored=(stored,))

    def _video(self, request: Request, account: Account, given: Mapping[str, str], kind: str) -> Answer:
        caption = given.get("caption", "")
        item = item_asked(given, kind, ("IMAGE", "VIDEO"), caption)
        if kind == "VIDEO" and not item:
            raise bad_parameter("The VIDEO value for media_type is only for items of a carousel; use REELS", 2207023)
        if "alt_text" in given:
            raise bad_parameter("Param alt_text is only supported for images")
        made = self._new(account, kind, caption, item=item)
        if "upload_type" not in given:
            _take_video(made, _video_at(given.get("video_url", "")))
            return Answer(200, {"id": self.keep(made).id})
        if self.login == "instagram":
            raise bad_parameter("Param upload_type is not supported")
        if given["upload_type"] != "resumable" or "video_url" in given:
            raise bad_parameter("Param upload_type must be resumable, without video_url")
        made.missing = 1
        self.keep(made)
        return Answer(200, {"id": made.id, "uri": f"{self.url}/ig-api-upload/{request.params['version']}/{made.id}"})

    @route("POST", "/ig-api-upload/{version}/{container}", label="upload")
    def send_video(self, request: Request) -> Answer:
        if not request.headers.get("authorization", "").startswith("OAuth "):
            raise _not_taken("unauthorized user request")
        account = self.account_with(token=self._token(request))  # no proof is asked for at this host
        if account is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        made = self.container(account, request.params["container"])
        if made is None or not made.missing or made.state(self.clock()) == "EXPIRED":
            raise _not_taken("no upload is waited for")
        size = request.headers.get("file_size", "")
        if not size.isdigit() or request.headers.get("offset") != "0" or int(size) != len(request.body):
            raise _not_taken("offset and file_size must tell what is sent")
        _take_video(made, request.body)
        made.missing = 0
        return Answer(200, {"success": True, "message": "Upload successful."})

    def unknown(self, identity: str) -> Denied:
        told = f"The media with {identity} cannot be found."
        return refusal(24, "The requested resource does not exist", 2207006, title="Media Not Found", told=told)

    def require_finished(self, container: Container) -> None:
        state = container.state(self.clock())
        if state == "IN_PROGRESS":
            told = "The media is not ready for publishing, please wait for a moment"
            raise refusal(9007, "Media ID is not available", 2207027, told=told)
        if state == "EXPIRED":
            raise refusal(-2, "Media expired", 2207020, told="The media you are trying to access has expired.")
        if state == "ERROR":
            raise refusal(
                -1, "Failed to create media", 2207032, told="Create media fail, please try to re-create media"
            )
        if state == "PUBLISHED":
            raise self.unknown(container.id)

    def require_room(self, account: Account, container: Container) -> None:
        if self.published_today(account) >= self.quota:
            told = "You reached maximum number of posts that is allowed to be published by Content Publishing API."
            raise refusal(9, "Application request limit reached", 2207042, told=told)

    def medium_of(self, account: Account, made: Container) -> Medium:
        medium = super().medium_of(account, made)
        if made.kind == "STORIES":
            medium.kind = "VIDEO" if made.stored[0].type.startswith("video/") else "IMAGE"
        medium.product = {"STORIES": "STORY", "REELS": "REELS"}.get(made.kind, "FEED")
        return medium

    def shown_at(self, account: Account, medium: Medium) -> str:
        if medium.product == "STORY":
            return f"https://www.instagram.com/stories/{account.handle}/{medium.id}"
        return f"https://www.instagram.com/{'reel' if medium.product == 'REELS' else 'p'}/{medium.shortcode}/"

    @route("POST", "/{version}/{user}/media_publish", label="publish")
    def media_publish(self, request: Request) -> Answer:
        return self.flip(request, "instagram_content_publish")

    # Stories end

    def _over(self, identity: str) -> bool:
        medium = self._media.get(identity)
        return medium is not None and medium.product == "STORY" and self.clock() - medium.made >= DAY

    def find(self, key: str) -> Live | None:
        return None if self._over(key) else super().find(key)

    @property
    def public(self) -> list[Live]:
        return [live for live in super().public if not self._over(live.id)]

    # Reading

    @route("GET", "/{version}/{user}/media", label="list")
    def list_media(self, request: Request) -> Answer:
        """Of the feed: stories have a list of their own."""
        return self._list(request, "FEED", "REELS")

    @route("GET", "/{version}/{user}/stories", label="list")
    def list_stories(self, request: Request) -> Answer:
        return self._list(request, "STORY")

    def _list(self, request: Request, *products: str) -> Answer:
        account = self._user_for(request, "instagram_basic")
        fields = self._fields(request, PAGING)
        media = [one for one in self.listed_media(request, account) if one.product in products]
        living = [one for one in media if not self._over(one.id)]
        return Answer(200, self.page(request, living, lambda one: self._shown(account, one, fields)))

    @route("GET", "/{version}/{user}/content_publishing_limit", label="limit")
    def publishing_limit(self, request: Request) -> Answer:
        return self.told_limits(request, "instagram_content_publish", {"since"})

    @route("GET", "/{version}/{node}/insights", label="measure")
    def insights(self, request: Request) -> Answer:
        account = self._sign_in(request)
        given = self._arguments(request, {"metric", "period"})
        return Answer(200, self._insights(account, self.medium(account, request.params["node"]), given))

    @route("GET", "/{version}/{node}", label="read")
    def read_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "instagram_basic")
        return Answer(200, self._node(account, request.params["node"], self._fields(request, set())))

    @route("GET", "/{version}", label="measure")
    @route("GET", "/{version}/", label="measure")
    def read_nodes(self, request: Request) -> Answer:
        account = self._sign_in(request, "instagram_basic")
        fields = self._fields(request, {"ids"})
        ids = [identity for identity in (request.one("ids") or "").split(",") if identity]
        if not 1 <= len(ids) <= 50:
            raise bad_parameter(f"Param ids must name 1 to 50 objects. Provided: {len(ids)}.")
        return Answer(200, {identity: self._node(account, identity, fields) for identity in ids})

    @route("DELETE", "/{version}/{node}", label="delete")
    def delete_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "instagram_content_publish")
        self._arguments(request, set())
        if self.login == "instagram":
            raise gone(request.params["node"], "delete")
        self.take_down(request, account, request.params["node"])
        return Answer(200, {"success": True})

    # Graph's own wording

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """With a time: the account's own limit (80002) and when it ends, in minutes; without: the app's (4)."""
        if retry_after is None:
            return graph_error(4, "(#4) Application request limit reached", transient=True)
        answer = graph_error(80002, "(#80002) There have been too many calls to this Instagram account.")
        return replace(answer, headers=self._usage(request, 100, -int(-retry_after // 60)))

    def _usage(self, request: Request, percent: int, minutes: int) -> dict[str, str]:
        told = super()._usage(request, percent, minutes)
        return {name: value.replace('"pages"', '"instagram"') for name, value in told.items()}

    def counts(self, live: Live) -> dict[str, int]:
        medium = self._media[live.id]
        names = ("views", "likes", "comments", "replies", "shares")
        return {name: self.grown(medium, name) for name in names if name in METRICS[medium.product]}

    def operation(self, made: Route | None, request: Request) -> str:
        """What a request does, not its path alone, decides which faults are for it."""
        if made is None:
            return ""
        given = self._loosely(request)
        if made.handler == "media" and ({"children", "upload_type"} & given.keys()):
            return "stage"
        if made.handler in ("list_media", "list_stories", "read_node") and MEASURES.search(given.get("fields", "")):
            return "measure"
        if made.handler == "read_node":
            node = request.params["node"]
            return "status" if node in self._containers else "account" if self.account_with(id=node) else "read"
        return made.label

    # Pieces

    def _node(self, account: Account, identity: str, fields: Sequence[Field]) -> dict[str, Any]:
        if identity == account.id:
            return self.chosen("IGUser", self._user_values(account), fields)
        if made := self.container(account, identity):
            return self.chosen("IGContainer", self._container_values(made), fields)
        return self._shown(account, self.medium(account, identity), fields)

    def _user_values(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "username": account.handle,
            "name": account.name,
            "biography": "Gladi",
            "followers_count": 5_120,
            "follows_count": 17,
            "media_count": len(self._media),
            "profile_picture_url": None,
            "website": None,
        }

    def _container_values(self, made: Container) -> dict[str, Any]:
        state = made.looked_at(self.clock())
        words = f"Error: Media upload has failed with error code {made.cause}" if state == "ERROR" else state.title()
        return {"id": made.id, "status_code": state, "status": words, "copyright_check_status": None}

    def _shown(self, account: Account, medium: Medium, fields: Sequence[Field]) -> dict[str, Any]:
        children = {"data": [{"id": one} for one in medium.children]} if medium.children else None
        values = {
            "id": medium.id,
            "caption": medium.text or None,
            "timestamp": instant(medium.made),
            "permalink": medium.permalink,
            "shortcode": medium.shortcode,
            "media_type": medium.kind,
            "media_product_type": medium.product,
            "media_url": None,
            "username": account.handle,
            "children": children,
            "like_count": lambda wanted: self.grown(medium, "likes"),
            "comments_count": lambda wanted: self.grown(medium, "comments"),
            "insights": lambda wanted: self._insights(account, medium, wanted.options),
        }
        return self.chosen("IGMedia", values, fields or wanted_fields("id"))

    def _insights(self, account: Account, medium: Medium, options: Mapping[str, str]) -> dict[str, Any]:
        if (scope := self._named("instagram_manage_insights")) not in account.scopes:
            raise refusal(10, f"(#10) The permission {scope} must be granted before this can be done.")
        if medium.product == "STORY" and self.grown(medium, "reach") < FEW:
            raise refusal(10, "(#10) Not enough viewers for the media to show insights")
        names = [name for name in options.get("metric", "").split(",") if name]
        return self.measured(medium, names, METRICS[medium.product])


# --- what is taken --------------------------------------------------------------------------------------------------


def _check_caption(caption: str) -> None:
    if len(caption.encode("utf-16-le")) // 2 > LONGEST_CAPTION:
        raise refusal(36004, "The caption was too long", 2207010, told="The submitted caption is too long.")
    if len(re.findall(r"#\w+", caption)) > MOST_TAGS or len(re.findall(r"(?<!\w)@[\w.]+", caption)) > MOST_MENTIONS:
        raise bad_parameter("Invalid parameter", 2207040, told="The caption has too many tags.")


def _check_story(given: Mapping[str, str]) -> None:
    """A story is a file and nothing else."""
    for name in sorted(given.keys() - EVERYWHERE - {"media_type", "image_url", "video_url", "upload_type"}):
        raise bad_parameter(f"Param {name} is not supported for stories")
    if "image_url" in given and ("video_url" in given or "upload_type" in given):
        raise bad_parameter("A story has one photo or one video")


def _photo_at(address: str, *, any_shape: bool = False) -> bytes:
    data = file_at(address, "image", LARGEST_PHOTO, code=9004)
    if len(data) > LARGEST_PHOTO:
        raise refusal(36000, "The image size is too large", 2207004, told="The image is too large to download.")
    size = dimensions(data)
    if sniff(data) != "image/jpeg" or size is None:
        raise refusal(36001, "The image format is not supported", 2207005, told="The image format is not supported.")
    if not any_shape and not NARROWEST - 0.01 <= size[0] / size[1] <= WIDEST + 0.01:
        told = "The submitted image has an aspect ratio that cannot be published."
        raise refusal(36003, "The aspect ratio is not supported", 2207009, told=told)
    return data


def _video_at(address: str) -> bytes:
    if not address:
        raise bad_parameter("The parameter video_url is required")
    return file_at(address, "video", LARGEST_REEL, code=9004)


def _take_video(made: Container, data: bytes) -> None:
    """A video that is no good is only found out while it is worked on. What a script has said counts."""
    made.stored = (Stored(data, "video/mp4"),)
    made.cause = made.cause or ("2207026" if VIDEOS[made.kind].complaint(data) else "")


def _not_taken(why: str) -> Denied:
    message = json.dumps({"success": False, "error": {"message": why}})
    info = {"retriable": False, "type": "ProcessingFailedError", "message": message}
    return Denied(Answer(400, {"debug_info": info}))
