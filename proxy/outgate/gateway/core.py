"""What is different in our proxy core: the places where the library would answer for us, or keep or pass on
what it should not.

Each class stands in for the library's of the same purpose from ``install`` on. Here is mechanism only: what
a client is told, and what is counted, is the inspection's to say, through the hook ``error`` and those of
``core_hooks``. Streams are here, the client's side of HTTP/1 is ``core_http1``, how things are sent
``core_sending``. Read from mitmproxy 12.2's
``proxy/layers``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http.http1 import expected_http_body_size
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as library
from mitmproxy.proxy.layers import websocket as library_websocket
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp, _http1
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook, HttpRequestHook

from outgate.gateway import core_http1, core_sending, exchanges
from outgate.gateway.ahead import Ahead
from outgate.gateway.core_hooks import (
    AnswerAheadHook,
    AnswerCaughtUpHook,
    AnswerPieceHook,
    Piece,
    RequestAbandonedHook,
    RequestAheadHook,
)
from outgate.gateway.websocket import EgressWebsocketLayer, Leg, Pieces

REFUSED = "outgate.refused"  # in a flow's metadata: why its request was not read to its end
LEFT = "outgate.left"  # there: the client has gone
ANSWER = "outgate.answer"  # there: what the ``error`` hook wants the client to be told
LAST = (
    "outgate.last"  # there: what the ``error`` hook wants said of an answer that breaks off, before its end
)
INSPECTED = "outgate.inspected"  # there: the answer goes on piece by piece, as the hook ``answer_piece`` says
BUFFER = "outgate_buffer"  # option: bytes of unfinished request bodies, of all clients together

_Commands = layer.CommandGenerator[None]


def install() -> None:
    """Have the library use our classes. Harmless when done before."""
    # A check of each message's field types, for its developers: its own parser makes them.
    http.MessageData.__post_init__ = lambda _: None  # type: ignore[method-assign]
    library.HttpStream = EgressStream  # type: ignore[misc]
    library.HttpLayer._handle_event = core_sending.handle_event  # type: ignore[method-assign]
    library.Http1Client = core_sending.EgressHttp1Client  # type: ignore[attr-defined]
    library.Http1Server = core_http1.EgressHttp1Server  # type: ignore[attr-defined]
    _http1.make_body_reader = core_http1.make_body_reader
    library_websocket.WebsocketLayer = EgressWebsocketLayer  # type: ignore[misc]
    library_websocket.WebsocketConnection = Leg  # type: ignore[misc]
    library_websocket.Fragmentizer = Pieces  # type: ignore[misc]


class Share:
    """What one unfinished request holds of the memory that there is for all of them."""

    taken: ClassVar[int] = 0  # bytes, of the whole process

    def __init__(self) -> None:
        self._size = 0

    def grow(self, size: int, most: int) -> bool:
        """Hold ``size`` bytes now; False when that would be more than ``most`` of all."""
        if Share.taken + size - self._size > most:
            return False
        Share.taken += size - self._size
        self._size = size
        return True

    def release(self) -> None:
        Share.taken -= self._size
        self._size = 0

    __del__ = release  # a stream that was dropped half-way


class EgressStream(HttpStream):
    """One request and its answer."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self._share = Share()
        self._answering = False
        self._answered = Ahead()  # of an answer that is inspected
        self._announced: int | None = None  # bytes of the request's body, as its head says; 0: it does not
        self._unheard = Ahead()  # of a request whose head is being looked at

    def handle_event(self, event: events.Event) -> _Commands:
        """Tell of a client that has gone at once, not only when the hook that is running is over."""
        if isinstance(event, RequestProtocolError):
            return self._left(event)
        if self._paused and isinstance(event, ResponseData):
            return self._ahead(event)
        if self._paused and isinstance(event, RequestData):
            return self._sent_ahead(event, isinstance(self._paused.command, HttpRequestHeadersHook))
        return super().handle_event(event)

    def _sent_ahead(self, event: RequestData, unknown: bool) -> _Commands:
        if unknown and self._unheard.more(len(event.data)):
            yield RequestAheadHook(self.flow)
        yield from super().handle_event(event)

    def _ahead(self, event: ResponseData) -> _Commands:
        if INSPECTED in self.flow.metadata and self._answered.more(len(event.data)):
            yield AnswerAheadHook(self.flow)
        yield from super().handle_event(event)

    def _left(self, event: RequestProtocolError) -> _Commands:
        self.flow.metadata[LEFT] = True
        if self._paused:
            yield RequestAbandonedHook(self.flow)
        yield from super().handle_event(event)
        self._forget_body()

    def _handle_event(self, event: events.Event) -> _Commands:
        # Once an answer is on its way nothing else can be said: its events cost no more than the library's.
        return super()._handle_event(event) if self._answering else self._until_answered(event)

    def _until_answered(self, event: events.Event) -> _Commands:
        steps = super()._handle_event(event)
        reply: Any = None
        while True:
            try:
                command = steps.send(reply)
            except StopIteration:
                return
            reply = None
            if isinstance(command, SendHttp) and command.connection is self.context.client:
                said = command.event
                if isinstance(said, ResponseProtocolError) and self._can_be_told(said.code):
                    yield from self._answer(close=said.code is ErrorCode.REQUEST_VALIDATION_FAILED)
                    continue
                if isinstance(said, ResponseHeaders) and said.response.status_code >= 200:
                    self._answering = True
            reply = yield command
            if isinstance(command, HttpRequestHook):
                self._share.release()

    def start_response_stream(self) -> _Commands:
        """As the library does; the head of an answer that is inspected waits for its first piece."""
        if INSPECTED in self.flow.metadata:
            self.server_state = self.state_inspect_response_body
            return
        yield from super().start_response_stream()

    def state_inspect_response_body(self, event: events.Event) -> _Commands:
        """Nothing goes on but what the hook tells."""
        assert self.flow.response
        if isinstance(event, ResponseTrailers):
            return
        data = event.data if isinstance(event, ResponseData) else b""
        if callable(self.flow.response.stream):
            self.flow.response.stream(data)  # to whoever counts
        piece = Piece(self.flow, data, last=isinstance(event, ResponseEndOfMessage))
        yield AnswerPieceHook(piece)
        if self._answered.less(len(data), over=piece.ends):
            yield AnswerCaughtUpHook(self.flow)
        if piece.ends and not piece.last:
            yield SendHttp(
                RequestProtocolError(self.stream_id, "the answer is ended here", ErrorCode.CANCEL),
                self.context.server,
            )
        if piece.ends and not self._answering:
            self.flow.response = piece.instead or exchanges.closed()
            piece.told = [self.flow.response.raw_content or b""]
        if not self._answering and (piece.told or piece.last or piece.ends):
            yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response), self.context.client)
        for told in filter(None, piece.told):
            yield SendHttp(ResponseData(self.stream_id, told), self.context.client)
        if piece.last or piece.ends:
            yield from self.send_response(already_streamed=True)

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> _Commands:
        """As the library does; what is to be said last of an answer that has begun goes before its end."""
        for command in super().handle_protocol_error(event):
            if isinstance(command, SendHttp) and isinstance(command.event, ResponseProtocolError):
                for told in self.flow.metadata.pop(LAST, ()) if self._answering else ():
                    yield SendHttp(ResponseData(self.stream_id, told), self.context.client)
            yield command

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
        """As the library does, saying so to its hooks."""
        if request:
            self.flow.metadata[REFUSED] = "bad_request"
        invalid = yield from super().check_invalid(request)
        if request and not invalid:
            del self.flow.metadata[REFUSED]
        return invalid

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        """Limits are for what leaves: a body's own, and that of all bodies that are being waited for.

        Looked at from the first byte on, so that what is streamed through unopened is not held to them.
        """
        if not request or not self.request_body_buf:
            return False
        options = self.context.options
        if self._announced is None:
            self._announced = expected_http_body_size(self.flow.request) or 0
        size = max(len(self.request_body_buf), self._announced)
        if size > int(options.body_size_limit):
            reason = "too_large"
        elif not self._share.grow(len(self.request_body_buf), getattr(options, BUFFER)):
            reason = "overload"
        else:
            return False
        self._forget_body()
        self.flow.metadata[REFUSED] = reason
        yield from self._answer()
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        yield DropStream(self.stream_id)  # what is still to come of the body is read and forgotten
        return True

    def _forget_body(self) -> None:
        """What came of it would otherwise stay until the next collection of cycles."""
        self.request_body_buf.clear()
        self._share.release()

    def _can_be_told(self, code: ErrorCode) -> bool:
        """Whether an end is one that the client gets an answer for, and not merely no more bytes."""
        return code.http_status_code() is not None and not self._answering

    def _answer(self, *, close: bool = False) -> _Commands:
        """Tell the client what the inspection says; ``close`` when nothing after it can be understood."""
        if ANSWER not in self.flow.metadata:
            yield HttpErrorHook(self.flow)
        client = self.context.client
        response = self.flow.metadata.pop(ANSWER, None) or exchanges.closed()
        self.flow.response, self._answering = response, True
        if not client.state & ConnectionState.CAN_WRITE:
            return
        one_at_a_time = client.alpn != b"h2"
        if one_at_a_time and (close or self.client_state != self.state_done):
            response.headers["connection"] = "close"
        yield SendHttp(ResponseHeaders(self.stream_id, response), client)
        if response.raw_content:
            yield SendHttp(ResponseData(self.stream_id, response.raw_content), client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)
        if one_at_a_time and close:
            yield commands.CloseConnection(client)
