"""Tunnels to what looks like an AI service outside the catalogue: noticed by name, counted, never opened.

Owns which of the open tunnels those are, and how many bytes went over them. All other tunnels cost a look at their
names when they begin, and nothing after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mitmproxy.connection import Client
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer

from outgate.audit.shadow import Sighting
from outgate.gateway.identity import address_of

_Suspect = Callable[[str], tuple[str, str] | None]  # a host -> its plain name and why, or None


@dataclass(slots=True)
class _Tunnel:
    host: str
    rule: str
    who: str
    sent: int = 0  # bytes, by the client
    received: int = 0


class ShadowWatch:
    """Who uses such a service now."""

    def __init__(
        self,
        suspect: _Suspect,
        user_of: Callable[[Client], str | None],
        add: Callable[[Sighting], None],
        on_connection: Callable[[], None],
    ) -> None:
        """``add`` and ``on_connection`` are told of each connection when it begins, ``add`` again when it ends."""
        self._user_of = user_of
        self._suspect = suspect
        self._add = add
        self._on_connection = on_connection
        self._tunnels: dict[str, _Tunnel] = {}

    def tunnel(self, client: Client, names: Sequence[str]) -> None:
        """A connection is passed through unopened that goes by these names."""
        found = next(filter(None, map(self._suspect, names)), None)
        if found is None or client.id in self._tunnels:
            return
        tunnel = _Tunnel(*found, self._user_of(client) or str(address_of(client)))
        self._tunnels[client.id] = tunnel
        self._on_connection()
        self._add(Sighting(tunnel.host, tunnel.rule, tunnel.who, time.time()))

    def layer(self, context: Context) -> TCPLayer | None:
        """What passes such a connection through; None for all others."""
        tunnel = self._tunnels.get(context.client.id)
        return None if tunnel is None else _Counted(context, tunnel)

    def client_disconnected(self, client: Client) -> None:
        """It has ended: what went over it is known."""
        tunnel = self._tunnels.pop(client.id, None)
        if tunnel is not None and tunnel.sent + tunnel.received:
            self._add(
                Sighting(tunnel.host, tunnel.rule, tunnel.who, time.time(), 0, tunnel.sent, tunnel.received)
            )


class _Counted(TCPLayer):
    """Passes bytes through, and looks at how many there are."""

    def __init__(self, context: Context, tunnel: _Tunnel) -> None:
        super().__init__(context, ignore=True)
        self._tunnel = tunnel

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As the library does."""
        if isinstance(event, events.DataReceived):
            if event.connection is self.context.client:
                self._tunnel.sent += len(event.data)
            else:
                self._tunnel.received += len(event.data)
        yield from super().relay_messages(event)
