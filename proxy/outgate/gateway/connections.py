"""Who may connect, where to, and how many tunnels stand: all before any request is read."""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Callable, Sequence

from mitmproxy import ctx, http
from mitmproxy.connection import Client, Server
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy import mode_specs, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer

from outgate.gateway import reach
from outgate.gateway.identity import address_of
from outgate.gateway.shadow import ShadowWatch
from outgate.settings.sections import IPNetwork

log = logging.getLogger("outgate")

_STREAMS = 250  # requests that one client may have under way to one address
_NAMES_PORT = 53
# Modes in which a client names the target to us.
_ASKING = (mode_specs.RegularMode, mode_specs.UpstreamMode, mode_specs.Socks5Mode)


class Connections:
    """Client allow-list, ports, this machine's own addresses, the parent proxy, and the count of tunnels."""

    def __init__(
        self,
        clients: Sequence[IPNetwork],
        ports: Sequence[int],
        on_tunnels: Callable[[bool], None],
        parent: ServerSpec | None = None,
        shadow: ShadowWatch | None = None,
    ) -> None:
        self._shadow = shadow
        self._clients = tuple(clients)
        self._ports = frozenset(ports)
        self._on_tunnels = on_tunnels
        self._parent = parent
        self._parent_fails = False
        self._tunnels: set[str] = set()

    def tunnel(self, client: Client, names: Sequence[str]) -> None:
        """A connection is passed through unopened that goes by these names."""
        if client.id not in self._tunnels:
            self._tunnels.add(client.id)
            self._on_tunnels(True)
            if self._shadow is not None:
                self._shadow.tunnel(client, names)

    def passing(self, context: Context) -> TCPLayer | None:
        """What passes a tunnel of TCP through, where it is not the library's."""
        return None if self._shadow is None else self._shadow.layer(context)

    def client_connected(self, client: Client) -> None:
        """Turn away who is not on the list; let HTTP/2 clients have their streams."""
        try:
            allowed = _has_credential(client) or any(address_of(client) in net for net in self._clients)
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
            if self._shadow is not None:
                self._shadow.client_disconnected(client)

    def refusal(self, client: Client, host: str, port: int) -> str | None:
        """Why a client may not ask us for this target, or None.

        Only where a client asks: what is redirected to us was on its way there without us.
        """
        try:
            return self._refused(client, host, port)
        except BaseException:
            return "Outgate could not check this target."

    def _refused(self, client: Client, host: str, port: int) -> str | None:
        if port not in self._ports:
            return f"Outgate does not connect to port {port}; `connect_ports` in its settings lists those it does."
        # Names are looked up, and then refused, when we connect; those that a parent proxy looks up are not.
        if not _is_here(client) and (reach.is_own(host) or (self._parent and _is_localhost(host))):
            return "Outgate does not connect to addresses of its own machine; `routes` in its settings may."
        return None

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """CONNECT only to the ports of the list: 53 would become DNS, 25 mail."""
        refused = self.refusal(flow.client_conn, flow.request.host, flow.request.port)
        if refused:
            flow.response = _refusal(refused)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The same for requests that name their target themselves, without a CONNECT."""
        if isinstance(flow.client_conn.proxy_mode, _ASKING):
            self.http_connect(flow)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Every connection of ours passes here before it is made."""
        try:
            data.server.error = self._confined(data.client, data.server)
        except BaseException:
            data.server.error = "the target could not be checked"

    def _confined(self, client: Client, server: Server) -> str | None:
        """Why this connection may not be made, or None; then it is checked again at the socket."""
        assert server.address
        host, port = server.address[:2]
        if self._parent is not None:
            if (host, port) == self._parent[1]:
                reach.toward_parent(f"{host}:{port}")
                return None
            # Look-ups of redirected clients are not what a parent proxy carries; all else goes through it.
            is_look_up = server.transport_protocol == "udp" and port == _NAMES_PORT
            if not is_look_up:
                return "this would go round the parent proxy"
        if _is_here(client):
            return None
        reach.confine()
        if server.transport_protocol == "udp" and reach.is_own(host):  # not a socket of the event loop's
            return "addresses of the proxy's own machine are not reachable"
        return None

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """The parent proxy answers (again)."""
        if self._is_parent(data.server) and self._parent_fails:
            self._parent_fails = False
            log.warning("the parent proxy can be reached again")

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Told once, not once a request."""
        if self._is_parent(data.server) and not self._parent_fails:
            self._parent_fails = True
            log.error("%s. Nothing leaves until it can.", data.server.error)

    def _is_parent(self, server: Server) -> bool:
        return self._parent is not None and server.address == self._parent[1]


def _is_here(client: Client) -> bool:
    """Whether a client runs on this machine, as far as its connection can be believed."""
    if isinstance(client.proxy_mode, mode_specs.LocalMode):
        return True
    if isinstance(client.proxy_mode, mode_specs.WireGuardMode):
        return False  # inside the tunnel a peer writes whatever source address it likes
    return address_of(client).is_loopback


def _has_credential(client: Client) -> bool:
    """Whether the way in vouches for a client: it is a process of this machine, or holds the key."""
    return isinstance(client.proxy_mode, (mode_specs.LocalMode, mode_specs.WireGuardMode))


def _is_localhost(host: str) -> bool:
    return f".{host.lower().rstrip('.')}".endswith(".localhost")


def _refusal(text: str) -> http.Response:
    return http.Response.make(403, f"{text}\n", {"content-type": "text/plain; charset=utf-8"})
