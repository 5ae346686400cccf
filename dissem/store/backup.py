"""A backup: the database as it is at one moment, media, jobs and settings, in one file that only its owner reads.

The key is not in it: a backup that is lost opens no account. A check value tells whether a key is the right one.
PostgreSQL's part is made and read by its own tools, `pg_dump` and `pg_restore`.
"""

import hmac
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from dissem.config import FILE
from dissem.errors import Broken, NotFound, WrongInput
from dissem.store.database import HEAD, LAST_BACKUP, Database
from dissem.store.installation import Installation

ABOUT, SQLITE, DUMP, MEDIA, JOBS = "backup.json", "data/dissem.db", "data/dissem.dump", "data/media", "jobs"


def write(installation: Installation, target: Path, *, now: datetime) -> None:
    """First beside its place, so that a half one never bears the name of a backup."""
    os.umask(0o077)
    database = installation.database
    with TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        copy, half = Path(folder) / "database", Path(folder) / "half.tar"
        copy_of(database, copy)
        with tarfile.open(half, "w") as tar:
            _add_about(tar, installation, now)
            tar.add(copy, SQLITE if database.is_sqlite else DUMP)
            tar.add(installation.media, MEDIA)
            for inside in (FILE, JOBS):
                if (installation.home / inside).exists():
                    tar.add(installation.home / inside, inside)
        settle(half)
        os.link(half, target)  # not replace: nobody's file is overwritten


def copy_of(database: Database, copy: Path) -> None:
    """One moment of *database* in the file *copy*, while others go on writing."""
    if not database.is_sqlite:
        _postgres(database, "pg_dump", "--format=custom", "--no-owner", f"--file={copy}")
        return
    source_uri = f"{Path(str(database.file)).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(source_uri, uri=True)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    require_whole(copy)


def require_whole(file: Path) -> None:
    """Raise Broken unless every page of the SQLite *file* is sound."""
    try:
        with closing(sqlite3.connect(file)) as made:
            (verdict,) = made.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError:
        verdict = ""
    if verdict != "ok":
        raise Broken("The database file is damaged.", hint=LAST_BACKUP)


def load_dump(database: Database, dump: Path) -> None:
    """Put *dump* in the place of what *database*, a PostgreSQL one, holds: all of it, or nothing."""
    _postgres(database, "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(dump))


def _postgres(database: Database, program: str, *arguments: str) -> None:
    """Run a tool of PostgreSQL on *database*; the password goes by the environment, which others do not see."""
    found = shutil.which(program)
    if found is None:
        raise Broken(
            "{program} is not installed, without which PostgreSQL cannot be copied.",
            hint="Install PostgreSQL's client programs, of the server's version or newer.",
            program=program,
        )
    url = database.engine.url
    # what stands in the address beside the password, the folder of a socket included
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    password = {"PGPASSWORD": url.password} if url.password else {}
    done = subprocess.run(  # noqa: S603 — a fixed program, and our own settings
        [found, f"--dbname={address}", *arguments],
        env={**os.environ, **password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Broken("{program} failed: {why}", program=program, why=said[0] if said else done.returncode)


def _add_about(tar: tarfile.TarFile, installation: Installation, now: datetime) -> None:
    about = {
        "made": now.isoformat(timespec="seconds"),
        "version": HEAD,
        "database": "sqlite" if installation.database.is_sqlite else "postgresql",
        "key": check_value(installation),
    }
    content = json.dumps(about, indent=1).encode()
    entry = tarfile.TarInfo(ABOUT)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now.timestamp())
    tar.addfile(entry, io.BytesIO(content))


def check_value(installation: Installation) -> str:
    """By which a key is known to be the right one, and from which it cannot be told."""
    return installation.vault.derive("backup").hex()[:16]


class Backup:
    """A backup that is read. What is not as `write` makes it is refused, and never leads out of its place."""

    def __init__(self, file: Path, tar: tarfile.TarFile) -> None:
        self.file = file
        self._members = {member.name: member for member in tar.getmembers() if member.isfile()}
        self._tar = tar
        if SQLITE not in self._members and DUMP not in self._members:
            raise _no_backup(file)

    @property
    def is_sqlite(self) -> bool:
        return SQLITE in self._members

    @cached_property
    def about(self) -> dict[str, Any]:
        """When it was made, of which version, and the check value of its key; empty for one of an older dissem."""
        if ABOUT not in self._members:
            return {}
        found = json.loads(self._read(ABOUT))
        return found if isinstance(found, dict) else {}

    def opens_with(self, installation: Installation) -> bool:
        """Whether the key of *installation* is the one this backup was made with, as far as it says."""
        known = self.about.get("key")
        return known is None or hmac.compare_digest(str(known), check_value(installation))

    def settings(self) -> str:
        if FILE not in self._members:
            raise _no_backup(self.file)
        return self._read(FILE).decode("utf-8", "replace")

    def jobs(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each job file."""
        for name in self._inside(JOBS):
            yield PurePosixPath(name).name, self._read(f"{JOBS}/{name}")

    def database_into(self, file: Path) -> None:
        self._extract(SQLITE if self.is_sqlite else DUMP, file)

    def media_into(self, folder: Path) -> None:
        """Each file named after its content, so that one that is there already is the same."""
        for name in self._inside(MEDIA):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f".{target.name}.new")
            self._extract(f"{MEDIA}/{name}", half)
            half.replace(target)

    def _inside(self, folder: str) -> Iterator[str]:
        for name in self._members:
            if name.startswith(f"{folder}/"):
                inner = PurePosixPath(name.removeprefix(f"{folder}/"))
                if inner.is_absolute() or ".." in inner.parts:
                    raise _no_backup(self.file)
                yield str(inner)

    def _read(self, name: str) -> bytes:
        source = self._tar.extractfile(self._members[name])
        return source.read() if source else b""

    def _extract(self, name: str, to: Path) -> None:
        source = self._tar.extractfile(self._members[name])
        with to.open("wb") as out:
            if source:
                shutil.copyfileobj(source, out, 2**20)
            out.flush()
            os.fsync(out.fileno())


@contextmanager
def reading(file: Path) -> Iterator[Backup]:
    """The backup in *file*. Raises WrongInput if it is none, or only the beginning of one."""
    try:
        with tarfile.open(file) as tar:
            yield Backup(file, tar)
    except FileNotFoundError as error:
        if error.filename != str(file):
            raise
        raise NotFound("{file} does not exist.", file=file) from error
    except (tarfile.TarError, EOFError) as error:
        raise _no_backup(file) from error


def _no_backup(file: Path) -> WrongInput:
    return WrongInput(
        "{file} is no whole backup of dissem.", hint="Take another one; dissem backup makes them.", file=file
    )


def settle(path: Path) -> None:
    """See that *path*, a file or a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
