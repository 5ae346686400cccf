"""Pages, posts, videos and photos as the Graph API shows them by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dissem.rehearsal.facebook_figures import FacebookFigures
from dissem.rehearsal.facebook_objects import Post, Video, instant
from dissem.rehearsal.facebook_vocabulary import REACTIONS
from dissem.rehearsal.graph_errors import gone
from dissem.rehearsal.graph_parameters import Field, wanted_fields
from dissem.rehearsal.standin import Account


class FacebookNodes(FacebookFigures):
    """Objects with the fields that were asked for."""

    def _node(self, account: Account, identity: str, fields: Sequence[Field]) -> dict[str, Any]:
        """The object with the wanted fields and always its id."""
        if identity in (account.id, "me"):
            return self._shown("Page", self._page_values(account), fields or wanted_fields("name"))
        if post := self._own(self._posts, account, identity):
            self._need(account, "pages_read_engagement")
            values = self._post_values(account, post)
            return self._shown("Post", values, fields or wanted_fields("created_time,message"))
        if video := self._own(self._videos, account, identity):
            return self._shown(
                "Video", self._video_values(account, video), fields or wanted_fields("description,updated_time")
            )
        if photo := self._own(self._photos, account, identity):
            return self._shown("Photo", photo.values(), fields or wanted_fields("created_time,name"))
        raise gone(identity)

    def _page_values(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "name": account.name,
            "username": account.handle,
            "link": f"https://www.facebook.com/{account.handle}",
            "category": "Government Organization",
            "about": "Gladi",
            "access_token": account.token,
            "fan_count": 4_200,
            "followers_count": 4_321,
            "is_published": True,
            "verification_status": "not_verified",
        }

    def _post_values(self, account: Account, post: Post) -> dict[str, Any]:
        return {
            "id": post.id,
            "message": post.message or None,
            "created_time": instant(post.made),
            "updated_time": instant(post.made),
            "permalink_url": post.permalink,
            "status_type": post.status_type,
            "is_published": post.published,
            "is_hidden": False,
            "from": {"name": account.name, "id": account.id},
            "story": None,
            "full_picture": None,
            "attachments": lambda wanted: post.attachments(),
            "shares": lambda wanted: self._shares(post),
            "reactions": lambda wanted: self._people(account, post, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, post, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, post, wanted, ("comments",)),
            "insights": lambda wanted: self._edge_insights(account, post, wanted),
        }

    def _video_values(self, account: Account, video: Video) -> dict[str, Any]:
        shown = self._posts.get(video.post, video)
        return {
            "id": video.id,
            "title": video.title or None,
            "description": video.description or None,
            "created_time": instant(video.made),
            "updated_time": instant(video.made),
            "permalink_url": f"/reel/{video.id}/" if video.kind == "reel" else f"/{video.page}/videos/{video.id}/",
            "post_id": video.post or None,
            "published": bool(video.post),
            "status": lambda wanted: video.looked_at(),
            "views": lambda wanted: self._grown(shown, "post_video_views"),
            "reactions": lambda wanted: self._people(account, shown, wanted, REACTIONS),
            "likes": lambda wanted: self._people(account, shown, wanted, ("like",)),
            "comments": lambda wanted: self._people(account, shown, wanted, ("comments",)),
        }
