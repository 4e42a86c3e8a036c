"""What a provider sends over a WebSocket through the restorer: each message a frame, its framing its own."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.transform import answers
from outgate.transform.answers import MessageRestorer
from outgate.transform.restore import Known, restored
from unit.transform.made_live_answers import SPOKEN, Live, Streams

ADA, BO = "PERSON_k3jq7x2mabcd", "PERSON_k3jq7x2mabce"
VALUES = {ADA: "Ada Example", BO: 'Bo "the \\ Great"\nExample 😀 é', "+1 555-0100": "+44 20"}
KNOWN = Known(VALUES)
REALTIME = SPOKEN[0]

of_each = pytest.mark.parametrize("api", SPOKEN, ids=lambda api: type(api).__name__)


def through(api: Any, messages: list[bytes], known: Known = KNOWN) -> list[bytes]:
    restorer = MessageRestorer(api.format)
    restorer.learn(known)
    return [told for message in messages for told in restorer.feed(message, is_text=True)] + restorer.finish()


def in_turns(rows: dict[str, list[str]]) -> list[tuple[str, str]]:
    longest = max(map(len, rows.values()))
    return [
        (lane, row[number]) for number in range(longest) for lane, row in rows.items() if number < len(row)
    ]


def originals(api: Any, text: str) -> dict[str, str]:
    return dict.fromkeys(api.texts, text) | dict.fromkeys(api.arguments, json.dumps({"a": text}))


def expected(api: Any, texts: dict[str, str]) -> dict[str, str]:
    return {lane: restored(text, KNOWN, source=lane in api.arguments) for lane, text in texts.items() if text}


@of_each
@pytest.mark.parametrize("ending", ["", ADA, BO, "PERSON_k3", "+1 555-0100", "+1 555"])
def test_a_character_a_message_in_lanes_that_take_turns(api: Any, ending: str) -> None:
    texts = originals(api, f"to {ADA}{BO}, [[ -f x ]] 中{BO}文 PERSON_ {ending}")
    told = through(api, api.messages(in_turns({lane: list(text) for lane, text in texts.items()})))
    assert api.read(told) == expected(api, texts)


@of_each
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_words_cut_anywhere_in_any_order(api: Any, data: st.DataObject) -> None:
    word = st.sampled_from([*VALUES, ADA[:9], " ", "x", '"', "\\", "é", "[["])
    text = st.lists(word, max_size=6).map("".join)
    texts = {lane: data.draw(text) for lane in (*api.texts, *api.arguments)}
    texts |= {lane: json.dumps({"a": texts[lane]}) for lane in api.arguments}
    source = random.Random(data.draw(st.integers(0, 2**32)))
    pieces: list[tuple[str, str]] = []
    rest = {lane: text for lane, text in texts.items() if text}
    while rest:
        lane = source.choice(sorted(rest))
        size = source.randrange(1, len(rest[lane]) + 1)
        pieces.append((lane, rest[lane][:size]))
        rest[lane] = rest[lane][size:]
        rest = {name: text for name, text in rest.items() if text}
    told = through(api, api.messages(pieces))
    assert api.read(told) == expected(api, texts)


@of_each
@given(messages=st.lists(st.binary(max_size=40) | st.text(max_size=20).map(str.encode), max_size=5))
@settings(max_examples=40, deadline=None)
def test_whatever_comes_between_is_told_as_it_came(api: Any, messages: list[bytes]) -> None:
    restorer = MessageRestorer(api.format)
    restorer.learn(KNOWN)
    for message in messages:
        assert restorer.feed(message, is_text=True) == [message]


NAMES = """type delta text arguments response id item part content response_id item_id output_index stream_id
content_index output serverContent modelTurn parts outputTranscription turnComplete finished thought""".split()
TYPES = """response.output_text.delta response.function_call_arguments.delta response.output_text.done
response.done response.output_item.done session.output_transcript.delta x.delta .done function_call""".split()
ANYTHING = st.recursive(
    st.sampled_from([*TYPES, *VALUES, ADA[:9], f"{BO} ", '"', 0, 1, True, None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, ADA]), inner, max_size=5)
        | st.fixed_dictionaries({"type": st.sampled_from(TYPES), "delta": inner, "response": inner})
    ),
    max_leaves=20,
)


@of_each
@given(messages=st.lists(ANYTHING.map(lambda value: json.dumps(value).encode()), max_size=6))
@settings(max_examples=60, deadline=None)
def test_messages_of_no_api_stay_messages_of_json(api: Any, messages: list[bytes]) -> None:
    told = through(api, messages)
    assert len(told) >= len(messages)
    for message in told:
        json.loads(message)


@of_each
def test_with_nothing_to_restore_every_message_is_itself(api: Any) -> None:
    messages = api.messages(in_turns({lane: list(text) for lane, text in originals(api, ADA + BO).items()}))
    assert through(api, messages, Known({})) == messages
    assert through(api, messages, Known({"PERSON_another": "x"}))[-1] == messages[-1]


def test_the_rest_of_a_text_comes_before_the_message_that_ends_it() -> None:
    messages = REALTIME.messages([("r1 0 a", f"hi {ADA}")])
    restorer = MessageRestorer("openai_realtime")
    restorer.learn(KNOWN)
    told = [restorer.feed(message, is_text=True) for message in messages[:3]]
    assert [json.loads(message).get("delta") for message in told[1]] == ["hi "]
    before, last = told[2]
    assert json.loads(before) == {**json.loads(messages[1]), "delta": "Ada Example"}
    assert json.loads(last)["text"] == "hi Ada Example"


def test_another_responses_end_is_not_its_own() -> None:
    first, *_ = REALTIME.messages([("r1 0 a", ADA[:9])])[1:]
    second = REALTIME.messages([("r1 0 a", ADA[9:] + " ")])[1]
    end = json.dumps({"type": "response.done", "response": {"id": "r2"}}).encode()
    told = through(REALTIME, [first, end, second])
    assert told[1] == end
    assert "".join(json.loads(one).get("delta", "") for one in told) == "Ada Example "
    own = json.dumps({"type": "response.done", "response": {"id": "r1"}}).encode()
    assert [json.loads(one).get("delta") for one in through(REALTIME, [first, own])] == ["", ADA[:9], None]


def test_audio_ids_and_signatures_stay_as_they_came() -> None:
    item = {"id": ADA, "type": "message", "content": [{"type": "audio", "audio": ADA, "transcript": "x"}]}
    for api, message in (
        (REALTIME, {"type": "response.output_audio.delta", "item_id": ADA, "delta": ADA}),
        (REALTIME, {"type": "response.audio.delta", "delta": ADA}),
        (REALTIME, {"type": "session.output_audio.delta", "delta": ADA}),
        (REALTIME, {"type": "conversation.item.created", "previous_item_id": ADA, "item": item}),
        (Live(), {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": ADA}}]}}}),
        (Live(), {"serverContent": {"modelTurn": {"parts": [{"thoughtSignature": ADA}]}}}),
        (Live(), {"sessionResumptionUpdate": {"newHandle": ADA}}),
        (Live(), {"toolCallCancellation": {"ids": [ADA]}}),
    ):
        raw = json.dumps(message).encode()
        assert through(api, [raw]) == [raw]


def test_what_tells_a_whole_text_is_restored_in_itself() -> None:
    call = {"type": "function_call", "name": "f", "arguments": json.dumps({"a": BO})}
    session = {"instructions": f"of {ADA}", "tools": [{"name": "f", "description": ADA}]}
    for api, message, value in (
        (REALTIME, {"type": "conversation.item.done", "item": call}, BO),
        (REALTIME, {"type": "response.done", "response": {"id": "r", "output": [call]}}, BO),
        (REALTIME, {"type": "session.updated", "session": session}, ADA),
        (REALTIME, {"type": "error", "error": {"message": f"no {ADA}", "event_id": "e"}}, ADA),
        (REALTIME, {"type": "conversation.item.input_audio_transcription.completed", "transcript": ADA}, ADA),
        (Live(), {"toolCall": {"functionCalls": [{"id": "i", "name": "f", "args": {"a": [{"b": BO}]}}]}}, BO),
    ):
        (told,) = through(api, [json.dumps(message).encode()])
        assert ADA.encode() not in told and BO.encode() not in told
        whole = json.dumps(json.loads(told), ensure_ascii=False)
        if value == BO and "arguments" in whole:
            (found,) = [one for one in (json.loads(told).get("item"), *outputs(told)) if one]
            assert json.loads(found["arguments"]) == {"a": VALUES[BO]}
        else:
            assert json.dumps(VALUES[value], ensure_ascii=False)[1:-1] in whole


def outputs(told: bytes) -> list[Any]:
    return list(json.loads(told).get("response", {}).get("output", []))


def test_the_sides_of_a_session_without_items_are_two_texts() -> None:
    messages = [
        json.dumps({"type": f"session.{side}_transcript.delta", "event_id": "e", "delta": piece}).encode()
        for piece in (ADA[:9], ADA[9:] + " ")
        for side in ("input", "output")
    ]
    told = [json.loads(one) for one in through(REALTIME, messages)]
    for side in ("input", "output"):
        said = "".join(one["delta"] for one in told if one["type"] == f"session.{side}_transcript.delta")
        assert said == "Ada Example "


def test_events_of_responses_within_events_of_a_session_are_lanes_too() -> None:
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    inner = [{"type": "response.output_text.delta", **place, "delta": piece} for piece in (ADA[:9], ADA[9:])]
    inner.append({"type": "response.output_text.done", **place, "text": ADA})
    messages = [
        json.dumps({"type": "response.event", "event_id": "e", "event": one}).encode() for one in inner
    ]
    told = [json.loads(one) for one in through(REALTIME, messages)]
    assert "".join(one["event"].get("delta", "") for one in told) == "Ada Example"
    *_, before, last = told
    assert before == {
        "type": "response.event",
        "event_id": "e",
        "event": {**inner[0], "delta": "Ada Example"},
    }
    assert last["event"] == {**inner[-1], "text": "Ada Example"}


def test_what_becomes_known_in_the_middle_of_a_text_counts_from_there() -> None:
    restorer = MessageRestorer("openai_realtime")
    restorer.learn(Known({ADA: "Ada Example"}))
    first, second = REALTIME.messages([("r1 0 a", f"{ADA} {BO[:12]}"), ("r1 0 a", f"{BO[12:]} !")])[1:3]
    (one,) = restorer.feed(first, is_text=True)
    restorer.learn(KNOWN)
    (two,) = restorer.feed(second, is_text=True)
    assert json.loads(one)["delta"] + json.loads(two)["delta"] == f"Ada Example {VALUES[BO]} !"


def test_what_is_no_longer_known_is_told_as_it_came() -> None:
    restorer = MessageRestorer("openai_realtime")
    restorer.learn(KNOWN)
    first, second = REALTIME.messages([("r1 0 a", ADA[:12]), ("r1 0 a", ADA[12:])])[1:3]
    (one,) = restorer.feed(first, is_text=True)
    restorer.learn(Known({}))
    (two,) = restorer.feed(second, is_text=True)
    assert json.loads(one)["delta"] + json.loads(two)["delta"] == ADA


def test_text_that_is_no_json_is_restored_and_bytes_are_not() -> None:
    restorer = MessageRestorer("generic")
    restorer.learn(KNOWN)
    assert restorer.feed(f"é {ADA}, {BO}".encode(), is_text=True) == [f"é Ada Example, {VALUES[BO]}".encode()]
    assert restorer.feed(ADA.encode(), is_text=False) == [ADA.encode()]
    assert restorer.feed(b'{"a":"%s"}' % ADA.encode(), is_text=False) == [b'{"a":"Ada Example"}']


def test_of_frames_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = REALTIME.messages([("r1 0 a", ADA[:9]), ("r1 0 a", f"{ADA[9:]} {ADA[:9]}")])[1:3]
    other = REALTIME.messages([("r1 1 b", ADA[:9])])[1]
    long = json.dumps({**json.loads(second), "padding": "x" * 1000}).encode()
    monkeypatch.setattr(answers, "MAX_KEPT", len(first) + 100)
    end = REALTIME.messages([])[1]
    rest = REALTIME.messages([("r1 1 b", f"{ADA[9:]} ")])[1]
    told = [json.loads(one) for one in through(REALTIME, [first, other, long, end, other, rest])]
    assert (
        [(one["item_id"], one["delta"]) for one in told if "delta" in one]
        == [
            *(("a", ""), ("b", ADA[:9])),  # the other text finds no room, and is told as it comes
            *(("a", "Ada Example "), ("a", ADA[:9])),  # the first goes on, and ends in its first frame again
            *(("b", ""), ("b", "Ada Example ")),  # then there is room
        ]
    )
    assert ["padding" in one for one in told] == [False, False, True, False, False, False, False]


def test_streams_end_one_by_one() -> None:
    api = Streams()
    told = through(api, api.messages([("one", ADA[:9]), ("two", ADA), ("one", ADA[9:])]))
    assert api.read(told) == {"one": "Ada Example", "two": "Ada Example"}
