"""Behind a parent proxy: everything goes through it, whichever way it came in, and nothing round it."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
from wsproto import ConnectionType, WSConnection, events

from e2e import ways
from e2e.conftest import Proxy
from e2e.ways import Curl
from outgate.dlp.examples import fake
from patience import eventually
from providers.parent import ParentProxy
from providers.standin import HOSTS, Server

MakeProxy = Callable[..., Proxy]


@pytest.fixture
def make_parent(server: Server) -> Iterator[Callable[..., ParentProxy]]:
    running: list[ParentProxy] = []

    def make(tls: bool = False) -> ParentProxy:
        addresses = {f"{host}:443": server.stand_in.port for host in HOSTS}
        addresses |= dict.fromkeys(HOSTS, server.stand_in.plain_port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if context:
            context.load_cert_chain(server.certificate, server.key)
        parent = ParentProxy(addresses, context)
        parent.start()
        running.append(parent)
        return parent

    yield make
    for parent in running:
        parent.stop()


@pytest.fixture
def parent(make_parent: Callable[..., ParentProxy]) -> ParentProxy:
    return make_parent()


def explicit(proxy: Proxy, server: Server) -> Curl:
    return Curl(["--proxy", proxy.url], ways.roots(proxy, server.root))


def test_opened_hosts_and_tunnels_go_through_the_parent(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    proxy = make_proxy(parent=f"http://127.0.0.1:{parent.port}", routes={})
    curl = explicit(proxy, server)
    ways.holds_to_the_policy(curl, proxy.received, "https://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "https://intranet.example")
    assert parent.asked == ["CONNECT api.openai.com:443"] * 2 + ["CONNECT intranet.example:443"]


def test_plain_http_goes_through_the_parent_too(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    proxy = make_proxy(parent=f"http://127.0.0.1:{parent.port}", routes={})
    curl = explicit(proxy, server)
    ways.passes_unopened(curl, proxy.received, "http://intranet.example")
    ways.holds_to_the_policy(curl, proxy.received, "http://api.openai.com")
    chat = "POST http://api.openai.com/v1/chat/completions"
    assert parent.asked == ["POST http://intranet.example/x", chat, chat]
    for host in ("intranet.example", "api.openai.com"):
        assert (
            curl.post(f"http://{host}/x", ways.CLEAN, "-H", "Proxy-Authorization: Basic YTpi").status == 200
        )
        assert proxy.received[-1].header("proxy-authorization") is None


def test_a_parent_that_speaks_tls_is_verified(
    make_proxy: MakeProxy, make_parent: Callable[..., ParentProxy], server: Server
) -> None:
    parent = make_parent(tls=True)
    proxy = make_proxy(parent=f"https://localhost:{parent.port}", routes={})
    ways.holds_to_the_policy(explicit(proxy, server), proxy.received, "https://api.openai.com")
    assert parent.asked == ["CONNECT api.openai.com:443"] * 2
    stranger = make_proxy(parent=f"https://localhost:{parent.port}", routes={}, extra_roots=[])
    answer = explicit(stranger, server).post("https://api.openai.com/v1/chat/completions", ways.CLEAN)
    assert answer.status == 502
    assert "`extra_roots`" in answer.json()["error"]["message"]
    assert len(parent.asked) == 2


def test_a_regular_proxy_on_a_port_of_its_own_goes_through_the_parent(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    mode = f"regular@127.0.0.1:{ways.free_port()}"
    proxy = make_proxy(mode=[mode], parent=f"http://127.0.0.1:{parent.port}")
    curl = explicit(proxy, server)
    assert curl.post("https://api.openai.com/v1/chat/completions", ways.CLEAN).status == 200
    assert parent.asked == ["CONNECT api.openai.com:443"]


def test_socks_clients_go_through_the_parent(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    proxy = make_proxy(mode=["socks5"], parent=f"http://127.0.0.1:{parent.port}", routes={})
    curl = Curl(["--socks5-hostname", ways.port(proxy)], ways.roots(proxy, server.root))
    ways.holds_to_the_policy(curl, proxy.received, "https://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "https://intranet.example")
    assert parent.asked == ["CONNECT api.openai.com:443"] * 2 + ["CONNECT intranet.example:443"]


def test_a_base_url_goes_through_the_parent(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    port = ways.free_port()
    proxy = make_proxy(reverse={"openai": port}, parent=f"http://127.0.0.1:{parent.port}", routes={})
    curl = Curl(["--noproxy", "*"], ways.roots(proxy, server.root))
    ways.holds_to_the_policy(curl, proxy.received, f"http://127.0.0.1:{port}")
    assert parent.asked == ["CONNECT api.openai.com:443"] * 2


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_parent_that_is_down_is_told_and_nothing_goes_direct(
    make_proxy: MakeProxy, server: Server, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead = ways.free_port()
    proxy = make_proxy(mode=[mode], parent=f"http://127.0.0.1:{dead}")  # direct, all hosts would be reached
    way = ["--proxy", proxy.url] if mode == "regular" else ["--socks5-hostname", ways.port(proxy)]
    curl = Curl(way, ways.roots(proxy, server.root))
    with caplog.at_level(logging.ERROR, logger="outgate"):
        opened = curl.post("https://api.openai.com/v1/chat/completions", ways.CLEAN)
        tunnel = curl.post("https://intranet.example/x", ways.CLEAN)
        plain = curl.post("http://intranet.example/x", ways.CLEAN)
    told = f"the parent proxy 127.0.0.1:{dead} cannot be reached"
    assert opened.status == 502
    assert "The parent proxy" in opened.json()["error"]["message"]
    assert "cannot be reached" in opened.json()["error"]["message"]
    assert tunnel.status == 0
    assert plain.status == (502 if mode == "regular" else 0)
    assert proxy.received == []
    assert len(caplog.records) == 1  # not one a request
    assert told in caplog.text


def test_websocket_messages_are_judged_behind_a_parent(make_proxy: MakeProxy, parent: ParentProxy) -> None:
    proxy = make_proxy(parent=f"http://127.0.0.1:{parent.port}", routes={})
    clean, secret = (f'{{"type":"response.create","text":"{text}"}}' for text in ("x", fake("GITHUB_TOKEN")))
    host, port = proxy.service.addresses[0]
    with socket.create_connection((host, port), timeout=15) as plain:
        plain.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n")
        assert b" 200 " in plain.recv(4096)
        with proxy.ssl.wrap_socket(plain, server_hostname="api.openai.com") as tls:
            ws = WSConnection(ConnectionType.CLIENT)
            tls.sendall(ws.send(events.Request(host="api.openai.com", target="/v1/realtime")))
            ws.receive_data(tls.recv(4096))
            tls.sendall(ws.send(events.TextMessage(clean)) + ws.send(events.TextMessage(secret)))
            told = ""
            while "A live credential must not leave." not in told:
                ws.receive_data(tls.recv(4096))
                told += "".join(e.data for e in ws.events() if isinstance(e, events.TextMessage))
    assert eventually(lambda: proxy.received)
    assert [request.body for request in proxy.received] == [clean.encode()]
    assert parent.asked == ["CONNECT api.openai.com:443"]


def test_what_the_parent_refuses_does_not_go_direct(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    parent.refuse = True
    proxy = make_proxy(parent=f"http://127.0.0.1:{parent.port}")
    curl = explicit(proxy, server)
    opened = curl.post("https://api.openai.com/v1/chat/completions", ways.CLEAN)
    assert opened.status == 502
    assert "does not let this host through" in opened.json()["error"]["message"]
    assert curl.post("https://intranet.example/x", ways.CLEAN).status == 0
    assert curl.post("http://intranet.example/x", ways.CLEAN).status == 403
    assert proxy.received == []


def test_hosts_that_disagree_are_refused_behind_a_parent(
    make_proxy: MakeProxy, parent: ParentProxy, server: Server
) -> None:
    proxy = make_proxy(parent=f"http://127.0.0.1:{parent.port}")
    url = "https://api.openai.com/v1/chat/completions"
    answer = explicit(proxy, server).post(url, ways.CLEAN, "-H", "Host: api.anthropic.com")
    assert answer.status == 421
    refused = explicit(proxy, server).post("https://api.openai.com:25/", ways.chat(fake("GITHUB_TOKEN")))
    assert refused.status == 0
    assert "403" in refused.problem
    assert (proxy.received, parent.asked) == ([], [])
