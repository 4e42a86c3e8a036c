"""What models say over a WebSocket, judged by rules of ``direction: response``: the messages that a client receives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google import genai
from google.genai import types
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from e2e.conftest import Proxy, proxies
from e2e.test_inspected_answers import CARD, RULES, TOKEN
from e2e.test_websockets import deltas, done, joined, live_client, opened, realtime, responses, says, until
from outgate.audit import AuditEvent
from patience import eventually
from providers.standin import Server

Told = list[str | bytes | None]
REDACTED = "[REDACTED CREDIT_CARD]"
FIRST = "First a sentence, of some length, that is clean. "


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("answers_over_websockets")) as make:
        yield make(RULES)


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


def now() -> datetime:
    """As exact as an audit log has it."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def told_of(proxy: Proxy, since: datetime, count: int = 1) -> list[AuditEvent]:
    """What is told of messages since then, the newest last."""

    def found() -> list[AuditEvent]:
        events = reversed(proxy.events(0))
        return [event for event in events if event.websocket and event.findings and event.time >= since]

    assert eventually(lambda: len(found()) >= count)
    return found()


async def all_of(socket: ClientConnection) -> tuple[list[str | bytes], ConnectionClosed]:
    """What comes until the connection ends, and how it does."""
    told: list[str | bytes] = []
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            told.append(await asyncio.wait_for(socket.recv(), 20))
    return told, closed.value


def code(closed: ConnectionClosed) -> int:
    assert closed.rcvd is not None
    return closed.rcvd.code


async def test_a_text_is_edited_across_its_messages_and_so_is_what_repeats_it(proxy: Proxy) -> None:
    words, since = f"{FIRST}Then pay with {CARD}, please. ", now()
    proxy.stand_in.talk = realtime
    async with opened(proxy) as socket:
        await socket.send(says(words))
        events = await until(socket)
    edited = words.replace(CARD, REDACTED)
    assert joined(events, "output_text") == edited
    assert json.loads(joined(events, "function_call_arguments", 1)) == {"to": edited}
    assert CARD not in json.dumps(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == edited
    findings = [one for event in told_of(proxy, since, 2) for one in event.findings]
    assert {(one.entity, one.direction, one.action) for one in findings} == {
        ("CREDIT_CARD", "response", "redact")
    }
    assert sorted(one.role for one in findings) == ["assistant", "tool_call"]  # once each


async def test_a_blocked_text_ends_the_connection_and_the_rest_of_it_is_not_told(proxy: Proxy) -> None:
    since = now()
    rest = deltas("output_text", ["\nAnd the rest."])
    proxy.stand_in.talk = lambda path, message: [
        *deltas("output_text", f"{FIRST}Then use {TOKEN}.\n"),
        *rest,
        done("output_text", text="rest"),
    ]
    async with opened(proxy) as socket:
        await socket.send(says("hi"))
        told, closed = await all_of(socket)
    assert code(closed) == 1008
    *events, error = map(json.loads, told)
    assert "".join(event["delta"] for event in events) == FIRST
    assert error["type"] == "error"
    assert "The answer held a key." in error["error"]["message"]
    (event,) = told_of(proxy, since)
    assert (event.outcome, event.rule, event.status) == ("block", "no keys", 101)
    assert event.id in error["error"]["message"]


async def test_openais_kit_for_responses_reports_what_is_edited_and_what_is_blocked(proxy: Proxy) -> None:
    proxy.stand_in.talk = responses
    client, options = AsyncOpenAI(api_key="none"), {"ssl": proxy.ssl, "proxy": proxy.url}
    async with client.responses.connect(websocket_connection_options=options) as socket:  # type: ignore[arg-type]
        ask: Any = {"type": "response.create", "model": "gpt-5"}
        await socket.send({**ask, "input": f"Pay with {CARD}."})
        text = ""
        async for event in socket:
            if event.type == "response.output_text.delta" and event.stream_id == "one":  # type: ignore[attr-defined]
                text += event.delta
            elif event.type == "response.completed" and event.stream_id == "two":  # type: ignore[attr-defined]
                break
        assert text == f"Pay with {REDACTED}."
        await socket.send({**ask, "input": f"Use {TOKEN}."})
        kinds = []
        with pytest.raises(ConnectionClosed, match="The answer held a key"):
            async for event in socket:
                kinds.append(event.type)
        assert kinds == ["error"]
    await client.close()


def live(words: str) -> Callable[[str, bytes], Told]:
    """Gemini's, in binary frames: a turn that says this, a character a message."""

    def told(path: str, message: bytes) -> Told:
        if "setup" in json.loads(message):
            return [b'{"setupComplete": {}}']
        signs = ({"modelTurn": {"parts": [{"text": sign}]}} for sign in words)
        return [json.dumps({"serverContent": value}).encode() for value in (*signs, {"turnComplete": True})]

    return told


async def test_gemini_live(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    client, config = live_client(proxy, monkeypatch), {"response_modalities": ["TEXT"]}
    turn = types.Content(role="user", parts=[types.Part(text="hi")])

    async def said() -> str:
        text = ""
        async with client.aio.live.connect(model="m", config=config) as session:  # type: ignore[arg-type]
            await session.send_client_content(turns=turn)
            async for message in session.receive():
                if message.server_content and message.server_content.model_turn:
                    text += "".join(part.text or "" for part in message.server_content.model_turn.parts or ())
        return text

    proxy.stand_in.talk = live(f"{FIRST}Pay with {CARD}.")
    assert await said() == f"{FIRST}Pay with {REDACTED}."
    proxy.stand_in.talk = live(f"{FIRST}Use {TOKEN}.")
    with pytest.raises(genai.errors.APIError, match="The answer held a key") as ended:
        await said()
    assert ended.value.code == 1008


async def test_what_nothing_is_found_in_passes_as_it_came_and_at_once(proxy: Proxy) -> None:
    told: Told = [
        '{"type" : "x",  "a":"\\u00e9 [[ -f x ]]"}',
        "no JSON, 中文\n",
        b'{"type": "x"}',
        "",
        '{"type": "ping"}',
        json.dumps({"type": "response.output_audio.delta", "delta": "RU1BSUxfQUREUkVTU18="}),
        '{"broken": ',
    ]
    proxy.stand_in.talk = lambda path, message: told
    async with opened(proxy) as socket:
        for _ in range(2):
            await socket.send(says("hi"))
            assert [await asyncio.wait_for(socket.recv(), 20) for _ in told] == told


async def test_what_is_held_is_judged_and_told_before_the_connection_closes(proxy: Proxy) -> None:
    proxy.stand_in.talk = lambda path, message: [*deltas("output_text", heard_of(message)), None]
    for words, told in ((f"Pay {CARD}", f"Pay {REDACTED}"), (f"Use {TOKEN}", "")):
        async with opened(proxy) as socket:
            await socket.send(says(words))
            events, closed = await all_of(socket)
        rows = [json.loads(event) for event in events]
        assert "".join(row.get("delta", "") for row in rows) == told
        assert code(closed) == (1000 if told else 1008)
        assert [row["type"] for row in rows if row["type"] == "error"] == ["error"] * (not told)


def heard_of(message: bytes) -> str:
    return str(json.loads(message)["item"]["content"][0]["text"])


async def test_a_fault_of_ours_lets_nothing_through(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise SystemExit(TOKEN)

    proxy.stand_in.talk = lambda path, message: [done("output_text", text=TOKEN), '{"type": "x"}']
    for place in ("Conversations.said", "Conversations.end", "Conversations._tell"):
        with monkeypatch.context() as patch:
            patch.setattr(f"outgate.gateway.conversations.{place}", broken)
            async with opened(proxy) as socket:
                await socket.send(says("hi"))
                told, closed = await all_of(socket)
            assert (told, code(closed)) == ([], 1011)
