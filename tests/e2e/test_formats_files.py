"""What is no chat: batches and their results, files, counting, sound, pictures; through the real proxy (B30)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from e2e.conftest import Proxy, proxies
from providers.echo import EVENTS, JSON, sse, strings
from providers.standin import Server

POLICY = """
version: 1
pseudonymise: {note: true}
rules: [{name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}]
"""
MAIL, OTHER = "ada.l@analytical-engines.org", "bo.w@difference-engines.org"
TEXT = f"Write to {MAIL} and ask."
USER: Any = [{"role": "user", "content": TEXT}]
MADE = re.compile(rb"EMAIL_ADDRESS_[a-z0-9]+")


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("files")) as make:
        yield make(POLICY)


@pytest.fixture
def proxy(running: Proxy) -> Iterator[Proxy]:
    """The proxy, and after the test what it let through."""
    running.stand_in.reset()
    yield running
    assert running.received
    for request in running.received:
        assert MAIL.encode() not in request.body and OTHER.encode() not in request.body


def openai_client(proxy: Proxy) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", http_client=proxy.client(), max_retries=0)


def anthropic_client(proxy: Proxy) -> anthropic.Anthropic:
    http = httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False)
    return anthropic.Anthropic(api_key="none", http_client=http, max_retries=0)


def answers(proxy: Proxy, value: object) -> None:
    proxy.stand_in.script = lambda path, asked: (JSON, [json.dumps(value).encode()])


def lines(*values: object) -> bytes:
    return b"".join(
        json.dumps(value, indent=None, separators=(", ", ":  ")).encode() + b"\n" for value in values
    )


FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 1,
    "created_at": 1,
    "filename": "b.jsonl",
    "purpose": "batch",
}


def test_a_batch_of_openai_and_its_results(proxy: Proxy) -> None:
    asked = [
        ("/v1/chat/completions", {"model": "m", "messages": USER}),
        ("/v1/responses", {"model": "m", "input": f"Ask {OTHER}", "instructions": TEXT}),
        ("/v1/embeddings", {"model": "m", "input": [TEXT]}),
    ]
    batch = lines(*({"custom_id": url, "method": "POST", "url": url, "body": body} for url, body in asked))
    answers(proxy, {**FILE, "status": "processed"})
    client = openai_client(proxy)
    client.files.create(file=("b.jsonl", batch), purpose="batch")
    sent = proxy.received[-1].body
    start = sent.index(b'{"custom_id"')
    end = sent.index(b"\n--", start)
    ada = MADE.findall(sent)[0]
    bo = next(found for found in MADE.findall(sent) if found != ada)
    restored = sent[start:end].replace(ada, MAIL.encode()).replace(bo, OTHER.encode())
    assert restored.strip() == batch.strip()  # only the values were replaced, in each line

    tool = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": f'{{"to": "{ada.decode()}"}}'},
    }
    message = {"role": "assistant", "content": f"I asked {bo.decode()}.", "tool_calls": [tool]}
    chat = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    said = [{"type": "message", "content": [{"type": "output_text", "text": ada.decode()}]}]
    bodies = [chat, {"id": "r", "output": said}, {"data": [{"embedding": [0.5]}]}]
    results = lines(
        *({"id": "b", "custom_id": "x", "response": {"status_code": 200, "body": body}} for body in bodies)
    )
    pieces = [results[i : i + 7] for i in range(0, len(results), 7)]
    proxy.stand_in.script = lambda path, asked: ("application/octet-stream", pieces)
    told = client.files.content("file-1").read()
    assert told == results.replace(ada, MAIL.encode()).replace(bo, OTHER.encode())


def test_a_batch_of_anthropic_and_its_results(proxy: Proxy) -> None:
    answers(proxy, {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended",
                    "results_url": "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"})  # fmt: skip
    client = anthropic_client(proxy)
    params: Any = {"model": "m", "max_tokens": 9, "messages": USER, "system": f"Ask {OTHER}"}
    client.messages.batches.create(requests=[{"custom_id": "one", "params": params}])
    sent = json.loads(proxy.received[-1].body)["requests"][0]["params"]
    ada = sent["messages"][0]["content"].split()[2]
    content = [
        {"type": "thinking", "thinking": f"of {ada}", "signature": "c2ln"},
        {"type": "text", "text": f"Asked {ada}."},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"to": ada}},
    ]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content}
    message |= {"stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}
    results = lines({"custom_id": "one", "result": {"type": "succeeded", "message": message}})

    def script(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
        if path.endswith("/results"):
            return "application/binary", [results]
        return JSON, [
            json.dumps(
                {"id": "msgbatch_1", "results_url": f"https://api.anthropic.com{path}/results"}
            ).encode()
        ]

    proxy.stand_in.script = script
    (one,) = client.messages.batches.results("msgbatch_1")
    assert one.result.type == "succeeded"
    thinking, text, use = one.result.message.content
    assert thinking.type == "thinking" and thinking.thinking == f"of {ada}"  # signed: as it came
    assert text.type == "text" and text.text == f"Asked {MAIL}."
    assert use.type == "tool_use" and use.input == {"to": MAIL}


def test_tokens_are_counted_of_the_body_that_is_sent(proxy: Proxy) -> None:
    body = {"model": "m", "messages": USER, "system": TEXT, "max_tokens": 9}
    with proxy.client() as client:
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            client.post(f"https://api.anthropic.com{path}", json=body)
    sent, counted = proxy.received
    assert sent.body == counted.body
    assert MADE.search(sent.body)


def test_a_batch_and_a_cache_of_gemini(proxy: Proxy) -> None:
    arguments = {"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False}
    client = genai.Client(
        api_key="none", vertexai=False, http_options=types.HttpOptions(client_args=arguments)
    )
    answers(proxy, {"name": "cachedContents/1", "model": "models/m"})
    config = types.CreateCachedContentConfig(contents=TEXT, system_instruction=TEXT)
    assert client.caches.create(model="m", config=config).name == "cachedContents/1"
    answers(proxy, {"name": "batches/1", "metadata": {"state": "BATCH_STATE_PENDING"}})
    client.batches.create(model="m", src=[types.InlinedRequest(contents=TEXT)])
    made = MADE.findall(proxy.received[-1].body)[0].decode()
    content = {"role": "model", "parts": [{"text": f"to {made}"}]}
    response = {"candidates": [{"content": content, "index": 0}]}
    done = {
        "state": "BATCH_STATE_SUCCEEDED",
        "output": {"inlinedResponses": {"inlinedResponses": [{"response": response}]}},
    }
    answers(proxy, {"name": "batches/1", "metadata": done, "done": True})
    responses = client.batches.get(name="batches/1").dest.inlined_responses
    assert responses[0].response.text == f"to {MAIL}"


def test_what_is_to_be_drawn_said_or_judged(proxy: Proxy) -> None:
    client = openai_client(proxy)
    picture = "iVBORw0KGgo="

    def drawn(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
        words = next(text for text in strings(asked) if text.startswith("Write"))
        return JSON, [
            json.dumps({"created": 1, "data": [{"b64_json": picture, "revised_prompt": words}]}).encode()
        ]

    proxy.stand_in.script = drawn
    (image,) = client.images.generate(prompt=TEXT, model="m").data
    assert (image.revised_prompt, image.b64_json) == (TEXT, picture)
    proxy.stand_in.script = lambda path, asked: ("audio/mpeg", [b"ID3 sound"])
    assert client.audio.speech.create(input=TEXT, model="m", voice="alloy").read() == b"ID3 sound"
    answers(proxy, {"id": "modr", "model": "m", "results": []})
    client.moderations.create(input=TEXT)
    for request in proxy.received:
        assert MADE.search(request.body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_transcript_that_says_what_it_was_told_to_look_for(proxy: Proxy, stream: bool) -> None:
    def script(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
        made = MADE.findall(proxy.received[-1].body)[0].decode()
        words = f"Mail {made}, please"
        if not stream:
            return JSON, [json.dumps({"text": words}).encode()]
        deltas = [{"type": "transcript.text.delta", "delta": sign} for sign in words]
        return EVENTS, sse(*deltas, {"type": "transcript.text.done", "text": words})

    proxy.stand_in.script = script
    client = openai_client(proxy)
    sound = ("a.wav", b"RIFF\x00\x00\x00\x00WAVE")
    asked: dict[str, Any] = {"file": sound, "model": "gpt-4o-transcribe", "prompt": f"It is {MAIL}."}
    if stream:
        events = list(client.audio.transcriptions.create(**asked, stream=True))
        assert "".join(e.delta for e in events if e.type == "transcript.text.delta") == f"Mail {MAIL}, please"
        assert events[-1].text == f"Mail {MAIL}, please"
    else:
        assert client.audio.transcriptions.create(**asked).text == f"Mail {MAIL}, please"
