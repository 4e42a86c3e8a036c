"""Which connections are opened: those for hosts of the catalogue, and no others.

Owns the one decision of "open or tunnel". It looks at every name a connection carries (the address
asked for, the SNI of the ClientHello, the Host of a plain request) and opens when *any* of them is
in the catalogue: a client that CONNECTs to a bare address and names an AI host in its SNI is opened
(and then refused, because the names disagree), not passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mitmproxy.addons.next_layer import NeedsMoreData, NextLayer
from mitmproxy.connection import Client
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer, layers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tls import parse_client_hello

from outgate.gateway import wireguard
from outgate.gateway.layers import Opened

WAIT_LIMIT = 128 * 1024  # bytes of an unfinished ClientHello or request head; OpenSSL's own maximum
_SPEAKS_FIRST = frozenset({80, 443})  # ports on which the client is known to speak first
_READ = (layers.HttpLayer, layers.ClientTLSLayer, layers.ServerTLSLayer)
_REQUEST_LINE = re.compile(rb"[A-Za-z]{3,20} [^\r\n]* HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"\r?\nhost[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)


class _Close(layer.Layer):
    """Closes a connection that must neither be opened nor passed."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


class EgressNextLayer(NextLayer):
    """mitmproxy's layer choice, with our answer to "is this connection ours to open?"."""

    name = "nextlayer"

    def __init__(
        self,
        is_known: Callable[[str], bool],
        on_tunnel: Callable[[Client, Sequence[str]], None],
        parent: ServerSpec | None = None,
        admits: Callable[[Client], bool] = lambda _: True,
        passing: Callable[[Context], TCPLayer | None] = lambda _: None,
    ) -> None:
        """``admits`` says whose connections may be passed unopened, ``passing`` may have a layer of its own for one.

        ``on_tunnel`` is told of each, and of the names that it goes by.
        """
        self._is_known = is_known
        self._admits = admits
        self._on_tunnel = on_tunnel
        self._passing = passing
        self._parent = parent

    def opens_or_forwards(self, host: str) -> bool:
        """Whether a connection for ``host`` has something to wait for before it may be made."""
        return self._parent is not None or self._is_known(host)

    def _next_layer(self, context: Context, data_client: bytes, data_server: bytes) -> layer.Layer | None:
        if context.client.transport_protocol == "udp" and _port(context) == 443:
            return _Close(context)  # QUIC: clients fall back to TCP, which we can read
        if len(data_client) > WAIT_LIMIT and not context.client.tls_established:
            return _Close(context)
        if self._parent is not None and not isinstance(context.client.proxy_mode, mode_specs.UpstreamMode):
            return self._through_parent(context, data_client, data_server)
        choose = partial(self._chosen_or_counted, context, data_client, data_server)
        connected = context.server.connected and not context.client.tls_established
        if connected and not self._ignore_connection(context, data_client, data_server):
            return Opened(context, choose)
        return choose()

    def _through_parent(self, context: Context, data_client: bytes, data_server: bytes) -> layer.Layer | None:
        """The library knows a parent proxy only for clients that speak HTTP to us; this is for all others."""
        context.server.via = self._parent
        chosen = self._chosen(context, data_client, data_server)
        if not isinstance(chosen, TCPLayer):
            return chosen  # HTTP sees to it itself
        tunnel = HttpUpstreamProxy.make(context, send_connect=True)
        tunnel /= self._passing(context) or TCPLayer(context, ignore=True)
        return tunnel[0]

    def _chosen_or_counted(
        self, context: Context, data_client: bytes, data_server: bytes
    ) -> layer.Layer | None:
        chosen = self._chosen(context, data_client, data_server)
        counted = self._passing(context) if isinstance(chosen, TCPLayer) else None
        if chosen is None or counted is None:
            return chosen
        context.layers.remove(chosen)
        return counted

    def _chosen(self, context: Context, data_client: bytes, data_server: bytes) -> layer.Layer | None:
        """The library's choice, if it is one that is read, or a tunnel."""
        chosen = super()._next_layer(context, data_client, data_server)
        if chosen is None or isinstance(chosen, _READ):
            return chosen
        if getattr(chosen, "flow", chosen) is None and self._admits(context.client):
            return chosen
        if _is_look_up(context):
            return chosen
        return _Close(
            context
        )  # nobody's; or DNS, say, on an address of the catalogue: nobody would look at it

    def _ignore_connection(self, context: Context, data_client: bytes, data_server: bytes) -> bool:
        """True for a tunnel. Raises NeedsMoreData until the client has said enough to know."""
        address = context.server.address
        if _is_look_up(context):
            return False
        if address is None or isinstance(context.client.proxy_mode, mode_specs.ReverseMode):
            return False  # an explicit proxy before its CONNECT, or a port that is one provider's
        if context.client.tls_established:
            return False  # opened before
        host = str(address[0])
        if self._is_known(host):
            if len(data_client) < 3 and context.client.transport_protocol == "tcp":
                raise NeedsMoreData  # too little to tell TLS from HTTP
            return False
        # A server that speaks first speaks neither TLS nor HTTP.
        names = [] if data_server else self._names(context, data_client)
        if any(map(self._is_known, names)):
            return False
        if self._admits(context.client):
            self._on_tunnel(context.client, (*names, host))
        return True

    @staticmethod
    def _names(context: Context, data: bytes) -> list[str]:
        if context.client.transport_protocol != "tcp":
            return []
        if len(data) < 3:
            if _port(context) in _SPEAKS_FIRST:
                raise NeedsMoreData
            return []
        if starts_like_tls_record(data):
            try:
                hello = parse_client_hello(data)
            except ValueError:
                return []
            if hello is None:
                raise NeedsMoreData
            return [hello.sni] if hello.sni else []
        if data[:3].isalpha():
            return _hosts_of_request(data)
        return []


def _hosts_of_request(data: bytes) -> list[str]:
    """Every Host of a plain HTTP/1 request; waits for the whole head, so that none is missed."""
    line_end = data.find(b"\n")
    if line_end < 0:
        raise NeedsMoreData
    if not _REQUEST_LINE.match(data):
        return []
    head, found, _ = data.partition(b"\r\n\r\n")
    if not found:
        head, found, _ = data.partition(b"\n\n")
    if not found:
        raise NeedsMoreData
    hosts = [value.decode("latin-1").strip() for value in _HOST.findall(head)]
    target = data.split(b" ", 2)[1].decode("latin-1")
    if "://" in target:
        hosts.append(target.split("://", 1)[1].split("/", 1)[0])
    return hosts


def _is_look_up(context: Context) -> bool:
    """Of a WireGuard client, at the name server that we gave it: answered here, passed on to nobody."""
    in_tunnel = isinstance(context.client.proxy_mode, mode_specs.WireGuardMode)
    return in_tunnel and context.server.address == wireguard.NAMES_AT


def _port(context: Context) -> int | None:
    address: Any = context.server.address
    return int(address[1]) if address else None
