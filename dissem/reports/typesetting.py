"""typst, in a process of its own that ends with the document: the memory it takes a daemon would keep for ever, and a
document that takes too long can be given up."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from importlib.util import find_spec
from typing import Any

from dissem.compose.limits import python, surroundings
from dissem.errors import Broken
from dissem.reports.xlsx import missing

PATIENCE = 120.0  # seconds; the machine may be busy with other things
_SET = "from dissem.reports.setter import answer; answer()"


def typeset(template: bytes, inputs: Mapping[str, str], *, day: date | None = None, **options: Any) -> bytes:
    """The document of *template*, which sees *inputs*; *options* are those of typst. *day* is its time.

    The fonts are typst's own and none of the machine's. Broken if typst is not installed, refuses or takes too long.
    """
    if find_spec("typst") is None:
        raise missing("pdf")
    moment = datetime.combine(day, time(), UTC).isoformat() if day else None
    question = {"template": template.decode(), "inputs": inputs, "moment": moment, "options": options}
    return _answer(json.dumps(question).encode())


def _answer(question: bytes) -> bytes:
    try:
        made = subprocess.run(  # noqa: S603 - our own Python
            python(_SET), input=question, capture_output=True, timeout=PATIENCE, cwd="/", env=surroundings()
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(
            "Setting the document took longer than {seconds} seconds and was given up.",
            hint="Try again when the machine has less to do, or make the report as HTML.",
            seconds=round(PATIENCE),
        ) from error
    if made.returncode:
        raise Broken(
            "The document could not be set: {why}",
            hint="Make the report as HTML or as a spreadsheet.",
            why=_why(made),
        )
    return made.stdout


def _why(ended: "subprocess.CompletedProcess[bytes]") -> str:
    said = ended.stderr.decode(errors="replace").strip().splitlines()
    return said[-1][:200] if said else f"signal {-ended.returncode}"
