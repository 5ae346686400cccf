"""What the readers of a report get, a letter a role: made once, kept in a file until everybody has it.

A second try after a crash is so the same to the byte, whatever has been counted meanwhile. A letter is a mail without
sender, reader, date and Message-ID; `addressed` adds them. For a chat it holds the message and the file.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

from dissem import i18n
from dissem.channels.mail_addresses import Mailbox, clean_line
from dissem.channels.mail_message import LONGEST_SUBJECT, POLICY
from dissem.clock import local_day
from dissem.i18n import _
from dissem.models import ReportCopy
from dissem.reports import brief as briefly
from dissem.reports.brief import Brief
from dissem.reports.figures import Report
from dissem.reports.render import Bytes, render
from dissem.reports.weekly import of_week
from dissem.store.installation import Installation

FOLDER = "letters"  # in the data folder
CHAT = "chat"
LONGEST_NOTE = 1024  # letters of a message below a file, in a chat
TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMS: Mapping[str, Bytes] = {"mayor": "pdf", "heads": "pdf", "archive": "xlsx", CHAT: "pdf"}


@dataclass(frozen=True)
class Letters:
    """The letters of *installation*; *report* is at hand and need not be made again."""

    installation: Installation
    report: Report | None = None

    def of(self, copy: ReportCopy) -> bytes:
        """The letter of *copy*: as it is kept, else made and kept. Broken where its packages are not installed."""
        file = self._file(copy)
        with suppress(FileNotFoundError):
            return file.read_bytes()
        with _in_the_language_of(self.installation):
            made = letter(self._report(copy), copy.role, copy.edition).as_bytes()
        return _kept(file, made)

    def tidy(self, awaited: Sequence[ReportCopy]) -> None:
        """Throw away the letters that none of *awaited* waits for."""
        needed = {self._file(copy) for copy in awaited}
        for file in set((self.installation.data / FOLDER).glob("*.eml")) - needed:
            file.unlink(missing_ok=True)

    def _file(self, copy: ReportCopy) -> Path:
        return self.installation.data / FOLDER / f"{copy.period}-{copy.role}-{copy.edition}.eml"

    def _report(self, copy: ReportCopy) -> Report:
        if self.report and self.report.week == copy.period:
            return self.report
        day = local_day(copy.made, self.installation.zone)
        return of_week(self.installation, copy.period, planned=copy.made, now=copy.made, printed=day)


@contextmanager
def _in_the_language_of(installation: Installation) -> Iterator[None]:
    token = i18n.language.set(installation.config.office.language)
    try:
        yield
    finally:
        i18n.language.reset(token)


def _kept(file: Path, content: bytes) -> bytes:
    """*content*, written whole; or what somebody else has written there meanwhile."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with half.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            file.hardlink_to(half)
        return file.read_bytes()
    finally:
        half.unlink(missing_ok=True)


# Making one


def letter(report: Report, role: str, edition: int = 1) -> EmailMessage:
    """What *role* reads of *report*: text, HTML with pictures, and the file of that role."""
    told, form = briefly.brief(report), FORMS[role]
    name = f"{report.week}.{form}"
    message = EmailMessage(POLICY)
    message["Subject"] = clean_line(f"{told.title} {report.week} – {told.office}")[:LONGEST_SUBJECT]
    message["Auto-Submitted"] = "auto-generated"  # nobody's holiday notice answers it
    if role == CHAT:
        message.set_content(briefly.note(told, longest=LONGEST_NOTE), charset="utf-8", cte="quoted-printable")
    else:
        _fill(message, told, name, whole=role == "mayor")
    main, _slash, sub = TYPES[form].partition("/")
    message.add_attachment(render(report, form), main, sub, filename=name)
    _fix_boundaries(message, f"{report.week}-{role}-{edition}")
    return message


def _fill(message: EmailMessage, told: Brief, name: str, *, whole: bool) -> None:
    attached = _("Attached: {file}. This mail was made and sent by dissem.", file=name)
    written = briefly.text(told, attached=attached, whole=whole)
    message.set_content(_encodable(written), charset="utf-8", cte="quoted-printable")
    cids = {picture.name: f"{picture.name}@dissem" for picture in told.pictures}
    page = briefly.html(told, cids, attached=attached, whole=whole)
    message.add_alternative(_encodable(page), subtype="html", charset="utf-8", cte="quoted-printable")
    shown = message.get_payload(1)
    if whole and isinstance(shown, MIMEPart):
        for picture in told.pictures:
            main, _slash, sub = picture.type.partition("/")
            cid = f"<{cids[picture.name]}>"
            shown.add_related(picture.content, main, sub, cid=cid, disposition="inline", filename=picture.name)


def _fix_boundaries(message: EmailMessage, seed: str) -> None:
    """The library's own are different each time."""
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{short(seed, 24)}_{number}")


def _encodable(text: str) -> str:
    """*text* without what no encoding takes."""
    return text.encode("utf-8", "replace").decode()


def short(text: str, length: int) -> str:
    """A few letters that stand for *text*."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


# Using one


def addressed(letter: bytes, *, sender: Mailbox, reader: Mailbox, date: datetime, message_id: str) -> EmailMessage:
    """The mail of one reader; ValueError if it cannot be written."""
    message = _read(letter)
    message["From"] = sender.header()
    message["To"] = reader.header()
    message["Date"] = date.replace(microsecond=0)
    message["Message-ID"] = f"<{message_id}>"
    return message


def message_and_file(letter: bytes) -> tuple[str, str, bytes]:
    """What a chat gets: the message, the file's name and the file."""
    body, file = _read(letter).iter_parts()
    text, content = body.get_content(), file.get_content()
    return str(text).replace("\r\n", "\n").strip(), file.get_filename() or "", content


def _read(letter: bytes) -> EmailMessage:
    made: Any = message_from_bytes(letter, EmailMessage, policy=POLICY)
    message: EmailMessage = made
    return message
