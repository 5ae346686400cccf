"""facebook-sdk 3.1.0, tamed, and what Facebook's refusals mean.

The library names the calls; its own `request` puts the token into addresses and knows no time-out: ours is used. A
refusal is named by its numbers; its words are only shown.
"""

import hashlib
import hmac
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from dissem.channels.client import TOTAL, Answer, Client, doubt
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.graph import BadField, Missing, NoRight, pause

PAGES = 50  # of a hundred objects: more than a page publishes in the years that Facebook lists
_PUBLIC_EDGES = ("/feed", "/photo_stories")


def graph(api: Client, version: str, token: str, secret: SecretStr | None) -> Any:
    """A facebook-sdk client whose every method answers with our Answer, asked and judged by *api*."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # an escape that Python 3.12 and later complain of
        import facebook

    proof = _proof(token, secret)

    class _Graph(facebook.GraphAPI):  # type: ignore[misc]
        def request(
            self,
            path: str,
            args: Any = None,
            post_args: Any = None,
            files: Any = None,
            method: str | None = None,
            total: float = TOTAL,
        ) -> Answer:
            method = method or ("GET" if post_args is None else "POST")
            sent: dict[str, Any] = {"params": _encoded({**(args or {}), **(proof if post_args is None else {})})}
            if post_args is not None:
                sent["data"] = _encoded({**post_args, **proof})
            return api.call(
                method,
                f"/{path}",
                files=files,
                irrevocable=_publishes(path, post_args),
                total=None if files else total,
                **sent,
            )

    made = _Graph(access_token="in the header of every request")  # noqa: S106 - only asked whether there is one
    made.version = version  # its constructor knows none that still lives
    return made


def _proof(token: str, secret: SecretStr | None) -> Mapping[str, str]:
    if secret is None:
        return {}
    digest = hmac.new(secret.get_secret_value().encode(), token.encode(), hashlib.sha256)
    return {"appsecret_proof": digest.hexdigest()}


def _publishes(path: str, post_args: Mapping[str, Any] | None) -> bool:
    """Whether something becomes public by this call."""
    return post_args is not None and (path.endswith(_PUBLIC_EDGES) or post_args.get("upload_phase") == "finish")


def _encoded(arguments: Mapping[str, Any]) -> dict[str, str]:
    """As Graph reads a form: what is not text as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in arguments.items()
        if value is not None
    }


# Reading


def object_of(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; any other JSON is as bad as none."""
    found = answer.json()
    if not isinstance(found, dict):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return found


def listed(graph: Any, page: str, edge: str, **asked: Any) -> Iterator[Mapping[str, Any]]:
    """Everything on an edge of *page*, newest first; LookupError when the list is not whole."""
    following: Mapping[str, str] = {}
    for _ in range(PAGES):
        body = object_of(graph.get_connections(page, edge, **{**asked, **following}))
        yield from body["data"]
        following = _following(body)
        if not following:
            return
    raise LookupError("more pages than a page can have")


def _following(body: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of the page after this one, empty after the last: taken from `next`, whose address has the token."""
    address = (body.get("paging") or {}).get("next")
    asked = dict(parse_qsl(urlsplit(address).query)) if address else {}
    return {name: value for name, value in asked.items() if name not in ("access_token", "appsecret_proof", "fields")}


def address(post: str) -> str:
    """Where people find an object, when Facebook names no better address."""
    return f"https://www.facebook.com/{post}"


def absolute(link: str) -> str:
    """Facebook names a video's address without the host."""
    return address(link.lstrip("/")) if link.startswith("/") else link


# What Facebook answers


class OtherOffset(Refused):
    """Facebook wants other bytes of the video than it was sent."""

    wanted: dict[str, int]


_OWN_TROUBLE = {1, 2, -1, -2, 1363047, 1609010}
_PAUSES = {4, 17, 32, 341, 613, 80001, 80002, 1390008}
_LOGIN = {190, 102, 2500, 490}
_RIGHTS = {3, 10, 1404078, *range(200, 300)}
_BLOCKED = {368, 1346003, 1404102, 1404112}
_REPEATED = {506, 1366051, 1455006, 368}  # 368 is said of repeats and of blocked accounts; only its text differs
_LOGIN_HINTS = {
    458: "The app was removed from the page: connect the channel again.",
    459: "Log in at Facebook and pass its check.",
    460: "The password was changed: connect the channel again.",
    463: "The login has ended: connect the channel again.",
    464: "Log in at Facebook and pass its check.",
    467: "The login is no longer valid: connect the channel again.",
    492: "The person who connected the channel has no role on the page any more.",
}
_OFFSET_SUBCODE = 1363037


def translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal, by status, code and subcode; None leaves it to the status."""
    error = _error(answer)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    codes = {code, *([subcode] if subcode > 100_000 else [])}  # the short subcodes mean something by their code only
    told: dict[str, Any] = {
        "says": str(error.get("error_user_msg") or error.get("message") or "")[:300],
        "trace": str(error.get("fbtrace_id") or ""),  # what Facebook's support asks for
    }
    if answer.status >= 500 or codes & _OWN_TROUBLE:
        return doubt(answer.irrevocable, "Facebook answered with an error of its own ({code}).", code=code, **told)
    if codes & _PAUSES or answer.status == 429:
        return Throttled("Facebook asks for a pause.", retry_after=pause(answer.headers))
    if answer.irrevocable and codes & _REPEATED:
        return Uncertain("Facebook did not take the post, perhaps because it has it already: {says}", **told)
    if codes & _LOGIN:
        hint = _LOGIN_HINTS.get(subcode, "Connect the channel again.")
        return Unauthorized("Facebook does not accept the channel's login: {says}", hint=hint, **told)
    if codes & _RIGHTS or codes & _BLOCKED:
        hint = "Look at the page's rights and notices at Facebook."
        kind = NoRight if codes & _RIGHTS else Unauthorized
        return kind("Facebook does not let this page act: {says}", hint=hint, **told)
    if error.get("is_transient") is True:
        return doubt(answer.irrevocable, "Facebook answered with an error of its own ({code}).", code=code, **told)
    if subcode == _OFFSET_SUBCODE:
        return _other_offset(error)
    if (code, subcode) == (100, 33) or code == 803:
        return Missing("Facebook does not have it, or does not show it to this page.", **told)
    if not error:
        return None
    if code == 100:
        return BadField("Facebook refused it: {says}", **told)
    return Refused("Facebook refused it: {says}", **told)


def _other_offset(error: Mapping[str, Any]) -> ChannelError:
    refusal = OtherOffset("Facebook refused the video.")
    try:
        data = error["error_data"]
        data = json.loads(data) if isinstance(data, str) else data
        refusal.wanted = {"start": int(data["start_offset"]), "end": int(data["end_offset"])}
    except (KeyError, TypeError, ValueError):
        return Unreachable("Facebook wants another piece of the video and does not say which.")
    return refusal


def _error(answer: Answer) -> Mapping[str, Any]:
    """The `error` of the JSON; empty for HTML, nothing, or another shape."""
    try:
        error = answer.member("error")
    except ChannelError:
        return {}
    return error if isinstance(error, dict) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
