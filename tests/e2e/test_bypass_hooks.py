"""Ways around a filter by a hook that fails: whichever of them it is, and however it ends, nothing goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy.proxy.context import Context
from mitmproxy.tls import TlsData
from mitmproxy.websocket import WebSocketMessage
from wsproto.events import TextMessage

from e2e.conftest import Proxy
from e2e.raw import connect, head, is_closed, opened, plain, read_answer
from e2e.test_bypass_upgrades import Socket
from e2e.test_traffic import chat, post
from outgate.gateway import connections, exchanges, inspection, judge
from outgate.gateway.next_layer import EgressNextLayer
from outgate.gateway.tls import EgressTlsConfig
from patience import eventually
from providers.raw import RawUpstream


def raises(error: type[BaseException] = RuntimeError) -> Callable[..., Any]:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    return broken


def websocket_bodies(proxy: Proxy) -> list[bytes]:
    return [request.body for request in proxy.received if request.method == "WEBSOCKET"]


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_websocket_message_whose_inspection_raises_goes_nowhere(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    with opened(proxy) as tls:
        socket = Socket(tls)
        for count, (room, step) in enumerate(((exchanges, "to_exchange"), (judge, "inspect")), 1):
            with monkeypatch.context() as patch:
                patch.setattr(room, step, raises(error))
                socket.send(TextMessage("clean"))
                counted = f'outgate_on_error_total{{action="block",reason="exception"}} {count}.0'
                assert eventually(lambda counted=counted: counted in proxy.metrics()), step
        socket.send(TextMessage("the next one"))
        answers = iter(lambda: socket.next(TextMessage).data, None)
        # What broke within the pipeline is told, and nothing else comes before the next one's answer.
        assert "echo" in next(data for data in answers if "The inspection failed." not in data)
    assert websocket_bodies(proxy) == [b"the next one"]


def test_a_websocket_message_is_emptied_before_it_is_looked_at(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the handling of the failure fails: what goes on holds nothing."""
    with opened(proxy) as tls:
        socket = Socket(tls)
        with monkeypatch.context() as patch:
            patch.setattr(inspection.Inspection, "_inspect_message", raises())
            patch.setattr(WebSocketMessage, "drop", raises())
            socket.send(TextMessage("clean"))
            assert eventually(lambda: websocket_bodies(proxy))
    assert websocket_bodies(proxy) == [b""]


@pytest.mark.parametrize("what", ["request", "websocket_message"])
def test_a_hook_that_is_cancelled_ends_as_that_and_forwards_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def endless(*_: Any, **__: Any) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(3600)

    def under_way() -> list[asyncio.Task[Any]]:
        tasks = asyncio.all_tasks(loops[0]) if loops else ()
        return [task for task in tasks if f"handle_hook({what})" in task.get_name()]

    body = chat("clean")
    with opened(proxy) as tls:
        socket = Socket(tls) if what == "websocket_message" else None
        with monkeypatch.context() as patch:
            patch.setattr(judge, "inspect", endless)
            if socket:
                socket.send(TextMessage("clean"))
            else:
                tls.sendall(head(Content_Length=str(len(body))) + body)
            assert eventually(under_way)
            (hook,) = under_way()
            loops[0].call_soon_threadsafe(hook.cancel)
            assert eventually(hook.done)
    assert hook.cancelled()
    assert websocket_bodies(proxy) == [] and body not in [one.body for one in proxy.received]
    assert 'outgate_on_error_total{action="block",reason="exception"} 0.0' in proxy.metrics()


ASKS = {
    "CONNECT": b"CONNECT intranet.example:443 HTTP/1.1\r\nHost: intranet.example:443\r\n\r\n",
    "absolute form": b"GET http://intranet.example/ HTTP/1.1\r\nHost: intranet.example\r\n\r\n",
    "SOCKS": b"\x05\x01\x00\x05\x01\x00\x03\x10intranet.example\x01\xbb",
}


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_client_that_cannot_be_told_from_others_is_turned_away(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    monkeypatch.setattr(connections, "address_of", raises(error))
    with plain(proxy) as tcp:
        tcp.sendall(ASKS["CONNECT"])
        assert read_answer(tcp) == b""
    assert proxy.received == []


@pytest.mark.parametrize("way", ASKS)
@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_target_that_cannot_be_checked_is_not_connected_to(
    make_proxy: Callable[..., Proxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    error: type[BaseException],
) -> None:
    with RawUpstream(tmp_path, tls=False) as upstream:
        mode = ["socks5"] if way == "SOCKS" else ["regular"]
        proxy = make_proxy(mode=mode, routes={"intranet.example": upstream.address})
        with monkeypatch.context() as patch, plain(proxy) as tcp:
            patch.setattr(connections.Connections, "_refused", raises(error))
            tcp.settimeout(5)
            tcp.sendall(ASKS[way])
            answer = read_answer(tcp)
        assert answer.startswith(b"HTTP/1.1 403") or (way == "SOCKS" and answer[:3] != b"\x05\x00\x05\x00")
        assert upstream.received == []
        if way == "absolute form":  # that was one connection's end, and no other's
            with proxy.client() as client:
                assert client.get("http://intranet.example/").status_code == 200


@pytest.mark.parametrize("step", ["_ignore_connection", "_chosen"])
def test_a_connection_of_which_nobody_knows_what_it_is_carries_nothing(
    make_proxy: Callable[..., Proxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The library waits for more to tell it by, until the time for that is over."""
    chosen = getattr(EgressNextLayer, step)

    def broken(self: EgressNextLayer, context: Context, *more: bytes) -> Any:
        if context.server.address is None:  # the proxy's own CONNECT, before all this
            return chosen(self, context, *more)
        raise RuntimeError

    with RawUpstream(tmp_path, tls=False) as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, limits={"head": 1})
        monkeypatch.setattr(EgressNextLayer, step, broken)
        with connect(proxy, "api.openai.com:443") as tcp:
            tcp.sendall(head("GET"))
            assert is_closed(tcp, 5)
        assert upstream.bytes == b""


@pytest.mark.parametrize("hook", ["tls_start_client", "tls_start_server"])
def test_without_a_context_for_its_tls_a_connection_carries_nothing(
    make_proxy: Callable[..., Proxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    whole, breaks = getattr(EgressTlsConfig, hook), [True]

    def broken(self: EgressTlsConfig, data: TlsData) -> None:
        if breaks:
            raise RuntimeError
        whole(self, data)

    monkeypatch.setattr(EgressTlsConfig, hook, broken)  # before it is looked up, which is done once
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        with pytest.raises(httpx.HTTPError):
            post(proxy, chat("clean")).raise_for_status()
        assert upstream.received == []
        breaks.clear()
        assert post(proxy, chat("clean")).status_code == 200
