"""The database, sealed secrets and the audit record."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dissem.errors import Broken
from dissem.models import Agency, AuditEntry, Delivery, Release, Shape
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


OLDER = (  # what was there before 0002
    "INSERT INTO agency VALUES ('kominfo', 'Dinas Kominfo')",
    "INSERT INTO person (id, username, name, agency, role, token_hash, created) "
    "VALUES (1, 'siti', 'Siti', 'kominfo', 'author', 'x', CURRENT_TIMESTAMP)",
    "INSERT INTO release (id, kind, state, agency, title, body, tags, language, urgent, author_id, editor_id, created, "
    "edited) VALUES (1, 'photo', 'draft', 'kominfo', 'Judul', 'Isi', '[]', 'id', false, 1, 1, CURRENT_TIMESTAMP, "
    "CURRENT_TIMESTAMP)",
    "INSERT INTO channel (id, name, platform, agency, state, settings, secrets, host, version, created) "
    "VALUES (1, 'web', 'newsroom', 'kominfo', 'active', '{}', '{}', '', 1, CURRENT_TIMESTAMP)",
    "INSERT INTO delivery (id, release_id, channel_id, state, due, until, urgent, next_at, part, parts, ready, fence, "
    "attempts, failures, deaths, ambiguous, absences, since) VALUES (1, 1, 1, 'proposed', CURRENT_TIMESTAMP, "
    "CURRENT_TIMESTAMP, false, CURRENT_TIMESTAMP, 2, 3, true, 0, 1, 0, 0, false, 0, CURRENT_TIMESTAMP)",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'dissem.db'}")
        database.create()
        yield database
        database.close()
        return
    import psycopg

    address = request.getfixturevalue("postgres")
    name = f"empty_{os.urandom(6).hex()}"
    with psycopg.connect(address.format(name="postgres").replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        database = Database(address.format(name=name))
        yield database
        database.close()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_what_an_older_dissem_wrote_is_kept_by_an_upgrade(empty: Database) -> None:
    from alembic import command

    from dissem.store.migrate import configured, migrate

    command.upgrade(configured(empty), "0001")
    with empty.engine.begin() as connection:
        for statement in OLDER:
            connection.execute(text(statement))

    migrate(empty)

    with empty.read() as session:
        release, delivery = session.get_one(Release, 1), session.get_one(Delivery, 1)
        assert (release.title, release.shape, release.link_from) == ("Judul", Shape.PAD, None)
        assert (delivery.part, delivery.independent, delivery.follows) == (2, False, None)


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
