"""The redirect that ends a browser login: judged by one rule, whether it comes to our loopback port or is pasted.

Only a GET to the very redirect address counts, with the state of this login once and a code once; everything else on
the port is a stranger, who gets a plain page and changes nothing. Nothing of a query is ever shown again but an error
code of letters.
"""

import hmac
import re
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from dissem.channels.login import Ask
from dissem.errors import NotAllowed, WrongInput
from dissem.i18n import _, language

HOST, PATH = "127.0.0.1", "/callback/"
LIFE = 600.0  # seconds in which a login has to come back
LONGEST = 8192  # letters of a redirect


class Stranger(WrongInput):
    """Not an answer to the login that was begun here."""


class Declined(NotAllowed):
    """The platform, or the person there, says no."""


def code_in(address: str, ask: Ask) -> str:
    """The code in the redirect *address*. Raises Stranger unless it answers *ask*, Declined if the answer is no."""
    try:
        came, expected = urlsplit(address.strip()[: LONGEST + 1]), urlsplit(ask.redirect)
        given = parse_qs(came.query, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise _stranger() from error
    if came[:3] != expected[:3] or len(address) > LONGEST:
        raise _stranger()
    state, codes, errors = (given.get(name, []) for name in ("state", "code", "error"))
    if len(state) != 1 or not hmac.compare_digest(state[0].encode(), ask.state.encode()):
        raise _stranger()
    if errors and not codes:
        raise _declined(errors[0])
    if errors or len(codes) != 1 or not codes[0]:
        raise _stranger()
    return codes[0]


def _stranger() -> Stranger:
    return Stranger(
        "This is not the answer to the login that was begun here.",
        hint="Use the address shown by this command, in one browser, and paste all of the address it ends at.",
    )


def _declined(code: str) -> Declined:
    shown = code if re.fullmatch(r"[A-Za-z_]{1,60}", code) else "…"
    return Declined(
        "The platform did not let the person in: {code}",
        hint="Begin again: dissem channel connect",
        code=shown,
    )


def too_late() -> WrongInput:
    return WrongInput("The login took longer than ten minutes.", hint="Begin again: dissem channel connect")


class Loopback:
    """Listens on the loopback address for the one redirect of one login.

    with Loopback(port) as door:
        ask = Ask(door.redirect)
        code = door.code(ask, shown=lambda: ...)
    """

    def __init__(self, port: int = 0, *, name: str = HOST, path: str = PATH) -> None:
        try:
            self._server = _Server((HOST, port), _Page)
        except OSError as error:
            raise WrongInput(
                "Port {port} of this machine cannot be listened on.",
                hint="Choose another with --port, or end what uses it.",
                port=port,
            ) from error
        self.redirect = f"http://{name}:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def code(self, ask: Ask, *, seconds: float = LIFE) -> str:
        """Wait for the redirect. Raises Declined, or WrongInput after *seconds*."""
        self._server.ask, self._server.language = ask, language.get()
        thread = Thread(target=self._server.serve_forever, args=(0.05,), name="redirect", daemon=True)
        thread.start()
        try:
            if not self._server.answered.wait(seconds):
                raise too_late()
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
        if isinstance(self._server.result, Declined):
            raise self._server.result
        return str(self._server.result)


class _Server(ThreadingHTTPServer):
    """A thread for each line: browsers open some on which they say nothing."""

    daemon_threads = True
    allow_reuse_address = False
    ask: Ask
    language = "id"

    def __init__(self, *options: Any) -> None:
        self.answered, self.result = Event(), ""
        self._lock = Lock()
        super().__init__(*options)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nobody's trouble."""

    def judge(self, target: str, host: str) -> tuple[int, str]:
        """Status and sentence for a request; the first that answers the login is kept."""
        try:
            # A page elsewhere that had its name lead to us would come with that name.
            found: Any = code_in(f"http://{host}{target}", self.ask)
        except Declined as error:
            found = error
        except Stranger as error:
            return 400, str(error)
        with self._lock:
            if self.result:
                return 409, _("This login was answered already.")
            self.result = found
        if isinstance(found, Declined):
            return 403, str(found)
        return 200, _("dissem has the answer and goes on by itself. You can close this window.")


class _Page(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0
    server_version, sys_version = "dissem", ""

    def do_GET(self) -> None:
        token = language.set(self.server.language)
        try:
            self._show(*self.server.judge(self.path, self.headers.get("Host", "")))
        finally:
            language.reset(token)
            if self.server.result:
                self.server.answered.set()  # after the page was written: the port closes now

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Every other method, and what cannot be read: nothing of it is repeated."""
        self._show(code, "dissem")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Silent: a request line holds a code."""

    def _show(self, status: int, sentence: str) -> None:
        page = f"<!doctype html><meta charset=utf-8><title>dissem</title><p>{escape(sentence)}</p>\n".encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)
