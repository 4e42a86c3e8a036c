"""Answers of every API family through the restorer, cut wherever a network may cut them (B22-B29)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.transform import answers
from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known, restored
from unit.transform.made_answers import (
    EVENT_STREAM,
    Anthropic,
    Chat,
    Gemini,
    Responses,
    dumped,
    event,
    payloads,
)
from unit.transform.made_other_answers import APIS

ADA, BO, CARD = "PERSON_k3jq7x2mabcd", "PERSON_k3jq7x2mabce", "ann.lee@example.com"
VALUES = {
    ADA: "Ada Example",
    BO: 'Bo "the \\ Great"\nExample 😀 é',
    CARD: "eve@corp.test",
    "PERSON_k3": "short",
}
KNOWN = Known(VALUES)
PROSE = (
    f"Dear {ADA}, write to {CARD}; or {BO}{ADA} [[ -f x ]] PERSON_ {ADA}{CARD} 中文{BO}中 PERSON_k3jq7x2mabc"
)
SOURCE = json.dumps({"to": CARD, "note": f"é\n{BO}\t{ADA}", "list": [BO, "PERSON_k3jq"]})

api_of_each = pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)


def through(api: Any, pieces: Iterable[bytes], known: Known = KNOWN, content_type: str = "") -> bytes:
    restorer = AnswerRestorer(api.format, content_type or api.content_type, known)
    told = [piece for data in pieces for piece in restorer.feed(data)] + restorer.finish()
    assert all(told)
    return b"".join(told)


def originals(api: Any, source: str = SOURCE) -> dict[str, str]:
    return dict.fromkeys(api.texts, PROSE) | dict.fromkeys(api.arguments, source)


def expected(texts: dict[str, str], api: Any) -> dict[str, str]:
    return {lane: restored(text, KNOWN, source=lane in api.arguments) for lane, text in texts.items()}


def interleaved(texts: dict[str, str], cut: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    rows = {lane: cut(text) for lane, text in texts.items()}
    longest = max(map(len, rows.values()))
    return [(lane, row[i]) for i in range(longest) for lane, row in rows.items() if i < len(row)]


def same_arguments(api: Any, streamed: dict[str, str], whole: dict[str, str]) -> None:
    for lane in streamed:
        if lane in api.arguments:
            assert json.loads(streamed[lane]) == json.loads(whole[lane])
        else:
            assert streamed[lane] == whole[lane]


@api_of_each
def test_a_character_an_event_gives_the_same_as_the_answer_at_once(api: Any) -> None:
    texts = originals(api)
    stream = b"".join(api.stream(interleaved(texts, list)))
    streamed = api.read_stream(through(api, [stream]))
    assert streamed == expected(texts, api)
    whole = api.read_answer(through(api, [api.answer(texts)], content_type="application/json"))
    same_arguments(api, streamed, whole)


@api_of_each
def test_a_stream_cut_at_every_byte_is_told_the_same(api: Any) -> None:
    texts = {api.texts[0]: f"x{BO}", **{lane: json.dumps({"a": f"{ADA}\n"}) for lane in api.arguments[:1]}}
    stream = b"".join(api.stream(interleaved(texts, lambda text: [text[:9], text[9:12], text[12:]])))
    texts = dict.fromkeys([*api.texts, *api.arguments], "") | texts
    whole = through(api, [stream])
    assert api.read_stream(whole) == expected(texts, api)
    for place in range(1, len(stream)):
        assert through(api, [stream[:place], stream[place:]]) == whole
    assert through(api, [stream[i : i + 1] for i in range(len(stream))]) == whole


@api_of_each
@pytest.mark.parametrize("placeholder", [ADA, BO, CARD])
def test_a_placeholder_split_over_events_at_every_character(api: Any, placeholder: str) -> None:
    for place in range(1, len(placeholder)):
        halves = [f"to {placeholder[:place]}", f"{placeholder[place:]}, ok"]
        texts = dict.fromkeys(api.texts, "".join(halves))
        pieces = [(lane, half) for half in halves for lane in api.texts]
        for lane in api.arguments:
            texts[lane] = json.dumps({"a": "".join(halves)})
            head, tail = texts[lane].split(placeholder)
            pieces += [(lane, head + placeholder[:place]), (lane, placeholder[place:] + tail)]
        streamed = api.read_stream(through(api, api.stream(pieces)))
        assert streamed == expected(texts, api)
        assert all(
            json.loads(streamed[lane])["a"] == f"to {VALUES[placeholder]}, ok" for lane in api.arguments
        )


@api_of_each
@pytest.mark.parametrize("ending", [ADA, CARD, ADA[:9], "PERSON_k3", BO + ADA, f"{ADA} {BO}", "P", "中" + BO])
def test_a_stream_that_ends_on_a_placeholder_or_a_piece_of_one(api: Any, ending: str) -> None:
    for cut in (list, lambda text: [text]):
        texts = dict.fromkeys(api.texts, ending) | dict.fromkeys(api.arguments, json.dumps({"a": ending}))
        stream = api.stream(interleaved(texts, cut))
        assert api.read_stream(through(api, stream)) == expected(texts, api)


@api_of_each
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_texts_in_any_pieces_at_any_cuts(api: Any, data: st.DataObject) -> None:
    words = st.sampled_from(
        [ADA, BO, CARD, ADA[:-1], "PERSON_k3", " ", "[[", '"', "\\", "\n", "x", "中", "😀", "_"]
    )
    text = st.lists(words, max_size=8).map("".join)
    texts = {lane: "x " + data.draw(text) for lane in api.texts}
    texts |= {
        lane: json.dumps({"a": data.draw(text)}, ensure_ascii=data.draw(st.booleans()))
        for lane in api.arguments
    }
    source = random.Random(data.draw(st.integers(0, 2**16)))

    def cut(text: str) -> list[str]:
        edges = [0, *sorted(source.randrange(len(text) + 1) for _ in range(4)), len(text)]
        return [text[a:b] for a, b in pairwise(edges)]

    stream = b"".join(api.stream(interleaved(texts, cut)))
    edges = [0, *sorted(source.randrange(len(stream)) for _ in range(6)), len(stream)]
    told = through(api, [stream[a:b] for a, b in pairwise(edges)])
    assert api.read_stream(told) == expected(texts, api)


@api_of_each
def test_a_clean_stream_is_byte_identical_and_each_event_leaves_with_its_last_byte(api: Any) -> None:
    texts = {
        lane: text.replace("PERSON", "THING").replace("ann", "xxx") for lane, text in originals(api).items()
    }
    texts = {lane: text.replace("P", "x").replace("a", "x") for lane, text in texts.items()}
    events = api.stream(interleaved(texts, lambda text: [text[i : i + 3] for i in range(0, len(text), 3)]))
    restorer = AnswerRestorer(api.format, api.content_type, KNOWN)
    for one in events:
        assert b"".join(restorer.feed(one)) == one
    assert restorer.finish() == []
    assert through(api, events) == b"".join(events)
    body = api.answer(texts)
    assert through(api, [body], content_type="application/json") == body


@api_of_each
def test_only_the_strings_that_change_are_spelled_anew(api: Any) -> None:
    texts = originals(api)
    body = json.dumps(json.loads(api.answer(texts)), indent=1).encode()
    told = through(api, [body], content_type="application/json")
    assert len(told.splitlines()) == len(body.splitlines())
    for before, after in zip(body.splitlines(), told.splitlines(), strict=True):
        assert before == after or b"PERSON_k3" in before or CARD.encode() in before


@pytest.mark.parametrize("rest", [b"", b'data: {"choices":[{"del', b"data: {}"])
def test_a_broken_stream_tells_what_was_held_back(rest: bytes) -> None:
    events = Chat().stream([("0", f"x {ADA}"), ("call 1", f'{{"a":"{ADA}')])[:-3]
    told = through(Chat(), [*events, rest])
    assert told.endswith(rest)
    assert Chat().read_stream(told.removesuffix(rest)) == {
        "0": "x Ada Example",
        "1": "",
        "call 0": "",
        "call 1": '{"a":"Ada Example',
    }


def test_events_of_the_responses_api_keep_their_numbers_in_order_and_their_wholes() -> None:
    api = Responses()
    stream = through(api, api.stream([("0", f"Hi {ADA}"), ("1", BO[:10]), ("1", BO[10:])]))
    assert ADA.encode() not in stream and BO.encode() not in stream
    assert api.read_stream(stream)["1"] == VALUES[BO]


def test_held_back_text_is_told_before_the_lane_ends_in_an_event_of_the_same_shape() -> None:
    api = Anthropic()
    rows = payloads(through(api, api.stream([("0", f"Hi {ADA}"), ("2", '{"a":1'), ("2", "}")])))
    deltas = [row for row in rows if row["type"] == "content_block_delta" and row["index"] == 0]
    assert [row["delta"] for row in deltas] == [
        {"type": "text_delta", "text": "Hi "},
        {"type": "text_delta", "text": "Ada Example"},
    ]
    chat = payloads(through(Chat(), Chat().stream([("0", ADA)])))
    told = next(row for row in chat if "Ada Example" in json.dumps(row))
    assert told["choices"] == [{"index": 0, "delta": {"content": "Ada Example"}, "finish_reason": None}]
    assert (told["id"], told["model"], told["created"]) == ("chatcmpl-9x", "gpt-x", 1700000000)


def test_the_text_of_the_event_that_ends_its_lane_is_told_in_it() -> None:
    choice = {"index": 0, "delta": {"content": f"it is {ADA}"}, "finish_reason": "stop"}
    (row,) = payloads(through(Chat(), [event({"choices": [choice]})]))
    assert row["choices"][0]["delta"]["content"] == "it is Ada Example"


def test_an_error_in_the_stream_comes_after_what_was_held_back() -> None:
    stream = through(Chat(), [*Chat().stream([("0", ADA)])[:5], event({"error": {"message": "overloaded"}})])
    assert stream.index(b"Ada Example") < stream.index(b"overloaded")


def test_signed_and_opaque_things_stay_as_they_came() -> None:
    thinking = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": f"ask {ADA} "},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": ADA}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {
                "type": "web_search_tool_result",
                "tool_use_id": ADA,
                "content": [{"type": "web_search_result", "title": ADA, "encrypted_content": ADA}],
            },
        },
    ]
    rows = payloads(through(Anthropic(), [event(row) for row in thinking]))
    assert rows[:2] == thinking[:2]
    (found,) = rows[2]["content_block"]["content"]
    assert (found["title"], found["encrypted_content"]) == ("Ada Example", ADA)
    assert rows[2]["content_block"]["tool_use_id"] == ADA
    body = dumped(
        {"content": [{"type": "thinking", "thinking": ADA, "signature": "s"}, {"type": "text", "text": ADA}]}
    )
    told = json.loads(through(Anthropic(), [body], content_type="application/json"))
    assert [told["content"][0]["thinking"], told["content"][1]["text"]] == [ADA, "Ada Example"]
    reasoning = {"type": "reasoning", "id": ADA, "encrypted_content": ADA, "summary": [{"text": ADA}]}
    told = json.loads(
        through(Responses(), [dumped({"output": [reasoning]})], content_type="application/json")
    )
    assert told["output"][0] == {**reasoning, "summary": [{"text": "Ada Example"}]}
    part = {"text": f"for {ADA}.", "thoughtSignature": ADA}
    told = json.loads(
        through(
            Gemini(),
            [dumped({"candidates": [{"content": {"parts": [part]}}]})],
            content_type="application/json",
        )
    )
    assert told["candidates"][0]["content"]["parts"] == [
        {"text": "for Ada Example.", "thoughtSignature": ADA}
    ]


def test_arguments_of_a_tool_are_the_clients_own_whatever_their_names() -> None:
    block = {
        "type": "tool_use",
        "id": "t",
        "name": "f",
        "input": {"id": ADA, "signature": {"data": BO}, "type": ADA, CARD: {BO: 1}},
    }
    told = json.loads(through(Anthropic(), [dumped({"content": [block]})], content_type="application/json"))
    assert told["content"][0]["input"] == {
        "id": "Ada Example",
        "signature": {"data": VALUES[BO]},
        "type": "Ada Example",
        "eve@corp.test": {VALUES[BO]: 1},
    }


def test_gemini_parts_of_another_kind_end_the_text_before_them() -> None:
    def row(*parts: object, **more: object) -> bytes:
        return event({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}]})

    call = {"functionCall": {"name": "f", "args": {"to": BO, "n": [CARD]}}}
    stream = [
        row({"text": f"thinks of {ADA}", "thought": True}),
        row({"text": f"ask {BO[:9]}"}),
        row({"text": BO[9:]}, call),
        row({"text": ADA}),
        row({"text": ""}, finishReason="STOP"),
    ]
    rows = payloads(through(Gemini(), stream))
    parts = [
        part for one in rows for part in one["candidates"][0]["content"]["parts"] if part.get("text") != ""
    ]
    assert parts == [
        {"text": "thinks of ", "thought": True},
        {"text": "Ada Example", "thought": True},
        {"text": "ask "},
        {"text": VALUES[BO]},
        {"functionCall": {"name": "f", "args": {"to": VALUES[BO], "n": ["eve@corp.test"]}}},
        {"text": "Ada Example"},
    ]


def test_an_answer_that_is_json_still_parses() -> None:
    text = json.dumps({"name": BO, "list": [ADA]})
    stream = through(Chat(), Chat().stream([("0", character) for character in text]))
    assert json.loads(Chat().read_stream(stream)["0"]) == {"name": VALUES[BO], "list": ["Ada Example"]}


def test_a_format_without_a_table_has_every_string_restored_in_its_event() -> None:
    generic = type("Other", (), {"format": "generic", "content_type": "application/x-ndjson"})
    rows = [{"message": {"content": f"to {BO}"}, "arguments": json.dumps({"a": BO})}, {"done": True}]
    told = through(generic, [dumped(row) + b"\n" for row in rows]).splitlines()
    assert json.loads(told[0])["message"]["content"] == f"to {VALUES[BO]}"
    assert json.loads(json.loads(told[0])["arguments"]) == {"a": VALUES[BO]}
    assert told[1] == b'{"done": true}'


def test_plain_text_is_restored_at_any_cut_and_foreign_octets_stay() -> None:
    generic = type("Other", (), {"format": "generic", "content_type": "text/plain"})
    data = f"Hé {ADA}中{BO}".encode() + b"\xff\xfe " + ADA.encode()
    wanted = f"Hé Ada Example中{VALUES[BO]}".encode() + b"\xff\xfe Ada Example"
    for place in range(len(data)):
        assert through(generic, [data[:place], data[place:]]) == wanted


@pytest.mark.parametrize(
    "label", ["image/png", "text/plain; charset=utf-16", "application/vnd.amazon.eventstream"]
)
def test_what_it_cannot_read_is_passed_on(label: str) -> None:
    assert (
        through(Chat(), [b'{"a":"', ADA.encode(), b'"}'], content_type=label)
        == b'{"a":"' + ADA.encode() + b'"}'
    )


def test_what_says_it_is_json_and_is_not_is_not_held_back() -> None:
    restorer = AnswerRestorer("openai_chat", "application/json", KNOWN)
    assert restorer.feed(b"  upstream is down ") == [b"  upstream is down "]
    blanks = AnswerRestorer("openai_chat", "application/json", KNOWN)
    assert len(b"".join(piece for _ in range(99) for piece in blanks.feed(b" " * 99))) > 90 * 99 - 4096


def test_a_stream_of_events_that_says_it_is_json_is_one_all_the_same() -> None:
    stream = Chat().stream([("0", character) for character in BO])
    told = through(Chat(), stream, content_type="application/json")
    assert Chat().read_stream(told)["0"] == VALUES[BO]


def test_a_json_body_over_the_bound_is_passed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LIMIT", 100)
    body = dumped({"a": ADA * 20})
    assert through(Chat(), [body[:50], body[50:120], body[120:]], content_type="application/json") == body


def test_a_stream_that_nothing_ends_holds_few_lanes() -> None:
    rows = [
        event({"choices": [{"index": i, "delta": {"content": f"{ADA}, x"}}]})
        for i in range(answers.MAX_LANES + 9)
    ]
    assert ADA.encode() not in through(Chat(), rows)


ODD = st.binary(max_size=80) | st.recursive(
    st.sampled_from([ADA, ADA[:9], "stop", "text_delta", 0, None, 1e999, 2**70, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices delta content index type text finish_reason tool_calls function arguments candidates parts"
                " content_block message partialArgs jsonPath error response item".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@given(
    st.lists(ODD, max_size=6),
    st.sampled_from([b"\n\n", b"\n", b",", b"]", b""]),
    st.sampled_from([b"data: ", b"", b"[", b"data:\n"]),
    st.sampled_from(
        [(api.format, api.content_type) for api in APIS] + [("generic", "application/json"), ("x", "")]
    ),
    st.sampled_from([EVENT_STREAM, "application/json", "application/x-ndjson", "text/plain", ""]),
)
@settings(max_examples=500, deadline=None)
def test_no_bytes_make_it_raise(
    odd: list[bytes], end: bytes, head: bytes, kind: tuple[str, str], label: str
) -> None:
    restorer = AnswerRestorer(kind[0], label or kind[1], KNOWN)
    for data in odd:
        assert all(restorer.feed(head + data + end))
    restorer.finish()


def test_deep_nesting_huge_numbers_and_odd_bytes_are_passed_on() -> None:
    deep, ada = b"[" * 1000 + b"]" * 1000, ADA.encode()
    huge = b'{"a":' + b"9" * 9999 + b"}"
    for payload in (b'{"a":' * 100_000, b'{"a":' + deep + b',"b":"' + ada + b'"}', huge, b'"\0' + ada + b'"'):
        data = b"data: " + payload + b"\n\n"
        assert through(Chat(), [data]) == data


def test_an_error_is_framed_as_what_it_is_the_end_of() -> None:
    error = b'{"message": "no"}'

    def of(label: str, begun: bytes) -> bytes:
        restorer = AnswerRestorer("openai_chat", label, KNOWN)
        restorer.feed(begun)
        return restorer.ending(error)

    assert of(EVENT_STREAM, b"data: {}\n\n") == b'event: error\ndata: {"message": "no"}\n\n'
    assert of("application/x-ndjson", b"{}\n") == error + b"\n"
    assert of("application/json", b'{"a": 1') == error
    assert of("text/plain", b"so ") == error
    amazons = of("application/vnd.amazon.eventstream", b"")
    assert b"internalServerException" in amazons and error in amazons
