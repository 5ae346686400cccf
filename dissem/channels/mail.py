"""E-mail: a press release to each address of a list, by the agency's own mail server.

Every recipient gets a mail of their own, whose Message-ID and date are fixed before the first try: many servers and
mail programs fold a second copy with the same id into the first. That the server took a mail does not say that it
arrived: bounces go to the sender's mailbox, and nothing can be looked up afterwards.
Protocols: RFC 5321, 5322, 8058
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from dissem.channels.adapter import Account, Adapter, Certainty, Counts, Facts, Gone, Part, Prepared, Receipt
from dissem.channels.errors import NoRecipient, Refused, Uncertain
from dissem.channels.mail_addresses import Mailbox, many
from dissem.channels.mail_message import Letterhead, message_id, release_mail
from dissem.channels.network import Network
from dissem.channels.smtp import Door, MailServer
from dissem.i18n import _

SHORTEST_KEY = 16  # letters of the secret behind addresses that unsubscribe

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")
_LIST_ID = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_UNSUBSCRIBE = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?/[A-Za-z0-9._~/?=&%-]*")


class Email(Adapter):
    """One sender and the list it writes to."""

    platform = "email"
    facts = Facts(
        label="E-mail",
        text=None,
        images=3,
        image_bytes=10**6,  # base64 adds 37 per cent, and the whole mail stays below 5 MB
        image_side=1600,
        alt=1500,
        link="field",
        tags="field",
        titled=True,
        full=True,
        prepares_text=True,
        recipients=True,
        ahead=timedelta(0),  # a mail bears the time of its sending
        lag=timedelta(minutes=30),  # a copy of a mail whose answer was lost goes out no earlier, if at all
    )

    class Settings(Adapter.Settings):
        """The mail server, whose mails they are, and whom they go to."""

        host: str = Field(description="mail server, such as smtp.gmail.com")
        port: int = Field(587, ge=1, le=65535, description="of the mail server: 587 for starttls, 465 for tls")
        security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the line is encrypted")
        username: str = Field("", description="login at the mail server; the sender's address if not said")
        password: SecretStr | None = Field(None, description="app password at the mail server; none: no login")
        sender: str = Field(description="From: Name <address>")
        reply_to: str = Field("", description="where answers go, if not to the sender")
        envelope_from: str = Field("", description="where bounces go, if not to the sender")
        recipients: tuple[str, ...] = Field(
            description="addresses, separated by commas, semicolons or line ends; Name <address> is understood"
        )
        list_id: str = Field("", description="name of the list, such as press.padang.example")
        unsubscribe: str = Field("", description="address for leaving the list, or https address before a token")
        unsubscribe_key: SecretStr | None = Field(None, description="makes the tokens of an https unsubscribe")
        ca_file: str = Field("", description="file with the certificates of a mail server of your own")

        @field_validator("host")
        @classmethod
        def _is_a_host(cls, host: str) -> str:
            if not _HOST.fullmatch(host):
                raise ValueError(_("It is not a host such as smtp.example.go.id."))
            return host

        @field_validator("sender")
        @classmethod
        def _is_an_address(cls, text: str) -> str:
            return str(_mailbox(text))

        @field_validator("reply_to", "envelope_from")
        @classmethod
        def _is_an_address_or_nothing(cls, text: str) -> str:
            return str(_mailbox(text)) if text else text

        @field_validator("recipients", mode="before")
        @classmethod
        def _are_addresses(cls, told: Any) -> tuple[str, ...]:
            text = "\n".join(map(str, told)) if isinstance(told, list | tuple) else str(told)
            try:
                return tuple(str(mailbox) for mailbox in many(text))
            except ValueError as error:
                raise ValueError(
                    _("Address number {number} is none that can be written to.", number=error.args[0])
                ) from None

        @field_validator("list_id")
        @classmethod
        def _is_a_list(cls, name: str) -> str:
            if name and not _LIST_ID.fullmatch(name):
                raise ValueError(_("It is not a name such as press.example.go.id."))
            return name

        @field_validator("unsubscribe")
        @classmethod
        def _is_a_way_out(cls, told: str) -> str:
            if not told or (_UNSUBSCRIBE.fullmatch(told) and "=?" not in told):  # that would be an encoded word
                return told
            return _mailbox(told.removeprefix("mailto:")).address

        @model_validator(mode="after")
        def _tokens_have_a_key(self) -> "Email.Settings":
            key = self.unsubscribe_key.get_secret_value() if self.unsubscribe_key else ""
            if self.unsubscribe.startswith("https://") and len(key) < SHORTEST_KEY:
                raise ValueError(_("An https address for unsubscribing needs the secret unsubscribe_key."))
            return self

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.sender = Mailbox.of(settings.sender)
        door = Door(
            settings.host,
            settings.port,
            settings.security,
            settings.username or self.sender.address,
            settings.password,
            settings.ca_file,
        )
        self.server = MailServer(door, network)

    def recipients(self) -> Sequence[str]:
        return tuple(self.settings.recipients)

    def certainty(self, part: Part) -> Certainty:
        return Certainty.BLIND

    def check(self) -> Account:
        """The sender, after the mail server let us in. Nothing is sent."""
        self.server.probe()
        return Account(id=self.sender.address, name=self.sender.name or self.sender.address)

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Fix the date: every try sends the same mail."""
        if not prepared.get("date"):
            yield prepared.having(date=datetime.now(UTC).isoformat(timespec="seconds"))

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One mail to one address. What the server has taken cannot be called back."""
        reader = _reader(part)
        try:
            mail = release_mail(part, self._letterhead(), reader, _date(part, prepared))
        except ValueError as error:
            raise Refused("The release cannot be written as a mail.", hint="Change its title.") from error
        self.server.send(
            mail,
            sender=Mailbox.of(self.settings.envelope_from or self.settings.sender).address,
            recipient=reader.address,
            envelope_id=part.key,
        )
        return Receipt(message_id(part, self.sender))

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """Never: a mail server shows nobody what it took."""
        raise Uncertain(
            "Nobody can tell whether the mail was taken.",
            hint="Ask {recipient}, or look into the log of the mail server.",
            recipient=part.recipient,
        )

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """Nothing: who opens a mail is the reader's own affair."""
        return {}

    def remove(self, receipt: Receipt) -> None:
        raise Refused(
            "A mail cannot be called back.", hint="Send a correction: a new release whose title begins with RALAT."
        )

    def _letterhead(self) -> Letterhead:
        told = self.settings
        key = told.unsubscribe_key.get_secret_value() if told.unsubscribe_key else ""
        reply_to = Mailbox.of(told.reply_to) if told.reply_to else None
        list_id = told.list_id or _list_of(self.sender)
        return Letterhead(self.sender, list_id, told.unsubscribe or self.sender.address, reply_to, key)


def _mailbox(text: str) -> Mailbox:
    try:
        return Mailbox.of(text)
    except ValueError:
        raise ValueError(_("It is not an address such as Name <name@example.go.id>.")) from None


def _reader(part: Part) -> Mailbox:
    try:
        return Mailbox.of(part.recipient)
    except ValueError:
        raise NoRecipient("It is no mail address.", hint="Correct the channel's recipients.") from None


def _list_of(sender: Mailbox) -> str:
    """The list's name, where it has none of its own: made of the sender's address."""
    local, _at, domain = sender.address.partition("@")
    return f"{re.sub(r'[^A-Za-z0-9-]+', '-', local).strip('-') or 'press'}.{domain}"


def _date(part: Part, prepared: Prepared) -> datetime:
    """When it was prepared; of a part that never was, when its release was made."""
    told = prepared.get("date")
    return datetime.fromisoformat(told) if told else part.created or datetime.now(UTC)
