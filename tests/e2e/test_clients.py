"""The vendors' own client libraries, through the proxy, over TLS: they work, and a block is clear."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from e2e.conftest import Proxy
from outgate.dlp.examples import fake

NODE = Path(__file__).parent / "node"
MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]


def secret() -> list[Any]:
    return [{"role": "user", "content": f"deploy with {fake('GITHUB_TOKEN')}"}]


def blocks(proxy: Proxy) -> list[str]:
    return [line for line in proxy.metrics().splitlines() if 'action="block"' in line]


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


def test_openai_chat_answers_streams_and_reports_a_block_without_retrying(proxy: Proxy) -> None:
    with proxy.client() as http:
        client = openai.OpenAI(api_key="k", http_client=http)
        assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == "w0 w1 w2 w3 w4 "
        assert client.responses.create(model="gpt-4o", input="hi").output_text == "hello"
        assert client.embeddings.create(model="text-embedding-3-small", input="hi").data
        before, counted = len(proxy.received), blocks(proxy)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=secret())
    assert "A live credential must not leave." in str(caught.value)
    assert len(proxy.received) == before
    assert blocks(proxy) != counted


async def test_openai_async_answers_streams_and_reports_a_block(proxy: Proxy) -> None:
    async with proxy.async_client(http2=True) as http:
        client = openai.AsyncOpenAI(api_key="k", http_client=http)
        answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"
        stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(parts) == "w0 w1 w2 w3 w4 "
        with pytest.raises(openai.PermissionDeniedError):
            await client.chat.completions.create(model="gpt-4o", messages=secret())
    assert {request.http_version for request in proxy.received} == {"2"}


def test_anthropic_answers_streams_counts_and_reports_a_block(proxy: Proxy) -> None:
    with httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False) as http:
        client = anthropic.Anthropic(api_key="k", http_client=http)
        options: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 10}
        assert client.messages.create(messages=MESSAGES, **options).content
        with client.messages.stream(messages=MESSAGES, **options) as stream:
            assert stream.get_final_text() == "w0 w1 w2 w3 w4 "
        counted = client.messages.count_tokens(model="claude-sonnet-4-5", messages=MESSAGES)
        assert counted.input_tokens == 3
        before = len(proxy.received)
        with pytest.raises(anthropic.PermissionDeniedError) as caught:
            client.messages.create(messages=secret(), **options)
    assert "A live credential must not leave." in str(caught.value)
    assert len(proxy.received) == before


def test_gemini_answers_streams_and_reports_a_block(proxy: Proxy) -> None:
    arguments = {"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False}
    client = genai.Client(
        api_key="k", vertexai=False, http_options=genai_types.HttpOptions(client_args=arguments)
    )
    assert client.models.generate_content(model="gemini-2.5-flash", contents="hi").text == "hello"
    stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi")
    assert "".join(chunk.text or "" for chunk in stream) == "w0 w1 w2 w3 w4 "
    before = len(proxy.received)
    with pytest.raises(genai_errors.ClientError) as caught:
        client.models.generate_content(model="gemini-2.5-flash", contents=secret()[0]["content"])
    assert caught.value.code == 403
    assert "A live credential must not leave." in str(caught.value)
    assert len(proxy.received) == before


def test_curl_with_a_card_in_its_body(proxy: Proxy) -> None:
    card = fake("CREDIT_CARD")
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": card}]})
    done = subprocess.run(
        [
            *("curl", "-sS", "--proxy", proxy.url, "--cacert", str(proxy.root), "-d", body),
            *("-H", "content-type: application/json", "https://api.openai.com/v1/chat/completions"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert '"content": "hello"' in done.stdout, done.stderr
    assert card.encode() not in proxy.received[-1].body


def test_the_npm_client_answers_and_reports_a_block(proxy: Proxy) -> None:
    node = shutil.which("node")
    assert node, "node is not installed; it is needed to test the npm client"
    assert (NODE / "node_modules").is_dir(), "run `make test`, which installs the npm client"
    environment = {
        "PATH": os.environ["PATH"],
        "PROXY": proxy.url,
        "NODE_EXTRA_CA_CERTS": str(proxy.root),
        "SECRET": secret()[0]["content"],
    }
    done = subprocess.run(
        [node, str(NODE / "chat.mjs")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"] == "hello"
    assert told["streamed"] == "w0 w1 w2 w3 w4 "
    assert told["status"] == 403
    assert "A live credential must not leave." in told["message"]


CLAUDE_CODE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 32000,
    "stream": False,
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
    "mcp_servers": [{"type": "url", "url": "https://mcp.internal/x", "name": "tickets"}],
    "messages": [
        {"role": "system", "content": "a system role inside messages"},
        {"role": "user", "content": [{"type": "text", "text": "list files"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "The user wants a list.", "signature": "RXFvQkNrWUlDUg=="},
                {"type": "redacted_thinking", "data": "RXZBRkNzRUNDU0E="},
                {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls -la"}},
                {
                    "type": "mcp_tool_use",
                    "id": "mcptoolu_1",
                    "server_name": "tickets",
                    "name": "f",
                    "input": {},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": "total 0", "is_error": False},
                {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": [], "is_error": False},
            ],
        },
    ],
    "metadata": {"user_id": "user_0_account__session_0"},
    "tools": [{"name": "Bash", "input_schema": {"type": "object", "$schema": "x", "properties": {}}}],
    "output_config": {"effort": "high"},
}
CODEX = {
    "model": "gpt-5-codex",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "sandbox: on"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABo", "id": "rs_1"},
        {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": '{"output":"a.txt"}'},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
    ],
    "tools": [{"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object"}}],
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "prompt_cache_key": "0199",
    "a_field_of_next_year": {"x": [1, 2]},
}


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://api.anthropic.com/v1/messages?beta=true", CLAUDE_CODE),
        ("https://chatgpt.com/backend-api/codex/responses", CODEX),
    ],
)
def test_the_shapes_of_todays_agents_are_forwarded_byte_for_byte(
    proxy: Proxy, url: str, body: dict[str, Any]
) -> None:
    data = json.dumps(body).encode()
    with proxy.client() as client:
        answer = client.post(url, content=data, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert proxy.received[-1].body == data
