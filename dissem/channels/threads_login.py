"""Logging in at Threads. Tokens last 60 days and are renewed while they last, once they are a day old.

The answer for a code does not tell which rights were given. What needs a right is read once instead: the quota is shown
to those who may publish, the insights to those who may see them. Without the other two a post is not removed, and a
lost reply is not found.
https://developers.facebook.com/docs/threads/get-started/get-access-tokens-and-permissions
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError
from dissem.channels.graph import NoRight, fault, named
from dissem.channels.login import Ask, BrowserLogin, Choice, moment, tokens
from dissem.channels.meta_login import bought, door, lasting

_PROBES = {
    "threads_basic": ("me", {"fields": "id"}),
    "threads_content_publish": ("me/threads_publishing_limit", {"fields": "quota_usage"}),
    "threads_manage_insights": ("me/threads_insights", {"metric": "likes"}),
}


class ThreadsLogin(BrowserLogin):
    app_table = "threads"
    title = "Threads"

    @property
    def scopes(self) -> tuple[str, ...]:
        return (*_PROBES, "threads_read_replies", "threads_delete")

    def address(self, ask: Ask) -> str:
        host = self.app.login_url or "https://threads.net"
        return f"{host}/oauth/authorize?{self.asked(ask, separator=',', client_id=self.app.id)}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        way = door(self.settings["api_url"], self.network, self.title)
        answer = bought(way, "/oauth/access_token", self.app, code, ask)
        short = tokens(answer, datetime.now(UTC))["access_token"]
        kept = dict(lasting(way, "th_exchange_token", short, self.app.secret))
        bearer = kept["access_token"].get_secret_value()
        api = Client(self.settings["api_url"], network=self.network, bearer=bearer, translate=_translate)
        self.require({*self.scopes} - {*self._denied(api)})
        me = api.get(f"/{self.settings['version']}/me", params={"fields": "id,username"})
        name = f"@{me.member('username')}"
        return [Choice(str(me.member("id")), name, {}, kept, moment(kept.get("access_token_ends")))]

    def _denied(self, api: Client) -> Iterator[str]:
        for scope, (path, params) in _PROBES.items():
            try:
                api.get(f"/{self.settings['version']}/{path}", params=params)
            except NoRight:
                yield scope


def _translate(answer: Answer) -> ChannelError | None:
    return named(answer, fault(answer, "Threads"))
