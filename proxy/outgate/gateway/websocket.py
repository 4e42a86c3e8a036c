"""WebSockets in the core: every message is looked at whole, and what is told besides goes out in its turn.

The library passes pings, pongs and the reason of a closing on as they are, and collects a message however
long it is. Here a client's pings are answered, its reasons stay, and of a message no more is kept than shows that
it is too long: one that would be judged is then refused, any other ends the connection. What the library injects
waits for whatever came before it, and falls into a message that is half there; here a hook's messages go out at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import websocket
from mitmproxy.websocket import WebSocketMessage
from wsproto import events as ws
from wsproto.connection import ConnectionState
from wsproto.frame_protocol import CloseReason, Opcode

from outgate.gateway.ahead import MOST, Ahead, Speaker
from outgate.gateway.core_hooks import SpeakerAheadHook, SpeakerCaughtUpHook
from outgate.gateway.exchanges import PASSED

MESSAGE = "outgate_message"  # option: bytes of one message
TOLD = "outgate.told"  # in a flow's metadata: messages to the client, before the one that was just looked at
ENDS = "outgate.ends"  # there: the code and the reason with which the connection ends after them

_Commands = layer.CommandGenerator[None]


@dataclass
class WebsocketClosingHook(commands.StartHook):
    """One side closes the connection; the other may still be told something."""

    flow: http.HTTPFlow


def ending(code: CloseReason, reason: str) -> tuple[int, str]:
    """For ENDS; a reason has 123 bytes at most (RFC 6455, 5.5)."""
    return code, reason.encode()[:123].decode(errors="ignore")


def to_client(content: bytes, *, is_text: bool = True) -> WebSocketMessage:
    """A message for TOLD."""
    return WebSocketMessage(Opcode.TEXT if is_text else Opcode.BINARY, False, content)


class EgressWebsocketLayer(websocket.WebsocketLayer):
    """Both sides of a WebSocket. While a message of either is looked at, little of what else they say is kept."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        self._ahead = {True: Ahead(), False: Ahead()}  # by whether it is the client

    def handle_event(self, event: events.Event) -> _Commands:
        """What a side says waits for what was said before it, as far as there is room."""
        if isinstance(event, events.DataReceived):
            ahead = self._ahead[event.connection == self.context.client]
            if ahead.more(len(event.data)):
                yield SpeakerAheadHook(Speaker(self.context.client, event.connection))
            if ahead.waiting > MOST:
                yield commands.CloseConnection(event.connection)
                return
        yield from super().handle_event(event)

    def start(self, event: events.Event) -> _Commands:
        """Set up both sides."""
        yield from super().start(event)
        self.client_ws.limit = self.server_ws.limit = getattr(self.context.options, MESSAGE)
        if not self.flow.metadata.get(PASSED):
            self.client_ws.answers_to = self.server_ws
        self._closing = False

    def relay_messages(self, event: events.Event) -> _Commands:
        """As the library does; pings are answered here, and what the hooks want told goes out with it."""
        assert self.flow.websocket is not None
        for command in super().relay_messages(event):
            if self.flow.websocket.timestamp_end and not self._closing:
                # The provider's side is the one that the library closes first: the client's is still open.
                self._closing = True
                yield WebsocketClosingHook(self.flow)
                yield from self._told()
                ends = self.flow.metadata.pop(ENDS, None)
                if ends is not None and self.client_ws.state is ConnectionState.OPEN:
                    yield self.client_ws.send2(ws.CloseConnection(ends[0], ends[1] or None))
            yield command
            if isinstance(command, websocket.WebsocketMessageHook):
                yield from self._told()
                asked = self.client_ws if self.flow.websocket.messages[-1].from_client else self.server_ws
                asked.ends = self.flow.metadata.pop(ENDS, asked.ends)
        while self.client_ws.pongs and self.client_ws.state is ConnectionState.OPEN:
            yield self.client_ws.send2(self.client_ws.pongs.popleft())
        if isinstance(event, events.DataReceived):
            ahead = self._ahead[event.connection == self.context.client]
            if ahead.less(len(event.data)):
                yield SpeakerCaughtUpHook(Speaker(self.context.client, event.connection))

    def _told(self) -> _Commands:
        metadata = self.flow.metadata
        for message in metadata.pop(TOLD, ()):
            for piece in Pieces([], message.is_text)(message.content):
                if self.client_ws.state is ConnectionState.OPEN:
                    yield self.client_ws.send2(piece)

    _handle_event = start


class Leg(websocket.WebsocketConnection):
    """One side of a WebSocket. What a client could hide in control frames stays here."""

    limit = 0  # bytes of a message
    answers_to: Leg | None = None  # set on the side of a client whose messages are judged
    ends: tuple[int, str] | None = None  # the code and the reason with which we end the connection

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
            if self.answers_to is not None:
                event = self._plain(event, self.answers_to)
            elif isinstance(event, ws.Message):
                event = self._bounded(event)
                if self._size > self.limit:
                    self.ends = CloseReason.MESSAGE_TOO_BIG, ""
            yield event
            if self.ends is not None:
                code, reason = self.ends
                yield ws.CloseConnection(code, reason or None)
                return

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


class Pieces(websocket.Fragmentizer):
    """The frames of a message: those in which it came if it is as long, else short ones. A character stays whole."""

    def __call__(self, content: bytes) -> Iterator[ws.Message[Any]]:
        """The frames in turn."""
        ends = [0]
        lengths = self.fragment_lengths
        if sum(lengths) != len(content):
            lengths = [self.FRAGMENT_SIZE] * -(-len(content) // self.FRAGMENT_SIZE)
        for end in accumulate(lengths[:-1]):
            # Within a character of UTF-8; behind the last one there may be a frame without a byte.
            while self.is_text and ends[-1] < end < len(content) and content[end] & 0xC0 == 0x80:
                end -= 1
            ends.append(end)
        for start, end in pairwise(ends):
            yield self.msg(content[start:end], False)
        yield self.msg(content[ends[-1] :], True)
