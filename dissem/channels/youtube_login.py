"""Google's access tokens, and the calls that carry them: bought with a refresh token, good for an hour, never stored.

The refresh token itself is never renewed. It ends when it is revoked, after six months without use, and after seven
days while the app is in testing: then a person has to log in again.
A person logs in by the way for installed apps: PKCE, and any port of the loopback address.
Source: https://developers.google.com/identity/protocols/oauth2/native-app
"""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from dissem.channels.client import TOTAL, Answer, Client, Translate, doubt
from dissem.channels.errors import ChannelError, Unauthorized
from dissem.channels.login import Ask, BrowserLogin, Choice, refusal, scopes_in, tokens
from dissem.channels.network import Network

MARGIN = 300.0  # seconds of a token's life that are not trusted
ASKING = 20.0  # seconds a fresh token may take: it is asked for within the time of the request that needs it

# A clock that goes on while the machine sleeps: an hour asleep ends a token, too.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Login:
    """The login of one channel. Threads may share it: one asks for a token, the others wait for it."""

    def __init__(
        self, url: str, *, client_id: SecretStr, client_secret: SecretStr, refresh_token: SecretStr, network: Network
    ) -> None:
        self.scopes: tuple[str, ...] = ()  # what the last token may do; empty where Google does not say
        self._api = Client(url, network=network, translate=_translate)
        self._client_id, self._client_secret, self._refresh_token = client_id, client_secret, refresh_token
        self._lock = threading.Lock()
        self._token, self._ends = "", 0.0

    def token(self) -> str:
        """A token that is good for some minutes at least. Nothing is published by asking: never Uncertain."""
        with self._lock:
            if not self._token or time.clock_gettime(_CLOCK) >= self._ends:
                self._fetch()
            return self._token

    def forget(self, token: str) -> None:
        """*token* was not accepted: the next request asks for another."""
        with self._lock:
            if self._token == token:
                self._token = ""

    def _fetch(self) -> None:
        asked = time.clock_gettime(_CLOCK)
        fields = {
            "grant_type": "refresh_token",
            "client_id": self._client_id.get_secret_value(),
            "client_secret": self._client_secret.get_secret_value(),
            "refresh_token": self._refresh_token.get_secret_value(),
        }
        answer = self._api.post("/token", data=fields, total=ASKING)
        token, seconds = answer.member("access_token"), answer.member("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int) or not token:
            raise doubt(answer.irrevocable, "The platform's answer could not be read.")
        self._token, self._ends = token, asked + seconds - MARGIN
        self.scopes = tuple(str(answer.json().get("scope") or "").split())


class Signed(Client):
    """Calls with the login's token. A 308 is no redirect here: it says how far an upload is."""

    def __init__(self, base: str, *, network: Network, login: Login, translate: Translate) -> None:
        super().__init__(base, network=network, translate=translate)
        self.login = login

    def call(
        self,
        method: str,
        path: str,
        *,
        irrevocable: bool = False,
        total: float | None = TOTAL,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        token = self.login.token()
        signed = {"Authorization": f"Bearer {token}", **(headers or {})}
        try:
            return super().call(method, path, irrevocable=irrevocable, total=total, headers=signed, **options)
        except Unauthorized:
            self.login.forget(token)
            raise

    def _judged(self, answer: Answer) -> Answer:
        return answer if answer.status == 308 else super()._judged(answer)


def _translate(answer: Answer) -> ChannelError | None:
    """RFC 6749, section 5.2: whatever is wrong with a login is for a person."""
    if answer.status == 429 or answer.status >= 500:
        return None
    code = _code(answer)
    if code == "invalid_grant":
        return Unauthorized(
            "The login of this YouTube channel has ended.",
            hint="Connect the channel again. Logins of an app that Google lists as in testing end after seven days.",
        )
    return Unauthorized(
        "Google does not accept the app of this YouTube channel: {code}",
        hint="See whether client_id and client_secret are those of the app that the channel was connected with.",
        code=code,
    )


def _code(answer: Answer) -> str:
    try:
        return str(answer.member("error"))[:60]
    except ChannelError:
        return f"HTTP {answer.status}"


# The browser login


class YouTubeLogin(BrowserLogin):
    app_table = "youtube"
    title = "YouTube"

    @property
    def scopes(self) -> tuple[str, ...]:
        names = ("youtube.upload", "youtube.readonly", "youtube.force-ssl")
        return tuple(f"https://www.googleapis.com/auth/{name}" for name in names)

    def address(self, ask: Ask) -> str:
        host = self.app.login_url or "https://accounts.google.com"
        # Without asking for consent Google gives a refresh token the first time only.
        more = {"access_type": "offline", "prompt": "consent", **ask.challenge()}
        return f"{host}/o/oauth2/v2/auth?{self.asked(ask, client_id=self.app.id, **more)}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        door = Client(self.settings["token_url"], network=self.network, translate=_refusal)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ask.redirect,
            "code_verifier": ask.verifier,
        }
        mine = {"client_id": self.app.id, "client_secret": self.app.words}
        answer = door.post("/token", data={**form, **mine})
        self.require(scopes_in(answer.json().get("scope")))
        kept = tokens(answer, datetime.now(UTC))
        bearer = kept["access_token"].get_secret_value()
        keys = {"client_id": SecretStr(self.app.id), "client_secret": SecretStr(self.app.words)}
        if "refresh_token" in kept:
            keys["refresh_token"] = kept["refresh_token"]
        return [Choice(str(one["id"]), _title(one), {}, keys) for one in self._channels(bearer)]

    def _channels(self, bearer: str) -> Sequence[Mapping[str, Any]]:
        from dissem.channels import youtube_answers as answers

        api = Client(self.settings["api_url"], network=self.network, bearer=bearer, translate=answers.translate)
        found = answers.items(api.get("/youtube/v3/channels", params={"part": "snippet", "mine": "true"}))
        if not found:
            raise Unauthorized(
                "This Google account has no YouTube channel.", hint="Log in with the account that owns the channel."
            )
        return found


def _title(channel: Mapping[str, Any]) -> str:
    return str((channel.get("snippet") or {}).get("title") or channel["id"])


def _refusal(answer: Answer) -> ChannelError | None:
    return refusal(answer, "Google")
