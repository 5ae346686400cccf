"""Renewal of tokens that live for sixty days, as Instagram Login and Threads give them.

A renewal is answered with a token for sixty more days; the one it was asked with stays good until its own end, so a
renewal that fails or whose answer is lost costs nothing. Too young a token (a day) is refused, and an ended one, too.
Only the answer of an exchange or renewal tells when a token ends; by which code a young one is refused is nowhere said.
https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from dissem.channels.client import Client
from dissem.channels.errors import Refused, Unauthorized
from dissem.channels.login import moment, tokens

SOON = timedelta(days=30)  # a token that lasts longer is left alone
YOUNG = timedelta(hours=24)  # before this age no token is renewed


def renewed(
    door: Client, grant: str, settings: Any, *, alive: Callable[[], object], now: datetime
) -> Mapping[str, SecretStr] | None:
    """The next token and its end under the names of *settings*; None while there is nothing to renew yet.

    *alive* asks something with the token we have, and raises what is wrong with it. Where it works although it is not
    renewed, it is taken for young once, and left alone for a day; after that the refusal is raised.
    """
    ends, refused = moment(settings.access_token_ends), _refused(settings)
    if ends - now > SOON if ends else refused and now - refused < YOUNG:
        return None
    try:
        return tokens(door.get("/refresh_access_token", params={"grant_type": grant}), now)
    except (Refused, Unauthorized):
        alive()
        if ends or refused:
            raise
        return {"access_token_refused": SecretStr(f"{now.timestamp():.3f} {_mark(settings)}")}


def _refused(settings: Any) -> datetime | None:
    """When the present token was refused for the first time; of another, as before a new login, it says nothing."""
    kept = settings.access_token_refused
    when, _, mark = kept.get_secret_value().partition(" ") if kept else ("", "", "")
    return moment(SecretStr(when)) if mark == _mark(settings) else None


def _mark(settings: Any) -> str:
    return hashlib.sha256(settings.access_token.get_secret_value().encode()).hexdigest()[:16]
