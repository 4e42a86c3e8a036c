"""Answers of every API family through the inspector, cut wherever a network may cut them."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.model import Role, Segment
from outgate.transform import lookahead
from outgate.transform.answer_inspection import AnswerInspector, is_media
from outgate.transform.lookahead import Edit
from outgate.wire import WireError
from unit.transform.made_answers import Anthropic, Chat, Gemini, Responses, dumped, event, payloads
from unit.transform.made_other_answers import APIS

SECRET = re.compile(r"tok_[a-z0-9]{12}\b|\d{4} \d{4} \d{4} \d{4}")
TOKEN, CARD, GONE = "tok_abcdef012345", "4000 1234 5678 9017", "[GONE]"
PROSE = (
    f"First a line.\nThen {TOKEN}, and more text that goes on. Pay with {CARD}! "
    + "And so on, at length. " * 9
)
SOURCE = json.dumps({"to": TOKEN, "note": f'é\n{TOKEN}\t"x"', "n": [f"a\\{CARD}"]})

api_of_each = pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)


async def judge(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
    return [[Edit(*found.span(), GONE) for found in SECRET.finditer(one.text)] for one in segments]


async def nothing(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
    return [[] for _ in segments]


def through(api: Any, pieces: Iterable[bytes], by: Any = judge, content_type: str = "") -> bytes:
    async def run() -> bytes:
        inspector = AnswerInspector(api.format, content_type or api.content_type, by, limit=2**20)
        told = [piece for data in pieces for piece in await inspector.feed(data)] + await inspector.finish()
        assert all(told)
        return b"".join(told)

    return asyncio.run(run())


def cleaned(text: str) -> str:
    return SECRET.sub(GONE, text)


def originals(api: Any, source: str = SOURCE) -> dict[str, str]:
    return dict.fromkeys(api.texts, PROSE) | dict.fromkeys(api.arguments, source)


def interleaved(texts: dict[str, str], cut: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    rows = {lane: cut(text) for lane, text in texts.items()}
    longest = max(map(len, rows.values()))
    return [(lane, row[i]) for i in range(longest) for lane, row in rows.items() if i < len(row)]


@api_of_each
def test_a_finding_that_straddles_events_is_edited_whole(api: Any) -> None:
    texts = originals(api)
    stream = b"".join(api.stream(interleaved(texts, list)))
    streamed = api.read_stream(through(api, [stream]))
    for lane, text in texts.items():
        assert streamed[lane] == cleaned(text)
        if lane in api.arguments:
            assert json.loads(streamed[lane]) == json.loads(cleaned(text))


@api_of_each
def test_a_whole_answer_is_edited_string_by_string(api: Any) -> None:
    texts = originals(api)
    whole = api.read_answer(through(api, [api.answer(texts)], content_type="application/json"))
    for lane, text in texts.items():
        same = json.loads if lane in api.arguments else str
        assert same(whole[lane]) == same(cleaned(text))


@api_of_each
def test_a_stream_cut_at_every_byte_is_told_the_same(api: Any) -> None:
    texts = dict.fromkeys([*api.texts, *api.arguments], "") | {api.texts[0]: f"so {TOKEN}.\nYes {CARD}"}
    texts |= {lane: json.dumps({"a": f"{TOKEN}\n"}) for lane in api.arguments[:1]}
    stream = b"".join(api.stream(interleaved(texts, lambda text: [text[:9], text[9:12], text[12:]])))
    whole = through(api, [stream])
    assert api.read_stream(whole) == {lane: cleaned(text) for lane, text in texts.items()}
    for place in range(1, len(stream), 1 + len(stream) // 100):
        assert through(api, [stream[:place], stream[place:]]) == whole
    assert through(api, [stream[i : i + 1] for i in range(len(stream))]) == whole


@api_of_each
@given(st.data())
@settings(max_examples=10, deadline=None)
def test_any_texts_in_any_pieces_at_any_cuts(api: Any, data: st.DataObject) -> None:
    words = st.sampled_from(
        [TOKEN, CARD, ". ", "\n", " ", '"', "\\", "x", "中", "😀", "_", "1234 ", "\n\n", "y" * 50]
    )
    text = st.lists(words, max_size=12).map(" ".join)
    texts = {lane: "x " + data.draw(text) for lane in api.texts}
    texts |= {lane: json.dumps({"a": data.draw(text)}) for lane in api.arguments}
    source = random.Random(data.draw(st.integers(0, 2**16)))

    def cut(text: str) -> list[str]:
        edges = [0, *sorted(source.randrange(len(text) + 1) for _ in range(4)), len(text)]
        return [text[a:b] for a, b in pairwise(edges)]

    stream = b"".join(api.stream(interleaved(texts, cut)))
    edges = [0, *sorted(source.randrange(len(stream)) for _ in range(6)), len(stream)]
    told = through(api, [stream[a:b] for a, b in pairwise(edges)])
    assert told == through(api, [stream])
    for lane, said in api.read_stream(told).items():
        assert TOKEN not in said
        if lane in api.arguments:
            json.loads(said)


@api_of_each
def test_a_clean_stream_is_byte_identical(api: Any) -> None:
    events = api.stream(
        interleaved(originals(api), lambda text: [text[i : i + 3] for i in range(0, len(text), 3)])
    )
    assert through(api, events, nothing) == b"".join(events)
    body = api.answer(originals(api))
    assert through(api, [body], nothing, "application/json") == body


def test_text_leaves_with_the_end_of_its_sentence_and_everything_else_at_once() -> None:
    api = Chat()

    async def run() -> list[int]:
        inspector = AnswerInspector(api.format, api.content_type, judge, limit=2**20)
        sentence = "This is a sentence of more than forty code points. "
        pieces = [("0", character) for character in sentence * 2 + "The rest"]
        return [len(await inspector.feed(data)) for data in api.stream(pieces)]

    counts = asyncio.run(run())
    assert counts[:4] == [1, 1, 1, 1]  # roles and the names of tools
    assert 51 in counts
    assert sum(counts) == len(counts)


def test_comments_and_pings_wait_for_nobody() -> None:
    async def run() -> list[bytes]:
        inspector = AnswerInspector("anthropic_messages", "text/event-stream", judge, limit=2**20)
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "held"}}
        return [
            *await inspector.feed(event(delta)),
            *await inspector.feed(b": still here\n\n"),
            *await inspector.feed(event({"type": "ping"}, "ping")),
        ]

    assert asyncio.run(run()) == [b": still here\n\n", event({"type": "ping"}, "ping")]


def test_the_end_of_the_stream_comes_after_its_text() -> None:
    api = Chat()
    events = api.stream([("0", "no end of a sentence")])
    assert through(api, events).endswith(b"data: [DONE]\n\n")
    assert through(api, events) == b"".join(events)


def test_a_private_key_is_held_to_its_end() -> None:
    key = re.compile(r"-----BEGIN X KEY-----\n(?:[a-z]+\n)+-----END X KEY-----")

    async def whole_keys(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        return [[Edit(*found.span(), GONE) for found in key.finditer(one.text)] for one in segments]

    made = "-----BEGIN X KEY-----\n" + ("m" * 64 + "\n") * 50 + "-----END X KEY-----"
    text = f"Here is the key that you asked for, my friend.\n{made}\nThat is all."
    for pieces in (list(text), [text]):
        stream = Chat().stream([("0", piece) for piece in pieces])
        assert Chat().read_stream(through(Chat(), stream, whole_keys))["0"] == text.replace(made, GONE)


def test_a_text_without_a_safe_place_is_held_for_so_long_and_no_longer() -> None:
    text = "x" * (lookahead.MOST + 300) + TOKEN

    async def run() -> int:
        inspector = AnswerInspector("openai_chat", "text/event-stream", judge, limit=2**20)
        return sum(
            [len(await inspector.feed(one)) for one in Chat().stream([("0", sign) for sign in text])[:-3]]
        )

    assert asyncio.run(run()) > lookahead.MOST // 2
    assert TOKEN in Chat().read_stream(through(Chat(), Chat().stream([("0", text)]), nothing))["0"]


def test_a_lane_that_does_not_go_on_holds_up_the_others_for_a_few_events_only() -> None:
    thought = {"choices": [{"index": 0, "delta": {"reasoning_content": "no end"}}]}
    rows = [
        {"choices": [{"index": 0, "delta": {"content": "A line of some forty code points, or more.\n"}}]}
    ] * 20

    async def run() -> int:
        inspector = AnswerInspector("openai_chat", "text/event-stream", judge, limit=2**20)
        return sum([len(await inspector.feed(event(row))) for row in (thought, *rows)])

    assert asyncio.run(run()) == 21


def test_a_tool_call_keeps_its_json_whatever_is_taken_out_of_it() -> None:
    everything = re.compile(r"[nr]?tok_[a-z0-9]{12}(?:\", \"b\": \"x)?|\d{7}|é?u00e9")

    async def eager(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        return [[Edit(*found.span(), GONE) for found in everything.finditer(one.text)] for one in segments]

    text = '{"a": "\\n' + TOKEN + '", "b": "x", "c": 1234567, "d": "\\u00e9\\n\\ntok_000000000000"}'
    for pieces in (list(text), [text]):
        told = Chat().read_stream(
            through(Chat(), Chat().stream([("call 0", piece) for piece in pieces]), eager)
        )
        assert TOKEN not in told["call 0"]
        assert json.loads(told["call 0"])["c"] == GONE


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("image/png", b"x"),
        ("application/json; charset=utf-16", b"{}"),
        ("application/vnd.amazon.eventstream", b"no message at all, but text"),
        ("text/event-stream", b"secret: in no field\n\n"),
        ("application/json", b'{"a": "\xff"}'),
        ("application/json", '{"a": "x"}'.encode("utf-16-le")),
        ("application/json", b'{"choices": ' + b"[" * 300 + b'"x"' + b"]" * 300 + b"}"),
        ("application/json", b"x" * 2**21),
        ("application/json", b'["x"' + b',"y"' * 120_000 + b"]"),
        ("text/event-stream", b"data: [" + b"[]," * 600_000 + b"0]\n\n"),
    ],
)
def test_what_cannot_be_read_is_refused(label: str, body: bytes) -> None:
    with pytest.raises(WireError):
        through(Chat(), [body], content_type=label)


def test_json_that_can_be_read_in_two_ways_is_one_text() -> None:
    body = b'{"choices": [], "choices": [{"index": 0, "message": {"content": "' + TOKEN.encode() + b'"}}]}'
    assert TOKEN.encode() not in through(Chat(), [body], content_type="application/json")


def test_plain_text_and_scripts_are_read_too() -> None:
    for label in ("text/plain", "application/javascript", "text/html; charset=utf-8", "image/svg+xml"):
        assert not is_media(label)
        assert through(Chat(), [f"a {TOKEN}".encode()], content_type=label) == f"a {GONE}".encode()


def test_only_what_is_nothing_but_media_passes_for_it() -> None:
    assert is_media("image/png") and is_media(" Audio/MPEG; rate=16000")
    assert is_media('video/mp4; codecs="avc1.42E01E, mp4a.40.2"')
    for label in (
        "image/png, application/json",
        "application/json, image/png",
        "image/svg+xml; charset=utf-8",
        "",
    ):
        assert not is_media(label)
    with pytest.raises(WireError):
        through(Chat(), [b"{}"], content_type="image/png, application/json")


def test_what_was_held_can_be_had_as_it_came() -> None:
    events = Chat().stream([("0", "held back"), ("1", "too")])

    async def broken(*_: Any) -> list[list[Edit]]:
        raise RuntimeError

    async def run() -> bytes:
        inspector = AnswerInspector("openai_chat", "text/event-stream", broken, limit=2**20)
        told: list[bytes] = []
        try:
            for data in (*events, b"data: begun"):
                told += await inspector.feed(data)
        except RuntimeError:
            pass
        rest = events[events.index(data) + 1 :] if data in events else []
        return b"".join([*told, *inspector.rest(), *rest])

    assert asyncio.run(run()) == b"".join(events)


def test_an_error_ends_each_kind_of_stream_in_its_own_frame() -> None:
    async def ending(name: str, label: str, begun: bytes) -> bytes:
        inspector = AnswerInspector(name, label, nothing, limit=2**20)
        await inspector.feed(begun)
        return inspector.ending(b'{"message": "no"}')

    def of(*arguments: Any) -> bytes:
        return asyncio.run(ending(*arguments))

    assert of("openai_chat", "text/event-stream", b"") == b'event: error\ndata: {"message": "no"}\n\n'
    assert json.loads(of("generic", "application/x-ndjson", b"")) == {"message": "no"}
    assert json.loads(b'[{"a": 1}' + of("gemini", "application/json", b'[{"a": 1}')) == [
        {"a": 1},
        {"message": "no"},
    ]
    buffer = EventStreamBuffer()
    buffer.add_data(of("bedrock_converse", "application/vnd.amazon.eventstream", b""))
    (told,) = buffer
    assert told.headers[":message-type"] == "exception"
    assert told.headers[":exception-type"] == "accessDeniedException"
    assert told.payload == b'{"message": "no"}'


def test_roles_tell_the_models_words_from_a_tools_call() -> None:
    seen: dict[str, Role] = {}

    async def look(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        seen.update((one.text, one.role) for one in segments)
        return [[] for _ in segments]

    for api in (Chat(), Anthropic(), Responses()):
        texts = dict.fromkeys(api.texts, "words") | dict.fromkeys(api.arguments, '{"a": "call"}')
        through(api, api.stream(list(texts.items())), look)
        assert (seen["words"], seen['{"a": "call"}']) == (Role.ASSISTANT, Role.TOOL_CALL)
        seen.clear()
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"path": "of call"}}
    through(Anthropic(), [dumped({"content": [block]})], look, "application/json")
    assert seen["of call"] is Role.TOOL_CALL
    assert payloads(b"") == []


def test_the_end_of_an_array_waits_for_the_elements_before_it() -> None:
    async def nothing_found(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        return [[] for _ in segments]

    def element(text: str) -> bytes:
        content = {"parts": [{"text": text}], "role": "model"}
        return dumped({"candidates": [{"content": content, "index": 0}]})

    pieces = [b"[" + element("hello wor"), b",\r\n" + element("ld and so"), b"\n]"]
    assert through(Gemini(), pieces, nothing_found, "application/json") == b"".join(pieces)
