"""The real `dissem daemon`, watched from outside: time of the processor, memory, threads and files as the kernel counts
them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.startup import MAIN

LONGEST = 60.0  # seconds for anything that is waited for; a guard
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Daemon:
    """A running one."""

    process: "subprocess.Popen[bytes]"

    @property
    def cpu(self) -> float:
        """Seconds of the processor so far, user and system."""
        after_name = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    @property
    def memory(self) -> float:
        """MiB in memory now."""
        return self._status("VmRSS") / 1024

    @property
    def peak(self) -> float:
        """MiB in memory at most so far."""
        return self._status("VmHWM") / 1024

    @property
    def threads(self) -> int:
        return self._status("Threads")

    @property
    def handles(self) -> list[str]:
        """What its open file handles lead to."""
        return [str(handle.readlink()) for handle in self._proc("fd").iterdir() if handle.is_symlink()]

    def leave(self) -> float:
        """Seconds from SIGTERM to its end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LONGEST)
        assert status == 0, f"the daemon ended with {status}"
        return time.monotonic() - began

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.process.pid}/{name}")

    def _status(self, name: str) -> int:
        lines = dict(line.split(":", 1) for line in self._proc("status").read_text().splitlines())
        return int(lines[name].split()[0])


@contextmanager
def running(home: Path) -> Iterator[Daemon]:
    """A daemon of the installation in *home*, from the moment it is at work; its log lies there. It is killed at the
    end if it still lives."""
    with (home / "daemon.log").open("ab") as log:
        before = log.tell()
        command = [sys.executable, "-c", MAIN, "--dir", str(home), "daemon"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    try:
        wait_until(lambda: b" begins" in (home / "daemon.log").read_bytes()[before:])
        yield Daemon(process)
    finally:
        process.kill()
        process.wait()


def wait_until(happened: Callable[[], bool], longest: float = LONGEST) -> None:
    """Raise TimeoutError if it does not happen."""
    end = time.monotonic() + longest
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)
