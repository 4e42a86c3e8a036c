"""When a request is one too many."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from typing import Any, cast

import pytest
from mitmproxy.test import tflow

from outgate.gateway.entrance import Entrance, affordable
from outgate.gateway.load import Load
from outgate.gateway.sockets import Sockets
from outgate.metrics import Metrics
from outgate.settings import Settings
from outgate.settings.sections import Limits


def test_so_many_requests_are_under_way_and_one_that_is_over_makes_room() -> None:
    load = Load(Limits(requests=2))
    one, two, three = (tflow.tflow() for _ in range(3))
    assert load.admit(one) and load.admit(two) and not load.admit(three)
    load.leave(three)  # it was never in
    assert not load.admit(three)
    load.leave(one)
    load.leave(one)
    assert load.admit(three) and load.is_full


async def lagging(load: Load, stops: int, seconds: float) -> bool:
    """Whether it is full after the event loop stood still so often."""
    watching = asyncio.create_task(load.watch())
    for _ in range(stops):
        await asyncio.sleep(0.01)
        time.sleep(seconds)  # noqa: ASYNC251 - that is the point
    await asyncio.sleep(0.01)
    full = load.is_full
    watching.cancel()
    return full


async def test_an_event_loop_that_comes_too_late_again_and_again_is_overload() -> None:
    assert await lagging(Load(Limits(lag=0.05)), 4, 0.2)


async def test_one_long_stop_is_not() -> None:
    assert not await lagging(Load(Limits(lag=0.5)), 1, 0.9)


async def test_it_is_over_when_the_loop_is_in_time_again() -> None:
    load = Load(Limits(lag=0.05))
    load._late.extend([1.0, 1.0, 1.0])
    assert load.is_full
    watching = asyncio.create_task(load.watch())
    async with asyncio.timeout(20):
        while load.is_full:  # noqa: ASYNC110 - it looks ten times a second
            await asyncio.sleep(0.01)
    watching.cancel()


# --- connections -----------------------------------------------------------------------------


class Peer:
    """A connection's writer, as far as it is asked."""

    peername = None

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return self._address, 4242


@pytest.mark.parametrize(
    ("balancer", "told", "client"),
    [
        ("10.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("10.0.0.1", "127.0.0.1", None),  # the balancer's own machine, not ours
        ("127.0.0.2", "127.0.0.1", "127.0.0.1"),  # which is ours
    ],
)
async def test_a_balancer_elsewhere_makes_nobody_a_client_of_this_machine(
    balancer: str, told: str, client: str | None
) -> None:
    settings = Settings.model_validate({"proxy_protocol": ["10.0.0.1/32", "127.0.0.2/32"]})
    entrance = Entrance(settings, Metrics(), Sockets({}))
    reader = asyncio.StreamReader()
    reader.feed_data(f"PROXY TCP4 {told} 10.9.9.9 4242 8080\r\n".encode())
    found = await entrance._client(reader, cast("Any", Peer(balancer)))
    assert found == (ip_address(client) if client else None)


def test_there_are_no_more_connections_than_files_that_can_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = [100, 2000]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.__setitem__(0, both[0]))
    assert affordable(100) == 100 and limits[0] == 512 + 200  # raised to what is needed,
    assert affordable(5000) == (2000 - 512) // 2 and limits[0] == 2000  # as far as it may be
