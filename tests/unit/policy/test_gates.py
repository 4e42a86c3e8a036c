"""Gates through the pipeline: who blocks, who noted, and that neither is lost when something fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from made_exchanges import EXCHANGE
from outgate.catalogue import Catalogue
from outgate.dlp import DetectionError
from outgate.model import Action, Finding, Outcome, Segment, Verdict
from outgate.pipeline import Detect, Rules, inspect
from outgate.policy import load

CHAT = b'{"model": "deepseek-chat", "messages": [{"role": "user", "content": "hello"}]}'
POLICY = """
version: 1
{settings}
rules:
  - {{name: told, when: {{path: /v1/files*}}, action: audit}}
  - {{name: told too, when: {{model: "deepseek*"}}, action: audit}}
  - {{name: research, when: {{identity.groups: [ai]}}, action: allow}}
  - {{name: never asked, when: {{identity.groups: [ai]}}, action: audit}}
  - {{name: no china, when: {{provider.jurisdiction: CN}}, action: block}}
  - {{name: mail, detect: [EMAIL_ADDRESS], action: audit}}
"""


async def nothing(segments: Sequence[Segment]) -> Sequence[Finding]:
    return ()


async def late(segments: Sequence[Segment]) -> Sequence[Finding]:
    raise DetectionError("timeout")


async def judged(
    folder: Path,
    *,
    host: str = "api.openai.com",
    target: bytes = b"/v1/chat/completions",
    body: bytes = CHAT,
    settings: str = "",
    policy: str = "",
    detect: Detect = nothing,
) -> Verdict:
    file = folder / "policy.yaml"
    file.write_text(policy or POLICY.format(settings=settings))
    exchange = replace(EXCHANGE, host=host, target=target, body=body)
    return await inspect(exchange, Rules(Catalogue.load(), load([file]), b"k" * 32, 2**20), detect)


async def test_gates_that_note_are_in_the_verdict_in_their_order(tmp_path: Path) -> None:
    verdict = await judged(tmp_path, target=b"/v1/files")
    assert (verdict.outcome, verdict.rules) == (Outcome.FORWARD, ("told", "told too"))


async def test_a_path_is_compared_as_the_server_will_read_it(tmp_path: Path) -> None:
    for spelling in (b"//v1/%66iles", b"/v1/./files?x=1", b"/v1/x/../files/abc"):
        assert "told" in (await judged(tmp_path, target=spelling)).rules
    assert "told" not in (await judged(tmp_path, target=b"/v1/chat/completions")).rules


async def test_a_gate_that_blocks_does_not_hide_those_that_noted_before_it(tmp_path: Path) -> None:
    verdict = await judged(tmp_path, host="api.deepseek.com", target=b"/chat/completions")
    assert (verdict.outcome, verdict.rule, verdict.rules) == (Outcome.BLOCK, "no china", ("told too",))


async def test_in_audit_mode_the_gate_that_would_block_is_named_and_nothing_is_blocked(
    tmp_path: Path,
) -> None:
    verdict = await judged(
        tmp_path, host="api.deepseek.com", target=b"/chat/completions", settings="mode: audit"
    )
    assert (verdict.outcome, verdict.would_block) == (Outcome.FORWARD, "no china")
    assert (verdict.rules, verdict.message) == (("told too",), "")


async def test_what_could_not_be_read_is_noted_only_where_the_setting_says_audit(tmp_path: Path) -> None:
    image = (
        b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "%s"}}]}]}'
    )
    body = image % b"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    assert (await judged(tmp_path, body=body)).rules == ("uninspectable",)
    assert (await judged(tmp_path, body=body, settings="uninspectable: allow")).rules == ()
    blocked = await judged(tmp_path, body=body, settings="uninspectable: block")
    assert (blocked.outcome, blocked.rule, blocked.rules) == (Outcome.BLOCK, "uninspectable", ())


async def test_gates_that_noted_are_told_when_detection_fails(tmp_path: Path) -> None:
    for setting, outcome in (("block", Outcome.REFUSE), ("allow", Outcome.FORWARD)):
        verdict = await judged(tmp_path, settings=f"on_error: {setting}", detect=late)
        assert (verdict.outcome, verdict.reason, verdict.rules) == (outcome, "timeout", ("told too",))


async def test_on_error_does_not_open_a_gate_for_a_body_that_cannot_be_read(tmp_path: Path) -> None:
    restricted = {"host": "api.deepseek.com", "target": b"/chat/completions", "body": b'{"model": '}
    verdict = await judged(tmp_path, settings="on_error: allow", **restricted)
    assert (verdict.outcome, verdict.status, verdict.rule) == (Outcome.BLOCK, 403, "no china")
    assert (verdict.reason, "no china" in verdict.message) == ("", True)
    refused = await judged(tmp_path, settings="on_error: block", **restricted)
    assert (refused.outcome, refused.status, refused.reason) == (Outcome.REFUSE, 400, "bad_json")
    elsewhere = await judged(tmp_path, settings="on_error: allow", target=b"/v1/files", body=b'{"model": ')
    assert (elsewhere.outcome, elsewhere.reason, elsewhere.rules) == (Outcome.FORWARD, "bad_json", ("told",))
    audited = await judged(tmp_path, settings="mode: audit", **restricted)
    assert (audited.outcome, audited.would_block) == (Outcome.FORWARD, "no china")


async def test_a_gate_holds_for_every_model_that_a_batch_is_for(tmp_path: Path) -> None:
    rule = 'rules: [{name: none of these, when: {model: "deepseek*"}, action: block}]'
    for models, wanted in (("claude-x claude-y", Outcome.FORWARD), ("claude-x deepseek-r1", Outcome.BLOCK)):
        requests = [{"params": {"model": model, "messages": []}} for model in models.split()]
        verdict = await judged(
            tmp_path,
            host="api.anthropic.com",
            target=b"/v1/messages/batches",
            body=json.dumps({"requests": requests}).encode(),
            policy=f"version: 1\n{rule}\n",
        )
        assert verdict.outcome is wanted
        assert verdict.facts is not None and verdict.facts.model == "claude-x"


async def test_where_nothing_can_be_edited_a_rule_says_whether_it_blocks(tmp_path: Path) -> None:
    async def found(segments: Sequence[Segment]) -> Sequence[Finding]:
        places = ((index, one.text.find("ada@x.org")) for index, one in enumerate(segments))
        return [Finding(index, at, at + 9, "EMAIL_ADDRESS", 0.9, "d") for index, at in places if at >= 0]

    text = {"role": "user", "content": "ask ada@x.org"}
    thought = {"type": "thinking", "thinking": "ada@x.org it is", "signature": "c2ln"}
    signed = {"role": "assistant", "content": [thought]}

    async def outcome(more: str, *messages: object) -> Verdict:
        rule = f"{{name: mail, detect: [EMAIL_ADDRESS], action: redact{more}}}"
        return await judged(
            tmp_path,
            host="api.anthropic.com",
            target=b"/v1/messages",
            body=json.dumps({"model": "m", "messages": messages}).encode(),
            policy=f"version: 1\nrules: [{rule}]\n",
            detect=found,
        )

    assert (await outcome("", signed)).outcome is Outcome.BLOCK
    passed = await outcome(", uneditable: audit", signed)
    assert (passed.outcome, passed.body) == (Outcome.FORWARD, None)
    assert [(one.rule, one.action) for one in passed.records] == [("mail", Action.AUDIT)]
    both = await outcome(", uneditable: audit", text, signed)
    assert both.outcome is Outcome.EDIT and both.body is not None
    assert both.body.count(b"ada@x.org") == 1
