"""The report on its way: whom it reaches, what they see, and that nobody gets it twice, whatever dies meanwhile."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from counted import DAY, HOUR, MONDAY, NEXT_MONDAY, Town
from inbox import Inbox, free_port, read
from payloads import FORMULAS, MARKUP, TERMINAL
from PIL import Image
from pydantic import ValidationError
from sample import report as made_up
from sqlmodel import select

from dissem import i18n, tasks
from dissem.channels.mail_addresses import Mailbox
from dissem.channels.network import Network
from dissem.channels.smtp import Door, MailServer
from dissem.clock import utc_now, week_bounds
from dissem.config import Config, ReportSection
from dissem.daemon.health import ailments
from dissem.desk.acting import Acting
from dissem.engagement import rollup
from dissem.errors import DissemError, NotFound, WrongInput
from dissem.models import AuditEntry, Channel, CopyState, ReportCopy
from dissem.rehearsal import faults
from dissem.rehearsal.telegram import TelegramStandin
from dissem.reports import letters, sending
from dissem.reports.letters import CHAT, LONGEST_NOTE, addressed, letter, message_and_file
from dissem.store.installation import Installation

WEEK = "2026-W48"
PLANNED = NEXT_MONDAY + 6 * HOUR
MAYOR, HEAD, OTHER, ARCHIVE = "wali@kota.example", "kadis@kota.example", "sekda@kota.example", "arsip@kota.example"
READERS = {"mayor": ("Wali Kota <wali@kota.example>",), "heads": (HEAD, OTHER), "archive": (ARCHIVE,)}
SENDER = Mailbox("humas@kota.example", "Humas")
LIMIT = 60.0  # seconds; nothing here takes a tenth of it
DISSEM = [sys.executable, "-c", "import sys; from dissem.cli.main import main; sys.exit(main())"]

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def config(config: Config) -> Config:
    return config.model_copy(update={"report": ReportSection(mail_channel="pers-mail", **READERS)})


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox().open() as running:
        yield running


@pytest.fixture
def town(installation: Installation, inbox: Inbox) -> Iterator[Town]:
    """A week with something to tell, and the channel by which the report leaves."""
    town = Town(installation)
    town.agency("kominfo", "Dinas Kominfo")
    town.channel("pers-mail", platform="email", settings=door(inbox.port))
    happened(town, "Banjir surut", views=70, likes=5)
    with installation.database.write() as session:
        rollup.rebuild(session, installation.zone)
    yield town
    _server_of(installation).close()


def door(port: int) -> dict[str, Any]:
    plain = {"host": "127.0.0.1", "port": port, "security": "none"}
    return {**plain, "sender": "Humas <humas@kota.example>", "recipients": ["redaksi@harian.example"]}


def _server_of(installation: Installation) -> MailServer:
    with installation.database.read() as session:
        adapter: Any = installation.adapters.of(session.exec(select(Channel).where(Channel.name == "pers-mail")).one())
    server: MailServer = adapter.server
    return server


def happened(town: Town, title: str, **counts: int) -> None:
    board = town.channel(f"board-{next(town.numbers)}")
    publication = town.published(board, MONDAY + DAY, town.release(title))
    town.sample(publication, MONDAY + 2 * DAY, **counts)


def job(installation: Installation, now: datetime = PLANNED, **options: Any) -> tasks.Detail:
    """One run of the job."""
    task = tasks.task_named("report.weekly")
    return task(installation, task.options(**options), now=now, planned=PLANNED)


def left(installation: Installation, now: datetime) -> tasks.Detail:
    """One run of the job that only sends what is left."""
    return job(installation, now, make=False)


def with_the_office(work: Callable[..., Any], *given: Any, **said: Any) -> Any:
    """*work* in the office's language, as the daemon does it."""
    token = i18n.language.set("id")
    try:
        return work(*given, **said)
    finally:
        i18n.language.reset(token)


def ailing(installation: Installation, now: datetime) -> str:
    return "\n".join(map(str, ailments(installation, now=now)))


def states(installation: Installation) -> dict[str, str]:
    return {copy.recipient: copy.state.value for copy in sending.copies(installation, WEEK)}


def copy_of(installation: Installation, reader: str) -> ReportCopy:
    return next(copy for copy in sending.copies(installation, WEEK) if copy.recipient == reader)


def attached(mail: EmailMessage) -> list[tuple[str | None, str]]:
    return [(part.get_filename(), part.get_content_type()) for part in mail.iter_attachments()]


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


# What arrives


def test_each_reader_gets_one_mail_of_their_own_with_what_their_role_reads(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    done = job(installation)

    assert inbox.readers == [MAYOR, HEAD, OTHER, ARCHIVE] == done["sent"]
    mails = {reader: inbox.mails(reader)[0] for reader in inbox.readers}
    assert [mails[reader]["To"] for reader in mails] == ["Wali Kota <wali@kota.example>", HEAD, OTHER, ARCHIVE]
    assert not any(mail["Cc"] or mail["Bcc"] for mail in mails.values())
    assert all(sum(reader in str(mail) for reader in mails) == 1 for mail in mails.values())
    assert attached(mails[MAYOR]) == attached(mails[HEAD]) == [(f"{WEEK}.pdf", "application/pdf")]
    assert [name for name, _type in attached(mails[ARCHIVE])] == [f"{WEEK}.xlsx"]
    assert len({mail["Message-ID"] for mail in mails.values()}) == 4


def test_the_list_of_the_channel_gets_nothing(installation: Installation, town: Town, inbox: Inbox) -> None:
    job(installation)

    assert "redaksi@harian.example" not in inbox.readers


def test_the_mayor_has_one_page_in_text_and_html_with_the_drawings_in_it(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    job(installation)

    (mail,) = inbox.mails(MAYOR)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds[:5] == ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html"]
    assert (kinds[-1], set(kinds[5:-1])) == ("application/pdf", {"image/png"})
    shown = re.findall(r'src="cid:([^"]+)" alt="([^"]+)"', body(mail, "html"))
    pictures = {part["Content-ID"].strip("<>"): part.get_content() for part in mail.walk() if part["Content-ID"]}
    assert {cid for cid, _alt in shown} == set(pictures) != set()
    for cid, alt in shown:
        with Image.open(io.BytesIO(pictures[cid]), formats=("PNG",)) as picture:
            picture.load()
            assert (picture.width, len(picture.convert("L").getcolors() or ()) > 2) == (1120, True)
        assert "W48" in alt
    for kind in ("plain", "html"):
        assert all(words in body(mail, kind) for words in ("Banjir surut", "Kota Padang", "Interaksi", "70"))


def test_heads_have_a_few_lines_and_no_picture(installation: Installation, town: Town, inbox: Inbox) -> None:
    job(installation)

    (mail,) = inbox.mails(HEAD)
    assert [part.get_content_type() for part in mail.walk() if part["Content-ID"]] == []
    assert len(body(mail, "plain").split("\r\n\r\n")) == 3
    assert f"{WEEK}.pdf" in body(mail, "plain")


def test_the_attached_report_is_the_one_in_the_folder(installation: Installation, town: Town, inbox: Inbox) -> None:
    with_the_office(job, installation, format=("pdf",))

    (mail,) = inbox.mails(MAYOR)
    (paper,) = mail.iter_attachments()
    assert paper.get_content() == (installation.home / "reports" / f"{WEEK}.pdf").read_bytes()


# Once


def test_run_again_for_the_same_week_it_sends_nothing(installation: Installation, town: Town, inbox: Inbox) -> None:
    job(installation)

    again = [job(installation, PLANNED + span) for span in (timedelta(0), HOUR, 3 * DAY)]

    assert [done["sent"] for done in again] == [[], [], []]
    assert len(inbox.kept) == 4
    assert list((installation.data / "letters").iterdir()) == []


def test_a_reader_who_is_added_later_gets_a_copy_and_nobody_else(
    installation: Installation, town: Town, inbox: Inbox, config: Config
) -> None:
    job(installation)
    more = ReportSection(mail_channel="pers-mail", **{**READERS, "heads": (HEAD, OTHER, "baru@kota.example")})
    grown = Installation(installation.home, config.model_copy(update={"report": more}))

    done = job(grown, PLANNED + HOUR)

    _server_of(grown).close()
    grown.close()
    assert (done["sent"], len(inbox.kept)) == (["baru@kota.example"], 5)


def test_two_daemons_at_once_send_one_mail_a_reader(installation: Installation, town: Town, inbox: Inbox) -> None:
    sending.plan(installation, WEEK, now=PLANNED)
    together = threading.Barrier(2)

    def run() -> None:
        together.wait()
        sending.send_waiting(installation, now=PLANNED)

    threads = [threading.Thread(target=run) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)

    assert sorted(inbox.readers) == sorted([MAYOR, HEAD, OTHER, ARCHIVE])


def test_a_week_that_is_not_over_is_not_sent(installation: Installation, town: Town, inbox: Inbox) -> None:
    done = job(installation, MONDAY + DAY, week=WEEK)

    assert (done["sent"], inbox.kept, states(installation)) == ([], [], {})
    with pytest.raises(WrongInput):
        sending.ask(Acting(installation, None, lambda: MONDAY + DAY), WEEK)


# Addresses and servers that take nothing


def test_an_address_that_is_refused_is_told_and_stops_nobody_else(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    inbox.refused[HEAD] = "550 5.1.1 User unknown"

    with pytest.raises(DissemError) as failure:
        job(installation)

    assert inbox.readers == [MAYOR, OTHER, ARCHIVE]
    assert HEAD in str(failure.value) and "User unknown" in str(failure.value) and OTHER not in str(failure.value)
    assert states(installation)[HEAD] == "refused"
    assert left(installation, PLANNED + DAY) == {"sent": []}
    assert f"has not reached {HEAD}" in ailing(installation, PLANNED + DAY)


def test_an_address_that_asks_for_time_gets_it(installation: Installation, town: Town, inbox: Inbox) -> None:
    inbox.refused[MAYOR] = "450 4.7.1 Greylisted"
    with pytest.raises(DissemError, match=MAYOR):
        job(installation)
    inbox.refused.clear()

    early, later = left(installation, PLANNED + timedelta(minutes=5)), left(installation, PLANNED + HOUR)

    assert (early["sent"], later["sent"]) == ([], [MAYOR])
    assert sorted(inbox.readers) == sorted([MAYOR, HEAD, OTHER, ARCHIVE])


def test_a_server_that_is_away_is_tried_again_by_the_next_run_with_the_same_letter(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    port = free_port()
    _moved(installation, port)
    with pytest.raises(DissemError) as failure:
        job(installation)
    kept = [file.name for file in (installation.data / "letters").iterdir()]
    happened(town, "Baru dihitung kemudian", views=900, likes=900)

    back = Inbox(port=port)
    with back.open():
        done = left(installation, PLANNED + HOUR)
        _server_of(installation).close()

    assert all(reader in str(failure.value) for reader in (MAYOR, HEAD, OTHER, ARCHIVE))
    assert done["sent"] == back.readers == [MAYOR, HEAD, OTHER, ARCHIVE]
    assert kept == [f"{WEEK}-mayor-1.eml"]
    assert "Baru dihitung" not in body(back.mails(MAYOR)[0], "html")
    assert back.mails(MAYOR)[0]["Date"].datetime == PLANNED


def _moved(installation: Installation, port: int) -> None:
    with installation.database.write() as session:
        channel = session.exec(select(Channel).where(Channel.name == "pers-mail")).one()
        channel.settings, channel.version = door(port), channel.version + 1
        session.add(channel)


def test_a_login_that_is_refused_is_not_knocked_with_for_each_reader(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    inbox.mail_is_told = "530 5.7.0 Authentication required"

    with pytest.raises(DissemError):
        job(installation)
    quarter = [left(installation, PLANNED + n * timedelta(minutes=15)) for n in range(1, 5)]

    assert (inbox.met, quarter) == (1, [{"sent": []}] * 4)
    assert set(states(installation).values()) == {"waiting"}


def test_what_could_not_be_sent_for_days_is_held_and_told(installation: Installation, town: Town, inbox: Inbox) -> None:
    inbox.mail_is_told = "451 4.3.0 Not now"
    with pytest.raises(DissemError):
        job(installation)

    with pytest.raises(DissemError, match="could not be sent for 6 days"):
        left(installation, PLANNED + 7 * DAY)

    assert set(states(installation).values()) == {"held"}
    assert left(installation, PLANNED + 8 * DAY) == {"sent": []}


def test_without_its_channel_nothing_is_lost_and_the_doctor_says_so(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    with installation.database.write() as session:
        channel = session.exec(select(Channel).where(Channel.name == "pers-mail")).one()
        channel.name = "lain"
        session.add(channel)

    with pytest.raises(DissemError, match="no channel pers-mail"):
        job(installation)
    found = ailing(installation, PLANNED)
    with installation.database.write() as session:
        session.get_one(Channel, channel.id).name = "pers-mail"
    done = left(installation, PLANNED + HOUR)

    assert "There is no channel pers-mail on E-mail" in found
    assert done["sent"] == [MAYOR, HEAD, OTHER, ARCHIVE]


# Doubts


def test_a_mail_whose_answer_was_lost_goes_once_more_the_same_to_the_byte_and_never_a_third_time(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    inbox.then = lambda session: ""
    with pytest.raises(DissemError):
        job(installation)
    happened(town, "Baru dihitung kemudian", views=900, likes=900)
    for span in (timedelta(minutes=20), HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, DAY, 2 * DAY, 3 * DAY):
        try:
            left(installation, PLANNED + span)
        except DissemError:
            continue

    copies = [content for to, content in inbox.kept if to == MAYOR]
    assert len(copies) == 2
    assert copies[0] == copies[1]
    assert Counter(inbox.readers) == {MAYOR: 2, HEAD: 2, OTHER: 2, ARCHIVE: 2}
    assert set(states(installation).values()) == {"held"}


CHILD = """
import os, signal, sys, time
from pathlib import Path
from dissem.clock import utc_now
from dissem.reports import sending, ways
from dissem.store.installation import Installation

send = ways.MailWay.send
def and_die(*given):
    send(*given)
    os.kill(os.getpid(), signal.SIGKILL)
ways.MailWay.send = and_die
sending.send_waiting(Installation.open(Path(sys.argv[1])), now=utc_now())
"""


@pytest.fixture
def outside(installation: Installation, town: Town) -> Installation:
    """The installation as other processes open it, with one reader."""
    report = {"mail_channel": "pers-mail", "mayor": READERS["mayor"]}
    lines = (
        f"[database]\nurl = {json.dumps(installation.config.database.url)}",
        '[network]\nallow_hosts = ["127.0.0.1"]',
        "[report]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in report.items()),
    )
    (installation.home / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    (installation.jobs / "weekly-report.toml").write_text(
        'task = "report.weekly"\ncron = "30 6 * * mon"\nif_missed = "run once"\n'
    )
    return installation


def test_killed_between_sending_and_marking_it_goes_once_more_with_the_same_message_id_and_never_a_third_time(
    outside: Installation, inbox: Inbox
) -> None:
    now = utc_now()
    week = week_bounds("last", now=now, zone=outside.zone)[0]
    with outside.database.write() as session:
        session.add(ReportCopy(period=week, role="mayor", recipient=MAYOR, made=now, next_at=now))

    killed = _die(outside)
    early = sending.send_waiting(outside, now=utc_now())
    second = sending.send_waiting(outside, now=utc_now() + sending.LEASE)
    third = sending.send_waiting(outside, now=utc_now() + 2 * DAY)

    assert killed == -signal.SIGKILL
    assert (early.sent, second.sent, third.sent) == ([], [MAYOR], [])
    first, again = (content for _to, content in inbox.kept)
    assert first == again
    assert read(first)["Message-ID"] == read(again)["Message-ID"] == f"<{sending.copies(outside, week)[0].message_id}>"


def test_killed_twice_it_is_held_for_a_person(outside: Installation, inbox: Inbox) -> None:
    now = utc_now()
    week = week_bounds("last", now=now, zone=outside.zone)[0]
    with outside.database.write() as session:
        session.add(ReportCopy(period=week, role="mayor", recipient=MAYOR, made=now, next_at=now))
    _die(outside)
    _as_if_later(outside)
    _die(outside)

    third = sending.send_waiting(outside, now=utc_now() + sending.LEASE)
    fourth = sending.send_waiting(outside, now=utc_now() + DAY)

    assert (len(inbox.kept), third.sent, fourth) == (2, [], sending.Posted())
    assert "nobody can tell whether it arrived" in str(third.failed[MAYOR])
    assert sending.copies(outside, week)[0].state is CopyState.HELD


def _die(installation: Installation) -> int:
    """A process that sends what is waiting, and kills itself as soon as the first mail was taken."""
    return subprocess.run([sys.executable, "-c", CHILD, str(installation.home)], timeout=LIMIT, check=False).returncode


def _as_if_later(installation: Installation) -> None:
    """The lease of the dead is over."""
    with installation.database.write() as session:
        for copy in session.exec(select(ReportCopy)):
            copy.next_at -= sending.LEASE
            session.add(copy)


def test_a_command_killed_while_the_server_takes_the_mail_is_made_good_by_the_next_run(
    outside: Installation, inbox: Inbox
) -> None:
    go_on = threading.Event()
    inbox.then = lambda session: TAKEN_LATE if go_on.wait(LIMIT) else ""
    command = [*DISSEM, "--dir", str(outside.home), "job", "run", "weekly-report"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "DISSEM_LANG": "en"})
    assert inbox.arrived.wait(LIMIT)
    running.kill()
    running.wait()
    go_on.set()
    inbox.then = lambda session: "250 OK"

    later = [sending.send_waiting(outside, now=utc_now() + span) for span in (sending.LEASE, DAY, 2 * DAY)]

    assert [posted.sent for posted in later] == [[MAYOR], [], []]
    assert len({content for _to, content in inbox.kept}) == 1
    assert len(inbox.kept) == 2


TAKEN_LATE = "250 OK, a little late"


# A person asks


def acting(installation: Installation, now: datetime = PLANNED + DAY) -> Acting:
    return Acting(installation, None, lambda: now)


def test_asked_for_again_it_is_a_new_mail_and_recorded(installation: Installation, town: Town, inbox: Inbox) -> None:
    job(installation)

    posted, rows = sending.ask(acting(installation), WEEK, only=[MAYOR.upper()], again=True)

    first, second = inbox.mails(MAYOR)
    assert posted.sent == [MAYOR]
    assert first["Message-ID"] != second["Message-ID"]
    assert len(inbox.kept) == 5 and len(rows) == 4
    with installation.database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "report.again")).one()
    assert entry.detail == {"readers": [MAYOR]}


def test_asked_without_again_it_goes_to_those_who_surely_have_not_got_it(
    installation: Installation, town: Town, inbox: Inbox
) -> None:
    inbox.refused[HEAD] = "550 5.1.1 User unknown"
    with pytest.raises(DissemError):
        job(installation)
    inbox.refused.clear()

    posted, _rows = sending.ask(acting(installation), WEEK)

    assert posted.sent == [HEAD]
    assert sorted(inbox.readers) == sorted([MAYOR, HEAD, OTHER, ARCHIVE])


def test_a_reader_nobody_knows_is_told(installation: Installation, town: Town) -> None:
    with pytest.raises(NotFound):
        sending.ask(acting(installation), WEEK, only=["siapa@kota.example"])


# Texts from outside


def posted_letter(inbox: Inbox, texts: Sequence[str], **changed: Any) -> EmailMessage:
    """The mayor's letter with *texts* in every place, as the server got it."""
    made = letter(made_up(texts, **changed), "mayor").as_bytes()
    mail = addressed(made, sender=SENDER, reader=Mailbox(MAYOR), date=PLANNED, message_id="1@kota.example")
    server = MailServer(Door("127.0.0.1", inbox.port, "none"), Network(frozenset({"127.0.0.1"})))
    server.send(mail, sender=SENDER.address, recipient=MAYOR)
    server.close()
    return read(inbox.kept[-1][1])


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, where they lead, and the text. Links are not among
    the elements: an address with a blank in it is none."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.links: list[str] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            self.elements[tag, tuple(sorted(name for name, _value in attrs))] += 1
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "background")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("texts", [FORMULAS, MARKUP, TERMINAL], ids=["formulas", "markup", "terminal"])
def test_no_text_becomes_an_element_a_link_a_header_or_a_part(
    inbox: Inbox, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "render", lambda report, form: b"%PDF-")  # paper and drawings have their own tests
    monkeypatch.setattr(letters.briefly, "_png", lambda svg: b"PNG")
    plain = posted_letter(inbox, ["Banjir surut"])
    expected, parts = Shape(body(plain, "html")).elements, [part.get_content_type() for part in plain.walk()]

    for text in texts:
        mail = posted_letter(inbox, [text])

        found = Shape(body(mail, "html"))
        assert found.elements == expected, text
        assert all(link.startswith(("https://board.example/?q=", "cid:")) for link in found.links), text
        assert [part.get_content_type() for part in mail.walk()] == parts, text
        assert (mail.keys(), mail.defects) == (plain.keys(), []), text
        for part in (found.text, body(mail, "plain"), str(mail["Subject"])):
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", part), text


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "%0a", "=?utf-8?q?=0D=0A?="])
def test_an_office_or_a_title_with_line_ends_writes_no_header(inbox: Inbox, ending: str) -> None:
    name = f"Kota{ending}Bcc: semua@evil.example{ending}{ending}<b>isi</b>"

    mail = posted_letter(inbox, [name], office=name)

    assert mail.get_all("Bcc") is None
    assert "<b>" not in body(mail, "html")
    assert mail["Subject"].startswith("Weekly report 2026-W48 – Kota")


def test_a_very_long_name_of_the_office_is_a_mail_all_the_same(inbox: Inbox) -> None:
    mail = posted_letter(inbox, ["Banjir surut"], office="Pemerintah Kota Padang ö " * 60)

    assert len(mail["Subject"]) <= 250


# A chat


@pytest.fixture
def telegram() -> Iterator[TelegramStandin]:
    with TelegramStandin() as standin:
        yield standin


@pytest.fixture
def told_in_a_chat(
    installation: Installation, telegram: TelegramStandin, config: Config
) -> Callable[..., Installation]:
    """told_in_a_chat(chat) → the installation that tells the report there alone."""
    town = Town(installation)
    town.agency("kominfo")
    channel = town.channel("kanal", platform="telegram", settings={"api_url": telegram.url, "chat": "@kota_humas"})
    with installation.database.write() as session:
        row = session.get_one(Channel, channel.id)
        row.secrets = installation.adapters.seal(row, {"bot_token": telegram.token})
    opened: list[Installation] = []

    def told(chat: int | str) -> Installation:
        section = ReportSection(telegram_channel="kanal", telegram_chat=str(chat))
        opened.append(Installation(installation.home, config.model_copy(update={"report": section})))
        return opened[-1]

    yield told
    for one in opened:
        one.close()


def test_a_chat_of_staff_gets_the_figures_and_the_report_in_one_message_once(
    told_in_a_chat: Callable[..., Installation], telegram: TelegramStandin
) -> None:
    installation = told_in_a_chat(telegram.staging)

    done, again = job(installation), job(installation, PLANNED + DAY)

    (message,) = telegram.chats[telegram.staging].messages.values()
    assert (done["sent"], again["sent"]) == ([str(telegram.staging)], [])
    assert "Laporan mingguan · Kota Padang" in message.text and "Interaksi" in message.text
    assert message.file is not None and message.file.stored.bytes.startswith(b"%PDF-")
    assert message.file.name == f"{WEEK}.pdf"
    assert telegram.public == []
    assert not any(entry.unknown_fields for entry in telegram.journal)


@pytest.mark.parametrize("chat", ["@kota_humas", "-1001000000001", "@kota_dishub"])
def test_it_is_told_nowhere_that_the_public_reads(
    told_in_a_chat: Callable[..., Installation], telegram: TelegramStandin, chat: str
) -> None:
    installation = told_in_a_chat(chat)

    with pytest.raises(DissemError, match="is public"):
        job(installation)

    assert telegram.public == []
    assert states(installation) == {chat: "refused"}


def test_a_message_whose_answer_was_lost_is_not_sent_again_unasked(
    told_in_a_chat: Callable[..., Installation], telegram: TelegramStandin
) -> None:
    installation = told_in_a_chat(telegram.staging)
    telegram.script("upload", faults.drop_after_accepting())

    with pytest.raises(DissemError):
        job(installation)
    later = [left(installation, PLANNED + n * HOUR)["sent"] for n in range(1, 5)]

    assert later == [[], [], [], []]
    assert len(telegram.chats[telegram.staging].messages) == 1
    assert list(states(installation).values()) == ["held"]


def test_a_platform_that_is_away_is_told_later(
    told_in_a_chat: Callable[..., Installation], telegram: TelegramStandin
) -> None:
    installation = told_in_a_chat(telegram.staging)
    telegram.script("upload", faults.throttle(30))

    with pytest.raises(DissemError):
        job(installation)

    assert left(installation, PLANNED + HOUR)["sent"] == [str(telegram.staging)]
    assert len(telegram.chats[telegram.staging].messages) == 1


def test_a_message_is_never_longer_than_the_platform_takes() -> None:
    text, name, _file = message_and_file(letter(made_up(office="Kota 😀 " * 120), CHAT).as_bytes())

    assert len(text.encode("utf-16-le")) // 2 <= LONGEST_NOTE
    assert name == f"{WEEK}.pdf"


# Settings


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"mayor": ["wali"], "mail_channel": "m"}, "not an address"),
        ({"mayor": ["a@b.example\r\nBcc: c@d.example"], "mail_channel": "m"}, "not an address"),
        ({"mayor": ["a@b.example"]}, "mail_channel"),
        ({"mayor": ["A <a@b.example>"], "heads": ["A@b.example"], "mail_channel": "m"}, "twice"),
        ({"telegram_channel": "kanal"}, "telegram_chat"),
    ],
)
def test_settings_that_cannot_work_are_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReportSection(**told)


def test_without_readers_the_folder_is_all(installation: Installation, config: Config, inbox: Inbox) -> None:
    silent = Installation(installation.home, config.model_copy(update={"report": ReportSection()}))

    done = job(silent)

    silent.close()
    assert (done["sent"], inbox.kept) == ([], [])
    assert sorted(Path(file).suffix for file in done["files"]) == [".html", ".json", ".txt"]
