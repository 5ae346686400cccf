"""X's refusals in its own forms, and what may not be in a request."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Any

from dissem.rehearsal.standin import Live
from dissem.rehearsal.wire import Answer, Denied

PROBLEMS = "https://api.x.com/2/problems/"


def problem(status: int, detail: str, kind: str = "about:blank", title: str = "", **more: Any) -> Answer:
    """A refusal in the form of RFC 7807, as most of X's are."""
    body = {"title": title or HTTPStatus(status).phrase, "detail": detail, "type": kind, "status": status, **more}
    return Answer(status, body, {"Content-Type": "application/problem+json; charset=utf-8"})


def invalid(message: str, **parameters: Any) -> Denied:
    """400, with the sentence about the parameter in `errors`."""
    body = {
        "errors": [{"parameters": {name: [str(value)] for name, value in parameters.items()}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}invalid-request",
    }
    return Denied(Answer(400, body, {"Content-Type": "application/problem+json; charset=utf-8"}))


def absent(kind: str, parameter: str, value: str) -> dict[str, Any]:
    """The entry of `errors` for something that is not there."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}resource-not-found",
    }


def missing(kind: str, parameter: str, value: str) -> Denied:
    """404 about something that is not there."""
    entry = absent(kind, parameter, value)
    return Denied(problem(404, kind=entry.pop("type"), **entry))


def closed(names: Iterable[str], allowed: Collection[str], where: str) -> None:
    """400 when one of the *names* at the place *where* is not *allowed*."""
    for name in names:
        if name not in allowed:
            raise invalid(
                f"{where}.{name}: is not defined in the schema and the schema does not allow additional properties"
            )


def closed_metric(live: Live, name: str) -> dict[str, Any]:
    """The entry of `errors` for counts that X does not show, because the post is too old."""
    return {
        "resource_id": live.id,
        "parameter": name,
        "resource_type": "tweet",
        "section": "data",
        "value": name,
        "title": "Field Authorization Error",
        "detail": f"Sorry, you are not authorized to access '{name}' on the Tweet.",
        "type": f"{PROBLEMS}not-authorized-for-field",
    }
