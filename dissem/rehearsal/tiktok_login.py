"""TikTok with its Login Kit for desktop apps: the page, PKCE in hexadecimal, tokens that rotate.

https://developers.tiktok.com/doc/login-kit-desktop
"""

from __future__ import annotations

from typing import Any

from dissem.rehearsal.login import LoginDoor, Unredeemable, Way, fields
from dissem.rehearsal.standin import route
from dissem.rehearsal.tiktok import TikTokStandin
from dissem.rehearsal.tiktok_door import SCOPES
from dissem.rehearsal.tiktok_words import oauth_refusal
from dissem.rehearsal.wire import Answer, Request


class TikTokLoginStandin(LoginDoor, TikTokStandin):
    way = Way(client="client_key", separator=",", pkce="hex", scopes=SCOPES)

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.app_id, self.app_secret = self.door.client_key, self.door.client_secret

    @route("GET", "/v2/auth/authorize/", label="login")
    def page(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/v2/auth/authorize/", label="login")
    def decision(self, request: Request) -> Answer:
        return self.decided(request)

    @route("POST", "/v2/oauth/token/", label="token")
    def token_pair(self, request: Request) -> Answer:
        given = fields(request)
        if given.get("grant_type") != "authorization_code":
            return super().token_pair(request)
        try:
            self.require_app(given)
            code = self.redeemed(given)
        except Unredeemable as error:
            raise oauth_refusal(401 if error.error == "invalid_client" else 400, error.error, error.sentence) from error
        return Answer(200, self.door.let_in(code.place, code.scopes))
