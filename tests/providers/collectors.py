"""Servers that get copies of a log: a syslog receiver, an OpenTelemetry collector, PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from programs import postgres_programs
from providers.standin import certificates

# RFC 5424, section 6: the header, one element of structured data, and the message.
MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    rb'\[(\S+?)((?: [^ ="\]]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] (.*)',
    re.DOTALL,
)
PARAMETER = re.compile(rb' ([^ ="\]]+)="((?:[^"\\\]]|\\["\\\]])*)"')


@dataclass(frozen=True)
class Message:
    """A syslog message, taken apart."""

    priority: int
    time: str
    kind: str
    element: str
    data: dict[str, str]
    values: dict[str, Any]

    @classmethod
    def of(cls, received: bytes) -> Message:
        found = MESSAGE.fullmatch(received)
        assert found, received[:300]
        priority, when, _host, application, _process, kind, element, data, text = found.groups()
        assert application == b"outgate"
        told = {
            name.decode(): re.sub(rb"\\(.)", rb"\1", value).decode()
            for name, value in PARAMETER.findall(data)
        }
        return cls(int(priority), when.decode(), kind.decode(), element.decode(), told, json.loads(text))


@dataclass
class SyslogServer:
    """Receives over TCP or TLS; keeps what came in connections that were ended in order."""

    context: ssl.SSLContext | None = None
    port: int = 0
    die_after: int | None = None  # bytes of a connection, then it goes down with the rest unread
    messages: list[Message] = field(default_factory=list)
    connections: int = 0
    _listener: socket.socket | None = None

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(10)
                with suppress(OSError):
                    self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        data = b""
        while part := connection.recv(4096):
            data += part
            if self.die_after is not None and len(data) >= self.die_after:
                self.stop()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.close()
                return
        self.messages += map(Message.of, frames(data))
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()


def frames(data: bytes) -> Iterator[bytes]:
    """The messages of a stream, by octet counting (RFC 5425, 4.3)."""
    while data:
        size, _, rest = data.partition(b" ")
        assert re.fullmatch(rb"[1-9][0-9]*", size), data[:100]
        assert len(rest) >= int(size)
        yield rest[: int(size)]
        data = rest[int(size) :]


def tls_of(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The root that vouches for localhost, and a server's side."""
    root, leaf, key = certificates(folder, ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    return root, context


@dataclass
class Collector:
    """Receives OTLP over HTTP. What it answers is what ``script`` says, one call a request; then 200."""

    port: int = 0
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    script: list[Callable[[Handler], None]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _connections: list[socket.socket] = field(default_factory=list)

    def start(self, context: ssl.SSLContext | None = None) -> None:
        collector = self

        class Bound(Handler):
            def setup(self) -> None:
                super().setup()
                collector._connections.append(self.connection)

            def do_POST(self) -> None:
                collector.handle(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Bound)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for connection in self._connections:  # that would otherwise serve on
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle(self, handler: Handler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.times.append(time.monotonic())
        if self.script:
            self.script.pop(0)(handler)
            return
        self.requests.append((dict(handler.headers), body))
        handler.answer(200, {})

    def records(self) -> list[dict[str, Any]]:
        """All log records that were taken."""
        return [
            record
            for _, body in self.requests
            for resource in body["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


def value_of(told: dict[str, Any]) -> Any:
    """An AnyValue of OTLP's JSON encoding, as what it stands for."""
    if not told:
        return None
    ((kind, value),) = told.items()
    match kind:
        case "stringValue" | "boolValue" | "doubleValue":
            return value
        case "intValue":
            assert isinstance(value, str)
            return int(value)
        case "arrayValue":
            return [value_of(item) for item in value["values"]]
        case "kvlistValue":
            return attributes_of(value["values"])
    raise AssertionError(kind)


def attributes_of(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: value_of(item["value"]) for item in told}


@dataclass
class Database:
    """A PostgreSQL server of its own, with TLS, as a user who is nobody."""

    programs: Path
    folder: Path
    root: Path
    port: int
    user: str | None
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.folder / "data"],
            user=self.user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            ready = subprocess.run(
                [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL did not start")

    def kill(self) -> None:
        """At once, as a power cut would: what was not committed is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None


@contextmanager
def database() -> Iterator[Database]:
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="outgate-postgres-"))
    user = "nobody" if os.geteuid() == 0 else None  # the server refuses to be root
    try:
        folder.chmod(0o755)
        root, leaf, key = certificates(folder, ("localhost",))
        password = folder / "password"
        password.write_text("made-up-password\n")
        if user is not None:
            for file in (folder, leaf, key, password):
                shutil.chown(file, user)
        key.chmod(0o600)
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "outgate", "--no-sync", "-E", "UTF8",
             "--auth=scram-sha-256", f"--pwfile={password}", "--locale=C"],
            user=user, check=True, stdout=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        lines = (
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n"
            f"ssl = on\nssl_cert_file = '{leaf}'\nssl_key_file = '{key}'\nmax_connections = 20\n"
            "shared_buffers = '16MB'\n"
        )
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(lines)
        (folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        server = Database(programs, folder, root, port, user)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
