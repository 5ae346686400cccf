"""Help and version appear at once: none of the heavy libraries is imported for them."""

import os
import subprocess
import sys

import pytest

HEAVY = (
    "sqlmodel",
    "sqlalchemy",
    "pydantic",
    "tweepy",
    "facebook",
    "apscheduler",
    "requests",
    "alembic",
    "rich",
    "PIL",
)

_DUMP = """
import sys
from dissem.cli.main import main
status = main({arguments!r})
print("LOADED", *sorted({{name.partition(".")[0] for name in sys.modules}}))
sys.exit(status)
"""


def _loaded(*arguments: str, **environ: str) -> tuple[str, set[str]]:
    """What the command printed, and the packages in memory after it."""
    done = subprocess.run(
        [sys.executable, "-c", _DUMP.format(arguments=list(arguments))],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environ},
        check=True,
    )
    printed, _mark, names = done.stdout.partition("LOADED ")
    return printed, set(names.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("release", "--help"), ("schedule", "--help")])
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    printed, loaded = _loaded(*arguments)

    assert printed.strip()
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_wrong_command_is_answered_without_importing_anything_heavy() -> None:
    script = _DUMP.format(arguments=["relase"]).replace("sys.exit(status)", "")

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "release" in done.stderr
    assert set(done.stdout.split()).isdisjoint(HEAVY)


def test_completion_of_a_command_reads_no_file_of_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dissem.cli.main"],
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "_DISSEM_COMPLETE": "complete_bash",
            "COMP_WORDS": "dissem re",
            "COMP_CWORD": "1",
        },
        check=True,
    )

    assert done.stdout.split() == ["release", "report", "restore", "rehearsal"]
    assert "dissem.cli.root" in done.stderr
    assert "dissem.cli.release" not in done.stderr


def test_a_reader_who_leaves_early_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "dissem.cli.main", "--help"], stdout=pipe, stderr=subprocess.PIPE, check=False
        )

    assert done.stderr == b""
