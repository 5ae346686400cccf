"""A death while the tables are brought up to date: those of one version or of the next, never something between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from dissem.store.database import HEAD, Database
from dissem.store.migrate import migrate

# Dies at every statement of the upgrade in turn, each time with a fresh copy of the old database.
_UPGRADE = """
import json, os, shutil, signal, sys
from alembic import command
from sqlalchemy import event
from dissem.store.database import Database
from dissem.store.migrate import configured, migrate

old, folder = sys.argv[1:]
database = Database(f"sqlite:///{old}")
database.create()
command.upgrade(configured(database), "0001")
database.close()
copies = []
for moment in range(1, 1000):
    copies.append(f"{folder}/{moment}.db")
    shutil.copy(old, copies[-1])
    if not (child := os.fork()):
        left = [moment]
        database = Database(f"sqlite:///{copies[-1]}")
        @event.listens_for(database.engine, "after_cursor_execute")
        def count(*_):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        migrate(database)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(json.dumps(copies))
"""


def _columns(file: Path | str) -> dict[str, set[str]]:
    database = Database(f"sqlite:///{file}")
    looked = inspect(database.engine)
    found = {table: {column["name"] for column in looked.get_columns(table)} for table in looked.get_table_names()}
    database.close()
    return found


@pytest.mark.proof
def test_a_death_while_the_tables_are_changed_leaves_those_of_one_version(tmp_path: Path) -> None:
    old, copies = tmp_path / "old.db", tmp_path / "copies"
    copies.mkdir()

    said = subprocess.run([sys.executable, "-c", _UPGRADE, old, copies], check=True, capture_output=True, text=True)

    *broken, whole = json.loads(said.stdout.splitlines()[-1])
    assert len(broken) > 20
    known = {_version(file): _columns(file) for file in (old, *broken, whole)}
    assert next(iter(known)) == "0001"
    assert list(known)[-1] == HEAD
    assert [file for file in broken if _columns(file) != known[_version(file)]] == []
    for file in broken[:: len(broken) // 5]:
        database = Database(f"sqlite:///{file}")
        migrate(database)
        database.close()
        assert _columns(file) == known[HEAD]


def _version(file: Path | str) -> str | None:
    database = Database(f"sqlite:///{file}")
    version = database.version()
    database.close()
    return version
