"""The entry point: the reader's language first, then the command, and every failure as one sentence.

Nothing else is imported before the language is known, because help texts are translated when their module is read.
"""

import gc
import io
import os
import sys
from collections.abc import Sequence

from dissem import i18n

GARBAGE = 50_000  # new objects between two collections: imports make many and drop none, and looking through them all
# again and again is a twelfth of a command's time


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; answers its exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    os.environ.setdefault("TYPER_USE_RICH", "0")  # twice as fast, and its texts are in English only
    token = i18n.language.set(spoken(arguments))
    try:
        return _guarded(arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        i18n.language.reset(token)


def spoken(arguments: Sequence[str]) -> str:
    """The language asked for by `--lang`, else by DISSEM_LANG, else Indonesian."""
    said = [os.environ.get("DISSEM_LANG", "")]
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--lang":
            said += arguments[place + 1 : place + 2]
        elif argument.startswith("--lang="):
            said.append(argument.removeprefix("--lang="))
    return next((one for one in reversed(said) if one in i18n.LANGUAGES), i18n.LANGUAGES[0])


def _guarded(arguments: list[str]) -> int:
    from dissem.cli import options
    from dissem.cli.root import root

    _stand_in_for_closed()
    _write_anything()
    with options.asking(as_json="--json" in arguments):
        try:
            options.check_text(arguments)
            answer = root().main(arguments, prog_name="dissem", standalone_mode=False)
            sys.stdout.flush()
        except BrokenPipeError:
            return _quietly_gone()
        except Exception as error:  # noqa: BLE001 - the one place that reports what nobody expected
            from dissem.cli.failures import report

            return report(error)
    return answer if isinstance(answer, int) else 0


class _Gone(io.TextIOBase):
    """Standard output that was closed before we began (`dissem … >&-`): nobody reads it, as behind a broken pipe."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def _stand_in_for_closed() -> None:
    """A number below three that is free would be given to the next file opened, and what we say would land in it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while (free := os.open(os.devnull, os.O_RDWR)) < number:
                pass
            setattr(sys, name, _Gone() if name == "stdout" else os.fdopen(free, "r" if name == "stdin" else "w"))


def _write_anything() -> None:
    """A sign that the terminal's encoding has not is written as its number; a command does not fail over it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _quietly_gone() -> int:
    """Whoever read our output has left (`dissem queue | head`): say nothing, also not when Python ends."""
    if not isinstance(sys.stdout, _Gone):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
