"""Facebook Login: a person who runs pages chooses one, or the Instagram account that is linked to one.

The person's token is made a long one first: the page token that it gives then has no end of its own. It ends with the
person's password, role or app, and what Meta calls data access 90 days after the person's last login.
https://developers.facebook.com/docs/facebook-login and /docs/pages-api/getting-started
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from dissem.channels.client import Answer
from dissem.channels.errors import ChannelError, Unauthorized, Unreachable
from dissem.channels.graph import Graph, fault, named
from dissem.channels.login import Ask, BrowserLogin, Choice, tokens
from dissem.channels.meta_login import bought, door

DATA_ACCESS = timedelta(days=90)
PAGES = 20  # listings of a hundred pages before we give up
LISTED = "id,name,access_token,tasks,instagram_business_account{id,username}"


class FacebookLogin(BrowserLogin):
    """For pages, their posts and their stories."""

    app_table = "facebook"
    title = "Facebook"

    @property
    def scopes(self) -> tuple[str, ...]:
        reading = ("pages_read_engagement", "pages_read_user_content", "read_insights")
        return ("pages_show_list", "pages_manage_posts", *reading)

    def address(self, ask: Ask) -> str:
        host = self.app.login_url or "https://www.facebook.com"
        # A right that was refused once is asked for again only if we say so.
        asked = self.asked(ask, separator=",", client_id=self.app.id, auth_type="rerequest")
        return f"{host}/{self.settings['version']}/dialog/oauth?{asked}"

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        now = datetime.now(UTC)
        graph = self._graph(self._person(code, ask))
        granted = graph.get("me/permissions").member("data")
        self.require(str(one.get("permission")) for one in granted if one.get("status") == "granted")
        found = [one for page in self._pages(graph) if (one := self.choice(page, now + DATA_ACCESS))]
        if not found:
            raise self.nothing()
        return found

    def nothing(self) -> ChannelError:
        """What a person is told who has nothing to choose from."""
        return Unauthorized(
            "This person may not post on any Facebook page.",
            hint="Log in as somebody who may, and tick the page when Facebook asks.",
        )

    def _person(self, code: str, ask: Ask) -> SecretStr:
        """The person's token of sixty days."""
        way, path = door(self.settings["api_url"], self.network, self.title), f"/{self.settings['version']}"
        now = datetime.now(UTC)
        short = tokens(bought(way, f"{path}/oauth/access_token", self.app, code, ask), now)["access_token"]
        form = {"grant_type": "fb_exchange_token", "fb_exchange_token": short.get_secret_value()}
        mine = {"client_id": self.app.id, "client_secret": self.app.words}
        return tokens(way.post(f"{path}/oauth/access_token", data={**form, **mine}), now)["access_token"]

    def _graph(self, token: SecretStr) -> Graph:
        return Graph(
            self.settings["api_url"],
            self.settings["version"],
            token,
            network=self.network,
            translate=_translate,
            secret=self.app.secret,
        )

    def _pages(self, graph: Graph) -> Iterator[Mapping[str, Any]]:
        """Every page on which the person may make posts."""
        following: dict[str, Any] = {}
        for _ in range(PAGES):
            body = graph.get("me/accounts", fields=LISTED, limit="100", **following).json()
            yield from (page for page in body.get("data") or () if "CREATE_CONTENT" in (page.get("tasks") or ()))
            paging = body.get("paging") or {}
            if not paging.get("next"):
                return
            following = {"after": str((paging.get("cursors") or {}).get("after") or "")}
        raise Unreachable("There are too many pages to look through.")

    def choice(self, page: Mapping[str, Any], ends: datetime) -> Choice | None:
        """*page* as what is chosen, None if there is nothing for us in it."""
        return Choice(str(page["id"]), str(page["name"]), {"page": str(page["id"])}, self.keys(page), ends)

    def keys(self, page: Mapping[str, Any]) -> dict[str, SecretStr]:
        """The page's token, and the app's secret: with it every call proves that it is ours."""
        proof = {"app_secret": self.app.secret} if self.app.secret else {}
        return {"access_token": SecretStr(str(page["access_token"])), **proof}


class InstagramByFacebook(FacebookLogin):
    """For professional Instagram accounts that are linked to a page."""

    title = "Instagram"

    @property
    def scopes(self) -> tuple[str, ...]:
        mine = ("instagram_basic", "instagram_content_publish", "instagram_manage_insights")
        return (*mine, "pages_read_engagement", "pages_show_list")

    def nothing(self) -> ChannelError:
        return Unauthorized(
            "No page that this person may post on has a professional Instagram account.",
            hint="Log in as somebody who may, and tick the page when Facebook asks.",
        )

    def choice(self, page: Mapping[str, Any], ends: datetime) -> Choice | None:
        linked = page.get("instagram_business_account") or {}
        if not linked.get("id"):
            return None
        number, name = str(linked["id"]), f"@{linked.get('username') or linked['id']} ({page['name']})"
        return Choice(number, name, {"account": number, "login": "facebook"}, self.keys(page), ends)


def _translate(answer: Answer) -> ChannelError | None:
    return named(answer, fault(answer, "Facebook"))
