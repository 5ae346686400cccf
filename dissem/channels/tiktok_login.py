"""TikTok's tokens: an access token for hours, and a refresh token that is spent by its use and answered with the next.

How long each lives is read from the answer: TikTok has shortened both before (a day and a year, hours and half a year).
A person logs in by the way for desktop apps: PKCE in hexadecimal, and a loopback address whose port may be any if the
app lists it with a star, as in http://127.0.0.1:*/callback/ .
https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from pydantic import SecretStr

from dissem.channels.client import Answer, Client, by_status, doubt
from dissem.channels.errors import ChannelError, Unauthorized
from dissem.channels.login import AGAIN, Ask, BrowserLogin, Choice, scopes_in


def renewed(door: Client, *, client_id: SecretStr, client_secret: SecretStr, refresh_token: SecretStr) -> Answer:
    """TikTok's answer to a renewal. From now on *refresh_token* is spent, also if the answer is lost: Uncertain."""
    form = {
        "client_key": client_id.get_secret_value(),
        "client_secret": client_secret.get_secret_value(),
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.get_secret_value(),
    }
    answer = door.post("/v2/oauth/token/", data=form, irrevocable=True)
    if trouble := login_trouble(answer):  # TikTok refuses with 200, too
        raise trouble
    return answer


def pair(answer: Answer, asked: datetime) -> Mapping[str, SecretStr]:
    """Both tokens of an answer and their ends, counted from when it was *asked*, under the names of the settings."""
    kept = {}
    for token, life in (("access_token", "expires_in"), ("refresh_token", "refresh_expires_in")):
        secret, seconds = answer.member(token), answer.member(life)
        if not (isinstance(secret, str) and secret and isinstance(seconds, int)):
            raise doubt(answer.irrevocable, "The platform's answer could not be read.")
        kept[token] = SecretStr(secret)
        kept[f"{token}_ends"] = SecretStr(f"{asked.timestamp() + seconds:.3f}")
    return kept


def login_trouble(answer: Answer) -> ChannelError | None:
    """The refusal in an answer of the token endpoint, whose form is its own; None if it is none."""
    try:
        told = answer.json()
        code, says = told["error"], str(told.get("error_description") or "")[:300]
    except (ChannelError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(code, str) or not code:
        return None
    if answer.status >= 500 or answer.status == 429:
        return by_status(answer)
    hint = "Connect the channel again."
    if code == "invalid_client":
        hint = "Are client_id and client_secret those of the app at developers.tiktok.com?"
    return Unauthorized("TikTok does not renew the channel's login: {says} ({code})", hint=hint, says=says, code=code)


# The browser login


class TikTokLogin(BrowserLogin):
    """For drafts and for direct posts other rights are asked for: an app may have passed the audit for one only."""

    app_table = "tiktok"
    title = "TikTok"

    @property
    def scopes(self) -> tuple[str, ...]:
        publishing = "video.publish" if self.settings["mode"] == "direct" else "video.upload"
        return ("user.info.basic", publishing, "video.list")

    def address(self, ask: Ask) -> str:
        asked = {
            "client_key": self.app.id,
            "response_type": "code",
            "scope": ",".join(self.scopes),
            "redirect_uri": ask.redirect,
            "state": ask.state,
            "code_challenge": hashlib.sha256(ask.verifier.encode()).hexdigest(),  # TikTok's own: not in base64
            "code_challenge_method": "S256",
        }
        return f"{self.app.login_url or 'https://www.tiktok.com'}/v2/auth/authorize/?{urlencode(asked)}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        now = datetime.now(UTC)
        door = Client(self.settings["api_url"], network=self.network, translate=_refusal)
        form = {
            "client_key": self.app.id,
            "client_secret": self.app.words,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ask.redirect,
            "code_verifier": ask.verifier,
        }
        answer = door.post("/v2/oauth/token/", data=form)
        if trouble := _refusal(answer):
            raise trouble
        self.require(scopes_in(answer.json().get("scope")))
        kept = {**pair(answer, now), "client_id": SecretStr(self.app.id), "client_secret": SecretStr(self.app.words)}
        bearer = {"Authorization": f"Bearer {kept['access_token'].get_secret_value()}"}
        user = door.get("/v2/user/info/", params={"fields": "open_id,display_name"}, headers=bearer)
        number = str(user.member("data", "user", "open_id"))
        return [Choice(number, str(user.member("data", "user", "display_name")), {}, kept)]


def _refusal(answer: Answer) -> ChannelError | None:
    trouble = login_trouble(answer)
    if not isinstance(trouble, Unauthorized):
        return trouble
    return Unauthorized("TikTok refuses the login: {says} ({code})", hint=AGAIN, **trouble.values)
