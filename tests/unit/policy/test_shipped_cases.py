"""The cases beside the shipped policies: they pass, and they would not if a rule were another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from outgate import shipped
from outgate.catalogue import Catalogue
from outgate.dlp.engine import Engine
from outgate.dlp.inline import detect_with
from outgate.model import Action, Exchange, Verdict
from outgate.pipeline import Detect, Rules, inspect
from outgate.policy import Policy, cases, load, source
from outgate.policy.files import packs
from outgate.policy.rule import Rule

SHIPPED = [shipped.policies() / "default.yaml", *packs().values()]
KEY = b"made-up key of the tests"


@cache
def catalogue() -> Catalogue:
    return Catalogue.load()


@cache
def loaded(path: Path) -> tuple[Policy, Detect, tuple[cases.Case, ...]]:
    about, found = cases.read(cases.beside(path), catalogue())
    assert about == (path,)
    policy = load(about, check_model=True, providers=catalogue().providers.values())
    return policy, detect_with(Engine(policy.detectors)), found


async def tried(path: Path, policy: Policy) -> tuple[cases.Result, ...]:
    _, detect, found = loaded(path)
    rules = Rules(catalogue(), policy, KEY, 2**20)

    async def judge(exchange: Exchange) -> Verdict:
        return await inspect(exchange, rules, detect)

    return await cases.run(found, judge)


def of_each_shipped_policy() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)


@of_each_shipped_policy()
async def test_the_cases_of_a_shipped_policy_pass_and_try_every_rule_of_it(path: Path) -> None:
    policy, _, _ = loaded(path)
    results = await tried(path, policy)
    assert [(result.case.name, result.failures) for result in results if result.failures] == []
    assert cases.untried((rule.name for rule in policy.rules), results) == ()


@of_each_shipped_policy()
async def test_a_rule_that_were_gone_wider_or_did_another_thing_would_fail_a_case(path: Path) -> None:
    policy, _, _ = loaded(path)
    unnoticed = []
    for position, rule in enumerate(policy.rules):
        for told, other in changes(rule):
            rules = (*policy.rules[:position], *other, *policy.rules[position + 1 :])
            results = await tried(path, replace(policy, rules=rules))
            if not any(result.failures for result in results):
                unnoticed.append(f"{rule.name}: {told}")
    assert unnoticed == []


async def test_another_setting_of_the_default_would_fail_a_case() -> None:
    path = SHIPPED[0]
    policy, _, _ = loaded(path)
    for change in ({"mode": "audit"}, {"on_error": Action.ALLOW}, {"uninspectable": Action.BLOCK}):
        assert any(result.failures for result in await tried(path, replace(policy, **change))), change


@pytest.mark.parametrize(
    "path", [each for p in SHIPPED for each in (p, cases.beside(p))], ids=lambda p: p.name
)
def test_a_shipped_file_reads_the_same_without_libyaml(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, _ = source.read(path)
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)
    assert source.read(path)[0].plain() == node.plain()


def changes(rule: Rule) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """What a slip of the pen could make of a rule."""
    yield "gone", ()
    # A gate that allows is told like one that notes.
    actions = (Action.AUDIT, Action.BLOCK) if rule.entities is None else Action
    for action in actions:
        if action is not rule.action:
            yield f"action {action}", (replace(rule, action=action),)
    if rule.when is not None:
        yield "without `when`", (replace(rule, when=None),)
    if rule.unless is not None:
        yield "without `unless`", (replace(rule, unless=None),)
    if rule.min_score:
        yield "without `min_score`", (replace(rule, min_score=0.0),)
    if rule.roles is not None:
        yield "without `in`", (replace(rule, roles=None),)
