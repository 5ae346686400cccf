"""Stories of a page: an unpublished photo, or a video in phases, that anyone can see for a day.

A file that was used before is refused. After its day a story is nowhere to be read, unless the page keeps an archive.
Not documented, so assumed: the form of that refusal, and that the post_id of a story is a bare number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dissem.rehearsal.facebook_objects import Story, Video
from dissem.rehearsal.facebook_reels import FacebookReels
from dissem.rehearsal.facebook_vocabulary import PAGING, REELS, STORIES, STORY_CEILINGS, STORY_METRICS
from dissem.rehearsal.files import Stored
from dissem.rehearsal.graph_errors import bad_parameter, gone
from dissem.rehearsal.graph_parameters import Field
from dissem.rehearsal.standin import Account, Live, grown, route
from dissem.rehearsal.wire import Answer, Request


class FacebookStories(FacebookReels):
    """What is seen for a day."""

    @property
    def public(self) -> list[Live]:
        """Every post that is live, in the order published, stories only while they last."""
        now = self.clock()
        return [live for live in super().public if not self._is_over(live.id, now)]

    def _is_over(self, identity: str, now: datetime) -> bool:
        story = self._stories.get(identity)
        return story is not None and story.over(now)

    @route("POST", "/{version}/{page}/photo_stories", label="publish")
    def photo_stories(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        asked = self._arguments(request, {"photo_id"}).get("photo_id", "")
        if not asked:
            raise bad_parameter("Missing parameter: photo_id")
        photo = self._own(self._photos, account, asked)
        if photo is None:
            raise gone(asked, "post")
        if photo.published or photo.post or photo.story:
            raise bad_parameter("The photo was used in a published post already")
        photo.story = self._number()
        self._tell(request, account, photo.story, photo.id, photo.stored)
        return Answer(200, {"success": True, "post_id": photo.story})

    @route("POST", "/{version}/{page}/video_stories", label="publish")
    def video_stories(self, request: Request) -> Answer:
        return self.staged(request, "story", REELS)

    def release(self, request: Request, account: Account, video: Video) -> None:
        if video.kind != "story":
            super().release(request, account, video)
            return
        video.post = video.story
        self._tell(request, account, video.story, video.id, Stored(video.data, "video/mp4"))

    def _tell(self, request: Request, account: Account, identity: str, medium: str, stored: Stored) -> None:
        kind = stored.type.partition("/")[0].replace("image", "photo")
        story = Story(identity, account.id, medium, kind, self.clock(), stored)
        self._stories[identity] = story
        self.show(request, Live(account.id, identity, story.url, "", story.made, media=(stored,)))

    @route("GET", "/{version}/{page}/stories", label="list")
    def stories(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_read_engagement")
        fields = self._fields(request, PAGING | STORIES)
        told = [self._stories[live.id] for live in self.listed(request, account.id) if live.id in self._stories]
        wanted = (request.one("status") or "published,archived").lower()
        seen = [one for one in told if self._readable(one) and one.values(self.clock())["status"] in wanted]
        page, paging = self._page(request, [one for one in seen if self._within(request, one.made)])
        return Answer(200, {"data": [self._story(one, fields) for one in page], **paging})

    def _readable(self, story: Story) -> bool:
        return self.story_archive or not story.over(self.clock())

    def _story(self, story: Story, fields: Sequence[Field]) -> dict[str, Any]:
        """With the wanted fields, all of them if none is named; a story has no field `id`."""
        values = story.values(self.clock())
        for field in fields:
            if field.name not in values:
                raise bad_parameter(f"Tried accessing nonexisting field ({field.name}) on node type (Stories)")
        return {field.name: values[field.name] for field in fields} or values

    def _node(self, account: Account, identity: str, fields: Sequence[Field]) -> dict[str, Any]:
        story = self._own(self._stories, account, identity)
        if story is None:
            return super()._node(account, identity, fields)
        self._need(account, "pages_read_engagement")
        if not self._readable(story):
            raise gone(identity)
        return self._story(story, fields)

    def _take_away(self, request: Request, story: Story) -> None:
        del self._stories[story.id]
        self.hide(request, story.id)

    # Figures

    def counts(self, live: Live) -> dict[str, int]:
        if live.id not in self._stories:
            return super().counts(live)
        names = {"reactions": "pages_fb_story_thread_lightweight_reactions", "views": "story_media_view"}
        return {shown: self._of_story(live.id, name) for shown, name in names.items()}

    def _measured(self, node: str, options: Mapping[str, str]) -> dict[str, Any]:
        if node not in self._stories:
            return super()._measured(node, options)
        names = [name.lower() for name in options.get("metric", "").split(",") if name]
        if not names:
            raise bad_parameter("An invalid set of parameters: no metric was specified")
        if dead := [name for name in names if name not in STORY_METRICS]:
            raise bad_parameter(f"The value must be a valid insights metric: {dead[0]}")
        values = [(name, self._of_story(node, name)) for name in names]
        return {"data": [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in values]}

    def _of_story(self, identity: str, name: str) -> int:
        story = self._stories[identity]
        count = grown(f"{identity} {name}", self.clock() - story.made, STORY_CEILINGS[name])
        unique = name == "story_total_media_view_unique"
        return min(count, self._of_story(identity, "story_media_view")) if unique else count
