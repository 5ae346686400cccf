"""What there is to publish on: what each platform takes and can do, and what is known after a lost answer."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dissem import i18n
from dissem.cli.show import facts, show, table, word
from dissem.clock import show_span
from dissem.i18n import _

if TYPE_CHECKING:
    from datetime import timedelta

    from dissem.channels.adapter import Facts

_MB = 10**6
_ORDER = ("keyed", "staged", "readable", "blind")  # from the surest


def platforms() -> None:
    from dissem.channels.registry import platforms as installed

    shown = [_platform(name) for name in installed()]
    show(shown, "\n\n".join(_described(one) for one in shown))


def _platform(name: str) -> dict[str, Any]:
    from dissem.channels.registry import adapter_class
    from dissem.store.adapters import secret_fields

    adapter = adapter_class(name)
    found, secrets = adapter.facts, secret_fields(adapter)
    return {
        "platform": name,
        "label": found.label,
        "takes": _takes(found),
        "pictures": _pictures(found),
        "videos": _videos(found),
        "abilities": _abilities(found),
        "certainty": [one for one in _ORDER if one in found.certainties],
        "after_a_lost_answer": [_after(one) for one in _ORDER if one in found.certainties],
        "figures": [name for name in _counts() if name in found.counts],
        "api": found.api or None,
        "last_day": found.sunset,
        "posts_a_day": found.daily,
        "settings": [
            {
                "name": key,
                "secret": key in secrets,
                "required": field.is_required(),
                "default": None if field.is_required() or key in secrets else _default(field),
                "description": _(field.description or ""),
            }
            for key, field in adapter.Settings.model_fields.items()
        ],
        "facts": {key: _fact(value) for key, value in asdict(found).items()},
    }


def _counts() -> tuple[str, ...]:
    from dissem.channels.adapter import COUNTS

    return COUNTS


def _default(field: Any) -> Any:
    value = field.get_default(call_default_factory=True)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _fact(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


# Limits and abilities, as people ask for them


def _takes(found: "Facts") -> str:
    """The limits in one line."""
    parts = [_text(found)]
    if found.images:
        parts.append(_("a picture") if found.images == 1 else _("{number} pictures", number=i18n.number(found.images)))
    if found.videos:
        parts.append(_("a video") if found.videos == 1 else _("{number} videos", number=i18n.number(found.videos)))
    if found.needs_media:
        parts.append(_("never without a picture or video"))
    return ", ".join(parts)


def _text(found: "Facts") -> str:
    if found.text is None:
        return _("text without limit")
    if not found.text:
        return _("no text")
    if found.caption is not None:
        return _(
            "{number} letters ({caption} beside media)",
            number=i18n.number(found.text),
            caption=i18n.number(found.caption),
        )
    return _("{number} letters", number=i18n.number(found.text))


def _pictures(found: "Facts") -> str:
    if not found.images and not found.cover:
        return ""
    parts = [
        _types(found.image_types),
        _("up to {size}", size=_size(found.image_bytes)),
        _("{number} pixels a side", number=i18n.number(found.image_side)),
    ]
    if found.image_ratio:
        least, most = (i18n.decimal(side, 2) for side in found.image_ratio)
        parts.append(_("width ÷ height {least} to {most}", least=least, most=most))
    return ", ".join(parts)


def _videos(found: "Facts") -> str:
    if not found.videos:
        return ""
    parts = [_types(found.video_types), _("up to {size}", size=_size(found.video_bytes))]
    if found.video_least_bytes:
        parts.append(_("no less than {size}", size=_size(found.video_least_bytes)))
    if found.video_least_seconds:
        parts.append(_("at least {time} long", time=show_span(timedelta(seconds=found.video_least_seconds))))
    if found.video_seconds:
        parts.append(_("at most {time} long", time=show_span(timedelta(seconds=found.video_seconds))))
    if found.video_ratio:
        least, most = (i18n.decimal(side, 2) for side in found.video_ratio)
        parts.append(_("width ÷ height {least} to {most}", least=least, most=most))
    return ", ".join(parts)


def _types(types: "frozenset[str]") -> str:
    known = {"video/quicktime": "MOV", "image/jpeg": "JPEG"}
    return "/".join(sorted(known.get(one, one.partition("/")[2].upper()) for one in types))


def _size(octets: int) -> str:
    """Bytes in a unit that gives few digits."""
    if octets < _MB:
        return f"{i18n.number(octets // 1000)} kB"
    if octets < 1000 * _MB:
        return f"{i18n.number(octets // _MB)} MB"
    return f"{i18n.number(octets // (1000 * _MB))} GB"


def _abilities(found: "Facts") -> list[str]:
    can = {
        _("pictures"): found.images > 0,
        _("videos"): found.videos > 0,
        _("pictures and videos in one post"): found.mixed,
        _("a picture as the video's cover"): found.cover,
        _("alt text of {number} letters", number=i18n.number(found.alt)): found.alt > 0,
        _("long texts as a thread"): found.threads,
        _("the whole text with headings and lists"): found.full,
        _("a title of its own"): found.titled and found.text != 0,
        _("a post for each recipient"): found.recipients,
        _("seen for {time}", time=_lasting(found.lasts)): found.lasts is not None,
        _("files fetched from a public address"): found.fetches,
    }
    return [words for words, so in can.items() if so]


def _lasting(time: "timedelta | None") -> str:
    return show_span(time) if time else ""


def _after(certainty: str) -> str:
    """What is done when nobody knows whether a post arrived."""
    return {
        "keyed": _("dissem chose the post's key: it asks for it, and sends again under the same key"),
        "staged": _("an unseen draft was made first: it is asked, and made public again if it is not"),
        "readable": _("the account's own posts are read; what is not there waits for a person, or for resend_once"),
        "blind": _("nothing can be looked up: a person decides"),
    }[certainty]


# As text


def _described(one: dict[str, Any]) -> str:
    head = f"{one['platform']}: {one['takes']}"
    lines = {
        _("Pictures"): one["pictures"],
        _("Videos"): one["videos"],
        _("Can"): ", ".join(one["abilities"]),
        _("After a lost answer"): "; ".join(one["after_a_lost_answer"]),
        _("Figures"): ", ".join(word(name) for name in one["figures"]) or _("none"),
        _("Interface"): _interface(one),
        _("Posts a day"): i18n.number(one["posts_a_day"]) if one["posts_a_day"] else "",
    }
    rows = [
        (
            setting["name"],
            _("secret") if setting["secret"] else _("setting"),
            _("needed") if setting["required"] else setting["default"],
            setting["description"],
        )
        for setting in one["settings"]
    ]
    settings = table([_("Name"), _("Kind"), _("Default"), _("Meaning")], rows, empty=_("It has no settings."))
    return f"{head}\n{facts(lines)}\n\n{settings}"


def _interface(one: dict[str, Any]) -> str:
    if not one["api"]:
        return ""
    if not one["last_day"]:
        return str(one["api"])
    return _("{api}, until {day}", api=one["api"], day=i18n.day(one["last_day"], weekday=False))
