"""Foreign pictures are decoded in a child process, never in ours: a decoder that is led astray has nothing to take.

The child may use a gibibyte of memory and twenty seconds of processor time for each question, knows no secret, and
sees of the disk what it is handed: the open file to read and, where it shall write, an open file to write to. Questions
and answers are lines of JSON over a socket. A child that dies over a question costs one sentence, not the command.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict
from typing import IO, Any

from dissem.compose.limits import Limits, python, surroundings
from dissem.errors import Broken, WrongInput

MEMORY = 1024 * 1024 * 1024
SECONDS = 20  # of processor time for one question
PATIENCE = 180.0  # seconds to wait for an answer; the machine may be busy with other things
LIMITS = Limits(memory=MEMORY, cpu=SECONDS, file=512 * 1024 * 1024)

_LONGEST_LINE = 64 * 1024
_MOST_FILES = 2
_SERVE = "from dissem.compose.child import serve; serve(0)"

# One picture is decoded at a time, whoever asks: a town hall's server has memory for one large photo, not for ten.
_one_picture = threading.Lock()


class Child:
    """A child process that starts with the first question and, should it die, again with the next."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def ask(self, task: str, name: str, *files: IO[bytes], **options: Any) -> dict[str, Any]:
        """The answer of `pictures` to *task* about *files*, the one to read first, then the one to write to.

        WrongInput about the file that people call *name* if it cannot be used, or the child did not live to tell.
        """
        with _one_picture:
            line = self._ready()
            question = json.dumps({"task": task, "name": name, **options}).encode()
            try:
                socket.send_fds(line, [question], [file.fileno() for file in files])
                answer = json.loads(_read(line))
            except (OSError, EOFError, ValueError) as error:
                raise self._fallen(name) from error
            if answer.get("spent"):
                self.end()
        if "refused" in answer:
            raise _refusal(answer["refused"])
        return dict(answer)

    def end(self) -> None:
        """End the process, if there is one."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None

    def _ready(self) -> socket.socket:
        if self._line is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own Python
                    python(_SERVE, json.dumps(asdict(self.limits))),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=surroundings(),
                )
            ours.settimeout(PATIENCE)
            self._line = ours
            self.starts += 1
            self._greet(ours)
        return self._line

    def _greet(self, line: socket.socket) -> None:
        """Wait until the child can be asked: what goes wrong before that is no picture's fault."""
        try:
            _read(line)
        except (OSError, EOFError) as error:
            self.end()
            raise Broken("The process that reads pictures does not start.", hint="Install dissem anew.") from error

    def _fallen(self, name: str) -> WrongInput:
        """Why there was no answer. The process is gone afterwards."""
        process = self._process
        with suppress(subprocess.TimeoutExpired):  # one that only hangs is killed below
            if process is not None:
                process.wait(0.5)
        ended = process.returncode if process is not None else None
        self.end()
        return _too_much(name) if ended in (None, -signal.SIGXCPU, -signal.SIGKILL) else _unreadable(name)


_current: ContextVar[Child | None] = ContextVar("child", default=None)


@contextmanager
def batch() -> Iterator[Child]:
    """The child that answers all questions of the block, one for blocks in blocks; it ends with the outermost."""
    running = _current.get()
    if running is not None:
        yield running
        return
    child = Child()
    token = _current.set(child)
    try:
        yield child
    finally:
        _current.reset(token)
        child.end()


def ask(task: str, name: str, *files: IO[bytes], **options: Any) -> dict[str, Any]:
    """`Child.ask` of the child of this batch, or of one for this question alone."""
    with batch() as child:
        return child.ask(task, name, *files, **options)


def _refusal(reason: Any) -> WrongInput:
    return WrongInput(str(reason["text"]), hint=str(reason["hint"]), **reason["values"])


def _too_much(name: str) -> WrongInput:
    return WrongInput(
        "{name} needs more memory or time than a picture should, so it cannot be used.",
        hint="Save it smaller, as a plain JPEG, and add it again.",
        name=name,
    )


def _unreadable(name: str) -> WrongInput:
    return WrongInput(
        "{name} is built so that reading it fails, and the picture cannot be used.",
        hint="Save it as JPEG or PNG again and add that file.",
        name=name,
    )


def _read(line: socket.socket) -> bytes:
    """One line, without its end."""
    read = b""
    while not read.endswith(b"\n"):
        more = line.recv(_LONGEST_LINE)
        if not more or len(read) > _LONGEST_LINE:
            raise EOFError("no whole answer")
        read += more
    return read


# In the child


def serve(handle: int) -> None:
    """Answer what is asked over the socket *handle* until its other end is closed. The whole life of the child."""
    limits = Limits(**json.loads(sys.argv[1]))
    limits.keep()
    with socket.socket(fileno=handle) as line:
        line.sendall(b"ready\n")
        while True:
            question, files, _flags, _address = socket.recv_fds(line, _LONGEST_LINE, _MOST_FILES)
            if not question:
                return
            limits.from_now()
            answer = _answer(json.loads(question), files)
            for file in files:  # before the answer: then the parent may do with them what it likes
                os.close(file)
            line.sendall(json.dumps(answer).encode() + b"\n")


def _answer(question: dict[str, Any], files: list[int]) -> dict[str, Any]:
    try:
        return _done(files, **question)
    except WrongInput as error:
        return {"refused": error.reason()}
    except MemoryError:
        # What was left lying about may be in the way of the next picture: this child is not asked again.
        return {"refused": _too_much(question["name"]).reason(), "spent": True}


def _done(files: list[int], task: str, name: str, kind: str, room: dict[str, Any] | None = None) -> dict[str, Any]:
    from dissem.compose import pictures

    data = _contents(files[0])
    if task == "checked":
        width, height = pictures.checked(data, kind, name)
        return {"width": width, "height": height}
    cleaning = task == "cleaned"
    made = (
        pictures.cleaned(data, kind, name)
        if cleaning
        else pictures.fitted(data, kind, pictures.Room(**room or {}), name)
    )
    _write(files[1], made.data)
    return {"type": made.type, "width": made.width, "height": made.height}


def _contents(file: int) -> bytes:
    """All of an open file. Its place for reading is shared with the parent, who has not asked to have it moved."""
    size = os.fstat(file).st_size
    parts: list[bytes] = []
    while part := os.pread(file, size, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def _write(file: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(file, memoryview(data)[written:], written)
