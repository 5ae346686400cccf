"""What every command takes, and options that several share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperOption

from dissem.errors import WrongInput
from dissem.i18n import LANGUAGES, _


@dataclass
class Asked:
    """What was said before or after the command: where the installation is, and whether to answer in JSON."""

    as_json: bool = False
    folder: Path | None = None


_asked: ContextVar[Asked] = ContextVar("asked")


def asked() -> Asked:
    """What this call was asked."""
    return _asked.get()


@contextmanager
def asking(*, as_json: bool) -> Iterator[Asked]:
    """One call. *as_json* counts for what goes wrong before the options are read."""
    token = _asked.set(Asked(as_json=as_json))
    try:
        yield _asked.get()
    finally:
        _asked.reset(token)


def check_text(arguments: Sequence[str]) -> None:
    """Raise WrongInput unless every argument is text: bytes in another encoding would be refused deep inside."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise WrongInput("An argument is not text in UTF-8.", hint="Set the terminal to UTF-8.") from error


# On every command and group


def everywhere(present: Sequence[Any]) -> list[TyperOption]:
    """`--json`, `--dir` and `--lang`, but for what the command has of its own."""
    taken = {option for parameter in present for option in parameter.opts}
    return [option for option in (_json(), _dir(), _lang()) if not taken & set(option.opts)]


def _json() -> TyperOption:
    return TyperOption(
        param_decls=["--json"], is_flag=True, expose_value=False, callback=_keep_json, help=_("Answer in JSON.")
    )


def _dir() -> TyperOption:
    return TyperOption(
        param_decls=["--dir"],
        metavar="FOLDER",
        expose_value=False,
        callback=_keep_folder,
        help=_("The installation; otherwise DISSEM_HOME, or the nearest folder upwards with a config.toml."),
    )


def _lang() -> TyperOption:
    return TyperOption(
        param_decls=["--lang"],
        metavar="id|en",
        expose_value=False,
        callback=_check_language,
        help=_("Language: id or en; otherwise DISSEM_LANG."),
    )


def _keep_json(context: Any, parameter: Any, value: bool) -> None:
    if value:
        asked().as_json = True


def _keep_folder(context: Any, parameter: Any, value: str | None) -> None:
    if value is not None:
        asked().folder = Path(value).expanduser()


def _check_language(context: Any, parameter: Any, value: str | None) -> None:
    """The language itself was needed earlier, see `dissem.cli.main.spoken`."""
    if value is not None and value not in LANGUAGES and not context.resilient_parsing:
        raise WrongInput(
            "There is no language {language}.", hint="Languages: {known}.", language=value, known=", ".join(LANGUAGES)
        )


# Shared by several


def channel_names(incomplete: str) -> list[str]:
    """Names of channels for the shell's completion; none if the installation cannot be asked."""
    from dissem.cli.opening import names_of_channels

    return [name for name in names_of_channels() if name.startswith(incomplete)]


LARGEST = 2**31 - 1  # the largest number of a row: PostgreSQL keeps four bytes
LONGEST = 10_000  # rows of a list; more is for a file

ReleaseNumber = Annotated[int, typer.Argument(min=1, max=LARGEST, metavar="RELEASE", help=_("Number of a release."))]
DeliveryNumber = Annotated[int, typer.Argument(min=1, max=LARGEST, metavar="DELIVERY", help=_("Number of a delivery."))]
ChannelName = Annotated[
    str, typer.Argument(metavar="CHANNEL", help=_("Name of a channel."), autocompletion=channel_names)
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel", metavar="NAME", help=_("Only this channel; repeat for more."), autocompletion=channel_names
    ),
]
At = Annotated[
    str, typer.Option(metavar="TIME", help=_('When, as in "tomorrow 9:00" or 2026-08-17T09:30, in the office\'s zone.'))
]
Limit = Annotated[int, typer.Option(min=1, max=LONGEST, metavar="N", help=_("At most so many."))]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_("A setting; repeat for more."))]
SecretEnv = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VARIABLE", help=_("A secret from an environment variable; repeat for more.")),
]
SecretFile = Annotated[
    list[str] | None, typer.Option(metavar="KEY=FILE", help=_("A secret from a file; repeat for more."))
]


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. A text without "=" is not repeated in the error: it may be a secret."""
    made = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not (equals and key.strip() and value):
            raise WrongInput(
                "{option} is not written as {shape}.",
                hint="Write the name, an equals sign and the value, without blanks around it.",
                option=option,
                shape=_("KEY=VALUE"),
            )
        made[key.strip()] = value
    return made


def secrets(from_env: Sequence[str] | None, from_file: Sequence[str] | None) -> dict[str, str]:
    """Secrets by name, read from where the options say; from now on kept out of every text of this process."""
    import os

    from dissem import redaction

    found = {}
    for key, variable in pairs("--secret-env", from_env).items():
        if not os.environ.get(variable):
            raise WrongInput("The variable {variable} for {key} is not set, or empty.", variable=variable, key=key)
        found[key] = os.environ[variable]
    for key, file in pairs("--secret-file", from_file).items():
        found[key] = _secret_in(Path(file).expanduser(), key)
    for secret in found.values():
        redaction.learn(secret)
    return found


def _secret_in(file: Path, key: str) -> str:
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError as error:
        raise WrongInput(
            "The file {file} for {key} does not exist.", hint="Check the path.", file=file, key=key
        ) from error
    except IsADirectoryError as error:
        raise WrongInput("{file} is a folder, not a file.", hint="Name the file in it.", file=file) from error
    except (OSError, UnicodeDecodeError) as error:
        raise WrongInput("The file {file} for {key} cannot be read.", file=file, key=key) from error
    if not text:
        raise WrongInput("The file {file} for {key} is empty.", file=file, key=key)
    return text
