"""What YouTube answers: its refusals by their reasons, and its resources, read with care.

Source: https://developers.google.com/youtube/v3/docs/errors
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dissem.channels.adapter import Counts, Gone, Receipt
from dissem.channels.client import Answer, doubt, retry_after
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Unreachable

POLL, LONGEST_POLL = timedelta(seconds=30), timedelta(minutes=5)  # between two looks at a video in processing
PATIENCE = 3  # looks that may miss a new video before it counts as deleted
CHANNEL_PAUSE = timedelta(hours=24)  # after a channel's own cap of uploads
_LINKED = re.compile(r"(?:[?&]v=|youtu\.be/|/(?:shorts|live|embed)/)([\w-]+)")


class Missing(Refused):
    """What was asked for is not there."""


class Forbidden(Unauthorized):
    """`forbidden`: this account may not do this one thing."""


class Enough(Throttled):
    """`uploadRateLimitExceeded`: too many of this kind, thumbnails for one, for some time."""


_PAUSES = {"rateLimitExceeded", "userRateLimitExceeded", "servingLimitExceeded"}
_DAILY = {"quotaExceeded", "dailyLimitExceeded"}
OUT_OF_STEP = {"badRequest", "conflict", "requestedRangeNotSatisfiable"}  # of a piece
_ACCOUNT_ENDED = {"uploaderAccountSuspended", "uploaderAccountClosed"}


def translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal, by the reason of its first entry; None leaves it to the status."""
    reason, says = _told(answer)
    if reason in _DAILY:
        return Throttled("YouTube's quota of this app is used up for today.", retry_after=_to_reset(datetime.now(UTC)))
    if reason == "uploadLimitExceeded":
        return Throttled("This channel may upload no more videos today.", retry_after=CHANNEL_PAUSE)
    if reason in _PAUSES or reason == "uploadRateLimitExceeded":
        kind = Throttled if reason in _PAUSES else Enough
        return kind("YouTube asks for a pause.", retry_after=retry_after(answer.headers.get("Retry-After")))
    if answer.status in (404, 410):
        return Missing("YouTube does not have what was asked for: {says}", says=says)
    if reason == "youtubeSignupRequired" or (answer.status == 403 and reason):
        refusal = Forbidden if reason == "forbidden" else Unauthorized
        return refusal("YouTube does not let this account do that: {says}", says=says, reason=reason)
    if reason and answer.status not in (401, 408, 429) and answer.status < 500:
        return Refused("YouTube refused it: {says}", says=says, reason=reason)
    return None


def _told(answer: Answer) -> tuple[str, str]:
    """Reason and sentence of a refusal; no reason where it is a page, or nothing."""
    try:
        entry = answer.member("error", "errors", 0)
        return str(entry["reason"])[:60], str(entry.get("message") or entry["reason"])[:300]
    except (ChannelError, LookupError, TypeError, AttributeError):
        return "", f"HTTP {answer.status}"


def _to_reset(now: datetime) -> timedelta:
    """Until midnight in California, when the quotas of a day begin anew."""
    pacific = ZoneInfo("America/Los_Angeles")
    tomorrow = now.astimezone(pacific).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), pacific).astimezone(UTC) - now


def items(answer: Answer) -> list[dict[str, Any]]:
    """What a listing holds; YouTube leaves `items` out where there is nothing."""
    body = answer.json()
    items = body.get("items", []) if isinstance(body, dict) and "kind" in body else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and isinstance(i.get("id"), str) for i in items):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return items


def section(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The part *name* of a resource; empty if it is not there."""
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def stored(answer: Answer) -> int:
    """How many bytes YouTube has; without a Range none."""
    said = answer.headers.get("Range")
    found = re.fullmatch(r"bytes=0-(\d+)", said or "bytes=0-0")
    if not found:
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return int(found[1]) + 1 if said else 0


def id_in(answer: Answer) -> str:
    found = answer.member("id")
    if not isinstance(found, str) or not re.fullmatch(r"[\w-]+", found):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def unprocessed(status: Mapping[str, Any] | None, asked: int) -> ChannelError:
    """Why a video that is not processed cannot be published now; *asked*: how often we looked, this look included."""
    match status["uploadStatus"] if status else "missing":
        case "failed":
            return Refused(
                "YouTube cannot use the video: {why}",
                hint="Convert it to MP4 (H.264, AAC) and add that file.",
                why=str((status or {}).get("failureReason"))[:60],
            )
        case "rejected":
            return _rejected(str((status or {}).get("rejectionReason"))[:60])
        case "deleted":
            return Unreachable("The video is no longer at YouTube; it is uploaded anew.")
        case "missing" if asked > PATIENCE:
            return Unreachable("The video is no longer at YouTube; it is uploaded anew.")
    return NotYet(
        "YouTube is still working on the video.", retry_after=min(POLL * 2 ** min(asked - 1, 9), LONGEST_POLL)
    )


def _rejected(why: str) -> ChannelError:
    if why in _ACCOUNT_ENDED:
        return Unauthorized("YouTube has suspended or closed this channel.", hint="Log in at YouTube and see.")
    if why == "duplicate":
        return Refused(
            "This very video is in the channel already.",
            hint="If nobody needs the other one, delete it at YouTube; then: dissem delivery retry",
        )
    return Refused("YouTube has rejected the video: {why}", hint="See its page at YouTube Studio.", why=why)


def id_of(receipt: Receipt) -> str:
    """The video's id, also where a person gave its address; empty if there is none in it."""
    found = _LINKED.search(receipt.id)
    if found:
        return found[1]
    return receipt.id if re.fullmatch(r"[\w-]+", receipt.id) else ""


def counts(video: Mapping[str, Any]) -> Counts | Gone:
    if section(video, "status").get("uploadStatus") in ("rejected", "deleted"):
        return Gone()
    told = section(video, "statistics")
    return Counts(
        views=_number(told.get("viewCount")),
        likes=_number(told.get("likeCount")),
        comments=_number(told.get("commentCount")),
        raw=told,
    )


def _number(told: Any) -> int | None:
    """Counts come as texts."""
    return int(told) if re.fullmatch(r"\d+", str(told)) else None
