"""Addresses of this machine, however they are spelled and whatever the name servers say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from mitmproxy.connection import Client, Server
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from outgate.gateway import reach
from outgate.gateway.connections import Connections
from outgate.gateway.loop import event_loop_factory
from outgate.settings.sections import LOOPBACK

ELSEWHERE = "203.0.113.9"  # a client on another machine


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "[::1]", "0.0.0.0", "0.0.0.1", "::"),
        *("::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::127.0.0.1", "::ffff:0.0.0.0"),
        *("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"),
        *("168.63.129.16", "100.100.100.200"),
    ],
)
def test_every_spelling_of_an_own_address_is_known(host: str) -> None:
    assert reach.is_own(host)


@pytest.mark.parametrize("host", ["203.0.113.1", "10.255.0.1", "2001:db8::1", "api.openai.com", "127.1", ""])
def test_other_addresses_and_names_are_not_own(host: str) -> None:
    assert not reach.is_own(host)


def test_addresses_of_the_machines_own_interfaces_are_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # sends nothing; asks the system which address it would use
        except OSError:
            pytest.skip("this machine has no address but loopback")
        assert reach.is_own(probe.getsockname()[0])


# --- at the socket -------------------------------------------------------------------------------

Look = Callable[..., Any]


@pytest.fixture
def service() -> Iterator[socket.socket]:
    """Something on this machine that only this machine should reach."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        yield listener


def connect(
    client: str,
    host: str,
    port: int,
    *,
    look: Look | None = None,
    routes: dict[str, str] | None = None,
    mode: str = "regular",
    parent: tuple[str, int] | None = None,
) -> str | None:
    """What the proxy core does to connect: the hook, then the connection in the same task. Its error."""
    connections = Connections(LOOPBACK, [443], lambda _: None, ("http", parent) if parent else None)
    client_connection = Client(
        peername=(client, 40000), sockname=("0.0.0.0", 8080), proxy_mode=mode_specs.ProxyMode.parse(mode)
    )

    async def open_connection() -> str | None:
        loop = asyncio.get_running_loop()
        if look:
            loop.getaddrinfo = look  # type: ignore[method-assign]
        data = ServerConnectionHookData(server=Server(address=(host, port)), client=client_connection)
        connections.server_connect(data)
        if data.server.error:
            return data.server.error
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return str(error)
        writer.close()
        return None

    with asyncio.Runner(loop_factory=event_loop_factory(routes or {})) as runner:
        return runner.run(open_connection())


def answers(*addresses: str) -> Look:
    """A name server that gives these, one after the other, and the last for good."""
    left = list(addresses)

    async def look(host: Any, port: Any, **_: Any) -> Any:
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]

    return look


def untouched(service: socket.socket) -> bool:
    try:
        service.accept()[0].close()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("spelling", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "0.0.0.0"])
def test_a_client_elsewhere_does_not_reach_this_machine(service: socket.socket, spelling: str) -> None:
    error = connect(ELSEWHERE, spelling, service.getsockname()[1])
    assert error
    assert "is an address of the proxy's own machine" in error
    assert untouched(service)
    assert connect("127.0.0.1", spelling, service.getsockname()[1]) is None  # who is here reaches it anyway


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "::1", "fe80::1", "fd00:ec2::254"],
)
def test_a_name_that_leads_here_is_refused_after_its_look_up(service: socket.socket, address: str) -> None:
    error = connect(ELSEWHERE, "innocent.example", service.getsockname()[1], look=answers(address))
    assert error == f"{address} is an address of the proxy's own machine"
    assert untouched(service)


def test_a_name_server_that_changes_its_answer_gains_nothing(
    service: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever answer the connection uses is the one that is checked: they cannot be two."""
    checked: list[str] = []
    is_own = reach.is_own
    monkeypatch.setattr(reach, "is_own", lambda host: checked.append(host) or is_own(host))
    rebinding = answers("127.0.0.1", "203.0.113.1")
    assert connect(ELSEWHERE, "rebind.example", service.getsockname()[1], look=rebinding)
    assert checked == ["127.0.0.1"]
    assert untouched(service)


def test_of_several_answers_none_leads_here(service: socket.socket) -> None:
    async def look(host: Any, port: Any, **_: Any) -> Any:
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*stream, (address, port)) for address in ("0.0.0.0", "127.0.0.2", "127.0.0.1")]

    error = connect(ELSEWHERE, "many.example", service.getsockname()[1], look=look)
    assert error
    assert "own machine" in error
    assert untouched(service)


def test_a_route_of_the_administrator_may_lead_here(service: socket.socket) -> None:
    port = service.getsockname()[1]
    routes = {"api.openai.com": f"127.0.0.1:{port}"}
    assert connect(ELSEWHERE, "api.openai.com", 443, routes=routes) is None
    assert connect(ELSEWHERE, "127.0.0.1", port, routes=routes)


def test_the_parent_proxy_may_be_here_and_nothing_goes_round_it(service: socket.socket) -> None:
    port = service.getsockname()[1]
    assert connect(ELSEWHERE, "127.0.0.1", port, parent=("127.0.0.1", port)) is None
    for client in (ELSEWHERE, "127.0.0.1"):
        error = connect(client, "203.0.113.1", 443, parent=("127.0.0.1", port))
        assert error == "this would go round the parent proxy"


def test_a_source_address_inside_a_wireguard_tunnel_is_not_believed(service: socket.socket) -> None:
    error = connect("127.0.0.1", "127.0.0.1", service.getsockname()[1], mode="wireguard")
    assert error
    assert "own machine" in error
    assert untouched(service)


def test_a_check_that_fails_lets_nothing_through(
    service: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Awaitable[None]:
        raise RuntimeError

    monkeypatch.setattr(reach, "confine", broken)
    assert connect(ELSEWHERE, "127.0.0.1", service.getsockname()[1]) == "the target could not be checked"
    assert untouched(service)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "::ffff:127.0.0.1"])
def test_a_parent_proxy_is_not_asked_for_this_machine_by_a_client_elsewhere(host: str) -> None:
    client = Client(
        peername=(ELSEWHERE, 1), sockname=("0.0.0.0", 1), proxy_mode=mode_specs.ProxyMode.parse("regular")
    )
    connections = Connections(LOOPBACK, [443], lambda _: None, ("http", ("proxy.corp", 3128)))
    assert "its own machine" in str(connections.refusal(client, host, 443))
    assert connections.refusal(client, "localhost.example", 443) is None
    assert "port 25" in str(connections.refusal(client, "localhost.example", 25))
