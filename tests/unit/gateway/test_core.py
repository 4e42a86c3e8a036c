"""The reader of chunked bodies that our proxy core uses (RFC 9112, 7.1)."""

from __future__ import annotations

from typing import Any

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy.layers.http import _http1

from outgate.gateway import core


class Body:
    """A chunked body as it arrives."""

    def __init__(self) -> None:
        core.install()
        self._reader: Any = _http1.make_body_reader(None)
        self._buffer = ReceiveBuffer()

    def arrives(self, data: bytes) -> list[bytes | None]:
        """The pieces that go on; None is the end."""
        self._buffer += data
        pieces: list[bytes | None] = []
        while event := self._reader(self._buffer):
            if isinstance(event, h11.EndOfMessage):
                assert not list(event.headers)
                return [*pieces, None]
            pieces.append(bytes(event.data))
        return pieces


def test_chunks_that_arrive_together_go_on_together() -> None:
    assert Body().arrives(b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n") == [b"onetwothree"]


def test_what_has_arrived_waits_for_nothing() -> None:
    body = Body()
    assert body.arrives(b"3\r\none\r\n5\r\nth") == [b"oneth"]
    assert body.arrives(b"r") == [b"r"]
    assert body.arrives(b"") == []
    assert body.arrives(b"ee\r") == [b"ee"]
    assert body.arrives(b"\n0\r\n") == []
    assert body.arrives(b"\r\n") == [None]


def test_an_end_comes_after_all_that_goes_before_it_and_without_trailers() -> None:
    assert Body().arrives(b"3\r\none\r\n3\r\ntwo\r\n0\r\nx-trailer: y\r\n\r\n") == [b"onetwo", None]


def test_after_a_malformed_chunk_nothing_more_is_read() -> None:
    body = Body()
    with pytest.raises(h11.ProtocolError):
        body.arrives(b"3\r\none\r\nno length\r\n3\r\ntwo\r\n0\r\n\r\n")
    for _ in range(2):
        with pytest.raises(h11.ProtocolError):
            body.arrives(b"3\r\ntwo\r\n")


def test_chunks_before_a_malformed_one_go_on_first() -> None:
    core.install()
    reader: Any = _http1.make_body_reader(None)
    buffer = ReceiveBuffer()
    buffer += b"3\r\none\r\n3\r\ntwo\r\nno length\r\n"
    assert bytes(reader(buffer).data) == b"onetwo"
    with pytest.raises(h11.ProtocolError):
        reader(buffer)
