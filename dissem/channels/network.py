"""Where requests may go: judged by address, not by name. Apart from the client, which costs start-up time."""

import ipaddress
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urlsplit

from dissem.channels.errors import Unauthorized

# Told how many bytes of a file have left, while it leaves; set by whoever wants to show it.
uploaded: ContextVar[Callable[[int], None] | None] = ContextVar("uploaded", default=None)

_RESERVED = tuple(ipaddress.ip_network(n) for n in ("192.0.0.0/24", "64:ff9b::/96", "2002::/16", "2001::/32"))


@dataclass(frozen=True)
class Network:
    """Where requests may go: public https addresses, and *allow_hosts* (also private, also plain http)."""

    allow_hosts: frozenset[str] = frozenset()

    def judge(self, host: str, port: int) -> str:
        """One address of *host* to connect to, after all of its addresses were found public."""
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if host not in self.allow_hosts and not all(_is_public(a) for a in found):
            raise _forbidden(host)
        return found[0]

    def check(self, url: str) -> None:
        """Raise Unauthorized unless *url* is https, or its host is allowed."""
        try:
            parts = urlsplit(url)
            scheme, host = parts.scheme, parts.hostname or ""
        except ValueError:
            scheme, host = "", ""
        if not host or (scheme != "https" and not (scheme == "http" and host in self.allow_hosts)):
            raise _forbidden(host or "…")  # never the whole address: it may hold a token


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    # is_global alone lets multicast, NAT64 and 6to4 forms of private addresses through
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or any(ip in n for n in _RESERVED))


def _forbidden(host: str) -> Unauthorized:
    return Unauthorized(
        "The address {host} is not a public https address, so dissem does not send anything there.",
        hint="If it is meant, add it to allow_hosts under [network] in config.toml.",
        host=host,
    )
