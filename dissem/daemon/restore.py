"""Bringing a backup back, so that nothing is published a second time and nothing that was there is thrown away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import col, select

from dissem.config import FILE, load
from dissem.daemon.run import ALIVE, alone
from dissem.errors import Broken, Conflict
from dissem.models import Daemon
from dissem.queue import restored
from dissem.store import backup
from dissem.store.backup import Backup
from dissem.store.database import HEAD, Database
from dissem.store.installation import Installation


@dataclass(frozen=True)
class Brought:
    """What came of it: how many deliveries are looked up first, and where the old state is kept."""

    home: Path
    marked: int
    kept: Path | None


def lay_out(home: Path, source: Backup) -> Installation:
    """The installation in *home*; where there is none, with settings and jobs of *source*."""
    os.umask(0o077)
    if not (home / FILE).exists():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        (home / "jobs").mkdir(exist_ok=True)
        for name, content in source.jobs():
            (home / "jobs" / name).write_bytes(content)
        (home / FILE).write_text(source.settings(), encoding="utf-8")
    return Installation(home, load(home / FILE)[0])


def bring_back(
    installation: Installation, source: Backup, *, now: datetime, replace: bool = False, any_key: bool = False
) -> Brought:
    """Database and media of *source* into *installation*, whose settings and jobs stay as they are.

    Raises Conflict where a daemon runs, or where there is a database and not *replace*; the old one is kept beside the
    new one. A key that does not open the secrets is refused unless *any_key*. Until all is well nothing has changed.
    """
    _require_fitting(installation, source, any_key=any_key)
    installation.media.mkdir(parents=True, exist_ok=True)
    with _no_daemon(installation, now):
        if not replace and _is_there(installation.database):
            raise Conflict(
                "There is a database in {home} already.",
                hint="To put the backup in its place, say --replace; the old database is kept beside it.",
                home=installation.home,
            )
        with TemporaryDirectory(dir=installation.data, prefix=".restore-") as folder:
            copy = Path(folder) / "database"
            source.database_into(copy)
            into = _into_sqlite if installation.database.is_sqlite else _into_postgres
            marked, kept = into(installation, source, copy, now)
    return Brought(installation.home, marked, kept)


def see_to_it(installation: Installation, now: datetime) -> Brought:
    """The database was brought back by other means: see that nothing is published again."""
    with _no_daemon(installation, now):
        return Brought(installation.home, _looked_first(installation, installation.database, now), None)


def _require_fitting(installation: Installation, source: Backup, *, any_key: bool) -> None:
    if source.is_sqlite is not installation.database.is_sqlite:
        raise Conflict(
            "The backup is of another kind of database than this installation has.",
            hint="See url under [database] in {file}.",
            file=installation.home / FILE,
        )
    if not source.opens_with(installation) and not any_key:
        raise Broken(
            "The key in {key} does not open the secrets of this backup.",
            hint="Bring back the key of that installation. If it is lost: --any-key, and connect every channel again.",
            key=installation.key_file,
        )
    if str(source.about.get("version", "")) > HEAD:
        raise Broken("The backup was written by a newer dissem.", hint="Install that version again, or a newer one.")


@contextmanager
def _no_daemon(installation: Installation, now: datetime) -> Iterator[None]:
    if installation.database.is_sqlite:
        installation.data.mkdir(parents=True, exist_ok=True)
        with alone(installation.data):
            yield
        return
    if _is_there(installation.database):
        with installation.database.read() as session:
            alive = select(Daemon.owner).where(col(Daemon.ended).is_(None), Daemon.beat > now - ALIVE)
            if owner := session.exec(alive.limit(1)).first():
                raise Conflict("The daemon {owner} is running.", hint="Stop every daemon first.", owner=owner)
    yield


def _is_there(database: Database) -> bool:
    return database.file.exists() if database.file else database.version() is not None


def _into_sqlite(installation: Installation, source: Backup, copy: Path, now: datetime) -> tuple[int, Path | None]:
    """Everything is done on the copy; then it takes the place of the old file in one step."""
    backup.require_whole(copy)
    database = Database(f"sqlite:///{copy}")
    try:
        _bring_up_to_date(database)
        marked = _looked_first(installation, database, now)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
    source.media_into(installation.media)
    installation.close()
    file = Path(str(installation.database.file))
    kept = _set_aside(file, now)
    backup.settle(copy)
    copy.replace(file)
    backup.settle(file.parent)
    return marked, kept


def _set_aside(file: Path, now: datetime) -> Path | None:
    """Move the old database with all that belongs to it; a journal that stayed would be taken for the new one's."""
    old = [one for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))) if one.exists()]
    if not old:
        return None
    kept = _kept_folder(file.parent, now)
    for one in old:
        one.rename(kept / one.name)
    backup.settle(kept)
    return kept


def _into_postgres(installation: Installation, source: Backup, copy: Path, now: datetime) -> tuple[int, Path | None]:
    database, kept = installation.database, None
    if _is_there(database):
        kept = _kept_folder(installation.data, now)
        backup.copy_of(database, kept / "dissem.dump")
    source.media_into(installation.media)
    database.close()
    backup.load_dump(database, copy)
    _bring_up_to_date(database)
    return _looked_first(installation, database, now), kept


def _kept_folder(parent: Path, now: datetime) -> Path:
    folder = parent / f"before-restore-{now:%Y%m%d-%H%M%S}"
    folder.mkdir(mode=0o700)
    return folder


def _bring_up_to_date(database: Database) -> None:
    from dissem.store.migrate import migrate

    version = database.version()
    if version is not None and version < HEAD:
        migrate(database)
    database.require_current()


def _looked_first(installation: Installation, database: Database, now: datetime) -> int:
    with database.write() as session:
        return restored.look_first(session, installation.audit, now=now)
