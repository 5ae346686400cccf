"""YouTube, Data API v3: one video a post, with title and description; counts views, likes and comments.

The video goes up as private, in pieces, and is processed before it is due; then one request makes it public. After a
lost answer the video itself is asked. An upload session makes at most one video and tells, whenever asked, how far it
is, so an upload goes on from any piece. Nothing but videos can be published; a picture beside one becomes its
thumbnail, where the channel may set one. An upright or square video of up to three minutes becomes a Short by its shape
alone.

Of the app's 10,000 units a day a post takes about 105: 50 for the thumbnail, 50 for the flip, one for each look.
Uploads are counted apart.
API: https://developers.google.com/youtube/v3/docs
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dissem.channels import youtube_answers as answers
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
)
from dissem.channels.client import doubt
from dissem.channels.errors import NotYet, Refused, Unauthorized, Unreachable
from dissem.channels.network import Network
from dissem.channels.youtube_login import Login, Signed
from dissem.errors import DissemError

CHUNK = 4 * 2**20  # bytes; every piece but the last has to be a multiple of 256 KiB
TITLE = 100  # characters, by the documentation; we count UTF-16, in which none is shorter
TAGS = 500  # characters of all tags together; one with a blank counts two more
UNVERIFIED = timedelta(minutes=15)  # longest video of a channel that has not been verified
SHORT = 180  # seconds: an upright or square video up to this is a Short
PAGES = 4  # of fifty uploads that are looked through for one of ours
VIDEOS, VIDEO_UPLOADS = "/youtube/v3/videos", "/upload/youtube/v3/videos"
# An update replaces the whole part, so what is in it and not ours to change is sent along.
KEPT = ("embeddable", "license", "publicStatsViewable", "selfDeclaredMadeForKids", "containsSyntheticMedia")
MANAGING = {f"https://www.googleapis.com/auth/{name}" for name in ("youtube", "youtube.force-ssl")}


class YouTube(Adapter):
    platform = "youtube"
    facts = Facts(
        label="YouTube",
        certainties=frozenset({Certainty.STAGED}),
        text=5000,
        api="v3",
        videos=1,
        needs_media=True,
        cover=True,
        image_bytes=2_000_000,  # of a thumbnail, by the help pages
        video_types=frozenset({"video/mp4", "video/quicktime", "video/webm"}),
        video_bytes=256 * 2**30,
        video_seconds=12 * 3600,
        titled=True,
        title=TITLE,
        # Uploads by one app, for all channels together: https://developers.google.com/youtube/v3/determine_quota_cost
        daily=100,
        counts=frozenset({"views", "likes", "comments"}),
        batch=50,
        lag=timedelta(minutes=2),  # the time that a fresh token may take is in it
    )

    class Settings(Adapter.Settings):
        api_url: str = "https://www.googleapis.com"
        token_url: str = "https://oauth2.googleapis.com"  # noqa: S105 - an address
        category: str = Field("25", pattern=r"^\d{1,3}$", description="YouTube's number; 25 is news and politics")
        made_for_kids: bool = Field(False, description="whether the channel's videos are meant for children")
        client_id: SecretStr
        client_secret: SecretStr
        refresh_token: SecretStr

    @classmethod
    def length(cls, text: str) -> int:
        """Bytes in UTF-8, of what is sent for *text*."""
        return len(_sendable(text).encode("utf-8", "surrogatepass"))

    @classmethod
    def objection(cls, part: Part) -> DissemError | None:
        """A title that is too long although it has not too many letters: an emoji may count as several."""
        units = len(part.title.encode("utf-16-le", "surrogatepass")) // 2
        if units <= TITLE:
            return None
        return Refused(
            "To YouTube the title has {units} characters, and it takes {most}.",
            hint="Shorten the title, or use fewer emoji in it.",
            units=units,
            most=TITLE,
        )

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.login = Login(
            settings.token_url,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            refresh_token=settings.refresh_token,
            network=network,
        )
        self.api = Signed(settings.api_url, network=network, login=self.login, translate=answers.translate)

    def check(self) -> Account:
        channel = self._channel("snippet,status")
        scopes = self.login.scopes
        if scopes and not MANAGING & set(scopes):
            raise Unauthorized(
                "This login may not publish on YouTube.",
                hint="Connect the channel again and allow to manage its videos.",
            )
        told = answers.section(channel, "status").get("longUploadsStatus")
        return Account(
            id=channel["id"],
            name=str(answers.section(channel, "snippet").get("title") or channel["id"]),
            url=f"https://www.youtube.com/channel/{channel['id']}",
            scopes=scopes,
            limits={} if told in (None, "allowed") else {"video_seconds": UNVERIFIED.total_seconds()},
        )

    def _channel(self, parts: str) -> Mapping[str, Any]:
        found = answers.items(self.api.get("/youtube/v3/channels", params={"part": parts, "mine": "true"}))
        if not found:
            raise Unauthorized(
                "This Google account has no YouTube channel.", hint="Log in with the account that owns the channel."
            )
        return found[0]

    def followers(self) -> int | None:
        """Subscribers, which YouTube rounds to three digits; a channel may hide them."""
        told = answers.section(self._channel("statistics"), "statistics")
        hidden, count = told.get("hiddenSubscriberCount"), str(told.get("subscriberCount"))
        return int(count) if count.isdigit() and not hidden else None

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """`session`, `sent`: the upload and the bytes YouTube has; `video`: its id; `cover`: whether it has the
        thumbnail; `asked`: looks at the processing; `status`: the settings of the processed video."""
        if not prepared.get("video", ""):
            for step in self._upload(part, _video(part), prepared):
                prepared = step
                yield prepared
        cover = next((a for a in part.attachments if not a.is_video), None)
        if cover and prepared.get("cover", None) is None:
            prepared = prepared.having(cover=self._set_cover(prepared.get("video"), cover))
            yield prepared
        if prepared.get("status", None) is None:
            yield from self._await(prepared)

    def _upload(self, part: Part, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        resumed = bool(prepared.get("session", ""))
        if not resumed:
            # It may be there although we do not know: the last answer of a session lost, a backup restored.
            # A second upload of the same file would be refused as a duplicate.
            if known := self._marked(part):
                yield prepared.having(video=known)
                return
            prepared = prepared.having(session=self._begin(part, video), sent=0)
            yield prepared
        try:
            yield from self._pieces(video, prepared, resumed)
        except answers.Missing as gone:
            yield Prepared()
            raise Unreachable("YouTube has forgotten the upload; it begins anew.") from gone

    def _pieces(self, video: Attachment, prepared: Prepared, resumed: bool) -> Iterator[Prepared]:
        session = prepared.get("session")
        if resumed:
            prepared = prepared.having(**self._put(session, video))  # YouTube's word counts, not what we saved
            yield prepared
        while not prepared.get("video", ""):
            before = prepared.get("sent")
            prepared = prepared.having(**self._put(session, video, before))
            yield prepared
            if not prepared.get("video", "") and prepared.get("sent") <= before:
                raise Unreachable("YouTube does not take the video forward.")  # later, not in an endless circle

    def _begin(self, part: Part, video: Attachment) -> str:
        """The address of a new upload session; nothing is there yet."""
        answer = self.api.post(
            VIDEO_UPLOADS,
            params={"uploadType": "resumable", "part": "snippet,status", "notifySubscribers": "true"},
            headers={
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Length": str(video.size),
                "X-Upload-Content-Type": video.type,
            },
            json={"snippet": self._snippet(part), "status": {**self._declared(), "privacyStatus": "private"}},
        )
        address = answer.headers.get("Location", "")
        if not self._is_theirs(address):  # the channel's token goes there
            raise Unreachable("YouTube named no address of its own for the upload.")
        return address

    def _snippet(self, part: Part) -> dict[str, Any]:
        return {
            "title": _sendable(part.title),
            "description": _sendable(part.text),
            "tags": _tags(part),
            "categoryId": self.settings.category,
            "defaultLanguage": part.language,
            "defaultAudioLanguage": part.language,
        }

    def _declared(self) -> dict[str, Any]:
        return {"selfDeclaredMadeForKids": self.settings.made_for_kids, "embeddable": True, "license": "youtube"}

    def _is_theirs(self, address: str) -> bool:
        try:
            named, ours = urlsplit(address), urlsplit(self.api.base)
        except ValueError:
            return False
        of_google = named.scheme == "https" and (named.hostname or "").endswith(".googleapis.com")
        return of_google or (named.scheme, named.netloc) == (ours.scheme, ours.netloc)

    def _put(self, session: str, video: Attachment, start: int | None = None) -> dict[str, Any]:
        """Send the piece that begins at *start*, or only ask; answers with `sent`, or with `video` once it is whole."""
        piece = b"" if start is None else _read(video, start)
        place = f"{start}-{start + len(piece) - 1}" if piece and start is not None else "*"
        headers = {"Content-Range": f"bytes {place}/{video.size}", "Content-Type": video.type}
        try:
            answer = self.api.put(session, data=piece, headers=headers, total=None)
        except Refused as refusal:
            if refusal.values.get("reason") in answers.OUT_OF_STEP:
                raise Unreachable("YouTube has another number of bytes than was believed.") from refusal
            raise
        return {"sent": answers.stored(answer)} if answer.status == 308 else {"video": answers.id_in(answer)}

    def _marked(self, part: Part) -> str:
        """The id of the video that has the mark of *part* among its tags and is no failure; empty if there is none."""
        for ids in self._newest():
            answer = self.api.get(VIDEOS, params={"part": "snippet,status", "id": ",".join(ids)})
            for video in answers.items(answer):
                usable = answers.section(video, "status").get("uploadStatus") in ("uploaded", "processed")
                if usable and _mark(part) in (answers.section(video, "snippet").get("tags") or ()):
                    return str(video["id"])
        return ""

    def _newest(self) -> Iterator[list[str]]:
        """Ids of the channel's uploads, private ones too, page by page."""
        lists = answers.section(answers.section(self._channel("contentDetails"), "contentDetails"), "relatedPlaylists")
        asked = {"part": "contentDetails", "playlistId": lists.get("uploads"), "maxResults": 50}
        for _ in range(PAGES):
            answer = self.api.get("/youtube/v3/playlistItems", params=asked)
            if ids := [answers.section(item, "contentDetails").get("videoId") for item in answers.items(answer)]:
                yield [str(video) for video in ids]
            asked["pageToken"] = answer.json().get("nextPageToken")
            if not asked["pageToken"]:
                return

    def _set_cover(self, video: str, image: Attachment) -> bool:
        """Whether YouTube took the thumbnail. One is worth having, but no reason to hold the video back: a channel that
        is not verified may set none, and none may set many a day."""
        try:
            self.api.post(
                "/upload/youtube/v3/thumbnails/set",
                params={"videoId": video, "uploadType": "media"},
                data=image.path.read_bytes(),
                headers={"Content-Type": image.type},
                total=None,
            )
        except (Refused, answers.Forbidden, answers.Enough):
            return False
        return True

    def _await(self, prepared: Prepared) -> Iterator[Prepared]:
        asked = prepared.get("asked", 0) + 1
        prepared = prepared.having(asked=asked)
        yield prepared  # so that we ask ever more seldom
        status = self._status(prepared.get("video"))
        if status and status["uploadStatus"] == "processed":
            yield prepared.having(status={name: status[name] for name in KEPT if name in status})
            return
        problem = answers.unprocessed(status, asked)
        if not isinstance(problem, NotYet):
            yield Prepared()  # what has failed or is gone is of no use to another try
        raise problem

    def _status(self, video: str) -> Mapping[str, Any] | None:
        """Upload and privacy of our video; None if there is no such video."""
        answer = self.api.get(VIDEOS, params={"part": "status", "id": video})
        found = [answers.section(item, "status") for item in answers.items(answer) if item["id"] == video]
        if found and not {"uploadStatus", "privacyStatus"} <= found[0].keys():
            raise doubt(answer.irrevocable, "The platform's answer lacks what was asked for.")
        return found[0] if found else None

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        video = prepared.get("video", "")
        if not video:
            raise Unreachable("The video is not at YouTube yet.")
        status = {**self._declared(), **prepared.get("status", {}), "privacyStatus": "public"}
        try:
            answer = self.api.put(
                VIDEOS, params={"part": "status"}, json={"id": video, "status": status}, irrevocable=True
            )
        except answers.Missing as gone:
            raise Refused(
                "The uploaded video was deleted at YouTube before it was public.",
                hint="Edit the release and submit it again; then it is uploaded anew.",
            ) from gone
        if answer.member("status", "privacyStatus") != "public":
            raise Unauthorized(
                "YouTube keeps this video private.",
                hint="It does so with videos of apps that Google has not audited: have the app audited, then edit the "
                "release and submit it again.",
            )
        return _receipt(part, video)

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """The prepared video, if it is public. Without one nothing can have been published."""
        video = prepared.get("video", "")
        status = self._status(video) if video else None
        return [_receipt(part, video)] if status and status["privacyStatus"] == "public" else []

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """What the owner hides is unavailable; a video that YouTube took down is gone."""
        ids = {receipt.id: video for receipt in receipts if (video := answers.id_of(receipt))}
        if not ids:
            return {}
        answer = self.api.get(VIDEOS, params={"part": "statistics,status", "id": ",".join(ids.values())})
        known = {item["id"]: item for item in answers.items(answer)}
        return {receipt: answers.counts(known[video]) if video in known else Gone() for receipt, video in ids.items()}

    def remove(self, receipt: Receipt) -> None:
        video = answers.id_of(receipt)
        if not video:
            raise Refused("{address} names no video.", hint="Remove it at YouTube by hand.", address=receipt.id)
        try:
            self.api.delete(VIDEOS, params={"id": video})
        except answers.Missing:
            return  # gone already


# What is sent


def _video(part: Part) -> Attachment:
    for attachment in part.attachments:
        if attachment.is_video:
            return attachment
    raise Refused("YouTube publishes nothing without a video.", hint="Add one to the release.")


def _read(video: Attachment, start: int) -> bytes:
    with video.path.open("rb") as file:
        file.seek(start)
        return file.read(CHUNK)


def _sendable(text: str) -> str:
    """*text* with other marks in place of < and >, which YouTube takes in no title or description."""
    return text.replace("<", "‹").replace(">", "›")


def _tags(part: Part) -> list[str]:
    """Our mark, then the tags that there is room for."""
    kept = [_mark(part)]
    for tag in part.tags:
        if sum(len(one) + 3 for one in (*kept, tag)) <= TAGS:  # a comma, and quotes that blanks need
            kept.append(_sendable(tag))
    return kept


def _mark(part: Part) -> str:
    """A tag by which the video of *part* is known again."""
    return f"dissem-{part.key}"


def _receipt(part: Part, video: str) -> Receipt:
    return Receipt(id=video, url=f"https://www.youtube.com/{'shorts/' if _is_short(part) else 'watch?v='}{video}")


def _is_short(part: Part) -> bool:
    """By length and shape alone: https://support.google.com/youtube/answer/15424877"""
    shown = _video(part)
    return shown.duration is not None and shown.duration <= SHORT and shown.height >= shown.width
