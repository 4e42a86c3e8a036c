"""The client's side of HTTP/1 in our proxy core: bounded, and answering without repeating what it was sent.

Mechanism only, as ``core`` is, which puts it in the library's place. Read from mitmproxy 12.2's
``proxy/layers/http/_http1.py``.
"""

from __future__ import annotations

from typing import Any

import h11
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestHeaders, RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Server

from outgate.gateway import errors, exchanges
from outgate.gateway.core_hooks import ClientRefusedHook

UNREAD = 256 * 1024  # bytes of a head, of trailers, or of what follows a request, that are kept unread

_Commands = layer.CommandGenerator[None]


class EgressHttp1Server(Http1Server):
    """Stands in for the library's."""

    def _handle_event(self, event: events.Event) -> _Commands:
        if isinstance(event, events.DataReceived):
            return self._received(event)
        return super()._handle_event(event)

    def _received(self, event: events.DataReceived) -> _Commands:
        yield from super()._handle_event(event)
        if len(self.buf) > UNREAD and self.state not in (self.passthrough, self.done):
            reading = self.state == self.read_headers
            if reading:
                yield commands.SendData(self.conn, _refusal(431, "The head of the request is too large."))
            yield ClientRefusedHook(self.context.client)
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            if not reading:
                yield self._failed("too much was sent")

    def read_headers(self, event: events.ConnectionEvent) -> _Commands:
        """As the library does, but for its answers; and any number of empty lines may come first."""
        length = -1
        while self.state == self.read_headers and len(self.buf) != length:
            length = len(self.buf)
            yield from self._read_head(event)
            if not isinstance(event, events.DataReceived):
                return

    def _read_head(self, event: events.ConnectionEvent) -> _Commands:
        refused = False  # a head was read whose body has no certain length: its stream will answer and close
        for command in super().read_headers(event):
            if self.state == self.read_headers and isinstance(command, commands.SendData):
                refused = self.request is not None
                if not refused:
                    command.data = _refusal(400, "This is not a request that can be read.")
                    yield ClientRefusedHook(self.context.client)
            if not refused or (
                isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders)
            ):
                yield command

    def read_body(self, event: events.Event) -> _Commands:
        """As the library does, and a body that is malformed is answered before the connection ends."""
        for command in super().read_body(event):
            malformed = isinstance(command, commands.CloseConnection) and self.request_done is False
            if malformed and isinstance(event, events.DataReceived) and self.response is None:
                yield commands.SendData(self.conn, _refusal(400, "The body's chunks cannot be read."))
                yield ClientRefusedHook(self.context.client)
            yield command

    def _failed(self, message: str) -> commands.Command:
        return ReceiveHttp(RequestProtocolError(self.stream_id, message, ErrorCode.GENERIC_CLIENT_ERROR))


class _ChunkedReader:
    """A chunked body's reader: what has arrived goes on in one piece, and trailers, which nobody reads, do not."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._end: h11.EndOfMessage | h11.ProtocolError | None = None

    def __call__(self, buffer: Any) -> h11.Data | h11.EndOfMessage | None:
        """Raises h11.ProtocolError, from then on always."""
        arrived: list[bytes] = []
        while self._end is None and buffer:
            try:
                event = self._reader(buffer)
            except h11.ProtocolError as error:
                self._end = error
                break
            if event is None:
                break
            if isinstance(event, h11.EndOfMessage):
                self._end = h11.EndOfMessage()
            else:
                arrived.append(event.data)
        if arrived:
            return h11.Data(data=b"".join(arrived))
        if isinstance(self._end, h11.ProtocolError):
            raise self._end
        return self._end

    def read_eof(self) -> Any:
        return self._reader.read_eof()


_library_body_reader = _http1.make_body_reader


def make_body_reader(expected_size: int | None) -> Any:
    """As the library's; ``expected_size`` in bytes, None for a body in chunks."""
    reader = _library_body_reader(expected_size)
    return _ChunkedReader(reader) if expected_size is None else reader


def _refusal(status: int, message: str) -> bytes:
    """A whole answer to something that is no request, and so is to no provider."""
    answer = exchanges.to_response(errors.answer("generic", status, message, exchanges.reference()))
    answer.headers["connection"] = "close"
    return bytes(http1.assemble_response(answer))
