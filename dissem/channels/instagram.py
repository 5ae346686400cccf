"""Instagram: photos, carousels and reels of a professional account; counts views, reach, likes, comments and saves.

Instagram fetches pictures from a public address; the bytes of videos are sent to it, or fetched as well. An error at
the last step does not mean "not published": code 4 with 2207051 (action blocked) was seen with the post live. So what
follows a doubtful answer is decided by the container and the account's own list. Not confirmed: that a video in a
carousel may last a minute at most, as videos of the feed once did.
API: https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dissem.channels.adapter import Attachment, Certainty, Counts, Facts, Gone, Part, Receipt, Seen, Why
from dissem.channels.client import Answer, Client, doubt
from dissem.channels.containers import FULL, POLL, ContainerAdapter, NotTaken, refusal_alike, seen
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Unreachable
from dissem.channels.graph import BadField, Fault, Graph, Missing, NoRight, fault, insights, named
from dissem.channels.login import moment
from dissem.channels.network import Network
from dissem.errors import DissemError

PLAIN_FIGURES = "like_count,comments_count"
INSIGHTS = "insights.metric(views,reach,saved,shares)"  # the names that photos, carousels and reels share
_INSIGHTS = ("views", "reach", "shares", "saves")  # as we call them
LISTED = "id,caption,timestamp,permalink,media_type,children{id}"
ITEM_SECONDS = 60  # of a video in a carousel


class Instagram(ContainerAdapter):
    """One professional account, by Facebook Login; with Instagram Login nothing can be removed or uploaded."""

    platform = "instagram"
    facts = Facts(
        label="Instagram",
        certainties=frozenset({Certainty.STAGED}),
        text=2200,
        api="v26.0",
        images=10,
        videos=10,
        mixed=True,
        needs_media=True,
        image_types=frozenset({"image/jpeg"}),
        image_bytes=8_000_000,
        image_side=1800,  # of the tallest picture at Instagram's greatest width
        image_ratio=(4 / 5, 1.91),
        video_types=frozenset({"video/mp4", "video/quicktime"}),
        video_bytes=300_000_000,
        video_seconds=900,
        video_least_seconds=3,
        video_ratio=(0.01, 10),
        daily=50,  # the documents also say 100
        alt=1000,
        counts=frozenset({"views", "reach", "likes", "comments", "shares", "saves"}),
        fetches=True,
        batch=50,
        lag=timedelta(minutes=5),
    )
    profile = "https://www.instagram.com/{user}/"
    create_edge = "media"
    publish_edge = "media_publish"
    limit_edge = "content_publishing_limit"
    grant = "ig_refresh_token"
    state_fields = ("status_code", "status")

    class Settings(ContainerAdapter.Settings):
        api_url: str = Field("https://graph.facebook.com", description="or https://graph.instagram.com")
        upload_url: str = Field(
            "https://rupload.facebook.com",
            description="takes the bytes of videos; empty: they are fetched from their public address",
        )
        login: Literal["facebook", "instagram"] | None = Field(
            None, description="whose login the token is of, facebook or instagram; unless said, api_url tells"
        )
        version: str = Field("v26.0", pattern=r"^v\d+\.\d+$", description="of the Graph API")
        account: str = Field(pattern=r"^\d+$", description="number of the Instagram account")
        app_secret: SecretStr | None = Field(None, description="where the app demands a proof with every call")

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.graph = Graph(
            settings.api_url,
            settings.version,
            settings.access_token,
            network=network,
            translate=_translate,
            secret=settings.app_secret,
        )

    def fetched(self, attachment: Attachment) -> bool:
        """Pictures, and videos unless their bytes are sent."""
        return not attachment.is_video or not self.settings.upload_url

    @classmethod
    def length(cls, text: str) -> int:
        """UTF-16 units: the longest of the countings that Meta may mean by "characters"."""
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    @classmethod
    def objection(cls, part: Part) -> DissemError | None:
        """A video that is too long for a carousel; alone it would be a reel."""
        if len(part.attachments) > 1 and any((a.duration or 0) > ITEM_SECONDS for a in part.attachments):
            return DissemError(
                "{platform} takes videos of up to {most} seconds beside other files.",
                hint="Cut the video, or publish it as a release of its own.",
                platform=cls.facts.label,
                most=ITEM_SECONDS,
            )
        return None

    # The login

    @property
    def renews(self) -> bool:
        """Tokens of Instagram Login are renewed; those of Facebook Login end, if they do, for good."""
        login = self.settings.login or ("instagram" if _host(self.settings) == "graph.instagram.com" else "facebook")
        return bool(login == "instagram")

    def ends(self) -> datetime | None:
        if self.renews:
            return super().ends()
        token = self.settings.access_token.get_secret_value()  # Graph takes the token it is asked about in no header
        try:
            ends = self.graph.get("debug_token", input_token=token).member("data", "expires_at")
        except ChannelError:
            return None  # the account has answered: what is not told here says nothing against the login
        return moment(SecretStr(str(ends))) if ends else None

    # Containers

    def stage_item(self, attachment: Attachment) -> str:
        if attachment.is_video:
            return self._video(attachment, media_type="VIDEO", is_carousel_item="true")
        return self.made(is_carousel_item="true", **self._photo(attachment))

    def stage(self, part: Part, items: Sequence[str]) -> str:
        if items:
            return self.made(media_type="CAROUSEL", children=",".join(items), caption=part.text)
        (attachment,) = part.attachments
        if attachment.is_video:
            return self._video(attachment, media_type="REELS", caption=part.text, share_to_feed="true")
        return self.made(caption=part.text, **self._photo(attachment))

    def _photo(self, photo: Attachment) -> dict[str, Any]:
        described = {"alt_text": photo.alt} if photo.alt and self.facts.alt else {}
        return {"image_url": self.address(photo), **described}

    def _video(self, video: Attachment, **form: Any) -> str:
        """Once its bytes are there: a container whose upload broke is left behind and dies unseen."""
        if not self.settings.upload_url:
            return self.made(video_url=self.address(video), **form)
        answer = self.making(upload_type="resumable", **form)
        container = str(answer.member("id"))
        self._send(str(answer.member("uri")), video)
        return container

    def _send(self, uri: str, video: Attachment) -> None:
        """To the address that Instagram names: one made by ourselves can leave the container at work for ever."""
        host = self.settings.upload_url.rstrip("/")
        if not uri.startswith(f"{host}/"):
            raise Unauthorized(
                "Instagram names another host for the video than {host}, so the login is not sent there.",
                hint="Correct the channel's setting upload_url.",
                host=host,
            )
        token = self.settings.access_token.get_secret_value()
        headers = {"Authorization": f"OAuth {token}", "offset": "0", "file_size": str(video.size)}
        upload = Client(host, network=self.network, translate=_translate_upload)
        with video.path.open("rb") as file:
            answer = upload.post(uri, headers=headers, data=file, total=None)
        if answer.member("success") is not True:
            raise Unreachable("Instagram did not take the video.")

    def alike(self, part: Part, since: datetime) -> Iterator[tuple[Mapping[str, Any], str]]:
        for medium in self.graph.listed(f"{self.settings.account}/media", since, fields=LISTED):
            if _shape(medium) == _shape_of(part):
                yield medium, medium.get("caption") or ""

    def recent(self, since: datetime) -> Sequence[Seen]:
        return [seen(medium, "caption") for medium in self.own("media", since, LISTED)]

    # Figures

    def followers(self) -> int | None:
        told = self.graph.get(self.settings.account, fields="followers_count").json().get("followers_count")
        return told if isinstance(told, int) else None

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        ids = [receipt.id for receipt in receipts]
        try:
            return self._figures(ids, f"{PLAIN_FIGURES},{INSIGHTS}")
        except NoRight:
            return self._figures(ids, PLAIN_FIGURES)

    def _figures(self, ids: Sequence[str], fields: str) -> Mapping[str, Counts | Gone]:
        """By id. One medium that is gone, or lacks a metric, fails the whole question, so it is halved until found."""
        if not ids:
            return {}
        try:
            body = self.graph.get(ids=",".join(ids), fields=fields).json()
            without = Why.RIGHT if fields == PLAIN_FIGURES else Why.SILENT
            return {one: _counts(body[one], without) for one in ids if isinstance(body.get(one), dict)}
        except (Missing, BadField) as error:
            if len(ids) > 1:
                half = len(ids) // 2
                return {**self._figures(ids[:half], fields), **self._figures(ids[half:], fields)}
            if isinstance(error, Missing):
                return {ids[0]: Gone()}
            return {} if fields == PLAIN_FIGURES else self._figures(ids, PLAIN_FIGURES)


def _host(settings: Instagram.Settings) -> str:
    return urlsplit(settings.api_url).hostname or ""


# What Instagram answers

_LOST = {2207006, 2207020}
_FLAKY = {2207001, 2207003, 2207032, 2207053}  # a container could not be made this time
_HINTS: Mapping[int, str] = {
    2207004: "The picture may have 8 MB at most.",
    2207005: "The picture has to be a JPEG.",
    2207009: "Crop the picture: from 4:5 (upright) to 1.91:1 (wide).",
    2207010: "Shorten the text to 2,200 characters.",
    2207026: "Convert the video to MP4 (H.264, AAC).",
    2207040: "Use fewer hashtags and mentions.",
}


def _translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal, by subcode first; None leaves it to the status."""
    found = fault(answer, "Instagram")
    return (_own(answer, found) if answer.status < 500 else None) or named(answer, found)


def _own(answer: Answer, found: Fault) -> ChannelError | None:
    """What only the subcodes tell."""
    told = found.told
    match found.subcode:
        case code if code in _FLAKY:
            return doubt(answer.irrevocable, "Instagram could not work on the file this time: {says}", **told)
        case 2207008:
            return doubt(answer.irrevocable, "Instagram had trouble publishing it: {says}", **told)
        case 2207027:
            if answer.irrevocable:
                return NotTaken("{platform} is still working on the files.", **told)
            return NotYet("{platform} is still working on the files.", retry_after=POLL, **told)
        case 2207042:
            return Throttled("{platform} takes no more posts of this account today.", retry_after=FULL, **told)
        case code if code in _HINTS:
            return Refused("{platform} refused it: {says}", hint=_HINTS.get(code, ""), **told)
    return refusal_alike(answer, found, lost=_LOST, restricted=2207050)


def _translate_upload(answer: Answer) -> ChannelError | None:
    """The upload host has a form of its own for what went wrong with bytes, and nothing is public by them."""
    error = _translate(answer)
    if error is None and answer.status not in (401, 403, 429):
        return Unreachable("Instagram did not take the video (HTTP {status}).", status=answer.status)
    return error


# Media as Instagram shows them


def _shape(medium: Mapping[str, Any]) -> tuple[str, int]:
    """What kind of medium it is, and of how many items."""
    return str(medium["media_type"]), len((medium.get("children") or {}).get("data") or ())


def _shape_of(part: Part) -> tuple[str, int]:
    if len(part.attachments) > 1:
        return "CAROUSEL_ALBUM", len(part.attachments)
    return "VIDEO" if part.attachments[0].is_video else "IMAGE", 0


def _counts(node: Mapping[str, Any], without: Why) -> Counts:
    """*without*: why there are no insights, if there are none."""
    told = insights(node.get("insights") or {})
    likes, comments = node.get("like_count"), node.get("comments_count")
    return Counts(
        views=told.get("views"),
        reach=told.get("reach"),
        likes=likes if isinstance(likes, int) else None,  # an account may hide them
        comments=comments if isinstance(comments, int) else None,
        shares=told.get("shares"),
        saves=told.get("saved"),
        raw=told,
        why={**dict.fromkeys(("likes", "comments"), Why.HIDDEN), **dict.fromkeys(_INSIGHTS, without)},
    )
