"""Where the processes come from that are to die: one that has imported everything forks a daemon for whoever asks.

`python cradle.py` reads requests, a JSON object a line, and answers each with one. A daemon is a process of its own
with its own threads and files, in every way that a kill, a stop or a power cut can tell.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dissem.store.installation import Installation

HERE = Path(__file__).parent
FULL = 0  # no signal: the disk is full
WHILE = 1.0  # seconds that it is
_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Cradle:
    """Used by tests as a context; any number of threads may ask."""

    def __init__(self, preload: Path | None = None) -> None:
        paths = os.pathsep.join([str(HERE), str(HERE.parent)])
        loaded = {"LD_PRELOAD": str(preload)} if preload else {}
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "cradle.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **loaded, "PYTHONPATH": paths},
        )

    def __enter__(self) -> "Cradle":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, home: Path, **how: Any) -> "Life":
        """A daemon on the installation in *home*; *how* is what `_live` takes."""
        return Life(self, self._ask(start=str(home), **how))

    def _ask(self, **what: Any) -> Any:
        with self._lock:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class Life:
    """One daemon's."""

    def __init__(self, cradle: Cradle, pid: int) -> None:
        self.pid = pid
        self._cradle = cradle
        self._status: int | None = None

    @property
    def status(self) -> int | None:
        """Exit status, negative for the signal that killed it; None while it lives."""
        if self._status is None:
            self._status = self._cradle._ask(wait=self.pid)
        return self._status

    @property
    def stopped(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        if self.status is None:
            os.kill(self.pid, number)


def _serve() -> None:
    import billboard
    import sqlalchemy.dialects.postgresql.psycopg
    import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401

    import dissem.channels.client
    import dissem.daemon.run
    import dissem.queue.engines.threads  # noqa: F401

    with billboard.installed():
        for line in sys.stdin:
            asked = json.loads(line)
            if "wait" in asked:
                gone, status = os.waitpid(asked["wait"], os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if gone else None
            else:
                answer = os.fork()
                if answer == 0:
                    _live(Path(asked.pop("start")), **asked)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _live(
    home: Path,
    *,
    point: str = "",
    time: int = 1,
    signal: int = 9,
    record: str = "",
    until_idle: bool = True,
    **pragma: str,
) -> NoReturn:
    """Be the daemon of *home*; get *signal* when *point* is reached for the *time*-th time, or with `FULL` find the
    disk full for a while. *record*: where its writes are kept, for a power cut. *pragma*: instead of our own."""
    try:
        with (home / "daemon.log").open("a") as log:
            os.dup2(log.fileno(), 2)
        with Path(os.devnull).open("r+") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(nothing.fileno(), 1)
        ctypes.CDLL(None).prctl(_WITH_PARENT, 9)  # nobody is left behind when a test run is ended
        if record:
            os.environ["DISSEM_RECORD"] = record
        from dissem import i18n
        from dissem.daemon.run import leave, new_owner, run
        from dissem.queue.carry import Carrier
        from dissem.queue.engines.threads import Threads
        from dissem.store import database
        from dissem.store.installation import Installation

        if pragma:
            database._PRAGMAS = tuple(p for p in database._PRAGMAS if p.partition("=")[0] not in pragma) + tuple(
                f"{name}={value}" for name, value in pragma.items()
            )
        i18n.language.set("en")
        installation, owner = Installation.open(home), new_owner()
        engine = Threads(
            installation, owner, carrier=Carrier(installation, reached=Death(point, time, signal, installation))
        )
        leave(run(installation, until_idle=until_idle, engine=engine, owner=owner))
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent
        import traceback

        traceback.print_exc()
        os._exit(70)


class Death:
    """Waits at a point."""

    def __init__(self, point: str, time: int, number: int, installation: "Installation") -> None:
        self.point, self.left, self.number = point, time, number
        self.database = installation.database
        self._lock = threading.Lock()

    def __call__(self, point: str) -> None:
        if point != self.point:
            return
        with self._lock:  # not longer: the one that writes may come here, too
            self.left -= 1
            now = self.left == 0
        if now and self.number != FULL:
            signal.pthread_kill(threading.get_ident(), self.number)  # this thread takes no further step
        elif now:
            os.environ["DISSEM_FULL"] = "yes"
            threading.Timer(WHILE, os.environ.pop, ["DISSEM_FULL"]).start()
            self._tries()

    def _tries(self) -> None:
        """Says in the log that the disk is full, if it is: the daemon itself may have nothing to write meanwhile."""
        import logging

        from sqlalchemy import text

        from dissem.errors import DissemError

        try:
            with self.database.write() as session:
                session.execute(text("CREATE TABLE tried (id INTEGER)"))
        except DissemError as error:
            logging.getLogger("cradle").error("it was noticed that the disk is full: %s", error)


if __name__ == "__main__":
    _serve()
