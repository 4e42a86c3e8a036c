"""Ends connections whose client does not go on: a head that never comes, a body that never ends, silence.

The core's own idle limit starts anew with every byte, and with every ping of an HTTP/2 server, so a client
that sends a byte a minute could stay for ever. What is looked at here are requests: a connection has so many
seconds to its first one, each has so many to arrive, and then something has to happen on it within the idle
limit. Tunnels and WebSockets are left to the core's limit: their bytes are nobody else's business.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, Connection
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from outgate.settings.sections import Limits

_LOOK = 1.0  # seconds between two looks


@dataclass(slots=True)
class _Connection:
    since: float  # last sign of life, in the clock's seconds
    limit: float  # seconds from then
    under_way: dict[str, tuple[http.HTTPFlow, float]] = field(default_factory=dict)  # and when each began


class Deadlines:
    """Watches every client's connection. The last addon: others set up an answer's streaming first."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._connections: dict[str, _Connection] = {}
        self._watching: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        """Learn whom to ask for connections."""
        self._addons = loader.master.addons

    def running(self) -> None:
        """Begin to look."""
        self._watching = asyncio.create_task(self._watch())

    def done(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()

    def overdue(self) -> list[str]:
        """The ids of clients whose time is up."""
        now, request = self._clock(), self._limits.request
        return [
            client
            for client, one in self._connections.items()
            if now - one.since > one.limit
            or any(_arriving(flow) and now - began > request for flow, began in one.under_way.values())
        ]

    def idle(self, seconds: float) -> list[str]:
        """The ids of clients on whose connection nothing is under way, and nothing happened for so long."""
        now = self._clock()
        return [
            client
            for client, one in self._connections.items()
            if not one.under_way and one.limit < math.inf and now - one.since >= seconds
        ]

    # --- what happens on a connection --------------------------------------------------------

    def client_connected(self, client: Client) -> None:
        """Its first request has to come."""
        self._connections[client.id] = _Connection(self._clock(), self._limits.head)

    def client_disconnected(self, client: Client) -> None:
        """It is over."""
        self._connections.pop(client.id, None)
        self._let_go(client, client)

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """So is its way on."""
        self._let_go(data.client, data.server)

    def http_connected(self, flow: http.HTTPFlow) -> None:
        """A handshake and a head have to follow."""
        self._expect(flow, self._limits.head)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """A tunnel is not looked at."""
        if isinstance(nextlayer.layer, layers.TCPLayer | layers.UDPLayer):
            self._connections.pop(nextlayer.context.client.id, None)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The body has to come; what streams through unopened is not looked at."""
        if flow.request.stream:
            self._expect(flow, math.inf)
        elif one := self._expect(flow, self._limits.idle):
            one.under_way[flow.id] = (flow, self._clock())

    def request(self, flow: http.HTTPFlow) -> None:
        """It has come."""
        self._expect(flow, math.inf if flow.request.stream else self._limits.idle)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The answer begins; every piece of it is a sign of life."""
        response = flow.response
        one = self._expect(flow, math.inf if flow.request.stream else self._limits.idle)
        if one is None or response is None or not callable(response.stream):
            return
        stream = response.stream

        def alive(data: bytes) -> Iterable[bytes] | bytes:
            one.since = self._clock()
            return stream(data)

        response.stream = alive

    def response(self, flow: http.HTTPFlow) -> None:
        """It has ended; another request has to come, unless this was the last of its kind."""
        self._expect(flow, math.inf if flow.websocket else self._limits.idle, over=True)

    def error(self, flow: http.HTTPFlow) -> None:
        """It has broken off; what is still coming of the request is not read for long."""
        self._expect(flow, self._limits.head if _arriving(flow) else self._limits.idle, over=True)

    def _expect(self, flow: http.HTTPFlow, limit: float, *, over: bool = False) -> _Connection | None:
        one = self._connections.get(flow.client_conn.id)
        if one is not None:
            if over:
                one.under_way.pop(flow.id, None)
            one.since = self._clock()
            one.limit = self._limits.idle if one.under_way else limit
        return one

    def _let_go(self, client: Client, connection: Connection) -> None:
        """Close the socket: the core forgets to when it closes a connection while more of its data comes in."""
        handler = self._handlers().get(client.id)
        left = handler.transports.get(connection) if handler else None
        if left is not None and left.writer is not None:
            left.writer.close()

    def _handlers(self) -> Mapping[Any, ConnectionHandler]:
        proxyserver: Proxyserver = self._addons.get("proxyserver")
        return proxyserver.connections

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            await self.close(self.overdue())

    async def close(self, clients: Iterable[str]) -> None:
        """End their connections."""
        for client in clients:
            del self._connections[client]
            if handler := self._handlers().get(client):
                await handler.on_timeout()


def _arriving(flow: http.HTTPFlow) -> bool:
    return flow.request.timestamp_end is None
