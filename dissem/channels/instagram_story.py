"""Instagram stories: one photo or video without words, gone after a day; counts views, reach, replies and shares.

A story says nothing that it could be told by. Its container tells whether it was published; which of the account's
stories it is, is told by those that were not there before. Where several came meanwhile, a person has to say. After a
day Instagram knows a story no more: it is then gone, as it should be, and its figures are those that were read before.
API: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/stories
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dissem.channels.adapter import Counts, Gone, Part, Prepared, Receipt, Seen, Why
from dissem.channels.containers import ABSENT, seen
from dissem.channels.errors import ChannelError, Uncertain, Unreachable
from dissem.channels.graph import BadField, Missing, NoRight, insights
from dissem.channels.instagram import Instagram
from dissem.channels.network import Network

LASTS = timedelta(hours=24)
METRICS = "views,reach,replies,shares"
NAMED = ("id", "media_type")
LISTED = f"{','.join(NAMED)},timestamp,permalink"


class InstagramStory(Instagram):
    """Stories of the account that `Instagram` posts for: the same settings, tokens and quota."""

    platform = "instagram-story"
    facts = replace(
        Instagram.facts,
        label="Instagram Story",
        text=0,
        images=1,
        videos=1,
        mixed=False,
        image_side=2560,  # of a whole screen at Instagram's greatest width
        image_ratio=None,  # 9:16 fills the screen; anything else is shown with room around it
        video_bytes=100_000_000,
        video_seconds=60,
        video_ratio=(0.1, 10),
        alt=0,
        counts=frozenset({"views", "reach", "comments", "shares"}),
        lasts=LASTS,
        batch=1,  # the question for several fails with the first that has too few viewers
        ahead=timedelta(hours=1),  # the fewer stories come in between, the surer is which one is ours
    )

    def __init__(self, settings: Instagram.Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self._known: dict[str, str] = {}  # the key of the part that a story is, of those we have the answer for

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """`before`: the stories that were there before ours; the rest is the container's."""
        if "before" not in prepared.data:
            prepared = prepared.having(before=[one["id"] for one in self._listed(datetime.now(UTC) - LASTS)])
            yield prepared
        yield from super().prepare(part, prepared)

    def stage(self, part: Part, items: Sequence[str]) -> str:
        (attachment,) = part.attachments
        if attachment.is_video:
            return self._video(attachment, media_type="STORIES")
        return self.made(media_type="STORIES", **self._photo(attachment))

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        receipt = super().publish(part, prepared)
        self._known[receipt.id] = part.key
        return receipt

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        state = self.last_word(prepared)
        if state in ABSENT:
            return []
        found = self._new(part, prepared, since) if state == "PUBLISHED" else []
        if len(found) == 1:
            return found
        raise Uncertain(
            "{platform} does not tell which of the account's stories it is.",
            hint="Look there, and say which one: dissem delivery resolve",
            platform=self.facts.label,
        )

    def _new(self, part: Part, prepared: Prepared, since: datetime) -> list[Receipt]:
        """Stories in the shape of *part* that were not there before, nor are another part."""
        try:
            listed = list(self.alike(part, since))
        except ChannelError as error:
            raise Uncertain("{platform} did not tell whether the post is there.", platform=self.facts.label) from error
        found = [Receipt(str(story["id"]), story.get("permalink")) for story, _words in listed]
        others = {story for story, key in self._known.items() if key != part.key}.union(prepared.get("before"))
        return [receipt for receipt in found if receipt.id not in others]

    def alike(self, part: Part, since: datetime) -> Iterator[tuple[Mapping[str, Any], str]]:
        kind = "VIDEO" if part.attachments[0].is_video else "IMAGE"
        yield from ((story, "") for story in self._listed(since) if story["media_type"] == kind)

    def recent(self, since: datetime) -> Sequence[Seen]:
        return [seen(story) for story in self.own("stories", since, LISTED)]

    def _listed(self, since: datetime) -> list[Mapping[str, Any]]:
        """The account's stories made at *since* or later, each with what `NAMED` says and its link."""
        try:
            found = list(self.graph.listed(f"{self.settings.account}/stories", since, fields=LISTED))
            return [{"permalink": one.get("permalink"), **{name: one[name] for name in NAMED}} for one in found]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable("The platform's answer could not be read.") from error

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        return {receipt.id: self._figures_of(receipt.id) for receipt in receipts}

    def _figures_of(self, story: str) -> Counts | Gone:
        """Unknown while fewer than five people have seen it, as where the login lacks the right: one code for both."""
        try:
            return _counts(insights(self.graph.get(f"{story}/insights", metric=METRICS).json()))
        except (NoRight, BadField):
            return Counts(why=dict.fromkeys(self.facts.counts, Why.FEW))
        except Missing:
            return Gone()


def _counts(told: Mapping[str, int]) -> Counts:
    return Counts(
        views=told.get("views"),
        reach=told.get("reach"),
        comments=told.get("replies"),
        shares=told.get("shares"),
        raw=told,
    )
