"""The page on which a person lets an app in (OAuth 2.0), and the codes that it sends the browser back with.

What is asked is judged as platforms do: a wrong app or redirect address is told on the page and sends nobody anywhere,
everything else goes back with an `error`. A code is good once, for ten minutes, and only for the app, the redirect
address and the verifier that it was asked for with (RFC 6749, RFC 7636). Programs play the person by a POST to the
address of the page; `unticked`, `declines` and `person` say what the person does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar
from urllib.parse import urlencode

from dissem.rehearsal.standin import Standin
from dissem.rehearsal.wire import Answer, Request


@dataclass(frozen=True)
class Way:
    """How a platform asks: the name of the app's id, what stands between scopes, which PKCE, what ends the redirect."""

    client: str = "client_id"
    separator: str = " "
    pkce: str = ""  # "base64", as the RFC has it, "hex", or none
    tail: str = ""
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Code:
    """What a code was given for."""

    place: int  # of the account
    scopes: frozenset[str]
    redirect: str
    challenge: str
    at: datetime


@dataclass(frozen=True)
class Issued:
    """An access token that a login has given."""

    account: str
    scopes: frozenset[str]
    ends: datetime | None


class Unredeemable(Exception):
    """A code or an app that is no good, with RFC 6749's word for it."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error, self.sentence = error, sentence


class LoginDoor(Standin):
    """To be put before a stand-in: class BoardLogin(LoginDoor, BoardStandin)."""

    way: ClassVar[Way]
    app_id: str
    app_secret: str

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.redirects = ["http://127.0.0.1:*/callback/"]  # a star stands for any port
        self.code_life = timedelta(minutes=10)
        self.unticked: set[str] = set()
        self.declines = False
        self.person = 0  # place of the account that logs in
        self.logins: dict[str, Issued] = {}
        self._codes: dict[str, Code] = {}

    # The page

    def consent(self, request: Request) -> Answer:
        """The page itself, or why it cannot be shown."""
        if wrong := self._wrong_app(request):
            return Answer(400, f"<!doctype html><title>Gladi</title><p>{escape(wrong)}</p>")
        rights = "".join(f"<li>{escape(right)}</li>" for right in self._rights(request))
        account = self.accounts[self.person]
        form = '<form method="post"><button>Izinkan</button></form>'
        return Answer(200, f"<!doctype html><title>Gladi</title><p>{escape(account.name)}</p><ul>{rights}</ul>{form}")

    def decided(self, request: Request) -> Answer:
        """Back to the app, with a code or an error."""
        if wrong := self._wrong_app(request):
            return Answer(400, f"<!doctype html><title>Gladi</title><p>{escape(wrong)}</p>")
        back = {"state": request.one("state") or ""}
        if error := self._wrong_question(request):
            return self._back(request, {"error": error, **back})
        if self.declines:
            return self._back(request, {"error": "access_denied", "error_description": "<b>No</b>", **back})
        code = secrets.token_urlsafe(24)
        rights = frozenset(self._rights(request)) - self.unticked
        challenge = request.one("code_challenge") or ""
        self._codes[code] = Code(self.person, rights, request.one("redirect_uri") or "", challenge, self.clock())
        return self._back(request, {"code": code, **back})

    def _wrong_app(self, request: Request) -> str:
        if request.one(self.way.client) != self.app_id:
            return "Unknown app."
        asked = request.one("redirect_uri") or ""
        known = any(re.fullmatch(re.escape(one).replace(r"\*", r"\d+"), asked) for one in self.redirects)
        return "" if known else "The redirect address is not one of the app's."

    def _wrong_question(self, request: Request) -> str:
        if request.one("response_type") != "code":
            return "unsupported_response_type"
        if not request.one("state"):
            return "invalid_request"
        if self.way.pkce and (request.one("code_challenge_method") != "S256" or not request.one("code_challenge")):
            return "invalid_request"
        rights = self._rights(request)
        return "" if rights and self.way.scopes.issuperset(rights) else "invalid_scope"

    def _rights(self, request: Request) -> list[str]:
        return [right for right in (request.one("scope") or "").split(self.way.separator) if right]

    def _back(self, request: Request, told: Mapping[str, str]) -> Answer:
        address = f"{request.one('redirect_uri')}?{urlencode(told)}{self.way.tail}"
        return Answer(302, None, {"Location": address, "Cache-Control": "no-store"})

    # Codes and tokens

    def require_app(self, given: Mapping[str, str]) -> None:
        right = hmac.compare_digest(given.get("client_secret", "").encode(), self.app_secret.encode())
        if given.get(self.way.client) != self.app_id or not right:
            raise Unredeemable("invalid_client", "Unknown app, or its secret is wrong.")

    def redeemed(self, given: Mapping[str, str]) -> Code:
        """What the code in the form *given* was for; with this it is used up, also if something is wrong with it."""
        code = self._codes.pop(given.get("code", ""), None)
        if code is None or self.clock() - code.at >= self.code_life:
            raise Unredeemable("invalid_grant", "The code was used before, is too old, or was never given.")
        if given.get("redirect_uri") != code.redirect:
            raise Unredeemable("invalid_grant", "The redirect address is another than that of the code.")
        if self.way.pkce and not hmac.compare_digest(self._challenge(given.get("code_verifier", "")), code.challenge):
            raise Unredeemable("invalid_grant", "The verifier does not belong to the code.")
        return code

    def _challenge(self, verifier: str) -> str:
        digest = hashlib.sha256(verifier.encode())
        if self.way.pkce == "hex":
            return digest.hexdigest()
        return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")

    def issue(self, place: int, scopes: Iterable[str], life: timedelta | None, prefix: str) -> str:
        """An access token for the account at *place*."""
        token = f"{prefix}{secrets.token_urlsafe(24)}"
        ends = self.clock() + life if life else None
        self.logins[token] = Issued(str(self.accounts[place].id), frozenset(scopes), ends)
        return token

    def account_with(self, **known: str) -> Any:
        issued = self.logins.get(known.get("token", ""))
        if issued is None:
            return super().account_with(**known)
        if issued.ends and issued.ends <= self.clock():
            return None
        account = super().account_with(id=issued.account)
        return account and replace(account, scopes=issued.scopes)

    def without_secrets(self, text: str) -> str:
        for secret in (*self.logins, *self._codes):
            text = text.replace(secret, "***")
        return super().without_secrets(text)


def fields(request: Request) -> dict[str, str]:
    """The fields of a form, the last value of each."""
    return {name: values[-1] for name, values in request.form().fields.items()}


def refused(error: Unredeemable) -> Answer:
    """RFC 6749, section 5.2."""
    status = 401 if error.error == "invalid_client" else 400
    body = {"error": error.error, "error_description": error.sentence}
    return Answer(status, body, {"Cache-Control": "no-store"})
