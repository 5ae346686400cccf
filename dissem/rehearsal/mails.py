"""A mail as a careful receiver reads it: what would get it refused, and what its reader sees (RFC 5322, 2045, 8058)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

from dissem.rehearsal.files import Stored, sniff

LONGEST_LINE = 998  # octets without its end
LONGEST_WORD = 75  # letters of an encoded word
ONCE = ("From", "To", "Date", "Message-ID", "MIME-Version")
AT_MOST_ONCE = ("Subject", "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type")
KNOWN = frozenset(
    (
        *("from", "to", "cc", "reply-to", "sender", "subject", "date", "message-id", "in-reply-to", "references"),
        *("comments", "keywords", "mime-version", "content-type", "content-transfer-encoding", "content-language"),
        *("content-disposition", "content-id", "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help"),
        *("list-owner", "auto-submitted", "precedence"),
    )
)
_WORD = re.compile(rb"=\?[^?\s]+\?[bqBQ]\?[^?]*\?=")
_ADDRESS = re.compile(r"<([^<>\s]+@[^<>\s]+)>|^\s*([^<>\s,;]+@[^<>\s,;]+)\s*$")


class Unacceptable(Exception):
    """The message is refused: a reply code, and its text with the enhanced code in front."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Mail:
    """What was found in a message that is acceptable. *id* is without its brackets."""

    id: str
    sender: str
    subject: str
    text: str
    html: str
    media: tuple[Stored, ...]
    headers: dict[str, str]
    unknown: tuple[str, ...]


def read(content: bytes) -> Mail:
    """The mail in *content*, as it came after DATA with its dots taken off; Unacceptable if it is none."""
    _check_lines(content)
    message = message_from_bytes(content, EmailMessage, policy=SMTP)
    _check_headers(message, content.partition(b"\r\n\r\n")[0])
    html = _body(message, "html")
    alts = _alts(html)
    names = [name.lower() for name in message.keys()]  # noqa: SIM118 - a message repeats its names
    return Mail(
        id=str(message["Message-ID"]).strip().strip("<>"),
        sender=address_in(str(message["From"])),
        subject=str(message["Subject"] or ""),
        text=_body(message, "plain"),
        html=html,
        media=tuple(_media(message, alts)),
        headers={name: str(value) for name, value in message.items()},
        unknown=tuple(sorted({name for name in names if name not in KNOWN and not name.startswith("x-")})),
    )


def address_in(value: str) -> str:
    """The one address of a header, lower case; Unacceptable when there is none, or more than one."""
    found = _ADDRESS.findall(value)
    if len(found) != 1 or value.count("<") > 1:
        raise Unacceptable(550, "5.7.1 Messages must have one valid address in From")
    within, bare = found[0]
    return str(within or bare).lower()


def _check_lines(content: bytes) -> None:
    if re.search(rb"(?<!\r)\n|\r(?!\n)", content):
        raise Unacceptable(550, "5.6.0 Bare CR or LF received")
    if any(len(line) > LONGEST_LINE for line in content.split(b"\r\n")):
        raise Unacceptable(552, "5.6.0 A line is too long")
    if not content.isascii():
        raise Unacceptable(554, "5.6.3 8-bit data in a 7-bit message")


def _check_headers(message: EmailMessage, head: bytes) -> None:
    for name in ONCE:
        if len(message.get_all(name, [])) != 1:
            raise Unacceptable(550, f"5.7.1 Messages must have one {name} header")
    for name in AT_MOST_ONCE:
        if len(message.get_all(name, [])) > 1:
            raise Unacceptable(550, f"5.7.1 Messages must not have several {name} headers")
    if not re.fullmatch(r"\s*<[^<>@\s]+@[^<>@\s]+>\s*", str(message["Message-ID"])):
        raise Unacceptable(550, "5.7.1 The Message-ID is not valid")
    if any(len(word) > LONGEST_WORD for word in _WORD.findall(head)):
        raise Unacceptable(550, "5.6.0 An encoded word is too long")
    try:
        parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        raise Unacceptable(550, "5.7.1 The Date is not valid") from None
    posts, ways = message["List-Unsubscribe-Post"], str(message["List-Unsubscribe"] or "")
    if posts and (str(posts) != "List-Unsubscribe=One-Click" or ways.count("<https://") != 1):
        raise Unacceptable(550, "5.7.1 One-click unsubscription needs one https address")


def _body(message: EmailMessage, kind: str) -> str:
    """The text of this kind, empty if there is none. Alternatives are read as mail programs do: the plain one first."""
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if isinstance(part, EmailMessage) else ""


def _media(message: EmailMessage, alts: dict[str, str]) -> Iterator[Stored]:
    """Every file, with the alt text of the picture in the HTML that shows it."""
    for part in message.walk():
        if part.get_content_maintype() in ("multipart", "text"):
            continue
        data = part.get_payload(decode=True)
        kind = part.get_content_type()
        if not isinstance(data, bytes) or sniff(data) != kind:
            raise Unacceptable(554, f"5.7.1 An attachment is no {kind}")
        yield Stored(data, kind, alts.get(str(part["Content-ID"] or "").strip("<> "), ""))


def _alts(html: str) -> dict[str, str]:
    pictures = _Pictures()
    pictures.feed(html)
    return pictures.alts


class _Pictures(HTMLParser):
    """Alt texts by content id."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        source = told.get("src") or ""
        if tag == "img" and source.startswith("cid:"):
            self.alts[source.removeprefix("cid:")] = told.get("alt") or ""
