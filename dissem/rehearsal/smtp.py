"""A mail server for submission on 127.0.0.1, as RFC 5321 and 6409 have it, and the mailboxes behind it.

Strict: EHLO, TLS, AUTH, MAIL, RCPT and DATA in their order, known parameters only, senders that belong to the login,
and messages that a careful receiver would take (`mails.py`). `public` has every mail kept, one Live for a mailbox.

Faults are scripted for `connect` (the greeting), `login` (AUTH), `account` (NOOP), `recipient` (RCPT), `data` (between
DATA and the final dot) and `publish` (the message: throttling and a login that ended are told to MAIL, everything else
after the final dot). The status of a verb is a reply code, its body the text of the reply. Beside that, addresses can
be `unknown`, `full` or `greylisted`.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from dissem.rehearsal.faults import Verb
from dissem.rehearsal.mails import Mail
from dissem.rehearsal.smtp_session import Session
from dissem.rehearsal.standin import Account, Live, Standin
from dissem.rehearsal.wire import Entry, Request

MATERIAL = Path(__file__).parent / "material"
SIZE = 10 * 2**20  # octets of a message, as EHLO tells
GREYLISTED_FOR = timedelta(minutes=5)

Security = Literal["starttls", "tls", "none"]
Reply = tuple[int, str]


class MailStandin(Standin):
    """`MailStandin()` takes mail from `username` with `password`; `senders` are the addresses that login may use."""

    name: ClassVar[str] = "email"
    username: ClassVar[str] = "humas@padang.example"
    password: ClassVar[str] = "gladi-surel-rahasia-0001"  # noqa: S105 - of a stand-in
    ca_file: ClassVar[Path] = MATERIAL / "mail-authority.pem"
    own_words: ClassVar[dict[str, Reply]] = {
        "connect": (421, "4.3.2 Service not available, closing transmission channel"),
        "login": (535, "5.7.8 Authentication credentials invalid"),
        "account": (530, "5.7.0 Authentication required"),
        "recipient": (550, "5.1.1 User unknown"),
        "data": (554, "5.5.1 Error: no valid recipients"),
        "publish": (554, "5.7.1 Message refused by content policy"),
    }

    def __init__(
        self,
        *,
        security: Security = "starttls",
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        mailboxes = (
            Account("1", "redaksi@harian.example", "Redaksi Harian Minang"),
            Account("2", "berita@radio.example", "Berita Radio Kota"),
            Account("3", "kota@kabar.example", "Meja Kota Kabar"),
        )
        super().__init__(accounts=mailboxes, port=port, now=now)
        self.security = security
        self.size = SIZE
        self.asks_login = True
        self.methods = ("PLAIN", "LOGIN")
        self.extensions = {"DSN", "8BITMIME", "ENHANCEDSTATUSCODES"}
        self.senders = {self.username}
        self.unknown: set[str] = set()
        self.full: set[str] = set()
        self.greylisted: set[str] = set()
        self.mails: list[tuple[str, Mail]] = []  # recipient and mail, as kept
        self._first_seen: dict[str, datetime] = {}
        self._server: Any = None

    @property
    def url(self) -> str:
        return super().url.replace("http://", "smtp://")

    @property
    def token(self) -> str:
        return self.password

    @property
    def labels(self) -> set[str]:
        return set(self.own_words)

    def start(self) -> Self:
        self._stopping.clear()
        self._server = _Server(self, self.port)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name=self.name).start()
        return self

    def without_secrets(self, text: str) -> str:
        return text.replace(self.password, "***")

    def tls(self) -> ssl.SSLContext:
        """What the server proves itself with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(MATERIAL / "mail-standin.pem")
        return context

    # What a session asks

    def noted(self, method: str, path: str, label: str) -> tuple[Entry, Verb | None]:
        """A command in the journal, and the fault that is scripted for it."""
        with self._lock:
            verb = self._next_verb(label)
            entry = Entry(method, path, self.clock(), label, fault=verb.kind if verb else "")
            self.journal.append(entry)
            return entry, verb

    def lets_in(self, username: str, password: str) -> bool:
        return (username, password) == (self.username, self.password)

    def receives(self, address: str) -> Reply | None:
        """Why this address takes nothing now; None if it does."""
        known = address.lower()
        if known in self.unknown:
            return 550, f"5.1.1 <{address}>: Recipient address rejected: User unknown"
        if known in self.full:
            return 552, "5.2.2 Mailbox full"
        if known in self.greylisted:
            first = self._first_seen.setdefault(known, self.clock())
            if self.clock() - first < GREYLISTED_FOR:
                return 450, f"4.7.1 <{address}>: Recipient address rejected: Greylisted, try again later"
        return None

    def keep(self, entry: Entry, recipients: list[str], mail: Mail) -> None:
        """Put the mail into every mailbox; a second copy is a second mail."""
        entry.headers, entry.unknown_fields = mail.headers, list(mail.unknown)
        request = Request(entry.method, entry.path, {}, {}, b"", entry)
        with self._lock:
            for recipient in recipients:
                self.mails.append((recipient, mail))
                text = f"{mail.subject}\n\n{mail.text}".strip()
                live = Live(recipient, mail.id, f"mid:{mail.id}", text, self.clock(), mail.media)
                self.show(request, live, key=f"{len(self.mails)} {recipient}")

    def waits(self, seconds: float) -> bool:
        """Let *seconds* pass; True if the server was stopped meanwhile."""
        return self._stopping.wait(seconds)


class _Server(socketserver.ThreadingTCPServer):
    """Knows its open lines, so that stopping can close them."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, standin: MailStandin, port: int) -> None:
        self.standin = standin
        self.lines: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Line)

    def hang_up(self) -> None:
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)  # the plain one: TLS would say goodbye first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the rehearsal; nothing is printed."""


class _Line(socketserver.BaseRequestHandler):
    """One connection: a session on a socket that may turn into a TLS one."""

    server: _Server

    def handle(self) -> None:
        self.line: socket.socket = self.request
        self.server.lines.add(self.line)
        try:
            if self.server.standin.security == "tls":
                self.secure()
            Session(self.server.standin, self).run()
        except OSError:
            pass  # the client has gone, or would not have our certificate
        finally:
            self.server.lines.discard(self.line)
            self.line.close()

    def secure(self) -> None:
        """From here on everything is encrypted."""
        self.server.lines.discard(self.line)
        self.line = self.server.standin.tls().wrap_socket(self.line, server_side=True)
        self.server.lines.add(self.line)
