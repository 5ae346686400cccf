"""Facebook Pages: text, links, photos, videos, reels and stories through the Graph API, for one publisher's needs.

Written after Meta's own node descriptions (v25.0) and documentation; versions v21.0 to v26.0 live here. Parameters are
closed: what dissem has no use for (scheduling, targeting, places) is refused with code 100 like a misspelt name, and
addresses (`url`, `file_url`) are never fetched. Comments and people are left out.

Reads that ask for insights, reactions, comments or shares are scripted as `measure`. What does not publish (photos and
videos with `published=false`, the phases before `finish`, bytes) is scripted as `upload`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dissem.rehearsal.facebook_keeping import MIB, SAMPLE, SCOPES, FacebookPage
from dissem.rehearsal.facebook_objects import Photo, Post
from dissem.rehearsal.facebook_stories import FacebookStories
from dissem.rehearsal.facebook_vocabulary import FEED, PAGING, PHOTOS
from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.graph_errors import bad_parameter, gone, graph_error, refusal
from dissem.rehearsal.graph_parameters import flag, json_value, wanted_fields
from dissem.rehearsal.standin import Account, Route, route
from dissem.rehearsal.wire import Answer, Denied, Request

__all__ = ["SAMPLE", "SCOPES", "FacebookPage", "FacebookStandin"]

LARGEST_PHOTO = 4 * MIB
PHOTO_TYPES = {"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"}
MEASURES = re.compile(r"\b(insights|reactions|comments|likes|shares)\b")


class FacebookStandin(FacebookStories):
    """Graph API and the upload host on one loopback address. What every request has to pass is told at `GraphDoor`."""

    name = "facebook"

    @route("GET", "/{version}/debug_token", label="account")
    def debug_token(self, request: Request) -> Answer:
        self._sign_in(request)
        asked = self._arguments(request, {"input_token"}).get("input_token", "")
        account = self.account_with(token=asked)
        if account is None:
            why = {"code": 190, "message": "Invalid OAuth access token."}
            return Answer(200, {"data": {"error": why, "is_valid": False, "scopes": []}})
        ends = self.clock() + timedelta(days=90)
        return Answer(
            200,
            {
                "data": {
                    "app_id": self.app_id,
                    "type": "PAGE",
                    "application": "dissem (gladi)",
                    "data_access_expires_at": int(ends.timestamp()),
                    "expires_at": 0,
                    "is_valid": True,
                    "profile_id": account.id,
                    "user_id": account.id,
                    "scopes": sorted(account.scopes),
                }
            },
        )

    @route("GET", "/{version}/me", label="account")
    def me(self, request: Request) -> Answer:
        account = self._sign_in(request)
        return Answer(200, self._node(account, account.id, self._fields(request, set())))

    @route("POST", "/{version}/{page}/feed", label="publish")
    def feed(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, FEED)
        message, link = given.get("message", ""), given.get("link", "")
        photos = self._attached(account, given)
        if not (message or link or photos):
            raise bad_parameter("Missing message or attachment")
        self._check_text(message)
        if link and not re.match(r"https?://[^/\s]+\.[^\s]+$", link):
            raise bad_parameter("The link is not a valid address", 1609005)
        published = flag(given, "published", True)
        if self.guards_duplicates and not photos and self._repeats(account, message, link):
            raise Denied(self.duplicate_refused(request))
        post = self._new_post(account, message, link=link, photos=tuple(photo.id for photo in photos))
        for photo in photos:
            photo.post = post.id
        post.published = False
        if published:
            self._go_live(request, account, post)
        return Answer(200, {"id": post.id})

    @route("POST", "/{version}/{page}/photos", label="publish")
    def photos(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_manage_posts")
        given = self._arguments(request, PHOTOS)
        stored = self._photo_sent(request, given)
        name = given.get("message", given.get("caption", given.get("name", "")))
        self._check_text(name)
        published, temporary = flag(given, "published", True), flag(given, "temporary", False)
        if temporary and published:
            raise bad_parameter("A temporary photo must be unpublished")
        photo = Photo(self._number(), account.id, stored, name, self.clock(), published, temporary)
        self._photos[photo.id] = photo
        if not published:
            return Answer(200, {"id": photo.id})
        post = self._new_post(account, name, photos=(photo.id,))
        photo.post = post.id
        self._go_live(request, account, post)
        return Answer(200, {"id": photo.id, "post_id": post.id})

    @route("GET", "/{version}/{page}/published_posts", label="list")
    def published_posts(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_read_engagement")
        fields = self._fields(request, PAGING) or wanted_fields("created_time,message")
        posts = [self._posts[live.id] for live in self.listed(request, account.id) if live.id in self._posts]
        page, paging = self._page(request, [post for post in posts if self._within(request, post.made)])
        return Answer(200, {"data": [self._node(account, post.id, fields) for post in page], **paging})

    @route("GET", "/{version}/{page}/photos", label="list")
    def uploaded_photos(self, request: Request) -> Answer:
        account = self._page_for(request, "pages_read_engagement")
        fields = self._fields(request, PAGING | {"type"}) or wanted_fields("created_time,name")
        photos = [photo for photo in reversed(self._photos.values()) if photo.page == account.id and photo.published]
        page, paging = self._page(request, [photo for photo in photos if self._within(request, photo.made)])
        return Answer(200, {"data": [self._node(account, photo.id, fields) for photo in page], **paging})

    @route("GET", "/{version}/{node}/insights", label="measure")
    def insights(self, request: Request) -> Answer:
        account = self._sign_in(request, "read_insights", "pages_read_engagement")
        given = self._arguments(request, {"metric", "period", "since", "until", "date_preset"})
        self._node(account, request.params["node"], ())
        return Answer(200, self._measured(request.params["node"], given))

    @route("GET", "/{version}/{node}", label="read")
    def read_node(self, request: Request) -> Answer:
        account = self._sign_in(request)
        self.move_on(request, account, request.params["node"])
        return Answer(200, self._node(account, request.params["node"], self._fields(request, set())))

    @route("GET", "/{version}", label="measure")
    @route("GET", "/{version}/", label="measure")
    def read_nodes(self, request: Request) -> Answer:
        account = self._sign_in(request)
        fields = self._fields(request, {"ids"})
        ids = [identity for identity in (request.one("ids") or "").split(",") if identity]
        if not ids:
            raise bad_parameter("The parameter ids is required")
        if len(ids) > 50:
            raise bad_parameter(f"Too many IDs. Maximum: 50. Provided: {len(ids)}.")
        return Answer(200, {identity: self._node(account, identity, fields) for identity in ids})

    @route("POST", "/{version}", label="measure")
    @route("POST", "/{version}/", label="measure")
    def batch(self, request: Request) -> Answer:
        """Up to fifty reads in one request, each with an answer of its own."""
        self._sign_in(request)
        calls = json_value(self._arguments(request, {"batch", "include_headers"}).get("batch", ""), "batch")
        if not isinstance(calls, list) or not 1 <= len(calls) <= 50:
            raise bad_parameter("Param batch must be a list of 1 to 50 requests")
        return Answer(200, [self._call(request, call) for call in calls])

    def _call(self, request: Request, call: Any) -> dict[str, Any]:
        if not isinstance(call, dict) or call.get("method") != "GET" or not isinstance(call.get("relative_url"), str):
            raise bad_parameter("The rehearsal's batches hold reads only: method GET, relative_url")
        target = urlsplit("/" + call["relative_url"].lstrip("/"))
        path = target.path if re.match(r"/v\d", target.path) else f"/{request.params['version']}{target.path}"
        query = parse_qs(target.query, keep_blank_values=True)
        inner = replace(request, method="GET", path=path, query=query, body=b"")
        inner.headers = {"authorization": f"Bearer {self._token(request)}"}
        made, inner.params = self._match(inner)
        answer = self._carry_out(made, inner)
        return {"code": answer.status, "body": json.dumps(answer.body)}

    @route("POST", "/{version}/{node}", label="edit")
    def change_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "pages_manage_posts")
        identity = request.params["node"]
        if post := self._own(self._posts, account, identity):
            self._change_post(request, account, post)
        elif video := self._own(self._videos, account, identity):
            given = self._arguments(request, {"published", "title", "name", "description"})
            self._accept_video(request, account, video, given)
        else:
            raise gone(identity, "post")
        return Answer(200, {"success": True})

    @route("DELETE", "/{version}/{node}", label="delete")
    def delete_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "pages_manage_posts")
        self._arguments(request, set())
        identity = request.params["node"]
        if post := self._own(self._posts, account, identity):
            self._take_down(request, post.id)
        elif video := self._own(self._videos, account, identity):
            del self._videos[video.id]
            self._take_down(request, video.post)
        elif photo := self._own(self._photos, account, identity):
            del self._photos[photo.id]
        elif story := self._own(self._stories, account, identity):
            self._take_away(request, story)
        else:
            raise gone(identity, "delete")
        return Answer(200, {"success": True})

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """With a time: the page's own limit (80001) and when it ends, in minutes; without: the older code 32."""
        if retry_after is None:
            return graph_error(32, "(#32) Page request limit reached")
        answer = graph_error(80001, "(#80001) There have been too many calls to this Page account.", 2494055)
        return replace(answer, headers=self._usage(request, 100, -int(-retry_after // 60)))

    def duplicate_refused(self, request: Request) -> Answer:
        told = "This status update is identical to the last one you posted."
        return graph_error(506, "Duplicate status message", 1455006, title="Duplicate Status Update", told=told)

    def operation(self, made: Route | None, request: Request) -> str:
        """What a request does, not its path alone, decides which faults are for it."""
        if made is None:
            return ""
        if request.method == "GET":
            return self._reading(made, request)
        given = self._loosely(request)
        if made.handler == "change_node":
            return "publish" if {"published", "is_published"} & given.keys() else made.label
        held_back = given.get("published", "").lower() in ("false", "0")
        early = given.get("upload_phase", "finish").lower() != "finish"
        return "upload" if made.label == "publish" and (held_back or early) else made.label

    def _reading(self, made: Route, request: Request) -> str:
        if made.handler in ("published_posts", "uploaded_photos", "read_node", "read_nodes"):
            if MEASURES.search(request.one("fields") or ""):
                return "measure"
            if made.handler == "read_node":
                node = request.params["node"]
                return "status" if node in self._videos else "account" if self.account_with(id=node) else "read"
        return "read" if made.handler == "read_nodes" else made.label

    def _attached(self, account: Account, given: Mapping[str, str]) -> list[Photo]:
        """The photos named in `attached_media`, as a JSON list or as numbered parameters."""
        if "attached_media" in given:
            entries = json_value(given["attached_media"], "attached_media")
        else:
            numbered = {name: value for name, value in given.items() if name.startswith("attached_media[")}
            for name in numbered:
                if not re.fullmatch(r"attached_media\[\d+\]", name):
                    raise bad_parameter(f"Param {name} is not supported")
            ordered = sorted(numbered, key=lambda name: int(name[15:-1]))
            entries = [json_value(numbered[name], name) for name in ordered]
        if not isinstance(entries, list):
            raise bad_parameter("Param attached_media must be an array.")
        return [self._attachable(account, entry) for entry in entries]

    def _attachable(self, account: Account, entry: Any) -> Photo:
        if not isinstance(entry, dict) or set(entry) != {"media_fbid"}:
            raise bad_parameter("Param attached_media must hold objects with media_fbid")
        photo = self._own(self._photos, account, str(entry["media_fbid"]))
        if photo is None or (photo.temporary and self.clock() - photo.made > timedelta(days=1)):
            raise gone(str(entry["media_fbid"]), "post")
        if photo.post or photo.published:
            told = "These photos were already posted."
            raise bad_parameter("Invalid parameter", 1366051, title="Already Posted", told=told)
        return photo

    def _photo_sent(self, request: Request, given: Mapping[str, str]) -> Stored:
        file = request.form().file("source")
        if "url" in given:
            raise refusal(324, "(#324) Missing or invalid image file: the rehearsal fetches no addresses", 2069019)
        if file is None:
            raise refusal(324, "(#324) Requires upload file")
        kind = "image/tiff" if file.bytes[:4] in (b"II*\0", b"MM\0*") else sniff(file.bytes)
        kind = "image/bmp" if file.bytes[:2] == b"BM" else kind
        if kind not in PHOTO_TYPES or len(file.bytes) > LARGEST_PHOTO:
            told = "Photos should be less than 4 MB and saved as JPG, PNG, GIF, TIFF or BMP files."
            raise bad_parameter("Invalid parameter", 1366046, title="Can't Read Files", told=told)
        return Stored(file.bytes, kind, given.get("alt_text_custom", ""))

    def _repeats(self, account: Account, message: str, link: str) -> bool:
        return any(
            post.page == account.id
            and (post.message, post.link) == (message, link)
            and not post.photos
            and not post.video
            and self.clock() - post.made < self.duplicate_window
            for post in self._posts.values()
        )

    def _change_post(self, request: Request, account: Account, post: Post) -> None:
        given = self._arguments(request, {"message", "is_published"})
        self._check_text(given.get("message", ""))
        post.message = given.get("message", post.message)
        if flag(given, "is_published", False) and not post.published:
            post.made = self.clock()
            self._go_live(request, account, post)
        elif live := self.find(post.id):
            self.show(request, replace(live, text=post.message or post.link))
