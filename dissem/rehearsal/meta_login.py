"""Facebook, Instagram and Threads with their logins: pages, codes, short and long tokens, rights one may untick.

Facebook Login lets a person in, who then shows the pages and their tokens; Instagram Login and Threads let an account
in. A page token lasts as long as the person's token it came from, and for good if that is a long one.
Sources: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and /access-tokens;
/docs/instagram-platform/instagram-api-with-instagram-login/business-login; /docs/threads/get-started
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dissem.rehearsal.container_tokens import LIFE, LongTokens
from dissem.rehearsal.facebook import FacebookStandin
from dissem.rehearsal.graph_door import GraphDoor
from dissem.rehearsal.graph_errors import bad_parameter, refusal
from dissem.rehearsal.graph_parameters import wanted_fields
from dissem.rehearsal.instagram import InstagramStandin
from dissem.rehearsal.login import LoginDoor, Unredeemable, Way, fields
from dissem.rehearsal.standin import route
from dissem.rehearsal.threads import ThreadsStandin
from dissem.rehearsal.wire import Answer, Request

SHORT = timedelta(hours=1)
PAGE = {"id", "name", "access_token", "tasks", "category", "instagram_business_account"}
RIGHTS = frozenset(
    {
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_read_user_content",
        "read_insights",
        "instagram_basic",
        "instagram_content_publish",
        "instagram_manage_insights",
        "business_management",
    }
)


@dataclass(frozen=True)
class Token:
    """A person's token."""

    scopes: frozenset[str]
    ends: datetime
    long: bool = False


class FacebookLogin(LoginDoor, GraphDoor):
    """`listed` is how many pages one listing shows; `idle` are pages on which the person may not make posts."""

    way = Way(separator=",", scopes=RIGHTS, tail="#_=_")

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.listed_pages = 25
        self.idle: set[str] = set()
        self._persons: dict[str, Token] = {}

    def page_of(self, account: Any) -> dict[str, Any]:
        """The page that *account* is."""
        return {"id": account.id, "name": account.name}

    @route("GET", "/{version}/dialog/oauth", label="login")
    def page_shown(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/{version}/dialog/oauth", label="login")
    def decision(self, request: Request) -> Answer:
        return self.decided(request)

    @route("GET", "/{version}/oauth/access_token", label="token")
    @route("POST", "/{version}/oauth/access_token", label="token")
    def person_token(self, request: Request) -> Answer:
        self._check_version(request)
        given = self._loosely(request)
        try:
            self.require_app(given)
            if given.get("grant_type") == "fb_exchange_token":
                held = self._person(given.get("fb_exchange_token", ""))
                return self._given(Token(held.scopes, self.clock() + LIFE, long=True))
            code = self.redeemed(given)
        except Unredeemable as error:
            if error.error == "invalid_client":
                raise refusal(1, "Error validating client secret.", status=400) from error
            raise refusal(100, error.sentence, 36009) from error
        return self._given(Token(code.scopes, self.clock() + SHORT))

    def _given(self, token: Token) -> Answer:
        made = f"EAAgladi{secrets.token_urlsafe(24)}"
        self._persons[made] = token
        seconds = int((token.ends - self.clock()).total_seconds())
        return Answer(200, {"access_token": made, "token_type": "bearer", "expires_in": seconds})

    def _person(self, token: str) -> Token:
        held = self._persons.get(token)
        if held is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        if held.ends <= self.clock():
            raise refusal(190, "Error validating access token: Session has expired.", 463)
        return held

    def _asking(self, request: Request) -> Token:
        self._check_version(request)
        held = self._person(self._token(request))
        self._check_proof(request, self._token(request))
        return held

    @route("GET", "/{version}/me/permissions", label="permissions")
    def permissions(self, request: Request) -> Answer:
        held = self._asking(request)
        told = {True: "granted", False: "declined"}
        asked = sorted(held.scopes | self.unticked)
        return Answer(200, {"data": [{"permission": one, "status": told[one in held.scopes]} for one in asked]})

    @route("GET", "/{version}/me/accounts", label="accounts")
    def pages(self, request: Request) -> Answer:
        held = self._asking(request)
        given = self._arguments(request, {"limit", "after"})
        wanted = {one.name for one in wanted_fields(given.get("fields", "id,name,access_token"))}
        if not wanted <= PAGE:
            raise bad_parameter(f"Tried accessing nonexisting field ({', '.join(sorted(wanted - PAGE))})")
        if "pages_show_list" not in held.scopes:
            return Answer(200, {"data": []})
        start = int(given.get("after") or 0)
        end = start + min(int(given.get("limit") or 25), self.listed_pages)
        data = [self._page_shown(place, held, wanted) for place in range(start, min(end, len(self.accounts)))]
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(self.accounts):
            paging["next"] = f"{self.url}{request.path}?access_token=gladi&after={end}"
        return Answer(200, {"data": data, "paging": paging})

    def _page_shown(self, place: int, held: Token, wanted: set[str]) -> dict[str, Any]:
        account = self.accounts[place]
        tasks = ["ANALYZE"] if account.id in self.idle else ["ANALYZE", "CREATE_CONTENT", "MANAGE"]
        life = None if held.long else held.ends - self.clock()
        token = self.issue(place, held.scopes, life, "EAAgladi-page-")
        known = {**self.page_of(account), "category": "Government", "tasks": tasks, "access_token": token}
        return {name: value for name, value in known.items() if name in wanted}

    def without_secrets(self, text: str) -> str:
        for token in self._persons:
            text = text.replace(token, "***")
        return super().without_secrets(text)


class FacebookLoginStandin(FacebookLogin, FacebookStandin):
    """Pages that a person runs."""


class InstagramByFacebookStandin(FacebookLogin, InstagramStandin):
    """Accounts that are linked to pages, all but those in `unlinked`."""

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.unlinked: set[str] = set()

    def page_of(self, account: Any) -> dict[str, Any]:
        linked = {"instagram_business_account": {"id": account.id, "username": account.handle}}
        page = {"id": f"104{account.id[-12:]}", "name": f"Halaman {account.name}"}
        return page if account.id in self.unlinked else {**page, **linked}


class AccountLogin(LoginDoor, LongTokens):
    """An account logs in itself; its token of an hour is exchanged for one of sixty days."""

    exchange = ""  # what the exchange is called

    @route("GET", "/oauth/authorize", label="login")
    def page_shown(self, request: Request) -> Answer:
        return self.consent(request)

    @route("POST", "/oauth/authorize", label="login")
    def decision(self, request: Request) -> Answer:
        return self.decided(request)

    @route("POST", "/oauth/access_token", label="token")
    def short_token(self, request: Request) -> Answer:
        given = fields(request)
        try:
            if given.get("grant_type") != "authorization_code":
                raise Unredeemable("unsupported_grant_type", "Invalid grant_type")
            self.require_app(given)
            code = self.redeemed(given)
        except Unredeemable as error:
            told = {"error_type": "OAuthException", "code": 400, "error_message": error.sentence}
            return Answer(400, told)
        token = self.issue(code.place, code.scopes, SHORT, "IGAAgladi-pendek-")
        return Answer(200, self.told(self.accounts[code.place].id, token, code.scopes))

    def told(self, account: str, token: str, scopes: frozenset[str]) -> Mapping[str, Any]:
        raise NotImplementedError

    @route("GET", "/access_token", label="exchange")
    def long_token(self, request: Request) -> Answer:
        given = self._arguments(request, {"grant_type", "client_secret"})
        held = self.logins.get(self._token(request))
        if given.get("grant_type") != self.exchange:
            raise bad_parameter(f"Param grant_type must be {self.exchange}")
        if held is None or self.account_with(token=self._token(request)) is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        if given.get("client_secret") != self.app_secret:
            raise refusal(1, "Error validating client secret.")
        place = [account.id for account in self.accounts].index(held.account)
        token = self.issue(place, held.scopes, None, "IGAAgladi-")
        self.issued[token] = self.clock()  # from here on its age counts
        body = {"access_token": token, "token_type": "bearer", "expires_in": int(LIFE.total_seconds())}
        return Answer(200, body)


class InstagramLoginStandin(AccountLogin, InstagramStandin):
    exchange = "ig_exchange_token"
    way = Way(
        separator=",",
        tail="#_",
        scopes=frozenset(
            {
                "instagram_business_basic",
                "instagram_business_content_publish",
                "instagram_business_manage_insights",
                "instagram_business_manage_comments",
            }
        ),
    )

    def __init__(self, **start: Any) -> None:
        super().__init__(login="instagram", **start)

    def told(self, account: str, token: str, scopes: frozenset[str]) -> Mapping[str, Any]:
        given = {"access_token": token, "user_id": account, "permissions": ",".join(sorted(scopes))}
        return {"data": [given]}

    @route("GET", "/{version}/me", label="read")
    def me_node(self, request: Request) -> Answer:
        account = self._sign_in(request, "instagram_basic")
        wanted = {one.name for one in self._fields(request, set())}
        known = {"user_id": account.id, "username": account.handle, "id": f"9{account.id}", "name": account.name}
        if not wanted <= known.keys():
            raise bad_parameter("Tried accessing nonexisting field")
        return Answer(200, {name: known[name] for name in wanted or {"id"}})


class ThreadsLoginStandin(AccountLogin, ThreadsStandin):
    exchange = "th_exchange_token"
    way = Way(
        separator=",",
        tail="#_",
        scopes=frozenset(
            {
                "threads_basic",
                "threads_content_publish",
                "threads_manage_insights",
                "threads_manage_replies",
                "threads_read_replies",
                "threads_delete",
            }
        ),
    )

    def told(self, account: str, token: str, scopes: frozenset[str]) -> Mapping[str, Any]:
        return {"access_token": token, "user_id": int(account)}
