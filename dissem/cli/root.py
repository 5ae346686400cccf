"""Which commands there are: a name, the file it stands in, and its line of help. A file is read when it is called."""

from typing import Any

import typer
from typer.core import TyperOption
from typer.main import get_install_completion_arguments

from dissem import __version__
from dissem.cli.command import Entry, Lazy
from dissem.i18n import _


def table() -> dict[str, Entry]:
    """All commands of the first level, in the order in which help shows them."""
    return {
        "init": Entry("init:init", _("Lay out a new installation, or bring its database up to date.")),
        "demo": Entry("demo:demo", _("Play the whole main job on stand-ins of the platforms.")),
        "login": Entry("people:login", _("Keep your personal access token for this computer.")),
        "release": Entry("release:app", _("Releases: add, edit, submit, approve.")),
        "preview": Entry("release:preview", _("Show exactly what each channel will be sent.")),
        "schedule": Entry("release:schedule", _("Propose a release on channels at a time: all of them, or none.")),
        "queue": Entry("delivery:queue", _("What is to be published, the next ones first.")),
        "delivery": Entry("delivery:app", _("One release on one channel: look, cancel, retry, decide.")),
        "engagement": Entry("engagement:app", _("What people did with what was published.")),
        "report": Entry("report:app", _("Reports of a week, a month, a release or an agency.")),
        "channel": Entry("channel:app", _("Channels: connect, check, pause.")),
        "agency": Entry("people:agency", _("Agencies.")),
        "person": Entry("people:person", _("People and their personal access tokens.")),
        "daemon": Entry("daemon:daemon", _("Publish what is due, until it is stopped.")),
        "worker": Entry("daemon:worker", _("Carry out what is due, beside other machines (PostgreSQL).")),
        "job": Entry("daemon:job", _("What the daemon does by the clock.")),
        "doctor": Entry("daemon:doctor", _("What is wrong with this installation.")),
        "backup": Entry("backup:backup", _("Write database and media into one file.")),
        "restore": Entry("backup:restore", _("Bring a backup back; nothing goes out a second time.")),
        "audit": Entry("audit:app", _("The audit record.")),
        "config": Entry("config:app", _("Settings, and where each comes from.")),
        "rehearsal": Entry("rehearsal:app", _("Stand-ins of the platforms, for training and tests.")),
    }


def root() -> Lazy:
    """The command `dissem` itself."""
    return Lazy(
        table(),
        name="dissem",
        help=_("Queue, approve, publish, archive and report a city's releases on every platform, once and only once."),
        no_args_is_help=True,
        params=[_version(), *_completion()],
    )


def _version() -> TyperOption:
    return TyperOption(
        param_decls=["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_tell_version,
        help=_("Show the version and exit."),
    )


def _tell_version(context: typer.Context, parameter: Any, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        typer.echo(f"dissem {__version__}")
        raise typer.Exit


def _completion() -> list[Any]:
    install, show = get_install_completion_arguments()
    install.help = _("Install completion for this shell.")  # type: ignore[attr-defined]
    show.help = _("Print the completion script of this shell.")  # type: ignore[attr-defined]
    return [install, show]
