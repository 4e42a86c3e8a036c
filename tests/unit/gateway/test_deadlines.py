"""When a connection has had its time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow
from mitmproxy.options import Options
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow, tutils
from mitmproxy.websocket import WebSocketData

from outgate.gateway.deadlines import Deadlines
from outgate.settings.sections import Limits

LIMITS = Limits(head=10, request=100, idle=1000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadlines(clock: Clock) -> Deadlines:
    return Deadlines(LIMITS, clock)


@pytest.fixture
def client(deadlines: Deadlines) -> Iterator[Client]:
    client = tflow.tclient_conn()
    deadlines.client_connected(client)
    yield client


def flow_of(client: Client) -> HTTPFlow:
    flow = tflow.tflow()
    flow.client_conn = client
    flow.request.timestamp_end = None
    return flow


def arrived(deadlines: Deadlines, flow: HTTPFlow) -> None:
    flow.request.timestamp_end = 1.0
    deadlines.request(flow)


def test_a_client_has_so_long_to_its_first_request(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    clock.now = 10
    assert deadlines.overdue() == []
    clock.now = 10.1
    assert deadlines.overdue() == [client.id]


def test_a_connect_begins_the_time_anew(deadlines: Deadlines, clock: Clock, client: Client) -> None:
    clock.now = 9
    deadlines.http_connected(flow_of(client))
    clock.now = 19
    assert deadlines.overdue() == []
    clock.now = 19.1
    assert deadlines.overdue() == [client.id]


def test_each_request_has_so_long_to_arrive(deadlines: Deadlines, clock: Clock, client: Client) -> None:
    first, second = flow_of(client), flow_of(client)
    deadlines.requestheaders(first)
    clock.now = 90
    deadlines.requestheaders(second)
    arrived(deadlines, second)
    clock.now = 100
    assert deadlines.overdue() == []
    clock.now = 101
    assert deadlines.overdue() == [client.id]
    arrived(deadlines, first)
    assert deadlines.overdue() == []


def test_an_answer_may_be_silent_for_as_long_as_the_idle_limit(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    flow = flow_of(client)
    deadlines.requestheaders(flow)
    arrived(deadlines, flow)
    clock.now = 1000
    assert deadlines.overdue() == []
    deadlines.responseheaders(flow)
    clock.now = 2000
    assert deadlines.overdue() == []
    clock.now = 2001
    assert deadlines.overdue() == [client.id]


def test_every_piece_of_an_answer_is_a_sign_of_life(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    flow = flow_of(client)
    deadlines.requestheaders(flow)
    arrived(deadlines, flow)
    flow.response = tutils.tresp()
    flow.response.stream = lambda data: [data, b"!"]
    deadlines.responseheaders(flow)
    for _ in range(10):
        clock.now += 900
        assert deadlines.overdue() == []
        assert flow.response.stream(b"x") == [b"x", b"!"]
    clock.now += 1001
    assert deadlines.overdue() == [client.id]


def test_one_exchange_that_lives_keeps_the_others_of_its_connection(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    silent, living = flow_of(client), flow_of(client)
    for flow in (silent, living):
        deadlines.requestheaders(flow)
        arrived(deadlines, flow)
    clock.now = 900
    deadlines.response(living)
    clock.now = 1800
    assert deadlines.overdue() == []


def test_what_is_still_coming_of_a_refused_request_is_not_read_for_long(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    flow = flow_of(client)
    deadlines.requestheaders(flow)
    deadlines.error(flow)
    clock.now = 10.1
    assert deadlines.overdue() == [client.id]


def test_a_websocket_is_left_to_the_cores_own_limit(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    flow = flow_of(client)
    deadlines.requestheaders(flow)
    arrived(deadlines, flow)
    flow.websocket = WebSocketData()
    deadlines.response(flow)
    clock.now = 1e6
    assert deadlines.overdue() == []


def test_what_streams_through_unopened_is_left_to_the_cores_own_limit(
    deadlines: Deadlines, clock: Clock, client: Client
) -> None:
    flow = flow_of(client)
    flow.request.stream = True
    deadlines.requestheaders(flow)
    clock.now = 1e5
    assert deadlines.overdue() == []
    arrived(deadlines, flow)
    deadlines.responseheaders(flow)
    clock.now = 2e5
    assert deadlines.overdue() == []
    deadlines.response(flow)
    clock.now += 1001
    assert deadlines.overdue() == [client.id]


def test_a_tunnel_is_left_to_the_cores_own_limit(deadlines: Deadlines, clock: Clock, client: Client) -> None:
    chosen = layer.NextLayer(Context(client, Options()))
    chosen.layer = layers.TCPLayer(chosen.context, ignore=True)
    deadlines.next_layer(chosen)
    clock.now = 1e6
    assert deadlines.overdue() == []
