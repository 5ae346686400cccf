"""What a page keeps, who may ask for it, and how a post comes to be seen."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlencode

from dissem.rehearsal.facebook_objects import Photo, Post, Story, Upload, Video
from dissem.rehearsal.facebook_vocabulary import ATTACHMENT
from dissem.rehearsal.files import Stored
from dissem.rehearsal.graph_door import GraphDoor
from dissem.rehearsal.graph_errors import bad_parameter, gone, refusal
from dissem.rehearsal.graph_parameters import Field, moment, narrowed
from dissem.rehearsal.standin import Account, Live
from dissem.rehearsal.wire import Request

SCOPES = frozenset(
    {
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_read_user_content",
        "read_insights",
    }
)
MIB = 1024 * 1024
LONGEST_TEXT = 63_206


@dataclass(frozen=True)
class FacebookPage(Account):
    """A page: `id` is its number, `handle` its user name, `token` a page access token."""


SAMPLE = FacebookPage(
    id="104000000000001",
    handle="humaskota.rehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-page-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=SCOPES,
)

Kept = TypeVar("Kept", Photo, Video, Post, Story)


class FacebookKeeping(GraphDoor):
    """Photos, videos, posts and stories by their numbers.

    `guards_duplicates` and `duplicate_window` rule the refusal of a text posted again. `processing_polls` is how many
    status reads of a video say "processing"; `processing_error`, when set, is how that ends. `reels_a_day` may be
    released in 24 hours. `cuts`: of the coming uploads of reels only so many bytes arrive, each number for one.
    `story_archive`: stories that have run out can still be read by the page itself.
    """

    def __init__(
        self,
        *,
        accounts: Iterable[FacebookPage] = (SAMPLE,),
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now)
        self.guards_duplicates = True
        self.duplicate_window = timedelta(hours=1)
        self.processing_polls = 1
        self.processing_error = ""
        self.chunk_bytes = 1 * MIB
        self.cuts: list[int] = []
        self.reels_a_day = 30
        self.story_archive = False
        self._photos: dict[str, Photo] = {}
        self._videos: dict[str, Video] = {}
        self._posts: dict[str, Post] = {}
        self._stories: dict[str, Story] = {}
        self._uploads: dict[str, Upload] = {}
        self._numbers = count(122_100_000_000_000_001)

    @property
    def page(self) -> str:
        """The id of the first page."""
        return str(self.accounts[0].id)

    def _number(self) -> str:
        return str(next(self._numbers))

    def _page_for(self, request: Request, *scopes: str) -> Account:
        """The page in the path, when the token is its own."""
        account = self._sign_in(request, *scopes)
        page = request.params["page"]
        if page in (account.id, "me"):
            return account
        if self.account_with(id=page):
            raise refusal(200, "(#200) The token is not one of this page.")
        raise gone(page, request.method.lower())

    def _own(self, kept: Mapping[str, Kept], account: Account, identity: str) -> Kept | None:
        found = kept.get(identity)
        return found if found and found.page == account.id else None

    def _need(self, account: Account, scope: str) -> None:
        if scope not in account.scopes:
            raise refusal(10, f"(#10) The permission {scope} must be granted before this can be done.")

    def _check_text(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise bad_parameter("Param message is too long")

    def _new_post(
        self, account: Account, message: str, *, link: str = "", photos: tuple[str, ...] = (), video: str = ""
    ) -> Post:
        identity = f"{account.id}_{self._number()}"
        post = Post(identity, account.id, message, self.clock(), link=link, photos=photos, video=video)
        self._posts[identity] = post
        return post

    def _go_live(self, request: Request, account: Account, post: Post) -> None:
        post.published = True
        live = Live(
            account=account.id,
            id=post.id,
            url=post.permalink,
            text=post.message or post.link,
            at=post.made,
            media=self._stored(post),
        )
        self.show(request, live)

    def _stored(self, post: Post) -> tuple[Stored, ...]:
        if post.video:
            return (Stored(self._videos[post.video].data, "video/mp4"),)
        return tuple(self._photos[one].stored for one in post.photos if one in self._photos)

    def _take_down(self, request: Request, post: str) -> None:
        if self._posts.pop(post, None) and self.find(post):
            self.hide(request, post)

    # Reading, in pieces

    def _shown(self, kind: str, values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for wanted in fields:
            if wanted.name not in values:
                raise bad_parameter(f"Tried accessing nonexisting field ({wanted.name}) on node type ({kind})")
            value = values[wanted.name]
            value = value(wanted) if callable(value) else value
            if value is not None:
                shown[wanted.name] = narrowed(value, wanted.inner, ATTACHMENT) if wanted.inner else value
        return {**shown, "id": values["id"]}

    def _within(self, request: Request, made: datetime) -> bool:
        since, until = moment(request.one("since"), "since"), moment(request.one("until"), "until")
        return (since is None or made >= since) and (until is None or made <= until)

    def _page(self, request: Request, everything: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """One page of what was found, and `paging` as Graph gives it: absent when nothing is there."""
        limit = request.one("limit", "25") or ""
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise bad_parameter("Param limit must be a number from 1 to 100")
        cursors = [_cursor(one.id) for one in everything]
        after = request.one("after") or ""
        start = cursors.index(after) + 1 if after in cursors else 0
        page, shown = everything[start : start + int(limit)], cursors[start : start + int(limit)]
        if not page:
            return [], {}
        paging: dict[str, Any] = {"cursors": {"before": shown[0], "after": shown[-1]}}
        if start + int(limit) < len(everything):
            query = {name: values[-1] for name, values in request.query.items()} | {"after": shown[-1]}
            paging["next"] = f"{self.url}{request.path}?{urlencode(query)}"
        return page, {"paging": paging}


def _cursor(identity: str) -> str:
    return base64.urlsafe_b64encode(identity.encode()).decode().rstrip("=")
