"""What comes to an end soon: logins that cannot be renewed, and versions of the platforms' interfaces."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import select

from dissem import i18n
from dissem.channels.adapter import Facts
from dissem.channels.login import moment
from dissem.channels.registry import adapter_class
from dissem.desk.channels import renewable
from dissem.desk.turns import first
from dissem.errors import DissemError
from dissem.models import Channel
from dissem.store.adapters import Adapters
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

AHEAD = tuple(timedelta(days=days) for days in (14, 7, 1))  # when it is said, the longest first


@dataclass(frozen=True)
class Login:
    """A channel's login, and when a person has to make it anew; None if nobody has to, or nobody knows."""

    channel: str
    ends: datetime | None


@dataclass(frozen=True)
class Ending:
    """Something that ends. *what* names it, the same whenever it is looked at."""

    what: str
    ends: datetime
    error: DissemError


def ending(
    logins: Iterable[Login], versions: Iterable[Facts], *, now: datetime, zone: ZoneInfo, within: timedelta = AHEAD[0]
) -> list[DissemError]:
    """What ends *within* that time, soonest first; what has ended already included."""
    found = [*_logins(logins, now, zone), *_versions(versions, zone)]
    return [one.error for one in sorted(found, key=lambda one: one.ends) if one.ends - now <= within]


def _logins(logins: Iterable[Login], now: datetime, zone: ZoneInfo) -> Iterator[Ending]:
    for login in logins:
        if login.ends is None:
            continue
        text = "The login of channel {channel} ends: {when}."
        if login.ends <= now:
            text = "The login of channel {channel} has ended."
        error = DissemError(
            text,
            hint="Log in again: dissem channel connect {channel}",
            channel=login.channel,
            when=i18n.moment(login.ends, zone),
        )
        yield Ending(f"login of {login.channel}", login.ends, error)


def _versions(versions: Iterable[Facts], zone: ZoneInfo) -> Iterator[Ending]:
    for facts in versions:
        if facts.sunset is None:
            continue
        error = DissemError(
            "{platform} ends version {api} of its interface, which this dissem speaks, on {day}.",
            hint="Install a newer dissem before that day.",
            platform=facts.label,
            api=facts.api,
            day=i18n.day(facts.sunset),
        )
        yield Ending(f"{facts.label} {facts.api}", datetime.combine(facts.sunset, time(), zone).astimezone(UTC), error)


def logins_of(installation: Installation, agency: str | None = None) -> list[Login]:
    """The logins of all channels whose platform is installed, or of those of *agency*."""
    query = select(Channel).order_by(Channel.name)
    with installation.database.read() as session:
        channels = session.exec(query if agency is None else query.where(Channel.agency == agency)).all()
    return [Login(one.name, login_ends(installation.adapters, one)) for one in channels if _installed(one.platform)]


def versions_of(installation: Installation) -> list[Facts]:
    """What the platforms that are in use say of themselves, each once."""
    with installation.database.read() as session:
        platforms = session.exec(select(Channel.platform).distinct().order_by(Channel.platform)).all()
    return [adapter_class(platform).facts for platform in platforms if _installed(platform)]


def login_ends(adapters: Adapters, channel: Channel) -> datetime | None:
    """When a person has to log in again: the end of what renews the login, if something does, else of the token."""
    from pydantic import SecretStr

    try:
        if not (renewable(channel) and adapters.of(channel).renews):
            return channel.token_expires
        kept = adapters.opened(channel).get("refresh_token_ends")
    except DissemError:  # the key is not there, or the settings cannot be used: said elsewhere
        return None
    return moment(SecretStr(kept)) if kept else None


def _installed(platform: str) -> bool:
    try:
        return bool(adapter_class(platform))
    except DissemError:
        return False


def warn(installation: Installation, *, now: datetime) -> int:
    """Write what ends into the log fourteen, seven and one days before, each once in the whole installation; answers
    how many warnings there were."""
    zone, said = installation.zone, 0
    for one in (*_logins(logins_of(installation), now, zone), *_versions(versions_of(installation), zone)):
        near = [ahead for ahead in AHEAD if one.ends - now <= ahead]
        if near and first(installation.database, f"{one.what}, {near[-1].days} days", of=one.ends, now=now):
            log.warning("%s %s", one.error, one.error.hint)
            said += 1
    return said
