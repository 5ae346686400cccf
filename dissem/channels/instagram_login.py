"""Instagram Login: a professional account logs in itself, without a Facebook page. Tokens last 60 days.

The app's id and secret for it are others than those for Facebook Login: whoever names them under [apps.instagram] gets
this way. Nothing can be removed by it, and the bytes of videos are not taken: Instagram fetches them.
https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
"""

from collections.abc import Sequence

from pydantic import SecretStr

from dissem.channels.login import Ask, BrowserLogin, Choice, moment, scopes_in
from dissem.channels.meta_login import bought, door, lasting

FACEBOOK, INSTAGRAM = "https://graph.facebook.com", "https://graph.instagram.com"


class InstagramLogin(BrowserLogin):
    app_table = "instagram"
    title = "Instagram"
    replaces = frozenset({"app_secret"})

    @property
    def scopes(self) -> tuple[str, ...]:
        return (
            "instagram_business_basic",
            "instagram_business_content_publish",
            "instagram_business_manage_insights",
        )

    def address(self, ask: Ask) -> str:
        host = self.app.login_url or "https://www.instagram.com"
        return f"{host}/oauth/authorize?{self.asked(ask, separator=',', client_id=self.app.id)}"

    @property
    def api(self) -> str:
        """The host for tokens of this login, unless the channel has one of its own."""
        asked = str(self.settings["api_url"])
        return INSTAGRAM if asked == FACEBOOK else asked

    def choices(self, code: str, ask: Ask) -> Sequence[Choice]:
        buying = door(self.app.token_url or "https://api.instagram.com", self.network, self.title)
        answer = bought(buying, "/oauth/access_token", self.app, code, ask)
        told = answer.json()
        told = told["data"][0] if isinstance(told, dict) and told.get("data") else told  # both forms are documented
        rights = told.get("permissions")
        self.require(rights if isinstance(rights, list) else scopes_in(rights))
        way = door(self.api, self.network, self.title)
        kept = dict(lasting(way, "ig_exchange_token", SecretStr(str(told["access_token"])), self.app.secret))
        bearer = {"Authorization": f"Bearer {kept['access_token'].get_secret_value()}"}
        me = way.get(f"/{self.settings['version']}/me", params={"fields": "user_id,username"}, headers=bearer)
        number = str(me.member("user_id"))
        settings = {"account": number, "api_url": self.api, "upload_url": "", "login": "instagram"}
        return [Choice(number, f"@{me.member('username')}", settings, kept, moment(kept.get("access_token_ends")))]
