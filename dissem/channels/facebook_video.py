"""Ordinary videos of a page, wide or square: bytes in the pieces that Facebook asks for, one request publishes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from dissem.channels.adapter import Attachment, Prepared
from dissem.channels.client import Answer, doubt
from dissem.channels.errors import Unreachable
from dissem.channels.facebook_graph import OtherOffset
from dissem.channels.facebook_page import FacebookPage
from dissem.channels.graph import BadField, Missing

CHUNK = 8 * 2**20  # bytes of a video that we hold in memory at once; Facebook may ask for less
SESSION_LIFE = timedelta(hours=24)  # Facebook names none; a video's session is not trusted for longer


class ChunkedVideos:
    """The videos of one page."""

    def __init__(self, page: FacebookPage) -> None:
        self.graph = page.graph
        self.path = f"{page.graph.version}/{page.page}/videos"

    def upload(self, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`video`, `session`: ids; `start`, `end`: which bytes Facebook asks for next, by its last word."""
        resumed = bool(prepared.get("session"))
        if not resumed:
            prepared = self._begin(video, prepared)
            yield prepared
        while prepared.get("start") < video.size:
            start = prepared.get("start")
            try:
                prepared = prepared.having(**self._transfer(video, prepared))
            except (Missing, BadField) as lost:
                if not resumed:
                    raise
                yield Prepared()
                raise Unreachable("Facebook has forgotten the upload; it begins anew.") from lost
            yield prepared
            if prepared.get("start") <= start:
                raise Unreachable("Facebook does not take the video forward.")  # later, not in an endless circle

    def _begin(self, video: Attachment, prepared: Prepared) -> Prepared:
        answer = self.phase("start", file_size=video.size)
        ids = {"session": str(answer.member("upload_session_id")), "video": str(answer.member("video_id"))}
        return prepared.having(**ids, **_wanted(answer)).until(datetime.now(UTC) + SESSION_LIFE)

    def _transfer(self, video: Attachment, prepared: Prepared) -> dict[str, int]:
        """Send the bytes that Facebook asked for; answers with what it asks for next, also where it corrects us."""
        start, end = prepared.get("start"), prepared.get("end")
        with video.path.open("rb") as file:
            file.seek(start)
            chunk = file.read(max(min(end - start, CHUNK), 1))
        try:
            answer = self.phase(
                "transfer",
                files={"video_file_chunk": (video.sha256, chunk, "application/octet-stream")},
                upload_session_id=prepared.get("session"),
                start_offset=start,
            )
        except OtherOffset as correction:
            return correction.wanted
        return _wanted(answer)

    def publish(self, prepared: Prepared, **words: str) -> None:
        """The irrevocable request, with the *words* that go with the video."""
        answer = self.phase("finish", upload_session_id=prepared.get("session"), **words)
        if answer.member("success") is not True:
            raise doubt(answer.irrevocable, "The platform's answer lacks what was asked for.")

    def phase(self, phase: str, *, files: Any = None, **arguments: Any) -> Answer:
        answer: Answer = self.graph.request(self.path, post_args={"upload_phase": phase, **arguments}, files=files)
        return answer


def _wanted(answer: Answer) -> dict[str, int]:
    """Which bytes of the video Facebook asks for next; both are texts in its answer."""
    try:
        return {"start": int(answer.member("start_offset")), "end": int(answer.member("end_offset"))}
    except (TypeError, ValueError) as error:
        raise Unreachable("The platform's answer could not be read.") from error
