"""LinkedIn with its logins: the page, a token of sixty days, and for an approved partner a refresh token of a year.

All rights are given or none: LinkedIn lets nobody untick one. A code may be used for thirty minutes.
https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.linkedin import LinkedInStandin
from dissem.rehearsal.linkedin_door import SCOPES
from dissem.rehearsal.login import LoginDoor, Unredeemable, Way, fields, refused
from dissem.rehearsal.standin import route
from dissem.rehearsal.wire import Answer, Request

LIFE, YEAR = timedelta(days=60), timedelta(days=365)


class LinkedInLoginStandin(LoginDoor, LinkedInStandin):
    """`partner`: an app that gets refresh tokens."""

    way = Way(scopes=SCOPES)
    app_id, app_secret = "gladi-linkedin-app", "gladi-linkedin-rahasia"

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.partner = False
        self._refresh: dict[str, tuple[int, frozenset[str], datetime]] = {}

    @route("GET", "/oauth/v2/authorization", label="login")
    def page(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/oauth/v2/authorization", label="login")
    def decision(self, request: Request) -> Answer:
        return self.decided(request)

    @route("POST", "/oauth/v2/accessToken", label="token")
    def access_token(self, request: Request) -> Answer:
        given = fields(request)
        try:
            self.require_app(given)
            if given.get("grant_type") == "authorization_code":
                code = self.redeemed(given)
                return self._tokens(code.place, code.scopes)
            if given.get("grant_type") == "refresh_token":
                return self._renewed(given.get("refresh_token", ""))
            raise Unredeemable("unsupported_grant_type", "Unknown grant type.")
        except Unredeemable as error:
            return refused(error)

    def _renewed(self, refresh_token: str) -> Answer:
        place, scopes, ends = self._refresh.get(refresh_token, (0, frozenset[str](), self.clock()))
        if ends <= self.clock():
            raise Unredeemable("invalid_grant", "The refresh token is not valid.")
        return self._tokens(place, scopes, refresh_token)

    def _tokens(self, place: int, scopes: frozenset[str], refresh_token: str = "") -> Answer:
        body: dict[str, Any] = {
            "access_token": self.issue(place, scopes, LIFE, "AQgladi-"),
            "expires_in": int(LIFE.total_seconds()),
            "scope": ",".join(sorted(scopes)),
        }
        if self.partner:
            kept = refresh_token or f"AQgladi-segar-{secrets.token_urlsafe(24)}"
            self._refresh.setdefault(kept, (place, scopes, self.clock() + YEAR))
            left = self._refresh[kept][2] - self.clock()
            body |= {"refresh_token": kept, "refresh_token_expires_in": int(left.total_seconds())}
        return Answer(200, body)
