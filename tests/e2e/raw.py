"""A client without an HTTP library: bytes to the proxy, and bytes back."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import h2.config
import h2.connection
import h2.events

from e2e.conftest import Proxy


def connect(proxy: Proxy, authority: str) -> socket.socket:
    """A connection after its CONNECT."""
    connection = plain(proxy)
    connection.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert b" 200 " in answer.split(b"\r\n", 1)[0]
    return connection


def plain(proxy: Proxy) -> socket.socket:
    """A connection to the proxy."""
    host, port = proxy.service.addresses[0]
    return socket.create_connection((host, port), timeout=15)


@contextmanager
def opened(
    proxy: Proxy, host: str = "api.openai.com", *, sni: str | None = None, alpn: list[str] | None = None
) -> Iterator[ssl.SSLSocket]:
    """TLS inside a CONNECT to ``host``."""
    context = ssl.create_default_context(cafile=str(proxy.root))
    if sni is not None and sni != host:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    with (
        connect(proxy, f"{host}:443") as connection,
        context.wrap_socket(connection, server_hostname=sni or host) as tls,
    ):
        yield tls


def head(method: str = "POST", path: str = "/v1/chat/completions", **headers: str) -> bytes:
    """The head of a request to OpenAI; ``_`` in a name stands for ``-``."""
    fields = {"Host": "api.openai.com", "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a Content-Length, or whatever comes until the end."""
    data = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65536):
            data += chunk
            top, found, body = data.partition(b"\r\n\r\n")
            lengths = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if found and lengths and len(body) >= int(lengths[0].split(b":")[1]):
                break
    return data


def is_closed(connection: socket.socket, within: float) -> bool:
    """Whether the other side ends the connection in so many seconds; what it says until then is dropped."""
    end = time.monotonic() + within
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


class Http2:
    """HTTP/2 over an opened connection: many requests at a time, and anything that one may do wrong."""

    def __init__(self, tls: ssl.SSLSocket, *, careless: bool = False) -> None:
        """``careless``: send what the protocol does not allow."""
        assert tls.selected_alpn_protocol() == "h2"
        self._tls = tls
        checks = dict.fromkeys(("validate_outbound_headers", "normalize_outbound_headers"), not careless)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(**checks))
        self.connection.initiate_connection()
        self.statuses: dict[int, int] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()  # streams, however
        self.reset: set[int] = set()
        self.last: int | None = (
            None  # the last stream that is served, when the other side ends the connection
        )
        self.flush()

    def request(
        self,
        method: str = "POST",
        path: str = "/v1/chat/completions",
        *,
        host: str = "api.openai.com",
        more: Sequence[tuple[str, str]] = (),
        end: bool = False,
    ) -> int:
        """Send a head, with ``more`` fields after the first four; the stream."""
        stream = self.connection.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":path", path), (":authority", host)]
        fields += [*more, ("content-type", "application/json")]
        self.connection.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def send(self, stream: int, body: bytes, *, end: bool = True) -> None:
        """Send a body, as fast as the other side lets us."""
        while body:
            while not self.connection.local_flow_control_window(stream):
                self.pump()
            size = min(self.connection.local_flow_control_window(stream), 16384, len(body))
            self.connection.send_data(stream, body[:size], end_stream=end and size == len(body))
            body = body[size:]
            self.flush()

    def wait(self, *streams: int) -> None:
        """Read until these have ended."""
        while not self.ended.issuperset(streams):
            self.pump()

    def pump(self) -> None:
        """Read once."""
        data = self._tls.recv(65536)
        assert data, "the connection has ended"
        for event in self.connection.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
                case h2.events.DataReceived():
                    self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.ConnectionTerminated():
                    self.last = event.last_stream_id
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset():
                    self.ended.add(event.stream_id)
                    self.reset.add(event.stream_id)
        self.flush()

    def flush(self) -> None:
        """Send what is waiting to be."""
        self._tls.sendall(self.connection.data_to_send())
