"""The providers' own clients, streamed and not: no value leaves, and all are in what they make of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import cohere
import httpx2
import ollama
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import types
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

from e2e.conftest import Proxy, proxies
from providers.echo import chat, chat_of_mistral, made
from providers.standin import Server
from unit.transform.made_amazon_answers import Converse, Invoke
from unit.transform.made_other_answers import (
    Cohere,
    CohereV1,
    Conversation,
    Interaction,
    Ollama,
    OllamaGenerate,
    Titan,
)

POLICY = """
version: 1
rules:
  - {name: cards, detect: [CREDIT_CARD], action: block, message: No cards here.}
  - {name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}
"""
CARD: Any = [{"role": "user", "content": "4111 1111 1111 1111"}]
MAIL = "ada.l@analytical-engines.org"
TEXT = f"Write to {MAIL} and ask."
USER: Any = [{"role": "user", "content": TEXT}]

streamed_or_not = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("clients")) as make:
        yield make(POLICY)


@pytest.fixture
def proxy(running: Proxy) -> Iterator[Proxy]:
    """The proxy, and after the test what it let through."""
    running.stand_in.reset()
    yield running
    assert running.received
    for request in running.received:
        assert MAIL.encode() not in request.body
        assert b"EMAIL_ADDRESS_" in request.body


# --- Cohere --------------------------------------------------------------------------------------


@streamed_or_not
def test_cohere(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = made(Cohere())
    with proxy.client() as http:
        client = cohere.ClientV2(api_key="none", httpx_client=http)
        if stream:
            events = list(client.chat_stream(model="m", messages=USER))
            said = [event.delta.message for event in events if event.type == "content-delta"]
            text = "".join(message.content.text or "" for message in said)
            thought = "".join(message.content.thinking or "" for message in said)
            plans = [event.delta.message.tool_plan for event in events if event.type == "tool-plan-delta"]
            plan = "".join(plans)
            calls = [event for event in events if event.type == "tool-call-delta" and event.index == 0]
            arguments = "".join(event.delta.message.tool_calls.function.arguments for event in calls)
        else:
            message = client.chat(model="m", messages=USER).message
            thought, text = message.content[0].thinking, message.content[1].text
            plan, arguments = message.tool_plan, message.tool_calls[0].function.arguments
    assert (thought, text, plan) == (TEXT, TEXT, TEXT)
    assert json.loads(arguments) == {"to": TEXT}


@streamed_or_not
def test_cohere_version_1(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = made(CohereV1())
    with proxy.client() as http:
        client = cohere.Client(api_key="none", httpx_client=http)
        if stream:
            events = list(client.chat_stream(message=TEXT))
            assert "".join(event.text for event in events if event.event_type == "text-generation") == TEXT
            answer = events[-1].response
        else:
            answer = client.chat(message=TEXT)
    assert answer.text == TEXT
    assert [call.parameters for call in answer.tool_calls] == [{"to": TEXT}, {"to": TEXT}]


# --- Mistral -------------------------------------------------------------------------------------


def mistral(proxy: Proxy) -> Mistral:
    return Mistral(api_key="none", client=httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False))


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("chat", {"model": "m", "messages": USER}),
        ("agents", {"agent_id": "ag_1", "messages": USER}),
        ("fim", {"model": "m", "prompt": TEXT}),
    ],
)
@streamed_or_not
def test_mistral(proxy: Proxy, stream: bool, name: str, asked: Any) -> None:
    proxy.stand_in.script = chat_of_mistral
    api = getattr(mistral(proxy), name)
    if stream:
        deltas = [event.data.choices[0].delta for event in api.stream(**asked)]
        text = "".join(delta.content or "" for delta in deltas)
        calls = [call for delta in deltas for call in delta.tool_calls or ()]
    else:
        message = api.complete(**asked).choices[0].message
        text, calls = message.content, message.tool_calls
    assert text == TEXT
    assert [json.loads(call.function.arguments) for call in calls] == [{"to": TEXT}]


@streamed_or_not
def test_mistral_conversations(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = made(Conversation())
    conversations = mistral(proxy).beta.conversations
    if stream:
        with conversations.start_stream(model="m", inputs=TEXT) as answer:
            events = [event.data for event in answer]
        contents = [event.content for event in events if event.type == "message.output.delta"]
        text = "".join(content for content in contents if isinstance(content, str))
        calls = [event for event in events if event.type == "function.call.delta"]
        arguments = "".join(event.arguments for event in calls if event.output_index == 1)
    else:
        outputs = conversations.start(model="m", inputs=TEXT).outputs
        text, arguments = outputs[0].content, outputs[2].arguments
    assert text == TEXT
    assert json.loads(arguments) == {"to": TEXT}


# --- Gemini's interactions -----------------------------------------------------------------------


@streamed_or_not
def test_gemini_interactions(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = made(Interaction())
    arguments = {"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False}
    options = types.HttpOptions(client_args=arguments)
    client = genai.Client(api_key="none", vertexai=False, http_options=options)
    if stream:
        events = list(client.interactions.create(model="gemini-x", input=TEXT, stream=True))
        deltas = [
            event.delta for event in events if event.event_type == "step.delta" and event.index in (0, 2)
        ]
        text = "".join(delta.text for delta in deltas if delta.type == "text")
        said = json.loads("".join(delta.arguments for delta in deltas if delta.type == "arguments_delta"))
    else:
        steps = client.interactions.create(model="gemini-x", input=TEXT).steps
        text, said = steps[0].content[0].text, steps[2].arguments
    assert (text, said) == (TEXT, {"to": TEXT})


# --- Ollama --------------------------------------------------------------------------------------


@streamed_or_not
def test_ollama(proxy: Proxy, stream: bool) -> None:
    client = ollama.Client(host="https://ollama.com", proxy=proxy.url, verify=proxy.ssl, trust_env=False)
    proxy.stand_in.script = made(Ollama())
    answer = client.chat(model="m", messages=USER, stream=stream)
    said = [part.message for part in answer] if stream else [answer.message]
    assert "".join(message.content or "" for message in said) == TEXT
    assert "".join(message.thinking or "" for message in said) == TEXT
    proxy.stand_in.script = made(OllamaGenerate())
    told = client.generate(model="m", prompt=TEXT, stream=stream)
    assert "".join(part.response for part in (told if stream else [told])) == TEXT


# --- Amazon Bedrock with an API key --------------------------------------------------------------


@pytest.fixture
def bedrock(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = Config(proxies={"https": proxy.url}, retries={"max_attempts": 0})
    return boto3.client("bedrock-runtime", region_name="us-east-1", config=config, verify=str(proxy.root))


@streamed_or_not
def test_bedrock_converse(proxy: Proxy, bedrock: Any, stream: bool) -> None:
    proxy.stand_in.script = made(Converse())
    asked = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": TEXT}]}]}
    if stream:
        texts = dict.fromkeys(range(4), "")
        for event in bedrock.converse_stream(**asked)["stream"]:
            if "contentBlockDelta" in event:
                delta = event["contentBlockDelta"]["delta"]
                index = event["contentBlockDelta"]["contentBlockIndex"]
                texts[index] += delta.get("text", "") + delta.get("toolUse", {}).get("input", "")
        text, arguments = texts[0], json.loads(texts[2])
    else:
        content = bedrock.converse(**asked)["output"]["message"]["content"]
        text, arguments = content[0]["text"], content[2]["toolUse"]["input"]
    assert (text, arguments) == (TEXT, {"to": TEXT})


@streamed_or_not
def test_bedrock_invoke(proxy: Proxy, bedrock: Any, stream: bool) -> None:
    proxy.stand_in.script = made(Titan())
    told = invoked(bedrock, {"inputText": TEXT}, stream)
    assert "".join(row["outputText"] for row in told) == TEXT
    proxy.stand_in.script = made(Invoke())
    told = invoked(bedrock, {"messages": USER, "max_tokens": 9}, stream)
    blocks = (
        told[0]["content"]
        if not stream
        else [row["delta"] for row in told if "index" in row and "delta" in row]
    )
    assert "".join(block.get("text", "") for block in blocks) == TEXT * 2


def invoked(bedrock: Any, body: object, stream: bool) -> list[Any]:
    asked = {"modelId": "anthropic.claude-x", "body": json.dumps(body)}
    if not stream:
        return [json.loads(bedrock.invoke_model(**asked)["body"].read())]
    events = bedrock.invoke_model_with_response_stream(**asked)["body"]
    rows = [json.loads(event["chunk"]["bytes"]) for event in events]
    return sorted(rows, key=lambda row: row.get("index", 0))  # the blocks came by turns


# --- LangChain -----------------------------------------------------------------------------------


@streamed_or_not
def test_langchain(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = chat
    send = {"name": "send", "description": "Sends.", "parameters": {"type": "object", "properties": {}}}
    with proxy.client() as http:
        model = ChatOpenAI(model="gpt-4o", api_key="none", http_client=http, max_retries=0)
        tools = model.bind_tools([{"type": "function", "function": send}])
        if stream:
            answer = AIMessageChunk(content="")
            for chunk in tools.stream(TEXT):
                answer += chunk
        else:
            answer = tools.invoke(TEXT)
    assert answer.content == TEXT
    assert [call["args"] for call in answer.tool_calls] == [{"to": TEXT}]


# --- A block -------------------------------------------------------------------------------------


def test_a_block_is_a_clear_error_that_is_not_tried_again(
    running: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.stand_in.reset()
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "none")
    config = Config(proxies={"https": running.url})
    aws = boto3.client("bedrock-runtime", region_name="us-east-1", config=config, verify=str(running.root))
    hosted = ollama.Client(host="https://ollama.com", proxy=running.url, verify=running.ssl, trust_env=False)
    with running.client() as http:
        of_cohere = cohere.ClientV2(api_key="none", httpx_client=http)
        with pytest.raises(cohere.ForbiddenError, match="No cards here"):
            of_cohere.chat(model="m", messages=CARD)
    with pytest.raises(MistralError, match="No cards here"):
        mistral(running).chat.complete(model="m", messages=CARD)
    with pytest.raises(ollama.ResponseError, match=r"^No cards here\. \(reference og_"):
        hosted.chat(model="m", messages=CARD)
    with pytest.raises(ClientError, match=r"\(AccessDeniedException\).*No cards here"):
        aws.converse(modelId="m", messages=[{"role": "user", "content": [{"text": CARD[0]["content"]}]}])
    with pytest.raises(ClientError, match=r"\(AccessDeniedException\).*No cards here"):
        aws.invoke_model(modelId="m", body=json.dumps({"inputText": CARD[0]["content"]}))
    assert not running.received
    assert 'outgate_blocked_total{rule="cards"} 5.0' in running.metrics()
