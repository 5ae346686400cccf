"""typer's own complaints about a command line, which it has in English only, as ours."""

import re
from typing import Any

from dissem.clock import quotable
from dissem.errors import WrongInput

_LONGEST = 200  # letters of what was typed, in an error
_CLOSE, _QUOTES, _KNOWN = "Did you mean {close}?", "Put texts with blanks in quotes.", "Possible: {known}."

# What typer says → our sentence, the groups of the pattern being its places.
_SAYINGS = (
    (r"No such command '(?P<name>.+?)'\. Did you mean '(?P<close>.+?)'.*", "There is no command {name}.", _CLOSE),
    (r"No such command '(?P<name>.+?)'.*", "There is no command {name}.", ""),
    (r"Missing command.*", "It is not said which command.", ""),
    (r"Got unexpected extra argument\(s\) \((?P<extra>.+)\)", "This is too much: {extra}", _QUOTES),
    (r"Option '(?P<name>.+?)' requires an argument.*", "{name} needs a value.", ""),
    (r"Option '(?P<name>.+?)' requires (?P<count>\d+) arguments.*", "{name} needs {count} values.", ""),
    (r"Option '(?P<name>.+?)' does not take a value.*", "{name} takes no value.", ""),
)
_VALUES = (
    (r"'?(?P<value>.*?)'? is not a valid (int|float).*", "{where}: {value} is not a number.", ""),
    (r"'?(?P<value>.*?)'? is not a valid .*", "{where}: {value} cannot be used.", ""),
    (r"'?(?P<value>.*?)'? is not one of (?P<known>.+?)\.?", "{where}: {value} cannot be used.", _KNOWN),
)
_ANY = "{where} cannot be used."
_TOO_SMALL = "{where}: {value} is too small; the least is {bound}."
_TOO_LARGE = "{where}: {value} is too large; the most is {bound}."


def as_wrong_input(error: Any) -> WrongInput:
    """The same complaint as an error of ours, with the command's help as hint."""
    kind, context, parameter = type(error).__name__, getattr(error, "ctx", None), getattr(error, "param", None)
    where = _name(parameter) if parameter is not None else ""
    text, hint, places = "{message}", "", {"message": error.format_message()}
    if kind == "MissingParameter":
        text, places = "{where} is missing.", {"where": where}
    elif kind == "NoSuchOption":
        text, places = "There is no option {name}.", {"name": error.option_name}
        if error.possibilities:
            hint, places = _KNOWN, {**places, "known": ", ".join(sorted(error.possibilities))}
    elif parameter is not None and (out := re.match(r"(?P<value>-?\d+) is not in the range ", error.message)):
        low, high = parameter.type.min, parameter.type.max
        small = low is not None and int(out["value"]) < low
        text = _TOO_SMALL if small else _TOO_LARGE
        places = {"where": where, "value": quotable(out["value"]), "bound": str(low if small else high)}
    elif found := _first(_VALUES if where else _SAYINGS, error.message):
        text, hint, places = found[0], found[1], {**found[2], "where": where}
    elif where:
        text, places = _ANY, {"where": where}
    if not hint and context is not None:
        hint, places = "See: {command} --help", {**places, "command": context.command_path}
    return WrongInput(text, hint=hint, **places)


def _first(sayings: tuple[tuple[str, str, str], ...], message: str) -> tuple[str, str, dict[str, str]] | None:
    for pattern, text, hint in sayings:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return text, hint, {k: quotable(v, _LONGEST) for k, v in found.groupdict().items() if v is not None}
    return None


def _name(parameter: Any) -> str:
    """An option as it is written, an argument as help names it."""
    options = [option for option in parameter.opts if option.startswith("-")]
    return max(options, key=len) if options else str(parameter.metavar or parameter.name).upper()
