"""Connections that were on their way elsewhere: by a firewall's redirection, and from a WireGuard tunnel.

In network namespaces of their own: a client, the gateway that Outgate runs on, and the provider.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy.dns import DNSMessage
from mitmproxy.net.dns import types

from e2e import namespaces, ways, who
from e2e.conftest import POLICY, Proxy
from e2e.namespaces import GATEWAY, NEAR, PROVIDER, Network
from e2e.ways import Curl
from programs import program
from providers.standin import HOSTS, Server

MakeProxy = Callable[..., Proxy]
CHAT = "/v1/chat/completions"
PORT = 8080

pytestmark = pytest.mark.skipif(bool(namespaces.lacking()), reason=namespaces.lacking())


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    network = Network.make()
    yield network
    network.close()


@pytest.fixture(scope="module")
def far_server(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The stand-in at the provider's address, on the ports that clients use."""
    server = Server(tmp_path_factory.mktemp("far"), PROVIDER, 443, 80, network.provider.enter)
    server.start()
    yield server
    server.stop()


def far(proxy: Proxy, server: Server) -> Proxy:
    """The proxy with what the far stand-in receives as its ``received``."""
    server.stand_in.received.clear()
    proxy.stand_in = server.stand_in
    return proxy


def by_address(proxy: Proxy, server: Server, network: Network) -> Curl:
    """A client that looks names up itself and knows of no proxy."""
    resolve = [part for host in HOSTS for n in (443, 80) for part in ("--resolve", f"{host}:{n}:{PROVIDER}")]
    return Curl(resolve, ways.roots(proxy, server.root), network.client.prefix)


@pytest.fixture
def transparent(
    make_proxy: MakeProxy, far_server: Server, network: Network
) -> Iterator[Callable[..., Proxy]]:
    program("iptables")
    rule = ("PREROUTING", "-i", "v107711", "-p", "tcp", "-m", "multiport", "--dports", "22,80,443,8443")
    rule = (*rule, "-j", "REDIRECT", "--to-ports", str(PORT))
    network.gateway.command("iptables", "-t", "nat", "-A", *rule)

    def make(policy: str = POLICY, **settings: object) -> Proxy:
        values = {
            "mode": ["transparent"],
            "listen": f"0.0.0.0:{PORT}",
            "clients": ["10.77.1.0/24"],
            "routes": {},
        }
        values |= {"extra_roots": [str(far_server.root)], **settings}
        return far(make_proxy(policy, enter=network.gateway.enter, **values), far_server)

    yield make
    network.gateway.command("iptables", "-t", "nat", "-D", *rule)


def test_redirected_connections_are_judged(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    proxy = transparent()
    curl = by_address(proxy, far_server, network)
    ways.holds_to_the_policy(curl, proxy.received, "https://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "https://intranet.example")
    ways.holds_to_the_policy(curl, proxy.received, "http://api.openai.com")
    ways.passes_unopened(curl, proxy.received, "http://intranet.example")


def test_redirected_hosts_that_disagree_are_refused(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    proxy = transparent()
    curl = by_address(proxy, far_server, network)
    for host in ("api.anthropic.com", "intranet.example"):
        answer = curl.post(f"https://api.openai.com{CHAT}", ways.CLEAN, "-H", f"Host: {host}")
        assert answer.status == 421
    assert proxy.received == []


def test_redirected_clients_off_the_allow_list_are_turned_away(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    proxy = transparent(clients=["10.99.0.0/16"])
    curl = by_address(proxy, far_server, network)
    assert curl.post(f"https://api.openai.com{CHAT}", ways.CLEAN).status == 0
    assert curl.post("https://intranet.example/x", ways.CLEAN).status == 0
    assert proxy.received == []


def test_redirected_clients_are_who_their_network_says(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    """And nobody else, whatever their headers say; with ``required``, who is nobody gets nowhere."""
    here = {"networks": {"10.77.1.0/24": {"groups": ["lab"], "device": "bench-4"}}}
    header = {"header": {"networks": ["10.77.1.0/24"]}}
    proxy = transparent(who.POLICY, identity={"required": True, "sources": [header, here]})
    curl = by_address(proxy, far_server, network)
    for scheme in ("https", "http"):
        told = curl.post(f"{scheme}://{who.MIRROR}{CHAT}", ways.CLEAN, "-H", "X-Forwarded-User: ada")
        assert b"asked by unknown on bench-4 " in told.body
        assert (
            curl.post(f"{scheme}://{who.OPEN}{CHAT}", ways.CLEAN, "-H", "X-Forwarded-User: ada").status == 200
        )
        assert proxy.received[-1].header("x-forwarded-user") is None
    ways.passes_unopened(curl, proxy.received, "https://intranet.example")


def test_redirected_clients_whom_nobody_knows_get_nowhere(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    elsewhere = {"networks": {"10.99.0.0/16": {"user": "ada"}}}
    proxy = transparent(identity={"required": True, "sources": [elsewhere]})
    curl = by_address(proxy, far_server, network)
    for scheme in ("https", "http"):
        refused = curl.post(f"{scheme}://api.openai.com{CHAT}", ways.CLEAN)
        assert refused.status == 401
        assert "lets nobody through" in refused.json()["error"]["message"]
        assert curl.post(f"{scheme}://intranet.example/x", ways.CLEAN).status == 0
    assert curl.post(f"http://{PROVIDER}:8443/", ways.CLEAN).status == 0
    assert proxy.received == []


def test_a_redirected_client_does_not_reach_the_gateway_itself(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    proxy = transparent()
    curl = by_address(proxy, far_server, network)
    for address in (GATEWAY, NEAR):  # any interface's
        assert curl.post(f"http://{address}:22/", ways.CLEAN).status == 0
    direct = curl.post(
        f"http://{GATEWAY}:{PORT}/", ways.CLEAN
    )  # the port itself: to nowhere, not in a circle
    assert direct.status in (0, 502)
    assert proxy.received == []


@contextlib.contextmanager
def greeter(network: Network, port: int) -> Iterator[None]:
    """A server at the provider's address that speaks first, as SSH and mail do."""
    ready, listener = threading.Event(), socket.socket()

    def serve() -> None:
        nonlocal listener
        network.provider.enter()
        listener = socket.create_server((PROVIDER, port))
        ready.set()
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"SSH-2.0-test\r\n")
                connection.sendall(b"got " + connection.recv(100))

    listener.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(5)
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


_TALK = """
import socket
with socket.create_connection(("{address}", {port}), timeout=10) as connection:
    print(connection.recv(100).decode().strip())
    connection.sendall(b"hello")
    print(connection.recv(100).decode())
"""


def test_a_redirected_tunnel_may_be_to_any_port_and_its_server_speak_first(
    transparent: Callable[..., Proxy], far_server: Server, network: Network
) -> None:
    """Nobody asked us for that port: it is the firewall's rules that say what is redirected."""
    transparent()
    with greeter(network, 22):
        told = network.client.command(sys.executable, "-c", _TALK.format(address=PROVIDER, port=22))
    assert told == "SSH-2.0-test\ngot hello\n"


# --- WireGuard -----------------------------------------------------------------------------------

_WITH_NAMES = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@pytest.fixture
def wireguard(make_proxy: MakeProxy, far_server: Server, network: Network) -> Iterator[Proxy]:
    proxy = make_proxy(
        enter=network.gateway.enter,
        mode=["wireguard"],
        listen=f"{GATEWAY}:51820",
        clients=["10.77.1.0/24"],
        routes=dict.fromkeys(HOSTS, f"{PROVIDER}:443"),
        extra_roots=[str(far_server.root)],
    )
    yield far(proxy, far_server)


@pytest.fixture
def client_in_tunnel(wireguard: Proxy, far_server: Server, network: Network) -> Iterator[Curl]:
    """A device whose whole traffic goes into the tunnel, set up from the file that Outgate wrote."""
    for name in ("wireguard-go", "wg"):
        program(name)
    link = f"og{os.getpid()}"
    daemon = subprocess.Popen(
        [*network.client.prefix, "wireguard-go", "-f", link],
        env={**os.environ, "LOG_LEVEL": "error"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    lines = (wireguard.folder / "state" / "wireguard-client.conf").read_text().splitlines()
    names = next(line.partition(" = ")[2] for line in lines if line.startswith("DNS"))
    address = next(line.partition(" = ")[2] for line in lines if line.startswith("Address"))
    configuration, resolver = wireguard.folder / "wg.conf", wireguard.folder / "resolv.conf"
    configuration.write_text("\n".join(line for line in lines if not line.startswith(("Address", "DNS"))))
    resolver.write_text(f"nameserver {names}\n")
    wait_until(lambda: Path(f"/var/run/wireguard/{link}.sock").exists())
    network.client.command("wg", "setconf", link, str(configuration))
    network.client.command("ip", "addr", "add", address, "dev", link)
    network.client.command("ip", "link", "set", link, "up")
    for target in (f"{PROVIDER}/32", f"{names}/32", f"{NEAR}/32"):
        network.client.command("ip", "route", "add", target, "dev", link)
    inside = (*network.client.prefix, "unshare", "-m", "sh", "-c", _WITH_NAMES, str(resolver))
    yield Curl([], ways.roots(wireguard, far_server.root), inside)
    daemon.terminate()
    daemon.wait(10)


def wait_until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_device_in_a_wireguard_tunnel_is_judged(wireguard: Proxy, client_in_tunnel: Curl) -> None:
    """Its client list is the key: the addresses inside the tunnel are not those of ``clients``."""
    ways.holds_to_the_policy(client_in_tunnel, wireguard.received, "https://api.openai.com")
    ways.passes_unopened(client_in_tunnel, wireguard.received, "https://intranet.example")
    url = f"https://api.openai.com{CHAT}"
    before = len(wireguard.received)
    assert client_in_tunnel.post(url, ways.CLEAN, "-H", "Host: api.anthropic.com").status == 421
    gateway = client_in_tunnel.post(f"http://{NEAR}:{PORT}/", ways.CLEAN)  # Outgate's own machine
    assert gateway.status == 0
    assert len(wireguard.received) == before


def test_look_ups_in_the_tunnel_are_answered_with_addresses_alone(
    wireguard: Proxy, client_in_tunnel: Curl, network: Network
) -> None:
    assert ask_name(network, types.A) == [PROVIDER]
    for kind in (types.HTTPS, types.TXT, types.MX):  # HTTPS: no way to QUIC or an encrypted ClientHello
        assert ask_name(network, kind) == []


_ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(10)
    asking.sendto(bytes.fromhex(sys.argv[1]), ("10.0.0.53", 53))
    print(asking.recv(4096).hex())
"""


def ask_name(network: Network, kind: int) -> list[str]:
    """The addresses in the answer to a question for ``api.openai.com`` from within the tunnel."""
    header = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0)  # RFC 1035, 4.1: recursion desired, one question
    question = b"\x03api\x06openai\x03com\x00" + struct.pack("!HH", kind, 1)
    told = network.client.command(sys.executable, "-c", _ASK, (header + question).hex())
    answer = DNSMessage.unpack(bytes.fromhex(told))
    assert answer.response_code == 0
    return [str(record.ipv4_address) for record in answer.answers]


def test_wireguard_starts_and_its_files_are_for_us_alone(wireguard: Proxy) -> None:
    state = wireguard.folder / "state"
    for file in (state / "ca" / "wireguard.conf", state / "wireguard-client.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"Endpoint = {GATEWAY}:51820" in (state / "wireguard-client.conf").read_text()
    assert any("WireGuard" in way and "wireguard-client.conf" in way for way in wireguard.service.ways_in)
