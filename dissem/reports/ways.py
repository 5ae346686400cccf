"""The ways a report leaves: as a mail through an e-mail channel's server, as a message by a Telegram channel's bot.

Of a channel only the server, the sender and the bot are used: who follows it gets nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol, TypeVar

from sqlmodel import select

from dissem.channels.adapter import Adapter
from dissem.channels.errors import Refused
from dissem.channels.mail import Email
from dissem.channels.mail_addresses import Mailbox
from dissem.channels.telegram import Telegram
from dissem.config import ReportSection
from dissem.errors import NotFound
from dissem.models import Channel, ReportCopy
from dissem.reports.letters import CHAT, TYPES, addressed, message_and_file, short
from dissem.store.installation import Installation

Speaker = TypeVar("Speaker", bound=Adapter)


@dataclass(frozen=True)
class Reader:
    """*key* is the same for two ways to write one address."""

    role: str
    key: str
    name: str  # as the settings have it


class Way(Protocol):
    """*tries*: how many may end in doubt before a person has to look."""

    tries: int

    def message_id(self, copy: ReportCopy) -> str:
        """What the copy will be known by; empty where only the other side decides that."""

    def send(self, letter: bytes, copy: ReportCopy) -> str:
        """Hand it over; answers what it is known by. Raises ChannelErrors only."""

    def ask(self) -> None:
        """Raise what keeps it from taking anything at all."""


def readers(settings: ReportSection) -> Sequence[Reader]:
    """Everybody who gets the report, beside the folder."""
    mailed = {"mayor": settings.mayor, "heads": settings.heads, "archive": settings.archive}
    found = [Reader(role, Mailbox.of(one).key, one) for role, addresses in mailed.items() for one in addresses]
    return [*found, *([Reader(CHAT, settings.telegram_chat, settings.telegram_chat)] if settings.telegram_chat else ())]


def by_mail(installation: Installation) -> "MailWay":
    settings = installation.config.report
    names = {reader.key: reader.name for reader in readers(settings)}
    return MailWay(_channel(installation, settings.mail_channel, Email), names)


def by_chat(installation: Installation) -> "ChatWay":
    return ChatWay(_channel(installation, installation.config.report.telegram_channel, Telegram))


def way_of(role: str) -> Callable[[Installation], Way]:
    return by_chat if role == CHAT else by_mail


def _channel(installation: Installation, name: str, kind: type[Speaker]) -> Speaker:
    with installation.database.read() as session:
        channel = session.exec(select(Channel).where(Channel.name == name)).first()
    adapter = installation.adapters.of(channel) if channel and channel.platform == kind.platform else None
    if not isinstance(adapter, kind):
        raise NotFound(
            "There is no channel {channel} on {platform} by which the report could leave.",
            hint="Correct it under [report] in config.toml.",
            channel=name,
            platform=kind.facts.label,
        )
    return adapter


class MailWay:
    """One mail a reader. A mail whose end is not known goes once more: mail programs fold it into the first by its
    Message-ID."""

    tries = 2

    def __init__(self, channel: Email, names: Mapping[str, str]) -> None:
        self.channel = channel
        self.names = names  # of the readers, by their keys

    def message_id(self, copy: ReportCopy) -> str:
        one = short(f"{copy.period}\n{copy.recipient}\n{copy.edition}", 24)
        return f"report-{copy.period}.{one}@{self.channel.sender.domain}"

    def send(self, letter: bytes, copy: ReportCopy) -> str:
        reader = Mailbox.of(self.names[copy.recipient])
        try:
            mail = addressed(
                letter, sender=self.channel.sender, reader=reader, date=copy.made, message_id=copy.message_id
            )
        except ValueError as error:
            raise Refused("The report cannot be written as a mail.") from error
        bounces = Mailbox.of(self.channel.settings.envelope_from or self.channel.settings.sender).address
        self.channel.server.send(mail, sender=bounces, recipient=reader.address, envelope_id=copy.message_id)
        return copy.message_id

    def ask(self) -> None:
        self.channel.server.probe()


class ChatWay:
    """One message with the file. Nobody could fold a second one into the first: it is never sent again unasked."""

    tries = 1

    def __init__(self, channel: Telegram) -> None:
        self.channel = channel

    def message_id(self, copy: ReportCopy) -> str:
        return ""

    def send(self, letter: bytes, copy: ReportCopy) -> str:
        text, name, content = message_and_file(letter)
        document = (name, BytesIO(content), TYPES["pdf"])
        return self.channel.tell(copy.recipient, text, document).id

    def ask(self) -> None:
        """Nothing: there is one reader."""
