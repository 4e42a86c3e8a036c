"""Streams cut into frames: nothing is lost at any cut, and each frame holds what the standard says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import eventstream, json_array, ndjson, sse
from outgate.wire.frames import Frame, Parser
from unit.transform.made_amazon_answers import message

PARSERS: list[Callable[[int], Parser]] = [sse.Parser, ndjson.Parser, json_array.Parser, eventstream.Parser]
NOISE = st.text(alphabet='da:te ivnx{}[]",\\\r\n\ufeffé', max_size=60).map(str.encode) | st.binary(
    max_size=40
)


def fed(parser: Parser, data: bytes, places: list[int]) -> list[Frame]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    frames = [frame for a, b in pairwise(edges) for frame in parser.feed(data[a:b])]
    return frames + parser.finish()


@pytest.mark.parametrize("make", PARSERS)
@given(data=NOISE, places=st.lists(st.integers(0, 99), max_size=30), limit=st.sampled_from([8, 1000]))
@settings(max_examples=300, deadline=None)
def test_joined_again_the_frames_are_the_stream(
    make: Callable[[int], Parser], data: bytes, places: list[int], limit: int
) -> None:
    frames = fed(make(limit), data, places)
    assert b"".join(frame.raw for frame in frames) == data
    for frame in frames:
        assert not frame.spans or frame.rewritten(frame.payload) == frame.raw


def as_the_standard_says(stream: str) -> list[str]:
    """The data of each event (WHATWG HTML, "Interpreting an event stream")."""
    events, data = [], []
    for line in re.split(r"\r\n|\n|\r", stream.removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            events.append("\n".join(data))
            data = []
    return events


LINES = st.sampled_from(
    ["data: x", "data:  y:", "data", "data:", "event: e", ": note", "id: 1", "datax: 1", "", ""]
)
STREAMS = st.lists(
    LINES.flatmap(lambda line: st.sampled_from(["\n", "\r\n", "\r"]).map(line.__add__)), max_size=12
)


@given(STREAMS.map("".join), st.booleans(), st.lists(st.integers(0, 99), max_size=30))
@settings(max_examples=500, deadline=None)
def test_events_are_those_of_the_standard(stream: str, marked: bool, places: list[int]) -> None:
    data = (("\ufeff" if marked else "") + stream + "\n\n").encode()
    frames = fed(sse.Parser(), data, places)
    assert [frame.payload.decode() for frame in frames if frame.spans] == as_the_standard_says(
        stream + "\n\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_is_told_with_its_last_byte(end: str) -> None:
    event = f"event: x{end}data: 1{end}data: 2{end}{end}".encode()
    parser = sse.Parser()
    for _ in range(3):
        told = [parser.feed(event[i : i + 1]) for i in range(len(event))]
        assert not any(told[:-1])
        (frame,) = told[-1]
        assert (frame.raw, frame.payload) == (event, b"1\n2")
        assert frame.rewritten(b"3\n4") == event.replace(b"1", b"3").replace(b"2", b"4")


def test_a_further_event_keeps_the_name_and_has_one_line_of_data() -> None:
    (frame,) = sse.Parser().feed(b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n")
    (further,) = sse.Parser().feed(frame.another(b"3"))
    assert further.payload == b"3"
    assert further.raw.startswith(b"event: x\r\n")


@pytest.mark.parametrize("make", PARSERS[:3])
def test_what_is_too_long_goes_through_in_pieces_and_the_next_is_read_again(
    make: Callable[[int], Parser],
) -> None:
    head, middle, end = {
        sse.Parser: (b"data: ", b"\n\ndata: ", b"\n\n"),
        ndjson.Parser: (b"", b"\n", b"\n"),
        json_array.Parser: (b"[", b",", b"]"),
    }[make]  # type: ignore[index]
    long, short = b'{"a":"' + b"x" * 500 + b'"}', b'{"a":1}'
    data = head + long + middle + short + end
    parser = make(100)
    most = 0
    frames = []
    for i in range(0, len(data), 7):
        frames += parser.feed(data[i : i + 7])
        most = max(most, i + 7 - sum(len(frame.raw) for frame in frames))
    frames += parser.finish()
    assert most <= 107
    assert [frame.payload for frame in frames if frame.spans] == [short]


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.lists(st.integers()), max_size=3), max_size=5),
    st.sampled_from([None, 1]),
    st.lists(st.integers(0, 300), max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_elements_of_an_array_are_found(
    values: list[dict[str, object]], indent: int | None, places: list[int]
) -> None:
    data = json.dumps(values, indent=indent).encode()
    frames = fed(json_array.Parser(), data, places)
    assert [json.loads(frame.payload) for frame in frames if frame.spans] == values


def test_an_element_and_the_end_of_an_array_are_told_with_their_last_byte() -> None:
    parser = json_array.Parser()
    assert [len(parser.feed(bytes([byte]))) for byte in b'[{"a":"]}"},{}]'] == [0] * 10 + [1, 0, 0, 1, 1]


def test_a_further_element_stands_after_a_comma() -> None:
    parser = json_array.Parser()
    (frame,) = parser.feed(b'[{"a":1}')
    assert json.loads(frame.raw + frame.another(b'{"a":2}') + b"]") == [{"a": 1}, {"a": 2}]


def test_long_streams_of_small_pieces_take_linear_time() -> None:
    for make in PARSERS:
        parser = make(2**24)
        piece = b'[{"a":"' + b"x" * 64
        for _ in range(30_000):
            parser.feed(piece)


@given(st.lists(st.integers(0, 300) | st.just(2000), max_size=6), st.lists(st.integers(0, 9999), max_size=20))
@settings(max_examples=100, deadline=None)
def test_messages_of_an_amazon_event_stream_up_to_what_is_none(sizes: list[int], places: list[int]) -> None:
    sent = [bytes([65 + i]) * size for i, size in enumerate(sizes)]
    data = b"".join(message("x", payload) for payload in sent)
    frames = fed(eventstream.Parser(1000), data + b"\0" * 40 + message("x", b"lost"), places)
    assert [frame.payload for frame in frames if frame.spans] == [one for one in sent if len(one) < 2000]


def test_a_message_is_told_with_its_last_byte_and_one_that_is_damaged_as_it_came() -> None:
    one = message("chunk", b'{"p":"x","bytes":"aGk="}')
    parser = eventstream.Parser()
    told = [parser.feed(one[i : i + 1]) for i in range(len(one))]
    assert not any(told[:-1])
    (frame,) = told[-1]
    assert (frame.raw, frame.payload, frame.rewritten(b"hi")) == (one, b"hi", one)
    assert frame.another(b"you") == message("chunk", b'{"p":"x","bytes":"eW91"}')
    (damaged,) = parser.feed(one.replace(b"aGk=", b"aGo="))
    assert not damaged.spans
