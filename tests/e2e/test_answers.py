"""What models answer, judged by rules of ``direction: response``: the bytes that the client receives."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from e2e.conftest import Proxy
from e2e.raw import eventually
from e2e.test_reversible import EVENTS, JSON, MAIL, TEXT, sse
from e2e.test_reversible import POLICY as REVERSIBLE
from outgate.answer_pipeline import AnswerInspection
from outgate.dlp import DetectionError
from outgate.gateway.core import EgressStream

MakeProxy = Callable[..., Proxy]
CARD, TOKEN = "4111 1111 1111 1111", "AKIA" + "QYLPMN5HGRT3WXYZ"
RULES = """
version: 1
rules:
  - {name: no keys, direction: response, detect: [AWS_ACCESS_KEY_ID], action: block, message: The answer held a key.}
  - {name: cards, direction: response, detect: [CREDIT_CARD], action: redact}
"""
URL = "https://api.openai.com/v1/chat/completions"


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


def ask(proxy: Proxy, *, streamed: bool = False, http2: bool = False, text: str = "hi") -> Any:
    with proxy.client(http2=http2) as client:
        body = {"model": "m", "stream": streamed, "messages": [{"role": "user", "content": text}]}
        return client.post(URL, json=body)


def test_a_whole_answer_is_edited_and_only_there(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    kind, (body,) = whole(f"Pay with {CARD}, \u00e9.")
    proxy.stand_in.script = lambda path, asked: (kind, [body[:50], body[50:]])
    for http2 in (False, True):
        answer = ask(proxy, http2=http2)
        assert answer.content == body.replace(CARD.encode(), b"[REDACTED CREDIT_CARD]")
        assert proxy.received[-1].header("accept-encoding") == "identity"
    event = proxy.events(2)[0]
    (finding,) = event.findings
    assert (finding.entity, finding.direction, finding.role) == ("CREDIT_CARD", "response", "assistant")
    assert event.outcome == "edit"
    assert 'direction="response"' in proxy.metrics()


def test_a_whole_answer_that_is_blocked_is_an_error_of_the_providers_shape(
    make_proxy: MakeProxy,
) -> None:
    proxy = make_proxy(RULES)
    proxy.stand_in.script = lambda path, asked: whole(f"Use {TOKEN}.")
    for http2 in (False, True):
        answer = ask(proxy, http2=http2)
        assert answer.status_code == 403
        assert "The answer held a key." in answer.json()["error"]["message"]
        assert TOKEN not in answer.text
    assert {event.outcome for event in proxy.events(2)} == {"block"}
    assert 'outgate_blocked_total{rule="no keys"} 2.0' in proxy.metrics()


def test_the_clients_own_kit_reports_a_blocked_answer_without_trying_again(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    proxy.stand_in.script = lambda path, asked: whole(TOKEN)
    with (
        httpx2.Client(proxy=proxy.url, verify=proxy.ssl) as http,
        pytest.raises(openai.PermissionDeniedError) as told,
    ):
        client = openai.OpenAI(api_key="x", http_client=http)  # type: ignore[arg-type]
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert "The answer held a key." in str(told.value)
    assert len(proxy.received) == 1


def test_a_stream_is_edited_across_its_events(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    words = f"First a sentence, of some length, that is clean.\nThen pay with {CARD}, please. "
    proxy.stand_in.script = lambda path, asked: stream(list(words))
    for http2 in (False, True):
        answer = ask(proxy, streamed=True, http2=http2)
        rows = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        said = "".join(row["choices"][0]["delta"].get("content", "") for row in rows)
        assert said == words.replace(CARD, "[REDACTED CREDIT_CARD]")
        assert answer.text.endswith("data: [DONE]\n\n")


def test_a_stream_that_is_blocked_ends_with_an_error_and_the_rest_of_it_is_not_told(
    make_proxy: MakeProxy,
) -> None:
    proxy = make_proxy(RULES)
    words = f"First a sentence, of some length, that is clean.\nThen use {TOKEN}.\nAnd the rest of it. "
    proxy.stand_in.pause = 0.002
    proxy.stand_in.script = lambda path, asked: stream(list(words))
    for http2 in (False, True):
        answer = ask(proxy, streamed=True, http2=http2)
        assert "clean." in "".join(
            json.loads(line[6:])["choices"][0]["delta"].get("content", "")
            for line in answer.text.splitlines()
            if line.startswith("data: {") and "choices" in line
        )
        assert "The answer held a key." in answer.text.splitlines()[-2]
        assert "DONE" not in answer.text
        assert "AKIA" not in answer.text


def test_anthropics_kit_reports_an_answer_that_is_blocked_in_mid_stream(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
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
    proxy.stand_in.pause = 0.02
    proxy.stand_in.script = lambda path, asked: (EVENTS, sse(*steps, named=True))
    with httpx2.Client(proxy=proxy.url, verify=proxy.ssl) as http:
        client = anthropic.Anthropic(api_key="x", http_client=http)  # type: ignore[arg-type]
        with (
            pytest.raises(anthropic.APIStatusError) as told,
            client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as events,
        ):
            assert TOKEN not in "".join(events.text_stream)
    assert "The answer held a key." in str(told.value)


def test_a_policy_without_rules_about_answers_changes_nothing(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    kind, (body,) = whole(f"{CARD} {TOKEN}")
    proxy.stand_in.script = lambda path, asked: (kind, [body])
    assert ask(proxy).content == body
    assert proxy.received[-1].header("accept-encoding") != "identity"
    (event,) = proxy.events()
    assert event.findings == ()


def test_rules_about_answers_do_not_judge_requests_nor_the_other_way_round(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES + "  - {name: asked, detect: [EMAIL_ADDRESS], action: block}\n")
    kind, (body,) = whole(MAIL)
    proxy.stand_in.script = lambda path, asked: (kind, [body])
    answer = ask(proxy, text=f"{TOKEN} {CARD}")
    assert answer.content == body
    assert TOKEN.encode() in proxy.received[-1].body
    (event,) = proxy.events()
    assert event.findings == ()


def test_rules_that_audit_change_not_one_byte_and_record(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(f"{RULES}\nmode: audit\n")
    for streamed in (False, True):
        _audited(proxy, streamed=streamed)


def test_who_only_audits_keeps_no_client_waiting(
    make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, judge = threading.Event(), AnswerInspection._judge

    async def later(*arguments: Any) -> Any:
        while not gate.is_set():  # noqa: ASYNC110 - until a test, in another thread, lets it go on
            await asyncio.sleep(0.01)
        return await judge(*arguments)

    monkeypatch.setattr(AnswerInspection, "_judge", later)
    proxy = make_proxy(f"{RULES}\nmode: audit\n")
    kind, pieces = stream([TOKEN])
    proxy.stand_in.script = lambda path, asked: (kind, pieces)
    assert ask(proxy, streamed=True).content == b"".join(pieces)
    gate.set()
    (event,) = proxy.events()
    assert [one.entity for one in event.findings] == ["AWS_ACCESS_KEY_ID"]


def _audited(proxy: Proxy, *, streamed: bool) -> None:
    kind, pieces = stream(list(f"{TOKEN} and {CARD}")) if streamed else whole(f"{TOKEN} and {CARD}")
    proxy.stand_in.script = lambda path, asked: (kind, pieces)
    answer = ask(proxy, streamed=streamed)
    assert answer.content == b"".join(pieces)
    assert proxy.received[-1].header("accept-encoding") != "identity"
    event = proxy.events(1 + streamed)[0]
    assert {(one.entity, one.action, one.direction) for one in event.findings} == {
        ("AWS_ACCESS_KEY_ID", "audit", "response"),
        ("CREDIT_CARD", "audit", "response"),
    }
    assert (event.would_block, event.outcome) == ("no keys", "forward")


def test_a_value_of_the_users_own_comes_back_and_is_not_the_models_word(make_proxy: MakeProxy) -> None:
    rule = "  - {name: mail, direction: response, detect: [EMAIL_ADDRESS], action: redact}\n"
    proxy = make_proxy(REVERSIBLE + rule)
    proxy.stand_in.script = lambda path, asked: whole(
        f"{asked['messages'][-1]['content']} Or bob.r@analytical-engines.org."
    )
    answer = ask(proxy, text=TEXT)
    assert answer.json()["choices"][0]["message"]["content"] == f"{TEXT} Or [REDACTED EMAIL_ADDRESS]."
    (event,) = proxy.events()
    assert [one.direction for one in event.findings].count("response") == 1


def test_an_answer_that_comes_packed_is_unpacked_and_judged(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    _, (body,) = whole(CARD)
    proxy.stand_in.headers = [(b"content-encoding", b"gzip")]
    proxy.stand_in.script = lambda path, asked: (JSON, [gzip.compress(body)])
    answer = ask(proxy)
    assert "content-encoding" not in answer.headers
    assert answer.content == body.replace(CARD.encode(), b"[REDACTED CREDIT_CARD]")


@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_what_cannot_be_inspected_is_the_policys_to_decide(
    make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch, on_error: str
) -> None:
    proxy = make_proxy(f"{RULES}\non_error: {on_error}\n", detection={"workers": 1, "deadline": 20})
    kind, (body,) = whole(TOKEN)

    async def broken(*_: Any) -> Any:
        raise RuntimeError(TOKEN)

    async def late(*_: Any) -> Any:
        raise DetectionError("timeout", "not done")

    for fault, reason in [
        ("unknown", "bad_encoding"),
        ("packed", "unknown_encoding"),
        (broken, "exception"),
        (late, "timeout"),
    ]:
        proxy.stand_in.headers = [(b"content-encoding", b"x-odd")] if fault == "packed" else []
        label = "application/x-odd" if fault == "unknown" else kind
        proxy.stand_in.script = lambda path, asked, label=label: (label, [body])
        with monkeypatch.context() as patch:
            if callable(fault):
                patch.setattr("outgate.answer_pipeline.AnswerInspection._judge", fault)
            answer = ask(proxy)
        assert f'outgate_on_error_total{{action="{on_error}",reason="{reason}"}} 1.0' in proxy.metrics()
        if on_error == "block":
            assert answer.status_code == 503
            assert TOKEN not in answer.text
        else:
            assert answer.content == body


def test_a_fault_of_ours_lets_nothing_through(make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise SystemExit(TOKEN)

    proxy = make_proxy(RULES)
    proxy.stand_in.script = lambda path, asked: whole(TOKEN)
    for place in ("outgate.gateway.answering._begun", "outgate.gateway.answering.Answering.pass_on"):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken)
            answer = ask(proxy)
        assert answer.status_code == 503
        assert TOKEN not in answer.text


def test_pictures_and_sounds_pass_and_are_counted(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    proxy.stand_in.script = lambda path, asked: ("audio/mpeg", [b"\xff\xfb" * 99])
    assert ask(proxy).content == b"\xff\xfb" * 99
    (event,) = proxy.events()
    assert [one.media_type for one in event.uninspectable] == ["audio/mpeg"]


def test_a_client_that_leaves_ends_the_judging_of_its_answer(
    make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def hangs(*_: Any) -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    proxy = make_proxy(RULES)
    proxy.stand_in.script = lambda path, asked: whole("x")
    monkeypatch.setattr("outgate.answer_pipeline.AnswerInspection._judge", hangs)
    for http2 in (False, True):
        with pytest.raises(httpx.ReadTimeout), proxy.client(http2=http2) as client:
            client.post(URL, json={"model": "m", "messages": []}, timeout=1)
        assert eventually(lambda: len(ended) == 1 + http2)  # noqa: B023


def test_a_provider_that_is_faster_than_the_inspection_has_to_wait(
    make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    async def slow(self: Any, segments: Sequence[Any], new: Sequence[int]) -> list[list[Any]]:
        await asyncio.sleep(0.01)
        return [[] for _ in segments]

    waiting = EgressStream._ahead

    def watched(self: Any, event: Any) -> Any:
        nonlocal most
        yield from waiting(self, event)
        most = max(most, self._waiting)

    monkeypatch.setattr("outgate.answer_pipeline.AnswerInspection._judge", slow)
    monkeypatch.setattr(EgressStream, "_ahead", watched)
    proxy = make_proxy(RULES)
    kind, pieces = stream(
        [f"A line of so many code points that it is one, {number}.\n" * 900 for number in range(99)]
    )
    proxy.stand_in.script = lambda path, asked: (kind, pieces)
    answer = ask(proxy, streamed=True)
    assert answer.content == b"".join(pieces)
    assert 0 < most < 2 * 1024 * 1024 < len(answer.content)


def test_of_an_answer_that_breaks_off_nothing_that_was_not_judged_arrives(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(RULES)
    _, (body,) = whole(TOKEN)
    proxy.stand_in.headers = [(b"content-length", str(len(body)).encode())]
    proxy.stand_in.script = lambda path, asked: (JSON, [body[:-3]])
    answer = ask(proxy)
    assert answer.status_code == 502
    assert TOKEN not in answer.text
