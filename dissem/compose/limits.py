"""What a child process may use: memory, processor time, the size of a file, open files; and none of our secrets.

Limits that the operating system does not know are left out: they are a second wall, the first is in the code behind.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

_START = (
    "import json, os, sys; from dissem.compose.limits import Limits; "
    "Limits(**json.loads(sys.argv[1])).keep(); os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True)
class Limits:
    """*memory* (address space) and *file* (the longest it may write) in bytes, *cpu* in seconds; *nice* 0 to 19."""

    memory: int
    cpu: int
    file: int
    nice: int = 0

    def keep(self) -> None:
        """Bind this process to the limits, for ever."""
        _bind(resource.RLIMIT_CORE, 0)
        _bind(resource.RLIMIT_AS, self.memory)
        _bind(resource.RLIMIT_FSIZE, self.file)
        _bind(resource.RLIMIT_NOFILE, 64)
        self.from_now()
        if self.nice:
            os.nice(self.nice)

    def from_now(self) -> None:
        """Give this process its processor seconds anew, from what it has used so far."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        with contextlib.suppress(ValueError, OSError):
            _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + self.cpu + 1, hard))


def python(code: str, *arguments: str) -> list[str]:
    """The command that runs *code* in a Python of its own, which finds modules where this one does and nowhere else.

    `-I`: no folder of the caller and none of the PYTHON variables has a say in it.
    """
    found = f"import sys; sys.path[:] = {sys.path!r}; {code}"
    return [sys.executable, "-I", "-c", found, *arguments]


def bound(command: Sequence[str], limits: Limits) -> list[str]:
    """The command that keeps *limits* and becomes *command*, whose first word is the path of a program."""
    return python(_START, json.dumps(asdict(limits)), *command)


def surroundings() -> dict[str, str]:
    """The environment of a child: where libraries lie, and nothing that could be a secret."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}


def _bind(what: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        _soft, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
