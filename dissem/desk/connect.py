"""Connecting a channel by a browser login: what is asked with which app, and what is kept of the account chosen.

Nothing of the channel changes before the platform has let the person in, an account was chosen and that account was
asked with its new token. Then all of it changes in one transaction. What was approved for another account than the new
one is not published any more: the gate sees to that.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session, select

from dissem import redaction
from dissem.channels.adapter import Account, Adapter
from dissem.channels.errors import Unauthorized
from dissem.channels.login import TOKENS, App, Ask, BrowserLogin, Choice, login_class
from dissem.channels.network import Network
from dissem.channels.registry import adapter_class
from dissem.config import AppKeys
from dissem.desk.acting import Acting
from dissem.desk.channels import answered, known, named_settings, refuse_secrets, renewal
from dissem.desk.endings import login_ends
from dissem.desk.people import check_name, known_agency
from dissem.desk.rights import Action
from dissem.desk.turns import settle
from dissem.errors import Conflict, NotFound, WrongInput
from dissem.models import Channel, ChannelState
from dissem.store.adapters import host_of, secret_fields, validated
from dissem.store.installation import Installation


@dataclass(frozen=True)
class Plan:
    """A login to be made. *before*: the channel as it is, None for a new one. *redirect*: the address the app lists, if
    it lists a certain one."""

    name: str
    agency: str
    kind: type[Adapter]
    login: BrowserLogin
    settings: Mapping[str, Any]
    before: Channel | None
    redirect: str = ""


@dataclass(frozen=True)
class Connected:
    """What came of it. *former*: the account the channel spoke for before, if it was another."""

    channel: Channel
    former: str | None = None
    resumed: bool = False
    login_ends: datetime | None = None  # when a person has to log in again, as far as that is known


def planned(
    acting: Acting, name: str, *, platform: str = "", agency: str = "", settings: Mapping[str, str] | None = None
) -> Plan:
    """The login of channel *name*; of a new one where *platform* and *agency* are said."""
    with acting.installation.database.read() as session:
        before = _before(session, name, new=bool(platform or agency))
        if before is None:
            check_name(name)
            known_agency(session, agency)
    if before and (platform not in ("", before.platform) or agency not in ("", before.agency)):
        raise Conflict(
            "The channel {name} is there already: {platform}, {agency}.",
            hint="Take another name for the new one, or name neither platform nor agency.",
            name=name,
            platform=before.platform,
            agency=before.agency,
        )
    owner = before.agency if before else agency
    acting.require(Action.CHANNELS, owner)
    kind = adapter_class(before.platform if before else platform)
    wanted = {**(before.settings if before else {}), **(settings or {})}
    refuse_secrets(kind, settings or {})
    _require_known(kind, settings or {})
    opened = acting.installation.adapters.opened(before) if before else {}
    login, redirect = _login(acting.installation, kind, wanted, opened)
    return Plan(name, owner, kind, login, wanted, before, redirect)


def _require_known(kind: type[Adapter], settings: Mapping[str, str]) -> None:
    """Raise WrongInput for a setting that there is not, before anybody logs in for nothing."""
    for name in settings:
        if name not in kind.Settings.model_fields:
            raise WrongInput(
                "{platform} has no setting {name}.",
                hint="It knows: {known}.",
                platform=kind.platform,
                name=name,
                known=", ".join(kind.Settings.model_fields),
            )


def _before(session: Session, name: str, *, new: bool) -> Channel | None:
    found = session.exec(select(Channel).where(Channel.name == name)).first()
    return found if found or new else known(session, name)


def _login(
    installation: Installation, kind: type[Adapter], settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> tuple[BrowserLogin, str]:
    """The platform's login with the city's app, and the redirect address which that app lists."""
    apps = installation.config.apps
    found = login_class(kind.platform, apps.known())
    if found is None:
        raise Conflict(
            "{platform} has no browser login.",
            hint="Give the secrets with: dissem channel edit NAME --secret-file KEY=FILE",
            platform=kind.facts.label,
        )
    keys: AppKeys = getattr(apps, found.app_table)
    app = _of_the_city(installation, keys) if keys.client_id else _of_the_channel(keys, settings, secrets)
    if app is None or (found.needs_secret and not app.secret):
        raise NotFound(
            "dissem does not know the city's app at {platform}.",
            hint="Set client_id, and secret_env or secret_file, under [apps.{table}] in config.toml.",
            platform=found.title,
            table=found.app_table,
        )
    redaction.learn(app.words)
    network = Network(frozenset(installation.config.network.allow_hosts))
    return found(app, {**_defaults(kind), **settings}, network=network), keys.redirect_url


def _defaults(kind: type[Adapter]) -> dict[str, Any]:
    secret = secret_fields(kind)
    fields = kind.Settings.model_fields.items()
    return {name: field.default for name, field in fields if name not in secret and not field.is_required()}


def _of_the_city(installation: Installation, keys: AppKeys) -> App:
    secret = ""
    if keys.secret_env:
        secret = os.environ.get(keys.secret_env, "")
        if not secret:
            raise WrongInput(
                "The variable {variable} for the app's secret is not set, or empty.", variable=keys.secret_env
            )
    elif keys.secret_file:
        secret = _secret_in(installation.home / Path(keys.secret_file).expanduser())
    return App(keys.client_id, SecretStr(secret) if secret else None, _bare(keys.login_url), _bare(keys.token_url))


def _bare(url: str) -> str:
    return url.rstrip("/")


def _secret_in(file: Path) -> str:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise WrongInput("Others can read the secret file {file}.", hint="Run: chmod 600 {file}", file=file)
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongInput("The secret file {file} cannot be read.", hint="Check the path.", file=file) from error


def _of_the_channel(keys: AppKeys, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> App | None:
    """The app that the channel was connected with before; None if it does not know one."""
    number, secret = settings.get("client_id") or secrets.get("client_id"), secrets.get("client_secret")
    if not number:
        return None
    return App(str(number), SecretStr(secret) if secret else None, _bare(keys.login_url), _bare(keys.token_url))


def choices(plan: Plan, code: str, ask: Ask) -> Sequence[Choice]:
    """The accounts that *code* opens, by name; their secrets are kept out of every text from now on."""
    for secret in (code, ask.verifier):
        redaction.learn(secret)
    found = plan.login.choices(code, ask)
    for choice in found:
        for field, value in choice.secrets.items():
            if not field.endswith("_ends"):
                redaction.learn(value.get_secret_value())
    return sorted(found, key=lambda choice: (choice.name.casefold(), choice.id))


def chosen(found: Sequence[Choice], wanted: str) -> Choice | None:
    """The account with the id *wanted*, or the only one; None if a person has to say which."""
    if not wanted:
        return found[0] if len(found) == 1 else None
    for choice in found:
        if choice.id == wanted:
            return choice
    raise NotFound(
        "This login has no account with the number {id}.",
        hint="It has: {known}",
        id=wanted,
        known=", ".join(f"{choice.id} ({choice.name})" for choice in found),
    )


def keep(acting: Acting, plan: Plan, choice: Choice) -> Connected:
    """Ask the account with its new secrets, then keep everything at once. Raises what the platform said; then nothing
    of the channel has changed."""
    adapters, before = acting.installation.adapters, plan.before
    known_fields = plan.kind.Settings.model_fields
    settings = {**plan.settings, **{name: v for name, v in choice.settings.items() if name in known_fields}}
    new = {f: v.get_secret_value() for f, v in choice.secrets.items() if f in known_fields and v.get_secret_value()}
    old = adapters.opened(before) if before else {}
    lasting = _lasting(plan, old, new, same=bool(before and before.account == choice.id))
    _require_refresh(plan, {**lasting, **new})
    checked = validated(plan.kind, {**settings, **lasting, **new})
    account = adapters.made(plan.kind, checked).check()
    if account.id != choice.id:
        raise Conflict("The platform answers as another account than the one that was chosen.", hint="Begin again.")
    with acting.write() as session:
        channel = _row(acting, session, plan)
        former = channel.account_name or channel.account if channel.account not in (None, account.id) else None
        channel.settings = named_settings(plan.kind, checked, settings)
        kept = {field: sealed for field, sealed in channel.secrets.items() if field in lasting}
        channel.secrets = {**kept, **adapters.seal(channel, new)}
        channel.host = host_of(checked)
        channel.version += 1
        resumed = _opened(channel)
        _answered(acting, session, channel, account, choice)
        settle(session, renewal(plan.name))
        session.add(channel)
        acting.record(session, "channel.connect", f"channel {plan.name}", account=account.id, fields=sorted(new))
    return Connected(channel, former, resumed, login_ends(adapters, channel))


def _lasting(plan: Plan, old: Mapping[str, str], new: Mapping[str, str], *, same: bool) -> Mapping[str, str]:
    """What stays of the *old* secrets: not those of another login, but the refresh token of the same account where the
    platform gave no new one."""
    over = (TOKENS | plan.login.replaces) - new.keys()
    if same and "refresh_token" not in new:
        over -= {"refresh_token", "refresh_token_ends"}
    return {field: value for field, value in old.items() if field not in over and field not in new}


def _require_refresh(plan: Plan, secrets: Mapping[str, str]) -> None:
    if secret_fields(plan.kind).get("refresh_token") and not secrets.get("refresh_token"):
        raise Unauthorized(
            "{platform} gave no lasting login.",
            hint="Take away dissem's access in the account's security settings at {platform}, then connect again.",
            platform=plan.login.title,
        )


def _row(acting: Acting, session: Session, plan: Plan) -> Channel:
    """The channel's row, ours until the transaction ends; one that changed since the login began is refused."""
    if plan.before is None:
        if session.exec(select(Channel).where(Channel.name == plan.name)).first():
            raise _changed(plan)
        platform = plan.kind.platform
        channel = Channel(name=plan.name, platform=platform, agency=plan.agency, created=acting.now(), version=0)
        session.add(channel)
        session.flush()
        acting.record(session, "channel.add", f"channel {plan.name}", platform=platform, agency=plan.agency)
        return channel
    channel = known(session, plan.name, lock=True)
    if (channel.settings, channel.account) != (plan.before.settings, plan.before.account):
        raise _changed(plan)
    return channel


def _changed(plan: Plan) -> Conflict:
    return Conflict(
        "Channel {channel} was changed while the person logged in.",
        hint="Begin again: dissem channel connect {channel}",
        channel=plan.name,
    )


def _opened(channel: Channel) -> bool:
    """A channel that dissem paused, because its login was over, publishes again; one that a person paused does not."""
    if channel.state is ChannelState.PAUSED and channel.reason:
        channel.state, channel.reason = ChannelState.ACTIVE, None
        return True
    return False


def _answered(acting: Acting, session: Session, channel: Channel, account: Account, choice: Choice) -> None:
    channel.token_expires = None  # of the old login
    answered(acting, session, channel, account)
    channel.token_expires = account.expires or choice.ends
