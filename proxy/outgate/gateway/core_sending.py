"""What our proxy core sends: a message's head and what follows it in one piece, not each in a packet of its own.

Mechanism only, as ``core`` is, which puts it in the library's place. The library sends a head as soon as it has one,
and then the body, though it mostly has both: two records of TLS and two calls of the system for one message, both
ways. Read from mitmproxy 12.2's ``proxy/layers/http``.
"""

from __future__ import annotations

from collections.abc import Iterator

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import RequestHeaders, RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Client

MOST = 64 * 1024  # bytes of one piece that is put together; a longer one is not copied for it

_Commands = layer.CommandGenerator[None]

_library_handle_event = HttpLayer._handle_event


def handle_event(self: HttpLayer, event: events.Event) -> _Commands:
    """As ``HttpLayer._handle_event``; what goes to one connection at once goes together."""
    return gathered(_library_handle_event(self, event))


def gathered(generator: _Commands) -> _Commands:
    """The commands of ``generator``, those that send to one connection one after another as one.

    In order, but for what is only written to a log.
    """
    held: commands.SendData | None = None
    reply = None
    try:
        while True:
            command = generator.send(reply)
            reply = None
            if not isinstance(command, commands.SendData):
                if held is not None and not isinstance(command, commands.Log):
                    yield held
                    held = None
                reply = yield command
            elif held is None:
                held = command
            elif held.connection is command.connection and len(held.data) + len(command.data) <= MOST:
                held.data += command.data
            else:
                yield held
                held = command
    except StopIteration:
        pass
    except Exception:
        if held is not None:
            yield held
        raise
    if held is not None:
        yield held


class EgressHttp1Client(Http1Client):
    """Stands in for the library's. What was read before it leaves goes with its head; a stream's head goes at once."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._head = b""

    def send(self, event: HttpEvent) -> _Commands:
        """As the library does, and the head with what comes next."""
        if isinstance(event, RequestHeaders) and not event.request.stream:
            self._head, others = _taken_out(super().send(event))
            yield from others
        elif isinstance(event, RequestProtocolError):
            self._head = b""
            yield from super().send(event)
        else:
            yield from self._headed(super().send(event))

    def _headed(self, generator: Iterator[commands.Command]) -> _Commands:
        """``generator``'s commands, before the first of which, or with it, the head is sent."""
        for command in generator:
            head, self._head = self._head, b""
            if head and isinstance(command, commands.SendData):
                command.data = head + command.data
            elif head:
                yield commands.SendData(self.conn, head)
            yield command
        if self._head:
            yield commands.SendData(self.conn, self._head)
            self._head = b""


def _taken_out(generator: Iterator[commands.Command]) -> tuple[bytes, list[commands.Command]]:
    """What would be sent, and the other commands."""
    made = list(generator)
    data = b"".join(command.data for command in made if isinstance(command, commands.SendData))
    return data, [command for command in made if not isinstance(command, commands.SendData)]
