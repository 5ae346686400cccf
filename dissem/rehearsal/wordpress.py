"""A WordPress site with pretty addresses, as its REST API is documented, for one publisher's needs.

Application passwords, media, drafts that become posts, tags, the trash. As WordPress does, parameters that nobody knows
are ignored; the journal lists them. Pages, categories, revisions, themes and plugins are left out.
Sources: https://developer.wordpress.org/rest-api/reference/posts/, /media/, /tags/, /users/,
https://developer.wordpress.org/rest-api/using-the-rest-api/authentication/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any, ClassVar
from urllib.parse import quote

from dissem.rehearsal.files import Stored, dimensions, sniff
from dissem.rehearsal.page import document
from dissem.rehearsal.standin import Account, Live, Route, Standin, route
from dissem.rehearsal.wire import Answer, Denied, Malformed, Request
from dissem.rehearsal.wordpress_text import allowed, one_line, slug, words

STATUSES = ("publish", "future", "draft", "pending", "private")
READABLE = (*STATUSES, "trash", "auto-draft", "inherit", "any")
TYPES = {
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "video/mp4": ("mp4", "m4v"),
    "application/pdf": ("pdf",),
}
RIGHTS = {
    "editor": frozenset({"edit_posts", "publish_posts", "upload_files", "delete_posts", "edit_others_posts"}),
    "author": frozenset({"edit_posts", "publish_posts", "upload_files", "delete_posts"}),
    "contributor": frozenset({"edit_posts", "delete_posts"}),
}
POST_FIELDS = {
    "date",
    "date_gmt",
    "slug",
    "status",
    "password",
    "title",
    "content",
    "author",
    "excerpt",
    "featured_media",
    "comment_status",
    "ping_status",
    "format",
    "meta",
    "sticky",
    "template",
    "categories",
    "tags",
}
MEDIA_FIELDS = {"file", "title", "caption", "description", "alt_text", "post", "slug", "status", "author", "meta"}
LIST_FIELDS = {"context", "page", "per_page", "search", "after", "before", "slug", "status", "order", "orderby"}


@dataclass
class Media:
    """A file in the library."""

    id: int
    author: str
    name: str
    slug: str
    title: str
    stored: Stored
    alt: str = ""  # as stored; shown as an attribute
    post: int = 0


@dataclass
class Post:
    """A post as the database has it; its texts are HTML."""

    id: int
    author: Account
    at: datetime
    slug: str = ""
    status: str = "draft"
    title: str = ""
    content: str = ""
    excerpt: str = ""
    featured_media: int = 0
    tags: list[int] = field(default_factory=list)


def _denied(status: int, code: str, message: str, **data: Any) -> Denied:
    return Denied(_error(status, code, message, **data))


def _error(status: int, code: str, message: str, **data: Any) -> Answer:
    return Answer(status, {"code": code, "message": message, "data": {"status": status, **data}})


def _invalid(name: str, reason: str, **details: Any) -> Denied:
    return _denied(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: reason}, details=details)


class WordPressStandin(Standin):
    """`WordPressStandin()` has the authors humas and dishub; `token` is the application password of the first.

    *drops_authorization* makes it a host that takes the Authorization header away; *roles*: what people may do by
    handle; *most_bytes*: the largest request that the server in front lets through; *keeps_trash*: whether it has a
    trash; *forces*: the status that a plugin gives to everything that should be published.
    """

    name: ClassVar[str] = "wordpress"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        accounts = (
            Account("2", "humas", "Humas Kota", "gLad iHum asAa aaBb bbCc ccDd"),
            Account("3", "dishub", "Dinas Perhubungan", "gLad iDis hubA aaBb bbCc ccDd"),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.roles = {"humas": "author", "dishub": "author"}
        self.drops_authorization = False
        self.keeps_trash = True
        self.forces = ""
        self.most_bytes = 64 * 2**20
        self.posts: dict[int, Post] = {}
        self.media: dict[int, Media] = {}
        self.tags: dict[int, str] = {}
        self._last_id = 100

    def operation(self, made: Route | None, request: Request) -> str:
        """A change of a post is its publishing if it says so."""
        if made is None or made.label != "update":
            return super().operation(made, request)
        try:
            return "publish" if self._parameters(request).get("status") == "publish" else "update"
        except Malformed:
            return "update"

    @property
    def labels(self) -> set[str]:
        return super().labels | {"publish"}

    # The site and its people

    @route("GET", "/wp-json/", label="root")
    def root(self, request: Request) -> Answer:
        address = f"{self.url}/wp-admin/authorize-application.php"
        passwords = {"application-passwords": {"endpoints": {"authorization": address}}}
        about = {"name": "Kota Padang", "url": self.url, "home": self.url, "timezone_string": "Asia/Jakarta"}
        return Answer(200, {**about, "namespaces": ["oembed/1.0", "wp/v2"], "authentication": passwords})

    @route("GET", "/wp-json/wp/v2/users/me", label="account")
    def me(self, request: Request) -> Answer:
        account = self._visitor(request)
        if account is None:
            raise _denied(401, "rest_not_logged_in", "You are not currently logged in.")
        about = {"id": int(account.id), "name": account.name, "slug": account.handle}
        about["link"] = f"{self.url}/author/{account.handle}/"
        if request.one("context") == "edit":
            rights = dict.fromkeys(sorted(self._rights(account)), True)
            about |= {"username": account.handle, "roles": [self.roles[account.handle]], "capabilities": rights}
        return Answer(200, about)

    def _visitor(self, request: Request) -> Account | None:
        """Who asks, by user name and application password, whose blanks do not matter; None for anybody."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or self.drops_authorization:
            return None
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return None
        account: Account | None = self.account_with(handle=name)
        if account is None:
            raise _denied(401, "invalid_username", f"Unknown username {name}.")
        if password.replace(" ", "") != account.token.replace(" ", ""):
            raise _denied(401, "incorrect_password", "The provided password is an invalid application password.")
        return account

    def _rights(self, account: Account | None) -> frozenset[str]:
        return RIGHTS[self.roles[account.handle]] if account else frozenset()

    def _allowed(self, request: Request, right: str, code: str, message: str, status: int = 0) -> Account:
        """Who asks, if they have the *right*."""
        account = self._visitor(request)
        if account is None or right not in self._rights(account):
            raise _denied(status if status and account else 403 if account else 401, code, message)
        return account

    # Media

    @route("POST", "/wp-json/wp/v2/media", label="upload")
    def upload(self, request: Request) -> Answer:
        if len(request.body) > self.most_bytes:
            return Answer(413, "<html><head><title>413 Request Entity Too Large</title></head></html>")
        self._allowed(request, "edit_posts", "rest_cannot_create", "Sorry, you are not allowed to create posts.")
        denied = "Sorry, you are not allowed to upload media on this site."
        account = self._allowed(request, "upload_files", "rest_cannot_create", denied, 400)
        values = self._parameters(request)
        self._note_unknown(request, values, MEDIA_FIELDS)
        name, data = self._file(request)
        parent = self._integer(values, "post")
        if parent and parent not in self.posts:
            raise _invalid("post", "Invalid post parent ID.")
        made = Media(
            id=self._next_id(),
            author=account.handle,
            name=self._unique_name(name),
            slug=slug(str(values.get("slug") or name.rpartition(".")[0]), self._every_slug()),
            title=allowed(str(values.get("title") or name.rpartition(".")[0])),
            stored=Stored(data, sniff(data)),
            alt=one_line(str(values.get("alt_text") or "")),
            post=parent,
        )
        self.media[made.id] = made
        return Answer(201, self._media(made), {"Location": f"{self.url}/wp-json/wp/v2/media/{made.id}"})

    def _file(self, request: Request) -> tuple[str, bytes]:
        """The file of a form, or the body itself; its name and its content must agree."""
        if request.type == "multipart/form-data":
            sent = request.form().file("file")
            if sent is None:
                raise _denied(400, "rest_upload_no_data", "No data supplied.")
            name, data, code = sent.filename, sent.bytes, "rest_upload_unknown_error"
        else:
            name, data, code = self._named_body(request), request.body, "rest_upload_sideload_error"
        if name.rpartition(".")[2].lower() not in TYPES.get(sniff(data), ()):
            raise _denied(500, code, "Sorry, you are not allowed to upload this file type.")
        return name, data

    def _named_body(self, request: Request) -> str:
        if not request.body:
            raise _denied(400, "rest_upload_no_data", "No data supplied.")
        if not request.type:
            raise _denied(400, "rest_upload_no_content_type", "No Content-Type supplied.")
        if "content-disposition" not in request.headers:
            raise _denied(400, "rest_upload_no_content_disposition", "No Content-Disposition supplied.")
        found = re.search(r'filename="?([^";]+)"?', request.headers["content-disposition"])
        if not found:
            raise _denied(400, "rest_upload_invalid_disposition", "Invalid Content-Disposition supplied.")
        return found[1]

    @route("GET", "/wp-json/wp/v2/media", label="media")
    def library(self, request: Request) -> Answer:
        """Files of a post that is not public are shown to those who may write it."""
        account = self._visitor(request)
        self._note_unknown(request, request.query, LIST_FIELDS | {"parent", "media_type"})
        wanted = self._several(request, "slug")
        shown = [
            made
            for made in reversed(self.media.values())
            if (not wanted or made.slug in wanted) and (self._may_read(account, self.posts.get(made.post)))
        ]
        return self._page(request, [self._media(made) for made in shown])

    @route("GET", "/wp-content/uploads/{name}")
    def download(self, request: Request) -> Answer:
        made = next((one for one in self.media.values() if one.name == request.params["name"]), None)
        if made is None:
            return self.not_found(request)
        return Answer(200, made.stored.bytes, {"Content-Type": made.stored.type})

    # Tags

    @route("POST", "/wp-json/wp/v2/tags", label="tag")
    def create_tag(self, request: Request) -> Answer:
        self._allowed(request, "edit_posts", "rest_cannot_create", "Sorry, you are not allowed to create terms.")
        values = self._parameters(request)
        self._note_unknown(request, values, {"name", "slug", "description", "meta"})
        if "name" not in values:
            raise _denied(400, "rest_missing_callback_param", "Missing parameter(s): name", params=["name"])
        name = one_line(str(values["name"]))
        known = next((number for number, tag in self.tags.items() if tag.casefold() == name.casefold()), None)
        if known:
            raise _denied(400, "term_exists", "A term with the name provided already exists.", term_id=known)
        number = self._next_id()
        self.tags[number] = name
        return Answer(201, {"id": number, "name": name, "slug": slug(name), "taxonomy": "post_tag"})

    # Posts

    @route("POST", "/wp-json/wp/v2/posts", label="draft")
    def create(self, request: Request) -> Answer:
        denied = "Sorry, you are not allowed to create posts as this user."
        account = self._allowed(request, "edit_posts", "rest_cannot_create", denied)
        values = self._checked(request, account)
        if not any(values.get(name) for name in ("title", "content", "excerpt")):
            raise _denied(400, "empty_content", "Content, title, and excerpt are empty.")
        made = Post(self._next_id(), account, self.clock())
        self._change(request, made, values)
        answer = self._post(made, "edit")
        return Answer(201, answer, {"Location": f"{self.url}/wp-json/wp/v2/posts/{made.id}"})

    @route("POST", "/wp-json/wp/v2/posts/{id}", label="update")
    def update(self, request: Request) -> Answer:
        post = self._known(request)
        account = self._visitor(request)
        if not self._may_write(account, post):
            raise _denied(403 if account else 401, "rest_cannot_edit", "Sorry, you are not allowed to edit this post.")
        self._change(request, post, self._checked(request, account))
        return Answer(200, self._post(post, "edit"))

    def _checked(self, request: Request, account: Account | None) -> dict[str, Any]:
        values = self._parameters(request)
        self._note_unknown(request, values, POST_FIELDS)
        status = values.get("status", "draft")
        if status not in STATUSES:
            raise _invalid("status", f"status is not one of {', '.join(STATUSES)}.")
        if status in ("publish", "future", "private") and "publish_posts" not in self._rights(account):
            raise _denied(403, "rest_cannot_publish", "Sorry, you are not allowed to publish posts in this post type.")
        for name in ("title", "content", "excerpt"):
            values[name] = self._raw(values, name)
        featured = self._integer(values, "featured_media")
        if featured and featured not in self.media:
            raise _denied(400, "rest_invalid_featured_media", "Invalid featured media ID.")
        if not isinstance(tags := values.get("tags", []), list) or any(tag not in self.tags for tag in tags):
            raise _invalid("tags", "tags is not of type array.")
        return {name: value for name, value in values.items() if value is not None}

    def _change(self, request: Request, post: Post, values: Mapping[str, Any]) -> None:
        before = post.status
        for name in ("title", "content", "excerpt"):
            if name in values:
                setattr(post, name, allowed(values[name]))
        post.featured_media = values.get("featured_media", post.featured_media)
        post.tags = values.get("tags", post.tags)
        wanted = str(values.get("status") or post.status)
        post.status = self.forces if wanted == "publish" and self.forces else wanted
        named = values.get("slug") or (post.title if post.status != "draft" and not post.slug else "")
        if named:
            post.slug = slug(str(named), self._slugs(post.id))
        if post.status == "publish" and before != "publish":
            post.at = self.clock()
        self.posts[post.id] = post
        self._show_or_hide(request, post)

    def _show_or_hide(self, request: Request, post: Post) -> None:
        if post.status == "publish":
            self.show(request, self._as_live(post))
        elif self.find(str(post.id)):
            self.hide(request, str(post.id))

    def _as_live(self, post: Post) -> Live:
        title = unescape(post.title)
        text = f"{title}\n\n{words(post.content)}".strip()
        return Live(post.author.handle, str(post.id), self._link(post), text, post.at, tuple(self._shown(post)))

    def _shown(self, post: Post) -> list[Stored]:
        """The files that a visitor sees: the featured picture, then what stands in the text."""
        seen = []
        if featured := self.media.get(post.featured_media):
            seen.append(replace(featured.stored, alt=unescape(featured.alt)))
        for element in re.findall(r"<(?:img|video)\b[^>]*>", post.content):
            values = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', element)}
            made = next((one for one in self.media.values() if self._source(one) == values.get("src")), None)
            if made:
                seen.append(replace(made.stored, alt=values.get("alt", values.get("aria-label", ""))))
        return seen

    @route("GET", "/wp-json/wp/v2/posts/{id}", label="read")
    def read(self, request: Request) -> Answer:
        post, account, context = self._known(request), self._visitor(request), request.one("context") or "view"
        if context == "edit" and not self._may_write(account, post):
            raise _denied(403 if account else 401, "rest_forbidden_context", "Sorry, you are not allowed to edit it.")
        if not self._may_read(account, post):
            raise _denied(403 if account else 401, "rest_forbidden", "Sorry, you are not allowed to do that.")
        return Answer(200, self._post(post, context))

    @route("GET", "/wp-json/wp/v2/posts", label="list")
    def listing(self, request: Request) -> Answer:
        """Without `status` only what is public."""
        account = self._visitor(request)
        self._note_unknown(request, request.query, LIST_FIELDS)
        statuses, slugs = self._several(request, "status") or ["publish"], self._several(request, "slug")
        for status in statuses:
            if status not in READABLE:
                raise _invalid("status", f"status is not one of {', '.join(READABLE)}.")
            if status != "publish" and "edit_posts" not in self._rights(account):
                raise _invalid("status", "Status is forbidden.", status={"code": "rest_forbidden_status"})
        wanted = STATUSES if "any" in statuses else statuses
        found = [
            post
            for post in reversed(self.posts.values())
            if post.status in wanted and (not slugs or post.slug in slugs) and self._may_read(account, post)
        ]
        found = found[1:] if request.hides_newest else found
        return self._page(request, [self._post(post, request.one("context") or "view") for post in found])

    @route("DELETE", "/wp-json/wp/v2/posts/{id}", label="delete")
    def delete(self, request: Request) -> Answer:
        post, account = self._known(request), self._visitor(request)
        if not self._may_write(account, post):
            raise _denied(403 if account else 401, "rest_cannot_delete", "Sorry, you are not allowed to delete it.")
        previous = self._post(post, "edit")
        if request.one("force") in ("true", "1"):
            del self.posts[post.id]
            post.status = "trash"
            self._show_or_hide(request, post)
            return Answer(200, {"deleted": True, "previous": previous})
        if not self.keeps_trash:
            raise _denied(501, "rest_trash_not_supported", "The post does not support trashing.")
        if post.status == "trash":
            raise _denied(410, "rest_already_trashed", "The post has already been deleted.")
        post.status, post.slug = "trash", f"{post.slug}__trashed"
        self._show_or_hide(request, post)
        return Answer(200, self._post(post, "edit"))

    @route("GET", "/{slug}/")
    def post_page(self, request: Request) -> Answer:
        post = next((one for one in self.posts.values() if one.slug == request.params["slug"]), None)
        if post is None or post.status != "publish":
            return self.not_found(request)
        featured = self.media.get(post.featured_media)
        picture = f'<img src="{self._source(featured)}" alt="{_attribute(featured.alt)}">' if featured else ""
        return Answer(200, document(unescape(post.title), f"<h1>{post.title}</h1>{picture}{post.content}"))

    def _known(self, request: Request) -> Post:
        number = request.params["id"]
        post = self.posts.get(int(number)) if number.isdigit() else None
        if post is None:
            raise _denied(404, "rest_post_invalid_id", "Invalid post ID.")
        return post

    def _may_write(self, account: Account | None, post: Post) -> bool:
        rights = self._rights(account)
        own = account is not None and post.author.id == account.id
        return "edit_others_posts" in rights or (own and "edit_posts" in rights)

    def _may_read(self, account: Account | None, post: Post | None) -> bool:
        return post is None or post.status == "publish" or self._may_write(account, post)

    # Entities

    def _post(self, post: Post, context: str) -> dict[str, Any]:
        def text(raw: str) -> dict[str, str]:
            return {"rendered": raw, **({"raw": raw} if context == "edit" else {})}

        return {
            "id": post.id,
            "date_gmt": _gmt(post.at),
            "guid": text(f"{self.url}/?p={post.id}"),
            "slug": post.slug,
            "status": post.status,
            "type": "post",
            "link": self._link(post) if post.status == "publish" else f"{self.url}/?p={post.id}",
            "title": text(post.title),
            "content": text(post.content),
            "excerpt": text(post.excerpt),
            "author": int(post.author.id),
            "featured_media": post.featured_media,
            "tags": post.tags,
            "categories": [1],
        }

    def _media(self, made: Media) -> dict[str, Any]:
        size = dimensions(made.stored.bytes)
        return {
            "id": made.id,
            "slug": made.slug,
            "status": "inherit",
            "type": "attachment",
            "title": {"raw": made.title, "rendered": made.title},
            "alt_text": made.alt,
            "media_type": "image" if made.stored.type.startswith("image/") else "file",
            "mime_type": made.stored.type,
            "media_details": {"width": size[0], "height": size[1], "sizes": {}} if size else {},
            "post": made.post or None,
            "source_url": self._source(made),
        }

    def _link(self, post: Post) -> str:
        return f"{self.url}/{post.slug}/"

    def _source(self, made: Media) -> str:
        return f"{self.url}/wp-content/uploads/{quote(made.name)}"

    def _slugs(self, but: int) -> set[str]:
        return {post.slug for post in self.posts.values() if post.id != but}

    def _every_slug(self) -> set[str]:
        """Files have to be told from each other and from posts; a post only from other posts."""
        return self._slugs(0) | {made.slug for made in self.media.values()}

    def _unique_name(self, name: str) -> str:
        """A file name as it is kept; another file of that name gets a number."""
        stem, _, ending = name.rpartition(".")
        taken = {made.name.rpartition(".")[0] for made in self.media.values()}
        return f"{slug(stem, taken)}.{ending.lower()}"

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # Requests

    def _parameters(self, request: Request) -> dict[str, Any]:
        """What was sent, wherever it stands in the request."""
        sent: dict[str, Any] = {name: values[-1] for name, values in request.query.items()}
        if request.type == "application/json" and request.body.strip():
            body = request.json()
            return {**sent, **(body if isinstance(body, dict) else {})}
        form = request.form()
        files = dict.fromkeys(form.files, True)
        return {**sent, **{name: values[-1] for name, values in form.fields.items()}, **files}

    def _note_unknown(self, request: Request, values: Collection[str], known: set[str]) -> None:
        names = {name.removesuffix("[]") for name in values}
        request.entry.unknown_fields += sorted(names - known - {"_fields", "_embed", "context", "id"})

    def _raw(self, values: Mapping[str, Any], name: str) -> str | None:
        value = values.get(name)
        value = value.get("raw") if isinstance(value, dict) else value
        if value is not None and not isinstance(value, str):
            raise _invalid(name, f"{name} is not of type object.")
        return value

    def _integer(self, values: Mapping[str, Any], name: str) -> int:
        value = values.get(name) or 0
        if isinstance(value, bool) or not str(value).isdigit():
            raise _invalid(name, f"{name} is not of type integer.")
        return int(value)

    def _several(self, request: Request, name: str) -> list[str]:
        sent = [*request.query.get(name, []), *request.query.get(f"{name}[]", [])]
        return [one.strip() for value in sent for one in value.split(",") if one.strip()]

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Answer:
        size, page = request.one("per_page") or "10", request.one("page") or "1"
        if not size.isdigit() or not 1 <= int(size) <= 100:
            raise _invalid("per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)")
        number = max(int(page), 1) if page.isdigit() else 1
        pages = -(-len(entries) // int(size))
        if number > max(pages, 1):
            raise _denied(400, "rest_post_invalid_page_number", "The page number requested is larger than available.")
        shown = entries[(number - 1) * int(size) : number * int(size)]
        return Answer(200, shown, {"X-WP-Total": str(len(entries)), "X-WP-TotalPages": str(pages)})

    # The site's own wording

    def not_found(self, request: Request) -> Answer:
        if request.path.startswith("/wp-json"):
            return _error(404, "rest_no_route", "No route was found matching the URL and request method.")
        return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))

    def malformed(self, request: Request) -> Answer:
        return _error(400, "rest_invalid_json", "Invalid JSON body passed.", json_error_code=4)

    def refused(self, request: Request) -> Answer:
        return _error(
            400, "rest_invalid_param", "Invalid parameter(s): title", params={"title": "Invalid."}, details={}
        )

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        """By what stands in front: WordPress itself has no limit."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
        return Answer(429, document("429", "<h1>429 Too Many Requests</h1>"), headers)

    def token_expired(self, request: Request) -> Answer:
        """Application passwords do not expire, they are revoked."""
        return _error(401, "incorrect_password", "The provided password is an invalid application password.")

    def failed(self, request: Request, status: int) -> Answer:
        """500 is PHP's own, in WordPress's form; 503 the page of an update; others come from in front."""
        if status == 500:
            message = "<p>There has been a critical error on this website.</p>"
            return _error(500, "internal_server_error", message)
        if status == 503:
            page = document("Maintenance", "Briefly unavailable for scheduled maintenance.")
            return Answer(503, page, {"Retry-After": "600"})
        return Answer(status, document(str(status), f"<h1>{status}</h1>"))


def _attribute(stored: str) -> str:
    """A stored text as an attribute: what is an entity already stays one."""
    return escape(unescape(stored), quote=True)


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
