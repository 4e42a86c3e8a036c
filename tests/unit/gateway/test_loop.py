"""How the gateway's loop connects: routes, checks and errors, on uvloop and on asyncio's own loop."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from outgate.gateway import reach
from outgate.gateway.loop import Connecting, GatewayLoop, event_loop_factory


class Plain(Connecting, asyncio.SelectorEventLoop):
    """What the gateway runs on where there is no uvloop."""


class Listener:
    """A TCP service at an address of this machine that counts who came."""

    def __init__(self, address: str) -> None:
        self._socket = socket.create_server((address, 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]

    def caller(self) -> tuple[str, int] | None:
        """The address of whoever came next, or None."""
        try:
            connection, address = self._socket.accept()
        except TimeoutError:
            return None
        connection.close()
        return address[:2]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener("127.0.0.1")
    yield listener
    listener.close()


@pytest.fixture(params=[GatewayLoop, Plain])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def run(
        work: Callable[[], Awaitable[Any]], routes: dict[str, str] | None = None, look: Any = None
    ) -> Any:
        def make() -> Connecting:
            loop = request.param()
            loop.routes = routes or {}
            if look:
                loop.getaddrinfo = look
            return loop

        async def main() -> Any:
            return await work()

        with asyncio.Runner(loop_factory=make) as runner:
            return runner.run(main())

    return run


def to(host: str, port: int, **options: Any) -> Callable[[], Awaitable[str]]:
    """A connection as the proxy core makes one; the address that it leads to."""

    async def work() -> str:
        _, writer = await asyncio.open_connection(host, port, **options)
        address: str = writer.get_extra_info("peername")[0]
        writer.close()
        await writer.wait_closed()
        return address

    return work


def answers(*found: tuple[str, int]) -> Callable[..., Awaitable[Any]]:
    """A name server that gives these at first, and then what this machine knows."""
    asked: list[str] = []

    async def look(host: str, port: int, **options: Any) -> Any:
        asked.append(host)
        if len(asked) > 1:
            return socket.getaddrinfo(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", one) for one in found]

    return look


def unused() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_the_gateway_runs_on_uvloop_where_it_is_installed() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = event_loop_factory({})()
    assert isinstance(loop, uvloop.Loop)
    loop.close()


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("route", ["api.example", "api.example:443"])
def test_a_route_leads_a_host_to_an_address_or_a_name(
    run: Callable[..., Any], listener: Listener, route: str, target: str
) -> None:
    assert run(to("API.example.", 443), routes={route: f"{target}:{listener.port}"}) == "127.0.0.1"
    assert listener.caller()


def test_a_route_of_one_port_is_none_of_another(run: Callable[..., Any], listener: Listener) -> None:
    routes = {"localhost:443": "203.0.113.1:443"}
    assert run(to("localhost", listener.port), routes=routes) == "127.0.0.1"


def test_the_route_of_a_port_goes_before_the_hosts(run: Callable[..., Any], listener: Listener) -> None:
    routes = {"api.example": f"127.0.0.1:{unused()}", "api.example:443": f"127.0.0.1:{listener.port}"}
    assert run(to("api.example", 443), routes=routes) == "127.0.0.1"


def test_a_look_up_of_a_host_knows_the_routes(run: Callable[..., Any]) -> None:
    async def look_up() -> Any:
        return await asyncio.get_running_loop().getaddrinfo("api.example", None, type=socket.SOCK_STREAM)

    found = run(look_up, routes={"api.example": "203.0.113.1:8443"})
    assert found[0][4] == ("203.0.113.1", 8443)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1"])
def test_a_confined_connection_to_this_machine_sends_nothing(
    run: Callable[..., Any], listener: Listener, host: str
) -> None:
    async def work() -> str:
        reach.confine()
        return await to(host, listener.port)()

    with pytest.raises(
        reach.OwnAddressError, match=r"^127\.0\.0\.1 is an address of the proxy's own machine$"
    ):
        run(work)
    assert listener.caller() is None


def test_a_confined_connection_goes_where_a_route_leads(run: Callable[..., Any], listener: Listener) -> None:
    async def work() -> str:
        reach.confine()
        return await to("api.example", 443)()

    assert run(work, routes={"api.example": f"127.0.0.1:{listener.port}"}) == "127.0.0.1"


def test_the_addresses_of_a_name_are_tried_in_turn(run: Callable[..., Any], listener: Listener) -> None:
    look = answers(("127.0.0.1", unused()), ("127.0.0.1", listener.port))
    assert run(to("api.example", 443), look=look) == "127.0.0.1"
    assert listener.caller()


def test_addresses_that_all_fail_are_all_told(run: Callable[..., Any]) -> None:
    async def work() -> str:
        reach.confine()
        return await to("api.example", 443)()

    with pytest.raises(OSError, match=r"Multiple exceptions: 127\.0\.0\.1 is .*, 0\.0\.0\.0 is an address"):
        run(work, look=answers(("127.0.0.1", 443), ("0.0.0.0", 443)))
    with pytest.raises(ConnectionRefusedError):
        run(to("api.example", 443), look=answers(("127.0.0.1", unused())))
    with pytest.raises(OSError, match="empty list"):
        run(to("api.example", 443), look=answers())


def test_what_a_look_up_gives_is_never_looked_up_again(run: Callable[..., Any]) -> None:
    """A name would go unchecked."""
    with pytest.raises(socket.gaierror):
        run(to("api.example", 443), look=answers(("localhost", 443)))


def test_the_parent_proxy_that_cannot_be_reached_is_named(run: Callable[..., Any]) -> None:
    port = unused()

    async def work() -> str:
        reach.toward_parent(f"127.0.0.1:{port}")
        return await to("127.0.0.1", port)()

    with pytest.raises(
        OSError, match=rf"^the parent proxy 127\.0\.0\.1:{port} cannot be reached: .*(refused|failed)"
    ):
        run(work)


def test_a_connection_starts_from_the_address_that_is_asked_for(
    run: Callable[..., Any], listener: Listener
) -> None:
    assert run(to("localhost", listener.port, local_addr=("127.0.0.1", 0))) == "127.0.0.1"
    if sys.platform == "linux":  # elsewhere loopback is one address
        run(to("127.0.0.1", listener.port, local_addr=("127.0.0.5", 0)))
        assert [listener.caller()[0] for _ in range(2)] == ["127.0.0.1", "127.0.0.5"]  # type: ignore[index]


def test_a_task_starts_at_once_where_the_proxy_core_says_so(run: Callable[..., Any]) -> None:
    async def work() -> list[str]:
        steps: list[str] = []

        async def step() -> None:
            steps.append(asyncio.current_task().get_name())  # type: ignore[union-attr]

        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        task = asyncio.create_task(step(), name="first")
        steps.append("second")
        await task
        return steps

    assert run(work) == ["first", "second"]
