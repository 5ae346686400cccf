"""Refusals in the form that Google's APIs share, and in the other one of its token endpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dissem.rehearsal.wire import Answer, Denied

NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def error(status: int, reason: str, message: str, *, domain: str = "youtube.video", location: str = "") -> Answer:
    """The envelope with one entry; what it means is told by *reason*, the sentence is for people."""
    entry = {"message": message, "domain": domain, "reason": reason}
    if location:
        entry |= {"location": location, "locationType": "other"}
    body: dict[str, object] = {"code": status, "message": message, "errors": [entry]}
    if status in NAMES:
        body["status"] = NAMES[status]
    return Answer(status, {"error": body})


def denied(status: int, reason: str, message: str, **more: str) -> Denied:
    return Denied(error(status, reason, message, **more))


def oauth_denied(status: int, code: str, description: str) -> Denied:
    """RFC 6749, section 5.2."""
    return Denied(Answer(status, {"error": code, "error_description": description}, {"Cache-Control": "no-store"}))


def quota_exceeded(limit: str) -> Denied:
    message = f"The request cannot be completed because you have exceeded your quota: {limit}."
    return denied(403, "quotaExceeded", message, domain="youtube.quota")


def video_not_found() -> Denied:
    message = "The video that you are trying to reach cannot be found."
    return denied(404, "videoNotFound", message, location="body.id")


def closed(names: Iterable[str], known: Collection[str], where: str) -> None:
    """400 for a name that the schema does not have at the place *where*; Google lets none pass."""
    for name in names:
        if name not in known:
            at = f' at "{where}"' if where else ""
            kind = "Cannot find field." if where else "Cannot bind query parameter."
            message = f'Invalid JSON payload received. Unknown name "{name}"{at}: {kind}'
            raise denied(400, "invalid", message, domain="global")
