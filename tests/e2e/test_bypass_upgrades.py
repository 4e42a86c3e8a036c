"""Ways around a filter by changing the protocol on an opened connection: WebSocket, h2c, anything else."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from e2e.conftest import Proxy
from e2e.raw import head, is_closed, opened, plain, read_answer
from e2e.test_traffic import chat, post
from outgate.dlp.examples import fake
from patience import eventually
from providers.raw import RawUpstream

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"


class Socket:
    """A WebSocket client on an opened connection."""

    def __init__(self, tls: ssl.SSLSocket, **options: Any) -> None:
        self._tls = tls
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._came: list[Event] = []
        self.send(Request(host="api.openai.com", target="/v1/realtime", **options))
        accepted = self.next(AcceptConnection)
        self.extensions = accepted.extensions

    def send(self, *events: Event) -> None:
        self._tls.sendall(b"".join(map(self._ws.send, events)))

    def next[E: Event](self, kind: type[E]) -> E:
        while True:
            for event in self._came:
                if isinstance(event, kind):
                    self._came.remove(event)
                    return event
            self._ws.receive_data(self._tls.recv(65536) or None)
            self._came.extend(self._ws.events())


def at_provider(upstream: RawUpstream) -> list[Event]:
    """What a provider's WebSocket library makes of the bytes it received."""
    _, found, frames = upstream.bytes.partition(b"\r\n\r\n")
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(frames if found else b"")
    return list(connection.events())


@contextmanager
def to_raw_provider(
    make_proxy: Callable[..., Proxy], folder: Path, answer: bytes = SWITCHED, **settings: Any
) -> Iterator[tuple[Proxy, RawUpstream]]:
    with RawUpstream(folder / "raw", answer) as upstream:
        routes = {"api.openai.com": upstream.address}
        yield make_proxy(routes=routes, extra_roots=[str(upstream.root)], **settings), upstream


def test_websocket_messages_are_judged_like_bodies(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        socket = Socket(tls)
        socket.send(TextMessage('{"type":"response.create","text":"clean"}'))
        assert "echo" in socket.next(TextMessage).data
        for secret in (TextMessage(fake("GITHUB_TOKEN")), BytesMessage(fake("GITHUB_TOKEN").encode())):
            socket.send(secret)
            assert "A live credential must not leave." in socket.next(TextMessage).data
        socket.send(TextMessage(fake("GITHUB_TOKEN")[:9], message_finished=False))
        socket.send(TextMessage(fake("GITHUB_TOKEN")[9:]))
        assert "A live credential must not leave." in socket.next(TextMessage).data
    bodies = [request.body for request in proxy.received if request.method == "WEBSOCKET"]
    assert bodies == [b'{"type":"response.create","text":"clean"}']


def test_a_websocket_message_that_is_edited_arrives_edited(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        socket = Socket(tls)
        socket.send(TextMessage('{"text":"pay ' + fake("CREDIT_CARD") + '"}'))
        socket.next(TextMessage)
    assert proxy.received[-1].body == b'{"text":"pay [REDACTED CREDIT_CARD]"}'


@pytest.mark.parametrize("pieces", [1, 40])
def test_a_websocket_message_over_the_limit_is_refused_and_the_next_one_judged(
    make_proxy: Callable[..., Proxy], pieces: int
) -> None:
    proxy = make_proxy(limits={"websocket_message": 20_000})
    with opened(proxy) as tls:
        socket = Socket(tls)
        for number in range(pieces):
            socket.send(TextMessage("x" * (40_000 // pieces), message_finished=number == pieces - 1))
        assert "too large" in socket.next(TextMessage).data
        socket.send(TextMessage("clean"))
        assert "echo" in socket.next(TextMessage).data
    assert [request.body for request in proxy.received if request.method == "WEBSOCKET"] == [b"clean"]
    assert 'outgate_on_error_total{action="block",reason="too_large"} 1.0' in proxy.metrics()


def test_no_websocket_extension_is_agreed_on(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    with to_raw_provider(make_proxy, tmp_path) as (proxy, upstream), opened(proxy) as tls:
        tls.sendall(
            WSConnection(ConnectionType.CLIENT).send(
                Request(host="api.openai.com", target="/v1/realtime", extensions=[PerMessageDeflate()])
            )
        )
        assert b" 101 " in tls.recv(4096)
        assert b"sec-websocket-extensions" not in upstream.bytes.lower()


def test_control_frames_carry_nothing_to_the_provider(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    token = fake("GITHUB_TOKEN").encode()
    with to_raw_provider(make_proxy, tmp_path) as (proxy, upstream), opened(proxy) as tls:
        socket = _raw_socket(tls)
        tls.sendall(socket.send(Ping(token)))
        socket.receive_data(tls.recv(4096))
        assert [event.payload for event in socket.events() if isinstance(event, Pong)] == [token]
        tls.sendall(socket.send(Pong(token)))
        tls.sendall(socket.send(CloseConnection(4321, token.decode())))
        assert eventually(lambda: any(isinstance(one, CloseConnection) for one in at_provider(upstream)))
        events = at_provider(upstream)
    assert [(type(event), getattr(event, "payload", b"")) for event in events[:2]] == [
        (Ping, b""),
        (Pong, b""),
    ]
    assert isinstance(events[2], CloseConnection)
    assert (events[2].code, events[2].reason or "") == (4321, "")


def test_a_ping_of_the_provider_is_answered_by_the_client(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    with to_raw_provider(make_proxy, tmp_path) as (proxy, upstream), opened(proxy) as tls:
        socket = _raw_socket(tls)
        upstream.send(Connection(ConnectionType.SERVER).send(Ping(b"are you there")))
        socket.receive_data(tls.recv(4096))
        (ping,) = socket.events()
        assert isinstance(ping, Ping)
        tls.sendall(socket.send(ping.response()))
        assert eventually(lambda: at_provider(upstream))
        (pong,) = at_provider(upstream)
        assert isinstance(pong, Pong) and bytes(pong.payload) == b"are you there"


def _raw_socket(tls: ssl.SSLSocket) -> Connection:
    """A WebSocket whose handshake nobody checks."""
    key = base64.b64encode(b"0" * 16).decode()
    tls.sendall(
        head(
            "GET",
            Upgrade="websocket",
            Connection="upgrade",
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Key=key,
        )
    )
    assert b" 101 " in tls.recv(4096)
    return Connection(ConnectionType.CLIENT)


@pytest.mark.parametrize("offer", ["h2c", "H2C", "h2c, foo", "TLS/1.0", "foo"])
def test_an_offer_to_change_the_protocol_stays_here(proxy: Proxy, offer: str) -> None:
    fields = {"upgrade": offer, "connection": "upgrade, http2-settings", "http2-settings": "AAMAAABk"}
    assert post(proxy, chat("clean"), **fields).status_code == 200
    names = {name.decode().lower() for name, _ in proxy.received[-1].headers}
    assert not names & {"upgrade", "http2-settings"}


@pytest.mark.parametrize(
    ("upgrade", "fields"),
    [
        ("foo", {"Upgrade": "websocket", "Sec_WebSocket_Version": "13"}),
        ("websocket", {"Upgrade": "websocket"}),  # without its version it is none
        ("h2c", {}),
    ],
)
def test_after_a_switch_to_what_is_no_websocket_nothing_more_is_sent(
    make_proxy: Callable[..., Proxy], tmp_path: Path, upgrade: str, fields: dict[str, str]
) -> None:
    answer = SWITCHED.replace(b"websocket", upgrade.encode())
    with to_raw_provider(make_proxy, tmp_path, answer) as (proxy, upstream), opened(proxy) as tls:
        tls.sendall(head("GET", Connection="upgrade", **fields))
        tls.recv(4096)
        sent = upstream.bytes
        tls.sendall(fake("GITHUB_TOKEN").encode())
        assert is_closed(tls, 15)
        assert upstream.bytes == sent


def test_http2_prior_knowledge_on_http1_is_refused(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        tls.sendall(b"PRI * HTTP/2.0\r\nHost: api.openai.com\r\n\r\nSM\r\n\r\n")
        assert read_answer(tls).startswith(b"HTTP/1.1 400")
    assert proxy.received == []


def test_an_ai_host_is_spoken_to_in_http_alone_whatever_the_port(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    """Port 53 would be DNS to the core, and its names could be anything."""
    host = b"api.openai.com"
    query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x28" + fake("GITHUB_TOKEN").encode()[:40] + b"\0\0\x01\0\x01"
    with RawUpstream(tmp_path, b"", tls=False) as upstream:
        proxy = make_proxy(
            mode=["socks5"], connect_ports=[53], routes={"api.openai.com:53": upstream.address}
        )
        with plain(proxy) as tcp:
            tcp.sendall(b"\x05\x01\x00")
            assert tcp.recv(2) == b"\x05\x00"
            tcp.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + (53).to_bytes(2))
            assert tcp.recv(100)[:2] == b"\x05\x00"
            tcp.sendall(len(query).to_bytes(2) + query)
            assert is_closed(tcp, 15)
        assert upstream.bytes == b""


def test_a_plain_websocket_to_a_host_outside_the_catalogue_is_passed_through(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    token = fake("GITHUB_TOKEN")
    with RawUpstream(tmp_path, SWITCHED, tls=False) as upstream:
        proxy = make_proxy(
            routes={"intranet.example:80": upstream.address}, limits={"websocket_message": 20_000}
        )
        with plain(proxy) as tcp:
            tcp.sendall(
                b"GET http://intranet.example/feed HTTP/1.1\r\nHost: intranet.example\r\nUpgrade: websocket\r\n"
                b"Connection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDAw\r\n\r\n"
            )
            assert b" 101 " in tcp.recv(4096)
            client = Connection(ConnectionType.CLIENT)
            tcp.sendall(client.send(TextMessage(token)))
            # It may arrive in pieces, each of which is told as a message.
            assert eventually(lambda: "".join(str(piece.data) for piece in at_provider(upstream)) == token)
            assert all(isinstance(piece, TextMessage) for piece in at_provider(upstream))
            # What is too long is not cut off: it ends the connection.
            for _ in range(6):
                tcp.sendall(client.send(TextMessage("x" * 5000, message_finished=False)))
            assert eventually(lambda: CloseConnection(1009, "") in at_provider(upstream))
            assert "xx" not in "".join(str(getattr(piece, "data", "")) for piece in at_provider(upstream))
