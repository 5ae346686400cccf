"""A page at Facebook: its login, who it is, photos that nobody sees yet, and taking things away."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from dissem.channels.adapter import Account, Adapter, Attachment, Part, Receipt
from dissem.channels.client import Client
from dissem.channels.errors import Unreachable
from dissem.channels.facebook_graph import graph, object_of, translate
from dissem.channels.graph import Missing
from dissem.channels.network import Network

API = "v26.0"  # since 2026-07-29; Facebook names no last day yet
LAST_DAYS = {  # of older versions that a channel may be set to
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}


class FacebookPage(Adapter):
    """What everything that is published on a page shares."""

    last_days: ClassVar[Mapping[str, date]] = LAST_DAYS

    class Settings(Adapter.Settings):
        api_url: str = "https://graph.facebook.com"
        upload_url: str = Field(
            "https://rupload.facebook.com", description="takes the bytes of reels and video stories"
        )
        version: str = Field(API, pattern=r"^v\d+\.\d+$", description="of the Graph API")
        page: str = Field(pattern=r"^[\w.-]+$", description="number of the page")
        access_token: SecretStr
        app_secret: SecretStr | None = Field(None, description="where the app demands a proof with every call")

    def __init__(self, settings: Any, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.page: str = settings.page
        token = settings.access_token.get_secret_value()
        api = Client(settings.api_url, network=network, bearer=token, translate=translate)
        self.graph = graph(api, settings.version, token, settings.app_secret)

    def check(self) -> Account:
        answer = self.graph.get_object(self.page, fields="id,name,link")
        ends = LAST_DAYS.get(self.settings.version)
        return Account(
            id=str(answer.member("id")),
            name=str(answer.member("name")),
            url=object_of(answer).get("link"),
            limits={"version_ends": ends.isoformat()} if ends else {},
        )

    def followers(self) -> int | None:
        told = object_of(self.graph.get_object(self.page, fields="followers_count")).get("followers_count")
        return told if isinstance(told, int) else None

    def upload_photo(self, photo: Attachment) -> str:
        """The id of the photo, which is on the page's account and not on the page."""
        described = {"alt_text_custom": photo.alt} if photo.alt else {}
        with photo.path.open("rb") as file:
            source = (photo.sha256, file, photo.type)
            answer = self.graph.put_photo(source, f"{self.page}/photos", published=False, **described)
        return str(answer.member("id"))

    def remove(self, receipt: Receipt) -> None:
        for node in (receipt.id, *receipt.also):  # photos and videos outlive their post
            try:
                answer = self.graph.delete_object(node)
            except Missing:
                continue
            if answer.member("success") is not True:
                raise Unreachable("Facebook did not say that the post is removed.")


def video_of(part: Part) -> Attachment | None:
    return next((a for a in part.attachments if a.is_video), None)
