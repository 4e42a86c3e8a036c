"""A web server of policy bundles: HTTPS, validators, and whatever a hostile one would answer."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from providers.standin import certificates


@dataclass
class BundleServer:
    """``files``: path -> content. ``asked``: the path and the status of each request."""

    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    always: int = 0  # a status that every request is answered with
    redirect: str = ""
    drip: str = ""  # head or body: what never ends, a byte at a time
    gate: threading.Event | None = None  # nothing is answered before it is set

    def __enter__(self) -> Self:
        self.root, certificate, key = certificates(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}/policies.tar.gz"

    def publish(self, bundle: bytes, signature: bytes) -> None:
        self.files = {"/policies.tar.gz": bundle, "/policies.tar.gz.sig": signature}

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if server.gate is not None:
                    server.gate.wait(60)
                if server.drip:
                    self._drip()
                    return
                content = server.files.get(self.path)
                etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"' if content is not None else ""
                status = server.always or (404 if content is None else 200)
                if status == 200 and self.headers.get("if-none-match") == etag:
                    status = 304
                if server.redirect:
                    status = 302
                server.asked.append((self.path, status))
                self.send_response(status)
                if server.redirect:
                    self.send_header("location", server.redirect)
                body = content if status == 200 and content is not None else b""
                self.send_header("etag", etag)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _drip(self) -> None:
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if server.drip == "body" else b""))
                    for _ in range(400):
                        self.wfile.write(b"x")
                        time.sleep(0.05)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        return Handler
