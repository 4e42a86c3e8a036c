"""Budgets through the proxy: the vendors' own clients use them up, one person's does not stop another's."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import boto3
import httpx
import httpx2
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from websockets.sync.client import connect

from e2e.conftest import Proxy, proxies
from outgate.audit import AuditEvent
from outgate.budget_pipeline import charge_of
from outgate.budgets import key_of
from outgate.gateway import exchanges
from outgate.gateway.service import fingerprint_key
from outgate.model import Identity, Unit
from outgate.policy import load
from providers.standin import Server

POLICY = """
version: 1
rules: []
budgets:
  - name: calls
    per: identity.user
    when: {identity.user: "caller*"}
    limit: {requests: 1}
    window: day
    message: "Enough for a {window}: {limit}. Again at {resets}."
  - {name: words, per: identity.user, when: {identity.user: "talker*"}, limit: {tokens: 20}, window: 1d}
  - {name: team, per: identity.group, when: {identity.groups: sales}, limit: {requests: 1}, window: 1h}
  - {name: noted, per: identity.user, when: {identity.user: "noted*"}, limit: {requests: 0}, window: 1h, action: audit}
  - {name: costly, per: identity.user, when: {identity.user: "model*", model: costly}, limit: {tokens: 99}, window: 1d}
  - {name: cheap, per: identity.user, when: {identity.user: "model*", model: cheap}, limit: {tokens: 99}, window: 1d}
  - {name: cloud, when: {provider.id: bedrock}, limit: {requests: 0}, window: 30d}
"""
MESSAGES: Any = [{"role": "user", "content": "hello"}]
CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 15, "completion_tokens": 6, "total_tokens": 21}
CLAUDE = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}


class Asking:
    """Who asks from now on: one at a time, since these tests are about what is counted and not about who it is."""

    def __init__(self) -> None:
        self.identity = Identity()

    def __call__(self, _asks: object) -> Identity:
        return self.identity


ASKING = Asking()


def person(name: str, *groups: str) -> None:
    """From now on, this person asks."""
    ASKING.identity = Identity(name, groups)


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with pytest.MonkeyPatch.context() as patch, proxies(server, tmp_path_factory.mktemp("budgets")) as make:
        patch.setattr(exchanges, "identify", ASKING)
        yield make(POLICY)


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    running.stand_in.reset()
    ASKING.identity = Identity()
    return running


def http(proxy: Proxy, name: str, *groups: str, library: Any = httpx) -> Any:
    """A client of this person's."""
    person(name, *groups)
    return library.Client(proxy=proxy.url, verify=proxy.ssl, timeout=30, trust_env=False)


def google(proxy: Proxy, name: str) -> genai.Client:
    person(name)
    arguments = {"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False}
    return genai.Client(api_key="k", vertexai=False, http_options=types.HttpOptions(client_args=arguments))


def used(proxy: Proxy, budget: str, holder: str, unit: Unit = Unit.TOKENS, least: int = 1) -> int:
    """What was used, once it is no less: an answer is charged when it is over, and nobody waits for it."""
    settings = proxy.service.settings
    policy, key = load(settings.policies), fingerprint_key(settings.state_dir)
    (told,) = [each for each in policy.budgets if each.name == budget]
    charge = charge_of(told, (holder,), key_of(key))

    async def ask() -> int:
        ledger = settings.budget_config.open(key)
        (standing,) = await ledger.standing([charge])
        await ledger.close()
        return standing.used.get(unit, 0)

    deadline = time.monotonic() + 15
    while (count := asyncio.run(ask())) < least:
        assert time.monotonic() < deadline, f"{count} of {least}"
        time.sleep(0.02)
    return count


def sse(*events: Any) -> list[bytes]:
    """The events of a stream, each under its name if it has one."""
    heads = [f"event: {event['type']}\n" if "type" in event else "" for event in events]
    return [
        f"{head}data: {json.dumps(event)}\n\n".encode() for head, event in zip(heads, events, strict=True)
    ]


def chat(text: str | None, usage: Any = None) -> dict[str, Any]:
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return {**CHUNK, "choices": choices, "usage": usage}


def stops(proxy: Proxy, call: Callable[[], Any], error: type[Exception]) -> Any:
    """The error of a call that a budget stops: one request reaches the proxy, none the provider."""
    arrived, before = len(proxy.received), blocked(proxy)
    with pytest.raises(error) as caught:
        call()
    assert len(proxy.received) == arrived
    assert blocked(proxy) == before + 1
    return caught.value


def blocked(proxy: Proxy) -> float:
    lines = proxy.metrics().splitlines()
    told = [
        line
        for line in lines
        if line.startswith("outgate_budget_exceeded_total") and 'action="block"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in told)


def recorded(proxy: Proxy, user: str, path: str) -> AuditEvent:
    """The one event of this person's there, once it is written."""
    deadline = time.monotonic() + 15
    while not (found := [each for each in proxy.events() if (each.user, each.path) == (user, path)]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (event,) = found
    return event


def test_openai_is_stopped_once_with_a_clear_error_and_another_person_is_not(proxy: Proxy) -> None:
    client = openai.OpenAI(api_key="k", http_client=http(proxy, "caller-openai"))
    assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices
    error = stops(
        proxy,
        lambda: client.chat.completions.create(model="gpt-4o", messages=MESSAGES),
        openai.RateLimitError,
    )
    assert "Enough for a day: 1 requests. Again at" in error.message
    wait = int(error.response.headers["retry-after"])
    assert 0 < wait <= 86_400
    assert abs(error.body["resets_at"] - time.time() - wait) < 30
    stops(proxy, lambda: client.responses.create(model="gpt-4o", input="hi"), openai.RateLimitError)
    other = openai.OpenAI(api_key="k", http_client=http(proxy, "caller-other"))
    assert other.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices
    event = recorded(proxy, "caller-openai", "/v1/responses")
    assert (event.outcome, event.rule, event.status) == ("block", "calls", 429)


def test_anthropic_is_stopped_once(proxy: Proxy) -> None:
    client = anthropic.Anthropic(api_key="k", http_client=http(proxy, "caller-claude", library=httpx2))
    asked: Any = {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": MESSAGES}
    assert client.messages.create(**asked).content
    error = stops(proxy, lambda: client.messages.create(**asked), anthropic.RateLimitError)
    assert error.body["error"]["type"] == "rate_limit_error"
    assert "Enough for a day" in error.message

    def streamed() -> None:
        with client.messages.stream(**asked) as stream:
            stream.get_final_text()

    stops(proxy, streamed, anthropic.RateLimitError)


def test_gemini_is_stopped_once(proxy: Proxy) -> None:
    client = google(proxy, "caller-gemini")
    assert client.models.generate_content(model="gemini-2.5-flash", contents="hi").text == "hello"
    error = stops(
        proxy,
        lambda: client.models.generate_content(model="gemini-2.5-flash", contents="hi"),
        genai_errors.ClientError,
    )
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    assert "Enough for a day" in str(error.message)


def test_bedrock_is_stopped_once_by_its_word_for_a_quota(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = Config(proxies={"https": proxy.url})
    client = boto3.client("bedrock-runtime", region_name="us-east-1", config=config, verify=str(proxy.root))
    asked = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    error = stops(proxy, lambda: client.converse(**asked), ClientError)
    assert error.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert "0 requests per 30 days" in error.response["Error"]["Message"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_openais_tokens_are_charged_and_the_answer_stays_as_it_was(
    proxy: Proxy, stream: bool, packed: bool
) -> None:
    name = f"talker-openai-{stream:d}{packed:d}"
    pieces = (
        sse(chat("w0 "), chat("w1"), chat(None, USAGE)) if stream else [json.dumps({"usage": USAGE}).encode()]
    )
    body = b"".join(pieces)
    if packed:
        whole = gzip.compress(body)
        pieces, proxy.stand_in.headers = [whole[:20], whole[20:]], [(b"content-encoding", b"gzip")]
    kind = "text/event-stream" if stream else "application/json"
    proxy.stand_in.script = lambda path, asked: (kind, pieces)
    client = http(proxy, name)
    url, asked = "https://api.openai.com/v1/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}
    with client.stream("POST", url, json=asked, headers={"accept-encoding": "gzip"}) as answer:
        assert b"".join(answer.iter_raw()) == b"".join(pieces)
    assert proxy.received[-1].header("accept-encoding") == "gzip"
    assert used(proxy, "words", name) == 21
    told = client.post(url, json=asked)
    assert told.status_code == 429
    assert 'budget "words" is used up: 20 tokens per day' in told.json()["error"]["message"]
    assert (
        'outgate_budget_tokens_total{direction="input",provider="openai",source="reported"}'
        in proxy.metrics()
    )


def test_anthropics_tokens_are_charged_from_both_ends_of_a_stream(proxy: Proxy) -> None:
    start: Any = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "usage": CLAUDE,
    }
    events = sse(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    proxy.stand_in.script = lambda path, asked: ("text/event-stream", events)
    client = anthropic.Anthropic(api_key="k", http_client=http(proxy, "talker-claude", library=httpx2))
    with client.messages.stream(model="claude-sonnet-4-5", max_tokens=10, messages=MESSAGES) as stream:
        assert stream.get_final_text() == "hello"
    assert used(proxy, "words", "talker-claude") == 24
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="claude-sonnet-4-5", max_tokens=10, messages=MESSAGES)


def test_geminis_tokens_are_charged(proxy: Proxy) -> None:
    part = {"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "index": 0}]}
    usage = {
        "promptTokenCount": 12,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 6,
        "totalTokenCount": 22,
    }
    proxy.stand_in.script = lambda path, asked: (
        "text/event-stream",
        sse(part, {**part, "usageMetadata": usage}),
    )
    client = google(proxy, "talker-gemini")
    stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi")
    assert "".join(chunk.text or "" for chunk in stream) == "hellohello"
    assert used(proxy, "words", "talker-gemini") == 22


def test_a_stream_that_says_nothing_is_estimated_and_charged(proxy: Proxy) -> None:
    proxy.stand_in.events = 30
    client = openai.OpenAI(api_key="k", http_client=http(proxy, "talker-silent"))
    assert "w29" in "".join(
        chunk.choices[0].delta.content or ""
        for chunk in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    )
    assert used(proxy, "words", "talker-silent") > 30
    assert (
        'outgate_budget_tokens_total{direction="output",provider="openai",source="estimated"}'
        in proxy.metrics()
    )


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages"]
)
def test_who_hangs_up_before_the_tokens_are_said_pays_all_the_same(proxy: Proxy, url: str) -> None:
    """Also where the beginning of a stream says that there is one token so far."""
    name = f"talker-leaving-{len(url)}"
    proxy.stand_in.events, proxy.stand_in.pause = 2000, 0.01
    client = http(proxy, name)
    with client.stream("POST", url, json={"model": "m", "messages": MESSAGES, "stream": True}) as answer:
        heard = b""
        for piece in answer.iter_raw():
            heard += piece
            if heard.count(b"data:") >= 25:
                break
    client.close()
    assert used(proxy, "words", name) >= 25


def test_counting_tokens_and_looking_for_models_takes_nothing(proxy: Proxy) -> None:
    client = anthropic.Anthropic(api_key="k", http_client=http(proxy, "caller-counting", library=httpx2))
    client.models.list()
    assert client.messages.count_tokens(model="claude-sonnet-4-5", messages=MESSAGES).input_tokens == 3
    talker = anthropic.Anthropic(api_key="k", http_client=http(proxy, "talker-counting", library=httpx2))
    talker.messages.count_tokens(model="claude-sonnet-4-5", messages=MESSAGES)
    talker.messages.create(model="claude-sonnet-4-5", max_tokens=10, messages=MESSAGES)
    assert used(proxy, "words", "talker-counting") == 4  # of the message alone


def test_a_groups_budget_is_used_by_all_of_it_and_one_that_notes_stops_nobody(proxy: Proxy) -> None:
    client = http(proxy, "seller", "Sales")
    asked = {"model": "gpt-4o", "messages": MESSAGES}
    url = "https://api.openai.com/v1/chat/completions"
    assert client.post(url, json=asked).status_code == 200
    person("buyer", "all", "sales")
    assert client.post(url, json=asked).status_code == 429
    person("noted")
    assert client.post(url, json=asked).status_code == 200
    assert 'outgate_budget_exceeded_total{action="audit",budget="noted"} 1.0' in proxy.metrics()
    event = recorded(proxy, "noted", "/v1/chat/completions")
    assert (event.outcome, event.rules) == ("forward", ("noted",))


def test_a_websockets_messages_count_and_its_tokens_are_charged(proxy: Proxy) -> None:
    done = {"type": "response.done", "response": {"usage": {"input_tokens": 20, "output_tokens": 5}}}
    proxy.stand_in.talk = lambda path, message: [json.dumps(done)]
    options: Any = {"ssl": proxy.ssl, "proxy": proxy.url}
    person("talker-realtime")
    with connect("wss://api.openai.com/v1/realtime?model=gpt-realtime", **options) as socket:
        socket.send(json.dumps({"type": "response.create"}))
        assert json.loads(socket.recv(timeout=20)) == done
        assert used(proxy, "words", "talker-realtime") == 25
        socket.send(json.dumps({"type": "response.create"}))
        told = json.loads(socket.recv(timeout=20))
    assert (told["type"], told["status"]) == ("error", 429)
    assert 'budget "words" is used up' in told["error"]["message"]
    assert len([request for request in proxy.received if request.method == "WEBSOCKET"]) == 1


def test_what_a_client_says_before_the_answer_comes_takes_none_of_its_tokens_off_a_budget(
    proxy: Proxy,
) -> None:
    """A message that is empty asks nothing, and one for another model asks another budget."""
    done = {"type": "response.completed", "response": {"usage": {"input_tokens": 20, "output_tokens": 5}}}
    proxy.stand_in.talk = lambda path, message: [] if message else [json.dumps(done)]
    options: Any = {"ssl": proxy.ssl, "proxy": proxy.url}
    person("model-asking")
    with connect("wss://api.openai.com/v1/responses", **options) as socket:
        for model in ("costly", "cheap"):
            socket.send(json.dumps({"type": "response.create", "model": model, "input": "hello"}))
        for _ in range(2):
            socket.send("")
            assert json.loads(socket.recv(timeout=20)) == done
    assert used(proxy, "cheap", "model-asking", least=50) == 50
    assert used(proxy, "costly", "model-asking") == 25


def test_the_file_of_counters_holds_no_name(proxy: Proxy) -> None:
    client = http(proxy, "caller-stored")
    client.post("https://api.openai.com/v1/chat/completions", json={"model": "gpt-4o", "messages": MESSAGES})
    assert used(proxy, "calls", "caller-stored", Unit.REQUESTS) == 1
    folder = proxy.service.settings.state_dir / "budgets"
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert stored
    assert not [word for word in (b"caller", b"calls", b"openai", b"gpt") if word in stored]
