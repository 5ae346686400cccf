"""Channels: one account on one platform, of one agency."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dissem import i18n, redaction
from dissem.cli import options, shapes
from dissem.cli.command import Commands
from dissem.cli.connect import connect
from dissem.cli.opening import desk
from dissem.cli.options import ChannelName
from dissem.cli.platforms import platforms
from dissem.cli.show import facts, local, note, show, table, word
from dissem.errors import DissemError, WrongInput, told
from dissem.i18n import _

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from dissem.desk.acting import Acting
    from dissem.models import Channel, Suppression

app = Commands(_("Channels: connect, check, pause."))


@app.command("add", help=_("Add a channel; its account is asked at once."))
def add(
    name: ChannelName,
    platform: Annotated[str, typer.Option(metavar="PLATFORM", help=_("See: dissem channel platforms."))],
    agency: Annotated[str, typer.Option(metavar="CODE", help=_("Whose account it is."))],
    settings: options.Set = None,
    secret_env: options.SecretEnv = None,
    secret_file: options.SecretFile = None,
) -> None:
    from dissem.desk import channels

    with desk() as acting:
        given = options.pairs("--set", settings)
        secrets = options.secrets(secret_env, secret_file)
        secrets |= _asked_secrets(channels.missing_secrets(platform, {**given, **secrets}))
        added, problem = channels.add(acting, name, platform=platform, agency=agency, settings=given, secrets=secrets)
        _tell(acting, added, problem, _("Channel {channel} is there.", channel=name))


@app.command("edit", help=_("Change settings or secrets of a channel; what is not named stays."))
def edit(
    name: ChannelName,
    settings: options.Set = None,
    secret_env: options.SecretEnv = None,
    secret_file: options.SecretFile = None,
) -> None:
    from dissem.desk import channels

    with desk() as acting:
        given, secrets = options.pairs("--set", settings), options.secrets(secret_env, secret_file)
        if not (given or secrets):
            raise WrongInput("Nothing is said to change.", hint="Use --set, --secret-env or --secret-file.")
        edited, problem = channels.edit(acting, name, settings=given, secrets=secrets)
        _tell(acting, edited, problem, _("Channel {channel} was changed.", channel=name))


@app.command("list", help=_("Show the channels."))
def list_channels() -> None:
    from dissem.desk import channels

    with desk() as acting:
        rows = channels.listed(acting)
        text = table(
            [_("Channel"), _("Platform"), _("Agency"), _("State"), _("Account"), _("Reason")],
            [(r.name, r.platform, r.agency, word(r.state), _account(r), told(r.reason)) for r in rows],
            empty=_("There are no channels yet."),
        )
        show([shapes.channel(row, acting.installation.zone) for row in rows], text)


@app.command("check", help=_("Ask the platform who the channel is."))
def check(name: ChannelName) -> None:
    from dissem.desk import channels

    with desk() as acting:
        checked, account = channels.check(acting, name)
        zone = acting.installation.zone
        lines = {
            _("Account"): account.name,
            _("Number"): account.id,
            _("Link"): account.url,
            _("Rights"): ", ".join(account.scopes),
            _("Token ends"): account.expires and i18n.moment(account.expires, zone),
        }
        data = {**shapes.channel(checked, zone), "scopes": list(account.scopes), "limits": dict(account.limits)}
        show(data, facts(lines))


app.command("connect", help=_("Log in at the platform with a browser."))(connect)


@app.command("pause", help=_("Publish nothing there until it is resumed."))
def pause(name: ChannelName) -> None:
    from dissem.desk import channels

    with desk() as acting:
        paused = channels.pause(acting, name)
        show(shapes.channel(paused, acting.installation.zone), _("Channel {channel} is paused.", channel=name))


@app.command("resume", help=_("Publish there again, after its account was asked."))
def resume(name: ChannelName) -> None:
    from dissem.desk import channels

    with desk() as acting:
        resumed = channels.resume(acting, name)
        show(shapes.channel(resumed, acting.installation.zone), _("Channel {channel} publishes again.", channel=name))


app.command("platforms", help=_("Show the platforms, their settings and what they take."))(platforms)


@app.command("recipients", help=_("Show whom a channel writes to, and who gets nothing any more."))
def recipients(
    name: ChannelName,
    suppress: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help=_("Write to it no more; repeat for more."))
    ] = None,
    restore: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help=_("Write to it again; repeat for more."))
    ] = None,
) -> None:
    from dissem.desk import recipients as people_written_to

    with desk() as acting:
        for address in suppress or ():
            people_written_to.suppress(acting, name, address.strip())
        for address in restore or ():
            people_written_to.restore(acting, name, address.strip())
        wanted, left_out = people_written_to.listed(acting, name)
        zone = acting.installation.zone
        data = {
            "channel": name,
            "recipients": wanted,
            "suppressed": [
                {"recipient": one.recipient, "since": local(one.since, zone), "reason": told(one.reason)}
                for one in left_out
            ],
        }
        blocks = (_written_to(name, wanted), _left_out(left_out, zone))
        show(data, "\n\n".join(block for block in blocks if block))


def _written_to(name: str, wanted: Sequence[str]) -> str:
    if not wanted:
        return _("Channel {channel} writes to nobody.", channel=name)
    return "\n".join((_("Channel {channel} writes to {n}:", channel=name, n=len(wanted)), *(f"  {w}" for w in wanted)))


def _left_out(left_out: "Sequence[Suppression]", zone: "ZoneInfo") -> str:
    return table(
        [_("Gets nothing any more"), _("Since"), _("Reason")],
        [(one.recipient, i18n.short_moment(one.since, zone), told(one.reason)) for one in left_out],
    )


def _tell(acting: "Acting", channel: "Channel", problem: DissemError | None, sentence: str) -> None:
    data = {**shapes.channel(channel, acting.installation.zone), "problem": str(problem) if problem else None}
    if problem:
        note(_("Its account could not be asked: {why}", why=f"{problem} {problem.hint}".strip()))
        note(_("It publishes nothing before: dissem channel check {channel}", channel=channel.name))
    show(data, f"{sentence} {_account(channel)}".strip())


def _account(channel: "Channel") -> str:
    return " ".join(part for part in (channel.account_name, channel.account_url) if part)


def _asked_secrets(missing: list[str]) -> dict[str, str]:
    """Hidden questions on a terminal; anywhere else it is said what is missing."""
    if missing and not sys.stdin.isatty():
        raise WrongInput(
            "These secrets are missing: {secrets}.",
            hint="Give each with --secret-env KEY=VARIABLE or --secret-file KEY=FILE.",
            secrets=", ".join(missing),
        )
    answers = {key: str(typer.prompt(key, hide_input=True, err=True)).strip() for key in missing}
    for answer in answers.values():
        redaction.learn(answer)
    return answers
