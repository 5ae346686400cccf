"""Upright videos of a page, reels and stories: bytes go up unseen, one request releases them.

The video's id is known before its bytes are sent, so an upload that broke goes on where it stopped, and after a lost
answer the video itself tells whether it was released. Releasing the same one again makes no second one.
API: https://developers.facebook.com/documentation/video-api/guides/reels-publishing
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedReader, FileIO, RawIOBase
from typing import Any

from dissem.channels.adapter import Attachment, Prepared
from dissem.channels.client import TOTAL, Answer, Client, doubt
from dissem.channels.errors import ChannelError, NotYet, Refused, Stale, Unauthorized, Uncertain, Unreachable
from dissem.channels.facebook_graph import absolute, object_of, translate
from dissem.channels.facebook_page import FacebookPage
from dissem.channels.graph import Missing

LIFE = timedelta(hours=24)  # Facebook names none; what is prepared is not trusted for longer
SPELL = 40.0  # seconds that one request may send bytes; the lease of a step is longer
BRIEF = 10.0  # seconds for a read beside the one request that counts
SHORTEST, LONGEST, LONGEST_STORY = 3.0, 90.0, 60.0  # seconds
RATIO = (0.55, 0.575)  # 9:16, as encoders round it
NARROWEST, LOWEST = 540, 960  # pixels
STATUS = "status,published,permalink_url,post_id"
UNUSABLE = "Convert it to MP4 (H.264, AAC; 24 to 60 pictures a second) and try again."


def upright(video: Attachment) -> bool:
    """Taller than wide, as shown. A square video is not: Facebook publishes it as an ordinary one."""
    return video.height > video.width


def objection(video: Attachment, longest: float = LONGEST) -> Refused | None:
    """Why Facebook would not release *video* as a reel, or as a story where *longest* says so; None: it would.

    Pictures a second and the ways of encoding are not known here.
    """
    seconds = video.duration
    if seconds is not None and not SHORTEST <= seconds <= longest:
        return Refused(
            "Facebook takes upright videos of {least} to {most} seconds; this one lasts {seconds}.",
            hint="Cut it, or use a horizontal video.",
            least=int(SHORTEST),
            most=int(longest),
            seconds=round(seconds, 1),
        )
    if not RATIO[0] <= video.width / video.height <= RATIO[1]:
        return Refused(
            "Facebook takes upright videos of the shape 9:16; this one has {width} × {height} pixels.",
            hint="Save it in 1080 × 1920 pixels.",
            width=video.width,
            height=video.height,
        )
    if video.width < NARROWEST or video.height < LOWEST:
        return Refused(
            "Facebook takes upright videos of at least 540 × 960 pixels; this one has {width} × {height}.",
            hint="Save it in 1080 × 1920 pixels.",
            width=video.width,
            height=video.height,
        )
    return None


@dataclass(frozen=True)
class Seen:
    """A video as Facebook tells it. A phase is "not_started", "in_progress", "complete", "error", or "": not told."""

    state: str  # `video_status`, which says "processing" of half an upload too
    arrived: int | None  # bytes
    uploading: str
    processing: str
    publishing: str
    visible: str  # "published", "draft", "scheduled", or "": not told
    published: bool
    post: str
    url: str
    says: str  # what went wrong, in Facebook's words

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Seen":
        status = node.get("status") or {}
        phases = [status.get(f"{name}_phase") or {} for name in ("uploading", "processing", "publishing")]
        uploading, processing, publishing = (_word(phase.get("status")) for phase in phases)
        return cls(
            state=_word(status.get("video_status")),
            arrived=_bytes(phases[0]),
            uploading=uploading,
            processing=processing,
            publishing=publishing,
            visible=_word(phases[2].get("publish_status")),
            published=node.get("published") is True,
            post=str(node.get("post_id") or ""),
            url=absolute(str(node.get("permalink_url") or "")),
            says=_says(phases),
        )

    @property
    def shown(self) -> bool:
        """An ordinary video is on the page."""
        return self.published and self.state in ("ready", "")

    @property
    def released(self) -> bool:
        """A reel or a story is public. "ready" alone means only that it could be."""
        if self.publishing:
            return self.publishing == "complete" and (self.visible == "published" or (not self.visible and self.shown))
        return self.shown

    @property
    def failed(self) -> bool:
        return self.state in ("error", "expired", "upload_failed") or bool(self.says)

    @property
    def waiting(self) -> bool:
        """Not released, and no request to do so has had an effect."""
        return self.publishing == "not_started" and self.processing != "in_progress" and not self.published

    @property
    def incomplete(self) -> bool:
        """Its bytes never arrived, or are lost."""
        return self.state in ("expired", "upload_failed") or self.uploading in ("not_started", "in_progress", "error")


class Lost(Exception):
    """The upload cannot go on; it begins anew."""


class _Spell(BufferedReader):
    """A file that can be read for `SPELL` seconds: then the request breaks off, and the lease can be renewed."""

    def __init__(self, raw: RawIOBase) -> None:
        super().__init__(raw)
        self.end = time.monotonic() + SPELL

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self.end:
            raise TimeoutError("sent for long enough")
        return super().read(size)


class StagedVideos:
    """The reels, or the stories, of one page: *edge* says which."""

    def __init__(self, page: FacebookPage, edge: str) -> None:
        self.graph, self.settings, self.network = page.graph, page.settings, page.network
        self.path = f"{page.graph.version}/{page.page}/{edge}"

    # Unseen

    def upload(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`video`: its id; `to`: where its bytes go; `arrived`: so many were there last; `sent`: all of them are."""
        resumed = bool(prepared.get("video"))
        if not resumed:
            prepared = self._started()
            yield prepared
        if prepared.get("sent", False):
            return
        try:
            arrived = self._arrived(prepared.get("video"), video) if resumed else 0
            for further in self._sent(prepared, video, arrived):
                prepared = prepared.having(arrived=further)
                yield prepared
        except (Missing, Lost) as lost:
            yield Prepared()
            raise Unreachable("Facebook has forgotten the upload; it begins anew.") from lost
        yield prepared.having(sent=True)

    def _started(self) -> Prepared:
        answer = self._phase("start")
        ids = {"video": str(answer.member("video_id")), "to": str(answer.member("upload_url"))}
        return Prepared(ids).until(datetime.now(UTC) + LIFE)

    def _arrived(self, number: str, video: Attachment) -> int:
        """How many bytes Facebook has from an earlier try."""
        seen = self.look(number)
        if seen.failed:
            raise Lost(seen.state)
        arrived = video.size if seen.uploading == "complete" else seen.arrived or 0
        if arrived > video.size:
            raise Lost("more bytes than the video has")
        return arrived

    def _sent(self, prepared: Prepared, video: Attachment, arrived: int) -> Iterator[int]:
        """Send what is missing. Where a request ends early and Facebook has more than before, go on from there."""
        while arrived < video.size:
            try:
                self._send(prepared.get("to"), video, arrived)
                return
            except Unreachable:
                further = self._arrived(prepared.get("video"), video)
                if further <= arrived:
                    raise
                arrived = further
            yield arrived

    def _send(self, where: str, video: Attachment, start: int) -> None:
        """Everything from byte *start* on, to the address that Facebook names, if it is on the host we know."""
        host = self.settings.upload_url.rstrip("/")
        if not where.startswith(f"{host}/"):
            raise Unauthorized(
                "Facebook names another host for the video than {host}, so the login is not sent there.",
                hint="Correct the channel's setting upload_url.",
                host=host,
            )
        headers = {
            "Authorization": f"OAuth {self.settings.access_token.get_secret_value()}",
            "Content-Type": "application/octet-stream",
            "offset": str(start),
            "file_size": str(video.size),
        }
        uploads = Client(host, network=self.network, translate=_translate_upload)
        with _Spell(FileIO(video.path)) as file:
            file.seek(start)
            answer = uploads.post(where, headers=headers, data=file, total=None)
        if answer.member("success") is not True:
            raise Unreachable("Facebook did not take the video.")

    # Released

    def release(self, prepared: Prepared, **words: str) -> Answer:
        """The irrevocable request, with the *words* that go with the video."""
        number = str(prepared.get("video", ""))
        try:
            answer = self._phase("finish", video_id=number, video_state="PUBLISHED", **words)
        except Refused as refusal:
            raise self._why_not(number, refusal) from refusal
        if answer.member("success") is not True:
            raise doubt(answer.irrevocable, "The platform's answer lacks what was asked for.")
        return answer

    def _why_not(self, number: str, refusal: Refused) -> ChannelError:
        """One that was released before is refused like one that is no good, and one whose bytes are lost as well."""
        try:
            seen = self.look(number, total=BRIEF)
        except ChannelError:
            return refusal
        if seen.waiting and seen.incomplete:
            return Stale("Facebook has lost what was prepared, so it is prepared anew.")
        if seen.waiting or seen.failed:
            return refusal
        return Uncertain("Facebook did not release the video now, perhaps because it did so before.")

    def confirmed(self, number: str) -> Seen:
        """The video once it is public; NotYet before, Refused if Facebook gave it up."""
        seen = self.look(number)
        if seen.released:
            return seen
        if seen.failed:
            raise Refused("Facebook cannot use the video: {says}", hint=UNUSABLE, says=seen.says or seen.state)
        raise NotYet("Facebook is still working on the video.")

    def outcome(self, prepared: Prepared) -> Seen | None:
        """The video if it was released or will be, or failed on the way; None: it surely waits for its release.

        Uncertain while Facebook is at work on it: that may be the upload's doing as well as ours.
        """
        if not (prepared.get("video") and prepared.get("sent", False)):
            return None  # there was nothing to release
        seen = self.look(prepared.get("video"))
        if seen.released or seen.publishing == "in_progress":
            return seen
        if seen.incomplete or (seen.waiting and not seen.failed):
            return None
        if seen.failed:
            return seen
        raise Uncertain("Facebook is at work on the video and does not tell whether it was released.")

    def look(self, number: str, total: float = TOTAL) -> Seen:
        answer = self.graph.request(f"{self.graph.version}/{number}", {"fields": STATUS}, total=total)
        return Seen.of(object_of(answer))

    def _phase(self, phase: str, **arguments: str) -> Answer:
        answer: Answer = self.graph.request(self.path, post_args={"upload_phase": phase, **arguments})
        return answer


def _translate_upload(answer: Answer) -> ChannelError | None:
    """The upload host has a form of its own for what went wrong with bytes, and nothing is public by them."""
    error = translate(answer)
    if error is None and _kind(answer) == "ProcessingFailedError":
        return Missing("Facebook has lost what was sent of the video.")
    if error is None and answer.status not in (401, 403, 429):
        return Unreachable("Facebook did not take the video (HTTP {status}).", status=answer.status)
    return error


def _kind(answer: Answer) -> str:
    try:
        return str(answer.member("debug_info", "type"))
    except ChannelError:
        return ""


# As Facebook tells it: its guide and its description differ in how they spell some of this


def _word(value: Any) -> str:
    word = str(value or "").lower()
    return "complete" if word == "completed" else word


def _bytes(phase: Mapping[str, Any]) -> int | None:
    told = phase.get("bytes_transferred", phase.get("bytes_transfered"))
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def _says(phases: list[Mapping[str, Any]]) -> str:
    for phase in phases:
        for error in (*(phase.get("errors") or ()), phase.get("error")):
            if isinstance(error, dict):
                return str(error.get("message") or error.get("code") or "error")[:300]
        if _word(phase.get("status")) == "error":
            return "error"
    return ""
