"""The way to a Bluesky account: a session made from the app password, renewed in time, and errors by their names.

An access token ends after about two hours, and logins are counted (300 a day), so one session serves all threads and
goes on by its refresh token. API: https://docs.bsky.app/docs/api/com-atproto-server-create-session
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dissem.channels.client import LONGEST_WAIT, Answer, Client, doubt, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Unreachable
from dissem.channels.network import Network

LIFE = 60 * 60  # seconds a session is used before it is renewed; access tokens last twice as long
PATIENCE = 10.0  # seconds for a login: with one before `publish` the two still fit into its lease

_ENDED = {"ExpiredToken", "InvalidToken"}  # told with status 400
_GONE = {"RecordNotFound"}


@dataclass(frozen=True)
class Session:
    """Who we are, at which server, and the tokens of the moment."""

    did: str
    handle: str
    server: str  # address of the account's own server, which may be another than where one logs in
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    since: float  # of the monotonic clock


class Ended(Unauthorized):
    """The token has ended: nothing was done, and another one may be had."""


class Missing(Refused):
    """There is no such record."""


class Login:
    """Speaks for the account *identifier* at *api_url*. Any number of threads may use it."""

    def __init__(self, api_url: str, identifier: str, app_password: str, *, network: Network) -> None:
        self.api = Client(api_url, network=network, translate=_translate)
        self._identifier, self._password = identifier, app_password
        self._held: Session | None = None
        self._lock = threading.Lock()

    def session(self, ended: str = "") -> Session:
        """The session, and another one than that whose access token is *ended*."""
        with self._lock:
            if self._held is None:
                self._held = self._opened()
            elif self._held.access == ended or time.monotonic() - self._held.since > LIFE:
                self._held = self._renewed(self._held)
            return self._held

    def call(self, method: str, name: str, **options: Any) -> Answer:
        """The answer to a call that may be made twice; where the session had ended it is, with the next one."""
        session = self.session()
        try:
            return self._send(session, method, name, **options)
        except Ended:
            return self._send(self.session(ended=session.access), method, name, **options)

    def once(self, name: str, **options: Any) -> Answer:
        """The answer to the irrevocable call: made once. A session that had ended is renewed for the next try."""
        session = self.session()
        try:
            return self._send(session, "POST", name, irrevocable=True, **options)
        except Ended as error:
            self.session(ended=session.access)
            raise Unreachable("The login had ended and was renewed; nothing was sent.") from error

    def _send(self, session: Session, method: str, name: str, **options: Any) -> Answer:
        headers = {**options.pop("headers", {}), **_bearing(session.access)}
        return self.api.call(method, f"{session.server}/xrpc/{name}", headers=headers, **options)

    def _opened(self) -> Session:
        asked = {"identifier": self._identifier, "password": self._password}
        return self._told(self.api.post("/xrpc/com.atproto.server.createSession", json=asked, total=PATIENCE))

    def _renewed(self, held: Session) -> Session:
        """The next session by the refresh token, which takes no body; by the app password where that has ended."""
        address = f"{held.server}/xrpc/com.atproto.server.refreshSession"
        try:
            return self._told(self.api.post(address, headers=_bearing(held.refresh), total=PATIENCE))
        except Ended:
            return self._opened()

    def _told(self, answer: Answer) -> Session:
        did = answer.member("did")
        require_active(answer.json())
        return Session(
            did=did,
            handle=answer.member("handle"),
            server=_server(answer.json().get("didDoc")) or self.api.base,
            access=answer.member("accessJwt"),
            refresh=answer.member("refreshJwt"),
            since=time.monotonic(),
        )


def require_active(account: Mapping[str, Any]) -> None:
    """Unauthorized for an account that is taken down, suspended or deactivated."""
    if account.get("active") is False:
        raise Unauthorized("The Bluesky account is {state}.", state=str(account.get("status") or "not active"))


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _server(document: Any) -> str:
    """The account's own server by its DID document; empty where that is missing."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else ():
        if isinstance(service, dict) and str(service.get("id", "")).endswith("#atproto_pds"):
            return str(service.get("serviceEndpoint", "")).rstrip("/")
    return ""


def _translate(answer: Answer) -> ChannelError | None:
    """By the error's name; the status decides only where there is none."""
    name, reason = told(answer)
    if name in _ENDED:
        return Ended("The login at Bluesky has ended.", hint="Connect the channel again.")
    if answer.status == 429:
        return Throttled("The platform asks for a pause.", retry_after=_wait(answer.headers))
    if name in _GONE:
        return Missing("Bluesky does not know what was asked for.")
    if name == "InvalidSwap":  # something is at our key, and what could that be but our post
        return doubt(answer.irrevocable, "Bluesky says that there is a post under this key already.")
    if name == "BlobNotFound":  # dropped before its post came: uploaded again when what was prepared has ended
        return Unreachable("Bluesky has dropped an uploaded file.")
    if name == "AuthFactorTokenRequired":
        return Unauthorized("This is the account's own password.", hint="Make an app password in Bluesky's settings.")
    if answer.status in (401, 403):
        return Unauthorized("Bluesky does not let this account do that: {reason}", reason=reason)
    if 400 <= answer.status < 500 and answer.status != 408:
        return Refused("Bluesky refused it: {reason}", reason=reason)
    return None


def told(answer: Answer) -> tuple[str, str]:
    """Name and sentence of an error; what stands before the server answers with pages, and has neither."""
    try:
        body = answer.json()
        return str(body["error"]), str(body.get("message") or body["error"])[:300]
    except (ChannelError, KeyError, TypeError, AttributeError):
        return "", f"HTTP {answer.status}"


def _wait(headers: Mapping[str, str]) -> timedelta | None:
    """Retry-After, else the time until RateLimit-Reset, in seconds since 1970."""
    if "Retry-After" in headers:
        return retry_after(headers["Retry-After"])
    try:
        wait = datetime.fromtimestamp(int(headers["RateLimit-Reset"]), UTC) - datetime.now(UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)
