"""Mail addresses as people type them, one or many; only such as every server takes (RFC 5321, without SMTPUTF8)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from unicodedata import category

LONGEST_LOCAL, LONGEST_ADDRESS = 64, 254  # octets
LONGEST_NAME = 60  # letters of a display name

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*")
_NAMED = re.compile(r"\s*(?:\"([^\"<>]*)\"|([^\"<>]*))\s*<\s*([^<>\s]+)\s*>\s*")
_ONE_OF_MANY = re.compile(r"(?:\"[^\"]*\"|[^\",;\r\n])+")
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")  # change the order of letters
_SPECIAL = str.maketrans(dict.fromkeys('()<>[]:;@\\,"', " "))  # would have to be quoted, which long headers lose


@dataclass(frozen=True)
class Mailbox:
    """One address, and the name of whoever reads it; the name may be empty."""

    address: str
    name: str = ""

    @classmethod
    def of(cls, text: str) -> "Mailbox":
        """`a@b` or `Name <a@b>`; ValueError for anything else. A domain beyond ASCII is written in its ASCII form."""
        named = _NAMED.fullmatch(text)
        name, address = (named[1] or named[2] or "", named[3]) if named else ("", text.strip())
        if any(category(letter) == "Cc" for letter in text.strip()):
            raise ValueError("control characters")
        return cls(_checked(address), clean_name(name))

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def key(self) -> str:
        """The same for two ways to write one address."""
        return self.address.casefold()

    def header(self) -> Address:
        local, _at, domain = self.address.partition("@")
        return Address(self.name, local, domain)

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def many(text: str) -> tuple[Mailbox, ...]:
    """Addresses separated by commas, semicolons or line ends, each once. ValueError has the number of the first that is
    none, from 1, as its argument."""
    found: dict[str, Mailbox] = {}
    for number, one in enumerate(_each(text), 1):
        try:
            mailbox = Mailbox.of(one)
        except ValueError:
            raise ValueError(number) from None
        found.setdefault(mailbox.key, mailbox)
    return tuple(found.values())


def clean_name(name: str) -> str:
    """*name* with nothing in it that a header could take for more than a name."""
    return clean_line(name.translate(_SPECIAL))[:LONGEST_NAME].strip()


def clean_line(text: str) -> str:
    """*text* in one line, without control characters and without those that turn the order of letters round. What looks
    like an encoded word stays as it looks: the library would decode it, line ends included."""
    told = " ".join(text.split()).replace("=?", "= ?")
    return "".join(letter for letter in told if category(letter) not in ("Cc", "Cs") and letter not in _TURNS)


def _each(text: str) -> Iterator[str]:
    if text.count('"') % 2:
        raise ValueError(1)
    return (one for one in _ONE_OF_MANY.findall(text) if one.strip())


def _checked(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > LONGEST_LOCAL or len(domain) > LONGEST_ADDRESS:
        raise ValueError("no address")
    if "=?" in local:  # allowed, but headers would read it as an encoded word
        raise ValueError("no address")
    host = domain if domain.isascii() else domain.encode("idna").decode()
    if not _HOST.fullmatch(host) or len(local) + 1 + len(host) > LONGEST_ADDRESS:
        raise ValueError("no address")
    return f"{local}@{host.lower()}"
