"""Instagram: photos, carousels and reels of a professional account; counts views, reach, likes, comments and saves.

Instagram fetches pictures from a public address; the bytes of a reel are sent to it, or fetched as well. An error at
the last step does not mean "not published": code 4 with 2207051 (action blocked) was seen with the post live. So what
follows a doubtful answer is decided by the container and the account's own list.
API: https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr

from dissem.channels.adapter import Account, Attachment, Counts, Facts, Gone, Part, Receipt
from dissem.channels.client import Answer, Client, doubt
from dissem.channels.containers import FULL, POLL, ContainerAdapter, NotTaken, Unknown
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.graph import BadField, Fault, Graph, Missing, NoRight, fault, insights, named
from dissem.channels.network import Network

PLAIN_FIGURES = "like_count,comments_count"
INSIGHTS = "insights.metric(views,reach,saved,shares)"  # the names that photos, carousels and reels share
LISTED = "id,caption,timestamp,permalink,media_type,children{id}"


class Instagram(ContainerAdapter):
    """One professional account, by Facebook Login; with Instagram Login nothing can be removed or uploaded."""

    platform = "instagram"
    facts = Facts(
        label="Instagram",
        text=2200,
        api="v26.0",
        images=10,
        videos=1,
        needs_media=True,
        image_types=frozenset({"image/jpeg"}),
        image_bytes=8_000_000,
        image_side=1800,  # of the tallest picture at Instagram's greatest width
        video_types=frozenset({"video/mp4", "video/quicktime"}),
        video_bytes=300_000_000,
        video_seconds=900,
        alt=1000,
        counts=frozenset({"views", "reach", "likes", "comments", "shares", "saves"}),
        fetches=True,
        batch=50,
        lag=timedelta(minutes=5),
    )
    publish_edge = "media_publish"
    limit_edge = "content_publishing_limit"
    state_fields = ("status_code", "status")

    class Settings(ContainerAdapter.Settings):
        api_url: str = Field("https://graph.facebook.com", description="or https://graph.instagram.com")
        upload_url: str = Field(
            "https://rupload.facebook.com",
            description="takes the bytes of videos; empty: they are fetched from their public address",
        )
        version: str = Field("v26.0", pattern=r"^v\d+\.\d+$", description="of the Graph API")
        account: str = Field(pattern=r"^\d+$", description="number of the Instagram account")
        access_token: SecretStr
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

    def check(self) -> Account:
        me = self.graph.get(self.settings.account, fields="id,username,name")
        user = str(me.member("username"))
        name = str(me.json().get("name") or user)
        return Account(id=str(me.member("id")), name=name, url=f"https://www.instagram.com/{user}/")

    # Containers

    def stage_item(self, attachment: Attachment) -> str:
        return self._made(is_carousel_item="true", **self._photo(attachment))

    def stage(self, part: Part, items: Sequence[str]) -> str:
        if items:
            return self._made(media_type="CAROUSEL", children=",".join(items), caption=part.text)
        (attachment,) = part.attachments
        if attachment.is_video:
            return self._reel(part, attachment)
        return self._made(caption=part.text, **self._photo(attachment))

    def _photo(self, photo: Attachment) -> dict[str, Any]:
        described = {"alt_text": photo.alt} if photo.alt else {}
        return {"image_url": self.address(photo), **described}

    def _reel(self, part: Part, video: Attachment) -> str:
        """Once its bytes are there: a container whose upload broke is left behind and dies unseen."""
        form: dict[str, Any] = {"media_type": "REELS", "caption": part.text, "share_to_feed": "true"}
        if not self.settings.upload_url:
            return self._made(video_url=self.address(video), **form)
        answer = self.graph.post(f"{self.settings.account}/media", upload_type="resumable", **form)
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

    def _made(self, **form: Any) -> str:
        return str(self.graph.post(f"{self.settings.account}/media", **form).member("id"))

    def recent(self, part: Part, since: datetime) -> Iterator[tuple[Mapping[str, Any], str]]:
        for medium in self.graph.listed(f"{self.settings.account}/media", since, fields=LISTED):
            if _shape(medium) == _shape_of(part):
                yield medium, medium.get("caption") or ""

    # Figures

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
            return {one: _counts(body[one]) for one in ids if isinstance(body.get(one), dict)}
        except (Missing, BadField) as error:
            if len(ids) > 1:
                half = len(ids) // 2
                return {**self._figures(ids[:half], fields), **self._figures(ids[half:], fields)}
            if isinstance(error, Missing):
                return {ids[0]: Gone()}
            return {} if fields == PLAIN_FIGURES else self._figures(ids, PLAIN_FIGURES)


# What Instagram answers

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
    """What only Instagram's subcodes tell."""
    told = found.told
    match found.subcode:
        case code if code in _FLAKY:
            return doubt(answer.irrevocable, "Instagram could not work on the file this time: {says}", **told)
        case 2207052:
            return doubt(answer.irrevocable, "{platform} could not fetch the file from its public address.", **told)
        case 2207008:
            return doubt(answer.irrevocable, "Instagram had trouble publishing it: {says}", **told)
        case 2207006 | 2207020:
            lost = Unknown if answer.irrevocable else Missing
            return lost("{platform} does not know what was prepared (any more).", **told)
        case 2207027:
            if answer.irrevocable:
                return NotTaken("{platform} is still working on the files.", **told)
            return NotYet("{platform} is still working on the files.", retry_after=POLL, **told)
        case 2207042:
            return Throttled("{platform} takes no more posts of this account today.", retry_after=FULL, **told)
        case 2207051 if answer.irrevocable:
            return Uncertain("Instagram says that it blocked the post, which it has said of posts that are public.")
        case 2207050 | 2207051:
            hint = "Log in at {platform} and look at the account's notices; wait some hours."
            return Unauthorized("{platform} does not let this account act: {says}", hint=hint, **told)
        case code if code in _HINTS:
            return Refused("{platform} refused it: {says}", hint=_HINTS.get(code, ""), **told)
    return None


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


def _counts(node: Mapping[str, Any]) -> Counts:
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
    )
