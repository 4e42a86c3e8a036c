"""What answers say that they took, in every family's words, whole and streamed, cut anywhere."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise
from struct import pack
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.formats import FORMATS
from outgate.formats import usage as usage_module
from outgate.formats.usage import Meter, Tally, answers_in_words, said, takes_tokens
from outgate.formats.usage_tables import TABLES
from outgate.model import Usage

JSON, EVENTS = {"content-type": "application/json"}, {"content-type": "text/event-stream"}
LINES = {"content-type": "application/x-ndjson"}
AMAZON = {"content-type": "application/vnd.amazon.eventstream"}
TEXT = 'say "usage": {"prompt_tokens": 9999, "input_tokens": 9999, "promptTokenCount": 9999}'


def sse(*events: object) -> bytes:
    return b"".join(b"event: e\r\ndata: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def amazon(*events: object, wrapped: bool) -> bytes:
    told = b""
    for event in events:
        payload = json.dumps(event).encode()
        if wrapped:
            payload = json.dumps({"bytes": b64encode(payload).decode(), "p": "abc"}).encode()
        headers = b"\x0b:event-type\x07\x00\x05chunk"
        prelude = pack(">II", 16 + len(headers) + len(payload), len(headers))
        message = prelude + pack(">I", crc32(prelude)) + headers + payload
        told += message + pack(">I", crc32(message))
    return told


def chat(usage: object) -> dict[str, object]:
    return {"choices": [{"delta": {"content": TEXT}}], "usage": usage}


PROMPT = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
INPUT = {
    "input_tokens": 11,
    "output_tokens": 7,
    "total_tokens": 18,
    "input_tokens_details": {"cached_tokens": 5},
}
CACHED = {"input_tokens": 3, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 6}
CONVERSE = {"inputTokens": 3, "cacheReadInputTokens": 8, "outputTokens": 7, "totalTokens": 18}
GEMINI = {"promptTokenCount": 9, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4}
COHERE = {
    "billed_units": {"input_tokens": 4, "output_tokens": 7},
    "tokens": {"input_tokens": 11, "output_tokens": 7},
}
INTERACTION = {
    "total_input_tokens": 11,
    "total_output_tokens": 4,
    "total_thought_tokens": 3,
    "total_tokens": 18,
}
OLLAMA = {"prompt_eval_count": 11, "eval_count": 7, "eval_duration": 1_000_000}
CLAUDE_START = {"type": "message_start", "message": {"usage": {**CACHED, "output_tokens": 1}}}
CLAUDE_END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
CLAUDE_TEXT = {"type": "content_block_delta", "delta": {"text": TEXT}}
METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 11, "outputTokenCount": 7}}
# Format, headers, body. All took 11 and 7.
ANSWERS: Sequence[tuple[str, dict[str, str], bytes]] = [
    (
        "openai_chat",
        JSON,
        json.dumps({"choices": [{"message": {"content": TEXT}}], "usage": PROMPT}, indent=2).encode(),
    ),
    (
        "openai_chat",
        EVENTS,
        sse(chat(None), chat(None), {"choices": [], "usage": PROMPT}) + b"data: [DONE]\n\n",
    ),
    ("openai_chat", EVENTS, sse(chat(None), {"choices": [], "x_groq": {"usage": PROMPT}})),
    ("openai_completions", JSON, json.dumps({"choices": [{"text": TEXT}], "usage": PROMPT}).encode()),
    (
        "openai_responses",
        JSON,
        json.dumps({"output": [{"content": TEXT}], "usage": INPUT, "user": None}).encode(),
    ),
    (
        "openai_responses",
        EVENTS,
        sse({"delta": TEXT}, {"type": "response.completed", "response": {"usage": INPUT}}),
    ),
    (
        "openai_audio",
        EVENTS,
        sse({"delta": TEXT}, {"type": "transcript.text.done", "usage": {"type": "tokens", **INPUT}}),
    ),
    ("openai_images", JSON, json.dumps({"data": [{"b64_json": "A" * 5000}], "usage": INPUT}).encode()),
    (
        "anthropic_messages",
        JSON,
        json.dumps({"content": [{"text": TEXT}], "usage": {**CACHED, "output_tokens": 7}}).encode(),
    ),
    ("anthropic_messages", EVENTS, sse(CLAUDE_START, CLAUDE_TEXT, CLAUDE_END, {"type": "message_stop"})),
    (
        "gemini",
        JSON,
        json.dumps(
            {"usageMetadata": {**GEMINI, "candidatesTokenCount": 4, "thoughtsTokenCount": 3}}
        ).encode(),
    ),
    (
        "gemini",
        EVENTS,
        sse(
            {"usageMetadata": {**GEMINI, "candidatesTokenCount": 1}},
            {"usageMetadata": {**GEMINI, "candidatesTokenCount": 4, "thoughtsTokenCount": 3}},
        ),
    ),
    (
        "gemini",
        JSON,
        json.dumps(
            [
                {"text": TEXT, "usageMetadata": GEMINI},
                {"usageMetadata": {**GEMINI, "candidatesTokenCount": 7}},
            ],
            indent=1,
        ).encode(),
    ),
    ("gemini", EVENTS, sse({"response": {"usageMetadata": {**GEMINI, "candidatesTokenCount": 7}}})),
    ("gemini_interactions", JSON, json.dumps({"steps": [{"text": TEXT}], "usage": INTERACTION}).encode()),
    ("gemini_interactions", EVENTS, sse({"delta": TEXT}, {"interaction": {"usage": INTERACTION}})),
    ("bedrock_converse", JSON, json.dumps({"output": {"text": TEXT}, "usage": CONVERSE}).encode()),
    (
        "bedrock_converse",
        AMAZON,
        amazon({"delta": {"text": TEXT}}, {"usage": CONVERSE, "metrics": {}}, wrapped=False),
    ),
    (
        "bedrock_invoke",
        AMAZON,
        amazon(CLAUDE_START, CLAUDE_TEXT, CLAUDE_END, {"type": "message_stop", **METRICS}, wrapped=True),
    ),
    ("bedrock_invoke", AMAZON, amazon({"outputText": TEXT}, {"outputText": "", **METRICS}, wrapped=True)),
    (
        "bedrock_invoke",
        {**JSON, "X-Amzn-Bedrock-Input-Token-Count": "11", "X-Amzn-Bedrock-Output-Token-Count": "7"},
        json.dumps({"anything": TEXT}).encode(),
    ),
    (
        "bedrock_invoke",
        JSON,
        json.dumps({"generation": TEXT, "prompt_token_count": 11, "generation_token_count": 7}).encode(),
    ),
    (
        "bedrock_invoke",
        JSON,
        json.dumps({"inputTextTokenCount": 11, "results": [{"tokenCount": 7, "outputText": TEXT}]}).encode(),
    ),
    ("cohere_chat", JSON, json.dumps({"message": {"content": TEXT}, "usage": COHERE}).encode()),
    ("cohere_chat", EVENTS, sse({"delta": TEXT}, {"type": "message-end", "delta": {"usage": COHERE}})),
    ("cohere_v1", JSON, json.dumps({"text": TEXT, "meta": COHERE}).encode()),
    ("cohere_v1", LINES, lines({"text": TEXT}, {"event_type": "stream-end", "response": {"meta": COHERE}})),
    (
        "mistral_conversations",
        EVENTS,
        sse({"content": TEXT}, {"type": "conversation.response.done", "usage": PROMPT}),
    ),
    ("ollama", LINES, lines({"response": TEXT, "done": False}, {"done": True, "context": [1, 2], **OLLAMA})),
    ("ollama", JSON, json.dumps({"message": {"content": TEXT}, "done": True, **OLLAMA}).encode()),
    ("generic", JSON, json.dumps({"text": TEXT, "usage": PROMPT}).encode()),
    ("generic", {"content-type": "application/octet-stream"}, sse({"text": TEXT}, {"usage": INPUT})),
]


def tally(
    name: str,
    headers: dict[str, str],
    pieces: Sequence[bytes],
    *,
    complete: bool = True,
    succeeded: bool = True,
) -> Tally:
    meter = Meter(name, {key.lower(): value for key, value in headers.items()})
    for piece in pieces:
        meter.feed(piece)
    return meter.finish(4000, complete=complete)


@pytest.mark.parametrize(("name", "headers", "body"), ANSWERS, ids=lambda value: str(value)[:40])
def test_every_family_says_what_it_took_wherever_its_answer_is_cut(
    name: str, headers: dict[str, str], body: bytes
) -> None:
    assert tally(name, headers, [body]) == Tally(11, 7)
    assert tally(name, headers, [body[at : at + 1] for at in range(len(body))]) == Tally(11, 7)
    step = max(1, len(body) // 150)
    for cut in range(0, len(body), step):
        assert tally(name, headers, [body[:cut], body[cut:]]) == Tally(11, 7), cut


def test_every_format_has_a_table_and_every_family_an_answer_here() -> None:
    assert TABLES.keys() == FORMATS.keys()
    over_sockets = {"openai_realtime", "gemini_live"}
    silent = {name for name, table in TABLES.items() if not table.reports}
    assert silent == {"openai_files", "anthropic_batches"}
    assert {name for name, _, _ in ANSWERS} | over_sockets | silent | {"openai_embeddings"} == FORMATS.keys()


@settings(max_examples=40)
@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 5000), max_size=8), st.integers(0, 3))
def test_packed_answers_say_the_same(
    answer: tuple[str, dict[str, str], bytes], cuts: list[int], level: int
) -> None:
    name, headers, body = answer
    packed = gzip.compress(body, level)
    at = sorted({0, *(cut % len(packed) for cut in cuts), len(packed)})
    pieces = [packed[a:b] for a, b in pairwise(at)]
    assert tally(name, {**headers, "content-encoding": "gzip"}, pieces) == Tally(11, 7)


@given(
    st.sampled_from(sorted(TABLES)),
    st.sampled_from([JSON, EVENTS, LINES, AMAZON, {}]),
    st.lists(st.binary(max_size=80)),
)
def test_any_answer_can_be_read_along(name: str, headers: dict[str, str], pieces: list[bytes]) -> None:
    told = tally(name, headers, pieces)
    assert told.input >= 0
    assert told.output >= 0


def test_vectors_without_end_are_read_along_and_the_report_behind_them_counts() -> None:
    vector = b"[" + b",".join(b"0.0123456789" for _ in range(1500)) + b"]"
    body = b'{"object": "list", "data": [' + b",".join(b'{"embedding": ' + vector + b"}" for _ in range(50))
    body += b'], "usage": {"prompt_tokens": 11, "total_tokens": 11}}'
    assert tally("openai_embeddings", JSON, [body]) == Tally(11, 0)


def test_vectors_of_which_nobody_says_what_they_took_are_not_taken_for_words() -> None:
    meter = Meter("generic", JSON)
    meter.feed(b'{"embedding": {"values": [' + b"0.123, " * 3000 + b"0]}}")
    assert not answers_in_words("/v1beta/models/m:embedContent")
    assert answers_in_words("/v1beta/models/m:generateContent")
    assert meter.finish(400, complete=True, words=False) == Tally(100, 0, True, False)
    embedded = json.dumps(
        {"embeddings": [[0.1] * 99], "meta": {"billed_units": {"input_tokens": 11}}}
    ).encode()
    assert tally("generic", JSON, [embedded]) == Tally(11, 0)


# --- what nobody says ------------------------------------------------------------------------------


def test_a_stream_that_says_nothing_took_a_token_an_event_at_least_and_is_marked_estimated() -> None:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = sse(*({**chunk, "choices": [{"index": 0, "delta": {"content": "w "}}]} for _ in range(40)))
    assert tally("openai_chat", EVENTS, [body + b"data: [DONE]\n\n"]) == Tally(1000, 41, True, True)


def test_a_whole_answer_that_says_nothing_took_a_quarter_of_its_bytes() -> None:
    assert tally("generic", JSON, [b'{"a": "' + b"x" * 991 + b'"}']) == Tally(1000, 250, True, True)


def test_what_nobody_can_tell_by_its_size_is_not_estimated() -> None:
    assert tally("openai_images", JSON, [b"{}" * 500]) == Tally(0, 0)
    assert tally("openai_files", JSON, [json.dumps({"usage": PROMPT}).encode()]) == Tally(0, 0)


def test_what_is_only_counted_or_looked_up_takes_nothing() -> None:
    assert takes_tokens("POST", "/v1/messages")
    assert not takes_tokens("POST", "/v1/messages/count_tokens")
    assert not takes_tokens("POST", "/v1beta/models/m:countTokens")
    assert not takes_tokens("POST", "/v1/responses/input_tokens")
    assert not takes_tokens("POST", "/model/m/count-tokens")
    assert not takes_tokens("GET", "/v1/responses/resp_1")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages;count_tokens",
        "/v1/messages;x/count_tokens",
        "/v1/xcount_tokens",
        "/v1/messages;:countTokens",
    ],
)
def test_what_only_looks_like_counting_takes_something(path: str) -> None:
    assert takes_tokens("POST", path)
    assert answers_in_words("/v1/messages;embed")


def test_a_stream_that_is_broken_off_is_not_cheaper_than_what_was_told_of_it() -> None:
    told = [sse(CLAUDE_START), *(sse({**CLAUDE_TEXT, "n": n}) for n in range(30))]
    assert tally("anthropic_messages", EVENTS, told, complete=False).output > 30
    assert tally("anthropic_messages", EVENTS, told, complete=False).output_estimated
    # ... also where the beginning says what the question took, and a rule about answers ends it.
    assert tally("anthropic_messages", EVENTS, told, complete=False).input == 11
    # What stands in the last event of a stream is all of it, whoever hangs up afterwards.
    last = [sse(*(chat(None) for _ in range(30)), {"choices": [], "usage": PROMPT})]
    assert tally("openai_chat", EVENTS, last, complete=False) == Tally(11, 7)


@pytest.mark.parametrize("encoding", ["rot13", "gzip, br", "gzip"])
def test_what_cannot_be_unpacked_is_estimated(encoding: str) -> None:
    told = tally("openai_chat", {**JSON, "content-encoding": encoding}, [b"not what it says" * 100])
    assert told == Tally(1000, 400, True, True)


def test_a_line_without_end_is_not_held_and_the_next_one_is_read() -> None:
    meter = Meter("openai_chat", EVENTS)
    for _ in range(80):
        meter.feed(b"data: " + b"x" * 100_000)
    assert len(meter._begun) <= 4 * 2**20
    meter.feed(b"\n\n" + sse({"usage": PROMPT}))
    assert meter.finish(0, complete=True) == Tally(11, 7)


# --- WebSocket -------------------------------------------------------------------------------------

SAID: list[tuple[str, object, Usage | None]] = [
    ("openai_realtime", {"type": "response.done", "response": {"usage": INPUT}}, Usage(11, 7)),
    (
        "openai_realtime",
        {"type": "conversation.item.input_audio_transcription.completed", "usage": INPUT},
        Usage(11, 7),
    ),
    ("openai_realtime", {"type": "response.text.delta", "delta": TEXT}, None),
    ("openai_responses", {"type": "response.completed", "response": {"usage": INPUT}}, Usage(11, 7)),
    ("gemini_live", {"usageMetadata": {"promptTokenCount": 11, "responseTokenCount": 7}}, Usage(11, 7)),
    ("gemini_live", {"serverContent": {"modelTurn": {"parts": [{"text": TEXT}]}}}, None),
]


@pytest.mark.parametrize(("name", "event", "usage"), SAID)
def test_messages_say_what_was_taken(name: str, event: object, usage: Usage | None) -> None:
    assert said(name, json.dumps(event).encode()) == usage


def test_of_a_stream_only_events_with_a_report_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    whole = usage_module._Reports.read
    monkeypatch.setattr(
        usage_module._Reports, "read", lambda self, payload: (read.append(payload), whole(self, payload))[1]
    )
    quiet = sse(*({"choices": [{"delta": {"content": f"w{n}"}}], "usage": None} for n in range(500)))
    assert (
        tally("openai_chat", EVENTS, [quiet[at : at + 100] for at in range(0, len(quiet), 100)]).output >= 500
    )
    assert read == []
    assert tally("openai_chat", EVENTS, [quiet, sse({"usage": PROMPT})]) == Tally(11, 7)
    assert len(read) == 1
