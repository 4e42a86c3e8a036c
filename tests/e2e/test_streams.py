"""Long silences, and clients that leave: what lives, what ends, and what becomes free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.proxy import server as core_server

from e2e.conftest import Proxy
from e2e.raw import Http2, head, is_closed, opened, read_answer
from e2e.test_traffic import chat, post
from outgate.gateway import master
from outgate.gateway.deadlines import Deadlines
from patience import eventually
from providers.standin import HOSTS, Server

MINUTE = 60.0
HANGS = (
    "version: 1\ndetectors:\n  patterns:\n    - {entity: SLOW, pattern: '(?:a|aa)+(?<=b)|b{3}', "
    "match: [bbb], ignore: [c]}\n"
    "rules:\n  - {name: slow, detect: [SLOW], action: block}\n"
)


class Clock:
    """The time of the proxy core and of its deadlines, which can be moved on."""

    def __init__(self) -> None:
        self.moved = 0.0

    def time(self) -> float:
        return time.time() + self.moved

    async def sleep(self, seconds: float, result: Any = None) -> Any:
        end = self.time() + seconds
        while self.time() < end:  # noqa: ASYNC110 - a test moves the time
            await asyncio.sleep(0.01)
        return result

    def pass_minutes(self, minutes: int) -> None:
        """Minute by minute, so that what happens every minute does."""
        for _ in range(minutes):
            self.moved += MINUTE
            time.sleep(0.03)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    moved = SimpleNamespace(**{name: getattr(asyncio, name) for name in dir(asyncio) if name[0] != "_"})
    moved.sleep = clock.sleep
    monkeypatch.setattr(core_server, "asyncio", moved)
    monkeypatch.setattr(core_server, "time", clock)
    monkeypatch.setattr(master, "Deadlines", lambda limits: Deadlines(limits, clock.time))
    return clock


@pytest.fixture(params=["h2", "http/1.1"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A provider of either protocol, silent after its first event."""
    server = Server(tmp_path, alpn=(request.param,))
    server.start()
    server.stand_in.hold = True
    yield server
    server.stand_in.gate.set()
    server.stop()


@pytest.fixture
def silent(make_proxy: Callable[..., Proxy], provider: Server) -> Proxy:
    routes = dict.fromkeys(HOSTS, f"127.0.0.1:{provider.stand_in.port}")
    return make_proxy(routes=routes, extra_roots=[str(provider.root)], limits={"idle": 900})


def ask(tls: Any, text: str = "x") -> None:
    body = chat(text, stream=True)
    tls.sendall(head(Content_Length=str(len(body))) + body)


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_a_stream_that_is_silent_for_fourteen_minutes_is_not_cut(
    clock: Clock, silent: Proxy, provider: Server, alpn: str
) -> None:
    with opened(silent, alpn=[alpn, "h2" if alpn != "h2" else "http/1.1"]) as tls:
        if alpn == "h2":
            client = Http2(tls)
            stream = client.request()
            client.send(stream, chat("x", stream=True))
            while not client.bodies:
                client.pump()
            clock.pass_minutes(14)
            provider.stand_in.gate.set()
            client.wait(stream)
            data = client.bodies[stream]
        else:
            ask(tls)
            data = tls.recv(65536)
            while b"w0" not in data:
                data += tls.recv(65536)
            clock.pass_minutes(14)
            provider.stand_in.gate.set()
            while b"[DONE]" not in data:
                data += tls.recv(65536)
    assert data.count(b"data: ") == 6


def test_a_stream_that_is_silent_for_longer_than_the_idle_limit_is_ended(
    clock: Clock, silent: Proxy, provider: Server
) -> None:
    """Also when its server answers the core's pings: a dead process behind a load balancer that lives."""
    with opened(silent, alpn=["http/1.1", "h2"]) as tls:
        ask(tls)
        assert b" 200 " in tls.recv(65536)
        clock.pass_minutes(16)
        assert is_closed(tls, 15)
    assert provider.stand_in.disconnected.wait(5)


def test_a_connection_without_requests_is_ended_at_the_idle_limit(clock: Clock, silent: Proxy) -> None:
    with opened(silent, alpn=["http/1.1", "h2"]) as tls:
        body = chat("x")
        tls.sendall(head(Content_Length=str(len(body))) + body)
        assert read_answer(tls).startswith(b"HTTP/1.1 200")
        clock.pass_minutes(14)
        assert not is_closed(tls, 1.5)
        clock.pass_minutes(2)
        assert is_closed(tls, 15)


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_a_client_that_leaves_during_detection_frees_the_worker(
    make_proxy: Callable[..., Proxy], alpn: str
) -> None:
    proxy = make_proxy(HANGS, detection={"workers": 1, "deadline": 60})
    assert post(proxy, chat("warm up")).status_code == 200
    hanging = chat("a" * 60 + "!")
    with opened(proxy, alpn=[alpn]) as tls:
        if alpn == "h2":
            client = Http2(tls)
            stream, other = client.request(), client.request()
            client.send(stream, hanging)
            time.sleep(0.5)
            client.connection.reset_stream(stream, 8)  # CANCEL; the connection stays
            client.flush()
            began = time.monotonic()
            client.send(other, chat("clean"))
            client.wait(other)
            assert client.statuses == {other: 200}
        else:
            tls.sendall(head(Content_Length=str(len(hanging))) + hanging)
            time.sleep(0.5)
            tls.close()
            began = time.monotonic()
            assert post(proxy, chat("clean")).status_code == 200
    assert time.monotonic() - began < 15  # a second, and the start of another worker; not the deadline
    assert 'outgate_on_error_total{action="block",reason="client_left"} 1.0' in proxy.metrics()
    assert [len(one.body) for one in proxy.received] == [len(chat("warm up")), len(chat("clean"))]


def test_a_client_that_leaves_while_it_waits_for_a_worker_takes_its_place_in_the_queue_along(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy(HANGS, detection={"workers": 1, "deadline": 60})
    assert post(proxy, chat("warm up")).status_code == 200
    hanging = chat("a" * 60 + "!")
    with opened(proxy) as first, opened(proxy) as second:
        first.sendall(head(Content_Length=str(len(hanging))) + hanging)
        time.sleep(0.5)
        second.sendall(head(Content_Length=str(len(hanging))) + hanging)
        assert eventually(lambda: "outgate_detection_queue_depth 1.0" in proxy.metrics())
        second.close()
        assert eventually(lambda: "outgate_detection_queue_depth 0.0" in proxy.metrics())
