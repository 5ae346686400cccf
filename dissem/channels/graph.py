"""The Graph API as Instagram and Threads share it: calls by version, errors by code and subcode, listings, insights.

The token travels in a header, never in an address. A refusal is named by its numbers; its words are only shown.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from dissem.channels.client import TOTAL, Answer, Client, doubt, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized
from dissem.channels.network import Network

PAGE, PAGES = 50, 40  # objects a listing, and listings read before giving up
LONGEST_PAUSE = timedelta(hours=24)

_OWN_TROUBLE = {1, 2, -1, -2}
_PAUSES = {4, 17, 32, 341, 613, 80002}
_LOGIN = {190, 102, 2500, 490}
_RIGHTS = {3, 10, *range(200, 300)}


class Missing(Refused):
    """The object is not there, or not ours to see: Graph does not tell which."""


class BadField(Refused):
    """A field, metric or other parameter that Graph does not know (any more)."""


class NoRight(Unauthorized):
    """The token lacks a permission for this."""


@dataclass(frozen=True)
class Fault:
    """What an error answer says. Both numbers are 0 where there are none."""

    code: int = 0
    subcode: int = 0
    transient: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)  # for a sentence: {says} and {platform}

    def __bool__(self) -> bool:
        return bool(self.code or self.subcode)


class Graph:
    """Calls under one version of one host, with one token."""

    def __init__(
        self,
        base: str,
        version: str,
        token: SecretStr,
        *,
        network: Network,
        translate: Callable[[Answer], ChannelError | None],
        secret: SecretStr | None = None,
    ) -> None:
        bearer = token.get_secret_value()
        self.version = version
        self.api = Client(base, network=network, bearer=bearer, translate=translate)
        self.proof = _proof(bearer, secret)

    def get(self, path: str = "", *, total: float = TOTAL, **params: Any) -> Answer:
        return self.api.get(f"/{self.version}/{path}", params={**params, **self.proof}, total=total)

    def post(self, path: str, *, irrevocable: bool = False, **form: Any) -> Answer:
        return self.api.post(f"/{self.version}/{path}", data={**form, **self.proof}, irrevocable=irrevocable)

    def delete(self, path: str) -> Answer:
        return self.api.delete(f"/{self.version}/{path}", params=self.proof)

    def listed(self, path: str, since: datetime, **params: Any) -> Iterator[Mapping[str, Any]]:
        """Everything on the edge *path* made at *since* or later, newest first; each object needs a `timestamp` field.

        Raises LookupError or another of Python's own errors when the listing is not whole.
        """
        following: Mapping[str, str] = {"since": str(int(since.timestamp())), "limit": str(PAGE)}
        for _ in range(PAGES):
            body = self.get(path, **{**params, **following}).json()
            for one in body["data"]:
                if datetime.fromisoformat(one["timestamp"]) >= since.replace(microsecond=0):
                    yield one
            following = _following(body)
            if not following:
                return
        raise LookupError("more pages than are worth reading")


def fault(answer: Answer, platform: str) -> Fault:
    """The `error` of the JSON; an empty one for HTML, nothing, or another shape."""
    try:
        error = answer.member("error")
    except ChannelError:
        error = None
    if not isinstance(error, dict):
        return Fault(told={"platform": platform, "says": ""})
    told = {
        "platform": platform,
        "says": str(error.get("error_user_msg") or error.get("message") or "")[:300],
        "trace": str(error.get("fbtrace_id") or ""),
    }
    return Fault(_number(error, "code"), _number(error, "error_subcode"), error.get("is_transient") is True, told)


def named(answer: Answer, fault: Fault) -> ChannelError | None:
    """What codes mean all over Graph; None leaves it to the status."""
    code, told = fault.code, fault.told
    if answer.status >= 500 or code in _OWN_TROUBLE:
        return _own_trouble(answer, fault)
    if code in _PAUSES or answer.status == 429:
        return Throttled("{platform} asks for a pause.", retry_after=pause(answer.headers), **told)
    if code in _LOGIN:
        hint = "Connect the channel again."
        return Unauthorized("{platform} does not accept the channel's login: {says}", hint=hint, **told)
    if code in _RIGHTS:
        hint = "Look at the account's rights and notices at {platform}."
        return NoRight("{platform} does not let this account act: {says}", hint=hint, **told)
    if fault.transient:
        return _own_trouble(answer, fault)
    if (code, fault.subcode) == (100, 33):
        if answer.irrevocable:  # seen where the platform could not read back what it had just published
            return _own_trouble(answer, fault)
        return Missing("{platform} does not have it, or does not show it to this account.", **told)
    if code == 100:
        return BadField("{platform} refused it: {says}", **told)
    return Refused("{platform} refused it: {says}", **told) if fault else None


def pause(headers: Mapping[str, str]) -> timedelta | None:
    """The longest wait, in minutes, that the header about the account's use tells; else what Retry-After asks for."""
    try:
        use = json.loads(headers.get("X-Business-Use-Case-Usage") or "{}")
        minutes = [entry.get("estimated_time_to_regain_access", 0) for entries in use.values() for entry in entries]
        wait = timedelta(minutes=max(minutes, default=0))
    except (ValueError, TypeError, AttributeError, OverflowError):
        wait = timedelta()
    return wait if timedelta() < wait <= LONGEST_PAUSE else retry_after(headers.get("Retry-After"))


def insights(node: Mapping[str, Any]) -> dict[str, int]:
    """Metrics by name; one that is not told is left out."""
    found = {}
    for metric in node.get("data") or ():
        values = metric.get("values") or [metric.get("total_value") or {}]
        value = values[0].get("value")
        if isinstance(value, int):
            found[str(metric.get("name"))] = value
    return found


def _own_trouble(answer: Answer, fault: Fault) -> ChannelError:
    text = "{platform} answered with an error of its own ({code})."
    return doubt(answer.irrevocable, text, code=fault.code or answer.status, **fault.told)


def _number(error: Mapping[str, Any], name: str) -> int:
    value = error.get(name)
    return value if isinstance(value, int) else 0


def _proof(token: str, secret: SecretStr | None) -> Mapping[str, str]:
    if secret is None:
        return {}
    digest = hmac.new(secret.get_secret_value().encode(), token.encode(), hashlib.sha256)
    return {"appsecret_proof": digest.hexdigest()}


def _following(body: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of the page after this one, empty after the last: taken from `next`, whose address has the token."""
    address = (body.get("paging") or {}).get("next")
    asked = dict(parse_qsl(urlsplit(address).query)) if address else {}
    return {name: value for name, value in asked.items() if name in ("after", "since", "until", "limit")}
