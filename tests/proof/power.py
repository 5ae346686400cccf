"""A power cut on SQLite, as far as one can be made without cutting the power.

`power.c`, loaded into the process that is to die, records its writes to the database files and its syncs; afterwards
the files are made again as the disk may hold them: everything that was synced, and of the rest nothing, or a part of it
drawn by lot. That shows whether what the protocol builds upon was synced by then. What it does not show: a disk that
lies about its syncs, a file system that loses the name of a synced file, a page torn in the middle of a sector.
"""

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

_HEAD = struct.Struct("<BBHIQQ")


@cache
def shim() -> Path | None:
    """The compiled recorder; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = Path(mkdtemp(prefix="dissem-power-")) / "power.so"
    source = Path(__file__).with_name("power.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl", "-lpthread"], check=True)
    return made


@dataclass
class _Write:
    at: int
    data: bytes | None  # None: cut to the length *at*


@dataclass
class _File:
    durable: bytearray
    pending: list[tuple[int, _Write]] = field(default_factory=list)  # with their place in the record

    def make(self, write: _Write) -> None:
        if write.data is None:
            del self.durable[write.at :]
            return
        self.durable.extend(bytes(max(write.at - len(self.durable), 0)))
        self.durable[write.at : write.at + len(write.data)] = write.data

    def sync(self, before: int) -> None:
        """What was written before that place of the record is on the disk."""
        for _, write in (one for one in self.pending if one[0] < before):
            self.make(write)
        self.pending = [one for one in self.pending if one[0] >= before]


def copies(database: Path) -> dict[Path, bytes]:
    """The files of *database* as they are before the process begins, all of it synced."""
    return {file: file.read_bytes() for file in (database, Path(f"{database}-wal")) if file.exists()}


def cut(database: Path, before: dict[Path, bytes], record: Path, draw: random.Random | None = None) -> int:
    """Make the files of *database* what they are after the power came back; answers how many writes were lost.

    Without *draw* every write that was not synced is lost, with it some of them, in any order.
    """
    files = {str(path): _File(bytearray(content)) for path, content in before.items()}
    begun: dict[tuple[str, int], int] = {}
    for place, (what, path, thread, write) in enumerate(_entries(record)):
        file = files.setdefault(path, _File(bytearray()))
        if what == "b":
            begun[path, thread] = place
        elif what == "e":
            file.sync(begun[path, thread])
        elif what == "u":
            del files[path]
        else:
            file.pending.append((place, write))
    lost = sum(len(file.pending) for file in files.values())
    Path(f"{database}-shm").unlink(missing_ok=True)  # memory, not disk
    Path(f"{database}-wal").unlink(missing_ok=True)
    for path, file in files.items():
        for _, write in file.pending if draw else ():
            if draw and draw.random() < 0.5:
                file.make(write)
        Path(path).write_bytes(file.durable)
    return lost


def _entries(record: Path) -> Iterator[tuple[str, str, int, _Write]]:
    content, place = memoryview(record.read_bytes()), 0
    while place + _HEAD.size <= len(content):
        what, length, _, thread, at, size = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        path = bytes(content[place : place + length]).decode()
        place += length
        written = chr(what) == "w"
        data = bytes(content[place : place + size]) if written else None
        place += size if written else 0
        yield chr(what), path, thread, _Write(at, data)
