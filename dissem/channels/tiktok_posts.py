"""Posts as TikTok names and counts them."""

import re
from collections.abc import Mapping
from typing import Any

from dissem.channels.adapter import Counts, Receipt
from dissem.channels.errors import Unreachable

FIGURES = ("view_count", "like_count", "comment_count", "share_count")
_POST = re.compile(r"tiktok\.com/@[^/]*/(?:video|photo)/(\d+)")


def exact(number: Any) -> str:
    """An id with all its digits: TikTok writes it as a number that no float can hold."""
    if isinstance(number, bool) or not (isinstance(number, int) or (isinstance(number, str) and number.isdigit())):
        raise Unreachable("The platform's answer could not be read.")
    return str(number)


def profile(creator: Mapping[str, Any]) -> str | None:
    """The address of an account, from what was told of its owner."""
    name = creator.get("creator_username")
    return f"https://www.tiktok.com/@{name}" if name else None


def post_in(url: str) -> str | None:
    """The id of the post at *url*, None if it does not stand in there."""
    found = _POST.search(url)
    return found and found[1]


def is_photo(receipt: Receipt) -> bool:
    return "/photo/" in (receipt.url or "") or any(of_photos(name) for name in receipt.also)


def of_photos(publish_id: str) -> bool:
    """Whether photos were published under it: `p_pub_url~…`; those of videos begin with v_."""
    return publish_id.startswith("p_")


def counts(video: Mapping[str, Any]) -> Counts:
    raw = {name: video[name] for name in FIGURES if isinstance(video.get(name), int)}
    views, likes, comments, shares = (raw.get(name) for name in FIGURES)
    return Counts(views=views, likes=likes, comments=comments, shares=shares, raw=raw)
