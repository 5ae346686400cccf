"""How LinkedIn says no, and what follows from it: its codes decide, the status where it gives none.

Its own words are read in one case only: a repetition that comes without a code. Missing one could publish twice.
Errors: https://learn.microsoft.com/linkedin/shared/api-guide/concepts/error-handling
"""

import re
from collections.abc import Mapping
from typing import Any

from dissem.channels.client import Answer, doubt, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Unreachable

POST = re.compile(r"urn:li:(share|ugcPost):\d+")

_VERSION = {"VERSION_MISSING", "INVALID_VERSION", "NONEXISTENT_VERSION"}
_NOT_READY = {"MEDIA_ASSET_WAITING_UPLOAD", "EXPIRED_UPLOAD_URL"}


class Denied(Unauthorized):
    """403: the member's role or the token's scopes do not allow it."""


class Missing(Refused):
    """404: no such thing here."""


class Expired(Unreachable):
    """The address for an upload has had its time."""


def translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal; None leaves it to the status."""
    problem = _problem(answer)
    codes, says = _codes(problem), str(problem.get("message") or f"HTTP {answer.status}").strip()[:300]
    if answer.status == 426 or codes & _VERSION:
        return Unauthorized(
            "LinkedIn no longer answers the API version that this channel asks for.",
            hint="Set the channel's version to a newer one.",
        )
    if _is_repetition(codes, says):
        return doubt(answer.irrevocable, "LinkedIn says that it has this post already: {post}", post=_urn_in(says))
    if answer.status == 403:
        return Denied("LinkedIn does not let this member do that: {says}", says=says)
    if answer.status == 404:
        return Missing("LinkedIn does not have what was asked for: {says}", says=says)
    if answer.status == 409:
        return doubt(answer.irrevocable, "LinkedIn asks to try again: {says}", says=says)
    if codes & _NOT_READY:
        return Unreachable("LinkedIn has not received the file.")
    if answer.status in (400, 413, 415, 422):
        return Refused("LinkedIn refused the post: {says}", says=says)
    return None


def translate_storage(answer: Answer) -> ChannelError | None:
    """What stores the parts of a video knows no login: whatever it refuses, a new address is needed."""
    if answer.status == 429:
        return Throttled("The platform asks for a pause.", retry_after=retry_after(answer.headers.get("Retry-After")))
    if 400 <= answer.status < 500 and answer.status != 408:
        return Expired("LinkedIn no longer takes the video at this address; it begins anew.")
    return None


def _problem(answer: Answer) -> Mapping[str, Any]:
    """The refusal's JSON object; empty where an answer is none."""
    try:
        found = answer.json()
    except ChannelError:
        return {}
    return found if isinstance(found, dict) else {}


def _codes(problem: Mapping[str, Any]) -> set[str]:
    """The code of a refusal, and those of what was wrong in the input."""
    details = problem.get("errorDetails")
    inputs = details.get("inputErrors") if isinstance(details, dict) else None
    listed = [one for one in inputs or () if isinstance(one, dict)]
    return {str(one["code"]) for one in (problem, *listed) if one.get("code")}


def _is_repetition(codes: set[str], says: str) -> bool:
    return "DUPLICATE_POST" in codes or (not codes and "duplicate of urn:li:" in says)


def _urn_in(says: str) -> str:
    found = POST.search(says)
    return found[0] if found else "?"
