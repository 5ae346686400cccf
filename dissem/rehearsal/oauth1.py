"""Signatures of OAuth 1.0a (RFC 5849, HMAC-SHA1), as a server verifies them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from dissem.rehearsal.wire import Request


def signature(request: Request, given: Mapping[str, str], consumer_secret: str, token_secret: str) -> str:
    """HMAC-SHA1 over method, address as received and every parameter but a multipart or JSON body (RFC 5849, 3.4)."""
    pairs = [(name, value) for name, value in given.items() if name not in ("oauth_signature", "realm")]
    pairs += [(name, value) for name, values in request.query.items() for value in values]
    if request.type == "application/x-www-form-urlencoded":
        pairs += [(name, value) for name, values in request.form().fields.items() for value in values]
    listed = "&".join(f"{name}={value}" for name, value in sorted((_escape(n), _escape(v)) for n, v in pairs))
    address = f"http://{request.headers.get('host', '').lower().removesuffix(':80')}{request.path}"
    base = "&".join((request.method, _escape(address), _escape(listed)))
    key = f"{_escape(consumer_secret)}&{_escape(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def authorization(value: str) -> dict[str, str]:
    """The parameters of an `Authorization: OAuth …` header; a name given twice is an error, so nothing is returned."""
    pairs = re.findall(r'(\w+)="([^"]*)"', value.partition(" ")[2])
    return {name: unquote(text) for name, text in pairs} if len({name for name, _ in pairs}) == len(pairs) else {}


def _escape(text: str) -> str:
    return quote(text, safe="-._~")
