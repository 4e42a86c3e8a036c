"""What models say over a WebSocket, by policies of several kinds: none about answers, audit, ``on_error``, by model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.conftest import Proxy
from e2e.test_answers_over_websockets import REDACTED, Told, all_of, code, heard_of, now, told_of
from e2e.test_inspected_answers import CARD, RULES, TOKEN
from e2e.test_reversible import MAIL, TEXT
from e2e.test_reversible import POLICY as REVERSIBLE
from e2e.test_websockets import deltas, done, joined, opened, realtime, says, until
from outgate.dlp import DetectionError

MakeProxy = Callable[..., Proxy]
JUDGE = "outgate.answer_pipeline.AnswerInspection._judge"


async def test_rules_that_audit_change_not_one_byte_and_record(make_proxy: MakeProxy) -> None:
    since, proxy = now(), make_proxy(f"{RULES}\nmode: audit\n")
    told = [*deltas("output_text", f"{TOKEN} and {CARD}"), done("output_text", text="")]
    proxy.stand_in.talk = lambda path, message: [*told, *deltas("text", CARD[:-1]), None]
    async with opened(proxy) as socket:
        await socket.send(says("hi"))
        received, closed = await all_of(socket)
    assert received == [*told, *deltas("text", CARD[:-1])]
    assert code(closed) == 1000
    (event,) = told_of(proxy, since)
    assert {(one.entity, one.action, one.direction) for one in event.findings} == {
        ("AWS_ACCESS_KEY_ID", "audit", "response"),
        ("CREDIT_CARD", "audit", "response"),
    }
    assert (event.would_block, event.outcome) == ("no keys", "forward")


async def test_a_value_of_the_users_own_comes_back_and_is_not_the_models_word(make_proxy: MakeProxy) -> None:
    rule = "  - {name: mail, direction: response, detect: [EMAIL_ADDRESS], action: redact}\n"
    since, proxy = now(), make_proxy(REVERSIBLE.replace("rules:\n", f"rules:\n{rule}"))
    other = "bob.r@analytical-engines.org"
    proxy.stand_in.talk = lambda path, message: realtime(
        path, says(f"{heard_of(message)} Or {other}.").encode()
    )
    async with opened(proxy) as socket:
        await socket.send(says(TEXT))
        events = await until(socket)
    assert joined(events, "output_text") == f"{TEXT} Or [REDACTED EMAIL_ADDRESS]."
    assert MAIL in TEXT and MAIL.encode() not in proxy.received[-1].body
    found = [
        one for event in told_of(proxy, since, 3) for one in event.findings if one.direction == "response"
    ]
    assert sorted(one.role for one in found) == ["assistant", "tool_call"]


@pytest.mark.parametrize("on_error", ["block", "allow"])
async def test_what_cannot_be_inspected_is_the_policys_to_decide(
    make_proxy: MakeProxy, monkeypatch: pytest.MonkeyPatch, on_error: str
) -> None:
    proxy = make_proxy(f"{RULES}\non_error: {on_error}\n")

    async def broken(*_: Any) -> Any:
        raise SystemExit(TOKEN)

    async def late(*_: Any) -> Any:
        raise DetectionError("timeout", "not done")

    key, card = done("output_text", text=TOKEN), done("output_text", text=CARD)
    for fault, told, reason in [
        (broken, key, "exception"),
        (late, key, "timeout"),
        (None, b"\xff\xfe audio", "bad_encoding"),
    ]:
        proxy.stand_in.talk = lambda path, message, told=told: [told]
        async with opened(proxy) as socket:
            with monkeypatch.context() as patch:
                if fault is not None:
                    patch.setattr(JUDGE, fault)
                await socket.send(says("hi"))
                first = await asyncio.wait_for(socket.recv(), 20)
            if on_error == "allow":
                assert first == told
                proxy.stand_in.talk = lambda path, message: [card]
                await socket.send(says("hi"))  # what comes after it is judged again
                assert json.loads(await asyncio.wait_for(socket.recv(), 20))["text"] == REDACTED
            else:
                assert "could not be inspected" in json.loads(first)["error"]["message"]
                rest, closed = await all_of(socket)
                assert (rest, code(closed)) == ([], 1011)
        assert f'outgate_on_error_total{{action="{on_error}",reason="{reason}"}} 1.0' in proxy.metrics()


async def test_a_policy_without_rules_about_answers_passes_what_would_be_found(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    told: Told = [*deltas("output_text", f"{TOKEN} {CARD}"), done("output_text", text=CARD)]
    proxy.stand_in.talk = lambda path, message: told
    async with opened(proxy) as socket:
        await socket.send(says("hi"))
        assert [await asyncio.wait_for(socket.recv(), 20) for _ in told] == told
    assert all(not event.findings for event in proxy.events())


async def test_a_rule_for_a_model_holds_once_a_message_has_named_it(make_proxy: MakeProxy) -> None:
    rule = "{name: m, direction: response, detect: [CREDIT_CARD], action: redact, when: {model: gpt-5}}"
    proxy = make_proxy(f"version: 1\nrules:\n  - {rule}\n")
    proxy.stand_in.talk = lambda path, message: [done("output_text", text=CARD)]
    async with opened(proxy, "wss://api.openai.com/v1/responses") as socket:
        for sent, told in (
            ({"type": "response.create", "model": "gpt-4"}, CARD),
            ({"type": "response.create", "model": "gpt-5"}, REDACTED),
            ({"type": "response.cancel"}, REDACTED),
        ):
            await socket.send(json.dumps(sent))
            assert json.loads(await asyncio.wait_for(socket.recv(), 20))["text"] == told


async def test_what_only_recorded_holds_from_the_message_on_whose_model_a_rule_edits_for(
    make_proxy: MakeProxy,
) -> None:
    since = now()
    rule = "direction: response, detect: [CREDIT_CARD]"
    proxy = make_proxy(
        f"version: 1\nrules:\n  - {{name: m, {rule}, action: redact, when: {{model: gpt-5}}}}\n"
        f"  - {{name: all, {rule}, action: audit}}\n"
    )
    begun = deltas("output_text", [CARD[:9]])
    proxy.stand_in.talk = lambda path, message: begun + deltas("output_text", [CARD[9:], "."])
    async with opened(proxy, "wss://api.openai.com/v1/responses") as socket:
        await socket.send('{"type": "response.create", "model": "gpt-4"}')
        told = [json.loads(await asyncio.wait_for(socket.recv(), 20))["delta"] for _ in range(3)]
        assert told == [CARD[:9], CARD[9:], "."]
        proxy.stand_in.talk = lambda path, message: [done("output_text", text=CARD)]
        await socket.send('{"type": "response.create", "model": "gpt-5"}')
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["text"] == REDACTED
    events = told_of(proxy, since, 2)
    assert sorted(one.action for event in events for one in event.findings) == ["audit", "redact"]
