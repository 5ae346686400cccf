"""TikTok's Content Posting API v2 as its documentation tells it, for one publisher's needs.

Tokens that rotate, creator info, videos in chunks, photos that are fetched, direct posts and drafts in the inbox,
status, listing and figures. Unknown fields are let pass, and the journal lists them. Sign-in by browser, webhooks,
videos by address and cancelling are left out. There is no way to edit or delete a post.
Sources: https://developers.tiktok.com/doc/ content-posting-api-reference-direct-post, -upload-video, -photo-post,
-query-creator-info, -get-video-status; content-posting-api-media-transfer-guide; oauth-user-access-token-management;
tiktok-api-v2-video-list, -video-query, -get-user-info
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, ClassVar

from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Live, Route, Standin, grown, route
from dissem.rehearsal.tiktok_door import SCOPES, Creator, Door
from dissem.rehearsal.tiktok_tasks import (
    Task,
    check_chunks,
    check_urls,
    check_video,
    fetch_photos,
    is_last_chunk,
    take_chunk,
)
from dissem.rehearsal.tiktok_words import (
    COUNTS,
    POST_INFO_PHOTO,
    POST_INFO_VIDEO,
    SOURCE_PHOTO,
    SOURCE_VIDEO,
    USER_FIELDS,
    VIDEO_FIELDS,
    body_of,
    check_flags,
    envelope,
    fields_of,
    invalid,
    number_in,
    ok,
    part_of,
    refusal,
    text_in,
)
from dissem.rehearsal.wire import Answer, Denied, Request

DAY = timedelta(days=1)
CAPTION, TITLE, DESCRIPTION = 2200, 90, 4000  # UTF-16 units
SHOWN = 150  # characters of a caption in a listing
MOST_LISTED = 20
FIRST_ID = 7_512_000_000_000_000_123  # beyond what a float keeps whole


class TikTokStandin(Standin):
    """`TikTokStandin()` has the accounts @humaskota and @dishubkota, both public, of an app that passed the audit.

    `polls`: how often a post is still in processing when its status is asked; `moderation`: how often it is posted and
    not yet shown. `posts_drafts`: a person at the handset posts every draft at once, as it came; else `post_draft`.
    `gives_up`: the reason for which processing fails. `least_chunk`: bytes. `verified`: prefixes of addresses that the
    app owns. `shows_photos`: whether listing and figures know photo posts; nobody has confirmed either.
    """

    name: ClassVar[str] = "tiktok"

    def __init__(
        self,
        *,
        port: int = 0,
        now: Callable[[], datetime] | None = None,
        polls: int = 1,
        moderation: int = 0,
        posts_drafts: bool = False,
        shows_photos: bool = True,
    ) -> None:
        accounts = (
            Creator(
                "-000gladiHumasKota01",
                "humaskota",
                "Humas Kota (gladi)",
                "act.humaskotaGladi!4856.e1",
                SCOPES,
                "rft.humaskotaGladi!5012.e1",
            ),
            Creator(
                "-000gladiDishub02",
                "dishubkota",
                "Dinas Perhubungan (gladi)",
                "act.dishubkotaGladi!4856.e1",
                SCOPES,
                "rft.dishubkotaGladi!5012.e1",
            ),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.door = Door(self.accounts, self.clock)
        self.polls, self.moderation = polls, moderation
        self.posts_drafts, self.shows_photos = posts_drafts, shows_photos
        self.audited = True
        self.gives_up = ""
        self.least_chunk = 5 * 2**20
        self.posts_a_day, self.drafts_waiting = 15, 5
        self.verified = ["http://127.0.0.1"]
        self.tasks: dict[str, Task] = {}
        self._posts: dict[str, Task] = {}
        self._number = 0

    @property
    def inbox(self) -> list[Task]:
        """Drafts that have arrived and wait for a person, of all accounts."""
        return [task for task in self.tasks.values() if task.status == "SEND_TO_USER_INBOX"]

    def operation(self, made: Route | None, request: Request) -> str:
        """The last chunk of a video is what publishes it."""
        label = super().operation(made, request)
        return "publish" if label == "upload" and is_last_chunk(request) else label

    # Accounts

    @route("POST", "/v2/oauth/token/", label="token")
    def token_pair(self, request: Request) -> Answer:
        return self.door.token(request)

    @route("GET", "/v2/user/info/", label="account")
    def user_info(self, request: Request) -> Answer:
        creator = self.door.admit(request, "user.info.basic")
        names = fields_of(request, USER_FIELDS)
        if any(USER_FIELDS[name] not in creator.scopes for name in names):
            raise refusal(401, "scope_not_authorized", "The user did not authorize the scope required.")
        known = {
            "open_id": creator.id,
            "union_id": f"union{creator.id}",
            "avatar_url": f"{self.url}/avatar.webp",
            "display_name": creator.name,
            "username": creator.handle,
            "profile_deep_link": f"{self.url}/@{creator.handle}",
            "is_verified": False,
            "follower_count": 4210,
            "video_count": len(self._public_of(creator)),
        }
        return ok({"user": {name: known[name] for name in names}})

    @route("POST", "/v2/post/publish/creator_info/query/", label="creator")
    def creator_info(self, request: Request) -> Answer:
        """Limits of the account as such are told with 200: only the code says that nothing may be posted."""
        creator = self.door.admit(request, "video.publish")
        if objection := self._account_objection(creator):
            return Answer(200, envelope(code=objection))
        return ok(
            {
                "creator_avatar_url": f"{self.url}/avatar.webp",
                "creator_username": creator.handle,
                "creator_nickname": creator.name,
                "privacy_level_options": creator.privacy_levels,
                "comment_disabled": creator.comment_disabled,
                "duet_disabled": creator.duet_disabled or creator.private,
                "stitch_disabled": creator.stitch_disabled or creator.private,
                "max_video_post_duration_sec": creator.longest_video,
            }
        )

    def _account_objection(self, creator: Creator) -> str:
        if creator.banned:
            return "spam_risk_user_banned_from_posting"
        return "spam_risk_too_many_posts" if self._posted_today(creator) >= self.posts_a_day else ""

    def _posted_today(self, creator: Creator) -> int:
        return sum(not task.inbox and task.whole for task in self._tasks_of_today(creator))

    def _waiting_today(self, creator: Creator) -> int:
        """Drafts that nobody has posted; one whose video never came whole counts as well."""
        return sum(task.pending for task in self._tasks_of_today(creator))

    def _tasks_of_today(self, creator: Creator) -> list[Task]:
        since = self.clock() - DAY
        return [task for task in self.tasks.values() if task.owner == creator.id and task.made > since]

    # Beginning a post

    @route("POST", "/v2/post/publish/video/init/", label="init")
    def begin_video(self, request: Request) -> Answer:
        creator = self.door.admit(request, "video.publish")
        given = body_of(request, {"post_info", "source_info"})
        info = part_of(request, given, "post_info", POST_INFO_VIDEO)
        text_in(info, "title", CAPTION)
        self._check_direct(creator, info)
        return self._begun(request, creator, given, info, inbox=False)

    @route("POST", "/v2/post/publish/inbox/video/init/", label="init")
    def begin_draft(self, request: Request) -> Answer:
        """A draft of a video has no words: the person writes them."""
        creator = self.door.admit(request, "video.upload")
        self._check_inbox(creator)
        return self._begun(request, creator, body_of(request, {"source_info"}), {}, inbox=True)

    def _begun(
        self, request: Request, creator: Creator, given: Mapping[str, Any], info: Mapping[str, Any], *, inbox: bool
    ) -> Answer:
        source = part_of(request, given, "source_info", SOURCE_VIDEO)
        if source.get("source") != "FILE_UPLOAD":
            raise invalid("source must be FILE_UPLOAD: the rehearsal fetches no videos")
        size, chunk, count = check_chunks(source, self.least_chunk)
        task = self._new_task("v_inbox_file" if inbox else "v_pub_file", creator, info, inbox=inbox)
        task.size, task.chunk, task.count = size, chunk, count
        task.token = hashlib.sha256(task.id.encode()).hexdigest()[:24]
        address = f"{self.url}/video/?upload_id={task.id.rpartition('.')[2]}&upload_token={task.token}"
        return ok({"publish_id": task.id, "upload_url": address})

    @route("POST", "/v2/post/publish/content/init/", label="publish")
    def begin_photos(self, request: Request) -> Answer:
        creator = self.door.admit(request, "video.publish", "video.upload")
        given = body_of(request, {"media_type", "post_mode", "post_info", "source_info"})
        inbox = self._post_mode(given, creator)
        info = part_of(request, given, "post_info", POST_INFO_PHOTO)
        text_in(info, "title", TITLE)
        text_in(info, "description", DESCRIPTION)
        source = part_of(request, given, "source_info", SOURCE_PHOTO)
        if source.get("source") != "PULL_FROM_URL":
            raise invalid("source must be PULL_FROM_URL")
        photos = check_urls(source.get("photo_images"), self.verified)
        if "photo_cover_index" in source and number_in(source, "photo_cover_index", least=0) >= len(photos):
            raise invalid("photo_cover_index must be one of the photos")
        self._check_inbox(creator) if inbox else self._check_direct(creator, info)
        task = self._new_task("p_inbox_url" if inbox else "p_pub_url", creator, info, inbox=inbox)
        task.photos = photos
        if not task.polls:
            self._process(task, request)
        return ok({"publish_id": task.id})

    def _post_mode(self, given: Mapping[str, Any], creator: Creator) -> bool:
        if given.get("media_type") != "PHOTO" or given.get("post_mode") not in ("DIRECT_POST", "MEDIA_UPLOAD"):
            raise invalid("media_type must be PHOTO, post_mode DIRECT_POST or MEDIA_UPLOAD")
        inbox = bool(given["post_mode"] == "MEDIA_UPLOAD")
        if ("video.upload" if inbox else "video.publish") not in creator.scopes:
            raise refusal(401, "scope_not_authorized", "The user did not authorize the scope required.")
        return inbox

    def _check_direct(self, creator: Creator, info: Mapping[str, Any]) -> None:
        check_flags(info)
        if objection := self._account_objection(creator):
            raise refusal(403, objection)
        if info.get("privacy_level") not in creator.privacy_levels:
            raise refusal(403, "privacy_level_option_mismatch")
        if not self.audited and not (creator.private and info["privacy_level"] == "SELF_ONLY"):
            raise refusal(403, "unaudited_client_can_only_post_to_private_accounts")

    def _check_inbox(self, creator: Creator) -> None:
        if self._waiting_today(creator) >= self.drafts_waiting:
            raise refusal(403, "spam_risk_too_many_pending_share")

    def _new_task(self, kind: str, creator: Creator, info: Mapping[str, Any], *, inbox: bool) -> Task:
        name = f"{kind}~v2-1.{self._next()}"
        task = Task(name, creator.id, self.clock(), inbox, dict(info), polls=self.polls, hidden=self.moderation)
        self.tasks[name] = task
        return task

    def _next(self) -> int:
        """The next number: an odd one, so that no float has it."""
        self._number += 2
        return FIRST_ID + self._number

    # The upload host: the address is the key, no token is asked for

    @route("PUT", "/video/", label="upload")
    def upload(self, request: Request) -> Answer:
        for task in self.tasks.values():
            if task.token and task.token == request.one("upload_token"):
                answer = take_chunk(task, request, self.clock())
                if task.whole and not task.polls:
                    self._process(task, request)
                return answer
        raise Denied(Answer(404))

    # What becomes of it

    @route("POST", "/v2/post/publish/status/fetch/", label="status")
    def status(self, request: Request) -> Answer:
        creator = self.door.admit(request, "video.publish", "video.upload")
        given = body_of(request, {"publish_id"})
        task = self.tasks.get(str(given.get("publish_id")))
        if task is None:
            raise refusal(400, "invalid_publish_id", "The publish_id does not exist.")
        if task.owner != creator.id:
            raise refusal(400, "token_not_authorized_for_specified_publish_id")
        answer = self._told(task)
        self._move_on(task, request)
        return ok(answer)

    def _told(self, task: Task) -> dict[str, Any]:
        shown = [int(post) for post in task.posts if post in self._live]
        busy = "PROCESSING_DOWNLOAD" if task.photos else "PROCESSING_UPLOAD"
        about = {"status": task.status or busy, "fail_reason": task.fail_reason, "publicaly_available_post_id": shown}
        return {**about, **task.progress()}

    def _move_on(self, task: Task, request: Request) -> None:
        """Time passes with every question: processing comes to an end, and so does moderation."""
        if not task.whole:
            return
        if not task.status:
            task.polls -= 1
            if task.polls <= 0:
                self._process(task, request)
        elif task.status == "PUBLISH_COMPLETE" and task.hidden:
            task.hidden -= 1
            if not task.hidden:
                self._make_public(task, request)

    def _process(self, task: Task, request: Request) -> None:
        fetch_photos(task) if task.photos else check_video(task)
        if self.gives_up and not task.fail_reason:
            task.fail(self.gives_up)
        if task.status == "FAILED":
            return
        if not task.inbox or self.posts_drafts:
            self._post(task, request)
        else:
            task.status = "SEND_TO_USER_INBOX"

    def post_draft(self, publish_id: str, caption: str = "") -> str:
        """A person posts a draft at the handset, which may be done more than once; answers the post's id."""
        task = self.tasks[publish_id]
        post = self._new_post(task)
        if caption:
            task.info = {**task.info, "title": caption}
        self._live[post] = self._live_of(task, post)
        return post

    def _post(self, task: Task, request: Request) -> None:
        self._new_post(task)
        if not task.hidden:
            self._make_public(task, request)

    def _new_post(self, task: Task) -> str:
        task.status = "PUBLISH_COMPLETE"
        post = str(self._next())
        task.posts.append(post)
        self._posts[post] = task
        return post

    def _make_public(self, task: Task, request: Request) -> None:
        """Moderation has passed it; what only friends may see, or nobody, stays unseen."""
        if task.info.get("privacy_level", "PUBLIC_TO_EVERYONE") == "PUBLIC_TO_EVERYONE":
            for post in task.posts:
                self.show(request, self._live_of(task, post))

    def _live_of(self, task: Task, post: str) -> Live:
        creator = self.account_with(id=task.owner)
        words = [str(task.info.get(name) or "") for name in ("title", "description")]
        return Live(
            account=creator.handle,
            id=post,
            url=f"{self.url}/@{creator.handle}/{'photo' if task.photos else 'video'}/{post}",
            text="\n\n".join(word for word in words if word),
            at=self.clock(),
            media=task.media,
        )

    def take_down(self, post: str) -> None:
        """Somebody deletes a post in the app; the API cannot."""
        del self._live[post]

    # Listing and figures

    @route("POST", "/v2/video/list/", label="list")
    def list_videos(self, request: Request) -> Answer:
        creator = self.door.admit(request, "video.list")
        names = fields_of(request, VIDEO_FIELDS)
        given = body_of(request, {"max_count", "cursor"}) if request.body else {}
        most = number_in(given, "max_count") if "max_count" in given else 10
        if most > MOST_LISTED:
            raise invalid(f"max_count must be at most {MOST_LISTED}")
        before = given.get("cursor") or int(self.clock().timestamp() * 1000) + 1
        posts = self._public_of(creator)[1 if request.hides_newest else 0 :]
        older = [live for live in posts if live.at.timestamp() * 1000 < before]
        page = older[:most]
        cursor = int(page[-1].at.timestamp() * 1000) if page else before
        videos = [self._video(live, names) for live in page]
        return ok({"videos": videos, "cursor": cursor, "has_more": len(older) > len(page)})

    @route("POST", "/v2/video/query/", label="measure")
    def query_videos(self, request: Request) -> Answer:
        creator = self.door.admit(request, "video.list")
        names = fields_of(request, VIDEO_FIELDS)
        filters = part_of(request, body_of(request, {"filters"}), "filters", {"video_ids"})
        wanted = filters.get("video_ids")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise invalid("video_ids must be a list of strings")
        if not 1 <= len(wanted) <= MOST_LISTED:
            raise invalid(f"video_ids must have 1 to {MOST_LISTED} ids")
        return ok({"videos": [self._video(live, names) for live in self._public_of(creator) if live.id in wanted]})

    def _public_of(self, creator: Creator) -> list[Live]:
        """Newest first; photo posts only where listings know them."""
        posts = [live for live in reversed(self._live.values()) if live.account == creator.handle]
        return [live for live in posts if self.shows_photos or not self._posts[live.id].photos]

    def _video(self, live: Live, names: list[str]) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": live.id,
            "create_time": int(live.at.astimezone(UTC).timestamp()),
            "share_url": f"{live.url}?utm_campaign=tt4d_open_api&utm_source=gladi",
            "video_description": live.text[:SHOWN],
            "title": live.text[:SHOWN],
            **self.counts(live),
        }
        return {name: known[name] for name in names if name in known}

    def counts(self, live: Live) -> dict[str, int]:
        return {name: grown(f"{live.id}:{name}", self.age(live), ceiling) for name, ceiling in COUNTS.items()}

    # Pages for people

    @route("GET", "/{handle}/{kind}/{id}")
    def post_page(self, request: Request) -> Answer:
        live = self.find(request.params["id"])
        if live is None or request.params["handle"] != f"@{live.account}":
            return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))
        media = "".join(figure(stored) for stored in live.media)
        body = f"<article><h1>@{escape(live.account)}</h1><p>{escape(live.text)}</p>{media}</article>"
        return Answer(200, document(live.account, body))

    # TikTok's own wording

    def not_found(self, request: Request) -> Answer:
        return Answer(404, envelope(code="unsupported_path", message="Unsupported path(Janus)"))

    def malformed(self, request: Request) -> Answer:
        return Answer(400, envelope(code="invalid_params", message="The request body is not JSON"))

    def refused(self, request: Request) -> Answer:
        return Answer(400, envelope(code="invalid_params", message="The title is longer than allowed"))

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """No Retry-After is documented; something in between may add one."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
        return Answer(429, envelope(code="rate_limit_exceeded", message="The API rate limit was exceeded."), headers)

    def token_expired(self, request: Request) -> Answer:
        return self.door.spent(request)

    def failed(self, request: Request, status: int) -> Answer:
        return Answer(status, envelope(code="internal_error", message="Something went wrong"))

    def without_secrets(self, text: str) -> str:
        for account in self.accounts:
            for secret in (account.token, account.refresh_token):
                text = text.replace(secret, "***") if secret else text
        return text
