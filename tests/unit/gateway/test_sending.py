"""What goes to one connection at once goes in one piece, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import connection, options
from mitmproxy.http import Request
from mitmproxy.proxy import commands, context
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
)

from outgate.gateway.core_sending import MOST, EgressHttp1Client, gathered

HOSTS = [connection.Server(address=("api.example.com", port)) for port in (1, 2)]


class Asked(commands.Command):
    """A command that is answered."""


def told(generator: Any) -> list[Any]:
    """The commands of a generator that is answered by counting."""
    seen, reply = [], None
    try:
        while True:
            command = generator.send(reply)
            seen.append(command)
            reply = len(seen) if isinstance(command, Asked) else None
    except StopIteration:
        return seen


@given(st.lists(st.one_of(st.tuples(st.integers(0, 1), st.binary(max_size=5)), st.none()), max_size=30))
def test_every_byte_goes_where_it_went_in_the_same_order(steps: list[tuple[int, bytes] | None]) -> None:
    replies: list[Any] = []

    def given_commands() -> Any:
        for step in steps:
            if step is None:
                replies.append((yield Asked()))
            else:
                assert (yield commands.SendData(HOSTS[step[0]], step[1])) is None

    wanted = [("asked", b"") if step is None else (HOSTS[step[0]].address, step[1]) for step in steps]
    together: list[tuple[Any, bytes]] = []
    for place, data in wanted:
        if together and place != "asked" and together[-1][0] == place:
            together[-1] = (place, together[-1][1] + data)
        else:
            together.append((place, data))
    seen = [
        (one.connection.address, one.data) if isinstance(one, commands.SendData) else ("asked", b"")
        for one in told(gathered(given_commands()))
    ]
    assert seen == together
    assert all(isinstance(reply, int) for reply in replies)


def test_long_pieces_are_not_copied_together() -> None:
    def given_commands() -> Any:
        yield commands.SendData(HOSTS[0], b"a" * MOST)
        yield commands.SendData(HOSTS[0], b"b")

    assert [len(one.data) for one in told(gathered(given_commands()))] == [MOST, 1]


def test_a_line_for_the_log_between_two_pieces_does_not_part_them() -> None:
    def given_commands() -> Any:
        yield commands.SendData(HOSTS[0], b"a")
        yield commands.Log("streaming")
        yield commands.SendData(HOSTS[0], b"b")

    assert [one.data for one in told(gathered(given_commands())) if isinstance(one, commands.SendData)] == [
        b"ab"
    ]


def test_what_was_to_be_sent_before_an_exception_is_sent() -> None:
    def given_commands() -> Any:
        yield commands.SendData(HOSTS[0], b"a")
        raise ZeroDivisionError

    generator = gathered(given_commands())
    assert next(generator).data == b"a"
    with pytest.raises(ZeroDivisionError):
        next(generator)


def client() -> EgressHttp1Client:
    user = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    made = context.Context(user, options.Options())
    made.server = connection.Server(address=("api.example.com", 443))
    made.server.state = connection.ConnectionState.OPEN
    return EgressHttp1Client(made)


def sent(layer: EgressHttp1Client, *happened: Any) -> list[bytes]:
    """What is sent at each event, joined; what is sent in several pieces fails."""
    pieces = []
    for event in happened:
        data = [one.data for one in layer.send(event) if isinstance(one, commands.SendData)]
        assert len(data) < 2
        pieces.append(b"".join(data))
    return pieces


def head(**headers: str) -> RequestHeaders:
    request = Request.make("POST", "http://api.example.com/v1", b"", headers)
    request.http_version = "HTTP/1.1"
    return RequestHeaders(1, request, False)


def test_a_request_goes_as_one_piece() -> None:
    first, body, end = sent(
        client(), head(**{"content-length": "4"}), RequestData(1, b"body"), RequestEndOfMessage(1)
    )
    assert first == b""
    assert body.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert body.endswith(b"\r\n\r\nbody")
    assert end == b""


def test_a_request_without_a_body_goes_at_its_end() -> None:
    first, end = sent(client(), head(**{"content-length": "0"}), RequestEndOfMessage(1))
    assert first == b""
    assert end.endswith(b"\r\n\r\n")


def test_the_head_of_a_stream_waits_for_nothing() -> None:
    streamed = head(**{"transfer-encoding": "chunked"})
    streamed.request.stream = True
    first, body, end = sent(client(), streamed, RequestData(1, b"body"), RequestEndOfMessage(1))
    assert first.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert (body, end) == (b"4\r\nbody\r\n", b"0\r\n\r\n")


def test_chunks_are_chunks() -> None:
    first, body, end = sent(
        client(), head(**{"transfer-encoding": "chunked"}), RequestData(1, b"body"), RequestEndOfMessage(1)
    )
    assert first == b""
    assert body.endswith(b"\r\n\r\n4\r\nbody\r\n")
    assert end == b"0\r\n\r\n"


def test_a_request_that_is_given_up_sends_nothing() -> None:
    layer = client()
    assert sent(
        layer, head(**{"content-length": "4"}), RequestProtocolError(1, "gone", ErrorCode.CANCEL)
    ) == [b"", b""]
