"""What Cohere's, Mistral's and Ollama's clients send, and requests within requests: each string with its role."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ways_around import MULTIPART, holding, part, read

from outgate.model import BODY, Document, Role
from outgate.wire import WireError
from outgate.wire.text_codecs import CODECS

U, A, S = Role.USER, Role.ASSISTANT, Role.SYSTEM
CALL, RESULT, TOOLS, META = Role.TOOL_CALL, Role.TOOL_RESULT, Role.TOOL_DEFINITION, Role.METADATA
Marks = dict[str, tuple[Role, bool]]

COHERE = {
    "model": "command-x", "safety_mode": "@mode", "stop_sequences": ["@stop"],
    "documents": ["@document", {"id": "d", "data": {"snippet": "@snippet"}}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "@tool"}}],
    "messages": [
        {"role": "system", "content": "@system"},
        {"role": "user", "content": [{"type": "text", "text": "@user"},
                                     {"type": "document", "document": {"data": {"a": "@inline"}}}]},
        {"role": "assistant", "tool_plan": "@plan", "tool_calls": [
            {"id": "@id", "type": "function", "function": {"name": "f", "arguments": "@arguments"}}]},
        {"role": "tool", "tool_call_id": "@rid", "content": "@result"},
    ],
}  # fmt: skip
COHERE_V1 = {
    "message": "@user", "preamble": "@system", "connectors": [{"id": "@connector"}],
    "chat_history": [
        {"role": "CHATBOT", "message": "@answer", "tool_calls": [{"name": "f", "parameters": {"a": "@arguments"}}]},
        {"role": "USER", "message": "@before"},
        {"role": "TOOL", "tool_results": [{"outputs": [{"a": "@old"}]}]},
    ],
    "tool_results": [{"call": {"name": "f", "parameters": {}}, "outputs": [{"a": "@result"}]}],
}  # fmt: skip
MISTRAL = {
    "agent_id": "@agent", "instructions": "@system",
    "tools": [{"type": "function", "function": {"description": "@tool"}}],
    "inputs": [
        {"type": "message.input", "role": "user", "content": "@user"},
        {"type": "message.output", "role": "assistant", "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "@thought"}], "signature": "@signature"},
            {"type": "text", "text": "@answer"}]},
        {"type": "function.call", "tool_call_id": "@id", "name": "f", "arguments": "@arguments"},
        {"type": "function.result", "tool_call_id": "@rid", "result": "@result"},
        {"type": "hologram", "depth": "@unknown"},
    ],
}  # fmt: skip
OLLAMA = {
    "model": "m", "keep_alive": "@alive", "format": {"description": "@schema"},
    "messages": [
        {"role": "system", "content": "@system"},
        {"role": "user", "content": "@user"},
        {"role": "assistant", "thinking": "@thought", "tool_calls": [{"function": {"arguments": {"a": "@arguments"}}}]},
        {"role": "tool", "tool_name": "f", "content": "@result"},
    ],
}  # fmt: skip
INTERACTION = {
    "model": "m", "system_instruction": "@system", "previous_interaction_id": "@previous", "labels": {"a": "@label"},
    "tools": [{"type": "function", "name": "f", "description": "@tool"}],
    "input": [
        {"type": "user_input", "content": [{"type": "text", "text": "@user"}]},
        {"type": "thought", "signature": "@signature", "summary": [{"type": "text", "text": "@thought"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "@answer"}]},
        {"type": "function_call", "id": "@id", "name": "f", "arguments": {"a": "@arguments"}},
        {"type": "function_result", "call_id": "@rid", "result": [{"type": "text", "text": "@result"}]},
        {"type": "hologram_call", "depth": "@unknown"},
        {"type": "text", "text": "@content"},
    ],
}  # fmt: skip
GEMINI_BATCH = {
    "batch": {"display_name": "@name", "input_config": {"requests": {"requests": [
        {"request": {"contents": [{"role": "model", "parts": [{"text": "@answer", "thoughtSignature": "@signature"}]}]},
         "metadata": {"key": "@key"}}]}}},
}  # fmt: skip
CONVERSATION = {
    "items": [{"type": "message", "role": "user", "content": "@user"}],
    "metadata": {"a": "@meta"},
}


def marks(document: Document) -> Marks:
    """Role and editability of every string of the form ``@word``."""
    return {s.text: (s.role, s.editable) for s in holding(document, "@") if s.text.startswith("@")}


@pytest.mark.parametrize(
    ("name", "body", "wanted"),
    [
        ("cohere_chat", COHERE, {
            "@mode": (META, True), "@stop": (META, True), "@document": (RESULT, True), "@snippet": (RESULT, True),
            "@tool": (TOOLS, True), "@system": (S, True), "@user": (U, True), "@inline": (RESULT, True),
            "@plan": (A, True), "@id": (CALL, False), "@arguments": (CALL, True), "@rid": (RESULT, False),
            "@result": (RESULT, True)}),
        ("cohere_v1", COHERE_V1, {
            "@user": (U, True), "@system": (S, True), "@connector": (META, True), "@answer": (A, True),
            "@arguments": (CALL, True), "@before": (U, True), "@old": (RESULT, True), "@result": (RESULT, True)}),
        ("mistral_conversations", MISTRAL, {
            "@agent": (META, True), "@system": (S, True), "@tool": (TOOLS, True), "@user": (U, True),
            "@thought": (A, False), "@signature": (A, False), "@answer": (A, True), "@id": (CALL, False),
            "@arguments": (CALL, True), "@rid": (RESULT, False), "@result": (RESULT, True), "@unknown": (U, True)}),
        ("ollama", OLLAMA, {
            "@alive": (META, True), "@schema": (TOOLS, True), "@system": (S, True), "@user": (U, True),
            "@thought": (A, True), "@arguments": (CALL, True), "@result": (RESULT, True)}),
        ("gemini_interactions", INTERACTION, {
            "@system": (S, True), "@previous": (META, False), "@label": (META, True), "@tool": (TOOLS, True),
            "@user": (U, True), "@signature": (A, False), "@thought": (A, False), "@answer": (A, True),
            "@id": (CALL, False), "@arguments": (CALL, True), "@rid": (RESULT, False), "@result": (RESULT, True),
            "@unknown": (CALL, True), "@content": (U, True)}),
        ("gemini", GEMINI_BATCH, {
            "@name": (META, True), "@answer": (A, True), "@signature": (A, False), "@key": (META, True)}),
        ("openai_responses", CONVERSATION, {"@user": (U, True), "@meta": (META, True)}),
        ("openai_audio", {"input": "@said", "instructions": "@how", "voice": "@voice"}, {
            "@said": (U, True), "@how": (S, True), "@voice": (META, True)}),
        ("openai_images", {"prompt": "@picture", "user": "@me"}, {"@picture": (U, True), "@me": (META, True)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_string_of_a_request_has_its_role(name: str, body: dict[str, Any], wanted: Marks) -> None:
    assert marks(read(body, name)) == wanted


MESSAGES = {"messages": [
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "@thought", "signature": "@signature"}]},
    {"role": "user", "content": "@user"}], "system": "@system"}  # fmt: skip


def test_each_request_of_an_anthropic_batch_is_read_as_a_message() -> None:
    batch = {"requests": [{"custom_id": "@mine", "params": MESSAGES}]}
    assert marks(read(batch, "anthropic_batches")) == {
        "@mine": (META, True), "@thought": (A, False), "@signature": (A, False), "@user": (U, True),
        "@system": (S, True),
    }  # fmt: skip


def line(url: str, body: object) -> str:
    return json.dumps({"custom_id": "@mine", "method": "POST", "url": url, "body": body})


def uploaded(*lines: str) -> bytes:
    return part("\n".join(lines), 'content-disposition: form-data; name="file"; filename="b.jsonl"').encode()


CHAT = {
    "messages": [{"role": "developer", "content": "@system"}, {"role": "tool", "content": "@result"}],
    "user": "@me",
}
ANSWERS = {"instructions": "@told", "input": [{"type": "reasoning", "encrypted_content": "@encrypted"}]}


@pytest.mark.parametrize("more", [True, False], ids=["several lines", "one line"])
def test_each_line_of_a_batch_is_read_as_its_url_says(more: bool) -> None:
    lines = [line("/v1/chat/completions", CHAT)]
    wanted = {"@mine": (U, True), "@system": (S, True), "@result": (RESULT, True), "@me": (META, True)}
    if more:
        lines += [line("/v1/responses", ANSWERS), line("/v1/newest", {"instructions": "@unknown"})]
        wanted |= {"@told": (S, True), "@encrypted": (A, False), "@unknown": (U, True)}
    assert marks(read(uploaded(*lines), "openai_files", MULTIPART)) == wanted


def test_a_batch_tells_the_models_of_its_requests() -> None:
    lines = [
        line(url, {"model": f"m-{url}", "x": {"model": "no"}}) for url in ("/v1/responses", "/v1/newest")
    ]
    document = read(uploaded(*lines), "openai_files", MULTIPART)
    assert document.models == ("m-/v1/responses", "m-/v1/newest")
    requests = [{"params": {"model": name, "messages": []}} for name in ("b", "a", "b")]
    assert read({"requests": requests}, "anthropic_batches").models == ("b", "a")
    with pytest.raises(WireError):
        read({"requests": [{"params": {"model": f"m{i}"}} for i in range(101)]}, "anthropic_batches")


def test_only_a_file_has_lines_that_say_what_they_are() -> None:
    """Elsewhere it would turn a user's words into something that a rule about users does not see."""
    one = line("/v1/chat/completions", {"user": "@me"})
    for name in ("generic", "openai_chat", "openai_audio"):
        assert marks(read(uploaded(one), name, MULTIPART))["@me"] == (U, True)
    assert marks(read(one.encode(), "generic"))["@me"] == (U, True)
    assert marks(read(one.encode(), "openai_files"))["@me"] == (U, True)


JSONS = st.recursive(
    st.none() | st.text(max_size=9) | st.sampled_from(["/v1/chat/completions", "/v1/embeddings", "@"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "body", "type", "x"]), inner)
    ),
    max_leaves=9,
)


BODIES = JSONS.map(lambda value: {"body": value, "url": "/v1/chat/completions"})
OTHERS = JSONS.filter(lambda value: isinstance(value, dict | list))


@given(st.lists(BODIES | OTHERS, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_every_string_of_a_file_is_a_segment_over_its_bytes(values: list[Any]) -> None:
    data = uploaded(*map(json.dumps, values))
    document = read(data, "openai_files", MULTIPART)
    texts = {segment.text for segment in document.segments}
    for segment in document.segments:
        if segment.part == BODY:
            assert CODECS[segment.codec].decode(data[segment.start : segment.end]) == segment.text
    assert ("@" in strings(values)) == ("@" in texts)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [
            text
            for inner in (value.values() if isinstance(value, dict) else value)
            for text in strings(inner)
        ]
    return [value] if isinstance(value, str) else []
