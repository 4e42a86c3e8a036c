"""A proxy that is told to stop: nothing that is under way is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from e2e.conftest import Proxy
from e2e.raw import Http2, head, is_closed, opened, plain, read_answer
from e2e.test_traffic import chat, post
from patience import eventually


def drain(proxy: Proxy, patience: float) -> None:
    assert proxy.loop is not None
    proxy.loop.call_soon_threadsafe(proxy.service.drain, patience)


def test_what_is_under_way_is_finished_and_idle_connections_are_ended(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy(workers={"drain": 20})
    service, body = proxy.service, chat("hello")
    request = head(Content_Length=str(len(body))) + body
    with opened(proxy) as kept, opened(proxy) as idle, opened(proxy, alpn=["h2"]) as many:
        for tls in (kept, idle):
            tls.sendall(request)
            assert read_answer(tls).startswith(b"HTTP/1.1 200")
        proxy.stand_in.hold = True
        multiplexed = Http2(many)
        stream = multiplexed.request()
        multiplexed.send(stream, chat("two", stream=True))
        answers: list[httpx.Response] = []
        streaming = threading.Thread(target=lambda: answers.append(post(proxy, chat("three", stream=True))))
        streaming.start()
        assert eventually(lambda: len(proxy.received) == 4)

        drain(proxy, 2.0)
        assert eventually(lambda: not service.ready()[0])

        def refused() -> bool:
            try:
                plain(proxy).close()
            except ConnectionRefusedError:
                return True
            return False

        assert eventually(refused)
        kept.sendall(request)  # a request on a connection that was there before
        answer = read_answer(kept)
        assert answer.startswith(b"HTTP/1.1 200") and b"\r\nconnection: close\r\n" in answer.lower()
        assert is_closed(kept, 5)
        assert is_closed(idle, 15)
        assert streaming.is_alive() and stream not in multiplexed.ended

        proxy.stand_in.gate.set()
        streaming.join(20)
        assert answers[0].content.endswith(b"[DONE]\n\n")
        multiplexed.wait(stream)
        assert multiplexed.statuses[stream] == 200 and multiplexed.bodies[stream].endswith(b"[DONE]\n\n")
        while multiplexed.last is None:
            multiplexed.pump()
        assert multiplexed.last == stream and is_closed(many, 10)
    assert len(proxy.events(5)) == 5


def test_what_takes_too_long_is_cut_off(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(workers={"drain": 1})
    proxy.stand_in.hold = True
    try:
        with opened(proxy) as tls:
            body = chat("one", stream=True)
            tls.sendall(head(Content_Length=str(len(body))) + body)
            assert eventually(lambda: len(proxy.received) == 1)
            drain(proxy, 0.1)
            tls.settimeout(20)
            with pytest.raises((OSError, StopIteration)):
                while True:
                    if not tls.recv(65536):
                        raise StopIteration
    finally:
        proxy.stand_in.gate.set()
    with pytest.raises(OSError):
        socket.create_connection(proxy.service.addresses[0], 5).close()
