"""A mail server, spoken to phase by phase: only a connection lost after the final dot leaves a doubt.

It knows nothing of channels and releases: a ready message goes to one address, or a named error says why not.
"""

import base64
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any, Literal

from pydantic import SecretStr

from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Unreachable
from dissem.channels.network import Network
from dissem.channels.smtp_replies import Phase, lost, meaning, too_big

CONNECT, READ, TOTAL = 10.0, 60.0, 75.0  # seconds; TOTAL bounds one message, from the connection to the last reply
GOODBYE = 2.0  # seconds to wait for the answer to QUIT, which changes nothing
IDLE = 2.0  # seconds that a connection is kept for the next message
OUR_NAME = "[127.0.0.1]"  # in EHLO: looking up this machine's own name may take long, and nobody believes it

_PLAIN_ADDRESS = re.compile(r"[!#-;=?-~]+@[!-;=?-~]+")  # nothing that ends an address or a command
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Door:
    """How a mail server is reached and entered. *ca_file*: certificates to trust instead of the system's."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr | None = None
    ca_file: str = ""


class MailServer:
    """One mail server; several threads may use it. A connection is kept for a moment, so that the mails of one batch
    share it."""

    def __init__(self, door: Door, network: Network) -> None:
        self.door = door
        self.network = network
        self._kept: list[tuple[_Line, float]] = []  # with the moment of the last use
        self._lock = threading.Lock()

    def send(self, message: EmailMessage, *, sender: str, recipient: str, envelope_id: str = "") -> None:
        """Hand *message* over for *recipient*; bounces go to *sender* and name *envelope_id* where the server can do
        that. Returning means that the server took it, not that it was delivered. Raises ChannelErrors only."""
        for address in (sender, recipient):
            if not _PLAIN_ADDRESS.fullmatch(address):
                raise Refused("A mail address cannot be used.", hint="Correct the channel's addresses.")
        try:
            written = message.as_bytes()
        except (ValueError, MessageError) as error:
            raise Refused("The mail cannot be written.", hint="Are there odd letters in its title?") from error
        content = _LINE_END.sub(b"\r\n", written)  # a lone CR or LF could smuggle in a second message
        with self._line() as line:
            line.offer(content, sender=sender, recipient=recipient, envelope_id=envelope_id)

    def probe(self) -> None:
        """Enter the server and leave it; raises what keeps it from taking mail."""
        with _Bound(TOTAL) as bound:
            line = self._opened(bound)
            try:
                line.expect(Phase.LOGIN, "NOOP", 250)
            finally:
                line.leave()

    def close(self) -> None:
        """Leave politely what is still kept."""
        self._leave_idle(0)

    @contextmanager
    def _line(self) -> Iterator["_Line"]:
        """A line that is ready for a message; kept afterwards unless it broke."""
        with _Bound(TOTAL) as bound:
            line = self._still_open(bound) or self._opened(bound)
            try:
                yield line
            except (NotYet, Refused, Throttled, Unauthorized):
                self._keep(line)  # the server has answered, and will answer again
                raise
            except BaseException:
                line.close()  # at once, without a goodbye
                raise
            self._keep(line)

    def _opened(self, bound: "_Bound") -> "_Line":
        line = _Line(self.door, self.network, bound)
        try:
            line.enter()
        except BaseException:
            line.close()
            raise
        return line

    def _still_open(self, bound: "_Bound") -> "_Line | None":
        """A kept line that answers; the server may have closed it meanwhile."""
        with self._lock:
            line, since = self._kept.pop() if self._kept else (None, 0.0)
        if line is None:
            return None
        line.bound_by(bound)
        if time.monotonic() - since <= IDLE:
            with suppress(OSError, smtplib.SMTPException):
                if line.rset()[0] == 250:
                    return line
        line.leave()
        return None

    def _keep(self, line: "_Line") -> None:
        if line.sock is None:
            return
        with self._lock:
            self._kept.append((line, time.monotonic()))
        timer = threading.Timer(IDLE, self._leave_idle, (IDLE,))
        timer.daemon = True
        timer.start()

    def _leave_idle(self, seconds: float) -> None:
        """Leave the lines that nobody used for *seconds*."""
        now = time.monotonic()
        with self._lock:
            old = [line for line, since in self._kept if now - since >= seconds]
            self._kept = [kept for kept in self._kept if kept[0] not in old]
        for line in old:
            with _Bound(CONNECT) as bound:
                line.bound_by(bound)
                line.leave()


class _Line(smtplib.SMTP):
    """One connection, to an address that `Network.judge` allowed."""

    def __init__(self, door: Door, network: Network, bound: "_Bound") -> None:
        super().__init__(local_hostname=OUR_NAME)
        self.door = door
        self.network = network
        self.bound_by(bound)
        self._host = door.host  # whom the certificate must name

    def bound_by(self, bound: "_Bound") -> None:
        self.bound = bound
        bound.line = self

    def enter(self) -> None:
        """Connect, be greeted, encrypt, log in."""
        if self.door.security == "none" and self.door.host not in self.network.allow_hosts:
            raise Unauthorized(
                "Mail goes to {host} unencrypted, which is not allowed.",
                hint="Set security to starttls or tls, or add the host to allow_hosts under [network] in config.toml.",
                host=self.door.host,
            )
        with _broken(Phase.HELLO):
            _expected(Phase.HELLO, self.connect(self.door.host, self.door.port), 220)
            self._greet()
        if self.door.security == "starttls":
            self._encrypt()
        if self.door.password:
            self._log_in(self.door.username, self.door.password.get_secret_value())

    def offer(self, content: bytes, *, sender: str, recipient: str, envelope_id: str) -> None:
        """One message to one address. *content*: all its lines end with CRLF."""
        self._require_room(content)
        notices = self.has_extn("dsn")
        about = [f"SIZE={len(content)}"] if self.has_extn("size") else []
        about += ["RET=HDRS"] if notices else []
        about += [f"ENVID={_xtext(envelope_id)[:100]}"] if notices and envelope_id else []
        whom = ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(recipient)}"] if notices else []
        self.expect(Phase.SENDER, " ".join([f"MAIL FROM:<{sender}>", *about]), 250)
        self.expect(Phase.RECIPIENT, " ".join([f"RCPT TO:<{recipient}>", *whom]), 250, 251)
        self.expect(Phase.MESSAGE, "DATA", 354)
        with _broken(Phase.MESSAGE):
            self.send(_DOT.sub(b"..", content if content.endswith(b"\r\n") else content + b"\r\n"))
            if self.bound.over:
                raise lost(Phase.MESSAGE)
            self.send(b".\r\n")  # where this fails the dot has not left, not even a part of it that could be read
        with _broken(Phase.END):  # from here on it may be taken, whatever happens to the connection
            reply = self.getreply()
        _expected(Phase.END, reply, 250)

    def expect(self, phase: Phase, command: str, *codes: int) -> None:
        """Send a command; raises what the reply means unless it has one of *codes*."""
        with _broken(phase):
            reply = self.docmd(command)
        _expected(phase, reply, *codes)

    def leave(self) -> None:
        """Say goodbye, and hang up whatever is answered."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                self.sock.settimeout(GOODBYE)
                self.docmd("QUIT")
        self.close()

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        """smtplib's way to get a connection."""
        line = socket.create_connection((self.network.judge(host, port), port), CONNECT)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the final dot must not wait for an acknowledgement
        if self.door.security == "tls":
            line = _context(self.door).wrap_socket(line, server_hostname=host)
        line.settimeout(READ)  # some servers wait on purpose before they greet
        return line

    def _greet(self) -> None:
        _expected(Phase.HELLO, self.ehlo(), 250)

    def _encrypt(self) -> None:
        if not self.has_extn("starttls"):
            raise Unauthorized(
                "{host} offers no encryption on this port.",
                hint="Set port to 465 and security to tls, if the server has that.",
                host=self.door.host,
            )
        with _broken(Phase.HELLO):
            _expected(Phase.HELLO, self.starttls(context=_context(self.door)), 220)
            self._greet()

    def _log_in(self, username: str, password: str) -> None:
        """One try with one method: a second one with the wrong password could lock the account. smtplib's own login
        takes ASCII only, and its error would show the password."""
        if not isinstance(self.sock, ssl.SSLSocket) and not _is_loopback(self.sock):
            raise Unauthorized(
                "The password is not sent unencrypted.", hint="Set security to starttls or tls, or remove the password."
            )
        methods = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in methods:
            self.expect(Phase.LOGIN, "AUTH PLAIN " + _base64(f"\0{username}\0{password}"), 235, 503)
        elif "LOGIN" in methods:
            self.expect(Phase.LOGIN, "AUTH LOGIN", 334)
            self.expect(Phase.LOGIN, _base64(username), 334)
            self.expect(Phase.LOGIN, _base64(password), 235)
        else:
            raise Unauthorized(
                "{host} takes no password: it offers {methods}.",
                hint="Allow password login (SMTP AUTH) at the mail server, or use another relay.",
                host=self.door.host,
                methods=" ".join(methods)[:100] or "–",
            )

    def _require_room(self, content: bytes) -> None:
        limit = self.esmtp_features.get("size", "").strip()
        if limit.isdigit() and 0 < int(limit) < len(content):
            raise too_big(f"{len(content)} > {limit}")


class _Bound:
    """Cuts the line when the time is up: a socket's own time-out starts anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.line: _Line | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "_Bound":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.over = True
        held = self.line.sock if self.line else None
        if held is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # the plain one: TLS would say goodbye first


@contextmanager
def _broken(phase: Phase) -> Iterator[None]:
    """Trouble with the connection as what it means in *phase*."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise Unreachable(
            "The mail server's certificate is not trusted.", hint="A server of your own needs the setting ca_file."
        ) from None
    except smtplib.SMTPResponseException as error:
        reply = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        raise meaning(phase, error.smtp_code, reply) from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for the name service
        raise lost(phase) from error


def _expected(phase: Phase, reply: tuple[int, bytes], *codes: int) -> None:
    if reply[0] not in codes:
        raise meaning(phase, *reply)


def _context(door: Door) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=door.ca_file or None)
    except OSError:
        raise Unauthorized("The channel's ca_file cannot be read.", hint="Correct the path.") from None


def _is_loopback(line: socket.socket | None) -> bool:
    return line is not None and ip_address(line.getpeername()[0].partition("%")[0]).is_loopback


def _xtext(text: str) -> str:
    """*text* as a parameter carries it (RFC 3461)."""
    return "".join(letter if "!" <= letter <= "~" and letter not in "+=" else _hex(letter) for letter in text)


def _hex(letter: str) -> str:
    return "".join(f"+{byte:02X}" for byte in letter.encode("utf-8", "replace"))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
