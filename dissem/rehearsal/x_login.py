"""X with its logins of OAuth 2.0: the page, PKCE, access tokens of two hours, refresh tokens that are good once.

That a refresh token rotates is widely reported and not in the vendor's pages; how a spent one is refused is as seen.
https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta
from typing import Any

from dissem.rehearsal.login import LoginDoor, Unredeemable, Way, fields, refused
from dissem.rehearsal.standin import route
from dissem.rehearsal.wire import Answer, Request
from dissem.rehearsal.x import XStandin

LIFE = timedelta(hours=2)
SCOPES = frozenset({"tweet.read", "tweet.write", "users.read", "media.write", "offline.access"})


class XLoginStandin(LoginDoor, XStandin):
    """`public_app`: an app of the kind "native", which has no secret. `spent`: refresh tokens that were used."""

    way = Way(pkce="base64", scopes=SCOPES)
    app_id, app_secret = "gladi-x-app", "gladi-x-rahasia-aplikasi"

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.public_app = False
        self.code_life = timedelta(seconds=30)
        self.spent: set[str] = set()
        self._refresh: dict[str, tuple[int, frozenset[str]]] = {}

    @route("GET", "/i/oauth2/authorize", label="login")
    def page(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/i/oauth2/authorize", label="login")
    def decision(self, request: Request) -> Answer:
        return self.decided(request)

    @route("POST", "/2/oauth2/token", label="token")
    def oauth2_token(self, request: Request) -> Answer:
        given = fields(request)
        try:
            self._require_client(request, given)
            if given.get("grant_type") == "authorization_code":
                code = self.redeemed(given)
                return self._tokens(code.place, code.scopes)
            if given.get("grant_type") == "refresh_token":
                return self._tokens(*self._rotated(given.get("refresh_token", "")))
            raise Unredeemable("unsupported_grant_type", "Unknown grant type.")
        except Unredeemable as error:
            return refused(error)

    def _require_client(self, request: Request, given: dict[str, str]) -> None:
        """A confidential app by its Basic header, a public one by its id in the form."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        try:
            number, _, secret = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            number = secret = ""
        if self.public_app and not scheme:
            number, secret = given.get("client_id", ""), self.app_secret
        elif scheme.lower() != "basic":
            raise Unredeemable("unauthorized_client", "Missing valid authorization header")
        self.require_app({"client_id": number, "client_secret": secret})

    def _rotated(self, refresh_token: str) -> tuple[int, frozenset[str]]:
        found = self._refresh.pop(refresh_token, None)
        if found is None:
            raise Unredeemable("invalid_request", "Value passed for the token was invalid.")
        self.spent.add(refresh_token)
        return found

    def _tokens(self, place: int, scopes: frozenset[str]) -> Answer:
        body: dict[str, Any] = {
            "token_type": "bearer",
            "expires_in": int(LIFE.total_seconds()),
            "access_token": self.issue(place, scopes, LIFE, "gladi-x-"),
            "scope": " ".join(sorted(scopes)),
        }
        if "offline.access" in scopes:
            body["refresh_token"] = f"gladi-x-segar-{secrets.token_urlsafe(24)}"
            self._refresh[body["refresh_token"]] = (place, scopes)
        return Answer(200, body, {"Cache-Control": "no-store"})

    def without_secrets(self, text: str) -> str:
        for secret in (*self._refresh, *self.spent, self.app_secret):
            text = text.replace(secret, "***")
        return super().without_secrets(text)
