"""Tokens of sixty days, as Instagram Login and Threads give them, and the door at which they are renewed.

Not documented, so assumed: by which code a token is refused that is too young, and that a renewal leaves the token it
was asked with as it is.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.graph_door import GraphDoor
from dissem.rehearsal.graph_errors import bad_parameter, refusal
from dissem.rehearsal.standin import Account, route
from dissem.rehearsal.wire import Answer, Denied, Request

LIFE = timedelta(days=60)
YOUNG = timedelta(hours=24)


class LongTokens(GraphDoor):
    """`issued` tells when tokens were given; one that is not in it has no age and no end. `renewals` counts."""

    grant = ""  # what a renewal is called

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.issued: dict[str, datetime] = {}
        self.renewals = 0
        self._owners: dict[str, str] = {}  # of renewed tokens: the account's number

    @property
    def renews(self) -> bool:
        """Whether the platform renews tokens of this kind."""
        return True

    @route("GET", "/refresh_access_token", label="renew")
    def refresh_access_token(self, request: Request) -> Answer:
        if not self.renews:
            raise Denied(self.not_found(request))
        given = self._arguments(request, {"grant_type"})
        if given.get("grant_type") != self.grant:
            raise bad_parameter(f"Param grant_type must be {self.grant}")
        token = self._token(request)
        account = self.account_with(token=token)
        if account is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        self._require_lasting(request)
        if token in self.issued and self.clock() - self.issued[token] < YOUNG:
            raise bad_parameter("The access token is not yet 24 hours old")
        return Answer(200, self._renewed(account, token))

    def _renewed(self, account: Account, token: str) -> dict[str, Any]:
        self.renewals += 1
        fresh = "IGAA" + hashlib.sha256(f"{token} {self.renewals}".encode()).hexdigest()
        self.issued[fresh], self._owners[fresh] = self.clock(), account.id
        return {"access_token": fresh, "token_type": "bearer", "expires_in": int(LIFE.total_seconds())}

    def ends(self, token: str) -> datetime | None:
        """When *token* ends, None if it does not."""
        return self.issued[token] + LIFE if token in self.issued else None

    def _require_lasting(self, request: Request) -> None:
        ends = self.ends(self._token(request))
        if ends and self.clock() >= ends:
            raise Denied(self.token_expired(request))

    def _sign_in(self, request: Request, *scopes: str) -> Account:
        account = super()._sign_in(request, *scopes)
        self._require_lasting(request)
        return account

    def account_with(self, **known: str) -> Any:
        owner = self._owners.get(known.get("token", ""))
        return super().account_with(**({"id": owner} if owner else known))

    def without_secrets(self, text: str) -> str:
        for token in self._owners:
            text = text.replace(token, "***")
        return super().without_secrets(text)
