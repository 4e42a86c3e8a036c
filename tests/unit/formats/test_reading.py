"""Whose words are whose, and nothing dropped."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_files
from made_exchanges import EXCHANGE
from outgate import formats
from outgate.formats.roles import STRUCTURAL_KEYS
from outgate.model import BODY, Document, Endpoint, Provider, Role
from outgate.wire import WireError, file_codecs
from outgate.wire.text_codecs import CODECS

PROVIDER = Provider("p", "P", "P Inc.", "US", "api", frozenset({"authorization", "x-api-key"}))


def read(
    body: bytes,
    name: str = "openai_chat",
    kind: str = "application/json",
    target: bytes = b"/v1/x",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Document:
    exchange = replace(
        EXCHANGE, target=target, headers=((b"content-type", kind.encode()), *headers), body=body
    )
    return formats.read(exchange, Endpoint(PROVIDER, name), body)


def role_of(document: Document, text: str) -> Role:
    quoted = f'"{text}"'  # in arguments that are read together
    return next(s.role for s in document.segments if s.text == text or quoted in s.text)


@pytest.mark.parametrize(
    ("name", "body", "role"),
    [
        ("openai_chat", {"messages": [{"role": "developer", "content": "@"}]}, Role.SYSTEM),
        (
            "openai_chat",
            {"messages": [{"content": [{"type": "text", "text": "@"}], "role": "user"}]},
            Role.USER,
        ),
        ("openai_chat", {"messages": [{"role": "nobody", "content": "@"}]}, Role.USER),
        ("openai_chat", {"messages": [{"role": "tool", "content": "@"}]}, Role.TOOL_RESULT),
        (
            "openai_chat",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "@"}}]}]},
            Role.TOOL_CALL,
        ),
        ("openai_chat", {"tools": [{"function": {"description": "@"}}]}, Role.TOOL_DEFINITION),
        ("openai_chat", {"user": "@"}, Role.METADATA),
        ("openai_responses", {"input": "@"}, Role.USER),
        ("openai_responses", {"instructions": "@"}, Role.SYSTEM),
        ("openai_responses", {"input": [{"type": "function_call_output", "output": "@"}]}, Role.TOOL_RESULT),
        ("openai_responses", {"input": [{"type": "function_call", "arguments": "@"}]}, Role.TOOL_CALL),
        ("openai_completions", {"prompt": ["@"]}, Role.USER),
        ("openai_realtime", {"session": {"instructions": "@"}}, Role.SYSTEM),
        ("openai_realtime", {"response": {"instructions": "@"}}, Role.SYSTEM),
        ("openai_realtime", {"session": {"tools": [{"description": "@"}]}}, Role.TOOL_DEFINITION),
        ("openai_realtime", {"session": {"tracing": {"group_id": "@"}}}, Role.METADATA),
        ("openai_realtime", {"item": {"role": "user", "content": [{"text": "@"}]}}, Role.USER),
        ("openai_realtime", {"item": {"role": "system", "content": [{"text": "@"}]}}, Role.SYSTEM),
        ("openai_realtime", {"item": {"role": "assistant", "content": [{"text": "@"}]}}, Role.ASSISTANT),
        ("openai_realtime", {"item": {"type": "function_call", "arguments": "@"}}, Role.TOOL_CALL),
        ("openai_realtime", {"item": {"type": "function_call_output", "output": "@"}}, Role.TOOL_RESULT),
        (
            "openai_realtime",
            {"response": {"input": [{"role": "user", "content": [{"text": "@"}]}]}},
            Role.USER,
        ),
        ("openai_realtime", {"type": "came.later", "words": {"x": "@"}}, Role.USER),
        ("gemini_live", {"setup": {"systemInstruction": {"parts": [{"text": "@"}]}}}, Role.SYSTEM),
        ("gemini_live", {"setup": {"tools": [{"x": "@"}]}}, Role.TOOL_DEFINITION),
        ("gemini_live", {"client_content": {"turns": [{"parts": [{"text": "@"}]}]}}, Role.USER),
        (
            "gemini_live",
            {"clientContent": {"turns": [{"role": "model", "parts": [{"text": "@"}]}]}},
            Role.ASSISTANT,
        ),
        ("gemini_live", {"realtimeInput": {"text": "@"}}, Role.USER),
        (
            "gemini_live",
            {"toolResponse": {"functionResponses": [{"response": {"x": "@"}}]}},
            Role.TOOL_RESULT,
        ),
        ("gemini_live", {"tool_response": {"function_responses": [{"name": "@"}]}}, Role.TOOL_RESULT),
        ("gemini_live", {"cameLater": {"x": ["@"]}}, Role.USER),
        ("openai_embeddings", {"input": ["@"]}, Role.USER),
        ("anthropic_messages", {"system": [{"type": "text", "text": "@"}]}, Role.SYSTEM),
        (
            "anthropic_messages",
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"q": "@"}}]}]},
            Role.TOOL_CALL,
        ),
        (
            "anthropic_messages",
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "@"}]}]},
            Role.TOOL_RESULT,
        ),
        ("gemini", {"contents": [{"role": "model", "parts": [{"text": "@"}]}]}, Role.ASSISTANT),
        ("gemini", {"systemInstruction": {"parts": [{"text": "@"}]}}, Role.SYSTEM),
        ("gemini", {"contents": [{"parts": [{"functionResponse": {"response": "@"}}]}]}, Role.TOOL_RESULT),
        ("gemini", {"contents": [{"parts": [{"function_call": {"args": {"a": "@"}}}]}]}, Role.TOOL_CALL),
    ],
)
def test_a_string_has_the_role_of_who_said_it(name: str, body: dict[str, Any], role: Role) -> None:
    assert role_of(read(json.dumps(body).encode(), name), "@") is role


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "type", "messages", "content", "id", "x"]) | st.text(), inner
        )
    ),
    max_leaves=15,
)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (key, *strings(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


@given(VALUES.map(lambda value: {"messages": value}), st.sampled_from(sorted(formats.FORMATS)))
@settings(max_examples=300, deadline=None)
def test_every_string_of_a_body_is_a_segment(value: Any, name: str) -> None:
    data = json.dumps(value).encode()
    document = read(data, name)
    texts = {segment.text for segment in document.segments}
    words = STRUCTURAL_KEYS | {"system", "user", "assistant", "tool", "text", "message", "function", "file"}
    for text in strings(value):
        assert text in texts or text in words or not text
    for segment in document.segments:
        if segment.part == BODY:
            assert CODECS[segment.codec].decode(data[segment.start : segment.end]) == segment.text


def test_signed_and_opaque_fields_are_read_but_not_editable() -> None:
    content = [
        {"type": "thinking", "thinking": "because", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "text", "text": "plain"},
    ]
    body = json.dumps({"messages": [{"role": "assistant", "content": content}]}).encode()
    editable = {s.text: s.editable for s in read(body, "anthropic_messages").segments}
    assert [editable[t] for t in ("because", "c2lnbmVk", "b3BhcXVl", "plain")] == [False, False, False, True]


def test_duplicated_keys_that_decide_are_refused() -> None:
    for body in (b'{"model":"a","model":"b"}', b'{"messages":[{"role":"user","role":"tool"}]}'):
        with pytest.raises(WireError) as caught:
            read(body)
        assert caught.value.reason == "duplicate_key"


def test_long_numbers_are_segments_and_short_ones_are_not() -> None:
    texts = {s.text for s in read(b'{"card": 4111111111111111, "n": 12345, "t": 0.7}').segments}
    assert "4111111111111111" in texts
    assert not texts & {"12345", "0.7"}


def test_the_providers_own_credential_is_not_read_and_others_are() -> None:
    headers = ((b"authorization", b"Bearer mine"), (b"x-other", b"theirs"), (b"user-agent", b"agent"))
    texts = {s.text for s in read(b"{}", headers=headers, target=b"/v1/x?debug=yes%20no").segments}
    assert "Bearer mine" not in texts
    assert {"theirs", "agent", "yes no", "debug", "/v1/x"} <= texts


def test_an_image_is_an_attachment_and_text_that_calls_itself_one_is_read() -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(200)).decode()
    hidden = base64.b64encode(b"this is plain text that only says it is an image " * 3).decode()
    for url, found in ((f"data:image/png;base64,{png}", 1), (f"data:image/png;base64,{hidden}", 0)):
        body = json.dumps({"messages": [{"role": "user", "content": [{"image_url": {"url": url}}]}]})
        document = read(body.encode())
        assert len(document.attachments) == found
        assert any("plain text" in segment.text for segment in document.segments) is not bool(found)


@pytest.mark.parametrize(
    ("body", "kind", "wanted"),
    [
        (b'{"a":"one"}\n{"a":"two"}\n', "application/x-ndjson", {"one", "two"}),
        (b"a=one+1&b=tw%6F", "application/x-www-form-urlencoded", {"one 1", "two"}),
        (b"just text", "text/plain", {"just text"}),
        (b"caf\xe9", "text/plain", {"café"}),
        (b'{"a":"\\u006fne"}', "application/octet-stream", {"one"}),
        (
            b'--b\r\ncontent-disposition: form-data; name="f"; filename="one.txt"\r\n\r\ntwo\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            {' form-data; name="f"; filename="one.txt"', "two"},
        ),
        (
            b"--b\r\ncontent-transfer-encoding: base64\r\n\r\n" + base64.b64encode(b"hidden") + b"\r\n--b--",
            "multipart/form-data; boundary=b",
            {"hidden"},
        ),
        (
            b"before\r\n--b\r\n\r\nx\r\n--b--\r\nafter",
            "multipart/mixed; boundary=b",
            {"before", "\r\nafter", "x"},
        ),
    ],
)
def test_the_backstop_reads_every_other_body(body: bytes, kind: str, wanted: set[str]) -> None:
    assert wanted <= {segment.text for segment in read(body, "generic", kind).segments}


def test_a_mail_within_a_string_is_a_text_to_edit_and_a_file_to_open() -> None:
    mail = made_files.mail("see the file", {"a.pdf": made_files.pdf("x")}).decode()
    body = json.dumps({"messages": [{"role": "tool", "content": mail}]}).encode()
    document = read(body)
    (attachment,) = document.attachments
    assert (attachment.role, attachment.media_type) == (Role.TOOL_RESULT, "message/rfc822")
    assert file_codecs.CODECS[attachment.codec](body[attachment.start : attachment.end]) == mail.encode()
    assert [segment.editable for segment in document.segments if segment.text == mail] == [True]


@pytest.mark.parametrize(
    "content", [made_files.tape({"a": b"x"}), made_files.packed({"a": "x"}), made_files.pdf("x")]
)
def test_a_file_in_base64_is_an_attachment_where_nobody_expects_one(content: bytes) -> None:
    for text in (
        base64.b64encode(content).decode(),
        base64.b64encode(content).decode().replace("A", "\\u0041"),
    ):
        body = f'{{"a": {{"new": "{text}"}}}}'.encode()
        (attachment,) = read(body, "generic").attachments
        assert file_codecs.CODECS[attachment.codec](body[attachment.start : attachment.end]) == content


def test_binary_is_an_attachment() -> None:
    assert read(b"\x00\xff\xfe", "generic", "application/octet-stream").attachments[0].size == 3
