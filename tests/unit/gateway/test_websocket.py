"""What a client's side of a WebSocket lets through to be judged, and what it keeps."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage

from outgate.gateway.websocket import Leg

LIMIT = 1000


class Sides:
    """A client, and both sides of the core."""

    def __init__(self) -> None:
        self.client = Connection(ConnectionType.CLIENT)
        self.client_leg = Leg(ConnectionType.SERVER, [], conn=tflow.tclient_conn())
        self.server_leg = Leg(ConnectionType.CLIENT, [], conn=tflow.tserver_conn())
        self.client_leg.limit, self.client_leg.answers_to = LIMIT, self.server_leg

    def sent(self, *events: Event) -> list[Event]:
        for event in events:
            self.client_leg.receive_data(self.client.send(event))
        return list(self.client_leg.events())


@pytest.fixture
def sides() -> Sides:
    return Sides()


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
def test_of_a_message_no_more_is_kept_than_shows_that_it_is_too_long(
    sides: Sides, kind: type[Message[object]]
) -> None:
    piece = "x" * 100 if kind is TextMessage else b"x" * 100
    kept, frames = 0, 0
    for _ in range(1000):
        for event in sides.sent(kind(data=piece, message_finished=False)):
            assert isinstance(event, Message)
            kept += len(event.data)
            frames += event.frame_finished
    assert LIMIT < kept <= LIMIT + 200
    assert frames <= 12  # the library keeps a piece for each
    (last,) = sides.sent(kind(data=piece))
    assert isinstance(last, Message) and last.message_finished and not last.data


def test_the_message_after_one_that_was_too_long_is_whole(sides: Sides) -> None:
    sides.sent(TextMessage("x" * 2000, message_finished=False), TextMessage("y"))
    (message,) = sides.sent(TextMessage("z" * 900))
    assert isinstance(message, TextMessage) and message.data == "z" * 900


def test_a_message_within_the_limit_is_as_it_came_in_whatever_pieces(sides: Sides) -> None:
    events = sides.sent(*(TextMessage("é" * 10, message_finished=number == 9) for number in range(10)))
    assert "".join(event.data for event in events if isinstance(event, TextMessage)) == "é" * 100
    assert [event.message_finished for event in events if isinstance(event, TextMessage)] == [False] * 9 + [
        True
    ]


def test_a_ping_is_answered_here_and_goes_on_empty(sides: Sides) -> None:
    assert sides.sent(Ping(b"a secret")) == [Ping()]
    assert [bytes(pong.payload) for pong in sides.client_leg.pongs] == [b"a secret"]


def test_a_pong_goes_on_with_its_payload_only_when_the_server_sent_that(sides: Sides) -> None:
    assert sides.sent(Pong(b"a secret")) == [Pong()]
    server = Connection(ConnectionType.SERVER)
    sides.server_leg.receive_data(server.send(Ping(b"there?")))
    assert list(sides.server_leg.events()) == [Ping(b"there?")]
    assert sides.sent(Pong(b"there?")) == [Pong(b"there?")]


def test_of_a_closing_the_code_goes_on_and_not_the_reason(sides: Sides) -> None:
    assert sides.sent(CloseConnection(4000, "a secret")) == [CloseConnection(4000)]
