"""Logging in at X: OAuth 2.0 with PKCE. Access tokens last two hours; a refresh token is spent by its use.

A code is good for thirty seconds only, and the redirect address, its port included, must be one the app lists.
https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import SecretStr

from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError
from dissem.channels.login import App, Ask, BrowserLogin, Choice, basic, refusal, scopes_in, tokens


class XLogin(BrowserLogin):
    app_table = "x"
    title = "X"
    needs_secret = False  # an app of the kind "native" has none
    replaces = frozenset({"consumer_key", "consumer_secret", "access_token_secret"})

    @property
    def scopes(self) -> tuple[str, ...]:
        return ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")

    def address(self, ask: Ask) -> str:
        asked = self.asked(ask, client_id=self.app.id, **ask.challenge())
        return f"{self.app.login_url or 'https://x.com'}/i/oauth2/authorize?{asked}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        now = datetime.now(UTC)
        door = Client(self.settings["api_url"], network=self.network, translate=translate)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ask.redirect,
            "code_verifier": ask.verifier,
        }
        answer = door.post("/2/oauth2/token", data={**form, "client_id": self.app.id}, headers=basic(self.app))
        self.require(scopes_in(answer.json().get("scope")))
        kept = tokens(answer, now)
        bearer = {"Authorization": f"Bearer {kept['access_token'].get_secret_value()}"}
        me = door.get("/2/users/me", headers=bearer)
        if self.app.secret:
            kept["client_secret"] = self.app.secret
        name = f"@{me.member('data', 'username')}"
        return [Choice(str(me.member("data", "id")), name, {"client_id": self.app.id}, kept)]


def renewed(door: Client, app: App, refresh_token: SecretStr) -> Mapping[str, SecretStr]:
    """The next pair of tokens. From now on *refresh_token* is spent, also if the answer is lost: Uncertain."""
    now = datetime.now(UTC)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value(), "client_id": app.id}
    answer = door.post("/2/oauth2/token", data=form, headers=basic(app), irrevocable=True)
    return tokens(answer, now)


def translate(answer: Answer) -> ChannelError | None:
    return refusal(answer, "X")
