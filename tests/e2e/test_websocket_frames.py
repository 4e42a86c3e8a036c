"""Frames of a WebSocket: what nothing changes keeps its own, what is told besides comes in its turn."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from mitmproxy.proxy.events import DataReceived
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.extensions import PerMessageDeflate

from e2e.conftest import Proxy, proxies
from e2e.raw import head, opened
from e2e.test_reversible import MAIL, POLICY
from e2e.test_websockets import deltas, place, says
from outgate.gateway import ahead
from outgate.gateway.judge import Judge
from outgate.model import Exchange, Outcome, Verdict
from patience import eventually
from providers.raw import RawUpstream
from providers.standin import Server

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
DEFLATE = "permessage-deflate"
LIMIT = 5000  # bytes of a message


@pytest.fixture(scope="module")
def sides(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, RawUpstream]]:
    folder = tmp_path_factory.mktemp("frames")
    with RawUpstream(folder / "raw", SWITCHED) as upstream, proxies(server, folder) as make:
        routes, roots = {"api.openai.com": upstream.address}, [str(upstream.root)]
        yield make(POLICY, routes=routes, extra_roots=roots, limits={"websocket_message": LIMIT}), upstream


@contextmanager
def switched(
    sides: tuple[Proxy, RawUpstream], answer: bytes = b"\r\n"
) -> Iterator[tuple[Connection, ssl.SSLSocket, RawUpstream]]:
    """A client that sees frames, and a provider that sends them."""
    proxy, upstream = sides
    upstream.answer = SWITCHED + answer
    with opened(proxy) as tls:
        upgrade = {"Upgrade": "websocket", "Connection": "upgrade", "Sec_WebSocket_Version": "13"}
        offer = {"Sec_WebSocket_Key": "MDAwMDAwMDAwMDAwMDAwMA==", "Sec_WebSocket_Extensions": DEFLATE}
        tls.sendall(head("GET", "/v1/realtime", **upgrade, **offer))
        told = tls.recv(4096)
        assert b" 101 " in told
        assert b"extensions" not in told.lower() + upstream.received[-1].lower()
        yield Connection(ConnectionType.CLIENT), tls, upstream


def events_of(client: Connection, tls: ssl.SSLSocket, count: int) -> list[Event]:
    """So many events of the client's side, frames one by one."""
    events: list[Event] = []
    while len(events) < count:
        data = tls.recv(65536)
        client.receive_data(data or None)
        events += client.events()
    return events


def placeholder_of(upstream: RawUpstream) -> str:
    """The one that the provider has received."""
    found: list[str] = []

    def look() -> bool:
        _, _, frames = bytes(upstream.received[-1]).partition(b"\r\n\r\n")
        provider = Connection(ConnectionType.SERVER)
        provider.receive_data(frames)
        data = "".join(str(event.data) for event in provider.events() if isinstance(event, TextMessage))
        found[:] = re.findall(r"EMAIL_ADDRESS_\w+", data)
        return bool(found)

    assert eventually(look)
    return found[0]


def test_frames_that_nothing_changes_and_what_is_told_between_them(sides: tuple[Proxy, RawUpstream]) -> None:
    with switched(sides) as (client, tls, upstream):
        provider = Connection(ConnectionType.SERVER)
        tls.sendall(client.send(TextMessage(says(MAIL))))
        made = placeholder_of(upstream)
        # In frames of its own, with a refusal of ours in the middle of it.
        upstream.send(provider.send(TextMessage('{"a": "é', message_finished=False)))
        upstream.send(provider.send(TextMessage("中", message_finished=False)))
        tls.sendall(client.send(TextMessage("x" * (LIMIT + 1))))
        (refused,) = events_of(client, tls, 1)
        assert isinstance(refused, TextMessage) and "too large" in refused.data
        upstream.send(provider.send(TextMessage('"}')) + provider.send(BytesMessage(b"\x00\xff")))
        assert [event.data for event in events_of(client, tls, 4)] == ['{"a": "é', "中", '"}', b"\x00\xff"]
        # All at once: the rest of the text comes before its end, and that before what follows.
        end = {"type": "response.output_text.done", **place(0), "text": made}
        rest = json.dumps({"type": "response.output_text.delta", **place(0), "delta": MAIL})
        for kind in (TextMessage, BytesMessage):
            told = [*deltas("output_text", [made]), json.dumps(end), '{"type": "response.done"}', '{"b": 1}']
            data = told if kind is TextMessage else map(str.encode, told)
            upstream.send(b"".join(provider.send(kind(one)) for one in data))
            events = events_of(client, tls, 5)
            assert all(isinstance(event, kind) for event in events)
            first, *others = [json.loads(event.data) for event in events]
            assert first["delta"] == ""
            assert others == [json.loads(rest), {**end, "text": MAIL}, {"type": "response.done"}, {"b": 1}]


def unseen() -> int:
    """Bytes that the proxy has read, and that nobody has looked at."""
    return sum(len(one.data) for one in gc.get_objects() if isinstance(one, DataReceived))


@pytest.mark.parametrize("faster", ["client", "provider"])
def test_what_is_said_while_a_message_is_judged_does_not_pile_up(
    faster: str, sides: tuple[Proxy, RawUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who says it has to wait, and all of it arrives in the end."""
    judging, decided, judged = threading.Event(), threading.Event(), Judge.verdict

    async def slow(self: Judge, exchange: Exchange) -> Verdict:
        judging.set()
        if not decided.is_set():
            await asyncio.to_thread(decided.wait, 30)
        return await judged(self, exchange)

    with switched(sides) as (client, tls, upstream):
        monkeypatch.setattr(Judge, "verdict", slow)
        speaker = client if faster == "client" else Connection(ConnectionType.SERVER)
        said = [speaker.send(TextMessage(f"{number} {'x' * 4000}")) for number in range(800)]

        def speak() -> None:
            for one in said:
                tls.sendall(one) if faster == "client" else upstream.send(one)

        tls.settimeout(60)
        tls.sendall(Connection(ConnectionType.CLIENT).send(TextMessage("first")))
        assert judging.wait(20)
        speaking = threading.Thread(target=speak)
        speaking.start()
        before, held = -1, 0
        while before < held or not held:  # until nothing more is read
            time.sleep(1)
            before, held = held, unseen()
        decided.set()
        assert 2**20 <= held <= 2 * 2**20
        if faster == "client":
            size = len(upstream.received[-1].partition(b"\r\n\r\n")[0]) + sum(map(len, said))
            assert eventually(lambda: len(upstream.received[-1]) > size + len("first"), 60)
            provider = Connection(ConnectionType.SERVER)
            provider.receive_data(bytes(upstream.received[-1]).partition(b"\r\n\r\n")[2])
            heard = list(provider.events())[1:]
        else:
            heard = events_of(client, tls, len(said))
        texts = [event.data for event in heard if isinstance(event, TextMessage)]
        assert [one.partition(" ")[0] for one in texts] == [str(number) for number in range(len(said))]
        speaking.join(20)


def test_who_cannot_be_made_to_wait_is_cut_off_and_the_provider_hears_no_more_of_it(
    sides: tuple[Proxy, RawUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where connections come in over WireGuard: nobody can stop the reading there."""
    judging, decided = threading.Event(), threading.Event()

    async def slow(self: Judge, exchange: Exchange) -> Verdict:
        judging.set()
        await asyncio.to_thread(decided.wait, 30)
        return Verdict(Outcome.REFUSE, 503)

    monkeypatch.setattr(ahead, "transport_of", lambda *_: None)
    with switched(sides) as (client, tls, upstream):
        monkeypatch.setattr(Judge, "verdict", slow)
        told = len(upstream.received[-1])
        tls.sendall(client.send(TextMessage("first")))
        assert judging.wait(20)
        piece = client.send(TextMessage("x" * 4000)) * 100
        with pytest.raises(OSError):
            for _ in range(100):  # 40 MB
                tls.sendall(piece)
        assert unseen() <= ahead.MOST
        decided.set()
        assert eventually(lambda: unseen() == 0)
        assert len(upstream.received[-1]) <= told + 20  # the end of the connection


def test_what_a_provider_compresses_unasked_is_not_unpacked(sides: tuple[Proxy, RawUpstream]) -> None:
    packs = f"Sec-WebSocket-Extensions: {DEFLATE}\r\n\r\n".encode()
    with switched(sides, packs) as (client, tls, upstream):
        deflate = PerMessageDeflate()
        deflate.finalize(DEFLATE)
        upstream.send(Connection(ConnectionType.SERVER, [deflate]).send(TextMessage("x" * 4000)))
        (closed,) = events_of(client, tls, 1)
        assert isinstance(closed, CloseConnection) and closed.code == 1002


def test_a_message_of_a_provider_that_is_too_long_ends_the_connection(
    sides: tuple[Proxy, RawUpstream],
) -> None:
    with switched(sides) as (client, tls, upstream):
        provider = Connection(ConnectionType.SERVER)
        upstream.send(
            b"".join(provider.send(TextMessage("x" * 100, message_finished=False)) for _ in range(90))
        )
        (closed,) = events_of(client, tls, 1)
        assert isinstance(closed, CloseConnection) and closed.code == 1009
