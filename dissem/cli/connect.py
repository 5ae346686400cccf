"""The browser login of a channel: an address to open, the answer that comes back, the account that is chosen."""

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from dissem import i18n
from dissem.cli import options, shapes
from dissem.cli.opening import desk
from dissem.cli.options import ChannelName, asked
from dissem.cli.show import note, show, table
from dissem.errors import Conflict, WrongInput
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.channels.login import Ask, Choice
    from dissem.desk.acting import Acting
    from dissem.desk.connect import Connected, Plan

USUAL_PORT = 8765  # of the address that is pasted, where the app lists none: nobody listens there


def connect(
    name: ChannelName,
    platform: Annotated[
        str, typer.Option(metavar="PLATFORM", help=_("Of a new channel; see: dissem channel platforms."))
    ] = "",
    agency: Annotated[str, typer.Option(metavar="CODE", help=_("Of a new channel: whose account it is."))] = "",
    settings: options.Set = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="PORT", help=_("Port of 127.0.0.1 that the app lists for redirects.")),
    ] = 0,
    paste: Annotated[
        bool, typer.Option("--paste", help=_("The browser is on another machine: paste the address it ends at."))
    ] = False,
    choose: Annotated[
        str, typer.Option(metavar="TEXT", help=_("Number of the account, where a login has several."))
    ] = "",
) -> None:
    from dissem.desk import connect as connecting

    with desk() as acting:
        given = options.pairs("--set", settings)
        plan = connecting.planned(acting, name, platform=platform, agency=agency, settings=given)
        note(_("The platform will ask for these rights: {scopes}", scopes=", ".join(plan.login.scopes)))
        ask, code = _pasted(plan, port) if paste else _redirected(plan, port)
        found = connecting.choices(plan, code, ask)
        choice = connecting.chosen(found, choose) or _picked(found)
        _tell(acting, plan, connecting.keep(acting, plan, choice))


def _redirected(plan: "Plan", port: int) -> tuple["Ask", str]:
    """What came back to a port of this machine, and what it answers."""
    from dissem.channels.login import Ask
    from dissem.desk.redirect import HOST, PATH, Loopback

    listed = urlsplit(plan.redirect)
    if plan.redirect and (listed.scheme, listed.hostname) not in (("http", HOST), ("http", "localhost")):
        raise WrongInput(
            "The app's redirect address {url} does not lead to this machine.",
            hint="Add --paste, and paste the address the browser ends at.",
            url=plan.redirect,
        )
    fixed = (listed.port or 80) if plan.redirect else port
    with Loopback(fixed, name=listed.hostname or HOST, path=listed.path or PATH) as door:
        ask = Ask(plan.redirect or door.redirect)
        _open(plan.login.address(ask))
        return ask, door.code(ask)


def _pasted(plan: "Plan", port: int) -> tuple["Ask", str]:
    from dissem.channels.login import Ask
    from dissem.desk.redirect import HOST, LIFE, PATH, code_in, too_late

    ask = Ask(plan.redirect or f"http://{HOST}:{port or USUAL_PORT}{PATH}")
    _open(plan.login.address(ask))
    note(
        _(
            "The browser ends at an address that begins with {start}; it need not open. Paste all of it here at once:",
            start=ask.redirect,
        )
    )
    begun = time.monotonic()
    pasted = sys.stdin.readline()
    if time.monotonic() - begun > LIFE:
        raise too_late()
    return ask, code_in(pasted, ask)


def _open(address: str) -> None:
    """Say which address to open, also to programs: on standard error, the answer comes later."""
    if asked().as_json:
        sys.stderr.write(json.dumps({"open": address}) + "\n")
    else:
        note(_("Open this address in a browser and log in within ten minutes:"))
        note(address)
    sys.stderr.flush()


def _picked(found: Sequence["Choice"]) -> "Choice":
    """What a person picks on a terminal; elsewhere the list is the answer, and the login has to be made again."""
    rows = [(number, choice.name, choice.id) for number, choice in enumerate(found, start=1)]
    text = table([_("Place"), _("Account"), _("Number")], rows)
    if asked().as_json or not sys.stdin.isatty():
        show([{"id": choice.id, "name": choice.name} for choice in found], text)
        raise Conflict(
            "This login has {count} accounts, and none of them was chosen.",
            hint="Log in again with --choose and the number of one.",
            count=len(found),
        )
    note(text)
    while True:
        answer = str(typer.prompt(_("Which one?"), err=True)).strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(found):
            return found[int(answer) - 1]


def _tell(acting: "Acting", plan: "Plan", done: "Connected") -> None:
    channel, zone = done.channel, acting.installation.zone
    if done.former:
        note(
            _(
                "Channel {channel} is connected to another account: it was {former}, it is {account}. "
                "What was approved for the former one is not published; submit it again and have it approved.",
                channel=channel.name,
                former=done.former,
                account=channel.account_name,
            )
        )
    if done.resumed:
        note(_("Channel {channel} publishes again.", channel=channel.name))
    if done.login_ends:
        note(_("Somebody has to log in again before {when}.", when=i18n.moment(done.login_ends, zone)))
    data = {**shapes.channel(channel, zone), "former_account": done.former, "resumed": done.resumed}
    sentence = _("Channel {channel} is connected to {account}.", channel=channel.name, account=channel.account_name)
    show(data, f"{sentence} {channel.account_url or ''}".strip())
