"""The dialogue of one connection to the mail stand-in: commands in their order, and what follows from each."""

from __future__ import annotations

import base64
import binascii
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dissem.rehearsal.faults import NOTHING_DONE, PORTAL, Verb
from dissem.rehearsal.mails import Mail, Unacceptable, read

if TYPE_CHECKING:
    from dissem.rehearsal.smtp import MailStandin
    from dissem.rehearsal.wire import Entry

LONGEST_COMMAND = 2048  # octets; RFC 5321 has 512, extensions add to it
MOST_RECIPIENTS = 100
_MAIL = re.compile(r"FROM:<([^<>\s]*)>((?: [^\s]+)*)", re.IGNORECASE)
_RCPT = re.compile(r"TO:<([^<>\s]+@[^<>\s]+)>((?: [^\s]+)*)", re.IGNORECASE)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_AT_MAIL = ("throttle", "expired_token")  # faults that are told before there is a message

Reply = tuple[int, str]


class Line(Protocol):
    """The connection: its socket now, and how it becomes a secure one."""

    line: socket.socket

    def secure(self) -> None: ...


class HangUp(Exception):
    """Close the line without another word."""


@dataclass
class Envelope:
    """A mail under way."""

    sender: str
    entry: Entry
    verb: Verb | None
    recipients: list[str] = field(default_factory=list)


class Session:
    """Serves one client until it quits or is thrown out."""

    def __init__(self, standin: MailStandin, line: Line) -> None:
        self.standin = standin
        self.line = line
        self.reader = line.line.makefile("rb")
        self.secure = standin.security == "tls"
        self.greeted = ""  # with which command
        self.logged_in = False
        self.envelope: Envelope | None = None

    def run(self) -> None:
        try:
            self._greet()
            while True:
                self._command()
        except HangUp:
            return
        finally:
            self.reader.close()

    # Commands

    def _greet(self) -> None:
        _, verb = self.standin.noted("CONNECT", "", "connect")
        self._answer("connect", verb, (220, "gladi.example ESMTP"))
        if verb and verb.kind in NOTHING_DONE:
            raise HangUp

    def _command(self) -> None:
        text = self._read_line()
        name, _, rest = text.partition(" ")
        act = {
            "EHLO": self._hello,
            "HELO": self._hello,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "NOOP": self._noop,
            "RSET": self._rset,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "QUIT": self._quit,
        }.get(name.upper())
        if act is None:
            self._say(502, "5.5.2 Command not recognized")
        elif name.upper() == "HELO":
            self._hello(rest, extended=False)
        else:
            act(rest)

    def _hello(self, rest: str, *, extended: bool = True) -> None:
        if not re.fullmatch(r"\[[^\]\s]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", rest):
            self._say(501, "5.5.4 Invalid domain name")
            return
        self.greeted, self.envelope = ("EHLO" if extended else "HELO"), None
        self._say(250, "\n".join(["gladi.example", *(self._offers() if extended else ())]))

    def _offers(self) -> list[str]:
        told = [f"SIZE {self.standin.size}"] if self.standin.size else []
        told += sorted(self.standin.extensions)
        if self.standin.security == "starttls" and not self.secure:
            return [*told, "STARTTLS"]
        methods = " ".join(self.standin.methods)
        return [*told, f"AUTH {methods}"] if self.standin.asks_login and methods else told

    def _starttls(self, rest: str) -> None:
        if self.standin.security != "starttls" or self.secure:
            self._say(502, "5.5.1 Command not implemented")
            return
        self._say(220, "2.0.0 Ready to start TLS")
        self.reader.close()
        self.line.secure()
        self.reader = self.line.line.makefile("rb")
        self.secure, self.greeted, self.envelope = True, "", None

    def _auth(self, rest: str) -> None:
        _, verb = self.standin.noted("AUTH", rest.partition(" ")[0].upper(), "login")
        if refusal := self._too_early_to_log_in():
            self._say(*refusal)
            return
        try:
            username, password = self._credentials(rest)
        except (ValueError, binascii.Error):
            self._say(501, "5.5.2 Cannot decode the response")
            return
        if self.standin.lets_in(username, password):
            usual = (235, "2.7.0 Authentication successful")
        else:
            usual = (535, "5.7.8 Authentication credentials invalid")
        self._answer("login", verb, usual)
        self.logged_in = usual[0] == 235 and not (verb and verb.kind in NOTHING_DONE)

    def _too_early_to_log_in(self) -> Reply | None:
        if self.greeted != "EHLO" or self.logged_in or self.envelope:
            return 503, "5.5.1 Bad sequence of commands"
        if self.standin.security == "starttls" and not self.secure:
            return 530, "5.7.0 Must issue a STARTTLS command first"
        return None

    def _credentials(self, rest: str) -> tuple[str, str]:
        method, _, initial = rest.partition(" ")
        if method.upper() not in self.standin.methods:
            raise ValueError(method)
        if method.upper() == "PLAIN":
            _, username, password = self._decoded(initial or self._ask("")).split("\0")
            return username, password
        return self._decoded(initial or self._ask("Username:")), self._decoded(self._ask("Password:"))

    def _ask(self, question: str) -> str:
        self._say(334, base64.b64encode(question.encode()).decode())
        return self._read_line()

    def _decoded(self, text: str) -> str:
        return base64.b64decode(text, validate=True).decode("utf-8")

    def _noop(self, rest: str) -> None:
        _, verb = self.standin.noted("NOOP", "", "account")
        self._answer("account", verb, (250, "2.0.0 Ok"))

    def _rset(self, rest: str) -> None:
        self.envelope = None
        self._say(250, "2.0.0 Ok")

    def _quit(self, rest: str) -> None:
        self._say(221, "2.0.0 Bye")
        raise HangUp

    def _mail(self, rest: str) -> None:
        found = _MAIL.fullmatch(rest)
        sender = found[1] if found else ""
        entry, verb = self.standin.noted("MAIL", sender, "publish")
        if verb and verb.kind in _AT_MAIL:
            throttled = (451, "4.7.1 Too many messages, try again later")
            reply = throttled if verb.kind == "throttle" else (530, "5.7.0 Authentication required")
        elif not found:
            reply = (501, "5.5.4 Syntax: MAIL FROM:<address>")
        else:
            reply = self._not_from(sender, found[2].split()) or (250, "2.1.0 Ok")
        entry.status = reply[0]
        if reply[0] == 250:
            self.envelope = Envelope(sender, entry, verb)
        self._say(*reply)

    def _not_from(self, sender: str, parameters: list[str]) -> Reply | None:
        """Why this sender may not begin a mail now."""
        if not self.greeted or self.envelope:
            return 503, "5.5.1 Bad sequence of commands"
        if self.standin.security == "starttls" and not self.secure:
            return 530, "5.7.0 Must issue a STARTTLS command first"
        if self.standin.asks_login and not self.logged_in:
            return 530, "5.7.0 Authentication required"
        for parameter in parameters:
            if refusal := self._not_with(parameter):
                return refusal
        if sender.lower() not in self.standin.senders:
            return 553, f"5.7.1 <{sender}>: Sender address rejected: not owned by user"
        return None

    def _not_with(self, parameter: str) -> Reply | None:
        name, _, value = parameter.partition("=")
        match name.upper():
            case "SIZE" if self.standin.size and value.isdigit():
                return (552, "5.3.4 Message too big") if int(value) > self.standin.size else None
            case "BODY" if value.upper() in ("7BIT", "8BITMIME") and "8BITMIME" in self.standin.extensions:
                return None
            case "RET" if value.upper() in ("FULL", "HDRS") and "DSN" in self.standin.extensions:
                return None
            case "ENVID" if len(value) <= 100 and _XTEXT.fullmatch(value) and "DSN" in self.standin.extensions:
                return None
        return 555, f"5.5.4 Unsupported option: {parameter}"

    def _rcpt(self, rest: str) -> None:
        found = _RCPT.fullmatch(rest)
        entry, verb = self.standin.noted("RCPT", found[1] if found else "", "recipient")
        usual = self._not_to(found[1], found[2].split()) if found else (501, "5.1.3 Bad recipient address syntax")
        usual = usual or (250, "2.1.5 Ok")
        done = not (verb and verb.kind in NOTHING_DONE)
        if found and usual[0] == 250 and done and self.envelope:
            self.envelope.recipients.append(found[1])
        entry.status = self._answer("recipient", verb, usual)

    def _not_to(self, address: str, parameters: list[str]) -> Reply | None:
        if not self.envelope:
            return 503, "5.5.1 Error: need MAIL command"
        if len(self.envelope.recipients) >= MOST_RECIPIENTS:
            return 452, "4.5.3 Too many recipients"
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            known = "DSN" in self.standin.extensions and (
                (name.upper() == "NOTIFY" and set(value.upper().split(",")) <= {"SUCCESS", "FAILURE", "DELAY"})
                or (name.upper() == "ORCPT" and re.fullmatch(f"rfc822;{_XTEXT.pattern}", value, re.IGNORECASE))
            )
            if not known:
                return 555, f"5.5.4 Unsupported option: {parameter}"
        return self.standin.receives(address)

    # The message

    def _data(self, rest: str) -> None:
        if not self.envelope or not self.envelope.recipients:
            self._say(*((554, "5.5.1 No valid recipients") if self.envelope else (503, "5.5.1 need RCPT command")))
            return
        entry, verb = self.standin.noted("DATA", "", "data")
        if verb and verb.kind in ("refuse", "error_before"):
            entry.status = self._answer("data", verb, (354, ""))
            self.envelope = None
            return
        self._say(354, "End data with <CR><LF>.<CR><LF>")
        if verb and verb.kind in NOTHING_DONE:
            self._read_line()  # of the message, whose rest never arrives
            self._hang_up(reset=True)
        content = self._content()
        envelope, self.envelope = self.envelope, None
        self._take(envelope, content)

    def _take(self, envelope: Envelope, content: bytes) -> None:
        verb = envelope.verb
        usual = (250, "") if verb and verb.kind in NOTHING_DONE else self._kept(envelope, content)
        envelope.entry.status = self._answer("publish", verb, usual)

    def _kept(self, envelope: Envelope, content: bytes) -> Reply:
        if self.standin.size and len(content) > self.standin.size:
            return 552, "5.3.4 Message too big"
        try:
            mail = read(content)
            self._check_sender(mail)
        except Unacceptable as refusal:
            return refusal.code, refusal.text
        except Exception as error:  # noqa: BLE001 - a stand-in answers as a server with a defect does, and remembers
            self.standin.accidents.append(error)
            return 451, "4.3.0 Local error"
        self.standin.keep(envelope.entry, envelope.recipients, mail)
        return 250, "2.0.0 Ok: queued"

    def _check_sender(self, mail: Mail) -> None:
        if mail.sender not in self.standin.senders:
            raise Unacceptable(550, "5.7.60 Client does not have permissions to send as this sender")

    def _content(self) -> bytes:
        """What stands before the final dot; a line that never ends with one is no message."""
        lines = []
        while (line := self.reader.readline()) != b".\r\n":
            if not line:
                raise HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    # Replies

    def _answer(self, label: str, verb: Verb | None, usual: Reply) -> int:
        """Reply as the script wants it; returns the code, 0 for none."""
        match verb.kind if verb else "accept":
            case "drop" | "drop_after_accepting" | "reset":
                self._hang_up(reset=verb is not None and verb.kind == "reset")
            case "late" if verb and self.standin.waits(verb.seconds or 0):
                raise HangUp
            case "html":
                self._send(PORTAL.encode())
                return 0
            case "refuse" | "expired_token" | "error_before" | "error_after_accepting" | "throttle" if verb:
                usual = self._own_words(label, verb)
        self._say(*usual)
        return usual[0]

    def _own_words(self, label: str, verb: Verb) -> Reply:
        own = self.standin.own_words[label]
        if verb.kind in ("error_before", "error_after_accepting"):
            own = (451, "4.3.0 Local error in processing")
        elif verb.kind == "throttle":
            own = (450, "4.7.1 Try again later")
        return verb.status or own[0], own[1] if verb.body is None else str(verb.body)

    def _say(self, code: int, text: str) -> None:
        *before, last = text.split("\n")
        self._send("".join([*(f"{code}-{line}\r\n" for line in before), f"{code} {last}\r\n"]).encode())

    def _send(self, data: bytes) -> None:
        self.line.line.sendall(data)

    def _read_line(self) -> str:
        line = self.reader.readline(LONGEST_COMMAND)
        if not line.endswith(b"\r\n"):
            raise HangUp
        return line[:-2].decode("ascii", "replace")

    def _hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.line.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise HangUp
