"""How people take what a page shows: reactions, comments, shares, and insights by their living names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from dissem.rehearsal.facebook_keeping import FacebookKeeping
from dissem.rehearsal.facebook_objects import Post, Video
from dissem.rehearsal.facebook_vocabulary import CEILINGS, PAGE_METRICS, POST_METRICS, REACTIONS
from dissem.rehearsal.graph_errors import bad_parameter
from dissem.rehearsal.graph_parameters import Field
from dissem.rehearsal.standin import Account, Live, grown


class FacebookFigures(FacebookKeeping):
    """Counts of posts, videos, stories and the page."""

    def counts(self, live: Live) -> dict[str, int]:
        people = {name: self._grown(live, name) for name in CEILINGS}
        reactions = sum(people[kind] for kind in REACTIONS)
        return {
            "reactions": reactions,
            "comments": people["comments"],
            "shares": people["shares"],
            "views": people["post_media_view"],
        }

    def _grown(self, post: Live | Post | Video, name: str) -> int:
        if isinstance(post, Video):
            return 0  # nobody has seen it
        made = post.made if isinstance(post, Post) else post.at
        return grown(f"{post.id} {name}", self.clock() - made, CEILINGS[name])

    def _shares(self, post: Post) -> dict[str, int] | None:
        """Absent, not 0, while nobody has shared."""
        shares = self._grown(post, "shares")
        return {"count": shares} if shares else None

    def _people(self, account: Account, post: Post | Video, wanted: Field, kinds: Iterable[str]) -> dict[str, Any]:
        self._need(account, "pages_read_user_content")
        if unknown := wanted.options.keys() - {"limit", "summary", "type", "filter", "order"}:
            raise bad_parameter(f"Param {min(unknown)} is not supported")
        total = sum(self._grown(post, kind) for kind in kinds)
        summary = {"summary": {"total_count": total}} if wanted.options.get("summary") in ("true", "1") else {}
        return {"data": [], **summary}

    def _edge_insights(self, account: Account, post: Post, wanted: Field) -> dict[str, Any]:
        self._need(account, "read_insights")
        return self._measured(post.id, wanted.options)

    def _measured(self, node: str, options: Mapping[str, str]) -> dict[str, Any]:
        """Insights of a post or a page; one dead or misspelt name fails them all."""
        post = self._posts.get(node)
        living = POST_METRICS if post else PAGE_METRICS
        names = [name for name in options.get("metric", "").split(",") if name]
        if not names:
            raise bad_parameter("An invalid set of parameters: no metric was specified")
        for name in names:
            if name not in living:
                raise bad_parameter("The value must be a valid insights metric", kind="OAuthException")
        period = "lifetime" if post else options.get("period", "day")
        return {"data": [self._metric(post, node, name, period) for name in names]}

    def _metric(self, post: Post | None, node: str, name: str, period: str) -> dict[str, Any]:
        value = self._metric_of_post(post, name) if post else grown(f"{node} {name}", timedelta(days=30), 900)
        return {"name": name, "period": period, "values": [{"value": value}], "id": f"{node}/insights/{name}/{period}"}

    def _metric_of_post(self, post: Post, name: str) -> Any:
        by_kind = {kind: self._grown(post, kind) for kind in REACTIONS}
        if name == "post_reactions_by_type_total":
            return {kind: number for kind, number in by_kind.items() if number}
        if found := re.fullmatch(r"post_reactions_(\w+)_total", name):
            return by_kind[found[1]]
        if name == "post_clicks_by_type":
            return {"other clicks": self._grown(post, "post_clicks")}
        if name == "post_activity_by_action_type":
            return {"like": by_kind["like"], "comment": self._grown(post, "comments")}
        if name == "post_total_media_view_unique":
            return min(self._grown(post, name), self._grown(post, "post_media_view"))
        return self._grown(post, name)
