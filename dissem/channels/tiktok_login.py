"""TikTok's tokens: an access token for hours, and a refresh token that is spent by its use and answered with the next.

How long each lives is read from the answer: TikTok has shortened both before (a day and a year, hours and half a year).
https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import SecretStr

from dissem.channels.client import Answer, Client, by_status, doubt
from dissem.channels.errors import ChannelError, Unauthorized


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


def moment(kept: SecretStr | None) -> datetime | None:
    """A kept end; None if none is known."""
    try:
        return datetime.fromtimestamp(float(kept.get_secret_value()), UTC) if kept else None
    except (ValueError, OverflowError, OSError):
        return None


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
