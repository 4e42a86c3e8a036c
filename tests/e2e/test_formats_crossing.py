"""Two users behind one proxy: in every format, streamed or not, each gets the own values back and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any

import httpx
import pytest

from e2e.conftest import Proxy, proxies
from providers.echo import made
from providers.standin import Server
from unit.transform.made_other_answers import APIS

POLICY = "version: 1\nrules: [{name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}]\n"
ADA, BO = "ada.l@analytical-engines.org", "bo.w@difference-engines.org"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
GEMINI = "generativelanguage.googleapis.com"


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def blocks(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


def asked(api: Any, text: str, stream: bool) -> tuple[str, str, dict[str, Any]]:
    """Host, path and body of a request that says ``text``."""
    model = {"model": "m", "stream": stream}
    kind = type(api).__name__
    invoke = "/model/m/invoke" + ("-with-response-stream" if stream else "")
    converse = "/model/m/converse" + ("-stream" if stream else "")
    return {
        "Chat": ("api.openai.com", "/v1/chat/completions", model | {"messages": user(text)}),
        "Completions": ("api.openai.com", "/v1/completions", model | {"prompt": text}),
        "Responses": ("api.openai.com", "/v1/responses", model | {"input": text}),
        "Transcript": ("api.openai.com", "/v1/audio/transcriptions", model | {"prompt": text}),
        "Anthropic": ("api.anthropic.com", "/v1/messages", model | {"messages": user(text)}),
        "Converse": (BEDROCK, converse, {"messages": blocks(text)}),
        "Invoke": (BEDROCK, invoke, {"messages": user(text)}),
        "Nova": (BEDROCK, invoke, {"messages": blocks(text)}),
        "Titan": (BEDROCK, invoke, {"inputText": text}),
        "Llama": (BEDROCK, invoke, {"prompt": text}),
        "BedrockMistral": (BEDROCK, invoke, {"prompt": text}),
        "BedrockCommand": (BEDROCK, invoke, {"message": text}),
        "Interaction": (GEMINI, "/v1beta/interactions", model | {"input": text}),
        "Cohere": ("api.cohere.com", "/v2/chat", model | {"messages": user(text)}),
        "CohereV1": ("api.cohere.com", "/v1/chat", model | {"message": text}),
        "Conversation": ("api.mistral.ai", "/v1/conversations", model | {"inputs": text}),
        "Ollama": ("ollama.com", "/api/chat", model | {"messages": user(text)}),
        "OllamaGenerate": ("ollama.com", "/api/generate", model | {"prompt": text}),
    }.get(kind) or (
        GEMINI,
        f"/v1beta/models/m:{'streamG' if stream else 'g'}enerateContent",
        {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    )


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("crossing")) as make:
        yield make(POLICY)


def told(proxy: Proxy, api: Any, text: str, stream: bool, address: str) -> set[str]:
    """What a client at ``address`` makes of the answer: its texts, and its tools' arguments."""
    url = httpx.URL(proxy.url)
    host, path, body = asked(api, text, stream)
    client = HTTPSConnection(url.host, url.port, context=proxy.ssl, source_address=(address, 0), timeout=30)
    client.set_tunnel(host, 443)
    client.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = client.getresponse()
    content = answer.read()
    client.close()
    assert answer.status == 200, content
    texts = api.read_stream(content) if stream else api.read_answer(content)
    return {json.loads(found)["to"] if lane in api.arguments else found for lane, found in texts.items()}


def placeholder(proxy: Proxy) -> str:
    (found,) = {
        word for word in proxy.received[-1].body.decode().split() if word.startswith("EMAIL_ADDRESS_")
    }
    return found


@pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)
def test_nothing_crosses(running: Proxy, api: Any) -> None:
    running.stand_in.reset()
    running.stand_in.script = made(api)
    for stream in (False, True):
        assert told(running, api, f"Write to {ADA} now", stream, FIRST) == {f"Write to {ADA} now"}
        of_first = placeholder(running)
        assert told(running, api, f"Write to {BO} now", stream, SECOND) == {f"Write to {BO} now"}
        of_second = placeholder(running)
        odd = f"<PERSON> EMAIL_ADDRESS EMAIL_ADDRESS_ {of_first[:-1]} {of_first}x {of_first.lower()} <{of_second[:20]}>"
        text = f"Write {odd} or {of_first} or {of_second} !"
        assert told(running, api, text, stream, FIRST) == {f"Write {odd} or {ADA} or {of_second} !"}
        assert told(running, api, text, stream, SECOND) == {f"Write {odd} or {of_first} or {BO} !"}
    for request in running.received:
        assert ADA.encode() not in request.body and BO.encode() not in request.body
