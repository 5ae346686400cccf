"""What a mail server's replies mean, by their codes (RFC 5321) and enhanced codes (RFC 3463).

One message goes to one address, so whatever is said after the final dot is said of both. Until that dot nothing can
have been taken; after it only a reply that refuses a message proves that it was not.
"""

import re
from datetime import timedelta
from enum import Enum, auto

from dissem.channels.errors import (
    ChannelError,
    NoRecipient,
    NotYet,
    Refused,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)

GREYLISTED = timedelta(minutes=10)  # servers that do not know us yet take a second try after five to fifteen minutes
FULL = timedelta(hours=4)  # somebody has to tidy the mailbox; the latest useful time of the release ends the waiting
LONGEST_REASON = 300  # letters of a server's words

_ENHANCED = re.compile(r"([245])\.(\d{1,3}\.\d{1,3})\b")
_LOGIN = (530, 534, 535, 538)  # RFC 4954
_OF_SYNTAX = range(500, 505)  # about a command: after the final dot they answer something else than the message
_SENDER = ("1.7", "1.8")  # enhanced codes without their class
_TOO_BIG, _MAILBOX_FULL = "3.4", "2.2"
_NOBODY = ("2.1", "4.1")  # mailbox disabled; Microsoft's word for an unknown user


class Phase(Enum):
    """What the server was asked last."""

    HELLO = auto()  # greeting, EHLO, STARTTLS
    LOGIN = auto()
    SENDER = auto()  # MAIL
    RECIPIENT = auto()  # RCPT
    MESSAGE = auto()  # DATA, and all of the message but the final dot
    END = auto()  # the final dot


def meaning(phase: Phase, code: int, text: bytes) -> ChannelError:
    """The named error for a reply that is not the one hoped for. *code* -1: no reply code could be read."""
    reason = words(code, text)
    detail = _detail(code, text)
    if phase is Phase.END and (not 400 <= code < 600 or code in _OF_SYNTAX):
        return Uncertain("The mail server's last reply says nothing about the message: {reason}", reason=reason)
    if code == 421 or not 400 <= code < 600:
        return Unreachable("The mail server cannot take mail now: {reason}", reason=reason)
    if code in _LOGIN:
        return _login(reason)
    if phase is Phase.HELLO:
        return Unreachable("The mail server cannot take mail now: {reason}", reason=reason)
    if phase is Phase.LOGIN:
        return _login(reason) if code >= 500 else Unreachable("The mail server is busy: {reason}", reason=reason)
    if phase is Phase.SENDER:
        return _of_sender(code, detail, reason)
    return _of_address_or_message(phase, code, detail, reason)


def lost(phase: Phase) -> ChannelError:
    """What it means that the connection broke."""
    if phase is Phase.END:
        return Uncertain("The connection broke before the mail server had acknowledged the message.")
    return Unreachable("The mail server could not be reached.", hint="Is the server's network up?")


def too_big(reason: str) -> Refused:
    return Refused("The mail is too big for the server: {reason}", hint="Use fewer or smaller pictures.", reason=reason)


def words(code: int, text: bytes) -> str:
    """The reply as people may read it: one line, nothing that a terminal obeys."""
    told = " ".join(text.decode("utf-8", "replace").split())
    shown = "".join(letter for letter in told if letter.isprintable())[:LONGEST_REASON]
    return f"{code} {shown}".strip() if code > 0 else shown or "–"


def _detail(code: int, text: bytes) -> str:
    """Subject and detail of the enhanced code, as "1.1"; empty if there is none, or it contradicts the reply code."""
    found = _ENHANCED.match(text.decode("ascii", "replace").lstrip())
    return found[2] if found and found[1] == str(code)[:1] else ""


def _login(reason: str) -> Unauthorized:
    return Unauthorized(
        "The mail server does not accept the channel's login: {reason}",
        hint="Give the channel its password again; some servers want an app password.",
        reason=reason,
    )


def _of_sender(code: int, detail: str, reason: str) -> ChannelError:
    if code == 552 or detail == _TOO_BIG:
        return too_big(reason)
    if code < 500:
        return Throttled("The mail server asks for a pause: {reason}", reason=reason)
    return _sender(reason)


def _sender(reason: str) -> Unauthorized:
    return Unauthorized(
        "The mail server does not let the channel send under this address: {reason}",
        hint="Correct the channel's sender or envelope_from.",
        reason=reason,
    )


def _of_address_or_message(phase: Phase, code: int, detail: str, reason: str) -> ChannelError:
    if detail in _SENDER:
        return _sender(reason)
    if detail == _TOO_BIG:
        return too_big(reason)
    if detail == _MAILBOX_FULL or (code == 552 and phase is Phase.RECIPIENT):
        return NotYet("The recipient's mailbox is full: {reason}", retry_after=FULL, reason=reason)
    if code < 500:
        return NotYet(
            "The mail server asks to try this address again later: {reason}", retry_after=GREYLISTED, reason=reason
        )
    if detail.startswith("1.") or detail in _NOBODY:
        return _nobody(reason)
    if phase is Phase.RECIPIENT:
        return _of_address(code, detail, reason)
    if code in _OF_SYNTAX:
        return Unreachable("The mail server cannot take mail now: {reason}", reason=reason)
    return too_big(reason) if code == 552 else _policy(reason)


def _of_address(code: int, detail: str, reason: str) -> ChannelError:
    """A permanent refusal of an address whose enhanced code does not say that nobody lives there."""
    if code in (550, 551, 553) and not detail:
        return _nobody(reason)
    if code >= 550:
        return _policy(reason)
    return Unreachable("The mail server cannot take mail now: {reason}", reason=reason)


def _nobody(reason: str) -> NoRecipient:
    return NoRecipient(
        "Nobody takes mail at this address: {reason}", hint="Correct the channel's recipients.", reason=reason
    )


def _policy(reason: str) -> Refused:
    return Refused(
        "The mail server refuses the message: {reason}",
        hint="Ask the people who run the mail server before the release is sent again.",
        reason=reason,
    )
