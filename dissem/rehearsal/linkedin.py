"""LinkedIn for organisation pages: posts, images, videos, listings and figures, as the versioned API documents them.

As Rest.li does, it refuses fields that it does not know. What its documentation leaves open is a guess here: how long
a text counts as a repetition (`duplicate_window`), that a file in processing is refused like one that has not arrived,
and that a repetition of a deleted post is refused too, with the URN of a post that nobody can open.
Articles, polls, documents, reshares, comments and advertisements are left out: a known field of theirs answers 501.
Source: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import escape
from itertools import count
from typing import Any, ClassVar
from urllib.parse import unquote

from dissem.rehearsal import linkedin_media, linkedin_text
from dissem.rehearsal.linkedin_door import (
    POSTING_ROLES,
    SCOPES,
    LinkedInAccount,
    LinkedInDoor,
    denied,
    input_problem,
    invalid,
    problem,
    shape,
)
from dissem.rehearsal.linkedin_media import Asset
from dissem.rehearsal.linkedin_text import Little
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Live, Route, grown, route
from dissem.rehearsal.wire import Answer, Denied, Request

MAX_TEXT = 3000  # UTF-16 code units
MAX_ALT = 4086
MULTI_IMAGE = range(2, 21)
MAX_COUNT = 100
MAX_FILE = 5 * 10**9  # bytes that an upload may announce
URL_LIFE = timedelta(hours=24)
YEAR = timedelta(days=365)  # figures go no further back

POST = {
    "author": str,
    "commentary": str,
    "visibility": str,
    "distribution": dict,
    "content": dict,
    "lifecycleState": str,
    "isReshareDisabledByAuthor": bool,
    "adContext": dict,
    "container": str,
    "contentCallToActionLabel": str,
    "contentLandingPage": str,
    "reshareContext": dict,
}
REQUIRED = ("author", "commentary", "visibility", "distribution", "lifecycleState")
DISTRIBUTION = {"feedDistribution": str, "targetEntities": list, "thirdPartyDistributionChannels": list}
CONTENT = {"media": dict, "multiImage": dict, "article": dict, "poll": dict, "celebration": dict, "carousel": dict}
NOT_REHEARSED = {*POST} - {*REQUIRED, "content", "isReshareDisabledByAuthor"} | {*CONTENT} - {"media", "multiImage"}
IMAGE_UPLOAD = {"owner": str, "mediaLibraryMetadata": dict}
VIDEO_UPLOAD = {"owner": str, "fileSizeBytes": int, "uploadCaptions": bool, "uploadThumbnail": bool}
FINALIZE = {"video": str, "uploadToken": str, "uploadedPartIds": list}
CEILINGS = {"impressionCount": 3000, "clickCount": 160, "likeCount": 140, "commentCount": 18, "shareCount": 25}
REACTIONS = {"LIKE": 0.7, "PRAISE": 0.2}  # of all; the rest is INTEREST


@dataclass
class Post:
    """A post as LinkedIn keeps it. A deleted one leaves its place in the listing empty."""

    urn: str
    account: LinkedInAccount
    commentary: Little
    visibility: str
    at: datetime
    modified: datetime
    content: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[tuple[Asset, str], ...] = ()  # with their alt texts
    deleted: bool = False


class LinkedInStandin(LinkedInDoor):
    """`LinkedInStandin()` has the pages @humas-kota and @dishub-kota.

    `image_polls` and `video_polls` are how often a file is still processed when looked at, `part_bytes` the size of a
    video's parts. A member of fewer rights: replace an account by a copy with other `scopes` or `role`.
    """

    name: ClassVar[str] = "linkedin"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        accounts = (
            LinkedInAccount("104100001", "humas-kota", "Humas Kota", "gladi-linkedin-humas", SCOPES),
            LinkedInAccount("104100002", "dishub-kota", "Dinas Perhubungan", "gladi-linkedin-dishub", SCOPES),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.image_polls, self.video_polls = 0, 1
        self.part_bytes = 4 * 2**20
        self.duplicate_window = timedelta(days=1)
        self.posts: dict[str, Post] = {}
        self.assets: dict[str, Asset] = {}
        self._counter = count(1)

    # Who asks

    @route("GET", "/rest/organizationAcls", label="account")
    def access(self, request: Request) -> Answer:
        """The pages on which the member has a role, all of the member's or of one role or state."""
        asking = self._sign_in(request, "rw_organization_admin")
        self._method(request, "FINDER")
        self._only(request, {"q", "role", "state", "start", "count"})
        if request.one("q") != "roleAssignee":
            raise Denied(problem(400, f"No finder named {request.one('q')}"))
        held = [one for one in self.accounts if one.token == asking.token]
        elements = [
            {"role": one.role, "organization": one.urn, "roleAssignee": "urn:li:person:gladi", "state": "APPROVED"}
            for one in held
            if request.one("role", one.role) == one.role and request.one("state", "APPROVED") == "APPROVED"
        ]
        return self._page_of(request, elements)

    @route("GET", "/rest/organizations/{id}", label="organization")
    def organization(self, request: Request) -> Answer:
        asking = self._sign_in(request, "rw_organization_admin")
        held = [one for one in self.accounts if one.token == asking.token and one.id == request.params["id"]]
        if not held:
            raise denied("organizations.GET")
        about = {"id": int(held[0].id), "localizedName": held[0].name, "vanityName": held[0].handle}
        return Answer(200, {**about, "primaryOrganizationType": "NONE"})

    @route("GET", "/rest/networkSizes/{urn}", label="followers")
    def network_size(self, request: Request) -> Answer:
        asking = self._sign_in(request, "rw_organization_admin")
        held = [one for one in self.accounts if one.token == asking.token and one.urn == unquote(request.params["urn"])]
        if not held or request.one("edgeType") != "COMPANY_FOLLOWED_BY_MEMBER":
            raise denied("networkSizes.GET")
        return Answer(200, {"firstDegreeSize": 4210})

    # Files

    @route("POST", "/rest/images", label="initialize")
    def start_image(self, request: Request) -> Answer:
        _, owner = self._upload_asked(request, "initializeUpload", IMAGE_UPLOAD, ("owner",))
        made = self._new_asset("image", owner, self.image_polls)
        value = {"uploadUrlExpiresAt": _ms(made.expires), "uploadUrl": self._upload_url(made, 0), "image": made.urn}
        return Answer(200, {"value": value})

    @route("POST", "/rest/videos", label="initialize")
    def videos(self, request: Request) -> Answer:
        if request.one("action") == "finalizeUpload":
            return self._finalize(request)
        asked, owner = self._upload_asked(request, "initializeUpload", VIDEO_UPLOAD, ("owner", "fileSizeBytes"))
        if not 0 < asked["fileSizeBytes"] <= MAX_FILE:
            raise invalid("INVALID_VALUE_FOR_FIELD", "Invalid file size", "/fileSizeBytes")
        if asked.get("uploadCaptions") or asked.get("uploadThumbnail"):
            raise Denied(problem(501, "Captions and thumbnails are not part of the rehearsal."))
        made = self._new_asset("video", owner, self.video_polls)
        made.ranges = linkedin_media.ranges(asked["fileSizeBytes"], self.part_bytes)
        made.token = secrets.token_hex(8) if len(made.ranges) > 1 else ""
        instructions = [
            {"uploadUrl": self._upload_url(made, number), "firstByte": first, "lastByte": last}
            for number, (first, last) in enumerate(made.ranges)
        ]
        value = {"uploadUrlsExpireAt": _ms(made.expires), "video": made.urn, "uploadInstructions": instructions}
        return Answer(200, {"value": {**value, "uploadToken": made.token}})

    def _upload_asked(
        self, request: Request, action: str, known: Mapping[str, type], required: Sequence[str]
    ) -> tuple[dict[str, Any], LinkedInAccount]:
        """The body of an upload's action, and the page that it is for."""
        account = self._sign_in(request, "w_organization_social")
        self._only(request, {"action"})
        if request.one("action") != action:
            raise Denied(problem(400, f"Action {request.one('action')} is not supported"))
        body = shape(request.json(), {f"{action}Request": dict}, (f"{action}Request",))
        asked = shape(body[f"{action}Request"], known, required, f"/{action}Request")
        if asked.get("owner", account.urn) != account.urn:
            raise denied("owner")
        return asked, account

    def _new_asset(self, kind: str, owner: LinkedInAccount, polls: int) -> Asset:
        urn = f"urn:li:{kind}:D4E{next(self._counter):04d}AQ_{secrets.token_hex(4)}"
        made = Asset(urn, owner.urn, secrets.token_urlsafe(12), self.clock() + URL_LIFE, polls)
        self.assets[urn] = made
        return made

    def _upload_url(self, made: Asset, number: int) -> str:
        return f"{self.url}/dms-uploads/{made.name}/{number}?e={_ms(made.expires)}&t={made.secret}"

    @route("PUT", "/dms-uploads/{name}/{number}", label="upload")
    def upload(self, request: Request) -> Answer:
        """The address is signed; a token is not needed, but a wrong one is refused."""
        made = next((one for one in self.assets.values() if one.name == request.params["name"]), None)
        if made is None or request.one("t") != made.secret:
            return Answer(403)
        if request.bearer and self.account_with(token=request.bearer) is None:
            return Answer(401)
        if self.clock() >= made.expires:
            return input_problem(400, "EXPIRED_UPLOAD_URL", "The upload URL is expired")
        number = int(request.params["number"])
        made.parts[number] = request.body
        if made.is_video:
            return Answer(200, None, {"ETag": f'"{linkedin_media.etag(request.body)}"'})
        made.finalized = True
        return Answer(201)

    def _finalize(self, request: Request) -> Answer:
        asked, account = self._upload_asked(request, "finalizeUpload", FINALIZE, tuple(FINALIZE))
        made = self.assets.get(asked["video"])
        if made is None or made.owner != account.urn or not made.is_video:
            raise invalid("INVALID_VIDEO_ID", "This Video ID is invalid", "/video")
        if asked["uploadToken"] != made.token:
            raise invalid("INVALID_VALUE_FOR_FIELD", "The upload token is not the one given", "/uploadToken")
        if len(made.parts) < len(made.ranges):
            raise invalid("MEDIA_ASSET_WAITING_UPLOAD", "Media asset is waiting upload", "/video")
        if asked["uploadedPartIds"] != made.etags:
            raise invalid("INVALID_VALUE_FOR_FIELD", "The part ids are not those of the parts", "/uploadedPartIds")
        made.finalized = True
        return Answer(200)

    @route("GET", "/rest/images/{urn}", label="status")
    def image(self, request: Request) -> Answer:
        return self._asset_state(request, "image")

    @route("GET", "/rest/videos/{urn}", label="status")
    def video(self, request: Request) -> Answer:
        return self._asset_state(request, "video")

    def _asset_state(self, request: Request, kind: str) -> Answer:
        account = self._sign_in(request, "w_organization_social")
        made = self.assets.get(self._named(request))
        if made is None or made.owner != account.urn or made.is_video != (kind == "video"):
            raise Denied(problem(404, f"Could not find entity {request.params['urn']}", "NOT_FOUND"))
        body = {"id": made.urn, "owner": made.owner, "status": made.status}
        if made.status == "PROCESSING_FAILED":
            body["processingFailureReason"] = made.complaint
        if made.finalized:
            made.polls -= 1
        return Answer(200, body)

    # Posts

    @route("POST", "/rest/posts", label="publish")
    def publish(self, request: Request) -> Answer:
        account = self._sign_in(request, "w_organization_social")
        self._only(request, ())
        body = self._post_asked(request, account)
        commentary = linkedin_text.read(body["commentary"])
        files = self._files(account, body.get("content", {}))
        self._judge_text(commentary, files)
        self._judge_repetition(account, commentary, files)
        kind = "ugcPost" if any(asset.is_video for asset, _ in files) else "share"
        urn, now = self._new_urn(kind), self.clock()
        made = Post(urn, account, commentary, body["visibility"], now, now, body.get("content", {}), files)
        self.posts[urn] = made
        if made.visibility == "PUBLIC":
            self.show(request, self._live_of(made))
        return Answer(201, None, {"x-restli-id": urn})

    def _post_asked(self, request: Request, account: LinkedInAccount) -> dict[str, Any]:
        body = shape(request.json(), POST, REQUIRED)
        shape(body["distribution"], DISTRIBUTION, ("feedDistribution",), "/distribution")
        shape(body.get("content", {}), CONTENT, path="/content")
        for name in (*body, *body.get("content", {})):
            if name in NOT_REHEARSED:
                raise Denied(problem(501, f"{name} is not part of the rehearsal."))
        if body["author"] != account.urn or account.role not in POSTING_ROLES:
            raise denied("posts.CREATE")
        allowed = {
            "visibility": ("PUBLIC", "LOGGED_IN", "CONNECTIONS"),
            "lifecycleState": ("PUBLISHED",),
        }
        for name, values in allowed.items():
            if body[name] not in values:
                raise invalid("INVALID_VALUE_FOR_FIELD", f"Invalid value for {name}", f"/{name}")
        if body["distribution"]["feedDistribution"] not in ("MAIN_FEED", "NONE"):
            raise invalid("INVALID_VALUE_FOR_FIELD", "Invalid value for feedDistribution", "/distribution")
        return body

    def _files(self, account: LinkedInAccount, content: Mapping[str, Any]) -> tuple[tuple[Asset, str], ...]:
        if len(content) > 1:
            raise invalid("INVALID_VALUE_FOR_FIELD", "A post has one kind of content", "/content")
        if "multiImage" in content:
            images = shape(content["multiImage"], {"images": list}, ("images",), "/content/multiImage")["images"]
            if len(images) not in MULTI_IMAGE:
                raise invalid("INVALID_VALUE_FOR_FIELD", "A post has 2 to 20 images", "/content/multiImage/images")
            return tuple(self._file(account, image, {"id": str, "altText": str}, "image") for image in images)
        if "media" in content:
            known = {"id": str, "altText": str, "title": str}
            return (self._file(account, content["media"], known, "image", "video"),)
        return ()

    def _file(self, account: LinkedInAccount, asked: Any, known: Mapping[str, type], *kinds: str) -> tuple[Asset, str]:
        """One file of a post, ready to be shown, with its alt text."""
        shape(asked, known, ("id",), "/content")
        made = self.assets.get(asked["id"])
        if made is None or made.owner != account.urn or made.urn.split(":")[2] not in kinds:
            raise invalid("INVALID_URN_ID", f"This URN Id is invalid: {asked['id']}", "/content")
        if made.status in ("WAITING_UPLOAD", "PROCESSING"):
            raise Denied(problem(400, "Media asset is waiting upload", "MEDIA_ASSET_WAITING_UPLOAD"))
        if made.status == "PROCESSING_FAILED":
            raise Denied(problem(400, "Media asset failed processing", "MEDIA_ASSET_PROCESSING_FAILED"))
        if len(alt := asked.get("altText", "")) > MAX_ALT:
            raise invalid("FIELD_LENGTH_TOO_LONG", "The alternative text is too long", "/content/altText")
        return made, alt

    def _judge_text(self, commentary: Little, files: Sequence[object]) -> None:
        if linkedin_text.units(commentary.text) > MAX_TEXT:
            raise invalid("FIELD_LENGTH_TOO_LONG", "The commentary is too long", "/commentary")
        if not commentary.text.strip() and not files:
            raise invalid("INVALID_VALUE_BLANK_FIELD", "The commentary is blank", "/commentary")

    def _judge_repetition(
        self, account: LinkedInAccount, commentary: Little, files: Sequence[tuple[Asset, str]]
    ) -> None:
        for post in self.posts.values():
            same = post.commentary == commentary and [f[0] for f in post.files] == [f[0] for f in files]
            if post.account.id == account.id and same and self.clock() - post.at < self.duplicate_window:
                raise Denied(self._duplicate(self._new_urn("share") if post.deleted else post.urn))

    def _new_urn(self, kind: str) -> str:
        """Later is greater: the upper bits of a number are milliseconds."""
        return f"urn:li:{kind}:{(_ms(self.clock()) << 22) + next(self._counter)}"

    def _live_of(self, post: Post) -> Live:
        return Live(
            account=post.account.handle,
            id=post.urn,
            url=f"{self.url}/feed/update/{post.urn}/",
            text=post.commentary.text,
            at=post.at,
            media=tuple(asset.stored(alt) for asset, alt in post.files),
        )

    @route("GET", "/rest/posts", label="list")
    def several(self, request: Request) -> Answer:
        """The posts of a page, or those that are named."""
        if "ids" in request.query:
            return self._named_posts(request)
        account = self._sign_in(request, "r_organization_social")
        self._method(request, "FINDER")
        self._only(request, {"q", "author", "start", "count", "sortBy", "isDsc", "viewContext"})
        if request.one("q") != "author":
            raise Denied(problem(400, f"No finder named {request.one('q')}"))
        if request.one("author") != account.urn:
            raise denied("posts.FINDER-author")
        orders = {"LAST_MODIFIED": lambda post: post.modified, "CREATED": lambda post: post.at}
        if (order := request.one("sortBy", "LAST_MODIFIED")) not in orders:
            raise invalid("INVALID_VALUE_FOR_FIELD", "Invalid value for sortBy")
        own = [post for post in reversed(self.posts.values()) if post.account.id == account.id]
        own = sorted(own[1 if request.hides_newest else 0 :], key=orders[str(order)], reverse=True)
        return self._page_of(request, [None if post.deleted else self._entity(post) for post in own])

    def _page_of(self, request: Request, places: Sequence[Any]) -> Answer:
        """A page of the *places* that are not empty: fewer than asked for does not mean that it is the last."""
        start = self._number(request, "start", 0, 10**9)
        size = self._number(request, "count", 10, MAX_COUNT)
        paging: dict[str, Any] = {"start": start, "count": size, "links": []}
        if start + size < len(places):
            address = f"{request.path}?start={start + size}&count={size}"
            paging["links"].append({"type": "application/json", "rel": "next", "href": address})
        return Answer(200, {"paging": paging, "elements": [one for one in places[start : start + size] if one]})

    def _named_posts(self, request: Request) -> Answer:
        account = self._sign_in(request, "r_organization_social")
        self._method(request, "BATCH_GET")
        self._only(request, {"ids", "viewContext"})
        found = {urn: self._own(account, urn) for urn in self._urns(request, "ids")}
        return self._batch({urn: post and self._entity(post) for urn, post in found.items()})

    def _batch(self, found: Mapping[str, Any]) -> Answer:
        """What was found under its key; what was not is an error of its own."""
        missing = [urn for urn, entity in found.items() if entity is None]
        return Answer(
            200,
            {
                "results": {urn: entity for urn, entity in found.items() if entity is not None},
                "statuses": {urn: 404 if urn in missing else 200 for urn in found},
                "errors": {urn: problem(404, f"Could not find entity {urn}", "NOT_FOUND").body for urn in missing},
            },
        )

    def _own(self, account: LinkedInAccount, urn: str) -> Post | None:
        post = self.posts.get(urn)
        return post if post and not post.deleted and post.account.id == account.id else None

    @route("GET", "/rest/posts/{urn}", label="read")
    def post(self, request: Request) -> Answer:
        account = self._sign_in(request, "r_organization_social")
        return Answer(200, self._entity(self._found(account, self._named(request))))

    def _found(self, account: LinkedInAccount, urn: str) -> Post:
        if (post := self._own(account, urn)) is None:
            raise Denied(problem(404, f"Could not find entity {urn}", "NOT_FOUND"))
        return post

    @route("POST", "/rest/posts/{urn}", label="edit")
    def edit(self, request: Request) -> Answer:
        account = self._sign_in(request, "w_organization_social")
        self._method(request, "PARTIAL_UPDATE", required=True)
        post = self._found(account, self._named(request))
        patch = shape(request.json(), {"patch": dict}, ("patch",))["patch"]
        change = shape(shape(patch, {"$set": dict}, ("$set",))["$set"], {"commentary": str}, ("commentary",))
        post.commentary, post.modified = linkedin_text.read(change["commentary"]), self.clock()
        self.show(request, self._live_of(post))
        return Answer(204)

    @route("DELETE", "/rest/posts/{urn}", label="delete")
    def delete(self, request: Request) -> Answer:
        """Deleting twice is done twice."""
        account = self._sign_in(request, "w_organization_social")
        self._method(request, "DELETE")
        post = self._own(account, self._named(request))
        if post is not None:
            post.deleted = True
            if self.find(post.urn):
                self.hide(request, post.urn)
        return Answer(204)

    def _entity(self, post: Post) -> dict[str, Any]:
        return {
            "id": post.urn,
            "author": post.account.urn,
            "commentary": post.commentary.written(),
            "visibility": post.visibility,
            "lifecycleState": "PUBLISHED",
            "lifecycleStateInfo": {"isEditedByAuthor": post.modified > post.at},
            "createdAt": _ms(post.at),
            "publishedAt": _ms(post.at),
            "lastModifiedAt": _ms(post.modified),
            "isReshareDisabledByAuthor": False,
            "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
            **({"content": post.content} if post.content else {}),
        }

    # Figures

    def counts(self, live: Live) -> dict[str, int]:
        figures = {name: grown(f"{live.id} {name}", self.age(live), most) for name, most in CEILINGS.items()}
        return {**figures, "uniqueImpressionsCount": figures["impressionCount"] * 3 // 4}

    @route("GET", "/rest/socialMetadata", label="measure")
    def social_metadata(self, request: Request) -> Answer:
        account = self._sign_in(request, "r_organization_social_feed")
        self._method(request, "BATCH_GET")
        self._only(request, {"ids"})
        found = {urn: self._own(account, urn) for urn in self._urns(request, "ids")}
        return self._batch({urn: post and self._social(post) for urn, post in found.items()})

    def _social(self, post: Post) -> dict[str, Any]:
        figures = self.counts(self._live_of(post))
        reactions = {name: int(figures["likeCount"] * share) for name, share in REACTIONS.items()}
        reactions["INTEREST"] = figures["likeCount"] - sum(reactions.values())
        comments = figures["commentCount"]
        return {
            "entity": post.urn,
            "commentsState": "OPEN",
            "commentSummary": {"count": comments, "topLevelCount": comments},
            "reactionSummaries": {
                name: {"reactionType": name, "count": number} for name, number in reactions.items() if number
            },
        }

    @route("GET", "/rest/organizationalEntityShareStatistics", label="measure")
    def statistics(self, request: Request) -> Answer:
        """For administrators. A post without figures, or older than a year, is left out, as is one that is gone."""
        account = self._sign_in(request, "rw_organization_admin")
        self._method(request, "FINDER")
        self._only(request, {"q", "organizationalEntity", "shares", "ugcPosts"})
        if account.role != "ADMINISTRATOR" or request.one("organizationalEntity") != account.urn:
            raise denied("organizationalEntityShareStatistics.FINDER-organizationalEntity")
        elements: list[dict[str, Any]] = [
            {"organizationalEntity": account.urn, name: post.urn, "totalShareStatistics": self._statistics(post)}
            for key, name in (("shares", "share"), ("ugcPosts", "ugcPost"))
            if key in request.query
            for urn in self._kind(request, key, name)
            if (post := self._own(account, urn)) and self.clock() - post.at < YEAR
        ]
        shown = [one for one in elements if one["totalShareStatistics"]["impressionCount"]]
        return Answer(200, {"paging": {"start": 0, "count": 10, "links": []}, "elements": shown})

    def _kind(self, request: Request, key: str, name: str) -> list[str]:
        """The URNs of one kind; the other kind belongs into the other list."""
        urns = self._urns(request, key)
        if any(urn.split(":")[2] != name for urn in urns):
            raise invalid("INVALID_URN_TYPE", f"Invalid URN type in {key}", f"/{key}")
        return urns

    def _statistics(self, post: Post) -> dict[str, Any]:
        figures = self.counts(self._live_of(post))
        acted = sum(figures[name] for name in ("clickCount", "likeCount", "commentCount", "shareCount"))
        return {**figures, "engagement": acted / figures["impressionCount"] if figures["impressionCount"] else 0.0}

    # Pages for people, faults

    @route("GET", "/feed/update/{urn}/")
    def page(self, request: Request) -> Answer:
        live = self.find(request.params["urn"])
        if live is None:
            return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))
        media = "".join(figure(one) for one in live.media)
        return Answer(200, document(live.account, f"<article><p>{escape(live.text)}</p>{media}</article>"))

    @property
    def labels(self) -> set[str]:
        return super().labels | {"finalize"}

    def operation(self, made: Route | None, request: Request) -> str:
        """The second action of a video and the reading of named posts have faults of their own."""
        if made and made.handler == "videos" and request.one("action") == "finalizeUpload":
            return "finalize"
        if made and made.handler == "several" and "ids" in request.query:
            return "measure"
        return super().operation(made, request)

    def duplicate_refused(self, request: Request) -> Answer:
        return self._duplicate(self._new_urn("share"))

    def _duplicate(self, urn: str) -> Answer:
        message = f"com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}"
        return input_problem(422, "DUPLICATE_POST", "Duplicate post is detected", message)

    def finish(self, request: Request, answer: Answer) -> Answer:
        """Every answer of the API has an id for LinkedIn's support."""
        if not request.path.startswith("/rest/"):
            return answer
        return replace(answer, headers={"x-li-uuid": f"gladi{next(self._counter):06d}", **answer.headers})


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
