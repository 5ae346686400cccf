"""Logging in at LinkedIn: a member who administers pages. Tokens last 60 days.

Only approved partners get a refresh token; it lasts a year from the login, however often it is used. Everybody else
logs in anew. A person cannot untick single rights here. The redirect address must be one that the app lists.
https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow and /programmatic-refresh-tokens
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import SecretStr

from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError, Unauthorized
from dissem.channels.login import App, Ask, BrowserLogin, Choice, moment, refusal, scopes_in, tokens

TOKEN = "/oauth/v2/accessToken"  # noqa: S105 - a path


class LinkedInLogin(BrowserLogin):
    app_table = "linkedin"
    title = "LinkedIn"

    @property
    def scopes(self) -> tuple[str, ...]:
        return (
            "w_organization_social",
            "r_organization_social",
            "r_organization_social_feed",
            "rw_organization_admin",
        )

    def address(self, ask: Ask) -> str:
        host = self.app.login_url or "https://www.linkedin.com"
        return f"{host}/oauth/v2/authorization?{self.asked(ask, client_id=self.app.id)}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        now = datetime.now(UTC)
        door = Client(self.settings["token_url"], network=self.network, translate=translate)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ask.redirect}
        answer = door.post(TOKEN, data={**form, "client_id": self.app.id, "client_secret": self.app.words})
        self.require(scopes_in(answer.json().get("scope")))
        kept = tokens(answer, now)
        if "refresh_token" in kept and self.app.secret:
            kept |= {"client_id": SecretStr(self.app.id), "client_secret": self.app.secret}
        ends = moment(kept.get("refresh_token_ends") or kept.get("access_token_ends"))
        pages = self._pages(kept["access_token"])
        if not pages:
            raise Unauthorized(
                "This member may not post on any LinkedIn page.",
                hint="Have an administrator of the page make this member one, or a content administrator.",
            )
        return [Choice(number, name, {"organization": number}, kept, ends) for number, name in pages]

    def _pages(self, token: SecretStr) -> list[tuple[str, str]]:
        """Number and name of every page that the member may post on."""
        from dissem.channels.linkedin import LinkedIn

        known = {name: self.settings[name] for name in ("api_url", "version", "token_url")}
        settings = LinkedIn.Settings(organization="0", access_token=token, **known)
        linkedin = LinkedIn(settings, network=self.network)
        return [(number, linkedin.named(number)) for number in sorted(linkedin.pages())]


def renewed(door: Client, app: App, refresh_token: SecretStr) -> Mapping[str, SecretStr]:
    """A new access token; the refresh token stays as it is and does not live longer by it."""
    now = datetime.now(UTC)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}
    return tokens(door.post(TOKEN, data={**form, "client_id": app.id, "client_secret": app.words}), now)


def translate(answer: Answer) -> ChannelError | None:
    return refusal(answer, "LinkedIn")
