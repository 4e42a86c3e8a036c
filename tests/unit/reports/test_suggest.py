"""A proposed policy: it loads, it is never weaker, and what it is said to do is what it would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from made_week import events, week_world, write
from reported_events import event, record

from outgate.audit import AuditEvent
from outgate.cli.policy import command as policy_command
from outgate.cli.report import command as report_command
from outgate.policy import Policy, load
from outgate.policy.diff import compare
from outgate.reports import ReportError, kinds
from outgate.reports.replay import replay
from outgate.reports.suggest import Suggestion, suggest, written

IN_FORCE = """\
version: 1
mode: audit
rules:
  - {name: addresses to OpenAI, when: {provider.id: openai}, detect: [EMAIL_ADDRESS], action: block}
  - {name: the rest is recorded, detect: [secrets, pii], action: audit}
"""


def in_force(folder: Path, text: str, providers: dict[str, Any]) -> Policy:
    path = folder / "in-force.yaml"
    path.write_text(text)
    return load([path], providers=providers.values())


def proposed(policy: Policy, happened: Sequence[AuditEvent], providers: dict[str, Any]) -> Suggestion:
    return suggest(lambda: iter(happened), policy, policy.files[:1], providers, kinds.region(["EEA"]))


def test_the_proposal_takes_out_what_left_and_says_how_much(
    tmp_path: Path, providers: dict[str, Any]
) -> None:
    happened = [
        event(n, provider="mistral", jurisdiction="FR", user=f"person {n % 10}", findings=found)
        for n in range(100)
        for found in [(record("CREDIT_CARD"), record("IP_ADDRESS")) if n < 6 else ()]
    ]
    policy = in_force(tmp_path, IN_FORCE, providers)
    made = proposed(policy, happened, providers)
    (rule,) = made.rules
    assert (rule.entities, rule.action) == (("CREDIT_CARD",), "redact")
    assert (made.exchanges, made.people) == (100, 10)
    assert made.before.fates == {"left": 12}
    assert made.after.outcomes == {"edit": 6, "forward": 94}
    assert made.after.fates == {"taken_out": 6, "left": 6}
    assert len(made.by_rule[rule.name].people) == 6
    assert made.remains == {"devices": 6}
    (tmp_path / "proposed.yaml").write_text(written(made.rules, made.include))
    after = load([tmp_path / "proposed.yaml"], providers=providers.values())
    assert after.mode == "enforce"
    assert [rule.name for rule in after.rules][1:] == [rule.name for rule in policy.rules]


def test_what_the_policy_in_force_is_stricter_about_is_left_alone(
    tmp_path: Path, providers: dict[str, Any]
) -> None:
    happened = [event(1, provider="mistral", jurisdiction="FR", findings=(record(), record("PHONE_NUMBER")))]
    policy = in_force(tmp_path, IN_FORCE, providers)
    made = proposed(policy, happened, providers)
    assert made.dropped == ("EMAIL_ADDRESS",)  # hashing it here would let it out, hashed, to OpenAI
    assert [rule.entities for rule in made.rules] == [("PHONE_NUMBER",)]
    enforced = in_force(tmp_path, IN_FORCE.replace("mode: audit", "mode: enforce"), providers)
    (tmp_path / "proposed.yaml").write_text(written(made.rules, made.include))
    after = load([tmp_path / "proposed.yaml"], providers=providers.values())
    assert not compare(enforced, after, providers.values()).laxer


@pytest.mark.parametrize(("hit", "action"), [(1, "block"), (10, "redact")])
def test_a_block_that_would_hit_many_is_an_edit_instead(
    hit: int, action: str, tmp_path: Path, providers: dict[str, Any]
) -> None:
    happened = [event(n, findings=(record("GITHUB_TOKEN"),) if n < hit else ()) for n in range(100)]
    made = proposed(in_force(tmp_path, IN_FORCE, providers), happened, providers)
    (rule,) = made.rules
    assert rule.action == action
    assert made.after.outcomes["block" if action == "block" else "edit"] == hit
    assert made.after.fates == {"stopped" if action == "block" else "taken_out": hit}
    assert ("taken out instead" in rule.note) is (action == "redact")


def test_personal_data_to_a_country_with_nothing_to_rest_on_is_blocked(
    tmp_path: Path, providers: dict[str, Any]
) -> None:
    happened = [event(1, provider="deepseek", jurisdiction="CN", findings=(record("PHONE_NUMBER"),))]
    made = proposed(in_force(tmp_path, IN_FORCE, providers), happened, providers)
    assert (made.rules[0].jurisdictions, made.rules[0].action) == (("CN",), "block")
    assert made.after.outcomes == {"block": 1}


def test_findings_that_are_not_sure_enough_propose_nothing(tmp_path: Path, providers: dict[str, Any]) -> None:
    happened = [event(1, findings=(record("CREDIT_CARD", score=0.4),))]
    assert proposed(in_force(tmp_path, IN_FORCE, providers), happened, providers).rules == ()


def test_nothing_recorded_proposes_nothing(tmp_path: Path, providers: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="nothing to go by"):
        proposed(in_force(tmp_path, IN_FORCE, providers), [event(1, outcome="refuse")], providers)


def test_a_week_judged_again_by_its_own_policy_comes_out_as_it_did(providers: dict[str, Any]) -> None:
    world = week_world()
    told: Counter[str] = Counter()
    for happened in events(world, requests=1500):
        again = replay(happened, world.policy, providers)
        if again is None:
            assert happened.outcome == "refuse"
            continue
        told[again.outcome] += 1
        assert (again.outcome, again.blocked_by) == (happened.outcome, happened.rule), happened
    assert min(told["block"], told["edit"], told["forward"]) > 5


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_the_commands_make_a_report_and_a_policy_of_a_log(sink: str, tmp_path: Path) -> None:
    write(tmp_path / "state", events(week_world(), requests=600), sink=sink)
    config = tmp_path / "outgate.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "state_dir": str(tmp_path / "state"),
                "audit": {"sink": sink},
                "reports": {"organisation": "Northwind"},
            }
        )
    )
    page = tmp_path / "report.html"
    line = [
        "--config",
        str(config),
        "risk",
        "--from",
        "2026-11-16",
        "--to",
        "2026-11-20",
        "--html",
        str(page),
    ]
    told = CliRunner().invoke(report_command, line, catch_exceptions=False)
    assert "2026-11-16 to 2026-11-19 (UTC)" in told.output
    assert "Northwind" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    again = CliRunner().invoke(report_command, ["--config", str(config)], catch_exceptions=False)
    assert "no request" in again.output or "people" in again.output  # of the last seven days
    line = ["--config", str(config), "suggest", "--since", "2026-11-16"]
    made = CliRunner().invoke(policy_command, line, catch_exceptions=False)
    (tmp_path / "proposed.yaml").write_text(made.output)
    checked = CliRunner().invoke(policy_command, ["check", "--no-model", str(tmp_path / "proposed.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "Proposed by `outgate policy suggest`" in made.output
