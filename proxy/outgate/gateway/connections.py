"""Who may connect, to which ports, and how many tunnels stand: all before any request is read."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from mitmproxy import ctx, http
from mitmproxy.connection import Client
from mitmproxy.proxy import server_hooks

from outgate.gateway.identity import address_of
from outgate.settings import IPNetwork

_STREAMS = 250  # requests that one client may have under way to one address


class Connections:
    """Client allow-list, CONNECT ports, and the count of tunnels."""

    def __init__(
        self, clients: Sequence[IPNetwork], ports: Sequence[int], on_tunnels: Callable[[bool], None]
    ) -> None:
        self._clients = tuple(clients)
        self._ports = frozenset(ports)
        self._on_tunnels = on_tunnels
        self._tunnels: set[str] = set()

    def tunnel(self, client_id: str) -> None:
        """A connection is passed through unopened."""
        if client_id not in self._tunnels:
            self._tunnels.add(client_id)
            self._on_tunnels(True)

    def client_connected(self, client: Client) -> None:
        """Turn away who is not on the list; let HTTP/2 clients have their streams."""
        try:
            address = address_of(client)
            allowed = any(address in network for network in self._clients)
        except BaseException:
            allowed = False
        if not allowed:
            client.error = "not on the client allow-list"
            return
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if handler is not None:
            # A lazy connection to an HTTP/1 server would let an HTTP/2 client have five at a time.
            handler.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(_STREAMS))

    def client_disconnected(self, client: Client) -> None:
        """A tunnel that ends is counted off."""
        if client.id in self._tunnels:
            self._tunnels.discard(client.id)
            self._on_tunnels(False)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """CONNECT only to the ports of the list: 53 would become DNS, 25 mail."""
        if flow.request.port not in self._ports:
            flow.response = _refusal(flow.request.port)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The same for requests in plain HTTP."""
        if flow.request.scheme == "http" and flow.request.port not in self._ports and not _is_reverse(flow):
            flow.response = _refusal(flow.request.port)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """A client elsewhere must not reach this machine's own services through us."""
        host = str(data.server.address[0]) if data.server.address else ""
        if address_of(data.client).is_loopback:
            return
        try:
            address = ip_address(host.strip("[]"))
            local = address.is_loopback or address.is_link_local or address.is_unspecified
        except ValueError:
            local = host.lower().rstrip(".").endswith("localhost")
        if local:
            data.server.error = "addresses of the proxy's own machine are not reachable"


def _is_reverse(flow: http.HTTPFlow) -> bool:
    return flow.client_conn.proxy_mode.type_name == "reverse"


def _refusal(port: int) -> http.Response:
    text = f"Outgate does not connect to port {port}; `connect_ports` in its settings lists those it does.\n"
    return http.Response.make(403, text, {"content-type": "text/plain; charset=utf-8"})
