"""What today's clients send: read without a refusal, each string with its role, signed parts left alone."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from test_ways_around import holding, read

from outgate.model import Role

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2).decode()
U, A, S = Role.USER, Role.ASSISTANT, Role.SYSTEM
CALL, RESULT, TOOLS, META = Role.TOOL_CALL, Role.TOOL_RESULT, Role.TOOL_DEFINITION, Role.METADATA


def marks(body: dict[str, Any], name: str) -> dict[str, tuple[Role, bool]]:
    """Role and editability of every string of the form ``@word``."""
    return {
        mark: (segment.role, segment.editable)
        for segment in holding(read(body, name), "@")
        for mark in re.findall(r'(?:^|")(@\w+)(?:$|")', segment.text)
    }


CLAUDE_CODE = {
    "model": "claude-x", "max_tokens": 32000, "stream": True, "metadata": {"user_id": "@meta"},
    "system": [{"type": "text", "text": "@system", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "@tool", "input_schema": {"properties": {"p": {"description": "@schema"}}}}],
    "mcp_servers": [{"type": "url", "url": "https://m", "authorization_token": "@mcp"}],
    "messages": [
        {"role": "user", "content": "@user"},
        {"role": "system", "content": "@midway"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "@thought", "signature": "@signature"},
            {"type": "redacted_thinking", "data": "@redacted"},
            {"type": "tool_use", "id": "@id", "name": "Bash", "input": {"command": "@command"}},
            {"type": "server_tool_use", "id": "@sid", "name": "web_search", "input": {"query": "@query"}},
            {"type": "web_search_tool_result", "tool_use_id": "@wid", "content": [
                {"type": "web_search_result", "title": "@title", "encrypted_content": "@encrypted"}]},
            {"type": "brand_new_tool_result", "tool_use_id": "@nid", "anything": "@new"},
            {"type": "mcp_tool_use", "id": "@mid", "input": {"a": "@mcpcall"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "@rid", "content": [{"type": "text", "text": "@result"}]},
            {"type": "document", "title": "@doc", "source": {"type": "text", "data": "@source"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "file", "file_id": "@file"}},
            {"type": "hologram", "depth": ["@unknown"]},
        ]},
    ],
}  # fmt: skip
CODEX = {
    "type": "response.create", "model": "gpt-x", "instructions": "@system", "stream": True, "store": False,
    "prompt_cache_key": "@cachekey", "previous_response_id": "@previous",
    "tools": [{"type": "custom", "name": "apply_patch", "description": "@tool"}],
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "@developer"}]},
        {"role": "user", "content": "@user"},
        {"type": "reasoning", "id": "@rs", "summary": [{"type": "summary_text", "text": "@summary"}],
         "encrypted_content": "@encrypted"},
        {"type": "function_call", "call_id": "@call", "name": "shell", "arguments": "@arguments"},
        {"type": "function_call_output", "call_id": "@back", "output": "@output"},
        {"type": "local_shell_call", "action": {"command": ["@command"]}},
        {"type": "mcp_call", "arguments": "@mcparguments", "output": "@mcpoutput"},
        {"type": "hologram_call_output", "call_id": "@hid", "output": [{"type": "input_text", "text": "@new"}]},
        {"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": "data:image/png;base64," + PNG}]},
    ],
}  # fmt: skip
GEMINI_CLI = {
    "model": "gemini-x", "project": "@project", "user_prompt_id": "@prompt",
    "request": {
        "systemInstruction": {"role": "user", "parts": [{"text": "@system"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "@tool"}]}],
        "contents": [
            {"role": "user", "parts": [{"text": "@user"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
            {"role": "model", "parts": [
                {"text": "@answer", "thoughtSignature": "@signature"},
                {"functionCall": {"id": "@id", "name": "f", "args": {"a": "@arguments"}}},
                {"executable_code": {"language": "PYTHON", "code": "@code"}}]},
            {"role": "function", "parts": [{"functionResponse": {"id": "@rid", "response": {"o": "@response"}}}]},
            {"parts": [{"file_data": {"file_uri": "@uri"}}, {"hologram": "@unknown"}]},
        ],
    },
}  # fmt: skip
BEDROCK = {
    "system": [{"text": "@system"}], "toolConfig": {"tools": [{"toolSpec": {"description": "@tool"}}]},
    "messages": [
        {"role": "user", "content": [{"text": "@user"}, {"image": {"format": "png", "source": {"bytes": PNG}}}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "@thought", "signature": "@signature"}}},
            {"toolUse": {"toolUseId": "@id", "name": "f", "input": {"a": "@arguments"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "@rid", "content": [{"text": "@result"}]}}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "wanted"),
    [
        ("anthropic_messages", CLAUDE_CODE, {
            "@meta": (META, True), "@system": (S, True), "@tool": (TOOLS, True), "@schema": (TOOLS, True),
            "@mcp": (META, True), "@user": (U, True), "@midway": (S, True), "@thought": (A, False),
            "@signature": (A, False), "@redacted": (A, False), "@id": (CALL, False), "@command": (CALL, True),
            "@sid": (CALL, False), "@query": (CALL, True), "@wid": (RESULT, False), "@title": (RESULT, True),
            "@encrypted": (RESULT, False), "@nid": (RESULT, False), "@new": (RESULT, True), "@mid": (CALL, False),
            "@mcpcall": (CALL, True), "@rid": (RESULT, False), "@result": (RESULT, True), "@doc": (U, True),
            "@source": (U, True), "@file": (U, False), "@unknown": (U, True)}),
        ("openai_responses", CODEX, {
            "@system": (S, True), "@cachekey": (META, True), "@previous": (META, False), "@tool": (TOOLS, True),
            "@developer": (S, True), "@user": (U, True), "@rs": (A, False), "@summary": (A, True),
            "@encrypted": (A, False), "@call": (CALL, False), "@arguments": (CALL, True), "@back": (RESULT, False),
            "@output": (RESULT, True), "@command": (CALL, True), "@mcparguments": (CALL, True),
            "@mcpoutput": (RESULT, True), "@hid": (RESULT, False), "@new": (RESULT, True)}),
        ("gemini", GEMINI_CLI, {
            "@project": (META, True), "@prompt": (META, True), "@system": (S, True), "@tool": (TOOLS, True),
            "@user": (U, True), "@answer": (A, True), "@signature": (A, False), "@id": (CALL, False),
            "@arguments": (CALL, True), "@code": (CALL, True), "@rid": (RESULT, False),
            "@response": (RESULT, True), "@uri": (U, False), "@unknown": (U, True)}),
        ("bedrock_converse", BEDROCK, {
            "@system": (S, True), "@tool": (TOOLS, True), "@user": (U, True), "@thought": (A, False),
            "@signature": (A, False), "@id": (CALL, False), "@arguments": (CALL, True),
            "@rid": (RESULT, False), "@result": (RESULT, True)}),
    ],
    ids=["claude code", "codex", "gemini cli", "bedrock"],
)  # fmt: skip
def test_each_string_of_a_clients_request_has_its_role(
    name: str, body: dict[str, Any], wanted: dict[str, tuple[Role, bool]]
) -> None:
    assert marks(body, name) == wanted
    assert [item.media_type for item in read(body, name).attachments] == ["image/png"]


def test_thinking_without_a_signature_can_be_edited() -> None:
    content = [{"type": "thinking", "thinking": "@thought", "signature": ""}]
    body = {"messages": [{"role": "assistant", "content": content}]}
    assert marks(body, "anthropic_messages") == {"@thought": (A, True)}


def test_an_image_where_one_belongs_is_told_once_and_not_read_as_a_string() -> None:
    document = read(json.loads(json.dumps(CLAUDE_CODE)), "anthropic_messages")
    assert not holding(document, PNG)
