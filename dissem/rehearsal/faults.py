"""What may go wrong with one request, as verbs to be scripted: `board.script("publish", drop(), accept())`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verb:
    """What shall happen to one request instead of the usual."""

    kind: str
    status: int | None = None
    body: Any = None
    seconds: float | None = None
    times: int = 1


def accept() -> Verb:
    """Nothing special: lets one request pass before the next verb."""
    return Verb("accept")


def refuse(status: int | None = None, body: Any = None) -> Verb:
    """The platform's own permanent refusal, or the given one; nothing is done."""
    return Verb("refuse", status=status, body=body)


def drop() -> Verb:
    """The request is read, the line closes without an answer, nothing is done."""
    return Verb("drop")


def drop_after_accepting() -> Verb:
    """The request is carried out, the line closes without an answer."""
    return Verb("drop_after_accepting")


def late(seconds: float) -> Verb:
    """The request is carried out at once and answered after *seconds*."""
    return Verb("late", seconds=seconds)


def error_before(status: int = 500, body: Any = None) -> Verb:
    """The platform's own form of a server error; nothing is done."""
    return Verb("error_before", status=status, body=body)


def reply(status: int, body: Any = None) -> Verb:
    """The same as `error_before`, as a script reads best."""
    return error_before(status, body)


def error_after_accepting(status: int = 500, body: Any = None) -> Verb:
    """The request is carried out, and the answer is a server error all the same."""
    return Verb("error_after_accepting", status=status, body=body)


def throttle(retry_after: float | None = None) -> Verb:
    """429 as the platform words it; without seconds the platform names no time, where it can do so."""
    return Verb("throttle", seconds=retry_after)


def expired_token() -> Verb:
    """What the platform says to a token that was good once."""
    return Verb("expired_token")


def html() -> Verb:
    """200 with a page made by something in between, such as a captive portal; nothing is done."""
    return Verb("html")


def duplicate() -> Verb:
    """The platform's refusal of a repeated post, where it has one."""
    return Verb("duplicate")


def lag(times: int) -> Verb:
    """The newest post stays out of this many listings."""
    return Verb("lag", times=times)


def reset() -> Verb:
    """The request is read, the line is reset (RST), nothing is done."""
    return Verb("reset")


VERBS: Mapping[str, Callable[..., Verb]] = {
    verb.__name__: verb
    for verb in (
        accept,
        refuse,
        drop,
        drop_after_accepting,
        late,
        error_before,
        reply,
        error_after_accepting,
        throttle,
        expired_token,
        html,
        duplicate,
        lag,
        reset,
    )
}

NOTHING_DONE = {"drop", "reset", "refuse", "error_before", "throttle", "expired_token", "html", "duplicate"}
PORTAL = (
    "<!DOCTYPE html>\n<html><head><title>Masuk</title></head><body><h1>Silakan masuk ke jaringan</h1></body></html>"
)
