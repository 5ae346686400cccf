"""Every failure as one sentence and an exit status: ours, typer's, the system's, and what nobody expected."""

import errno
import json
import os
import sys
import traceback
from pathlib import Path

import typer

from dissem import redaction
from dissem.cli.options import asked
from dissem.cli.show import visible
from dissem.cli.usage import as_wrong_input
from dissem.errors import DissemError
from dissem.i18n import _


def report(error: Exception) -> int:
    """Tell *error* on standard error; answers the exit status."""
    if isinstance(error, typer.Abort):
        return 130  # a question was answered with Ctrl-C or the end of the input
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error}\n")
        return 2
    if isinstance(error, DissemError):
        told = error
    elif isinstance(error, typer.TyperException):
        told = as_wrong_input(error)
    elif isinstance(error, OSError) and error.strerror:
        told = from_the_system(error)
    else:
        told = _unexpected(error)
    _tell(told)
    if os.environ.get("DISSEM_DEBUG"):
        sys.stderr.write(_traceback(error))
    return told.status


# What the system says → our words; it speaks English, or whatever the server is set to.
_SYSTEM = {
    errno.ENOENT: "{file} does not exist.",
    errno.EEXIST: "{file} is there already.",
    errno.EISDIR: "{file} is a folder, not a file.",
    errno.ENOTDIR: "{file} lies in something that is not a folder.",
    errno.EACCES: "You have no right to open {file}.",
    errno.EPERM: "You have no right to change {file}.",
    errno.EROFS: "{file} lies on a disk that cannot be written.",
    errno.ENOSPC: "There is no room left on the disk for {file}.",
    errno.ENAMETOOLONG: "The name {file} is too long.",
}


def from_the_system(error: OSError, file: Path | None = None) -> DissemError:
    """*error* as one of ours. *file*: as the person named it, otherwise as the system does."""
    name = file or error.filename
    if not name:
        return DissemError("The system refuses: {why}.", why=error.strerror)
    return DissemError(_SYSTEM.get(error.errno or 0, "{file}: {why}."), file=name, why=error.strerror)


def _tell(error: DissemError) -> None:
    message, hint = _harmless(error)
    if asked().as_json:
        answer = {"error": type(error).__name__, "message": message, "hint": hint}
        sys.stderr.write(json.dumps(answer, ensure_ascii=False) + "\n")
    else:
        lines = [_("Error: {message}", message=message), hint]
        sys.stderr.write(visible("\n".join(line for line in lines if line)) + "\n")


def _harmless(error: DissemError) -> tuple[str, str]:
    """Sentence and hint without secrets. A hint is our own advice, so that only what fills its places is cleaned:
    `--secret-env access_token=VARIABLE` looks like a secret and is none."""
    message = redaction.clean(_filled(error)[0])
    error.values = {name: redaction.clean(v) if isinstance(v, str) else v for name, v in error.values.items()}
    return message, _filled(error)[1]


def _filled(error: DissemError) -> tuple[str, str]:
    """Sentence and hint; unfilled where a text has a place nobody fills, as this must not fail itself."""
    try:
        return str(error), error.hint
    except (KeyError, IndexError, ValueError):
        return error.text, error.hint_text


def _traceback(error: Exception) -> str:
    return redaction.clean("".join(traceback.format_exception(error)))


def _unexpected(error: Exception) -> DissemError:
    """A defect of ours: its traceback goes into a file for whoever mends it, not before the eyes of staff."""
    name = type(error).__name__
    try:
        file = _keep(_traceback(error))
    except OSError:
        return DissemError(
            "Something unexpected happened ({name}).", hint="Run it again with DISSEM_DEBUG=1 to see where.", name=name
        )
    return DissemError(
        "Something unexpected happened ({name}).", hint="Details for the developers: {file}", name=name, file=file
    )


def _keep(text: str) -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    file = Path(base) / "dissem" / "last-error.txt"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    return file
