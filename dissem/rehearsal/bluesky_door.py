"""The door of a Bluesky server: sessions of an app password, tokens for other services, and its wording of refusals.

An access token lasts two hours, a refresh token ninety days; one that was used goes on for two hours more.
Sources: https://docs.bsky.app/docs/api/com-atproto-server-create-session, -refresh-session, -get-service-auth
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from dissem.rehearsal.bluesky_records import MAX_BYTES, POST
from dissem.rehearsal.page import document
from dissem.rehearsal.standin import Account, Standin, route
from dissem.rehearsal.wire import Answer, Denied, Request

ACCESS_LIFE, REFRESH_LIFE, GRACE = timedelta(minutes=120), timedelta(days=90), timedelta(hours=2)
SERVICE_LIFE = timedelta(hours=1)  # the longest that a token for another service may last
BLOB_BYTES = 5 * 2**20  # what a server takes unless it is told otherwise
ERRORS = {
    500: ("InternalServerError", "Internal Server Error"),
    502: ("UpstreamFailure", "Upstream Failure"),
    503: ("NotEnoughResources", "Not Enough Resources"),
    504: ("UpstreamTimeout", "Upstream Timeout"),
}
LOGIN_FIELDS = {"identifier", "password", "authFactorToken", "allowTakendown"}


@dataclass
class Token:
    """What a bearer token is good for. *used*: when a refresh token was exchanged for the next one."""

    did: str
    kind: str  # "access", "refresh", or the method that a service token is for
    expires: datetime
    audience: str = ""
    used: datetime | None = None


def denied(status: int, name: str, message: str) -> Denied:
    return Denied(Answer(status, {"error": name, "message": message}))


def invalid(message: str, name: str = "InvalidRequest") -> Denied:
    return denied(400, name, message)


class BlueskyDoor(Standin):
    """Two accounts, whose `token` is an app password; `states` says which are taken down, suspended or deactivated."""

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        accounts = (
            Account("did:plc:gladihumaspadang22222222", "humas.padang.example", "Humas Kota", "gladi-humas-bsky-aaaa"),
            Account("did:plc:gladidishubpadang2222222", "dishub.padang.example", "Dishub", "gladi-dishub-bsky-aaaa"),
        )
        super().__init__(accounts=accounts, port=port, now=now)
        self.blob_bytes = BLOB_BYTES
        self.states: dict[str, str] = {}  # by DID
        self.tokens: dict[str, Token] = {}
        self._revoked: set[str] = set()
        self._numbers = 0

    # Sessions

    @route("POST", "/xrpc/com.atproto.server.createSession", label="login")
    def create_session(self, request: Request) -> Answer:
        asked = self._input(request, LOGIN_FIELDS, ("identifier", "password"))
        account = self._named(str(asked["identifier"]).lower())
        if account is None or asked["password"] != account.token or account.id in self._revoked:
            raise denied(401, "AuthenticationRequired", "Invalid identifier or password")
        self._require_not_taken_down(account)
        return Answer(200, self._session(account))

    @route("POST", "/xrpc/com.atproto.server.refreshSession", label="refresh")
    def refresh_session(self, request: Request) -> Answer:
        if request.body:
            raise invalid("A request body was provided when none was expected")
        token = self._token(request, "refresh")
        account = self._account_of(token)
        self._require_not_taken_down(account)
        if account.id in self._revoked or (token.used and self.clock() > token.used + GRACE):
            raise invalid("Token has been revoked", "ExpiredToken")
        token.used = token.used or self.clock()
        return Answer(200, self._session(account))

    @route("GET", "/xrpc/com.atproto.server.getSession", label="account")
    def get_session(self, request: Request) -> Answer:
        account = self._account_of(self._token(request, "access"))
        return Answer(200, self._about(account))

    @route("GET", "/xrpc/com.atproto.server.describeServer", label="server")
    def describe_server(self, request: Request) -> Answer:
        about = {"did": self.service, "availableUserDomains": [".padang.example"], "inviteCodeRequired": True}
        return Answer(200, {**about, "blobUploadLimit": self.blob_bytes})

    @route("GET", "/xrpc/com.atproto.server.getServiceAuth", label="service")
    def get_service_auth(self, request: Request) -> Answer:
        account = self._writer(request)
        request.entry.unknown_fields += sorted(set(request.query) - {"aud", "exp", "lxm"})
        audience, method = request.one("aud") or "", request.one("lxm")
        if not audience.startswith("did:"):
            raise invalid("aud must be a valid atproto DID or did#serviceId reference")
        expires = self._service_expiry(request.one("exp"), method)
        return Answer(200, {"token": self._issue(Token(account.id, method or "", expires, audience))})

    @property
    def service(self) -> str:
        """The server's own DID; a port is written as the method did:web writes it."""
        return f"did:web:{quote(self.url.removeprefix('http://'), safe='')}"

    def revoke(self, account: Account | None = None) -> None:
        """Take the app password back, as its owner can: what it was exchanged for lasts to its end and no longer."""
        self._revoked.add((account or self.accounts[0]).id)

    def end_sessions(self) -> None:
        """Let every access token end now; refresh tokens stay good."""
        for token in self.tokens.values():
            if token.kind == "access":
                token.expires = self.clock() - timedelta(seconds=1)

    def _session(self, account: Account) -> dict[str, Any]:
        now = self.clock()
        return {
            **self._about(account),
            "accessJwt": self._issue(Token(account.id, "access", now + ACCESS_LIFE)),
            "refreshJwt": self._issue(Token(account.id, "refresh", now + REFRESH_LIFE)),
        }

    def _about(self, account: Account) -> dict[str, Any]:
        state = self.states.get(account.id)
        endpoint = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.url}
        document = {"id": account.id, "alsoKnownAs": [f"at://{account.handle}"], "service": [endpoint]}
        about = {"did": account.id, "handle": account.handle, "didDoc": document, "active": state is None}
        return {**about, "emailConfirmed": True, **({"status": state} if state else {})}

    def _issue(self, token: Token) -> str:
        self._numbers += 1
        name = f"gladi-{token.kind.rpartition('.')[2]}-{self._numbers}-jwt"
        self.tokens[name] = token
        return name

    def _service_expiry(self, asked: str | None, method: str | None) -> datetime:
        now = self.clock()
        if asked is None:
            return now + timedelta(minutes=1)
        if not asked.isdigit():
            raise invalid("Error: exp must be an integer")
        expires = datetime.fromtimestamp(int(asked), UTC)
        if expires < now:
            raise invalid("expiration is in past", "BadExpiration")
        if expires > now + (SERVICE_LIFE if method else timedelta(minutes=1)):
            raise invalid("cannot request a token with an expiration so far in the future", "BadExpiration")
        return expires

    def _token(self, request: Request, kind: str) -> Token:
        if not request.bearer:
            raise denied(401, "AuthMissing", "Authentication Required")
        token = self.tokens.get(request.bearer)
        if token is None:
            raise invalid("Token could not be verified", "InvalidToken")
        if self.clock() >= token.expires:
            raise invalid("Token has expired", "ExpiredToken")
        if token.kind != kind:
            raise invalid("Bad token scope", "InvalidToken")
        return token

    def _account_of(self, token: Token) -> Account:
        held: Account = self.account_with(id=token.did)
        return held

    def _named(self, name: str) -> Account | None:
        held: Account | None = self.account_with(handle=name) or self.account_with(id=name)
        return held

    def _writer(self, request: Request) -> Account:
        """Who asks, with an account that may write."""
        account = self._account_of(self._token(request, "access"))
        self._require_not_taken_down(account)
        if self.states.get(account.id) == "deactivated":
            raise denied(401, "AccountDeactivated", "Account is deactivated")
        return account

    def _require_not_taken_down(self, account: Account) -> None:
        if self.states.get(account.id) in ("takendown", "suspended"):
            raise denied(401, "AccountTakedown", "Account has been taken down")

    # Requests, and the server's own wording

    def _input(self, request: Request, known: set[str], required: tuple[str, ...]) -> dict[str, Any]:
        if request.type != "application/json":
            raise invalid(f"Wrong request encoding (Content-Type): {request.type}")
        asked = request.json()
        if not isinstance(asked, dict):
            raise invalid("Input must be an object")
        for name in required:
            if name not in asked:
                raise invalid(f'Input must have the property "{name}"')
        request.entry.unknown_fields += sorted(set(asked) - known)
        return asked

    def _parameter(self, request: Request, name: str) -> str:
        value = request.one(name)
        if not value:
            raise invalid(f'Error: Params must have the property "{name}"')
        return value

    def not_found(self, request: Request) -> Answer:
        if request.path.startswith("/xrpc/"):
            return Answer(501, {"error": "MethodNotImplemented", "message": "Method Not Implemented"})
        return Answer(404, document("404", "<h1>Halaman tidak ditemukan</h1>"))

    def malformed(self, request: Request) -> Answer:
        return Answer(400, {"error": "InvalidRequest", "message": "Unexpected token in JSON"})

    def refused(self, request: Request) -> Answer:
        reason = f"Invalid {POST} record: must not be longer than {MAX_BYTES} bytes at $.record.text"
        return Answer(400, {"error": "InvalidRequest", "message": reason})

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        wait = math.ceil(300 if retry_after is None else retry_after)
        reset = int(self.clock().timestamp()) + wait
        headers = {"RateLimit-Limit": "5000", "RateLimit-Remaining": "0", "RateLimit-Reset": str(reset)}
        headers |= {"RateLimit-Policy": "5000;w=3600", "Retry-After": str(wait)}
        return Answer(429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, headers)

    def token_expired(self, request: Request) -> Answer:
        return Answer(400, {"error": "ExpiredToken", "message": "Token has expired"})

    def failed(self, request: Request, status: int) -> Answer:
        name, message = ERRORS.get(status, ERRORS[500])
        return Answer(status, {"error": name, "message": message})
