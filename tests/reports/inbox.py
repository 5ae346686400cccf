"""A mail server that is not ours (aiosmtpd), whose answers a test may choose."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

TAKEN = "250 OK"


@dataclass
class Inbox:
    """*kept*: recipient and bytes of every mail that was taken or left in doubt."""

    port: int = 0
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # by address, what RCPT is told
    mail_is_told: str = TAKEN
    then: Callable[[Any], str] = lambda session: TAKEN  # what is said after the final dot
    met: int = 0  # MAIL commands
    arrived: threading.Event = field(default_factory=threading.Event)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        self.met += 1
        envelope.mail_from = address
        return self.mail_is_told

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if said := self.refused.get(address):
            return said
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.kept += [(to, envelope.original_content) for to in envelope.rcpt_tos]
        self.arrived.set()
        answer = self.then(session)
        if not answer:
            server.transport.abort()
        return answer or TAKEN

    @property
    def readers(self) -> list[str]:
        return [to for to, _content in self.kept]

    def mails(self, reader: str) -> list[EmailMessage]:
        return [read(content) for to, content in self.kept if to == reader]

    @contextmanager
    def open(self) -> Iterator["Inbox"]:
        """Listen on *port*, a free one the first time."""
        self.port = self.port or free_port()
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, EmailMessage, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message
