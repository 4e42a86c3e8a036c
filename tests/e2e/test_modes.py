"""SOCKS and base URLs: other ways in, the same judgement."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import openai
import pytest

from e2e import ways
from e2e.conftest import Proxy
from e2e.ways import Curl
from outgate.dlp.examples import fake
from outgate.gateway import connections
from outgate.gateway.loop import GatewayLoop
from outgate.gateway.problem import GatewayError
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from providers.standin import Server

MakeProxy = Callable[..., Proxy]
CHAT = "/v1/chat/completions"


# --- SOCKS 5 -------------------------------------------------------------------------------------


def socks(make_proxy: MakeProxy, server: Server, *, by_name: bool) -> tuple[Proxy, Curl, str]:
    """A SOCKS proxy, a client of it, and the port at which the client asks for the stand-in.

    A client that looks names up itself asks for an address, so the stand-in is where that leads.
    """
    port = 443 if by_name else server.stand_in.port
    proxy = make_proxy(mode=["socks5"], connect_ports=[80, port])
    hosts = ("api.openai.com", "api.anthropic.com", "intranet.example")
    resolve = [part for host in hosts for part in ("--resolve", f"{host}:{port}:127.0.0.1")]
    options = ["--socks5-hostname"] if by_name else [*resolve, "--socks5"]
    return proxy, Curl([*options, ways.port(proxy)], ways.roots(proxy, server.root)), f":{port}"


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "address"])
def test_socks_is_judged_like_an_http_proxy(make_proxy: MakeProxy, server: Server, by_name: bool) -> None:
    proxy, curl, port = socks(make_proxy, server, by_name=by_name)
    ways.holds_to_the_policy(curl, proxy.received, f"https://api.openai.com{port}")
    ways.passes_unopened(curl, proxy.received, f"https://intranet.example{port}")
    assert "outgate_tunnels_total 1.0" in proxy.metrics()


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "address"])
def test_hosts_that_disagree_are_refused_over_socks(
    make_proxy: MakeProxy, server: Server, by_name: bool
) -> None:
    proxy, curl, port = socks(make_proxy, server, by_name=by_name)
    url = f"https://api.openai.com{port}{CHAT}"
    assert curl.post(url, ways.CLEAN, "-H", "Host: api.anthropic.com").status == 421
    assert curl.post(url, ways.CLEAN, "-H", "Host: intranet.example").status == 421
    assert proxy.received == []


def test_a_name_asked_for_over_socks_has_to_be_the_one_of_the_handshake(
    make_proxy: MakeProxy, server: Server
) -> None:
    proxy, curl, _ = socks(make_proxy, server, by_name=True)
    other = ["--connect-to", "api.openai.com:443:intranet.example:443"]
    assert curl.post(f"https://api.openai.com{CHAT}", ways.CLEAN, *other).status == 421
    assert proxy.received == []


def test_plain_http_over_socks_is_judged_by_its_host(make_proxy: MakeProxy, server: Server) -> None:
    proxy = make_proxy(
        mode=["socks5"],
        routes=dict.fromkeys(
            ("api.openai.com", "intranet.example"), f"127.0.0.1:{server.stand_in.plain_port}"
        ),
    )
    curl = Curl(["--socks5-hostname", ways.port(proxy)], ways.roots(proxy, server.root))
    ways.holds_to_the_policy(curl, proxy.received, "http://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "http://intranet.example")


@pytest.mark.parametrize("port", [22, 25, 53])
def test_socks_connects_to_the_listed_ports_only(make_proxy: MakeProxy, server: Server, port: int) -> None:
    proxy, curl, _ = socks(make_proxy, server, by_name=True)
    answer = curl.post(f"https://intranet.example:{port}/", ways.CLEAN)
    assert answer.status == 0
    assert "Can't complete SOCKS5 connection" in answer.problem
    assert proxy.received == []


# --- base URLs -----------------------------------------------------------------------------------


def base_url(make_proxy: MakeProxy, name: str = "openai", **settings: Any) -> tuple[Proxy, int]:
    port = ways.free_port()
    return make_proxy(reverse={name: port}, **settings), port


def test_a_client_with_a_base_url_is_judged(make_proxy: MakeProxy, server: Server) -> None:
    proxy, port = base_url(make_proxy)
    curl = Curl(["--noproxy", "*"], ways.roots(proxy, server.root))
    ways.holds_to_the_policy(curl, proxy.received, f"http://127.0.0.1:{port}")
    assert {request.host for request in proxy.received} == {"api.openai.com"}


def test_the_openai_client_with_a_base_url_answers_streams_and_reports_a_block(make_proxy: MakeProxy) -> None:
    proxy, port = base_url(make_proxy)
    with openai.OpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1") as client:
        message: list[Any] = [{"role": "user", "content": "hello"}]
        assert client.chat.completions.create(model="gpt-4o", messages=message).choices
        stream = client.chat.completions.create(model="gpt-4o", messages=message, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "w0 w1 w2 w3 w4 "
        before = len(proxy.received)
        message[0]["content"] = fake("GITHUB_TOKEN")
        with pytest.raises(openai.PermissionDeniedError, match="A live credential must not leave"):
            client.chat.completions.create(model="gpt-4o", messages=message)
    assert len(proxy.received) == before
    assert proxy.received[-1].header("authorization") == "Bearer k"


@pytest.mark.parametrize("host", ["api.anthropic.com", "localhost:1", "intranet.example", "api.openai.com"])
def test_a_base_url_leads_to_its_provider_whatever_the_host_header(
    make_proxy: MakeProxy, server: Server, host: str
) -> None:
    proxy, port = base_url(make_proxy)
    curl = Curl(["--noproxy", "*"], ways.roots(proxy, server.root))
    url = f"http://127.0.0.1:{port}{CHAT}"
    assert curl.post(url, ways.CLEAN, "-H", f"Host: {host}").status == 200
    assert proxy.received[-1].host == "api.openai.com"
    assert curl.post(url, ways.chat(fake("GITHUB_TOKEN")), "-H", f"Host: {host}").status == 403
    assert len(proxy.received) == 1


@pytest.mark.parametrize(
    "head",
    [
        "POST http://intranet.example/v1/chat/completions HTTP/1.1\r\nHost: intranet.example",
        "POST https://api.deepseek.com/v1/chat/completions HTTP/1.1\r\nHost: api.deepseek.com",
    ],
)
def test_a_base_url_is_no_proxy_to_elsewhere(make_proxy: MakeProxy, head: str) -> None:
    proxy, port = base_url(make_proxy)
    token = ways.chat(fake("GITHUB_TOKEN"))
    for body, status in ((ways.CLEAN, b"200"), (token, b"403")):
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            assert connection.recv(4096).split()[1] == status
    assert [request.host for request in proxy.received] == ["api.openai.com"]


def test_a_connect_to_a_base_url_is_refused(make_proxy: MakeProxy) -> None:
    proxy, port = base_url(make_proxy)
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(b"CONNECT intranet.example:443 HTTP/1.1\r\nHost: intranet.example:443\r\n\r\n")
        assert b" 200 " not in connection.recv(4096).split(b"\r\n")[0]
    assert proxy.received == []


def test_a_base_url_listens_on_this_machine_alone_and_to_the_allow_list(make_proxy: MakeProxy) -> None:
    proxy, port = base_url(make_proxy, listen="0.0.0.0:0", clients=["10.0.0.0/8"])
    assert ("127.0.0.1", port) in proxy.service.addresses
    with socket.socket() as other, pytest.raises(OSError):
        other.settimeout(5)
        other.connect(("127.0.0.2", port))
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        with pytest.raises(ConnectionError):
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096) == b""
            raise ConnectionResetError
    assert proxy.received == []


def test_a_base_url_takes_a_host_of_the_catalogue(make_proxy: MakeProxy, server: Server) -> None:
    host = "bedrock-runtime.us-east-1.amazonaws.com"
    proxy, port = base_url(make_proxy, host)
    curl = Curl(["--noproxy", "*"], ways.roots(proxy, server.root))
    assert curl.post(f"http://127.0.0.1:{port}/model/x/invoke", ways.CLEAN).status == 200
    assert proxy.received[-1].host == host
    assert f"127.0.0.1:{port}: base URL of {host}" in proxy.service.ways_in


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("azure-openai", "azure-openai has no one host. Name yours instead, such as your-own."),
        ("bedrock", "bedrock has no one host. Name yours instead, such as bedrock"),
        ("opnai", "did you mean openai?"),
        ("intranet.example", "neither a provider's id nor the host of one"),
        ("api.openai.com:443", "neither a provider's id nor the host of one"),
        ("api.openai.com/v1", "neither a provider's id nor the host of one"),
    ],
)
def test_a_base_url_of_no_one_host_says_what_to_write(
    make_proxy: MakeProxy, name: str, expected: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        make_proxy(reverse={name: ways.free_port()})
    assert expected in caught.value.message


# --- what cannot start ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mode": ["regular", "socks5"]}, "Cannot spawn multiple servers on the same address"),
        ({"mode": ["regular:x"]}, "mode takes no arguments"),
        ({"mode": ["socks5@99999"]}, "invalid port: 99999"),
    ],
)
def test_a_mode_that_cannot_be_is_refused_at_the_start(
    make_proxy: MakeProxy, settings: dict[str, Any], expected: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        make_proxy(**settings)
    assert expected in caught.value.message


def test_a_port_that_is_taken_is_told(make_proxy: MakeProxy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(GatewayError, match=f"SOCKS 5 proxy: .* failed to listen on 127.0.0.1:{port}"):
            make_proxy(mode=[f"socks5@{port}"])
        with pytest.raises(GatewayError, match=f"metrics: 127.0.0.1:{port}: Address already in use"):
            make_proxy(metrics=f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"mode": ["upstream:http://proxy.corp:3128"]}, "write `parent: http://HOST:PORT` instead"),
        ({"mode": ["reverse:tcp://api.openai.com:443"]}, "write `reverse: {openai: 8081}` instead"),
        ({"mode": ["dns"]}, "one of regular, socks5, transparent, local, wireguard is expected"),
        ({"mode": []}, "at least 1 item"),
        ({"reverse": {"openai": 70000}}, "less than or equal to 65535"),
        ({"parent": "proxy.corp"}, "is not http://HOST:PORT"),
    ],
)
def test_settings_of_modes_say_what_is_expected(values: dict[str, Any], expected: str, tmp_path: Any) -> None:
    file = tmp_path / "outgate.yaml"
    file.write_text(json.dumps(values))
    with pytest.raises(SettingsError) as caught:
        Settings.load(file)
    assert expected in caught.value.message


def test_a_way_in_beyond_loopback_needs_an_allow_list_too() -> None:
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0:1080 is open to other machines"):
        _ = Settings(mode=("regular", "socks5@0.0.0.0:1080")).client_networks
    assert Settings(mode=("regular", "socks5@127.0.0.1:1080", "local")).client_networks


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_the_allow_list_holds_for_every_way_in(make_proxy: MakeProxy, server: Server, mode: str) -> None:
    proxy = make_proxy(mode=[mode], clients=["10.0.0.0/8"])
    curl = Curl(way_in(proxy, mode), ways.roots(proxy, server.root))
    assert curl.post(f"https://api.openai.com{CHAT}", ways.CLEAN).status == 0
    assert curl.post("https://intranet.example/x", ways.CLEAN).status == 0
    assert proxy.received == []


# --- tunnels -------------------------------------------------------------------------------------


def way_in(proxy: Proxy, mode: str) -> list[str]:
    return ["--proxy", proxy.url] if mode == "regular" else ["--socks5-hostname", ways.port(proxy)]


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_server_that_speaks_first_is_heard_through_a_tunnel(make_proxy: MakeProxy, mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        proxy = make_proxy(mode=[mode], connect_ports=[port], routes={"mail.example": f"127.0.0.1:{port}"})
        told = subprocess.run(
            [
                "curl",
                "-sS",
                "-v",
                "-m",
                "10",
                "--proxytunnel",
                *way_in(proxy, mode),
                f"smtp://mail.example:{port}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "220 mail.example ready" in told.stderr
        thread.join(5)


def test_a_connect_that_leads_nowhere_says_so(make_proxy: MakeProxy) -> None:
    dead = ways.free_port()
    proxy = make_proxy(routes={"intranet.example": f"127.0.0.1:{dead}"})
    with socket.create_connection(proxy.service.addresses[0], timeout=15) as connection:
        connection.sendall(b"CONNECT intranet.example:443 HTTP/1.1\r\nHost: intranet.example:443\r\n\r\n")
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 502")
        while b"Outgate cannot connect: " not in answer:
            more = connection.recv(4096)
            assert more
            answer += more


def test_an_ai_host_is_not_connected_to_before_a_verdict(make_proxy: MakeProxy) -> None:
    dead = ways.free_port()
    proxy = make_proxy(routes={"api.openai.com": f"127.0.0.1:{dead}"})
    curl = Curl(["--proxy", proxy.url], proxy.root)
    assert curl.post(f"https://api.openai.com{CHAT}", ways.chat(fake("GITHUB_TOKEN"))).status == 403
    assert curl.post(f"https://api.openai.com{CHAT}", ways.CLEAN).status == 502


# --- this machine itself -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["regular", "socks5"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost", "here.example"])
def test_a_client_elsewhere_does_not_reach_the_proxys_own_machine(
    make_proxy: MakeProxy, server: Server, monkeypatch: pytest.MonkeyPatch, mode: str, host: str
) -> None:
    look_up = GatewayLoop.getaddrinfo

    async def names(loop: GatewayLoop, name: Any, *arguments: Any, **options: Any) -> Any:
        return await look_up(loop, "127.0.0.1" if name == "here.example" else name, *arguments, **options)

    monkeypatch.setattr(GatewayLoop, "getaddrinfo", names)
    port = server.stand_in.plain_port
    proxy = make_proxy(mode=[mode], clients=["203.0.113.0/24"], connect_ports=[443, port], routes={})
    way = (
        ["--proxytunnel", "--proxy", proxy.url]
        if mode == "regular"
        else ["--socks5-hostname", ways.port(proxy)]
    )
    curl = Curl(way, ways.roots(proxy, server.root))
    monkeypatch.setattr(connections, "address_of", lambda _: ip_address("203.0.113.9"))
    assert curl.post(f"http://{host}:{port}/x", ways.CLEAN).status in (0, 403)
    assert proxy.received == []
    if mode == "regular":  # without a CONNECT
        untunnelled = Curl(["--proxy", proxy.url], ways.roots(proxy, server.root))
        assert untunnelled.post(f"http://{host}:{port}/x", ways.CLEAN).status in (403, 502)
        assert proxy.received == []
    monkeypatch.setattr(connections, "address_of", lambda _: ip_address("127.0.0.1"))
    here = make_proxy(mode=[mode], connect_ports=[443, port], routes={})
    way[-1] = here.url if mode == "regular" else ways.port(here)
    assert Curl(way, curl.roots).post(f"http://{host}:{port}/x", ways.CLEAN).status == 200


def test_what_the_administrator_routes_may_be_on_the_proxys_own_machine(
    make_proxy: MakeProxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = make_proxy(clients=["203.0.113.0/24"])
    monkeypatch.setattr(connections, "address_of", lambda _: ip_address("203.0.113.9"))
    curl = Curl(["--proxy", proxy.url], ways.roots(proxy, server.root))
    ways.holds_to_the_policy(curl, proxy.received, "https://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "https://intranet.example")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_that_names_its_target_itself_goes_to_the_listed_ports_only(
    make_proxy: MakeProxy, server: Server, scheme: str
) -> None:
    proxy = make_proxy(routes={"intranet.example": f"127.0.0.1:{server.stand_in.plain_port}"})
    with socket.create_connection(proxy.service.addresses[0], timeout=15) as connection:
        connection.sendall(
            f"GET {scheme}://intranet.example:25/ HTTP/1.1\r\nHost: intranet.example\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")
    assert proxy.received == []
