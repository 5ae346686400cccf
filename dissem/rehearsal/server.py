"""The HTTP server of a stand-in, on loopback: it can drop a line, reset it, and close every line when it stops."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from dissem.rehearsal.wire import Answer, Entry, Request

if TYPE_CHECKING:
    from dissem.rehearsal.standin import Standin

LARGEST_BODY = 120_000_000  # bytes; above every limit that a platform here states
HIDDEN_HEADERS = {"authorization", "cookie", "proxy-authorization"}


class Server(ThreadingHTTPServer):
    """Knows its open lines, so that stopping can close them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, standin: Standin, port: int) -> None:
        self.standin = standin
        self.lines: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the rehearsal; nothing is printed."""


class _BadRequest(Exception):
    """The request cannot be read."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "rehearsal"
    sys_version = ""
    wbufsize = -1  # one packet for head and body: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Silent."""

    def _serve(self) -> None:
        try:
            request = self._read()
        except (_BadRequest, ValueError):
            self.close_connection = True
            self._write(Answer(400, {"error": "Bad Request"}))
            return
        answer = self.server.standin.answer(request)
        if answer is None:
            self._hang_up(reset=request.entry.fault == "reset")
        else:
            request.entry.status = answer.status
            self._write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _read(self) -> Request:
        standin = self.server.standin
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        kept = {name: standin.without_secrets(value) for name, value in headers.items() if name not in HIDDEN_HEADERS}
        entry = Entry(self.command, standin.without_secrets(target.path), standin.clock(), "", kept)
        query = parse_qs(target.query, keep_blank_values=True)
        return Request(self.command, target.path, query, headers, self._body(), entry)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        return self._exactly(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            yield self._exactly(size)
            self.rfile.readline(3)
        while self.rfile.readline(1024).strip():
            pass  # trailers

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= LARGEST_BODY:
            raise _BadRequest
        body = self.rfile.read(size)
        if len(body) < size:
            raise _BadRequest
        return body

    def _write(self, answer: Answer) -> None:
        body, kind = answer.wire()
        self.send_response(answer.status)
        headers = {name.lower(): (name, value) for name, value in answer.headers.items()}
        if kind and "content-type" not in headers:
            self.send_header("Content-Type", kind)
        for name, value in headers.values():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Only the last reference closes for real, and the reader holds one: take the descriptor away.
            os.close(self.connection.detach())
