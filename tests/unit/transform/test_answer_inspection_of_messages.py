"""What a provider sends over a WebSocket through the inspector: messages wait as events do, and keep what they are."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp.examples import fake
from outgate.model import Segment
from outgate.transform.answer_inspection import STALE, ConversationInspector
from outgate.transform.lookahead import Edit
from outgate.wire import WireError
from outgate.wire.frames import BINARY, TEXT
from unit.transform.made_live_answers import SPOKEN
from unit.transform.test_answer_inspection import CARD, GONE, TOKEN, cleaned, judge, nothing
from unit.transform.test_answers_in_messages import ANYTHING, in_turns, originals

REALTIME = SPOKEN[0]
WORDS = f"First a line.\nThen {TOKEN}, and more that goes on, é中. Pay with {CARD}! And so on, at length. "

of_each = pytest.mark.parametrize("api", SPOKEN, ids=lambda api: type(api).__name__)


async def each_told(inspector: ConversationInspector, messages: Sequence[bytes]) -> list[list[bytes]]:
    """What each message lets go on, and the end."""
    return [await inspector.feed(message) for message in messages] + [await inspector.finish()]


def through(api: Any, messages: Sequence[bytes], by: Any = judge) -> list[bytes]:
    told = asyncio.run(each_told(ConversationInspector(api.format, by), messages))
    return [one for row in told for one in row]


def marked(messages: Sequence[bytes]) -> list[bytes]:
    """Now as text, now as binary."""
    return [(TEXT, BINARY)[number % 2] + one for number, one in enumerate(messages)]


@of_each
def test_what_is_found_across_messages_is_edited_and_nothing_else_changes(api: Any) -> None:
    texts = originals(api, WORDS)
    messages = marked(api.messages(in_turns({lane: list(text) for lane, text in texts.items()})))
    told = through(api, messages)
    assert api.read(one[1:] for one in told) == {lane: cleaned(text) for lane, text in texts.items()}
    assert [one[:1] for one in told] == [one[:1] for one in messages]
    assert through(api, messages, nothing) == messages


@of_each
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_any_words_cut_anywhere_in_any_order(api: Any, data: st.DataObject) -> None:
    word = st.sampled_from([TOKEN, CARD, ". ", "\n", " ", '"', "\\", "x", "中", "_", "y" * 50])
    text = st.lists(word, max_size=8).map(" ".join)
    texts = {lane: "x " + data.draw(text) for lane in api.texts}
    texts |= {lane: json.dumps({"a": data.draw(text)}) for lane in api.arguments}
    source = random.Random(data.draw(st.integers(0, 2**32)))
    rows: dict[str, list[str]] = {}
    for lane, rest in texts.items():
        rows[lane] = []
        while rest:
            size = source.randrange(1, len(rest) + 1)
            rows[lane].append(rest[:size])
            rest = rest[size:]
    told = api.read(one[1:] for one in through(api, marked(api.messages(in_turns(rows)))))
    assert told == {lane: cleaned(text) for lane, text in texts.items()}


@of_each
@given(messages=st.lists(ANYTHING.map(lambda value: json.dumps(value).encode()), max_size=6))
@settings(max_examples=30, deadline=None)
def test_messages_of_no_api_are_each_told_once(api: Any, messages: list[bytes]) -> None:
    assert sorted(through(api, marked(messages), nothing)) == sorted(marked(messages))


def test_a_message_that_nothing_is_held_for_passes_at_once() -> None:
    sound = TEXT + json.dumps({"type": "response.output_audio.delta", "delta": "AAAA"}).encode()
    first, *_ = (TEXT + one for one in REALTIME.messages([("r1 0 a", "so it goes")])[1:])
    inspector = ConversationInspector(REALTIME.format, judge)
    told = asyncio.run(each_told(inspector, [sound, first, *[sound] * STALE]))
    assert told[0] == [sound]
    assert told[1:-2] == [[]] * STALE
    assert told[-2:] == [[first, *[sound] * STALE], []]  # who does not speak on is not waited for


def test_words_of_several_lines_are_edited_where_they_are_no_json() -> None:
    key = fake("PRIVATE_KEY")

    async def finds(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        starts = [one.text.find(key) for one in segments]
        return [[Edit(start, start + len(key), GONE)] if start >= 0 else [] for start in starts]

    assert through(REALTIME, [TEXT + f"a\n{key}\nb".encode()], finds) == [TEXT + f"a\n{GONE}\nb".encode()]


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le"])
def test_json_in_another_coding_that_a_client_may_tell_is_refused(coding: str) -> None:
    message = BINARY + json.dumps({"type": "x", "text": CARD}).encode(coding)
    assert json.loads(message[1:])["text"] == CARD
    with pytest.raises(WireError) as error:
        through(REALTIME, [message])
    assert error.value.reason == "bad_encoding"
