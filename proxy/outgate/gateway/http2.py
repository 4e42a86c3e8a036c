"""The client's side of HTTP/2 in our proxy core, and how its connections are ended without losing a request.

A client that is told GOAWAY with the number of the last stream that was served knows that a later one was not, and
asks again elsewhere (RFC 9113, 6.8). Some clients drop what is under way when they are told, so they are told when
nothing is, or, when that never comes to be, while there still is time to finish it.
Read from mitmproxy 12.2's ``proxy/layers/http/_http2.py``.
"""

from __future__ import annotations

from typing import ClassVar

from hyperframe.frame import GoAwayFrame
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as library
from mitmproxy.proxy.layers.http._http2 import Http2Server

from outgate.gateway.core_hooks import ClientRefusedHook

_Commands = layer.CommandGenerator[None]
_NO_STREAM = 2**31 - 1  # every stream that was begun is served
_GOING = GoAwayFrame(stream_id=0, last_stream_id=_NO_STREAM, error_code=0).serialize()


class Leaving:
    """Whether this process takes leave of its clients."""

    now: ClassVar[bool] = False  # of each as soon as nothing of its is under way
    urgent: ClassVar[bool] = False  # and of the others, too


def install() -> None:
    """Have the library use our class. Harmless when done before."""
    library.Http2Server = EgressHttp2Server  # type: ignore[attr-defined]


class EgressHttp2Server(Http2Server):
    """The client's side: an end without repeating what was sent, and one without losing any of it."""

    _told = False

    def _handle_event(self, event: events.Event) -> _Commands:
        yield from super()._handle_event(event)
        if Leaving.now and self.conn.state & ConnectionState.CAN_WRITE:
            yield from self._take_leave()

    def _take_leave(self) -> _Commands:
        if not self.h2_conn.open_inbound_streams:
            self.h2_conn.close_connection()
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())
            yield from self.close_connection("the proxy ends")
        elif Leaving.urgent and not self._told:
            self._told = True
            yield commands.SendData(self.conn, _GOING)

    def protocol_error(self, message: str, error_code: int = 1) -> _Commands:
        """Close the connection (``error_code``: RFC 9113, 7)."""
        yield ClientRefusedHook(self.context.client)
        yield from super().protocol_error("not a request that can be read", error_code)
