"""Facebook Pages, Graph API: text with a link card, photos, videos, reels; counts views and reactions.

There is no idempotency key, and an error of Facebook's own (code 1 or 2, any 5xx) has been seen after posts that were
published all the same. So files go up unpublished first, and only the one request that makes them public is in doubt:
afterwards the page's posts are read, where the ids of our photos prove which post is ours, and a video is asked itself.
An upright video becomes a reel: sent as an ordinary one it is taken with success and stays a draft.
API: https://developers.facebook.com/docs/pages-api
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dissem.channels.adapter import (
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
    Seen,
    Stage,
    Why,
    plain,
    same_text,
)
from dissem.channels.errors import ChannelError, NotYet, Refused, Uncertain, Unreachable
from dissem.channels.facebook_graph import absolute, address, listed, object_of
from dissem.channels.facebook_page import API, FacebookPage, video_of
from dissem.channels.facebook_reels import Seen as SeenVideo
from dissem.channels.facebook_reels import StagedVideos, objection, upright
from dissem.channels.facebook_video import ChunkedVideos
from dissem.channels.graph import BadField, Missing, NoRight, insights
from dissem.channels.network import Network

PLAIN_FIGURES = "shares,reactions.limit(0).summary(true),comments.limit(0).summary(true)"
INSIGHTS = "insights.metric(post_media_view,post_total_media_view_unique,post_clicks)"
VIDEO_FIGURES = "views,reactions.limit(0).summary(true),comments.limit(0).summary(true)"
LISTED = (
    "id,message,created_time,permalink_url,is_published,attachments{media_type,target{id},subattachments{target{id}}}"
)
_POST_ADDRESS = re.compile(r"facebook\.com/(\d+_\d+)")
_REEL_ADDRESS = re.compile(r"facebook\.com/reel/(\d+)")


class Facebook(FacebookPage):
    platform = "facebook"
    facts = Facts(
        label="Facebook",
        certainties=frozenset({Certainty.STAGED, Certainty.READABLE}),
        text=63_206,
        api=API,
        images=10,
        videos=1,
        image_bytes=4_000_000,
        video_bytes=2**30,
        video_seconds=4 * 3600,
        alt=1000,
        counts=frozenset({"views", "reach", "likes", "comments", "shares", "clicks"}),
        batch=50,
        lag=timedelta(minutes=10),
    )

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = _POST_ADDRESS.search(url) or _REEL_ADDRESS.search(url)
        return Receipt(found[1], url) if found else None

    @classmethod
    def objection(cls, part: Part) -> Refused | None:
        """What no reel can be: an upright video has no other place."""
        video = video_of(part)
        return objection(video) if video and upright(video) else None

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED if video_of(part) else Certainty.READABLE

    def __init__(self, settings: Any, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.videos = ChunkedVideos(self)
        self.reels = StagedVideos(self, "video_reels")

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if why_not := self.objection(part):
            raise why_not
        if video := video_of(part):
            yield from (self.reels if upright(video) else self.videos).upload(video, prepared)
            return
        for photo in part.attachments[len(prepared.get("photos")) :]:
            prepared = prepared.adding("photos", self.upload_photo(photo))
            yield prepared

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        if video_of(part):
            return self._publish_video(part, prepared)
        photos = [str(photo) for photo in prepared.get("photos")]
        shown: dict[str, Any] = {"attached_media": [{"media_fbid": photo} for photo in photos]} if photos else {}
        if part.link and not photos:
            shown["link"] = part.link
        answer = self.graph.put_object(self.page, "feed", message=part.text, **shown)
        post = str(answer.member("id"))
        return Receipt(id=post, url=address(post), also=tuple(photos))

    def _publish_video(self, part: Part, prepared: Prepared) -> Receipt:
        if _is_reel(part):
            self.reels.release(prepared, title=part.title, description=part.text)
        else:
            self.videos.publish(prepared, title=part.title, description=part.text)
        return _processing(part, prepared)

    def confirm(self, receipt: Receipt) -> Receipt:
        if receipt.stage is Stage.PROCESSING:
            if _REEL_ADDRESS.search(receipt.url or ""):
                return _public_reel(receipt.id, self.reels.confirmed(receipt.id))
            return self._confirmed(receipt)
        try:
            answer = self.graph.get_object(receipt.id, fields="permalink_url")
            return Receipt(receipt.id, absolute(str(answer.member("permalink_url"))), receipt.also, receipt.stage)
        except ChannelError:
            return receipt  # the post is public whether or not its address can be read

    def _confirmed(self, receipt: Receipt) -> Receipt:
        seen = self.reels.look(receipt.id)
        if seen.failed:
            raise Refused("Facebook cannot use the video.", hint="Convert it to MP4 (H.264, AAC) and try again.")
        if seen.shown:
            return _public_video(receipt.id, seen)
        if seen.state == "ready":
            # Seen with upright videos: the call succeeds, the owner gets a draft, nobody sees anything.
            raise Refused(
                "Facebook keeps the video as a draft instead of showing it.",
                hint="Publish it by hand at Facebook, or save it again in the format it shall have.",
            )
        raise NotYet("Facebook is still working on the video.")

    # Is it there?

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        try:
            return self._found_video(part, prepared) if video_of(part) else self._found(part, prepared, since)
        except (ChannelError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Uncertain("Facebook did not tell whether the post is there.") from error

    def _found_video(self, part: Part, prepared: Prepared) -> Sequence[Receipt]:
        if _is_reel(part):
            return self._found_reel(part, prepared)
        number = prepared.get("video", None)
        if not number:
            return []  # `finish` needs a session, so nothing was published
        seen = self.reels.look(number)
        if seen.shown:
            return [_public_video(number, seen)]
        # its bytes are arriving, or its session ran out before our `finish`
        unfinished = seen.state in ("uploading", "expired", "upload_failed")
        return [] if unfinished else [_processing(part, prepared)]

    def _found_reel(self, part: Part, prepared: Prepared) -> Sequence[Receipt]:
        seen = self.reels.outcome(prepared)
        if seen is None:
            return []
        return [_public_reel(prepared.get("video"), seen) if seen.released else _processing(part, prepared)]

    def _found(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        photos = {str(photo) for photo in prepared.get("photos")}
        posts = [post for post in self._posts(since) if post.get("is_published") is not False]
        proven = [post for post in posts if photos & set(_photos(post))]
        if not (proven or plain(part.text)):
            raise LookupError("nothing to recognise it by")
        return [_found_post(post) for post in proven or posts if proven or _says(post, part)]

    def _posts(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """The page's posts back to *since*, newest first; LookupError when the list is not whole."""
        asked = {"fields": LISTED, "since": int(since.timestamp()), "limit": 100}
        for post in listed(self.graph, self.page, "published_posts", **asked):
            if datetime.fromisoformat(post["created_time"]) >= since.replace(microsecond=0):
                yield post

    def recent(self, since: datetime) -> Sequence[Seen]:
        try:
            return [_listed_post(post) for post in self._posts(since) if post.get("is_published") is not False]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable("The platform's answer could not be read.") from error

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        posts = [receipt.id for receipt in receipts if "_" in receipt.id]
        videos = [receipt.id for receipt in receipts if "_" not in receipt.id]
        return {**self._post_figures(posts), **self._nodes(videos, VIDEO_FIGURES, _video_counts)}

    def _post_figures(self, ids: Sequence[str]) -> Mapping[str, Counts | Gone]:
        try:
            return self._nodes(ids, f"{PLAIN_FIGURES},{INSIGHTS}", _post_counts)
        except (BadField, NoRight) as error:
            # One metric that Facebook has retired fails them all, as does a missing right; the rest is worth having.
            why = Why.RIGHT if isinstance(error, NoRight) else Why.RETIRED
            return self._nodes(ids, PLAIN_FIGURES, lambda node: _post_counts(node, why))

    def _nodes(
        self, ids: Sequence[str], fields: str, counted: Callable[[Mapping[str, Any]], Counts]
    ) -> Mapping[str, Counts | Gone]:
        """Figures by id. One missing object fails the whole question, so it is halved until the missing are found."""
        if not ids:
            return {}
        try:
            body = object_of(self.graph.get_objects(ids, fields=fields))
        except Missing:
            if len(ids) == 1:
                return {ids[0]: Gone()}
            half = len(ids) // 2
            return {**self._nodes(ids[:half], fields, counted), **self._nodes(ids[half:], fields, counted)}
        return {i: counted(body[i]) for i in ids if isinstance(body.get(i), dict)}


# Posts and videos as Facebook shows them


def _is_reel(part: Part) -> bool:
    video = video_of(part)
    return video is not None and upright(video)


def _processing(part: Part, prepared: Prepared) -> Receipt:
    """Of a reel the address is known from the start, and tells it from an ordinary video."""
    number = str(prepared.get("video", ""))
    return Receipt(number, address(f"reel/{number}") if _is_reel(part) else None, stage=Stage.PROCESSING)


def _public_reel(number: str, seen: SeenVideo) -> Receipt:
    found = _public_video(number, seen)
    return found if seen.url else Receipt(found.id, address(f"reel/{number}"), found.also)


def _public_video(number: str, seen: SeenVideo) -> Receipt:
    """Named by the post that shows the video, where Facebook tells it: figures belong to posts."""
    url = seen.url or address(number)
    return Receipt(id=seen.post, url=url, also=(number,)) if seen.post else Receipt(id=number, url=url)


def _found_post(post: Mapping[str, Any]) -> Receipt:
    return Receipt(id=str(post["id"]), url=post.get("permalink_url") or address(post["id"]), also=tuple(_photos(post)))


def _listed_post(post: Mapping[str, Any]) -> Seen:
    at, files = datetime.fromisoformat(post["created_time"]), tuple(_files(post))
    return Seen(str(post["id"]), at, post.get("permalink_url"), str(post.get("message") or ""), files)


def _photos(post: Mapping[str, Any]) -> list[str]:
    """Ids of the photos that a listed post shows."""
    return _files(post, alone=("photo",))


def _files(post: Mapping[str, Any], alone: Sequence[str] = ("photo", "video")) -> list[str]:
    """Ids of the files that a listed post shows; a single one only if it is *alone*, by its kind."""
    found = []
    for attachment in (post.get("attachments") or {}).get("data") or ():
        below = (attachment.get("subattachments") or {}).get("data") or ()
        for shown in below or ([attachment] if str(attachment.get("media_type")).startswith(tuple(alone)) else []):
            if (shown.get("target") or {}).get("id"):
                found.append(str(shown["target"]["id"]))
    return found


def _says(post: Mapping[str, Any], part: Part) -> bool:
    shown = (post.get("attachments") or {}).get("data") or ()
    if any(str(a.get("media_type")).startswith("video") for a in shown) or len(_photos(post)) != len(part.attachments):
        return False
    return same_text(part.text, post.get("message") or "")


def _total(node: Mapping[str, Any], edge: str) -> int | None:
    total = ((node.get(edge) or {}).get("summary") or {}).get("total_count")
    return total if isinstance(total, int) else None


def _post_counts(node: Mapping[str, Any], why: Why | None = None) -> Counts:
    """*why*: what kept us from asking for the insights, if anything did."""
    told = insights(node.get("insights") or {})
    return Counts(
        views=told.get("post_media_view"),
        reach=told.get("post_total_media_view_unique"),
        likes=_total(node, "reactions"),
        comments=_total(node, "comments"),
        shares=(node.get("shares") or {}).get("count"),
        clicks=told.get("post_clicks"),
        raw=told,
        why=dict.fromkeys(("views", "reach", "clicks"), why) if why else {},
    )


def _video_counts(node: Mapping[str, Any]) -> Counts:
    views = node.get("views")
    return Counts(
        views=views if isinstance(views, int) else None,
        likes=_total(node, "reactions"),
        comments=_total(node, "comments"),
    )
