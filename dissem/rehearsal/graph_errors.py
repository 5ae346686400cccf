"""Errors as the Graph API words them."""

from __future__ import annotations

from typing import Any

from dissem.rehearsal.wire import Answer, Denied


def graph_error(
    code: int,
    message: str,
    subcode: int | None = None,
    *,
    status: int = 400,
    transient: bool = False,
    kind: str = "OAuthException",
    title: str = "",
    told: str = "",
) -> Answer:
    """An error in Graph's form; `finish` adds its trace id."""
    error: dict[str, Any] = {"message": message, "type": kind, "code": code, "is_transient": transient}
    if subcode is not None:
        error["error_subcode"] = subcode
    if told:
        error |= {"error_user_title": title, "error_user_msg": told}
    return Answer(status, {"error": error})


def refusal(code: int, message: str, subcode: int | None = None, **more: Any) -> Denied:
    return Denied(graph_error(code, message, subcode, **more))


def bad_parameter(message: str, subcode: int | None = None, **more: Any) -> Denied:
    return refusal(100, f"(#100) {message}", subcode, **more)


def gone(identity: str, method: str = "get") -> Denied:
    """Not there, or not ours to see: Graph does not tell which."""
    message = (
        f"Unsupported {method} request. Object with ID '{identity}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return refusal(100, message, 33, kind="GraphMethodException")
