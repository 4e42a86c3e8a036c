"""Over a WebSocket a placeholder leaves, and its value comes back: to its user, in order, and nothing else changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google import genai
from google.genai import types
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from e2e.conftest import Proxy, proxies
from e2e.test_reversible import MAIL, TEXT, ask, chat, placeholder
from outgate.dlp.examples import fake
from providers.standin import Server

REALTIME = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
QUOTED = 'Blue"bi\\rd'  # what a tool's arguments have to escape
POLICY = f"""
version: 1
rules:
  - {{name: people, detect: [EMAIL_ADDRESS, PRIVATE_KEY, PROJECT], action: pseudonymise}}
  - {{name: unannounced, detect: [UNANNOUNCED], action: block, message: Ask the desk for leave.}}
detectors:
  words:
    - {{entity: PROJECT, words: ['{QUOTED}']}}
    - {{entity: UNANNOUNCED, words: [Heliotrope]}}
"""


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("websockets")) as make:
        yield make(POLICY)


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


@asynccontextmanager
async def opened(
    proxy: Proxy, url: str = REALTIME, address: str = "127.0.0.1"
) -> AsyncIterator[ClientConnection]:
    """A WebSocket through the proxy, from an address of this machine."""
    async with connect(
        url, proxy=proxy.url, ssl=proxy.ssl, local_addr=(address, 0), open_timeout=30
    ) as socket:
        yield socket


def says(text: str) -> str:
    """A person's words to the Realtime API."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return json.dumps({"type": "conversation.item.create", "item": item})


def heard(message: bytes) -> str:
    """The words in it, as the provider has them."""
    return str(json.loads(message)["item"]["content"][0]["text"])


def place(number: int) -> dict[str, Any]:
    return {
        "event_id": "ev",
        "response_id": "r",
        "item_id": f"i{number}",
        "output_index": number,
        "content_index": 0,
    }


def deltas(kind: str, pieces: Iterable[str], number: int = 0) -> list[str]:
    return [json.dumps({"type": f"response.{kind}.delta", **place(number), "delta": sign}) for sign in pieces]


def done(kind: str, number: int = 0, **whole: str) -> str:
    return json.dumps({"type": f"response.{kind}.done", **place(number), **whole})


def realtime(path: str, message: bytes) -> list[str | bytes | None]:
    """The words again as text and as the arguments of a tool, a character an event, in turns; then all at once."""
    words = heard(message)
    arguments = json.dumps({"to": words})
    texts = deltas("output_text", words)
    calls = deltas("function_call_arguments", arguments, 1)
    longest = max(len(texts), len(calls))
    turns = [row[number] for number in range(longest) for row in (texts, calls) if number < len(row)]
    content = [{"type": "output_text", "text": words}]
    items = [
        {"id": "i0", "type": "message", "role": "assistant", "content": content},
        {"id": "i1", "type": "function_call", "name": "send", "call_id": "c", "arguments": arguments},
    ]
    return [
        *turns,
        done("output_text", text=words),
        done("function_call_arguments", 1, arguments=arguments),
        json.dumps({"type": "response.done", "event_id": "ev", "response": {"id": "r", "output": items}}),
    ]


async def until(socket: ClientConnection, kind: str = "response.done") -> list[dict[str, Any]]:
    """What comes, up to an event of that kind."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(json.loads(await asyncio.wait_for(socket.recv(), 20)))
    return events


def joined(events: list[dict[str, Any]], kind: str, number: int = 0) -> str:
    """A lane's text, as a client puts it together: what comes after its end is lost."""
    text = ""
    for event in events:
        if event.get("output_index") == number and event["type"] == f"response.{kind}.delta":
            text += event["delta"]
        elif event.get("output_index") == number and event["type"] == f"response.{kind}.done":
            return text
    raise AssertionError("it never ended")


# --- the official clients ------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TEXT, f"{MAIL}, {QUOTED}:\n{fake('PRIVATE_KEY')}\nends with {MAIL}"])
async def test_openai_realtime(proxy: Proxy, text: str) -> None:
    proxy.stand_in.talk = realtime
    options: Any = {"ssl": proxy.ssl, "proxy": proxy.url}
    client = AsyncOpenAI(api_key="none")
    async with client.realtime.connect(model="gpt-realtime", websocket_connection_options=options) as socket:
        item: Any = json.loads(says(text))["item"]
        await socket.conversation.item.create(item=item)
        events: list[dict[str, Any]] = []
        async for event in socket:
            events.append(event.model_dump())
            if event.type == "response.done":
                break
    await client.close()
    assert joined(events, "output_text") == text
    assert json.loads(joined(events, "function_call_arguments", 1)) == {"to": text}
    whole = {event["type"]: event for event in events}
    assert whole["response.output_text.done"]["text"] == text
    assert json.loads(whole["response.function_call_arguments.done"]["arguments"]) == {"to": text}
    message, call = whole["response.done"]["response"]["output"]
    assert message["content"][0]["text"] == text
    assert json.loads(call["arguments"]) == {"to": text}
    left = proxy.received[-1].body
    assert MAIL.encode() not in left and b"EMAIL_ADDRESS_" in left
    assert (QUOTED in text) == (b" PROJECT_" in left) == (b"PRIVATE_KEY_" in left)
    assert b"BEGIN" not in left and b"Blue" not in left


def responses(path: str, message: bytes) -> list[str | bytes | None]:
    """Two answers at once: the words again, a character an event, to the stream that asked and to another."""
    words = str(json.loads(message)["input"])
    part = {"item_id": "m", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", **part, "delta": sign, "logprobs": [], "stream_id": stream}
        for sign in words
        for stream in ("one", "two")
    ]
    for stream in ("one", "two"):
        events.append({"type": "response.output_text.done", **part, "text": words, "stream_id": stream})
        events.append({"type": "response.completed", "response": {"id": "r"}, "stream_id": stream})
    return [json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events)]


async def test_openai_responses_over_a_websocket(proxy: Proxy) -> None:
    proxy.stand_in.talk = responses
    client, options = AsyncOpenAI(api_key="none"), {"ssl": proxy.ssl, "proxy": proxy.url}
    texts, wholes = {"one": "", "two": ""}, {}
    async with client.responses.connect(websocket_connection_options=options) as socket:  # type: ignore[arg-type]
        await socket.send({"type": "response.create", "model": "gpt-5", "input": TEXT, "stream_id": "one"})
        ended = 0
        async for event in socket:
            if event.type == "response.output_text.delta":
                texts[str(event.stream_id)] += event.delta
            elif event.type == "response.output_text.done":
                wholes[event.stream_id] = event.text
            elif event.type == "response.completed":
                ended += 1
                if ended == 2:
                    break
    await client.close()
    assert texts == wholes == {"one": TEXT, "two": TEXT}
    left = proxy.received[-1].body
    assert MAIL.encode() not in left and b"EMAIL_ADDRESS_" in left


def live(path: str, message: bytes) -> list[str | bytes | None]:
    """Gemini's, in binary frames: a turn's text and its transcript, a character a message, and a call."""
    asked = json.loads(message)
    if "setup" in asked:
        return [b'{"setupComplete": {}}']
    words = asked["client_content"]["turns"][0]["parts"][0]["text"]

    def content(value: dict[str, Any]) -> bytes:
        return json.dumps({"serverContent": value}).encode()

    signs = [
        content(value)
        for sign in words
        for value in (
            {"modelTurn": {"parts": [{"text": sign}]}},
            {"outputTranscription": {"text": sign}},
        )
    ]
    call = {"functionCalls": [{"id": "f1", "name": "send", "args": {"to": words}}]}
    return [*signs, json.dumps({"toolCall": call}).encode(), content({"turnComplete": True})]


def live_client(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> genai.Client:
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    return genai.Client(
        api_key="none",
        vertexai=False,
        http_options=types.HttpOptions(async_client_args={"ssl": proxy.ssl, "trust_env": True}),
    )


async def test_gemini_live(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.stand_in.talk = live
    client = live_client(proxy, monkeypatch)
    text, transcript, calls = "", "", []
    async with client.aio.live.connect(
        model="gemini-live", config={"response_modalities": ["TEXT"]}
    ) as session:
        turn = types.Content(role="user", parts=[types.Part(text=TEXT)])
        await session.send_client_content(turns=turn)
        async for message in session.receive():
            content = message.server_content
            if content and content.model_turn:
                text += "".join(part.text or "" for part in content.model_turn.parts or ())
            if content and content.output_transcription:
                transcript += content.output_transcription.text or ""
            if message.tool_call:
                calls += [call.args for call in message.tool_call.function_calls or ()]
    assert text == transcript == TEXT
    assert calls == [{"to": TEXT}]
    left = proxy.received[-1].body
    assert MAIL.encode() not in left and b"EMAIL_ADDRESS_" in left


async def test_a_message_of_gemini_live_that_is_blocked_ends_the_connection_with_the_policys_words(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.stand_in.talk = live
    client = live_client(proxy, monkeypatch)
    async with client.aio.live.connect(model="m", config={"response_modalities": ["TEXT"]}) as session:
        words = types.Part(text="When does Heliotrope start?")
        await session.send_client_content(turns=types.Content(role="user", parts=[words]))
        with pytest.raises(genai.errors.APIError, match="Ask the desk for leave") as refused:
            async for _ in session.receive():
                pass
    assert refused.value.code == 1008
    assert not any(b"Heliotrope" in one.body for one in proxy.received)


# --- whose placeholder it is ---------------------------------------------------------------------


async def test_a_placeholder_of_an_earlier_exchange_is_restored_over_a_websocket(proxy: Proxy) -> None:
    proxy.stand_in.script, proxy.stand_in.talk = chat, realtime
    await asyncio.to_thread(ask, proxy, TEXT)
    made = placeholder(proxy)
    async with opened(proxy) as socket:
        await socket.send(says(f"what was {made} ?"))
        events = await until(socket)
    assert joined(events, "output_text") == f"what was {MAIL} ?"


async def test_another_user_gets_no_value_for_it_over_a_websocket(proxy: Proxy) -> None:
    proxy.stand_in.talk = realtime
    async with opened(proxy) as one, opened(proxy, address="127.0.0.2") as other:
        await one.send(says(TEXT))
        assert joined(await until(one), "output_text") == TEXT
        made = heard(proxy.received[-1].body).split()[2]
        assert made.startswith("EMAIL_ADDRESS_")
        await other.send(says(f"what was {made} ?"))
        assert joined(await until(other), "output_text") == f"what was {made} ?"
        await other.send(says(TEXT))
        assert joined(await until(other), "output_text") == TEXT
    assert made.encode() not in proxy.received[-1].body


async def test_what_a_later_message_brings_is_restored_too(proxy: Proxy) -> None:
    proxy.stand_in.talk = realtime
    async with opened(proxy) as socket:
        for text in ("nothing", TEXT, f"and bo.roe@analytical-engines.org, not {MAIL}"):
            await socket.send(says(text))
            assert joined(await until(socket), "output_text") == text
    assert b"bo.roe" not in proxy.received[-1].body


# --- order, bytes and ends -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["output_text", "text", "output_audio_transcript", "audio_transcript", "refusal"]
)
async def test_a_placeholder_cut_at_every_character_in_two_items_at_once(proxy: Proxy, kind: str) -> None:
    def both(path: str, message: bytes) -> list[str | bytes | None]:
        word = heard(message)
        told: list[str | bytes | None] = []
        for cut in range(1, len(word)):
            halves = zip(*(deltas(kind, [word[:cut], word[cut:]], number) for number in (0, 1)), strict=True)
            told += [event for pair in halves for event in pair]
        return [
            *told,
            done(kind),
            done(kind, 1),
            json.dumps({"type": "response.done", "response": {"id": "r"}}),
        ]

    proxy.stand_in.talk = both
    async with opened(proxy) as socket:
        await socket.send(says(f"({MAIL})"))
        events = await until(socket)
    cuts = len(heard(proxy.received[-1].body)) - 1
    for number in (0, 1):
        assert joined(events, kind, number) == f"({MAIL})" * cuts


async def test_a_text_that_ends_on_a_placeholder_is_told_before_the_connection_closes(proxy: Proxy) -> None:
    proxy.stand_in.talk = lambda path, message: [*deltas("output_text", heard(message)), None]
    async with opened(proxy) as socket:
        await socket.send(says(MAIL))
        text = ""
        with pytest.raises(ConnectionClosed):
            while True:
                text += json.loads(await asyncio.wait_for(socket.recv(), 20))["delta"]
    assert text == MAIL


async def test_what_comes_unasked_is_passed_on_as_it_came(proxy: Proxy) -> None:
    told: list[str | bytes | None] = [
        '{"type" : "x",  "a":"\\u00e9 [[ -f x ]] EMAIL_ADDRESS_x"}',
        "no JSON, 中文",
        b"\x00\xff audio",
        "",
        json.dumps({"type": "response.output_audio.delta", "delta": "RU1BSUxfQUREUkVTU18="}),
        '{"broken": ',
    ]
    proxy.stand_in.talk = lambda path, message: told
    async with opened(proxy) as socket:
        await socket.send(says(TEXT))
        assert [await asyncio.wait_for(socket.recv(), 20) for _ in told] == told


async def test_words_that_are_no_json_are_restored_too(proxy: Proxy) -> None:
    proxy.stand_in.talk = lambda path, message: [message.decode()]
    async with opened(proxy, "wss://api.openai.com/v1/something/else") as socket:
        await socket.send(TEXT)
        assert await asyncio.wait_for(socket.recv(), 20) == TEXT
    assert MAIL.encode() not in proxy.received[-1].body


async def test_a_long_message_that_changes_keeps_every_character(proxy: Proxy) -> None:
    proxy.stand_in.talk = realtime
    text = "中" * 3000 + f" {MAIL} " + "é😀" * 2000
    proxy.stand_in.talk = lambda path, message: [done("output_text", text=heard(message))]
    async with opened(proxy) as socket:
        await socket.send(says(text))
        assert (await until(socket, "response.output_text.done"))[-1]["text"] == text


async def test_a_restorer_that_breaks_ends_the_connection_and_lets_nothing_more_through(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> list[bytes]:
        raise RuntimeError(MAIL)

    proxy.stand_in.talk = realtime
    monkeypatch.setattr("outgate.transform.answers.MessageRestorer.feed", broken)
    async with opened(proxy) as socket:
        await socket.send(says(TEXT))
        told = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert "could not be restored" in told["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 20)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011
    assert 'outgate_on_error_total{action="allow",reason="unrestored"} 1.0' in proxy.metrics()
    assert MAIL not in caplog.text
