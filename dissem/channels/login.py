"""The browser login at a platform: what is asked of a person there, and what a channel gets of the answer.

A login is begun by an `Ask`, whose address a person opens; the platform sends the browser back to our redirect address
with a code, good once and for a short time; the code buys tokens, and the tokens tell which accounts there are to
choose from. A file `<platform>_login.py` knows one platform's way; who listens and what is kept is not its business.
Sources: RFC 6749, RFC 7636 (PKCE), RFC 8252 (loopback).
"""

import base64
import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

from dissem.channels.errors import ChannelError, Unauthorized
from dissem.channels.network import Network

if TYPE_CHECKING:
    from dissem.channels.client import Answer  # it costs start-up time

AGAIN = "Begin again: dissem channel connect"
TOKENS = frozenset({"access_token", "access_token_ends", "access_token_refused", "refresh_token", "refresh_token_ends"})

# The ways of a platform, the first one whose app is known is taken. Named, not imported: one is needed at a time.
LOGINS: Mapping[str, tuple[str, ...]] = {
    "facebook": ("facebook_login:FacebookLogin",),
    "facebook-story": ("facebook_login:FacebookLogin",),
    "instagram": ("instagram_login:InstagramLogin", "facebook_login:InstagramByFacebook"),
    "instagram-story": ("instagram_login:InstagramLogin", "facebook_login:InstagramByFacebook"),
    "linkedin": ("linkedin_login:LinkedInLogin",),
    "threads": ("threads_login:ThreadsLogin",),
    "tiktok": ("tiktok_login:TikTokLogin",),
    "x": ("x_login:XLogin",),
    "youtube": ("youtube_login:YouTubeLogin",),
}


@dataclass(frozen=True)
class App:
    """The city's app at a platform. *login_url*, *token_url*: hosts, where they are not the platform's own."""

    id: str
    secret: SecretStr | None = None
    login_url: str = ""
    token_url: str = ""

    @property
    def words(self) -> str:
        """The secret in clear, empty if the app has none."""
        return self.secret.get_secret_value() if self.secret else ""


@dataclass(frozen=True)
class Ask:
    """One login that was begun. *state* binds the answer to it, *verifier* the code to who began it."""

    redirect: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def challenge(self) -> dict[str, str]:
        """PKCE's question: SHA-256 of the verifier, in base64 for addresses."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }


@dataclass(frozen=True)
class Choice:
    """An account the channel may speak for, with what it sets. *ends*: when a person has to log in again at the latest,
    as far as the platform's answer tells."""

    id: str
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    ends: datetime | None = None


class BrowserLogin(ABC):
    """The login for one channel. *settings*: the channel's, defaults included."""

    app_table: ClassVar[str]  # whose app it is: [apps.<app_table>] in config.toml
    needs_secret: ClassVar[bool] = True
    replaces: ClassVar[frozenset[str]] = frozenset()  # secrets of another way to log in, which are then over
    title: ClassVar[str]  # the platform as people call it

    def __init__(self, app: App, settings: Mapping[str, Any], *, network: Network) -> None:
        self.app = app
        self.settings = settings
        self.network = network

    @property
    @abstractmethod
    def scopes(self) -> tuple[str, ...]:
        """The rights that are asked for; each of them is needed."""

    @abstractmethod
    def address(self, ask: Ask) -> str:
        """Where a person logs in. Holds no secret."""

    @abstractmethod
    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        """Buy tokens for *code* and list the accounts they are good for. Raises ChannelErrors only; Unauthorized where
        the platform refuses the code, or a right was not given."""

    def asked(self, ask: Ask, *, separator: str = " ", **more: str) -> str:
        """The parameters that every platform wants, as the query of an address."""
        wanted = {
            "response_type": "code",
            "redirect_uri": ask.redirect,
            "state": ask.state,
            "scope": separator.join(self.scopes),
        }
        return urlencode({**wanted, **more})

    def require(self, granted: Iterable[str]) -> None:
        """Raise Unauthorized naming every right that was asked for and not given."""
        given = set(granted)
        if missing := [scope for scope in self.scopes if scope not in given]:
            raise Unauthorized(
                "{platform} was not given every right that is needed; missing: {scopes}.",
                hint="Log in once more and leave every tick where it is: dissem channel connect",
                platform=self.title,
                scopes=", ".join(missing),
            )


def login_class(platform: str, apps: Collection[str] = ()) -> type[BrowserLogin] | None:
    """The login of *platform*, None if it has none; of several ways the first whose app is among *apps*, else the last
    one."""
    found: list[type[BrowserLogin]] = []
    for place in LOGINS.get(platform, ()):
        module, _, name = place.partition(":")
        found.append(getattr(import_module(f"dissem.channels.{module}"), name))
    return next((one for one in found if one.app_table in apps), found[-1] if found else None)


def scopes_in(text: object) -> set[str]:
    """The rights a token answer names, with commas or blanks between them."""
    return {word for word in re.split(r"[\s,]+", text) if word} if isinstance(text, str) else set()


def tokens(answer: "Answer", asked: datetime) -> dict[str, SecretStr]:
    """The tokens of an answer and their ends, counted from when it was *asked*; what it does not have is left out."""
    from dissem.channels.client import doubt

    body = {"access_token": answer.member("access_token"), **answer.json()}
    kept: dict[str, SecretStr] = {}
    for token, lives in _LIVES.items():
        secret = body.get(token)
        if not secret:
            continue
        if not isinstance(secret, str):
            raise doubt(answer.irrevocable, "The platform's answer could not be read.")
        kept[token] = SecretStr(secret)
        if (seconds := next((body[life] for life in lives if isinstance(body.get(life), int)), None)) is not None:
            kept[f"{token}_ends"] = SecretStr(f"{asked.timestamp() + seconds:.3f}")
    if "access_token" not in kept:
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    return kept


_LIVES = {
    "access_token": ("expires_in",),
    "refresh_token": ("refresh_expires_in", "refresh_token_expires_in"),
}


def moment(kept: SecretStr | None) -> datetime | None:
    """A kept end; None if none is known."""
    try:
        return datetime.fromtimestamp(float(kept.get_secret_value()), UTC) if kept else None
    except (ValueError, OverflowError, OSError):
        return None


def basic(app: App) -> dict[str, str]:
    """The header by which an app that has a secret names itself; none for one that has not."""
    if not app.secret:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{app.id}:{app.words}".encode()).decode()}


def refusal(answer: "Answer", platform: str) -> ChannelError | None:
    """What a token endpoint says no with (RFC 6749, 5.2), by its code; None leaves it to the status."""
    if answer.status == 429 or answer.status >= 500:
        return None
    code = error_code(answer)
    if code == "invalid_client":
        hint = "See whether the app's id and secret are those of the platform's console."
        return Unauthorized("{platform} does not know the city's app.", hint=hint, platform=platform)
    if code == "invalid_grant":
        return Unauthorized("{platform} says that this login is over.", hint=AGAIN, platform=platform)
    return Unauthorized("{platform} refuses the login: {code}", hint=AGAIN, platform=platform, code=code)


def error_code(answer: "Answer") -> str:
    """The code of an OAuth error; the status where there is none."""
    try:
        code = answer.member("error")
    except ChannelError:
        code = ""
    return code[:60] if isinstance(code, str) and code else f"HTTP {answer.status}"
