"""WordPress: the whole text with pictures or a video on a site of one's own; counts nothing.

First there is a draft under a slug of our own, found again by it and so made once; its files belong to it, and nobody
finds them listed before it is. Then one request flips its status, which may be repeated.
API: https://developer.wordpress.org/rest-api/reference/posts/
"""

import hashlib
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from dissem.channels.adapter import Account, Adapter, Attachment, Certainty, Facts, Part, Prepared, Receipt
from dissem.channels.client import Answer, Client, doubt
from dissem.channels.errors import ChannelError, Refused, Unauthorized, Uncertain, Unreachable
from dissem.channels.markdown import as_html
from dissem.channels.network import Network

POSTS, MEDIA, TAGS = (f"/wp-json/wp/v2/{kind}" for kind in ("posts", "media", "tags"))
EVERY_STATUS = "publish,future,draft,pending,private"  # without this a search sees only what is public
NEEDED = ("edit_posts", "publish_posts", "upload_files")

# Codes of a refusal that speaks of the account, whatever its status; a file is refused with 500, too.
_OF_THE_ACCOUNT = {
    "rest_cannot_create",
    "rest_cannot_edit",
    "rest_cannot_publish",
    "rest_not_logged_in",
    "rest_forbidden_status",
}
_OF_THE_FILE = {"rest_upload_unknown_error", "rest_upload_sideload_error"}
_GONE = {"rest_post_invalid_id", "rest_already_trashed"}


class WordPress(Adapter):
    """One site, written by a user of its own."""

    platform = "wordpress"
    facts = Facts(
        label="WordPress",
        certainties=frozenset({Certainty.STAGED}),
        text=None,
        api="wp/v2",
        images=10,
        videos=1,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        image_bytes=2 * 2**20,  # what PHP takes unless it is told otherwise
        image_side=2560,  # larger pictures are scaled down there
        video_bytes=64 * 2**20,
        alt=1000,
        link="field",
        tags="field",
        titled=True,
        full=True,
        prepares_text=True,
        ahead=timedelta(minutes=30),  # whoever guesses a file's address can open it before the post is public
    )

    class Settings(Adapter.Settings):
        """*api_url*: the site's address. The application password is made in the user's profile there."""

        api_url: str
        username: str
        application_password: SecretStr

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        login = f"{settings.username}:{settings.application_password.get_secret_value()}"
        headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
        self.api = Client(settings.api_url, network=network, headers=headers, translate=_translate)

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED

    def check(self) -> Account:
        """The user, after it was found to have the rights that are needed."""
        me = self.api.get("/wp-json/wp/v2/users/me", params={"context": "edit"})
        rights = [name for name, given in dict(me.member("capabilities") or {}).items() if given]
        if missing := [name for name in NEEDED if name not in rights]:
            raise Unauthorized(
                "The WordPress user lacks the right to {missing}.",
                hint="Give it the role of an author or an editor.",
                missing=", ".join(missing),
            )
        link, roles = me.json().get("link"), tuple(me.json().get("roles") or ())
        return Account(id=str(me.member("id")), name=me.member("name"), url=link, scopes=roles)

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Tags, the draft, its files, and at last what the draft says of them; none of it is done a second time."""
        for tag in part.tags[len(prepared.get("tags")) :]:
            prepared = prepared.adding("tags", self._tag(tag))
            yield prepared
        if not prepared.get("post"):
            prepared = prepared.having(post=self._draft(part, prepared))
            yield prepared
        for number in range(len(prepared.get("media")), len(part.attachments)):
            prepared = prepared.adding("media", self._media(part, number, prepared.get("post")))
            yield prepared
        if part.attachments and not prepared.get("filled"):
            self._fill(part, prepared)
            prepared = prepared.having(filled=True)
            yield prepared

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """The draft's status, flipped."""
        answer = self.api.post(f"{POSTS}/{prepared.get('post')}", irrevocable=True, json={"status": "publish"})
        return _public(_post(answer.json(), irrevocable=True))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """The draft itself, asked by its number; by its slug, where it has none or is not there any more."""
        try:
            found = self._by_number(prepared.get("post")) or self._by_slug(slug_of(part))
        except Refused as error:
            raise Uncertain("The site could not be asked for the post: {reason}", reason=error.text) from error
        if found is None or found["status"] == "draft":
            return []
        return [_public(found)]

    def remove(self, receipt: Receipt) -> None:
        """Into the trash, or where a site has none, away for good."""
        number = receipt.id if receipt.id.isdigit() else self._number(receipt.id)
        try:
            if number:
                self.api.delete(f"{POSTS}/{number}")
        except _Missing:
            return  # gone already
        except _NoTrash:
            self.api.delete(f"{POSTS}/{number}", params={"force": "true"})

    # Finding

    def _by_number(self, number: Any) -> dict[str, Any] | None:
        if not number:
            return None
        try:
            return _post(self.api.get(f"{POSTS}/{number}", params={"context": "edit"}).json())
        except _Missing:
            return None

    def _by_slug(self, slug: str) -> dict[str, Any] | None:
        """Our post under *slug*, whatever its status."""
        asked = {"slug": slug, "status": EVERY_STATUS, "context": "edit"}
        listed = self.api.get(POSTS, params=asked).json()
        if not isinstance(listed, list):
            raise Unreachable("The platform's answer could not be read.")
        return next((post for post in map(_post, listed) if post["slug"] == slug), None)

    def _number(self, address: str) -> str:
        """The number of the post at an *address* that a person gave; empty if there is none."""
        found = self._by_slug(urlsplit(address).path.rstrip("/").rpartition("/")[2])
        return str(found["id"]) if found else ""

    # Making

    def _tag(self, name: str) -> int:
        try:
            return int(self.api.post(TAGS, json={"name": name}).member("id"))
        except _Known as known:
            return known.number

    def _draft(self, part: Part, prepared: Prepared) -> int:
        """The number of the draft. One that is there under its slug was made by a request whose answer was lost."""
        slug = slug_of(part)
        if found := self._by_slug(slug):
            return int(found["id"])
        draft = {
            "status": "draft",
            "slug": slug,
            "title": escape(part.title, quote=False),
            "excerpt": escape(part.text, quote=False),
            "content": _content(part, ()),
            **({"tags": list(prepared.get("tags"))} if part.tags else {}),
        }
        made = _post(self.api.post(POSTS, json=draft).json())
        if re.fullmatch(rf"{slug}-\d+", made["slug"]):  # an earlier request arrived in between
            self.api.delete(f"{POSTS}/{made['id']}", params={"force": "true"})
            raise Unreachable("WordPress has a draft under this name already; it is used with the next try.")
        return int(made["id"])

    def _media(self, part: Part, number: int, post: int) -> dict[str, Any]:
        """Number and address of a file that belongs to the draft, uploaded unless it is there under its slug."""
        attachment, slug = part.attachments[number], f"{_mark(part)}-{number + 1}"
        known = self.api.get(MEDIA, params={"slug": slug, "context": "edit"}).json()
        told = next((one for one in known if one.get("slug") == slug), None) if isinstance(known, list) else None
        told = told or self._uploaded(attachment, slug, part.title, post)
        return {"id": told["id"], "url": told["source_url"]}

    def _uploaded(self, attachment: Attachment, slug: str, title: str, post: int) -> dict[str, Any]:
        fields = {
            "slug": slug,
            "title": escape(title, quote=False),
            "alt_text": attachment.alt.replace("<", "&lt;"),  # else it would take that for an element, and it away
            "post": str(post),
        }
        with attachment.path.open("rb") as file:
            named = (f"{slug}.{attachment.type.rpartition('/')[2]}", file, attachment.type)
            answer = self.api.post(MEDIA, files={"file": named}, data=fields, total=None)
        return {"id": answer.member("id"), "source_url": answer.member("source_url")}

    def _fill(self, part: Part, prepared: Prepared) -> None:
        """Put the files into the draft: the first picture above the text, the others and a video below it."""
        media = prepared.get("media")
        featured = {} if part.attachments[0].is_video else {"featured_media": media[0]["id"]}
        self.api.post(f"{POSTS}/{prepared.get('post')}", json={"content": _content(part, media), **featured})


class _Missing(Refused):
    """There is no such post, or it is in the trash."""


class _NoTrash(Refused):
    """The site has no trash."""


class _Known(Refused):
    """There is a tag of that name, with this *number*."""

    def __init__(self, number: int) -> None:
        super().__init__("WordPress has this tag already.")
        self.number = number


def slug_of(part: Part) -> str:
    """The last part of the post's address: the title in plain letters, and a mark that no other part has."""
    plain = unicodedata.normalize("NFKD", part.title).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))[:60].strip("-")
    return f"{words}-{_mark(part)}".lstrip("-")


def _mark(part: Part) -> str:
    return "s" + hashlib.sha256(part.key.encode()).hexdigest()[:12]


def _content(part: Part, media: Sequence[Mapping[str, Any]]) -> str:
    """What the post says: the body, the files that do not stand above it, and the link."""
    shown = zip(part.attachments, media, strict=False)  # before the files are there, none
    files = [_shown(a, one) for place, (a, one) in enumerate(shown) if place or a.is_video]
    link = escape(part.link or "")
    more = [f'<p><a href="{link}">{link}</a></p>'] if link else []
    body = as_html(part.body or part.text, below=1).strip().replace("[", "&#91;")  # else it might be a shortcode
    return "\n\n".join([body, *files, *more])


def _shown(attachment: Attachment, file: Mapping[str, Any]) -> str:
    """A picture or video as a block of WordPress's editor."""
    number, source, alt = int(file["id"]), escape(str(file["url"])), escape(attachment.alt)
    if attachment.is_video:
        return _block("video", number, f'<video controls src="{source}" aria-label="{alt}"></video>')
    return _block("image", number, f'<img src="{source}" alt="{alt}" class="wp-image-{number}"/>')


def _block(kind: str, number: int, element: str) -> str:
    figure = f'<figure class="wp-block-{kind}">{element}</figure>'
    return f'<!-- wp:{kind} {{"id":{number}}} -->\n{figure}\n<!-- /wp:{kind} -->'


def _post(told: Any, *, irrevocable: bool = False) -> dict[str, Any]:
    """A post as the interface tells it; anything else is none."""
    if not isinstance(told, dict) or not told.keys() >= {"id", "status", "slug", "link"}:
        raise doubt(irrevocable, "The platform's answer lacks what was asked for.")
    return told


def _public(post: Mapping[str, Any]) -> Receipt:
    """The proof of a public post. Any other status was given by somebody, or something, on the site."""
    if post["status"] != "publish":
        raise Uncertain("On the site the post has the status {status}.", status=str(post["status"]))
    return Receipt(id=str(post["id"]), url=post["link"])


def _translate(answer: Answer) -> ChannelError | None:
    """By WordPress's codes; pages come from what stands before it, and there the status decides."""
    code, reason, data = _told(answer)
    if code == "term_exists" and data.get("term_id"):
        return _Known(int(data["term_id"]))
    if code in _GONE:
        return _Missing("WordPress does not have this post any more.")
    if code == "rest_trash_not_supported":
        return _NoTrash("The site has no trash.")
    if code in _OF_THE_FILE:
        return Refused("WordPress refused the file: {reason}", reason=reason)
    if answer.status == 401 or code in _OF_THE_ACCOUNT:
        hint = "Some hosts take the login away from a request: ask yours about the Authorization header."
        return Unauthorized("WordPress does not let this user do that: {reason}", hint=hint, reason=reason)
    if answer.status == 403:
        return Unauthorized("The site does not allow it: {reason}", hint="A firewall may be in front.", reason=reason)
    if answer.status == 404:
        hint = "Is the address right, and are its permalinks other than plain?"
        return Refused("There is no WordPress interface at this address.", hint=hint)
    if answer.status == 413:
        return Refused("The file is too large for the site.", hint="Use a smaller file.")
    if answer.status in (400, 409, 415, 422):
        return Refused("WordPress refused the post: {reason}", reason=reason)
    return None


def _told(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    """Code, message and data of a refusal."""
    code, reason = "", f"HTTP {answer.status}"
    data: Mapping[str, Any] = {}
    try:
        body = answer.json()
        code, reason, data = str(body["code"]), str(body.get("message", ""))[:300], body.get("data") or {}
        if code == "rest_invalid_param":  # asking for drafts without a login is one; the true code stands inside
            code = str(data["details"]["status"]["code"])
        return code, reason, data
    except (ChannelError, KeyError, TypeError, AttributeError):
        return code, reason, data
