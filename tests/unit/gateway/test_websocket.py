"""What the sides of a WebSocket let through to be looked at, what they keep, and how a message goes out again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection as Closed
from mitmproxy.proxy.commands import Command, StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage

from outgate.gateway import core
from outgate.gateway.ahead import MOST
from outgate.gateway.websocket import MESSAGE, EgressWebsocketLayer, Leg, Pieces

LIMIT = 1000


class Sides:
    """A client, and both sides of the core."""

    def __init__(self) -> None:
        self.client = Connection(ConnectionType.CLIENT)
        self.client_leg = Leg(ConnectionType.SERVER, [], conn=tflow.tclient_conn())
        self.server_leg = Leg(ConnectionType.CLIENT, [], conn=tflow.tserver_conn())
        self.client_leg.limit = self.server_leg.limit = LIMIT
        self.client_leg.answers_to = self.server_leg

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


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
def test_a_message_of_the_provider_without_end_ends_the_connection(
    sides: Sides, kind: type[Message[object]]
) -> None:
    provider = Connection(ConnectionType.SERVER)
    piece = "x" * 100 if kind is TextMessage else b"x" * 100
    came: list[Event] = []
    for _ in range(20):
        sides.server_leg.receive_data(provider.send(kind(data=piece, message_finished=False)))
        came += sides.server_leg.events()
        if CloseConnection(1009) in came:
            break
    *pieces, last = came
    assert last == CloseConnection(1009)
    assert len(pieces) == 11 and not any(getattr(one, "message_finished", True) for one in pieces)


def test_what_comes_after_an_end_of_ours_is_not_read(sides: Sides) -> None:
    provider = Connection(ConnectionType.SERVER)
    sides.server_leg.receive_data(provider.send(TextMessage("a")) + provider.send(TextMessage("b")))
    events = sides.server_leg.events()
    assert getattr(next(events), "data", "") == "a"
    sides.server_leg.ends = 1011, "sorry"
    assert list(events) == [CloseConnection(1011, "sorry")]


# --- while a message is looked at ----------------------------------------------------------------


class Talk:
    """A WebSocket without a network, and what the core does of it."""

    def __init__(self) -> None:
        core.install()
        self.flow = tflow.twebsocketflow()
        self.flow.websocket.messages.clear()
        self.flow.response.headers.clear()
        options = SimpleNamespace(**{MESSAGE: 10 * 2**20})
        context = Context(self.flow.client_conn, options)  # type: ignore[arg-type]
        context.server = self.flow.server_conn
        self.layer = EgressWebsocketLayer(context, self.flow)
        self.client = Connection(ConnectionType.CLIENT)
        (begins,) = self.layer.handle_event(events.Start())
        self.done(begins)

    def says(self, size: int) -> list[Command]:
        data = self.client.send(BytesMessage(bytes(size)))
        return list(self.layer.handle_event(events.DataReceived(self.flow.client_conn, data)))

    def done(self, hook: Command) -> list[Command]:
        """A hook is over."""
        return list(self.layer.handle_event(events.HookCompleted(hook)))  # type: ignore[arg-type]


def names(commands: list[Command]) -> list[str]:
    return [command.name for command in commands if isinstance(command, StartHook)]


def test_who_says_more_than_is_looked_at_waits_and_goes_on_when_half_of_it_is_gone() -> None:
    talk, piece = Talk(), 2**16
    (looking,) = talk.says(1)
    said = [names(talk.says(piece)) for _ in range(20)]
    asked = [number for number, one in enumerate(said) if one == ["speaker_ahead"]]
    assert asked == [15, 17, 19]  # and again, where more comes all the same
    told, left = talk.done(looking), []
    while names(told):
        if "speaker_caught_up" in names(told):
            left.append(talk.layer._ahead[True].waiting)
        told = talk.done(told[-1])
    assert len(left) == 1 and 2**19 - 2 * piece < left[0] < 2**19
    assert talk.layer._ahead[True].waiting == 0


def test_who_cannot_be_made_to_wait_is_cut_off() -> None:
    """A tunnel of which nobody can stop the reading."""
    talk, piece = Talk(), 2**16
    talk.says(1)
    while not any(isinstance(one, Closed) for one in talk.says(piece)):
        assert talk.layer._ahead[True].waiting <= MOST
    kept = sum(
        len(one.data) for one in talk.layer._paused_event_queue if isinstance(one, events.DataReceived)
    )
    assert MOST - 2 * piece < kept <= MOST


def frames(content: bytes, lengths: list[int], *, is_text: bool) -> list[bytes]:
    """The frames of a message that came in frames of these lengths."""
    pieces = list(Pieces([b"x" * length for length in lengths], is_text)(content))
    assert [piece.message_finished for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    return [piece.data.encode() if isinstance(piece.data, str) else bytes(piece.data) for piece in pieces]


def test_a_message_that_is_as_long_goes_out_in_the_frames_in_which_it_came() -> None:
    assert frames(b"abcdef", [1, 3, 2], is_text=True) == [b"a", b"bcd", b"ef"]
    assert frames(b"abcdef", [6, 0], is_text=False) == [b"abcdef", b""]
    assert frames("é".encode(), [2, 0], is_text=True) == ["é".encode(), b""]
    assert frames(b"", [], is_text=True) == [b""]


@given(
    st.text(max_size=40) | st.text("é中😀", min_size=1500, max_size=3000),
    st.lists(st.integers(0, 9), max_size=6),
)
def test_a_character_is_never_cut_whatever_frames_the_message_had(text: str, lengths: list[int]) -> None:
    pieces = frames(text.encode(), lengths, is_text=True)
    assert b"".join(pieces) == text.encode()
    assert "".join(piece.decode() for piece in pieces) == text
    assert all(len(piece) <= Pieces.FRAGMENT_SIZE + 3 for piece in pieces)
