"""Who may ask X, how often, and what for: tokens and signatures, rate limits, parameters, and how X says no."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from dissem.rehearsal import oauth1
from dissem.rehearsal.standin import Account, Standin
from dissem.rehearsal.wire import Answer, Denied, Request
from dissem.rehearsal.x_problems import PROBLEMS, closed, invalid, problem
from dissem.rehearsal.x_vocabulary import LIMITS

WINDOW = timedelta(minutes=15)  # of the rate limits
ID = re.compile(r"[0-9]{1,19}")
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@dataclass(frozen=True)
class XAccount(Account):
    """An account: `token` is its OAuth 2.0 user token, the other two are for OAuth 1.0a."""

    access_token: str = ""
    access_token_secret: str = ""
    subscription_type: str = "None"


SAMPLE = XAccount(
    id="1640000000000000001",
    handle="kotarehearsal",
    name="Humas Kota (gladi)",
    token="rehearsal-x-user-token",  # noqa: S106 - opens nothing but this stand-in
    scopes=frozenset({"tweet.read", "tweet.write", "users.read", "media.write", "offline.access"}),
    access_token="1640000000000000001-rehearsalAccessToken",  # noqa: S106
    access_token_secret="rehearsal-access-token-secret",  # noqa: S106
)


class XDoor(Standin):
    """The part of X that every request passes.

    `credits_depleted` and `suspended` make every request fail as they do at X. `limits` (by handler) may be changed.
    """

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.consumer_key = "rehearsal-consumer-key"
        self.consumer_secret = "rehearsal-consumer-secret"  # noqa: S105 - opens nothing but this stand-in
        self.app_token = "rehearsal-app-only-token"  # noqa: S105
        self.credits_depleted = False
        self.suspended = False
        self.limits = dict(LIMITS)
        self._nonces: set[tuple[str, str]] = set()
        self._windows: dict[tuple[str, str], tuple[datetime, int]] = {}

    @property
    def access_token(self) -> str:
        return str(self.accounts[0].access_token)

    @property
    def access_token_secret(self) -> str:
        return str(self.accounts[0].access_token_secret)

    @property
    def bearer(self) -> str:
        """The OAuth 2.0 user token of the first account."""
        return self.token

    @property
    def user_id(self) -> str:
        return str(self.accounts[0].id)

    @property
    def username(self) -> str:
        return str(self.accounts[0].handle)

    # Who asks, and how often

    def _sign_in(self, request: Request, *scopes: str, app: bool = False) -> XAccount:
        """The account that asks, allowed to; *app*: the app may ask without any user."""
        if request.headers.get("authorization", "").partition(" ")[0].lower() == "oauth":
            account = self._signer(request)
        else:
            account = self._bearer_of(request, scopes, app=app)
        request.params["account"] = account.id
        self._spend(request)
        if self.credits_depleted:
            detail = "Your enrolled account does not have any credits to fulfill this request."
            raise Denied(problem(402, detail, f"{PROBLEMS}credits", title="CreditsDepleted"))
        if self.suspended:
            raise Denied(problem(403, "Your account is suspended and is not permitted to access this feature."))
        return account

    def _bearer_of(self, request: Request, scopes: Collection[str], *, app: bool) -> XAccount:
        token = request.bearer or ""
        if token == self.app_token:
            if app:
                return replace(SAMPLE, id="", handle="")
            detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
            raise Denied(problem(403, detail, f"{PROBLEMS}unsupported-authentication", "Unsupported Authentication"))
        account: XAccount | None = self.account_with(token=token)
        if account is None:
            raise Denied(problem(401, "Unauthorized"))
        if not account.scopes.issuperset(scopes):
            raise Denied(problem(403, "You are not permitted to perform this action."))
        return account

    def _signer(self, request: Request) -> XAccount:
        """The account whose secrets signed this request (OAuth 1.0a, HMAC-SHA1, RFC 5849)."""
        given = oauth1.authorization(request.headers["authorization"])
        account: XAccount | None = self.account_with(access_token=given.get("oauth_token", ""))
        fresh = abs(time.time() - _number(given.get("oauth_timestamp"))) <= 300
        once = (given.get("oauth_nonce", ""), given.get("oauth_timestamp", ""))
        if not (
            account
            and given.get("oauth_consumer_key") == self.consumer_key
            and given.get("oauth_signature_method") == "HMAC-SHA1"
            and given.get("oauth_version", "1.0") == "1.0"
            and fresh
            and once[0]
            and once not in self._nonces
        ):
            raise Denied(problem(401, "Unauthorized"))
        expected = oauth1.signature(request, given, self.consumer_secret, account.access_token_secret)
        if not hmac.compare_digest(expected, given.get("oauth_signature", "")):
            raise Denied(problem(401, "Unauthorized"))
        self._nonces.add(once)
        return account

    def _window(self, request: Request) -> tuple[tuple[str, str], int]:
        """What the rate limit is counted by (handler and user), and the limit."""
        made, _ = self._match(request)
        handler = made.handler if made else ""
        return (handler, request.params.get("account", "")), self.limits.get(handler, 900)

    def _spend(self, request: Request) -> None:
        window, limit = self._window(request)
        start, used = self._windows.get(window, (self.clock(), 0))
        if not start <= self.clock() < start + WINDOW:
            start, used = self.clock(), 0
        if used >= limit:
            raise Denied(self.throttled(request, (start + WINDOW - self.clock()).total_seconds()))
        self._windows[window] = (start, used + 1)

    # What is asked

    def _only(self, request: Request, allowed: Collection[str]) -> None:
        for name in request.query:
            if name not in allowed:
                raise invalid(
                    f"The query parameter [{name}] is not one of [{','.join(sorted(allowed))}]",
                    **{name: request.one(name)},
                )

    def _values(self, request: Request, name: str, known: Collection[str]) -> frozenset[str]:
        if name not in request.query:
            return frozenset()
        values = ",".join(request.query[name]).split(",")
        for value in values:
            if value not in known:
                raise invalid(f"The `{name}` query parameter value [{value}] is not one of its values", **{name: value})
        return frozenset(values)

    def _id(self, value: str, name: str) -> str:
        if not ID.fullmatch(value):
            raise invalid(f"The `{name}` query parameter value [{value}] is not valid", **{name: value})
        return value

    def _body(self, request: Request, allowed: Collection[str]) -> dict[str, Any]:
        if request.type != "application/json":
            raise Denied(problem(415, "Content-Type must be application/json."))
        try:
            body = request.json()
        except ValueError as error:
            raise invalid("Requests with bodies must have valid JSON.") from error
        if not isinstance(body, dict):
            raise invalid("$: an object is required")
        closed(body, allowed, "$")
        return body

    # X's own wording

    def not_found(self, request: Request) -> Answer:
        return problem(404, "Not Found")

    def refused(self, request: Request) -> Answer:
        return invalid("The request was refused.").answer

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        answer = problem(429, "Too Many Requests")
        limit = {"x-rate-limit-limit": str(self._window(request)[1]), "x-rate-limit-remaining": "0"}
        if retry_after is not None:
            limit["x-rate-limit-reset"] = str(int(self.clock().timestamp() + retry_after))
        return replace(answer, headers={**answer.headers, **limit})

    def token_expired(self, request: Request) -> Answer:
        return problem(401, "Unauthorized")

    def failed(self, request: Request, status: int) -> Answer:
        return problem(status, HTTPStatus(status).phrase)

    def duplicate_refused(self, request: Request) -> Answer:
        return problem(403, DUPLICATE)

    def finish(self, request: Request, answer: Answer) -> Answer:
        """Every answer tells what is left of the endpoint's fifteen minutes."""
        if "x-rate-limit-remaining" in answer.headers:
            return answer
        window, limit = self._window(request)
        start, used = self._windows.get(window, (self.clock(), 0))
        told = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(limit - used, 0)),
            "x-rate-limit-reset": str(int((start + WINDOW).timestamp())),
        }
        return replace(answer, headers={**answer.headers, **told})

    def without_secrets(self, text: str) -> str:
        for secret in (self.app_token, self.consumer_secret, *(one.access_token for one in self.accounts)):
            text = text.replace(secret, "***") if secret else text
        return super().without_secrets(text)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
