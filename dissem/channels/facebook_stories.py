"""Stories of a Facebook page: one photo or one upright video, without words, for 24 hours; counts while it lasts.

The file goes up unseen, one request makes a story of it. Afterwards the page's stories are read, where the id of our
file proves which one is ours; a video is asked itself as well. A story that has run out is gone, unless the page keeps
an archive of its stories: what was counted last remains.
API: https://developers.facebook.com/docs/page-stories-api
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dissem.channels.adapter import Certainty, Counts, Facts, Gone, Part, Prepared, Receipt, Stage, Why
from dissem.channels.client import doubt
from dissem.channels.errors import ChannelError, Refused, Uncertain
from dissem.channels.facebook_graph import address, listed, object_of
from dissem.channels.facebook_page import API, FacebookPage, video_of
from dissem.channels.facebook_reels import LONGEST_STORY, RATIO, SHORTEST, StagedVideos, objection
from dissem.channels.graph import BadField, Missing, NoRight, insights
from dissem.channels.network import Network

METRICS = {
    "views": "story_media_view",
    "reach": "story_total_media_view_unique",
    "likes": "pages_fb_story_thread_lightweight_reactions",
    "comments": "pages_fb_story_replies",
    "shares": "pages_fb_story_shares",
}


class FacebookStory(FacebookPage):
    platform = "facebook-story"
    facts = Facts(
        label="Facebook Story",
        certainties=frozenset({Certainty.STAGED, Certainty.READABLE}),
        text=0,
        api=API,
        images=1,
        videos=1,
        needs_media=True,
        image_bytes=4_000_000,
        video_bytes=2**30,
        video_seconds=LONGEST_STORY,
        video_least_seconds=SHORTEST,
        video_ratio=RATIO,
        alt=1000,
        titled=True,
        link="field",
        tags="field",
        counts=frozenset(METRICS),
        lasts=timedelta(hours=24),
        lag=timedelta(minutes=10),
    )

    @classmethod
    def objection(cls, part: Part) -> Refused | None:
        video = video_of(part)
        return objection(video, LONGEST_STORY) if video else None

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED if video_of(part) else Certainty.READABLE

    def __init__(self, settings: Any, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.videos = StagedVideos(self, "video_stories")

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if why_not := self.objection(part):
            raise why_not
        if video := video_of(part):
            yield from self.videos.upload(video, prepared)
        elif not prepared.get("photo"):
            yield prepared.having(photo=self.upload_photo(part.attachments[0]))

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        if video_of(part):
            return self._publish_video(prepared)
        photo = str(prepared.get("photo", ""))
        answer = self.graph.put_object(self.page, "photo_stories", photo_id=photo)
        if answer.member("success") is not True:
            raise doubt(answer.irrevocable, "The platform's answer lacks what was asked for.")
        story = str(answer.member("post_id"))
        return Receipt(story, address(story), also=(photo,))

    def _publish_video(self, prepared: Prepared) -> Receipt:
        """Named by the video until Facebook tells the story."""
        number = str(prepared.get("video", ""))
        told = object_of(self.videos.release(prepared))
        return Receipt(str(told.get("post_id") or number), also=(number,), stage=Stage.PROCESSING)

    def confirm(self, receipt: Receipt) -> Receipt:
        if receipt.stage is Stage.PROCESSING:
            return self._confirmed(receipt)
        try:
            answer = self.graph.get_object(receipt.id, fields="url")
            return Receipt(receipt.id, str(answer.member("url")), receipt.also, receipt.stage)
        except ChannelError:
            return receipt  # the story is public whether or not its address can be read

    def _confirmed(self, receipt: Receipt) -> Receipt:
        (number,) = receipt.also
        seen = self.videos.confirmed(number)
        story = receipt.id if receipt.id != number else seen.post
        return Receipt(story, seen.url or address(story), receipt.also) if story else self._listed(number)

    def _listed(self, medium: str) -> Receipt:
        """The public story of *medium*; the file's own id stands for it as long as the list does not show it."""
        try:
            return next(iter(self._stories(medium)), Receipt(medium, address(medium), also=(medium,)))
        except (ChannelError, LookupError, TypeError):
            return Receipt(medium, address(medium), also=(medium,))

    # Is it there?

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        try:
            return self._found(part, prepared, since)
        except (ChannelError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Uncertain("Facebook did not tell whether the post is there.") from error

    def _found(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        medium = str(prepared.get("video" if video_of(part) else "photo", ""))
        if not medium:
            return []  # there was nothing to make a story of
        stories = list(self._stories(medium, since=int(since.timestamp())))
        if stories or not video_of(part):
            return stories
        seen = self.videos.outcome(prepared)
        return [Receipt(seen.post or medium, also=(medium,), stage=Stage.PROCESSING)] if seen else []

    def _stories(self, medium: str, **asked: Any) -> Iterator[Receipt]:
        """The page's stories that show the file *medium*; its archive, too, where it keeps one."""
        for one in listed(self.graph, self.page, "stories", **asked):
            if str(one["media_id"]) == medium:
                story = str(one["post_id"])
                yield Receipt(story, one.get("url") or address(story), also=(medium,))

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        return {receipt.id: self._figures(receipt.id) for receipt in receipts}

    def _figures(self, story: str) -> Counts | Gone:
        """One metric that Facebook has retired fails the whole question: then each is asked for by itself."""
        why = Why.SILENT
        try:
            told = self._insights(story, *METRICS.values())
        except Missing:
            return Gone()
        except NoRight:
            told, why = {}, Why.RIGHT
        except BadField:
            why = Why.RETIRED
            told = {name: value for metric in METRICS.values() for name, value in self._one(story, metric).items()}
        counts = {ours: told.get(theirs) for ours, theirs in METRICS.items()}
        return Counts(**counts, raw=told, why=dict.fromkeys(METRICS, why))

    def _one(self, story: str, metric: str) -> Mapping[str, int]:
        try:
            return self._insights(story, metric)
        except BadField:
            return {}

    def _insights(self, story: str, *metrics: str) -> dict[str, int]:
        return insights(object_of(self.graph.get_connections(story, "insights", metric=",".join(metrics))))
