"""The line to the model: in the format's own place, and at the same one in every turn."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outgate.transform.note import TEXT, added

HELLO = [{"role": "user", "content": "hello"}]
CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini"


def with_note(format_name: str, body: Any) -> Any:
    noted = added(format_name, "/v1/some/path", json.dumps(body).encode())
    return None if noted is None else json.loads(noted)


@pytest.mark.parametrize(
    ("format_name", "body", "changed"),
    [
        (CHAT, {"messages": HELLO}, {"messages": [{"role": "system", "content": TEXT}, *HELLO]}),
        (
            CHAT,
            {"messages": [{"role": "developer", "content": "Be brief."}, *HELLO]},
            {"messages": [{"role": "developer", "content": f"Be brief.\n\n{TEXT}"}, *HELLO]},
        ),
        (
            CHAT,
            {"messages": [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}]},
            {"messages": [{"role": "system", "content": [{"type": "text", "text": f"Be brief.\n\n{TEXT}"}]}]},
        ),
        (RESPONSES, {"input": "hello"}, {"instructions": TEXT, "input": "hello"}),
        (
            RESPONSES,
            {"input": HELLO, "instructions": "Be brief."},
            {"input": HELLO, "instructions": f"Be brief.\n\n{TEXT}"},
        ),
        (MESSAGES, {"messages": HELLO}, {"system": TEXT, "messages": HELLO}),
        (
            MESSAGES,
            {"system": "Be brief.", "messages": HELLO},
            {"system": f"Be brief.\n\n{TEXT}", "messages": HELLO},
        ),
        (
            MESSAGES,
            {
                "messages": HELLO,
                "system": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
            },
            {
                "messages": HELLO,
                "system": [{"type": "text", "text": "One."}, {"type": "text", "text": f"Two.\n\n{TEXT}"}],
            },
        ),
        (
            GEMINI,
            {"contents": [{"parts": [{"text": "hello"}]}]},
            {
                "systemInstruction": {"parts": [{"text": TEXT}]},
                "contents": [{"parts": [{"text": "hello"}]}],
            },
        ),
        (
            GEMINI,
            {"contents": [], "system_instruction": {"parts": [{"text": "Be brief."}]}},
            {"contents": [], "system_instruction": {"parts": [{"text": f"Be brief.\n\n{TEXT}"}]}},
        ),
        ("cohere_chat", {"messages": HELLO}, {"messages": [{"role": "system", "content": TEXT}, *HELLO]}),
        ("ollama", {"messages": HELLO}, {"messages": [{"role": "system", "content": TEXT}, *HELLO]}),
        (
            "gemini_interactions",
            {"model": "m", "input": "hello"},
            {"system_instruction": TEXT, "model": "m", "input": "hello"},
        ),
        (
            "mistral_conversations",
            {"model": "m", "inputs": "hello"},
            {"instructions": TEXT, "model": "m", "inputs": "hello"},
        ),
    ],
)
def test_it_is_with_what_the_client_instructs_or_stands_alone(
    format_name: str, body: Any, changed: Any
) -> None:
    assert with_note(format_name, body) == changed


@pytest.mark.parametrize(
    ("format_name", "body"),
    [
        ("generic", {"messages": HELLO}),
        ("bedrock_converse", {"messages": HELLO}),
        (CHAT, {"messages": []}),
        (CHAT, {"messages": ["hello"]}),
        (CHAT, {"other": {"messages": HELLO}}),
        (CHAT, [HELLO]),
        (MESSAGES, {"system": None, "messages": HELLO}),
        (RESPONSES, {"prompt": "hello"}),
        ("ollama", {"prompt": "hello"}),
        ("cohere_v1", {"message": "hello"}),
        ("mistral_conversations", {"inputs": "hello", "agent_id": "ag_1"}),
        ("mistral_conversations", {"inputs": "hello"}),
        ("gemini_interactions", {"agent": "a", "input": "hello"}),
        (GEMINI, {"contents": [], "cachedContent": "cachedContents/x"}),
        (GEMINI, {"request": {"contents": []}}),
    ],
)
def test_a_request_of_another_shape_is_left_without_it(format_name: str, body: Any) -> None:
    assert with_note(format_name, body) is None


@pytest.mark.parametrize("format_name", [CHAT, RESPONSES, MESSAGES, GEMINI])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"a": 1}\n{"a": 2}\n', b"a=b", b'"messages"', b"\xff"])
def test_a_body_that_is_no_request_is_left_without_it(format_name: str, body: bytes) -> None:
    assert added(format_name, "/v1/some/path", body) is None


def test_every_other_byte_stays() -> None:
    body = b' {\n "n": 1.50e3, "messages" : [ {"role": "user", "content": "\\u00e9"}], "n": null }\n'
    noted = added(CHAT, "/v1/chat/completions", body)
    assert noted is not None
    message = json.dumps({"role": "system", "content": TEXT}, separators=(",", ":")).encode()
    assert noted == body.replace(b'[ {"role": "user"', b"[" + message + b"," + b' {"role": "user"')


def test_tokens_are_counted_without_it_where_the_count_takes_no_instructions() -> None:
    body = b'{"contents": []}'
    assert added(GEMINI, "/v1beta/models/gemini-x:generateContent", body)
    assert added(GEMINI, "/v1beta/models/gemini-x:countTokens", body) is None
    assert added(MESSAGES, "/v1/messages/count_tokens", b'{"messages": []}')
