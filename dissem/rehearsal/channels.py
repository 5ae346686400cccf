"""What a channel needs to speak for an account of a stand-in: settings and secrets, as `channel add` takes them.

Two agencies play. The one at place 0 is on every platform, the one at place 1 on those of `BOTH`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dissem.rehearsal.city import City

Login = tuple[dict[str, str], dict[str, str]]  # settings, secrets

BOTH = ("mastodon", "telegram", "x", "facebook", "youtube", "tiktok")
HOSTS: Mapping[str, str] = {
    "facebook-story": "facebook",
    "instagram-story": "instagram",
}  # played by another's stand-in
DEAD = "bagian.lama@kabar.example"  # nobody has this mailbox any more


def login(city: City, platform: str, place: int) -> Login:
    """Settings and secrets of the *place*-th account on *platform*."""
    standin: Any = city[HOSTS.get(platform, platform)]
    settings, secrets = _LOGINS[platform](standin, place)
    return ({"api_url": standin.url, **settings} if platform not in ELSEWHERE else settings), secrets


def _mastodon(standin: Any, place: int) -> Login:
    return {}, {"access_token": standin.accounts[place].token}


def _telegram(standin: Any, place: int) -> Login:
    chat = f"@{standin.accounts[place].handle}"
    return {"chat": chat, "staging_chat": str(standin.staging)}, {"bot_token": standin.token}


def _x(standin: Any, place: int) -> Login:
    user = standin.accounts[place]
    return {}, {
        "consumer_key": standin.consumer_key,
        "consumer_secret": standin.consumer_secret,
        "access_token": user.access_token,
        "access_token_secret": user.access_token_secret,
    }


def _page(standin: Any, place: int) -> Login:
    page = standin.accounts[place]
    return {"upload_url": standin.url, "page": page.id}, {"access_token": page.token}


def _instagram(standin: Any, place: int) -> Login:
    account = standin.accounts[place]
    return {"upload_url": standin.url, "account": account.id}, {"access_token": account.token}


def _threads(standin: Any, place: int) -> Login:
    return {"account": standin.accounts[place].id}, {"access_token": standin.accounts[place].token}


def _bluesky(standin: Any, place: int) -> Login:
    account, url = standin.accounts[place], standin.url
    return {"video_url": url, "web_url": url, "identifier": account.handle}, {"app_password": account.token}


def _linkedin(standin: Any, place: int) -> Login:
    return {"organization": standin.accounts[place].id}, {"access_token": standin.accounts[place].token}


def _tiktok(standin: Any, place: int) -> Login:
    return {"mode": "direct"}, {
        "client_id": standin.door.client_key,
        "client_secret": standin.door.client_secret,
        "refresh_token": standin.accounts[place].refresh_token,
    }


def _youtube(standin: Any, place: int) -> Login:
    return {"token_url": standin.url}, {
        "client_id": standin.client_id,
        "client_secret": standin.client_secret,
        "refresh_token": standin.accounts[place].token,
    }


def _wordpress(standin: Any, place: int) -> Login:
    account = standin.accounts[place]
    return {"username": account.handle}, {"application_password": account.token}


def _webhook(standin: Any, place: int) -> Login:
    return {"url": standin.address}, {"signing_secret": standin.token}


def _email(standin: Any, place: int) -> Login:
    """A press list of three, of which one address is dead."""
    readers = [account.handle for account in standin.accounts[:2]]
    standin.unknown.add(DEAD)
    return {
        "host": "127.0.0.1",
        "port": str(standin.port),
        "sender": f"Humas Kota Padang <{standin.username}>",
        "recipients": ", ".join([*readers, DEAD]),
        "ca_file": str(standin.ca_file),
    }, {"password": standin.password}


def _apprise(standin: Any, place: int) -> Login:
    return {}, {"address": standin.address}


ELSEWHERE = frozenset({"webhook", "email", "apprise"})  # their address stands in other settings
_LOGINS = {
    "mastodon": _mastodon,
    "telegram": _telegram,
    "x": _x,
    "facebook": _page,
    "facebook-story": _page,
    "instagram": _instagram,
    "instagram-story": _instagram,
    "threads": _threads,
    "bluesky": _bluesky,
    "linkedin": _linkedin,
    "tiktok": _tiktok,
    "youtube": _youtube,
    "wordpress": _wordpress,
    "webhook": _webhook,
    "email": _email,
    "apprise": _apprise,
}
EVERYWHERE = tuple(_LOGINS)
