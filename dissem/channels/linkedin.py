"""LinkedIn, organisation pages: text, up to twenty images or one video; counts views, reach, reactions and clicks.

There is no idempotency key. LinkedIn refuses a text that it has already and names a post, which now and then nobody can
open: that is a reason to look at the page's own posts, never a proof. The member whose token this is must be an
administrator or content administrator of the page; views, reach, clicks and shares are told to administrators only.
The token needs w_organization_social, r_organization_social, r_organization_social_feed and rw_organization_admin.
API: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field, SecretStr

from dissem.channels import linkedin_login, linkedin_text
from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
    Seen,
    Why,
    plain,
    same_text,
)
from dissem.channels.client import Answer, Client, doubt
from dissem.channels.errors import NotYet, Refused, Unauthorized, Uncertain, Unreachable
from dissem.channels.linkedin_refusals import POST, Denied, Expired, Missing, translate, translate_storage
from dissem.channels.login import App, moment
from dissem.channels.network import Network

POLL = timedelta(seconds=5)  # between two looks at a file in processing
PAGE, PAGES = 100, 10  # elements a listing, and listings read before giving up
POSTING_ROLES = {"ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN"}
UPLOAD_HOSTS = (".linkedin.com", ".licdn.com")


class LinkedIn(Adapter):
    """One organisation page."""

    platform = "linkedin"
    facts = Facts(
        label="LinkedIn",
        certainties=frozenset({Certainty.READABLE}),
        text=3000,
        api="202607",
        images=20,
        videos=1,
        image_side=6000,  # fewer than 36,152,320 pixels
        video_bytes=500 * 10**6,
        video_seconds=30 * 60,
        alt=4086,
        counts=frozenset({"views", "reach", "likes", "comments", "shares", "clicks"}),
        batch=20,
        lag=timedelta(minutes=10),
    )

    class Settings(Adapter.Settings):
        """The page's number, which is in the address of its administration, and a member's token. `renew` keeps up the
        token and its end, a moment as seconds since 1970, where LinkedIn gave a refresh token."""

        api_url: str = "https://api.linkedin.com"
        organization: str = Field(pattern=r"^(urn:li:organization:)?\d+$", description="number of the page")
        version: str = Field("202607", pattern=r"^20\d\d(0[1-9]|1[0-2])$", description="of the API, year and month")
        token_url: str = Field("https://www.linkedin.com", description="where logins are renewed")
        access_token: SecretStr
        access_token_ends: SecretStr | None = None
        client_id: SecretStr | None = None  # of the app, for those whose logins are renewed
        client_secret: SecretStr | None = None
        refresh_token: SecretStr | None = None
        refresh_token_ends: SecretStr | None = None

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.organization = settings.organization.rpartition(":")[2]
        self.owner = f"urn:li:organization:{self.organization}"
        token, dialect = settings.access_token.get_secret_value(), {"X-Restli-Protocol-Version": "2.0.0"}
        headers = {**dialect, "LinkedIn-Version": settings.version}
        self.api = Client(settings.api_url, network=network, bearer=token, headers=headers, translate=translate)
        self.storage = Client(settings.api_url, network=network, translate=translate_storage)  # signed: no token

    @classmethod
    def length(cls, text: str) -> int:
        """UTF-16 code units; LinkedIn does not say what it counts, and this is never too few."""
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        """Addresses that people copy mostly name an activity, and its number is not the post's."""
        found = POST.search(unquote(url))
        return _receipt(found[0]) if found and "/feed/update/" in url else None

    def certainty(self, part: Part) -> Certainty:
        return Certainty.READABLE

    def check(self) -> Account:
        """The page, after the member was found to be allowed to post there."""
        roles = self._roles()
        if not roles & POSTING_ROLES:
            raise Unauthorized(
                "This LinkedIn login may not post on the page {page}.",
                hint="Have an administrator of the page make this member one, or a content administrator.",
                page=self.organization,
            )
        page = self.api.get(f"/rest/organizations/{self.organization}")
        url = f"https://www.linkedin.com/company/{page.member('vanityName')}/"
        name, ends = str(page.member("localizedName")), moment(self.settings.access_token_ends)
        return Account(self.organization, name, url, scopes=tuple(sorted(roles)), expires=ends)

    def _roles(self) -> set[str]:
        """What the member is on the page."""
        return {str(one.get("role")) for one in self._held() if one.get("organization") == self.owner}

    def _held(self) -> Iterator[dict[str, Any]]:
        return self._elements("/rest/organizationAcls?q=roleAssignee&state=APPROVED")

    def pages(self) -> set[str]:
        """Numbers of all pages that the member may post on."""
        held = (str(one.get("organization")) for one in self._held() if str(one.get("role")) in POSTING_ROLES)
        return {owner.rpartition(":")[2] for owner in held if owner.startswith("urn:li:organization:")}

    def named(self, page: str) -> str:
        """What the page with this number is called."""
        return str(self.api.get(f"/rest/organizations/{page}").member("localizedName"))

    def renew(self) -> Mapping[str, SecretStr] | None:
        """A new access token; None where LinkedIn gave no refresh token, as it does to approved partners only."""
        known = self.settings
        if not (known.refresh_token and known.client_id):
            return None
        door = Client(known.token_url, network=self.network, translate=linkedin_login.translate)
        app = App(known.client_id.get_secret_value(), known.client_secret)
        return linkedin_login.renewed(door, app, known.refresh_token)

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Upload what is missing, then wait for what LinkedIn still processes."""
        if any(attachment.is_video for attachment in part.attachments):
            yield from self._upload_video(part.attachments[0], prepared)
            return
        for attachment in part.attachments[len(prepared.get("media")) :]:
            prepared = self._uploaded(attachment, prepared)
            yield prepared
        for image in prepared.get("waiting"):
            self._await(image)
            prepared = prepared.having(waiting=[other for other in prepared.get("waiting") if other != image])
            yield prepared

    def _uploaded(self, attachment: Attachment, prepared: Prepared) -> Prepared:
        """*prepared* with the image, once LinkedIn says that it has the file."""
        answer = self._action("images", "initializeUpload", owner=self.owner)
        image, address = str(answer.member("value", "image")), self._address(answer.member("value", "uploadUrl"))
        with attachment.path.open("rb") as file:
            self.api.put(address, data=file, headers={"Content-Type": attachment.type}, total=None)
        state = self._state(image)
        prepared = prepared.adding("media", image)
        return prepared if state == "AVAILABLE" else prepared.adding("waiting", image)

    def _upload_video(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        if prepared.get("media"):
            return
        try:
            yield from self._video_steps(video, prepared)
        except (Expired, Refused):
            yield Prepared()  # nothing of it is of use any more: the next try begins a new one
            raise

    def _video_steps(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`video`: its URN; `places`: [first byte, last byte, address] of each part; `parts`: ids of those sent."""
        if not prepared.get("video"):
            prepared = self._begin(video)
            yield prepared
        for place in prepared.get("places")[len(prepared.get("parts")) :]:
            prepared = prepared.adding("parts", self._send_part(video, *place))
            yield prepared
        if not prepared.get("whole"):
            ids = {"uploadToken": prepared.get("token"), "uploadedPartIds": list(prepared.get("parts"))}
            self._action("videos", "finalizeUpload", video=prepared.get("video"), **ids)
            prepared = prepared.having(whole=True)
            yield prepared
        self._await(prepared.get("video"))
        yield Prepared({"media": [prepared.get("video")]})

    def _begin(self, video: Attachment) -> Prepared:
        wanted = {"owner": self.owner, "fileSizeBytes": video.size, "uploadCaptions": False, "uploadThumbnail": False}
        answer = self._action("videos", "initializeUpload", **wanted)
        urn, token, told = (answer.member("value", name) for name in ("video", "uploadToken", "uploadInstructions"))
        places = [self._place(answer, number) for number in range(len(told))]
        made = Prepared({"video": urn, "token": token, "places": places, "parts": []})
        expires = answer.member("value").get("uploadUrlsExpireAt")
        return made.until(_moment(expires)) if expires else made

    def _place(self, answer: Answer, number: int) -> list[Any]:
        """First byte, last byte and address of one part."""
        first, last, url = (
            answer.member("value", "uploadInstructions", number, name)
            for name in ("firstByte", "lastByte", "uploadUrl")
        )
        return [int(first), int(last), self._address(url)]

    def _send_part(self, video: Attachment, first: int, last: int, address: str) -> str:
        """Put one part where it belongs; answers with the id that LinkedIn's storage gives to it."""
        with video.path.open("rb") as file:
            file.seek(first)
            data = file.read(last - first + 1)
        answer = self.storage.put(address, data=data, headers={"Content-Type": "application/octet-stream"}, total=None)
        if not (etag := answer.headers.get("ETag", "").strip('"')):
            raise Unreachable("LinkedIn did not confirm a part of the video.")
        return etag

    def _address(self, url: Any) -> str:
        """*url* if it is LinkedIn's own: our files and token go nowhere else."""
        host = urlsplit(str(url)).hostname or ""
        if host != urlsplit(self.api.base).hostname and not host.endswith(UPLOAD_HOSTS):
            raise Unreachable("LinkedIn named an address for uploads that is not its own: {host}", host=host)
        return str(url)

    def _await(self, media: str) -> None:
        if self._state(media) != "AVAILABLE":
            raise NotYet("LinkedIn is still processing the file.", retry_after=POLL)

    def _state(self, media: str) -> str:
        """AVAILABLE or PROCESSING: a file that LinkedIn gave up or never got is an error."""
        kind = "videos" if media.startswith("urn:li:video:") else "images"
        answer = self.api.get(f"/rest/{kind}/{_quoted(media)}")
        state = str(answer.member("status"))
        if state == "PROCESSING_FAILED":
            reason = str(answer.json().get("processingFailureReason") or state)[:300]
            raise Refused("LinkedIn cannot use the file: {reason}", reason=reason)
        if state not in ("AVAILABLE", "PROCESSING"):
            raise Unreachable("LinkedIn has not received the file.")
        return state

    def _action(self, resource: str, action: str, **wanted: Any) -> Answer:
        return self.api.post(f"/rest/{resource}?action={action}", json={f"{action}Request": wanted})

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One post; its id is in a header, the body is empty."""
        post = {
            "author": self.owner,
            "commentary": linkedin_text.written(part.text),
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            **_content(part, prepared),
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        answer = self.api.post("/rest/posts", irrevocable=True, json=post)
        if not POST.fullmatch(urn := answer.headers.get("x-restli-id", "")):
            raise Uncertain("LinkedIn did not name the post that it made.")
        return _receipt(urn)

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """Posts that hold our files, or, for a part without any, say the same without any."""
        media = set(prepared.get("media"))
        if not media and not plain(part.text):
            raise Uncertain("The text has nothing to recognise it by.")
        recent = list(self._posts(since))
        ours = [one for one in recent if media & set(_media(one))] if media else [o for o in recent if _is(o, part)]
        if any(one.get("lifecycleState") == "PUBLISH_REQUESTED" for one in ours):
            raise Uncertain("LinkedIn is still publishing the post.")
        return [_receipt(one["id"]) for one in ours if one.get("lifecycleState") == "PUBLISHED"]

    def _posts(self, since: datetime) -> Iterator[dict[str, Any]]:
        """The page's posts made after *since*. Those changed last come first; none is changed before it is made."""
        address = f"/rest/posts?q=author&author={_quoted(self.owner)}&sortBy=LAST_MODIFIED"
        seen = set()
        for post in self._elements(address):
            made, changed = _times(post)
            if changed < since:
                return
            if made >= since and post["id"] not in seen:
                seen.add(post["id"])
                yield post

    def _elements(self, address: str) -> Iterator[dict[str, Any]]:
        """All elements of a listing. Only an empty page ends it: a short one may be followed by more."""
        for page in range(PAGES):
            told = f"{address}&start={page * PAGE}&count={PAGE}"
            answer = self.api.get(told, headers={"X-RestLi-Method": "FINDER"})
            elements = answer.member("elements")
            if not isinstance(elements, list) or not all(isinstance(one, dict) for one in elements):
                raise doubt(answer.irrevocable, "The platform's answer could not be read.")
            yield from elements
            if not elements and not _goes_on(answer):
                return
        raise Uncertain("The account has too many posts to look through.")

    def recent(self, since: datetime) -> Sequence[Seen]:
        return [_seen(post) for post in self._posts(since) if post.get("lifecycleState") == "PUBLISHED"]

    def followers(self) -> int | None:
        asked = f"/rest/networkSizes/{_quoted(self.owner)}?edgeType=COMPANY_FOLLOWED_BY_MEMBER"
        try:
            return _whole(self.api.get(asked).json().get("firstDegreeSize"))
        except Denied:
            return None  # the login is one that may post and not look

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """Reactions and comments of this moment; what only administrators are told may be some hours old."""
        ids = [receipt.id for receipt in receipts]
        social = self._batch("socialMetadata", ids)[0]
        gone = self._gone([one for one in ids if one not in social])
        seen = self._statistics([one for one in ids if one not in gone])
        known = [one for one in ids if one in social or one in seen]
        counted = {one: _counts(social.get(one, {}), seen.get(one, {})) for one in known}
        return {**counted, **{one: Gone() for one in gone}}

    def _gone(self, ids: Sequence[str]) -> set[str]:
        """Those of *ids* that LinkedIn does not know as posts either: a new one may lack its figures for a while."""
        statuses = self._batch("posts", ids)[1] if ids else {}
        return {one for one in ids if statuses.get(one) == 404}

    def _batch(self, resource: str, ids: Sequence[str]) -> tuple[Mapping[str, Any], Mapping[str, int]]:
        """What LinkedIn has under *ids*, and the status of those that it refuses."""
        address = f"/rest/{resource}?ids={_listed(ids)}"
        answer = self.api.get(address, headers={"X-RestLi-Method": "BATCH_GET"})
        found, errors = answer.member("results"), answer.json().get("errors") or {}
        return found, {urn: error.get("status") for urn, error in errors.items()}

    def _statistics(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What is told to administrators; nothing for a content administrator."""
        finder = "q=organizationalEntity&organizationalEntity=" + _quoted(self.owner)
        address = f"/rest/organizationalEntityShareStatistics?{finder}"
        found: dict[str, Mapping[str, Any]] = {}
        for name, kind in (("shares", "share"), ("ugcPosts", "ugcPost")):
            if asked := [urn for urn in ids if urn.startswith(f"urn:li:{kind}:")]:
                try:
                    answer = self.api.get(f"{address}&{name}={_listed(asked)}", headers={"X-RestLi-Method": "FINDER"})
                except Denied:
                    return {}
                found |= {one.get(kind): one.get("totalShareStatistics") or {} for one in answer.member("elements")}
        return found

    def remove(self, receipt: Receipt) -> None:
        try:
            self.api.delete(f"/rest/posts/{_quoted(receipt.id)}", headers={"X-RestLi-Method": "DELETE"})
        except Missing:
            return  # gone already


# What is sent, and what comes back


def _quoted(urn: str) -> str:
    return quote(urn, safe="")


def _listed(urns: Sequence[str]) -> str:
    """A Rest.li list: its members are percent-encoded, its own signs are not."""
    return f"List({','.join(_quoted(urn) for urn in urns)})"


def _content(part: Part, prepared: Prepared) -> dict[str, Any]:
    """The files of a post: one, several images, or none."""
    files = [
        {"id": media, **({"altText": attachment.alt} if attachment.alt and not attachment.is_video else {})}
        for attachment, media in zip(part.attachments, prepared.get("media"), strict=True)
    ]
    if not files:
        return {}
    return {"content": {"multiImage": {"images": files}} if len(files) > 1 else {"media": files[0]}}


def _receipt(urn: str) -> Receipt:
    return Receipt(urn, f"https://www.linkedin.com/feed/update/{urn}/")


def _seen(post: Mapping[str, Any]) -> Seen:
    receipt, words = _receipt(post["id"]), linkedin_text.read(str(post.get("commentary") or ""))
    return Seen(receipt.id, _times(post)[0], receipt.url, words)


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _times(post: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When a listed post was made and last changed; without that it cannot be judged."""
    try:
        made = _moment(post["createdAt"])
        return made, max(made, _moment(post.get("lastModifiedAt") or post["createdAt"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unreachable("The platform's answer could not be read.") from error


def _goes_on(answer: Answer) -> bool:
    paging = answer.json().get("paging") or {}
    return any(link.get("rel") == "next" for link in paging.get("links") or ())


def _media(post: Mapping[str, Any]) -> list[str]:
    """URNs of the files in a listed post."""
    content = post.get("content") or {}
    files = [content.get("media") or {}, *((content.get("multiImage") or {}).get("images") or ())]
    return [one["id"] for one in files if one.get("id")]


def _is(post: Mapping[str, Any], part: Part) -> bool:
    """Whether a listed post says what *part* says, with as many files."""
    same = same_text(part.text, linkedin_text.read(str(post.get("commentary") or "")))
    return same and len(_media(post)) == len(part.attachments)


def _counts(social: Mapping[str, Any], seen: Mapping[str, Any]) -> Counts:
    reactions = social.get("reactionSummaries")
    likes = None if reactions is None else sum(one.get("count", 0) for one in reactions.values())
    return Counts(
        views=_whole(seen.get("impressionCount")),
        reach=_whole(seen.get("uniqueImpressionsCount")),
        likes=_whole(seen.get("likeCount") if likes is None else likes),
        comments=_whole((social.get("commentSummary") or {}).get("count", seen.get("commentCount"))),
        shares=_whole(seen.get("shareCount")),
        clicks=_whole(seen.get("clickCount")),
        why={} if seen else dict.fromkeys(("views", "reach", "shares", "clicks"), Why.RIGHT),
        raw={**seen, **{name: social[name] for name in ("reactionSummaries", "commentSummary") if name in social}},
    )


def _whole(figure: Any) -> int | None:
    """*figure* if it is a count: withdrawn reactions to an advertisement can make one negative."""
    return figure if isinstance(figure, int) and figure >= 0 else None
