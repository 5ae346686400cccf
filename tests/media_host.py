"""A web server on loopback whose files anybody may fetch: the public address that some platforms ask for."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MediaHost:
    """`serve(bytes, type)` → the address of a file. Used as a context; *asked* are the paths that were fetched.

    It also shows the files that lie in *folder*, as a web server does, each as of the type *kind*.
    """

    def __init__(self, folder=None, kind="image/jpeg"):
        self.files, self.asked, self.folder, self.kind = {}, [], folder, kind
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, content, kind, status=200, **headers):
        """*status* and *headers* let the host misbehave."""
        path = f"/{hashlib.sha256(content).hexdigest()[:16]}-{len(self.files)}"
        self.files[path] = (status, {"Content-Type": kind, **headers}, content)
        return self.url + path

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def found(self, path):
        """Status, headers and bytes of the answer."""
        file = self.folder and self.folder / path.lstrip("/")
        if file and file.is_file():
            return 200, {"Content-Type": self.kind}, file.read_bytes()
        return self.files.get(path, (404, {}, b""))

    def _handler(host):  # noqa: N805 - two of them would be called self
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                status, headers, content = host.found(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(content)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Silent."""

        return Handler
