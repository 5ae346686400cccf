"""What a command costs, against `python -c pass` in the same rounds."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROUNDS = 15
MAIN = "import sys; from dissem.cli.main import main; sys.exit(main())"
GOALS = {  # times the CPU of `python -c pass`; the installation's own commands read an SQLite database
    "dissem --version": (["--version"], 9.0),
    "dissem --help": (["--help"], 9.0),
    "dissem release list": (["release", "list"], 55.0),
    "dissem queue": (["queue"], 55.0),
}


def cpu(command: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds of CPU, user and system, that *command* takes as a whole process."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    said = started.stderr.read() if started.stderr else b""
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode != 0:
        raise SystemExit(f"{command} failed: {said.decode()}")
    return used.ru_utime + used.ru_stime


def installed(home: Path) -> dict[str, str]:
    """An environment in which commands find an installation with one coordinator logged in."""
    bare = {**os.environ, "DISSEM_HOME": str(home), "DISSEM_LANG": "en", "XDG_CONFIG_HOME": str(home)}
    bare.pop("PYTHONDONTWRITEBYTECODE", None)

    def dissem(*arguments: str, token: str = "") -> str:
        command = [sys.executable, "-c", MAIN, *arguments]
        answer = subprocess.run(
            command, env={**bare, "DISSEM_TOKEN": token}, capture_output=True, text=True, check=True
        )
        return answer.stdout.strip().splitlines()[-1]

    admin = dissem("init", str(home), "--admin", "agus")
    token = dissem("person", "add", "dewi", "Dewi", "--role", "coordinator", token=admin)
    return {**bare, "DISSEM_TOKEN": token}


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """The median ratio of each of `GOALS`."""
    with tempfile.TemporaryDirectory() as folder:
        environment = installed(Path(folder) / "home")
        ratios: dict[str, list[float]] = {name: [] for name in GOALS}
        for _ in range(rounds + 1):
            bare = cpu([sys.executable, "-c", "pass"], environment)
            for name, (arguments, _goal) in GOALS.items():
                ratios[name].append(cpu([sys.executable, "-c", MAIN, *arguments], environment) / bare)
    return {name: median(found[1:]) for name, found in ratios.items()}  # the first round fills the caches
