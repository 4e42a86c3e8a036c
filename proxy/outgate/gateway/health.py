"""/metrics, /healthz, /readyz and /proxy.pac, on an address and in a thread of their own.

It answers while the event loop is busy, because it shares nothing with it but counters. Small on
purpose: one request a connection, GET and HEAD only, no bodies read, and no client can hold it up.
"""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from outgate.gateway.problem import GatewayError
from outgate.metrics import Metrics

DEFAULT_ADDRESS = "127.0.0.1:9464"
PAC = "/proxy.pac"
DEADLINE = 5.0  # seconds for a client to send its whole request
_HEAD_LIMIT = 16 * 1024  # bytes of a request's head
_CONNECTIONS = 32  # at a time
_TEXT = "text/plain; charset=utf-8"
_log = logging.getLogger(__name__)

Ready = Callable[[], tuple[bool, list[str]]]


class HealthServer:
    """Serves ``metrics``, what ``ready`` says, and the ``pac`` file if there is one.

    ``ready`` is called in a thread that is not the loop's.
    """

    def __init__(
        self, metrics: Metrics, ready: Ready, address: str = DEFAULT_ADDRESS, *, pac: str | None = None
    ) -> None:
        """Bind ``HOST:PORT`` (port 0: any free one). Raises OSError when it is taken."""
        host, _, port = address.rpartition(":")
        self._server = _Server((host.strip("[]"), int(port)), metrics, ready, pac)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="outgate-health", daemon=True
        )

    @classmethod
    def started(cls, metrics: Metrics, ready: Ready, address: str, *, pac: str | None = None) -> Self:
        """One that answers from now on. Raises GatewayError when the address is taken."""
        try:
            server = cls(metrics, ready, address, pac=pac)
        except OSError as error:
            raise GatewayError(f"metrics: {address}: {error.strerror}. Choose another address.") from None
        server.start()
        return server

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on."""
        host, port, *_ = self._server.server_address
        return str(host), int(port)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering, and give the address back."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = _CONNECTIONS

    def __init__(self, address: tuple[str, int], metrics: Metrics, ready: Ready, pac: str | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.metrics = metrics
        self.ready = ready
        self.pac = pac
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a client of the health address went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "outgate"
    sys_version = ""
    timeout = DEADLINE

    def setup(self) -> None:
        super().setup()
        # A deadline for the whole head: a time-out for each read would let a slow client stay.
        self.rfile = io.BufferedReader(io.BytesIO(self._head()))

    def do_GET(self) -> None:
        answers = {
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            PAC: self._pac if self.server.pac else None,
        }
        answer = answers.get(self.path.partition("?")[0])
        if answer is None:
            self._send(
                HTTPStatus.NOT_FOUND, b"There is /metrics, /healthz, /readyz and perhaps /proxy.pac here.\n"
            )
            return
        try:
            answer()
        except OSError:
            raise
        except Exception:
            _log.exception("%s failed", self.path.partition("?")[0])
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"failed\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # The base class answers 501 to a method it has no handler for.
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD\n", allow="GET, HEAD")
        else:
            self._send(HTTPStatus(code), b"bad request\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Scrapes are not news."""

    def _metrics(self) -> None:
        body, content_type = self.server.metrics.scrape(self.headers.get("accept", ""))
        self._send(HTTPStatus.OK, body, content_type)

    def _healthz(self) -> None:
        self._send(HTTPStatus.OK, b"ok\n")

    def _readyz(self) -> None:
        ready, problems = self.server.ready()
        if ready:
            self._send(HTTPStatus.OK, b"ready\n")
            return
        lines = "".join(f"- {problem}\n" for problem in problems)
        self._send(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready\n{lines}".encode("utf-8", "replace"))

    def _pac(self) -> None:
        assert self.server.pac is not None
        self._send(HTTPStatus.OK, self.server.pac.encode(), "application/x-ns-proxy-autoconfig")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str = _TEXT, *, allow: str = "") -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        if allow:
            self.send_header("Allow", allow)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self) -> bytes:
        """The request's head, or as much as came in time; what follows it is not read."""
        end, head = time.monotonic() + DEADLINE, b""
        while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) < _HEAD_LIMIT:
            left = end - time.monotonic()
            if left <= 0:
                return b""
            self.connection.settimeout(left)
            try:
                chunk = self.connection.recv(4096)
            except OSError:
                return b""
            if not chunk:
                return b""
            head += chunk
        self.connection.settimeout(DEADLINE)
        return head
