"""Agencies, people, and who is at this computer."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissem.cli import shapes
from dissem.cli.command import Commands
from dissem.cli.opening import desk, desk_or_installation, installation, token_file
from dissem.cli.show import note, show, table, word
from dissem.errors import WrongInput
from dissem.i18n import _
from dissem.redaction import learn

if TYPE_CHECKING:
    from dissem.models import Role

agency = Commands(_("Agencies."))
person = Commands(_("People and their personal access tokens."))

Username = Annotated[str, typer.Argument(metavar="USERNAME", help=_("Short name of a person."))]


@agency.command("add", help=_("Add an agency."))
def add_agency(
    code: Annotated[str, typer.Argument(metavar="CODE", help=_("Its short name for commands, as kominfo."))],
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("Its name as people read it."))],
) -> None:
    from dissem.desk import people

    with desk() as acting:
        added = people.add_agency(acting, code, name)
        show(added.model_dump(), _("Agency {code} ({name}) is there.", code=added.code, name=added.name))


@agency.command("list", help=_("Show the agencies."))
def list_agencies() -> None:
    from dissem.desk import people

    with desk() as acting:
        rows = people.agencies(acting)
        text = table(
            [_("Code"), _("Name")], [(row.code, row.name) for row in rows], empty=_("There are no agencies yet.")
        )
        show([row.model_dump() for row in rows], text)


@person.command("add", help=_("Add a person; the token is shown once."))
def add_person(
    username: Username,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("Name as people read it."))],
    role: Annotated[str, typer.Option(metavar="ROLE", help=_("author, approver, coordinator or admin."))],
    agency: Annotated[str | None, typer.Option(metavar="CODE", help=_("Whom the person works for."))] = None,
) -> None:
    from dissem.desk import people

    with desk() as acting:
        added, token = people.add_person(acting, username, name, agency=agency, role=_role(role))
        note(_("{name} ({role}) is there. This is the token, shown only once:", name=added.name, role=word(added.role)))
        show(shapes.person(added, acting.installation.zone, token), token)


@person.command("list", help=_("Show the people."))
def list_people() -> None:
    from dissem.desk import people

    with desk() as acting:
        rows = people.people(acting)
        text = table(
            [_("Username"), _("Name"), _("Agency"), _("Role"), ""],
            [(r.username, r.name, r.agency, word(r.role), _("disabled") if r.disabled else "") for r in rows],
            empty=_("There are no people yet."),
        )
        show([shapes.person(row, acting.installation.zone) for row in rows], text)


@person.command("disable", help=_("Take all rights from a person; what they did stays."))
def disable(username: Username) -> None:
    from dissem.desk import people

    with desk() as acting:
        gone = people.disable(acting, username)
        show(shapes.person(gone, acting.installation.zone), _("{name} may do nothing any more.", name=gone.name))


@person.command("token", help=_("Make a new token; the old one no longer works."))
def token(username: Username) -> None:
    from dissem.desk import people

    with desk_or_installation() as acting:
        known, made = people.renew_token(acting, username)
        note(_("This is the new token of {name}, shown only once:", name=known.name))
        show(shapes.person(known, acting.installation.zone, made), made)


def login() -> None:
    from dissem.desk.people import who

    with installation() as opened:
        given = _asked_token()
        learn(given)
        known = who(opened, given)
        _keep(token_file(), given)
        show(
            shapes.person(known, opened.zone),
            _("Good day, {name}. The token is kept in {file}.", name=known.name, file=token_file()),
        )


def _asked_token() -> str:
    """From a hidden question on a terminal, else the first line of standard input; never an argument."""
    if sys.stdin.isatty():
        given = str(typer.prompt(_("Your token"), hide_input=True, err=True))
    else:
        given = sys.stdin.readline()
    if not given.strip():
        raise WrongInput("No token was given.", hint="Type it when asked, or: dissem login < FILE")
    return given.strip()


def _keep(file: Path, token: str) -> None:
    """For this user alone, and whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        half.unlink()
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(token + "\n")
    half.replace(file)


def _role(text: str) -> "Role":
    from dissem.models import Role

    try:
        return Role(text.strip().lower())
    except ValueError:
        raise WrongInput(
            "There is no role {role}.", hint="Roles: {known}.", role=text, known=", ".join(role.value for role in Role)
        ) from None
