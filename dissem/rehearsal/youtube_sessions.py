"""Resumable uploads: which bytes a session takes, and how it tells what it has.

Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.wire import Answer, Request
from dissem.rehearsal.youtube_errors import denied

GRAIN = 256 * 1024  # bytes; every piece but the last is a multiple of it
LIFE = timedelta(days=7)
LARGEST = 274_877_906_944  # bytes
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """An upload on its way; `video` is the id of what it became."""

    id: str
    owner: str
    written: dict[str, dict[str, Any]]
    parts: set[str]
    type: str
    total: int | None
    begun: datetime
    held: bytearray = field(default_factory=bytearray, repr=False)
    video: str = ""

    def take(self, request: Request, most: int | None = None) -> bool:
        """Keep the bytes of a request, at most *most* of them; True once the file is whole."""
        said = request.headers.get("content-range")
        if said is None:
            return self._take_rest(request.body)
        found = _RANGE.fullmatch(said)
        if not found:
            raise _bad(f"Failed to parse Content-Range header: {said}")
        self._agree(found[3])
        if found[1] is None:
            if request.body:
                raise _bad("A request for the status of an upload has no body.")
            return self.whole
        return self._take_piece(request.body, int(found[1]), int(found[2]), most)

    @property
    def whole(self) -> bool:
        return self.total is not None and len(self.held) == self.total

    def incomplete(self) -> Answer:
        """308 without a Range means that nothing is stored."""
        return Answer(308, None, {"Range": f"bytes=0-{len(self.held) - 1}"} if self.held else {})

    def _agree(self, total: str) -> None:
        if total == "*":
            return
        if self.total is not None and int(total) != self.total:
            raise _bad(f"The upload was announced with {self.total} bytes, not with {total}.")
        self.total = int(total)

    def _take_rest(self, body: bytes) -> bool:
        """Without a Content-Range the body is the whole file."""
        if self.held or (self.total is not None and len(body) != self.total):
            raise _bad("Without Content-Range a request carries the whole file.")
        self.total = len(body)
        self.held += body
        return True

    def _take_piece(self, body: bytes, first: int, last: int, most: int | None) -> bool:
        if last - first + 1 != len(body):
            raise _bad("The Content-Range does not fit the number of bytes in the body.")
        if self.whole:
            return True
        if first != len(self.held):
            raise _bad(
                f"Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), "
                f"but the uploaded size is {len(self.held)} byte(s)."
            )
        if self.total is not None and last >= self.total:
            raise _bad("The Content-Range goes beyond the end of the file.")
        ends = self.total is not None and last + 1 == self.total
        if not ends and len(body) < GRAIN:
            raise _bad(
                "Invalid request. The number of bytes uploaded is required to be equal or greater than 262144, "
                "except for the final request."
            )
        kept = len(body) if ends else len(body) - len(body) % GRAIN
        self.held += body[: kept if most is None else min(kept, most)]
        return self.whole


def _bad(message: str) -> Exception:
    return denied(400, "badRequest", message, domain="global")
