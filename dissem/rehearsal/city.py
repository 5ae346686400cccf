"""Several stand-ins played together, and the overview page of what their accounts look like now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from importlib import import_module
from typing import Any, ClassVar, Self

from dissem.rehearsal.page import page
from dissem.rehearsal.standin import Standin, route
from dissem.rehearsal.wire import Answer, Request

# Named, not imported: one platform's defect must not keep the others from being rehearsed.
PLATFORMS: Mapping[str, str] = {
    "mastodon": "dissem.rehearsal.mastodon:MastodonStandin",
    "telegram": "dissem.rehearsal.telegram:TelegramStandin",
    "x": "dissem.rehearsal.x_login:XLoginStandin",
    "apprise": "dissem.rehearsal.apprise:AppriseStandin",
    "email": "dissem.rehearsal.smtp:MailStandin",
    "facebook": "dissem.rehearsal.meta_login:FacebookLoginStandin",
    "instagram": "dissem.rehearsal.meta_login:InstagramByFacebookStandin",
    "threads": "dissem.rehearsal.meta_login:ThreadsLoginStandin",
    "bluesky": "dissem.rehearsal.bluesky:BlueskyStandin",
    "linkedin": "dissem.rehearsal.linkedin_login:LinkedInLoginStandin",
    "youtube": "dissem.rehearsal.youtube_login:YoutubeLoginStandin",
    "tiktok": "dissem.rehearsal.tiktok_login:TikTokLoginStandin",
    "wordpress": "dissem.rehearsal.wordpress:WordPressStandin",
    "webhook": "dissem.rehearsal.webhook:WebhookStandin",
}


def standin(platform: str, *, port: int = 0) -> Standin:
    """The stand-in of one platform with its sample accounts, not started; KeyError for a platform without one."""
    module, _, name = PLATFORMS[platform].partition(":")
    made: Standin = getattr(import_module(module), name)()
    made.port = port
    return made


class City:
    """Stand-ins that start and stop together:

    with City(MastodonStandin(), TelegramStandin()) as city:
        city.urls()["mastodon"]
    """

    def __init__(self, *standins: Standin) -> None:
        self.standins = standins
        self._running = ExitStack()

    @classmethod
    def of(cls, *platforms: str) -> Self:
        """The named platforms, all of them if none is named."""
        return cls(*(standin(platform) for platform in platforms or PLATFORMS))

    def __getitem__(self, platform: str) -> Standin:
        return next(one for one in self.standins if one.name == platform)

    def start(self) -> Self:
        """Start all of them, or none: if one cannot start, the others are stopped again."""
        with ExitStack() as starting:
            for one in self.standins:
                starting.enter_context(one)
            self._running = starting.pop_all()
        return self

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def urls(self) -> dict[str, str]:
        """The address of each platform, as `api_url` of a channel takes it."""
        return {one.name: one.url for one in self.standins}

    def page(self) -> str:
        """What all accounts look like now, as one page."""
        return page(self.standins)

    def let_pass(self, time: timedelta) -> None:
        """Pretend that *time* has passed on every platform: posts age, and people react."""
        for one in self.standins:
            one.time_offset += time


class Overview(Standin):
    """`/` is the page of all accounts, `/urls` their addresses as JSON; its control path sets everyone's time."""

    name: ClassVar[str] = "overview"

    def __init__(self, city: City, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.city = city

    @route("GET", "/")
    def everything(self, request: Request) -> Answer:
        return Answer(200, self.city.page(), {"Cache-Control": "no-store"})

    @route("GET", "/urls")
    def addresses(self, request: Request) -> Answer:
        return Answer(200, self.city.urls())

    @route("POST", "/time")
    def time(self, request: Request) -> Answer:
        """`{"hours": 6}` lets six hours pass."""
        try:
            self.city.let_pass(timedelta(hours=float(request.json()["hours"])))
        except (KeyError, TypeError, ValueError) as error:
            return Answer(400, {"error": f"hours: {error}"})
        return Answer(200, {})


def serve(
    *platforms: str,
    port: int = 0,
    first_port: int = 0,
    ready: Callable[[str, City], Any] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Play *platforms* (all if none is named) until interrupted, or until *until* is set.

    The overview listens on *port*; the platforms on *first_port* and the ones after it, or on free ports if 0.
    *ready* gets the overview's address and the city once everything answers.
    """
    chosen = platforms or tuple(PLATFORMS)
    ports = [first_port + place if first_port else 0 for place in range(len(chosen))]
    city = City(*(standin(platform, port=number) for platform, number in zip(chosen, ports, strict=True)))
    with city, Overview(city, port=port) as overview:
        if ready is not None:
            ready(overview.url, city)
        wait_for_end(until or threading.Event())


def wait_for_end(until: threading.Event) -> None:
    """Return at Ctrl-C or when *until* is set."""
    try:
        until.wait()
    except KeyboardInterrupt:
        return
