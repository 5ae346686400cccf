"""A receiver of apprise's JSON notifications (`json://`), such as people put up to take what apprise sends.

It takes what the plugin documents and nothing else: version 1.0, title, message, attachments and type, with the user
and password of the address as Basic authentication.
Source: https://appriseit.com/services/json/
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any, ClassVar

from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, Standin, route
from dissem.rehearsal.wire import Answer, Denied, Request

LONGEST = 32_768  # characters of a message, as many as the plugin passes on
FIELDS: Mapping[str, type] = {"version": str, "title": str, "message": str, "attachments": list, "type": str}
ATTACHMENT: Mapping[str, type] = {"filename": str, "base64": str, "mimetype": str}
TYPES = ("info", "success", "warning", "failure")


def _refused(status: int, reason: str) -> Denied:
    return Denied(Answer(status, {"error": reason}))


class AppriseStandin(Standin):
    """`AppriseStandin()` takes notifications for its room at `address`."""

    name: ClassVar[str] = "apprise"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        super().__init__(
            accounts=(Account("1", "ruang-humas", "Ruang Humas", "gladi-apprise-rahasia"),), port=port, now=now
        )
        self._taken = 0

    @property
    def address(self) -> str:
        """As apprise writes it, password included."""
        return f"json://{self.accounts[0].handle}:{self.token}@127.0.0.1:{self.port}/kabar"

    @route("POST", "/kabar", label="publish")
    def take(self, request: Request) -> Answer:
        self._known(request)
        if request.type != "application/json":
            raise _refused(415, "Content-Type must be application/json")
        told = _object(request.json(), FIELDS)
        if told["version"] != "1.0" or told["type"] not in TYPES:
            raise _refused(422, "version or type is not what it should be")
        words = "\n\n".join(text for text in (told["title"], told["message"]) if text)
        media = tuple(_file(one) for one in told["attachments"])
        if not (words or media) or len(told["message"]) > LONGEST:
            raise _refused(422, "message is empty or too long")
        self._taken += 1
        url = f"{self.url}/kabar/{self._taken}"
        self.show(request, Live(self.accounts[0].handle, str(self._taken), url, words, self.clock(), media))
        return Answer(204)

    def _known(self, request: Request) -> None:
        """401 unless user and password are the room's."""
        account = self.accounts[0]
        expected = base64.b64encode(f"{account.handle}:{account.token}".encode()).decode()
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(f"Basic {expected}".encode(), given.encode()):
            raise Denied(self.token_expired(request))

    @route("GET", "/kabar/{number}")
    def page(self, request: Request) -> Answer:
        """A message as people in the room see it."""
        live = self.find(request.params["number"])
        if live is None:
            return Answer(404, document("404", "<h1>Pesan tidak ditemukan</h1>"))
        media = "".join(figure(one) for one in live.media)
        return Answer(200, document(live.account, f"<article><p>{escape(live.text)}</p>{media}</article>"))

    def token_expired(self, request: Request) -> Answer:
        return Answer(401, {"error": "Unauthorized"}, {"WWW-Authenticate": 'Basic realm="kabar"'})


def _file(told: Any) -> Stored:
    known = _object(told, ATTACHMENT)
    try:
        content = base64.b64decode(known["base64"], validate=True)
    except (binascii.Error, ValueError):
        raise _refused(422, "an attachment is not base64") from None
    return Stored(content, sniff(content) or known["mimetype"])


def _object(value: Any, known: Mapping[str, type]) -> Mapping[str, Any]:
    """*value* if it is an object with these fields, of these types, and no others; else 422."""
    if not isinstance(value, dict) or set(value) != set(known):
        raise _refused(422, f"not an object of {', '.join(known)}")
    for name, kind in known.items():
        if not isinstance(value[name], kind):
            raise _refused(422, f"{name} is of another type")
    return value
