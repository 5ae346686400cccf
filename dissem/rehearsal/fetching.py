"""Fetching a file from the public address that a platform was given, as Meta's fetcher does, but on loopback only.

The address must be plain ASCII and answer 200 at once: no redirect, no login, and a Content-Type of what is wanted.
Any other host counts as one that does not answer: a rehearsal reaches no network.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

PATIENCE = 5.0  # seconds until a host counts as one that does not answer
LOOPBACK = {"127.0.0.1", "localhost"}


class NotFetched(Exception):
    """The address gave no file; the text says why."""


def fetched(address: str, family: str, most: int) -> bytes:
    """What lies at *address*, of the media *family* (`image` or `video`); NotFetched otherwise.

    Of a file that is larger than *most* bytes one byte more than those is answered.
    """
    try:
        return _fetched(address, family, most)
    except (OSError, ValueError, HTTPException) as error:
        raise NotFetched(f"{type(error).__name__}: {error}") from error


def _fetched(address: str, family: str, most: int) -> bytes:
    parts = urlsplit(address)
    if not address.isascii() or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise NotFetched("not a plain http or https address")
    if parts.scheme == "https" or parts.hostname not in LOOPBACK:
        raise NotFetched("the rehearsal fetches from loopback only")
    line = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=PATIENCE)
    try:
        line.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        answer = line.getresponse()
        if answer.status != 200:
            raise NotFetched(f"the host answered {answer.status}")
        kind = (answer.getheader("Content-Type") or "").lower()
        if not kind.startswith(f"{family}/"):
            raise NotFetched(f"the host says that it is {kind or 'nothing'}")
        return answer.read(most + 1)
    finally:
        line.close()
