"""YouTube with Google's logins: the page, PKCE, any port of the loopback address, rights that can be unticked.

A refresh token comes with `access_type=offline`, and after the first login only if consent is asked for once more.
https://developers.google.com/identity/protocols/oauth2/native-app
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Any

from dissem.rehearsal.login import LoginDoor, Unredeemable, Way, fields
from dissem.rehearsal.standin import route
from dissem.rehearsal.wire import Answer, Request
from dissem.rehearsal.youtube import MANAGE, READ, TOKEN_LIFE, UPLOAD, YoutubeStandin
from dissem.rehearsal.youtube_errors import oauth_denied


class YoutubeLoginStandin(LoginDoor, YoutubeStandin):
    way = Way(pkce="base64", scopes=frozenset({UPLOAD, READ, MANAGE}))

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.app_id, self.app_secret = self.client_id, self.client_secret
        self._lasting: dict[str, bool] = {}  # verifier's challenge → whether the login is a lasting one
        self._before: Counter[int] = Counter()

    @route("GET", "/o/oauth2/v2/auth", label="login")
    def page(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/o/oauth2/v2/auth", label="login")
    def decision(self, request: Request) -> Answer:
        again = request.one("prompt") == "consent" or not self._before[self.person]
        offline = request.one("access_type") == "offline"
        self._lasting[request.one("code_challenge") or ""] = offline and again
        return self.decided(request)

    @route("POST", "/token", label="token")
    def token_endpoint(self, request: Request) -> Answer:
        given = fields(request)
        if given.get("grant_type") != "authorization_code":
            return super().token_endpoint(request)
        try:
            self.require_app(given)
            code = self.redeemed(given)
        except Unredeemable as error:
            raise oauth_denied(401 if error.error == "invalid_client" else 400, error.error, error.sentence) from error
        made = f"ya29.gladi-{secrets.token_urlsafe(24)}"
        body: dict[str, Any] = {"expires_in": 3599, "scope": " ".join(sorted(code.scopes)), "token_type": "Bearer"}
        refresh = self.issue(code.place, code.scopes, None, "1//gladi-")
        self.issued[made] = (refresh, self.now() + TOKEN_LIFE)
        if self._lasting.pop(code.challenge, False):
            body["refresh_token"] = refresh
        self._before[code.place] += 1
        return Answer(200, {"access_token": made, **body}, {"Cache-Control": "no-store"})
