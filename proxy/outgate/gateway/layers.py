"""Where the proxy core's own layers do not do what we need: our versions, put in their place.

The core connects late, because nothing of an opened connection may go upstream before a verdict. A
connection that is not opened has no verdict to wait for: where we can tell, it is made first, so
that one that cannot be made is told as that, and a server that speaks first (SSH, mail) is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, http
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer, mode_servers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpStream

if TYPE_CHECKING:
    from outgate.gateway.connections import Connections
    from outgate.gateway.identity import Identities
    from outgate.gateway.next_layer import EgressNextLayer

_EARLY = 256 * 1024  # bytes that a SOCKS client may send before its password has been looked at
_CLIENT_FIRST = frozenset({80, 443})  # by these ports alone we know who speaks first


def install() -> None:
    """Have every connection from now on use them."""
    replaced: dict[type[mode_servers.ServerInstance[Any]], type[layer.Layer]] = {
        mode_servers.TransparentInstance: _Redirected,
        mode_servers.LocalRedirectorInstance: _Redirected,
        mode_servers.WireGuardServerInstance: _Redirected,
        mode_servers.Socks5Instance: _Socks,
    }
    for instance, top in replaced.items():
        instance.make_top_layer = _maker(top)  # type: ignore[method-assign,assignment]
    HttpStream.handle_connect_regular = _connect_regular  # type: ignore[method-assign]


def _maker(top: type[layer.Layer]) -> Callable[[mode_servers.ServerInstance[Any], Context], layer.Layer]:
    return lambda _, context: top(context)


class Opened(layer.Layer):
    """An opened connection whose server was connected to before we knew: that connection is given up.

    The core would take it for one on which TLS stands already.
    """

    def __init__(self, context: Context, make: Callable[[], layer.Layer | None]) -> None:
        """``make`` chooses the layer that takes over, for a server that is not connected."""
        self._given_up = context.server
        context.server = Server(address=self._given_up.address)
        self._child = make()
        super().__init__(context)
        context.layers.remove(self)  # the core looks for its own layers by their places

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self._given_up)
        if self._child and not (
            isinstance(event, events.ConnectionEvent) and event.connection is self._given_up
        ):
            yield from self._child.handle_event(event)


class _Redirected(modes.TransparentProxy):
    """From a firewall's redirection, a tunnel, or this machine's processes."""

    def finish_start(self) -> layer.CommandGenerator[str | None]:
        error = yield from _connected(self.context)
        return error or (yield from super().finish_start())


class _Socks(modes.Socks5Proxy):
    """SOCKS 5 that connects to the listed ports only, for whom it knows. What is returned here, the client is told."""

    _early = 0  # bytes that came before it was known whose they are

    def state_greet(self) -> layer.CommandGenerator[None]:
        """As the library does; a client that offers its name and password is asked for them, if anybody asks."""
        identities = _identities()
        offered = self.buf[2 : 2 + self.buf[1]] if len(self.buf) > 1 else b""
        whole = len(self.buf) > 1 and self.buf[0] == modes.SOCKS5_VERSION and len(offered) == self.buf[1]
        method = modes.SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION
        if not whole or method not in offered or identities is None or not identities.takes_passwords:
            yield from super().state_greet()
            return
        yield commands.SendData(self.context.client, bytes([modes.SOCKS5_VERSION, method]))
        self.buf = self.buf[2 + len(offered) :]
        self.state = self.state_auth
        yield from self.state()

    state: Callable[..., layer.CommandGenerator[None]] = state_greet

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Nobody sends much before it is told that its password is good (RFC 1929, 2)."""
        asking = self._paused and isinstance(self._paused.command, modes.Socks5AuthHook)
        if asking and isinstance(event, events.DataReceived):
            self._early += len(event.data)
            if self._early > _EARLY:
                yield commands.CloseConnection(self.context.client)
                return
        yield from super().handle_event(event)

    def finish_start(self) -> layer.CommandGenerator[str | None]:
        assert self.context.server.address
        connections: Connections = ctx.master.addons.get("connections")
        refused = connections.refusal(self.context.client, *self.context.server.address[:2])
        if not _admits(self.context):
            refused = "Outgate does not know who is asking."
        error = refused or (yield from _connected(self.context))
        return error or (yield from super().finish_start())


def _connected(context: Context) -> layer.CommandGenerator[str | None]:
    """Connect now if the server may speak first. The error if that fails."""
    assert context.server.address
    host, port = context.server.address[:2]
    tcp = context.client.transport_protocol == "tcp"
    if tcp and port not in _CLIENT_FIRST and _admits(context) and not _next_layer().opens_or_forwards(host):
        error: str | None = yield commands.OpenConnection(context.server)
        return error
    return None


def _connect_regular(self: HttpStream) -> layer.CommandGenerator[None]:
    """CONNECT is answered once the tunnel stands."""
    assert self.context.server.address
    if not self.flow.response and not _next_layer().opens_or_forwards(self.context.server.address[0]):
        error = yield commands.OpenConnection(self.context.server)
        if error:
            text = f"Outgate cannot connect: {error}\n"
            kind = {"content-type": "text/plain; charset=utf-8"}
            self.flow.response = http.Response.make(502, text, kind)
    self.child_layer = layer.NextLayer(self.context)
    yield from self.handle_connect_finish()


def _admits(context: Context) -> bool:
    identities = _identities()
    return identities is None or identities.admits(context.client)


def _identities() -> Identities | None:
    found: Identities | None = ctx.master.addons.get("identities")
    return found


def _next_layer() -> EgressNextLayer:
    found: EgressNextLayer = ctx.master.addons.get("nextlayer")
    return found
