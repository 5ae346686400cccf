"""Threads: text, pictures, a video, reply chains; counts views, likes, replies, and reposts with quotes and shares.

Threads fetches every file from a public address. A finished container is often "not found" when it is to be published
soon after: nothing is public then, and a new one is made. A published one may stop telling its state, so what follows
a doubtful answer is found in the account's own lists, of posts or of replies.
API: https://developers.facebook.com/docs/threads
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from dissem.channels.adapter import Attachment, Certainty, Counts, Facts, Gone, Part, Receipt, Seen
from dissem.channels.client import Answer
from dissem.channels.containers import ContainerAdapter, refusal_alike, seen
from dissem.channels.errors import ChannelError
from dissem.channels.graph import BadField, Graph, Missing, NoRight, fault, insights, named
from dissem.channels.letters import pattern
from dissem.channels.network import Network

METRICS = "views,likes,replies,reposts,quotes,shares"
LISTED = "id,text,timestamp,permalink,media_type,children,replied_to"

_LETTER = pattern(r"\X")
_EMOJI = pattern(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\N{COMBINING ENCLOSING KEYCAP}")


class Threads(ContainerAdapter):
    """One profile."""

    platform = "threads"
    facts = Facts(
        label="Threads",
        certainties=frozenset({Certainty.STAGED}),
        text=500,
        api="v1.0",
        images=20,
        videos=20,
        mixed=True,
        image_ratio=(0.1, 10),
        image_bytes=8_000_000,
        image_side=1800,  # of a tall picture at the greatest width
        video_types=frozenset({"video/mp4", "video/quicktime"}),
        video_bytes=10**9,
        video_seconds=300,
        video_ratio=(0.01, 10),
        daily=250,  # replies, which go on with a post, have a thousand of their own
        alt=1000,
        threads=True,
        fetches=True,
        prepares_text=True,
        counts=frozenset({"views", "likes", "comments", "shares"}),
        lag=timedelta(minutes=5),
    )
    profile = "https://www.threads.com/@{user}"
    create_edge = "threads"
    publish_edge = "threads_publish"
    limit_edge = "threads_publishing_limit"
    grant = "th_refresh_token"
    state_fields = ("status", "error_message")
    hopeless = "INVALID_"

    class Settings(ContainerAdapter.Settings):
        api_url: str = "https://graph.threads.net"
        version: str = Field("v1.0", pattern=r"^v\d+\.\d+$", description="of the Threads API")
        account: str = Field("me", pattern=r"^(me|\d+)$", description="number of the profile; me: whose token it is")

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.graph = Graph(
            settings.api_url, settings.version, settings.access_token, network=network, translate=_translate
        )

    def fetched(self, attachment: Attachment) -> bool:
        """Every file, videos too."""
        return True

    @classmethod
    def length(cls, text: str) -> int:
        """Code points, but an emoji counts as many as it has bytes in UTF-8."""
        letters = (found.group() for found in _LETTER.finditer(text))
        return sum(len(one.encode()) if _EMOJI.search(one) else len(one) for one in letters)

    # Containers

    def stage_item(self, attachment: Attachment) -> str:
        return self.made(is_carousel_item="true", **self._file(attachment))

    def stage(self, part: Part, items: Sequence[str]) -> str:
        words: dict[str, Any] = {"text": part.text} if part.text else {}
        if part.after:
            words["reply_to_id"] = part.after.id
        if items:
            return self.made(media_type="CAROUSEL", children=",".join(items), **words)
        shown: dict[str, Any] = {"media_type": "TEXT"}
        for attachment in part.attachments:
            shown = self._file(attachment)
        return self.made(**shown, **words)

    def _file(self, attachment: Attachment) -> dict[str, Any]:
        kind = "video" if attachment.is_video else "image"
        described = {"alt_text": attachment.alt} if attachment.alt else {}
        return {"media_type": kind.upper(), f"{kind}_url": self.address(attachment), **described}

    def quota(self, part: Part) -> tuple[str, str]:
        return ("reply_quota_usage", "reply_config") if part.after else ("quota_usage", "config")

    def alike(self, part: Part, since: datetime) -> Iterator[tuple[Mapping[str, Any], str]]:
        edge = "replies" if part.after else "threads"
        for post in self.graph.listed(f"{self.settings.account}/{edge}", since, fields=LISTED):
            if _shape(post) == _shape_of(part):
                yield post, post.get("text") or ""

    def recent(self, since: datetime) -> Sequence[Seen]:
        return [seen(post, "text") for post in self.own("threads", since, LISTED)]

    # Figures

    def followers(self) -> int | None:
        """Told to logins that may read insights."""
        try:
            answer = self.graph.get(f"{self.settings.account}/threads_insights", metric="followers_count")
        except NoRight:
            return None
        return insights(answer.json()).get("followers_count")

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        figures: dict[str, Counts | Gone] = {}
        for receipt in receipts:
            try:
                figures[receipt.id] = _counts(insights(self.graph.get(f"{receipt.id}/insights", metric=METRICS).json()))
            except Missing:
                figures[receipt.id] = Gone()
            except BadField:
                continue  # a metric has been retired: nothing is known
        return figures


# What Threads answers

_NOT_FOUND, _RESTRICTED = 4279009, 4279013


def _translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal, by subcode first; None leaves it to the status."""
    found = fault(answer, "Threads")
    own = refusal_alike(answer, found, lost={_NOT_FOUND}, restricted=_RESTRICTED) if answer.status < 500 else None
    return own or named(answer, found)


# Posts as Threads shows them


def _shape(post: Mapping[str, Any]) -> tuple[str, int, str]:
    """What kind of post it is, of how many items, and below which other."""
    items = (post.get("children") or {}).get("data") or ()
    return str(post["media_type"]), len(items), str((post.get("replied_to") or {}).get("id") or "")


def _shape_of(part: Part) -> tuple[str, int, str]:
    above = part.after.id if part.after else ""
    if len(part.attachments) > 1:
        return "CAROUSEL_ALBUM", len(part.attachments), above
    kinds = ["VIDEO" if attachment.is_video else "IMAGE" for attachment in part.attachments]
    return (kinds or ["TEXT_POST"])[0], 0, above


def _counts(told: Mapping[str, int]) -> Counts:
    passed_on = [told[name] for name in ("reposts", "quotes", "shares") if name in told]
    return Counts(
        views=told.get("views"),
        likes=told.get("likes"),
        comments=told.get("replies"),
        shares=sum(passed_on) if passed_on else None,
        raw=told,
    )
