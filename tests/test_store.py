"""The database, sealed secrets and the audit record."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dissem.errors import Broken
from dissem.models import Agency, AuditEntry
from dissem.store.database import HEAD, Database
from dissem.store.installation import Installation

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_the_known_head_is_the_newest_migration_and_the_tables_are_the_models(installation: Installation) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    from dissem.store.migrate import configured

    config = configured(installation.database)

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    command.check(config)


def test_a_failed_write_leaves_nothing(installation: Installation) -> None:
    with pytest.raises(RuntimeError), installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        raise RuntimeError

    with installation.database.read() as session:
        assert session.exec(select(Agency)).all() == []


def test_a_database_of_a_newer_dissem_is_refused(installation: Installation) -> None:
    with installation.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Broken, match="newer"):
        installation.database.require_current()


def test_only_create_makes_a_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a #% b.db'}")

    with pytest.raises(Broken, match="missing"):
        database.version()
    assert list(tmp_path.iterdir()) == []
    database.create()

    assert database.version() is None
    assert [file.name for file in tmp_path.glob("*.db")] == ["a #% b.db"]
    database.close()


def test_a_file_that_vanishes_in_use_is_missed(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "dissem.db")
    database = Database(f"sqlite:///{tmp_path / 'dissem.db'}")
    database.require_current()
    database.close()
    (tmp_path / "dissem.db").unlink()

    with pytest.raises(Broken, match="missing"), database.read() as session:
        session.exec(select(Agency)).all()
    assert not (tmp_path / "dissem.db").exists()


def test_a_secret_moved_to_another_row_does_not_open(installation: Installation) -> None:
    sealed = installation.vault.seal("s3cret-token", table="channel", row=1, field="access_token")

    assert "s3cret" not in sealed
    assert installation.vault.open(sealed, table="channel", row=1, field="access_token") == "s3cret-token"
    with pytest.raises(Broken, match="access_token"):
        installation.vault.open(sealed, table="channel", row=2, field="access_token")


def _record(installation: Installation, count: int) -> None:
    for number in range(count):
        with installation.database.write() as session:
            installation.audit.write(session, now=NOW, actor="siti", action="approve", on=f"release {number}")


def test_the_audit_record_cannot_be_changed_in_place(installation: Installation) -> None:
    _record(installation, 3)

    for statement in ("UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"):
        with pytest.raises(DBAPIError, match="append-only"), installation.database.write() as session:
            session.execute(text(statement))


def _without_guard(database: Database, statement: str) -> None:
    guards = ("no_update", "no_delete", "no_replace") if database.is_sqlite else ("append_only",)
    with database.write() as session:
        for guard in guards:
            where = "" if database.is_sqlite else " ON audit_entry"
            session.execute(text(f"DROP TRIGGER audit_entry_{guard}{where}"))
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("tampering", "first"),
    [
        ("UPDATE audit_entry SET actor = 'budi' WHERE id = 2", 2),
        ("UPDATE audit_entry SET object = 'release 9' WHERE id = 1", 1),
        ("DELETE FROM audit_entry WHERE id = 2", 2),
        ("UPDATE audit_entry SET mac = (SELECT mac FROM audit_entry WHERE id = 1) WHERE id = 3", 3),
    ],
)
def test_tampering_with_the_audit_record_is_found(installation: Installation, tampering: str, first: int) -> None:
    _record(installation, 3)
    with installation.database.read() as session:
        assert installation.audit.verify(session) is None
        assert len(session.exec(select(AuditEntry)).all()) == 3

    _without_guard(installation.database, tampering)

    with installation.database.read() as session:
        assert installation.audit.verify(session) == first
