"""Rules of ``direction: response``: what they can say, what they judge, and what they leave alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_exchanges import EXCHANGE, chat
from outgate.answer_pipeline import AnswerInspection, holds_answer, inspect_answer
from outgate.catalogue import Catalogue
from outgate.dlp import DetectionError
from outgate.model import Action, Direction, Exchange, Finding, Outcome, Role, Segment, Verdict
from outgate.pipeline import Rules, inspect
from outgate.policy import Policy, PolicyError, load
from outgate.policy.diff import compare
from outgate.policy.lint import shadowed

MAIL, CARD = "ada@analytical-engines.org", "4111 1111 1111 1111"
KINDS = {"EMAIL_ADDRESS": re.compile(r"\S+@\S+\.org"), "CREDIT_CARD": re.compile(r"4111 1111 1111 1111")}
RULES = """
rules:
  - {name: asked, detect: [EMAIL_ADDRESS], action: redact}
  - {name: said, direction: response, detect: [CREDIT_CARD], in: assistant, action: redact}
  - {name: called, direction: response, detect: [CREDIT_CARD, EMAIL_ADDRESS], in: tool_call, action: block}
"""
CATALOGUE = Catalogue.load()


def policy(folder: Path, text: str, name: str = "policy") -> Policy:
    file = folder / f"{name}.yaml"
    file.write_text(f"version: 1\n{text}")
    return load([file])


async def detect(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [
        Finding(index, *found.span(), entity, 0.9, "x")
        for index, segment in enumerate(segments)
        for entity, kind in KINDS.items()
        for found in kind.finditer(segment.text)
    ]


async def late(segments: Sequence[Segment]) -> Sequence[Finding]:
    raise DetectionError("timeout")


def exchange(text: str = "hi") -> Exchange:
    return replace(EXCHANGE, body=chat(text))


def answer(text: str = "", arguments: str = "{}") -> bytes:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": text, "tool_calls": [call]}
    return json.dumps({"choices": [{"index": 0, "message": message}]}).encode()


async def judged(rules: Rules, body: bytes, by: Any = detect, **head: str) -> tuple[AnswerInspection, bytes]:
    verdict = await inspect(exchange(), replace(rules, limit=2**20), detect)
    head = {"content_type": "application/json", "encoding": ""} | head
    inspection = inspect_answer(exchange(), verdict, rules, by, **head)
    assert inspection is not None
    return inspection, b"".join([*await inspection.feed(body), *await inspection.finish()])


def rules_of(policy: Policy, limit: int = 2**20) -> Rules:
    return Rules(CATALOGUE, policy, b"k" * 32, limit)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{name: a, direction: response, action: block}", "needs `detect`"),
        ("{name: a, direction: response, detect: [CREDIT_CARD], action: pseudonymise}", "is for requests"),
        (
            "{name: a, direction: response, detect: [CREDIT_CARD], in: user, action: audit}",
            "assistant, tool_call",
        ),
        ("{name: a, direction: respons, detect: [CREDIT_CARD], action: audit}", "did you mean response?"),
    ],
)
def test_what_a_rule_about_answers_cannot_say_is_an_error(tmp_path: Path, rule: str, told: str) -> None:
    with pytest.raises(PolicyError) as error:
        policy(tmp_path, f"rules: [{rule}]")
    assert told in str(error.value)


async def test_each_direction_has_its_own_rules(tmp_path: Path) -> None:
    rules = rules_of(policy(tmp_path, RULES))
    asked = await inspect(exchange(f"{MAIL} {CARD}"), rules, detect)
    assert [(one.entity, one.rule, one.direction) for one in asked.records] == [
        ("EMAIL_ADDRESS", "asked", Direction.REQUEST)
    ]
    inspection, told = await judged(rules, answer(f"{MAIL} {CARD}"))
    assert told == answer(f"{MAIL} [REDACTED CREDIT_CARD]")
    verdict = inspection.told(asked)
    assert [(one.entity, one.rule, one.direction) for one in verdict.records[1:]] == [
        ("EMAIL_ADDRESS", None, Direction.RESPONSE),
        ("CREDIT_CARD", "said", Direction.RESPONSE),
    ]


async def test_whose_words_of_an_answer_decides(tmp_path: Path) -> None:
    inspection, told = await judged(rules_of(policy(tmp_path, RULES)), answer("x", json.dumps({"to": MAIL})))
    assert told == b""
    assert inspection.stopped is not None
    assert (inspection.stopped.outcome, inspection.stopped.rule) == (Outcome.BLOCK, "called")
    assert "EMAIL_ADDRESS" in inspection.stopped.message
    assert await inspection.feed(b"more") == []
    (record,) = inspection.told(Verdict(Outcome.FORWARD)).records
    assert (record.role, record.action) == (Role.TOOL_CALL, Action.BLOCK)


async def test_an_answer_that_no_rule_applies_to_is_not_looked_at(tmp_path: Path) -> None:
    when = "when: {provider.id: anthropic}"
    text = f"rules: [{{name: a, direction: response, {when}, detect: [CREDIT_CARD], action: block}}]"
    for rules in (rules_of(policy(tmp_path, text)), rules_of(policy(tmp_path, "rules: []"))):
        verdict = await inspect(exchange(), rules, late)  # nor is the request, for its sake
        assert verdict.outcome is Outcome.FORWARD
        assert inspect_answer(exchange(), verdict, rules, detect, "application/json", "") is None
        assert not holds_answer(exchange(), verdict, rules)


async def test_in_audit_mode_an_answer_is_not_held_and_what_would_block_is_named(tmp_path: Path) -> None:
    rules = rules_of(policy(tmp_path, f"mode: audit\n{RULES}"))
    inspection, told = await judged(rules, answer(CARD, json.dumps({"to": MAIL})))
    assert told == answer(CARD, json.dumps({"to": MAIL}))
    assert not inspection.holds
    verdict = inspection.told(Verdict(Outcome.FORWARD))
    assert (verdict.outcome, verdict.would_block) == (Outcome.FORWARD, "called")
    assert {one.action for one in verdict.records} == {Action.AUDIT}


@pytest.mark.parametrize(
    ("by", "head", "limit", "reason"),
    [
        (late, {}, 2**20, "timeout"),
        (detect, {"content_type": "application/x-odd"}, 2**20, "bad_encoding"),
        (detect, {"encoding": "x-odd"}, 2**20, "unknown_encoding"),
        (detect, {}, 64, "too_large"),
    ],
)
async def test_an_answer_that_cannot_be_inspected_is_on_errors_to_decide(
    tmp_path: Path, by: Any, head: dict[str, str], limit: int, reason: str
) -> None:
    body = answer(CARD)
    for setting in ("block", "allow", "audit"):
        rules = rules_of(policy(tmp_path, f"on_error: {setting}\n{RULES}"), limit)
        inspection, told = await judged(rules, body, by, **head)
        assert told == (b"" if setting == "block" else body)
        verdict = inspection.told(Verdict(Outcome.FORWARD))
        assert verdict.reason == reason
        assert verdict.outcome is (Outcome.REFUSE if setting == "block" else Outcome.FORWARD)


async def test_pictures_pass_and_are_told_of(tmp_path: Path) -> None:
    inspection, told = await judged(rules_of(policy(tmp_path, RULES)), b"\x89PNG", content_type="image/png")
    assert told == b"\x89PNG"
    (found,) = inspection.told(Verdict(Outcome.FORWARD)).uninspectable
    assert (found.media_type, found.size) == ("image/png", 4)


def test_a_rule_of_one_direction_shadows_none_of_the_other(tmp_path: Path) -> None:
    two = policy(
        tmp_path,
        "rules: [{name: a, detect: [CREDIT_CARD], action: block}, "
        "{name: b, direction: response, detect: [CREDIT_CARD], action: block}, "
        "{name: c, direction: response, detect: [CREDIT_CARD], action: audit}]",
    )
    assert [(one.rule.name, one.by.name) for one in shadowed(two)] == [("c", "b")]


def test_a_comparison_tells_requests_and_answers_apart(tmp_path: Path) -> None:
    old = policy(tmp_path, "rules: [{name: a, direction: response, detect: [CREDIT_CARD], action: block}]")
    new = policy(tmp_path, "rules: [{name: a, detect: [CREDIT_CARD], action: block}]", "new")
    provider = CATALOGUE.providers["openai"]
    changes = {(one.of, one.old, one.new, one.roles) for one in compare(old, new, (provider,)).changes}
    assert changes == {
        (Direction.RESPONSE, Action.BLOCK, Action.ALLOW, ()),
        (Direction.REQUEST, Action.ALLOW, Action.BLOCK, ()),
    }
