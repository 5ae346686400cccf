"""What the logins of Meta's platforms share: the exchange of a code and of a short token for a long one.

PKCE is not documented for these logins: a code is bound to the app's secret and the redirect address, which must be one
that the app lists and, but for apps in development, an https address of its own. Where Meta knows no other way the
app's secret stands in the query of a request to Meta; the client shows no query in any error or log.
https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import SecretStr

from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError, Throttled, Unauthorized
from dissem.channels.graph import fault, named
from dissem.channels.login import AGAIN, App, Ask, tokens
from dissem.channels.network import Network


def door(base: str, network: Network, title: str) -> Client:
    """The way to a token endpoint, whose refusals are Graph's or, at Instagram and Threads, of a form of their own."""

    def translate(answer: Answer) -> ChannelError | None:
        found = fault(answer, title)
        error = named(answer, found)
        if answer.status >= 500 or found.transient or isinstance(error, Throttled):
            return error
        says = found.told["says"] or _says(answer)  # of a wrong secret, too, which has the number of Meta's own trouble
        return Unauthorized("{platform} refuses the login: {says}", hint=AGAIN, platform=title, says=says)

    return Client(base, network=network, translate=translate)


def bought(door: Client, path: str, app: App, code: str, ask: Ask) -> Answer:
    """The answer for *code*, with a token of an hour or so."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ask.redirect}
    return door.post(path, data={**form, "client_id": app.id, "client_secret": app.words})


def lasting(door: Client, grant: str, token: SecretStr, secret: SecretStr | None = None) -> Mapping[str, SecretStr]:
    """A token of 60 days for *token* and when it ends. *grant*: `th_exchange_token`, or `th_refresh_token` without the
    secret for sixty days more, where *token* is a day old and has not ended; `ig_…` at Instagram."""
    now, renews = datetime.now(UTC), grant.endswith("_refresh_token")
    path = "/refresh_access_token" if renews else "/access_token"
    given = {"grant_type": grant, **({"client_secret": secret.get_secret_value()} if secret else {})}
    bearer = {"Authorization": f"Bearer {token.get_secret_value()}"}
    return tokens(door.get(path, params=given, headers=bearer), now)


def _says(answer: Answer) -> str:
    try:
        return str(answer.member("error_message"))[:300]
    except ChannelError:
        return f"HTTP {answer.status}"
