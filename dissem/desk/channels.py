"""Channels: connecting, checking, pausing. Secrets go in, and never come out."""

from collections.abc import Mapping, Sequence
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
from dissem.store.database import is_writing


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
    """New settings or secrets; what is not named stays. Another account voids what was approved for the old one."""
    with acting.write() as session:
        channel = known(session, name)
        acting.require(Action.CHANNELS, channel.agency)
        kind = adapter_class(channel.platform)
        before = acting.installation.adapters.opened(channel)
        checked = validated(kind, {**channel.settings, **before, **settings, **secrets})
        channel.settings = _kept(kind, checked, {**channel.settings, **settings})
        channel.secrets = {**channel.secrets, **acting.installation.adapters.seal(channel, secrets)}
        channel.host = host_of(checked)
        channel.version += 1
        channel.account = channel.account_name = channel.account_url = None  # until it was asked again
        session.add(channel)
        acting.record(session, "channel.edit", f"channel {name}", changed=sorted([*settings, *secrets]))
    return _tried(acting, name)


def check(acting: Acting, name: str) -> tuple[Channel, Account]:
    """Ask the platform who the channel is, and keep the answer. Raises what the platform said."""
    with acting.installation.database.read() as session:
        channel = known(session, name)
    acting.require(Action.PAUSE, channel.agency)
    account = acting.installation.adapters.of(channel).check()
    with acting.write() as session:
        channel = known(session, name)
        if channel.account and channel.account != account.id:
            acting.record(session, "channel.account", f"channel {name}", before=channel.account, after=account.id)
        if channel.account != account.id:
            channel.version += 1
        channel.account, channel.account_name, channel.account_url = account.id, account.name, account.url
        channel.token_expires, channel.checked = account.expires, acting.now()
        session.add(channel)
    return channel, account


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


def known(session: Session, name: str) -> Channel:
    """The channel *name*, locked if we write. Raises NotFound with what comes closest."""
    query = select(Channel).where(Channel.name == name)
    channel = session.exec(query.with_for_update() if is_writing(session) else query).first()
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
        channel = known(session, name)
        acting.require(Action.PAUSE, channel.agency)
        channel.state, channel.reason = state, None
        session.add(channel)
        acting.record(session, action, f"channel {name}")
    return channel


def _tried(acting: Acting, name: str) -> tuple[Channel, DissemError | None]:
    try:
        return check(acting, name)[0], None
    except ChannelError as error:
        with acting.installation.database.read() as session:
            return known(session, name), error
