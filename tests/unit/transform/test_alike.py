"""Events that differ in their text alone: read the short way, and told as the long way tells them."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.formats.answers import Stretch
from outgate.transform import alike, answers
from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known
from outgate.wire.frames import Frame
from unit.transform.made_amazon_answers import APIS
from unit.transform.made_answers import EVENT_STREAM, Chat, Responses, event
from unit.transform.test_answers import ADA, BO, CARD, KNOWN, expected, through

WORDS = [
    ADA,
    BO,
    CARD,
    ADA[:-1],
    "PERSON_k3",
    "P",
    " ",
    "[[",
    '"',
    "\\",
    "\n",
    "a word ",
    "中",
    "😀",
    "_",
    "\\u",
    "}",
]


def cut(text: str, source: random.Random, most: int) -> list[str]:
    edges = [0, *sorted(source.randrange(len(text) + 1) for _ in range(most)), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_long_runs_of_one_lane_are_told_as_they_would_be_at_once(api: Any, data: st.DataObject) -> None:
    text = st.lists(st.sampled_from(WORDS), max_size=30).map("".join)
    texts = {lane: "x " + data.draw(text) for lane in api.texts}
    texts |= {
        lane: json.dumps({"a": data.draw(text)}, ensure_ascii=data.draw(st.booleans()))
        for lane in api.arguments
    }
    source = random.Random(data.draw(st.integers(0, 2**16)))
    pieces = [(lane, piece) for lane in texts for piece in cut(texts[lane], source, 25)]
    stream = b"".join(api.stream(pieces))
    edges = [0, *sorted(source.randrange(len(stream)) for _ in range(8)), len(stream)]
    told = through(api, [stream[a:b] for a, b in pairwise(edges)])
    assert api.read_stream(told) == expected(texts, api)


def parsed_events(stream: list[bytes], known: Known, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, int]:
    """What is told of a stream of chat events that come one by one, and how many were read the long way."""
    count, long_way = 0, answers.parsed

    def counted(frame: Frame) -> object:
        nonlocal count
        count += 1
        return long_way(frame)

    monkeypatch.setattr(answers, "parsed", counted)
    restorer = AnswerRestorer("openai_chat", EVENT_STREAM, known)
    told = [piece for data in stream for piece in restorer.feed(data)]
    return b"".join([*told, *restorer.finish()]), count


def chunk(text: str, number: int = 0, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event({"id": "c", "choices": [choice], "obfuscation": "x" * (number % 7), **more})


def test_nearly_no_event_is_read_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f" {word}\n" for word in "so it goes on".split() * 50]
    stream = [chunk(word, number) for number, word in enumerate(words)]
    told, count = parsed_events(stream, KNOWN, monkeypatch)
    assert told == b"".join(stream)
    assert count < 5


def test_a_placeholder_in_such_an_event_changes_its_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = [
        chunk("one "),
        chunk("two "),
        chunk("three "),
        chunk(f"to {ADA[:9]}", 3),
        chunk(f'{ADA[9:]}, "é" ', 5),
        chunk("end", 6),
    ]
    told, count = parsed_events(stream, KNOWN, monkeypatch)
    changed = [chunk("to ", 3), chunk('Ada Example, "é" ', 5)]
    assert told == b"".join([*stream[:3], *changed, stream[5]])
    assert count == 3


@pytest.mark.parametrize(
    "other",
    [
        chunk("x", model="another"),
        chunk("x").replace(b'"index"', b'"Index"'),
        b": a comment\n\n",
        b"data: [DONE]\n\n",
        chunk("x").replace(b"\n\n", b"\nid: 7\n\n"),
        chunk("x").replace(b'"x"', b'"x'),
        chunk("x").replace(b'"x"', b'"\\x"'),
        chunk("x").replace(b'"x"', b'"\xff"'),
        chunk("x").replace(b'"x"', b"null"),
    ],
)
def test_an_event_of_another_look_is_read_the_long_way(other: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [chunk(text) for text in ("a ", "b ", "c ", "d ")]
    _, before = parsed_events(usual, KNOWN, monkeypatch)
    told, count = parsed_events([*usual, other], KNOWN, monkeypatch)
    assert before == 3
    assert count == 4 or other.startswith(b":")
    assert told == b"".join([*usual, other])


def test_no_pattern_is_made_before_the_first_events_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "made_of", None)
    stream = [chunk("one "), chunk("two ")]
    assert parsed_events([b"".join(stream)], KNOWN, monkeypatch) == (b"".join(stream), 2)


def test_what_was_held_back_is_told_with_the_number_of_the_event_before_it() -> None:
    api = Responses()
    pieces = [(api.texts[0], piece) for piece in ["so ", "it ", "goes ", "on ", "PERSON_k3jq"]]
    stream = api.stream(pieces)
    numbers = [
        json.loads(line[6:])["sequence_number"]
        for line in through(api, stream).split(b"\n")
        if line[:5] == b"data:"
    ]
    assert numbers == sorted(numbers)
    assert api.read_stream(through(api, stream))[api.texts[0]] == "so it goes on PERSON_k3jq"


def test_events_that_never_repeat_make_few_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    make = alike.made_of

    def counted(*given: Any) -> Any:
        nonlocal made
        made += 1
        return make(*given)

    monkeypatch.setattr(alike, "made_of", counted)
    stream = [chunk("word ", created=number) for number in range(200)]
    told, _ = parsed_events(stream, KNOWN, monkeypatch)
    assert told == b"".join(stream)
    assert 0 < made < 20


@pytest.mark.parametrize("double", ["content", "choices"])
def test_a_member_that_stands_twice_makes_no_pattern(double: str) -> None:
    payload = chunk("x ")[6:-2]
    twice = payload.replace(b'"content"', b'"content": "y", "content"')
    if double == "choices":
        twice = payload.replace(b'{"id"', b'{"choices": [{"delta": {"content": "y"}}], "id"')
    frame = Frame(b"data: " + twice + b"\n\n", ((6, 6 + len(twice)),))
    stretch = Stretch(("choices", 0, "delta", "content"), "x ", ("a",), False)
    assert alike.made_of(frame, stretch, (b"\n\n",), "") is None
    whole = Frame(b"data: " + payload + b"\n\n", ((6, 6 + len(payload)),))
    assert alike.made_of(whole, stretch, (b"\n\n",), "") is not None


def test_interleaved_choices_are_told_apart() -> None:
    api = Chat()
    pieces = [
        piece
        for n in range(40)
        for piece in [("0", f"a{n} "), ("0", ADA), ("1", f"b{n} "), ("1", CARD + " ")]
    ]
    texts = {lane: "".join(text for at, text in pieces if at == lane) for lane in api.texts}
    texts |= dict.fromkeys(api.arguments, "")
    assert api.read_stream(through(api, api.stream(pieces))) == expected(texts, api)
