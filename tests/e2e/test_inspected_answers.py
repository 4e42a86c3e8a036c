"""What models answer, judged by rules of ``direction: response``: the bytes that the client receives."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from e2e.conftest import Proxy, proxies
from outgate.audit import AuditEvent
from outgate.gateway.core import EgressStream
from patience import eventually
from providers.echo import EVENTS, JSON, sse
from providers.standin import Server

CARD, TOKEN = "4111 1111 1111 1111", "AKIA" + "QYLPMN5HGRT3WXYZ"
RULES = """
version: 1
rules:
  - {name: no keys, direction: response, detect: [AWS_ACCESS_KEY_ID], action: block, message: The answer held a key.}
  - {name: cards, direction: response, detect: [CREDIT_CARD], action: redact}
"""
URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture(scope="module")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("answers")) as make:
        yield make(RULES)


@pytest.fixture
def ruled(shared: Proxy) -> Proxy:
    """The one with these rules, as it was at first but for its log and counters."""
    shared.stand_in.reset()
    return shared


def whole(words: str) -> tuple[str, list[bytes]]:
    message = {"role": "assistant", "content": words}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return JSON, [json.dumps(answer, indent=1).encode()]


def stream(words: Sequence[str]) -> tuple[str, list[bytes]]:
    def chunk(delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    return EVENTS, [
        *sse(*(chunk({"content": word}) for word in words), chunk({}, "stop")),
        b"data: [DONE]\n\n",
    ]


NUMBERS = count()


def last(proxy: Proxy) -> AuditEvent:
    """What is told of the last request that the provider got, by its model."""
    model = json.loads(proxy.received[-1].body)["model"]
    assert eventually(lambda: any(event.model == model for event in proxy.events(0)))
    return next(event for event in proxy.events(0) if event.model == model)


def ask(proxy: Proxy, *, streamed: bool = False, http2: bool = False, text: str = "hi") -> Any:
    with proxy.client(http2=http2) as client:
        body = {"model": f"m{next(NUMBERS)}", "stream": streamed}
        return client.post(URL, json={**body, "messages": [{"role": "user", "content": text}]})


def said(answer: Any) -> str:
    """The words of a stream."""
    rows = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(row["choices"][0]["delta"].get("content", "") for row in rows if "choices" in row)


def test_a_whole_answer_is_edited_and_only_there(ruled: Proxy) -> None:
    kind, (body,) = whole(f"Pay with {CARD}, \u00e9.")
    ruled.stand_in.script = lambda path, asked: (kind, [body[:50], body[50:]])
    for http2 in (False, True):
        answer = ask(ruled, http2=http2)
        assert answer.content == body.replace(CARD.encode(), b"[REDACTED CREDIT_CARD]")
        assert ruled.received[-1].header("accept-encoding") == "identity"
    event = last(ruled)
    (finding,) = event.findings
    assert (finding.entity, finding.direction, finding.role) == ("CREDIT_CARD", "response", "assistant")
    assert event.outcome == "edit"
    assert 'direction="response"' in ruled.metrics()


def test_a_whole_answer_that_is_blocked_is_an_error_of_the_providers_shape(
    ruled: Proxy,
) -> None:
    ruled.stand_in.script = lambda path, asked: whole(f"Use {TOKEN}.")
    for http2 in (False, True):
        answer = ask(ruled, http2=http2)
        assert answer.status_code == 403
        assert "The answer held a key." in answer.json()["error"]["message"]
        assert TOKEN not in answer.text
    assert last(ruled).outcome == "block"
    assert re.search(r'outgate_blocked_total\{rule="no keys"\} [1-9]', ruled.metrics())


def test_the_clients_own_kit_reports_a_blocked_answer_without_trying_again(ruled: Proxy) -> None:
    ruled.stand_in.script = lambda path, asked: whole(TOKEN)
    with (
        httpx2.Client(proxy=ruled.url, verify=ruled.ssl) as http,
        pytest.raises(openai.PermissionDeniedError) as told,
    ):
        client = openai.OpenAI(api_key="x", http_client=http)  # type: ignore[arg-type]
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert "The answer held a key." in str(told.value)
    assert len(ruled.received) == 1


def test_a_stream_is_edited_across_its_events(ruled: Proxy) -> None:
    words = f"First a sentence, of some length, that is clean.\nThen pay with {CARD}, please. "
    ruled.stand_in.script = lambda path, asked: stream(list(words))
    for http2 in (False, True):
        answer = ask(ruled, streamed=True, http2=http2)
        assert said(answer) == words.replace(CARD, "[REDACTED CREDIT_CARD]")
        assert answer.text.endswith("data: [DONE]\n\n")


def test_a_stream_that_is_blocked_ends_with_an_error_and_the_rest_of_it_is_not_told(
    ruled: Proxy,
) -> None:
    words = f"First a sentence, of some length, that is clean.\nThen use {TOKEN}.\nAnd the rest of it. "
    ruled.stand_in.pause = 0.002
    ruled.stand_in.script = lambda path, asked: stream(list(words))
    for http2 in (False, True):
        answer = ask(ruled, streamed=True, http2=http2)
        assert "clean." in said(answer)
        assert "The answer held a key." in answer.text.splitlines()[-2]
        assert "DONE" not in answer.text
        assert "AKIA" not in answer.text


def test_anthropics_kit_reports_an_answer_that_is_blocked_in_mid_stream(ruled: Proxy) -> None:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    start |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TOKEN}}
    steps = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        delta,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    ]
    ruled.stand_in.pause = 0.02
    ruled.stand_in.script = lambda path, asked: (EVENTS, sse(*steps, named=True))
    with httpx2.Client(proxy=ruled.url, verify=ruled.ssl) as http:
        client = anthropic.Anthropic(api_key="x", http_client=http)  # type: ignore[arg-type]
        with (
            pytest.raises(anthropic.APIStatusError) as told,
            client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as events,
        ):
            assert TOKEN not in "".join(events.text_stream)
    assert "The answer held a key." in str(told.value)


def test_an_answer_that_comes_packed_is_unpacked_and_judged(ruled: Proxy) -> None:
    _, (body,) = whole(CARD)
    ruled.stand_in.headers = [(b"content-encoding", b"gzip")]
    ruled.stand_in.script = lambda path, asked: (JSON, [gzip.compress(body)])
    answer = ask(ruled)
    assert "content-encoding" not in answer.headers
    assert answer.content == body.replace(CARD.encode(), b"[REDACTED CREDIT_CARD]")


def test_a_fault_of_ours_lets_nothing_through(ruled: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise SystemExit(TOKEN)

    ruled.stand_in.script = lambda path, asked: whole(TOKEN)
    for place in ("outgate.gateway.answering._begun", "outgate.gateway.answering.Answering.pass_on"):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken)
            answer = ask(ruled)
        assert answer.status_code == 503
        assert TOKEN not in answer.text


def test_pictures_and_sounds_pass_and_are_counted(ruled: Proxy) -> None:
    ruled.stand_in.script = lambda path, asked: ("audio/mpeg", [b"\xff\xfb" * 99])
    assert ask(ruled).content == b"\xff\xfb" * 99
    assert [one.media_type for one in last(ruled).uninspectable] == ["audio/mpeg"]


def test_a_client_that_leaves_ends_the_judging_of_its_answer(
    ruled: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def hangs(*_: Any) -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    ruled.stand_in.script = lambda path, asked: whole("x")
    monkeypatch.setattr("outgate.answer_pipeline.AnswerInspection._judge", hangs)
    for http2 in (False, True):
        with pytest.raises(httpx.ReadTimeout), ruled.client(http2=http2) as client:
            client.post(URL, json={"model": "m", "messages": []}, timeout=1)
        assert eventually(lambda: len(ended) == 1 + http2)  # noqa: B023


def test_a_provider_that_is_faster_than_the_inspection_has_to_wait(
    ruled: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    async def slow(self: Any, segments: Sequence[Any], new: Sequence[int]) -> list[list[Any]]:
        await asyncio.sleep(0.01)
        return [[] for _ in segments]

    waiting = EgressStream._ahead

    def watched(self: Any, event: Any) -> Any:
        nonlocal most
        yield from waiting(self, event)
        most = max(most, self._answered.waiting)

    monkeypatch.setattr("outgate.answer_pipeline.AnswerInspection._judge", slow)
    monkeypatch.setattr(EgressStream, "_ahead", watched)
    kind, pieces = stream(
        [f"A line of so many code points that it is one, {number}.\n" * 900 for number in range(99)]
    )
    ruled.stand_in.script = lambda path, asked: (kind, pieces)
    answer = ask(ruled, streamed=True)
    assert answer.content == b"".join(pieces)
    assert 0 < most < 2 * 1024 * 1024 < len(answer.content)


def test_of_an_answer_that_breaks_off_nothing_that_was_not_judged_arrives(ruled: Proxy) -> None:
    _, (body,) = whole(TOKEN)
    ruled.stand_in.headers = [(b"content-length", str(len(body)).encode())]
    ruled.stand_in.script = lambda path, asked: (JSON, [body[:-3]])
    answer = ask(ruled)
    assert answer.status_code == 502
    assert TOKEN not in answer.text
    assert last(ruled).status == 502
