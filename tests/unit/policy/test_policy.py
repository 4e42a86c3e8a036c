"""The policy language: what it decides, and what it says of mistakes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from outgate import shipped
from outgate.catalogue import Catalogue
from outgate.cli.policy import command as policy_command
from outgate.model import (
    BODY,
    Action,
    Document,
    Facts,
    Finding,
    Identity,
    Provider,
    Role,
    Segment,
    Style,
    Uninspectable,
)
from outgate.policy import Policy, PolicyError, cases, load
from outgate.policy.diff import Direction, compare
from outgate.policy.files import packs

SHIPPED = [shipped.policies() / "default.yaml", *packs().values()]


def made(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return load([file])


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "provider": Provider("openai", "OpenAI", "OpenAI", "US", "api"),
        "region": None,
        "model": "gpt-4o",
        "model_origin": "US",
        "host": "api.openai.com",
        "path": "/v1/chat/completions",
        "method": "POST",
        "identity": Identity(),
        "client": ip_address("10.1.2.3"),
        "time": datetime(2026, 11, 24, 10, 0, tzinfo=UTC),
    }
    return Facts(**{**values, **changes})


DEEPSEEK = Provider("deepseek", "DeepSeek", "DeepSeek", "CN", "api")
DOCUMENT = Document(
    tuple(Segment("value value", role, "p", BODY, 0, 11, "utf8") for role in (Role.USER, Role.ASSISTANT))
)


def found(entity: str, score: float = 1.0, segment: int = 0) -> Finding:
    return Finding(segment, 0, 5, entity, score, "d")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_policy_loads(path: Path) -> None:
    assert load([path], providers=Catalogue.load().providers.values()).rules


def test_the_default_needs_no_model_and_blocks_redacts_and_audits() -> None:
    policy = load([shipped.policies() / "default.yaml"])
    assert not policy.missing
    assert policy.gate(facts(provider=DEEPSEEK, host="api.deepseek.com")).blocked_by
    assert not policy.gate(facts()).blocked_by
    judged = policy.judge(facts(), DOCUMENT, [found("GITHUB_TOKEN")])
    assert judged.blocked_by
    judged = policy.judge(facts(), DOCUMENT, [found("CREDIT_CARD"), found("EMAIL_ADDRESS", segment=1)])
    assert [d.action for d in judged.decisions] == [Action.REDACT, Action.AUDIT]
    assert judged.blocked_by is None


@pytest.mark.parametrize(
    ("options", "name"), [((), "schema.json"), (("--cases",), "cases.schema.json")], ids=["policy", "cases"]
)
def test_a_shipped_schema_is_what_its_command_makes_of_the_code(options: tuple[str, ...], name: str) -> None:
    made = CliRunner().invoke(policy_command, ["schema", *options])
    command = " ".join(("outgate policy schema", *options))
    text = (shipped.policies() / name).read_text(encoding="utf-8")
    assert text == made.stdout, f"make it anew: {command} > policies/{name}"


@pytest.mark.parametrize(
    "path", [each for p in SHIPPED for each in (p, cases.beside(p))], ids=lambda p: p.name
)
def test_the_schema_that_a_shipped_file_names_for_editors_exists(path: Path) -> None:
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert found
    wanted = "cases.schema.json" if path.name.endswith(cases.SUFFIX) else "schema.json"
    assert (path.parent / found[1]).resolve() == (shipped.policies() / wanted).resolve()


def test_the_first_rule_that_fits_decides_by_score_role_and_entity(tmp_path: Path) -> None:
    policy = made(
        tmp_path,
        "version: 1\nrules:\n"
        "  - {name: sure, detect: [CREDIT_CARD], min_score: 0.9, in: [user], action: mask}\n"
        "  - {name: rest, detect: [CREDIT_CARD], action: audit}\n",
    )
    findings = [found("CREDIT_CARD"), found("CREDIT_CARD", 0.5), found("CREDIT_CARD", segment=1)]
    judged = policy.judge(facts(), DOCUMENT, findings)
    assert [d.rule for d in judged.decisions] == ["sure", "rest", "rest"]


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        ("{provider.jurisdiction: [CN, RU]}", {"provider": DEEPSEEK}),
        ("{provider.id: deepseek}", {"provider": DEEPSEEK}),
        ("{model: 'deepseek-*'}", {"model": "deepseek-chat"}),
        ("{model.origin: CN}", {"model_origin": "CN"}),
        ("{identity.groups: [interns]}", {"identity": Identity("u", ("interns",))}),
        ("{client.network: 192.168.0.0/16}", {"client": ip_address("192.168.3.4")}),
        ("{time: {hours: '22:00-06:00'}}", {"time": datetime(2026, 11, 24, 23, 0, tzinfo=UTC)}),
        ("{method: DELETE}", {"method": "DELETE"}),
        ("{host: '*.x.com'}", {"host": "a.x.com"}),
    ],
)
def test_a_condition_holds_for_what_it_names_alone(
    tmp_path: Path, when: str, changes: dict[str, Any]
) -> None:
    policy = made(tmp_path, f"version: 1\nrules:\n  - {{name: gate, when: {when}, action: block}}\n")
    assert policy.gate(facts(**changes)).blocked_by
    assert not policy.gate(facts()).blocked_by


def test_an_exception_above_a_gate_opens_it(tmp_path: Path) -> None:
    policy = made(
        tmp_path,
        "version: 1\nrules:\n"
        "  - {name: research, when: {identity.groups: [ai]}, action: allow}\n"
        "  - {name: no china, when: {provider.jurisdiction: CN}, action: block}\n",
    )
    assert policy.gate(facts(provider=DEEPSEEK)).blocked_by
    assert not policy.gate(facts(provider=DEEPSEEK, identity=Identity("u", ("ai",)))).blocked_by


def test_audit_mode_blocks_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    policy = made(
        tmp_path, "version: 1\nmode: audit\nrules:\n  - {name: keys, detect: [secrets], action: block}\n"
    )
    judged = policy.judge(facts(), DOCUMENT, [found("GITHUB_TOKEN")])
    assert (judged.blocked_by, judged.would_block) == (None, "keys")
    assert judged.decisions[0].action is Action.AUDIT


def test_what_cannot_be_read_follows_its_setting(tmp_path: Path) -> None:
    image = Document((), uninspectable=(Uninspectable("p", "image/png", 9),))
    for word, blocked in (("block", True), ("audit", False)):
        policy = made(tmp_path, f"version: 1\nuninspectable: {word}\nrules: [{{name: a, action: audit}}]\n")
        assert bool(policy.judge(facts(), image, []).blocked_by) is blocked


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("version: 1\nrules:\n  - {nam: x, action: block}\n", ":3:", "name"),
        ("version: 1\nrules:\n  - {name: x, detect: [CREDIT_CRAD], action: block}\n", ":3:", "CREDIT_CARD"),
        ("version: 1\nrules:\n  - {name: x, detect: [secrets], action: blok}\n", ":3:", "block"),
        ("version: 1\nversion: 1\nrules: []\n", ":2:", "version"),
        ("version: 1\nrules:\n  - {name: x, detect: [secrets], action: hash, style: tag}\n", ":3:", "none"),
        ("version: 1\npseudonymise: {scope: everyone}\nrules: []\n", ":2:", "conversation"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_meant(
    tmp_path: Path, text: str, place: str, says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        made(tmp_path, text)
    assert f"policy.yaml{place}" in str(caught.value)
    assert says in str(caught.value)


def test_placeholders_are_of_the_style_of_their_rule_or_else_of_the_policy(tmp_path: Path) -> None:
    text = (
        "version: 1\n{settings}rules:\n"
        "  - {{name: mail, detect: [EMAIL_ADDRESS], action: pseudonymise}}\n"
        "  - {{name: phones, detect: [PHONE_NUMBER], action: pseudonymise, style: surrogate}}\n"
    )
    policy = made(tmp_path, text.format(settings=""))
    findings = [found("EMAIL_ADDRESS"), found("PHONE_NUMBER")]
    decisions = policy.judge(facts(), DOCUMENT, findings).decisions
    assert [(d.action, d.style) for d in decisions] == [
        (Action.PSEUDONYMISE, Style.TAG),
        (Action.PSEUDONYMISE, Style.SURROGATE),
    ]
    assert (policy.scope, policy.styles) == ("user", {Style.TAG, Style.SURROGATE})
    policy = made(tmp_path, text.format(settings="pseudonymise: {style: surrogate, scope: conversation}\n"))
    assert (policy.scope, policy.styles) == ("conversation", {Style.SURROGATE})
    assert not made(tmp_path, text.format(settings="mode: audit\n")).styles


def test_placeholders_that_come_back_for_more_people_are_laxer(tmp_path: Path) -> None:
    text = (
        "version: 1\npseudonymise: {{scope: {scope}, style: {style}}}\n"
        "rules: [{{name: mail, detect: [EMAIL_ADDRESS], action: pseudonymise}}]\n"
    )
    user, group, shaped = (
        made(tmp_path, text.format(scope=scope, style=style))
        for scope, style in (("user", "tag"), ("group", "tag"), ("user", "surrogate"))
    )
    (change,) = compare(user, group, ()).settings
    assert (change.name, change.direction) == ("pseudonymise.scope", Direction.LAXER)
    assert compare(group, user, ()).settings[0].direction is Direction.STRICTER
    (change,) = compare(user, shaped, ()).settings
    assert (change.name, change.direction) == ("style of 'mail'", Direction.SAME)


def test_a_pattern_that_runs_away_on_its_own_example_is_refused_and_named(tmp_path: Path) -> None:
    text = """version: 1
rules: [{name: r, detect: [SLOW], action: audit}]
detectors:
  patterns:
    - entity: SLOW
      pattern: '(?:a|aa)+(?<=b)|b{3}'
      match: [bbb]
      ignore: ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"]
"""
    with pytest.raises(PolicyError) as caught:
        made(tmp_path, text)
    assert "does not come to an end" in str(caught.value)
    assert ":8:" in str(caught.value)
