"""Commands and groups as dissem has them: help in the reader's language, the same three options everywhere, and
groups whose files are read only when they are called."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from dissem.cli.options import everywhere
from dissem.i18n import _

_RANGE = re.compile(r"(; )?(-?\d+<=)?x[<>]=-?\d+")  # as typer writes it; who leaves it is told
Function = TypeVar("Function", bound=Callable[..., Any])


class _Spoken:
    """Help in the reader's language; typer writes its own headings in English."""

    def __init__(self, *positional: Any, **options: Any) -> None:
        options["rich_markup_mode"] = None
        options["options_metavar"] = _("[OPTIONS]")
        super().__init__(*positional, **options)
        self.params: list[Any] = [*self.params, *everywhere(self.params)]
        words = metavars()
        for parameter in self.params:
            parameter.metavar = words.get(parameter.metavar, parameter.metavar)

    def format_usage(self, context: Any, formatter: Any) -> None:
        pieces = " ".join(self.collect_usage_pieces(context))  # type: ignore[attr-defined]
        formatter.write_usage(context.command_path, pieces, prefix=_("Usage:") + " ")

    def format_options(self, context: Any, formatter: Any) -> None:
        for kind, heading in (("argument", _("Arguments")), ("option", _("Options"))):
            records = [self._record(p, context) for p in self.get_params(context) if p.param_type_name == kind]  # type: ignore[attr-defined]
            if shown := [record for record in records if record]:
                with formatter.section(heading):
                    formatter.write_dl(shown)

    def _record(self, parameter: Any, context: Any) -> tuple[str, str] | None:
        if "--help" in parameter.opts:
            parameter.help = _("Show this message and exit.")
        record: tuple[str, str] | None = parameter.get_help_record(context)
        if record is None:
            return None
        text = _RANGE.sub("", record[1]).removesuffix("  []").replace("[required]", _("[required]"))
        return record[0], text.replace("[default: ", _("[default: {value}]").partition("{value}")[0])


def metavars() -> dict[str, str]:
    """What stands for a value in help, as commands declare it → as it is read."""
    return {
        "ADDRESS": _("ADDRESS"),
        "CHANNEL": _("CHANNEL"),
        "CODE": _("CODE"),
        "DATE": _("DATE"),
        "DAY": _("DAY"),
        "DELIVERY": _("DELIVERY"),
        "FILE": _("FILE"),
        "FOLDER": _("FOLDER"),
        "FORMAT": _("FORMAT"),
        "JOB": _("JOB"),
        "KEY=FILE": _("KEY=FILE"),
        "KEY=VALUE": _("KEY=VALUE"),
        "KEY=VARIABLE": _("KEY=VARIABLE"),
        "KIND": _("KIND"),
        "MONTH": _("MONTH"),
        "[MONTH]": _("[MONTH]"),
        "N": _("N"),
        "NAME": _("NAME"),
        "PLATFORM": _("PLATFORM"),
        "[PLATFORM]...": _("[PLATFORM]..."),
        "PORT": _("PORT"),
        "READER": _("READER"),
        "RELEASE": _("RELEASE"),
        "ROLE": _("ROLE"),
        "STATE": _("STATE"),
        "TEXT": _("TEXT"),
        "TIME": _("TIME"),
        "URL": _("URL"),
        "USERNAME": _("USERNAME"),
        "WEEK": _("WEEK"),
        "[WEEK]": _("[WEEK]"),
        "WORD": _("WORD"),
        "ZONE": _("ZONE"),
    }


class Command(_Spoken, TyperCommand):
    """A command."""


class Group(_Spoken, TyperGroup):
    """A group of commands."""

    def __init__(self, *positional: Any, **options: Any) -> None:
        super().__init__(*positional, **{**options, "subcommand_metavar": _("COMMAND [ARGS]...")})

    def format_options(self, context: Any, formatter: Any) -> None:
        super().format_options(context, formatter)
        width = formatter.width - 6 - max(map(len, self.commands))
        lines = [(name, command.get_short_help_str(width)) for name, command in self.commands.items()]
        with formatter.section(_("Commands")):
            formatter.write_dl(lines)


class Commands(typer.Typer):
    """Where the commands of one group are declared."""

    def __init__(self, help: str = "") -> None:  # noqa: A002 - typer's word
        super().__init__(cls=Group, help=help, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
        self.callback()(_nothing)  # a group, even with a single command

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **options: Any
    ) -> Callable[[Function], Function]:
        return super().command(name, cls=cls or Command, **options)


def _nothing() -> None:
    """A group itself does nothing."""


@dataclass(frozen=True)
class Entry:
    """Where a command stands ("file:name" in this package; the name of a group or of a function) and what it does."""

    place: str
    help: str

    def load(self, name: str) -> Any:
        """The command itself; now its file is read."""
        module, _colon, attribute = self.place.partition(":")
        found = getattr(import_module(f"dissem.cli.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(name, cls=getattr(found, "command_class", Command), help=self.help)(found)
            found = alone
        command = get_command(found)
        command.name = name
        return command


class Lazy(Group):
    """A group that knows its commands by name and line of help, which is enough for help, completion and suggestions;
    one that is called is loaded."""

    def __init__(self, entries: Mapping[str, Entry], **options: Any) -> None:
        stubs = {name: TyperCommand(name, help=entry.help) for name, entry in entries.items()}
        super().__init__(commands=stubs, **options)
        self.entries = entries

    def resolve_command(self, context: Any, arguments: list[str]) -> tuple[str | None, Any, list[str]]:
        name, stub, rest = super().resolve_command(context, arguments)
        return name, stub and self.entries[stub.name or ""].load(stub.name or ""), rest
