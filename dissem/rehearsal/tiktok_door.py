"""Who may come in: tokens that end and rotate, scopes, and how often an account may ask."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.standin import Account
from dissem.rehearsal.tiktok_words import LOG_ID, oauth_refusal, refusal
from dissem.rehearsal.wire import Answer, Request

SCOPES = frozenset({"user.info.basic", "user.info.profile", "video.publish", "video.upload", "video.list"})
ACCESS_LIFE = timedelta(hours=24)
REFRESH_LIFE = timedelta(days=365)
MINUTE = timedelta(minutes=1)
PER_MINUTE = {"creator": 20, "status": 30, "account": 600, "list": 600, "measure": 600}  # others: 6


@dataclass(frozen=True)
class Creator(Account):
    """An account at TikTok with its current tokens. *ends*: of the access token; None for one that does not end."""

    refresh_token: str = ""
    ends: datetime | None = None
    refresh_ends: datetime | None = None
    private: bool = False
    longest_video: int = 600  # seconds
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    banned: bool = False

    @property
    def privacy_levels(self) -> list[str]:
        widest = "FOLLOWER_OF_CREATOR" if self.private else "PUBLIC_TO_EVERYONE"
        return [widest, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]


class Door:
    """Knows the app's key, and every token that was ever given out.

    `access_life` None: access tokens do not end by time, whatever they say. `refusal_status`: TikTok has been seen to
    refuse a refresh token with 400, and with 200.
    """

    def __init__(self, accounts: list[Any], clock: Callable[[], datetime]) -> None:
        self.accounts = accounts
        self.clock = clock
        self.client_key = "gladi-tiktok-key"
        self.client_secret = "gladi-tiktok-rahasia"  # noqa: S105 - of the stand-in, no secret
        self.access_life: timedelta | None = ACCESS_LIFE
        self.refresh_life = REFRESH_LIFE
        self.refusal_status = 400
        self.renewals = 0
        self._former: dict[str, tuple[str, datetime | None]] = {}  # access token → account, and when it ends
        self._asked: dict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    # Access tokens

    def admit(self, request: Request, *scopes: str) -> Creator:
        """The account that asks, its token good, with one of *scopes*, and not too often."""
        creator = self._holder(request.bearer or "")
        if creator is None:
            raise refusal(401, "access_token_invalid", "The access token is invalid or not found in the request.")
        if not creator.scopes & set(scopes):
            raise refusal(401, "scope_not_authorized", "The user did not authorize the scope required.")
        self._count(creator, request.entry.label)
        return creator

    def _holder(self, token: str) -> Creator | None:
        for creator in self.accounts:
            if token and creator.token == token:
                return creator if self._lasts(creator.ends) else None
        owner, ends = self._former.get(token, ("", None))
        current = [creator for creator in self.accounts if creator.id == owner]
        return current[0] if current and self._lasts(ends) else None

    def _lasts(self, ends: datetime | None) -> bool:
        return ends is None or self.clock() < ends

    def _count(self, creator: Creator, label: str) -> None:
        kind = label if label in PER_MINUTE else "publish"
        asked, now = self._asked[creator.id, kind], self.clock()
        while asked and now - asked[0] >= MINUTE:
            asked.popleft()
        if len(asked) >= PER_MINUTE.get(kind, 6):
            raise refusal(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.")
        asked.append(now)

    # The token endpoint

    def token(self, request: Request) -> Answer:
        """A new pair for a refresh token, which is spent by it."""
        if request.type != "application/x-www-form-urlencoded":
            raise oauth_refusal(400, "invalid_request", "The request parameters are malformed.")
        form = request.form()
        given = {name: form.one(name) or "" for name in form.fields}
        request.entry.unknown_fields += sorted(
            set(given) - {"client_key", "client_secret", "grant_type", "refresh_token"}
        )
        if (given.get("client_key"), given.get("client_secret")) != (self.client_key, self.client_secret):
            raise oauth_refusal(401, "invalid_client", "Client key or secret is incorrect.")
        if given.get("grant_type") != "refresh_token":
            raise oauth_refusal(400, "unsupported_grant_type", "The grant type is not supported.")
        return Answer(200, self._renewed(given.get("refresh_token", "")))

    def let_in(self, place: int, scopes: frozenset[str]) -> dict[str, Any]:
        """A pair of tokens for the account at *place*, with the rights that its owner gave."""
        old = self.accounts[place]
        self._former[old.token] = (old.id, old.ends)
        self.accounts[place] = self._with_new_tokens(replace(old, scopes=scopes), self.clock())
        return self._told(self.accounts[place])

    def _renewed(self, refresh_token: str) -> dict[str, Any]:
        now = self.clock()
        for place, old in enumerate(self.accounts):
            good = old.refresh_ends is None or now < old.refresh_ends
            if refresh_token and old.refresh_token == refresh_token and good:
                self._former[old.token] = (old.id, old.ends)
                self.accounts[place] = self._with_new_tokens(old, now)
                return self._told(self.accounts[place])
        raise oauth_refusal(self.refusal_status, "invalid_grant", "Refresh token is invalid or expired.")

    def _with_new_tokens(self, old: Creator, now: datetime) -> Creator:
        self.renewals += 1
        return replace(
            old,
            token=f"act.{old.handle}{self.renewals}Gladi!4856.e1",
            refresh_token=f"rft.{old.handle}{self.renewals}Gladi!5012.e1",
            ends=now + self.access_life if self.access_life else None,
            refresh_ends=now + self.refresh_life,
        )

    def _told(self, creator: Creator) -> dict[str, Any]:
        return {
            "open_id": creator.id,
            "scope": ",".join(sorted(creator.scopes)),
            "access_token": creator.token,
            "expires_in": int((self.access_life or ACCESS_LIFE).total_seconds()),
            "refresh_token": creator.refresh_token,
            "refresh_expires_in": int(self.refresh_life.total_seconds()),
            "token_type": "Bearer",
        }

    def spent(self, request: Request) -> Answer:
        """What is said of a token that was good once, in the form of the endpoint that was asked."""
        if request.entry.label == "token":
            body = {"error": "invalid_grant", "error_description": "Refresh token is invalid or expired."}
            return Answer(self.refusal_status, {**body, "log_id": LOG_ID})
        return refusal(401, "access_token_invalid", "The access token is invalid or has expired.").answer
