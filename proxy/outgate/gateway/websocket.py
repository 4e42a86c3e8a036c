"""WebSockets in the core: every byte that a client sends is in a message that is judged.

The library passes pings, pongs and the reason of a closing on as they are, and collects a message however
long it is. Here pings are answered, reasons stay, and of a message no more is kept than shows that it is too
long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import websocket
from wsproto import events as ws
from wsproto.connection import ConnectionState

MESSAGE = "outgate_message"  # option: bytes of one message


class EgressWebsocketLayer(websocket.WebsocketLayer):
    """Both sides of a WebSocket."""

    def start(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Set up both sides."""
        yield from super().start(event)
        self.client_ws.limit = getattr(self.context.options, MESSAGE)
        self.client_ws.answers_to = self.server_ws

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As the library does, and pings are answered here."""
        yield from super().relay_messages(event)
        while self.client_ws.pongs and self.client_ws.state is ConnectionState.OPEN:
            yield self.client_ws.send2(self.client_ws.pongs.popleft())

    _handle_event = start


class Leg(websocket.WebsocketConnection):
    """One side of a WebSocket. What a client could hide in control frames stays here."""

    limit = 0  # bytes of a message
    answers_to: Leg | None = None  # set on the client's side

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.pongs: deque[ws.Pong] = deque()
        self._pings: deque[bytes] = deque(maxlen=16)  # that this side has sent
        self._size = 0

    def events(self) -> Iterator[Any]:
        """What this side sent, without payloads that nobody judges (RFC 6455, 5.5) and beyond no limit."""
        for event in super().events():
            if isinstance(event, ws.Ping):
                self._pings.append(bytes(event.payload))
            yield event if self.answers_to is None else self._plain(event, self.answers_to)

    def _plain(self, event: Any, server: Leg) -> Any:
        match event:
            case ws.Ping():
                self.pongs.append(event.response())
                return ws.Ping()
            case ws.Pong():
                return event if bytes(event.payload) in server._pings else ws.Pong()
            case ws.CloseConnection():
                return ws.CloseConnection(event.code)
            case ws.Message():
                return self._bounded(event)
        return event

    def _bounded(self, event: Any) -> Any:
        """The message up to where it is longer than the limit, which is seen when it is judged."""
        cut = self._size > self.limit
        self._size = 0 if event.message_finished else self._size + len(event.data)
        return replace(event, data=event.data[:0], frame_finished=False) if cut else event
