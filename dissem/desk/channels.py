"""Channels: connecting, checking, pausing. Secrets go in, and never come out."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from dissem import i18n
from dissem.channels.adapter import Account, Adapter
from dissem.channels.errors import ChannelError, Unauthorized, Uncertain
from dissem.channels.login import TOKENS, moment
from dissem.channels.registry import adapter_class
from dissem.desk.acting import Acting
from dissem.desk.people import check_name, known_agency
from dissem.desk.rights import Action
from dissem.desk.turns import turn
from dissem.errors import Broken, Conflict, DissemError, NotFound, WrongInput
from dissem.models import Channel, ChannelState
from dissem.store.adapters import host_of, secret_fields, validated

log = logging.getLogger(__name__)


def add(
    acting: Acting,
    name: str,
    *,
    platform: str,
    agency: str,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
) -> tuple[Channel, DissemError | None]:
    """A new channel, and why its account could not be asked, if so. It publishes nothing before it was."""
    acting.require(Action.CHANNELS, agency)
    check_name(name)
    kind = adapter_class(platform)
    checked = validated(kind, {**settings, **secrets})
    with acting.write() as session:
        known_agency(session, agency)
        if session.exec(select(Channel).where(Channel.name == name)).first():
            raise Conflict(
                "The channel {name} is there already.", hint="Change it with: dissem channel edit", name=name
            )
        channel = Channel(
            name=name,
            platform=platform,
            agency=agency,
            settings=named_settings(kind, checked, settings),
            host=host_of(checked),
            created=acting.now(),
        )
        session.add(channel)
        session.flush()
        channel.secrets = acting.installation.adapters.seal(channel, secrets)
        session.add(channel)
        acting.record(session, "channel.add", f"channel {name}", platform=platform, agency=agency)
    return _tried(acting, name)


def edit(
    acting: Acting, name: str, *, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> tuple[Channel, DissemError | None]:
    """New settings or secrets; what is not named stays. The account is asked first, with the new ones: another account
    voids what was approved for the old one, and while nobody knows which it is, nothing goes out there."""
    adapters = acting.installation.adapters
    with acting.installation.database.read() as session:
        before = known(session, name)
    acting.require(Action.CHANNELS, before.agency)
    kind = adapter_class(before.platform)
    wanted = {**before.settings, **settings}
    lasting = _lasting(kind, adapters.opened(before), secrets)
    checked = validated(kind, {**wanted, **lasting, **secrets})
    fresh = _renews(kind) and "refresh_token" in secrets  # renewed before anything is asked with it
    trouble, account = (None, None) if fresh else _asked(adapters.made(kind, checked))
    with acting.write() as session:
        channel = known(session, name, lock=True)
        _require_version(channel, before.version)
        channel.settings = named_settings(kind, checked, wanted)
        channel.token_expires = None if TOKENS & secrets.keys() else channel.token_expires
        kept = {field: sealed for field, sealed in channel.secrets.items() if field in lasting}
        channel.secrets = {**kept, **adapters.seal(channel, secrets)}
        channel.host = host_of(checked)
        channel.version += 1
        answered(acting, session, channel, account)
        session.add(channel)
        acting.record(session, "channel.edit", f"channel {name}", changed=sorted([*settings, *secrets]))
    return _tried(acting, name) if fresh else (channel, trouble)


def _renews(kind: type[Adapter]) -> bool:
    """Whether the platform's logins end and are renewed: then they are, before anything is asked with them."""
    return kind.renew is not Adapter.renew


def _lasting(kind: type[Adapter], before: Mapping[str, str], secrets: Mapping[str, str]) -> Mapping[str, str]:
    """What stays of the secrets *before*: with a new token none of another, or of what a renewal had left, but for one
    that is needed."""
    needed = secret_fields(kind)
    over = TOKENS if {"access_token", "refresh_token"} & secrets.keys() else frozenset()
    return {f: v for f, v in before.items() if needed.get(f) or f not in over}


def check(acting: Acting, name: str) -> tuple[Channel, Account]:
    """Ask the platform who the channel is, and keep the answer. Raises what the platform said."""
    with acting.installation.database.read() as session:
        before = known(session, name)
    acting.require(Action.PAUSE, before.agency)
    account = acting.installation.adapters.of(before).check()
    with acting.write() as session:
        channel = known(session, name, lock=True)
        _require_version(channel, before.version)
        answered(acting, session, channel, account)
        session.add(channel)
    return channel, account


def _asked(adapter: Adapter) -> tuple[DissemError | None, Account | None]:
    try:
        return None, adapter.check()
    except ChannelError as error:
        return error, None


def answered(acting: Acting, session: Session, channel: Channel, account: Account | None) -> None:
    """Keep who the channel is, None if nobody knows at the moment. An end of the login that was known from elsewhere,
    and that the account says nothing of, stays."""
    if account and channel.account and channel.account != account.id:
        on = f"channel {channel.name}"
        acting.record(session, "channel.account", on, before=channel.account, after=account.id)
    if channel.account != (account and account.id):
        channel.version += 1
    ends = channel.token_expires if account and channel.account == account.id else None
    channel.account, channel.account_name = (account.id, account.name) if account else (None, None)
    channel.account_url = account.url if account else None
    channel.token_expires, channel.checked = (account.expires or ends) if account else None, acting.now()


def _require_version(channel: Channel, version: int) -> None:
    """An answer counts only for the settings it was asked with."""
    if channel.version != version:
        raise Conflict(
            "Channel {channel} was changed while its account was asked.",
            hint="Run: dissem channel check {channel}",
            channel=channel.name,
        )


def renew_ending(acting: Acting) -> tuple[list[str], dict[str, DissemError]]:
    """Renew the secrets of every channel whose login ends soon: names of those renewed, and what failed.

    A refresh token is often good for one use: of all processes one renews a channel at a time, and new secrets are
    stored before their first use. A channel whose login cannot be renewed and has ended is paused.
    """
    renewed: list[str] = []
    failed: dict[str, DissemError] = {}
    for channel in listed(acting):
        try:
            if renewable(channel) and _ends_soon(channel, acting.now()) and _renew(acting, channel.name):
                renewed.append(channel.name)
                _look(acting, channel.name)
        except DissemError as error:
            failed[channel.name] = error
            log.warning("the login of %s was not renewed: %s", channel.name, error)
            if isinstance(error, Unauthorized):
                _pause_if_over(acting, channel.name, error)
    return renewed, failed


def renewable(channel: Channel) -> bool:
    """Whether there is something to renew its login with."""
    kind = adapter_class(channel.platform)
    return _renews(kind) and ("refresh_token" not in secret_fields(kind) or "refresh_token" in channel.secrets)


def _ends_soon(channel: Channel, now: datetime) -> bool:
    """Less than a third of the time is left that there was when the account was asked last, or nobody knows."""
    if channel.token_expires is None or channel.checked is None:
        return True
    return channel.token_expires - now < (channel.token_expires - channel.checked) / 3


def renewal(name: str) -> str:
    """What the turn at renewing the channel *name* is called."""
    return f"login of {name}"


def _renew(acting: Acting, name: str, *, anyway: bool = False) -> bool:
    """Renew the login of *name*, unless that is not needed any more once it is our turn; *anyway*: also then."""
    database = acting.installation.database
    with turn(database, renewal(name), now=acting.now) as mine:
        if mine is None:
            return _elsewhere(name) if anyway else False
        with database.read() as session:
            channel = known(session, name)
        try:
            due = anyway or _ends_soon(channel, acting.now())
            secrets = acting.installation.adapters.of(channel).renew() if due else None
        except Unauthorized as error:
            mine.settled = mine.interrupted is None
            raise _lost(acting, channel, mine.interrupted, error) from error
        except ChannelError as error:
            mine.settled = mine.interrupted is None and not isinstance(error, Uncertain)
            raise
        stored = bool(secrets) and _stored(acting, channel, secrets or {})
        mine.settled = stored or mine.interrupted is None
    return stored


def _look(acting: Acting, name: str) -> None:
    """Ask the account with its new login; that nobody answers at the moment takes nothing from the renewal."""
    try:
        check(acting, name)
    except Unauthorized:
        raise
    except ChannelError as error:
        log.warning("the account of %s could not be asked after the renewal: %s", name, error)


def _elsewhere(name: str) -> bool:
    raise Conflict(
        "The login of channel {channel} is being renewed by another process.",
        hint="Run: dissem channel check {channel}",
        channel=name,
    )


def _lost(acting: Acting, channel: Channel, interrupted: datetime | None, error: DissemError) -> DissemError:
    """Why the login cannot be renewed: an earlier renewal that broke off may have spent it."""
    if interrupted is None:
        return error
    return Unauthorized(
        "The login of channel {channel} was lost: dissem stopped, or the line broke, while it was renewed on {when}.",
        hint="Connect it again: dissem channel connect {channel}",
        channel=channel.name,
        when=i18n.moment(interrupted, acting.installation.zone),
    )


def _stored(acting: Acting, before: Channel, secrets: Mapping[str, SecretStr]) -> bool:
    """Keep new *secrets*, however busy the database is: nobody else has them. Not if the channel was given another
    login meanwhile, which answers False."""
    plain = {field: value.get_secret_value() for field, value in secrets.items() if value.get_secret_value()}
    for wait in _PATIENCE:
        try:
            return _store(acting, before, plain)
        except (Conflict, Broken, SQLAlchemyError):
            time.sleep(wait)
    return _store(acting, before, plain)


_PATIENCE = (0.0, 0.5, 1.0, 2.0)  # seconds after each try to store what nobody else has


def _store(acting: Acting, before: Channel, plain: Mapping[str, str]) -> bool:
    with acting.write() as session:
        row = known(session, before.name, lock=True)
        used = [field for field in TOKENS if row.secrets.get(field) != before.secrets.get(field)]
        if row.id != before.id or used:
            return False
        row.secrets = {**row.secrets, **acting.installation.adapters.seal(row, plain)}
        row.version += 1
        if ends := moment(SecretStr(plain.get("access_token_ends", ""))):
            row.token_expires, row.checked = ends, acting.now()
        session.add(row)
        acting.record(session, "channel.renew", f"channel {row.name}", fields=sorted(plain))
    return True


def _pause_if_over(acting: Acting, name: str, error: DissemError) -> None:
    """Pause a channel whose login cannot be renewed, once it has ended: until then it still publishes."""
    with acting.write() as session:
        row = known(session, name, lock=True)
        lasts = row.token_expires is not None and row.token_expires > acting.now()
        if lasts or row.state is ChannelState.PAUSED:
            return
        row.state, row.reason = ChannelState.PAUSED, error.reason()
        session.add(row)
        acting.record(session, "channel.pause", f"channel {name}", why=error.text)


def pause(acting: Acting, name: str) -> Channel:
    """Publish nothing there until it is resumed; what is being sent is finished."""
    return _switch(acting, name, ChannelState.PAUSED, "channel.pause")


def resume(acting: Acting, name: str) -> Channel:
    """Publish again, after the account was asked."""
    check(acting, name)
    return _switch(acting, name, ChannelState.ACTIVE, "channel.resume")


def listed(acting: Acting) -> Sequence[Channel]:
    with acting.installation.database.read() as session:
        return session.exec(select(Channel).order_by(Channel.name)).all()


def known(session: Session, name: str, *, lock: bool = False) -> Channel:
    """The channel *name*, with *lock* ours until the transaction ends. Raises NotFound with what comes closest."""
    query = select(Channel).where(Channel.name == name)
    channel = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if channel is None:
        from difflib import get_close_matches

        names = session.exec(select(Channel.name).order_by(col(Channel.name))).all()
        close = get_close_matches(name, names, 1)
        hint = "Did you mean {close}?" if close else "dissem channel list shows them."
        raise NotFound("There is no channel {name}.", hint=hint, name=name, close=close[0] if close else "")
    return channel


def missing_secrets(platform: str, given: Mapping[str, str]) -> list[str]:
    """Names of the secrets that are needed and not *given*."""
    return [field for field, needed in secret_fields(adapter_class(platform)).items() if needed and field not in given]


def named_settings(kind: type[Adapter], checked: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings people named, as the adapter understood them; a secret among them is refused."""
    refuse_secrets(kind, settings)
    dumped = checked.model_dump(mode="json")
    return {key: dumped[key] for key in settings}


def refuse_secrets(kind: type[Adapter], settings: Mapping[str, Any]) -> None:
    """Raise WrongInput if one of *settings* is a secret: it would lie open."""
    for field in secret_fields(kind):
        if field in settings:
            raise WrongInput(
                "{field} is a secret and is not given with --set.",
                hint="Use --secret-env {field}=VARIABLE, --secret-file {field}=FILE, or answer the question.",
                field=field,
            )


def _switch(acting: Acting, name: str, state: ChannelState, action: str) -> Channel:
    with acting.write() as session:
        channel = known(session, name, lock=True)
        acting.require(Action.PAUSE, channel.agency)
        channel.state, channel.reason = state, None
        session.add(channel)
        acting.record(session, action, f"channel {name}")
    return channel


def _tried(acting: Acting, name: str) -> tuple[Channel, DissemError | None]:
    trouble: DissemError | None = None
    with acting.installation.database.read() as session:
        channel = known(session, name)
    try:
        if renewable(channel):
            _renew(acting, name, anyway=True)
        check(acting, name)
    except (ChannelError, Conflict) as error:
        trouble = error
    with acting.installation.database.read() as session:
        return known(session, name), trouble
