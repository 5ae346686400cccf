"""A backup: the database as it is at one moment, media, jobs and settings, in one file that only its owner reads.

The key is not in it: a backup that is lost opens no account. The key file is kept somewhere else.
"""

import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from dissem import i18n
from dissem.cli.opening import installation
from dissem.cli.show import note, show
from dissem.config import FILE
from dissem.errors import Broken, Conflict
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.store.installation import Installation

Target = Annotated[Path, typer.Argument(metavar="FILE", help=_("The backup, as padang-2026-11-24.tar."))]


def backup(file: Target) -> None:
    target = file.expanduser()
    if target.exists():
        raise Conflict("{file} is there already.", hint="Choose another name, or move it away.", file=target)
    with installation() as opened:
        if not opened.database.is_sqlite:
            raise Conflict(
                "This version makes backups of SQLite installations only.",
                hint="For PostgreSQL use pg_dump, and copy the media folder {media}.",
                media=opened.media,
            )
        _write(opened, target)
        note(_("The key is not in it; keep a copy of {key} somewhere else.", key=opened.key_file))
    size = target.stat().st_size
    show({"file": str(target), "size": size}, _("{file}: {size} bytes.", file=target, size=i18n.number(size)))


def restore(file: Target) -> None:
    raise Conflict(
        "This version does not restore backups by itself.",
        hint="With the daemon stopped, unpack {file} by hand. Before it starts again look at every delivery due since "
        "the backup: it may be public already (docs/running.md, Backups).",
        file=file,
    )


def _write(opened: "Installation", target: Path) -> None:
    """First beside its place, so that a half one never bears the name of a backup."""
    os.umask(0o077)
    with TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        copy, half = Path(folder) / "dissem.db", Path(folder) / "half.tar"
        _copy_database(opened, copy)
        with tarfile.open(half, "w") as tar:
            tar.add(copy, "data/dissem.db")
            tar.add(opened.media, "data/media")
            for inside in (FILE, "jobs"):
                if (opened.home / inside).exists():
                    tar.add(opened.home / inside, inside)
        _settle(half)
        os.link(half, target)  # not replace: nobody's file is overwritten


def _copy_database(opened: "Installation", copy: Path) -> None:
    """One moment of the database while others go on writing; then seen to be whole."""
    from dissem.store.database import LAST_BACKUP

    source_uri = f"{Path(str(opened.database.file)).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(source_uri, uri=True)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy)) as made:
        (verdict,) = made.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise Broken("The database file is damaged.", hint=LAST_BACKUP)


def _settle(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
