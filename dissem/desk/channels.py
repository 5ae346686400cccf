"""Channels: connecting, checking, pausing. Secrets go in, and never come out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from dissem.channels.adapter import Account, Adapter
from dissem.channels.errors import ChannelError
from dissem.channels.registry import adapter_class
from dissem.desk.acting import Acting
from dissem.desk.people import check_name, known_agency
from dissem.desk.rights import Action
from dissem.errors import Conflict, DissemError, NotFound, WrongInput
from dissem.models import Channel, ChannelState
from dissem.store.adapters import host_of, secret_fields, validated


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
            settings=_kept(kind, checked, settings),
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
    trouble, account = (None, None) if _renews(kind) else _asked(adapters.made(kind, checked))
    with acting.write() as session:
        channel = known(session, name, lock=True)
        _require_version(channel, before.version)
        channel.settings = _kept(kind, checked, wanted)
        kept = {field: sealed for field, sealed in channel.secrets.items() if field in lasting}
        channel.secrets = {**kept, **adapters.seal(channel, secrets)}
        channel.host = host_of(checked)
        channel.version += 1
        _answer(acting, session, channel, account)
        session.add(channel)
        acting.record(session, "channel.edit", f"channel {name}", changed=sorted([*settings, *secrets]))
    return _tried(acting, name) if _renews(kind) else (channel, trouble)


def _renews(kind: type[Adapter]) -> bool:
    """Whether the platform's logins end and are renewed: then they are, before anything is asked with them."""
    return kind.renew is not Adapter.renew


def _lasting(kind: type[Adapter], before: Mapping[str, str], secrets: Mapping[str, str]) -> Mapping[str, str]:
    """What stays of the secrets *before*: with a new login nothing that a renewal of the old one had left."""
    needed = secret_fields(kind)
    return {f: v for f, v in before.items() if needed.get(f) or not (secrets and _renews(kind))}


def check(acting: Acting, name: str) -> tuple[Channel, Account]:
    """Ask the platform who the channel is, and keep the answer. Raises what the platform said."""
    with acting.installation.database.read() as session:
        before = known(session, name)
    acting.require(Action.PAUSE, before.agency)
    account = acting.installation.adapters.of(before).check()
    with acting.write() as session:
        channel = known(session, name, lock=True)
        _require_version(channel, before.version)
        _answer(acting, session, channel, account)
        session.add(channel)
    return channel, account


def _asked(adapter: Adapter) -> tuple[DissemError | None, Account | None]:
    try:
        return None, adapter.check()
    except ChannelError as error:
        return error, None


def _answer(acting: Acting, session: Session, channel: Channel, account: Account | None) -> None:
    """Keep who the channel is, None if nobody knows at the moment."""
    if account and channel.account and channel.account != account.id:
        on = f"channel {channel.name}"
        acting.record(session, "channel.account", on, before=channel.account, after=account.id)
    if channel.account != (account and account.id):
        channel.version += 1
    channel.account, channel.account_name = (account.id, account.name) if account else (None, None)
    channel.account_url = account.url if account else None
    channel.token_expires, channel.checked = account.expires if account else None, acting.now()


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

    New secrets are stored before their first use. One at a time: a refresh token is often good for one use, so the job
    that calls this runs once in the whole installation.
    """
    renewed: list[str] = []
    failed: dict[str, DissemError] = {}
    for channel in listed(acting):
        if not _renews(adapter_class(channel.platform)) or not _ends_soon(channel, acting.now()):
            continue
        try:
            if _renew(acting, channel):
                renewed.append(channel.name)
        except DissemError as error:
            failed[channel.name] = error
    return renewed, failed


def _ends_soon(channel: Channel, now: datetime) -> bool:
    """Less than a third of the time is left that there was when the account was asked last, or nobody knows."""
    if channel.token_expires is None or channel.checked is None:
        return True
    return channel.token_expires - now < (channel.token_expires - channel.checked) / 3


def _renew(acting: Acting, channel: Channel) -> bool:
    secrets = acting.installation.adapters.of(channel).renew()
    if not secrets:
        return False
    plain = {field: value.get_secret_value() for field, value in secrets.items() if value.get_secret_value()}
    with acting.write() as session:
        row = known(session, channel.name, lock=True)
        row.secrets = {**row.secrets, **acting.installation.adapters.seal(row, plain)}
        row.version += 1
        session.add(row)
        acting.record(session, "channel.renew", f"channel {channel.name}", fields=sorted(plain))
    check(acting, channel.name)
    return True


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


def _kept(kind: type[Adapter], checked: Any, settings: Mapping[str, str]) -> dict[str, Any]:
    """The settings people named, as the adapter understood them; a secret among them is refused."""
    for field in secret_fields(kind):
        if field in settings:
            raise WrongInput(
                "{field} is a secret and is not given with --set.",
                hint="Use --secret-env {field}=VARIABLE, --secret-file {field}=FILE, or answer the question.",
                field=field,
            )
    dumped = checked.model_dump(mode="json")
    return {key: dumped[key] for key in settings}


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
        if not _renew(acting, channel):
            check(acting, name)
    except ChannelError as error:
        trouble = error
    with acting.installation.database.read() as session:
        return known(session, name), trouble
