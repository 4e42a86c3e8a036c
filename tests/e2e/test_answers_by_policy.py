"""What models answer, by policies of several kinds: none about answers, both directions, audit, ``on_error``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from e2e.conftest import Proxy
from e2e.test_inspected_answers import CARD, RULES, TOKEN, ask, said, stream, whole
from e2e.test_reversible import MAIL, TEXT
from e2e.test_reversible import POLICY as REVERSIBLE
from outgate.answer_pipeline import AnswerInspection
from outgate.dlp import DetectionError

MakeProxy = Callable[..., Proxy]


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

    def says(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
        words = f"{asked['messages'][-1]['content']} Or bob.r@analytical-engines.org."
        return stream(list(words)) if asked["stream"] else whole(words)

    proxy.stand_in.script = says
    told = f"{TEXT} Or [REDACTED EMAIL_ADDRESS]."
    assert ask(proxy, text=TEXT).json()["choices"][0]["message"]["content"] == told
    assert said(ask(proxy, text=TEXT, streamed=True)) == told
    for event in proxy.events(2):
        assert [one.direction for one in event.findings].count("response") == 1


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
