"""The pack of credentials as data: examples enough, and patterns that every engine can run in linear time."""

from __future__ import annotations

import re._constants as op  # type: ignore[import-not-found]
import re._parser as sre  # type: ignore[import-not-found]
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outgate.dlp import entities, examples, one_pass
from outgate.dlp.detector import Text, everywhere
from outgate.dlp.patterns import Rule, RuleDetector, rules
from outgate.dlp.scanner import PythonScanner, Scanner
from outgate.dlp.validators import VALIDATORS

RULES = rules("secrets")
IDS = [rule.id for rule in RULES]
LONGEST_MATCH = 8_400  # code points: what a piece of text has behind its core, and a little
_LOOKS = (op.ASSERT, op.ASSERT_NOT)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def nodes(tree: Any, *, inside: bool = False) -> Iterator[tuple[Any, Any, bool]]:
    """Every node of a parsed pattern: its kind, its arguments, and whether it stands inside a repeat."""
    for kind, arguments in tree:
        yield kind, arguments, inside
        for part in arguments if isinstance(arguments, (list, tuple)) else (arguments,):
            for branch in part if isinstance(part, list) else (part,):
                if isinstance(branch, sre.SubPattern):
                    yield from nodes(branch, inside=inside or kind in _REPEATS)


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_pattern_is_bounded_refers_back_to_nothing_and_looks_around_only_at_its_ends(rule: Rule) -> None:
    tree = sre.parse(rule.pattern)
    assert tree.getwidth()[1] <= LONGEST_MATCH
    for kind, arguments, _ in nodes(tree):
        assert kind not in (op.GROUPREF, op.GROUPREF_EXISTS)
        assert kind not in _REPEATS or arguments[1] < op.MAXREPEAT
    ends = {0, len(tree) - 1}
    for place, (kind, arguments) in enumerate(tree):
        if kind in _LOOKS:
            assert place in ends, "looks around in the middle"
        else:
            parts = [node for node in nodes([(kind, arguments)]) if node[0] in _LOOKS]
            assert not parts, "looks around inside"


@pytest.fixture(scope="module", params=["python", "hyperscan"])
def scanner(request: pytest.FixtureRequest, patterns_folder: Path) -> Scanner:
    expressions = [expression for rule in RULES for expression in RuleDetector(rule).expressions]
    if request.param == "python":
        return PythonScanner(expressions)
    made = one_pass.build(expressions, patterns_folder, "now")
    assert made.kind == "hyperscan"
    return made


@pytest.mark.parametrize("number", range(len(RULES)), ids=IDS)
def test_a_scanner_leads_to_every_match_wherever_it_stands(scanner: Scanner, number: int) -> None:
    detector = RuleDetector(RULES[number])
    for template in RULES[number].match:
        for before, after in (
            ("", ""),
            ("some words, 00:", " and more"),
            ('é\n{"', '"'),
            ("= A1-" * 9 + " ", "१"),
        ):
            text = before + examples.expand(template) + after
            windows = dict(scanner.windows(text)).get(number, [])
            got = {(m.start, m.end) for m in detector.judge(Text(text), 0, windows)}
            assert got == {(m.start, m.end) for m in everywhere(detector, text)}, text


def test_ids_are_unique_and_every_entity_has_a_rule_or_a_detector() -> None:
    assert len(set(IDS)) == len(IDS)
    without = entities.groups()["secrets"] - {rule.entity for rule in RULES}
    assert without == {"SEED_PHRASE"}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_has_three_examples_and_three_near_misses(rule: Rule) -> None:
    assert len(rule.match) >= 3
    assert len(rule.ignore) >= 3
    assert rule.validate is None or rule.validate in VALIDATORS


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_examples_hold_for_any_made_up_value(rule: Rule) -> None:
    detector = RuleDetector(rule)
    for seed in range(1, 4):
        for template in rule.match:
            assert list(everywhere(detector, examples.expand(template, seed))), (template, seed)


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_what_surrounds_a_secret_is_not_part_of_it(rule: Rule) -> None:
    for template in rule.match:
        text = examples.expand(template)
        for found in everywhere(RuleDetector(rule), text):
            value = text[found.start : found.end]
            assert value == value.strip()
            assert not value.startswith(("=", ": "))


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_time_is_linear_in_text_made_of_a_rules_own_beginnings(rule: Rule) -> None:
    """Four times the text may take four times as long; a quadratic pattern would take sixteen times."""
    detector = RuleDetector(rule)
    example = examples.expand(rule.match[0])
    beginning = example[: len(example) * 2 // 3]

    def seconds(size: int) -> float:
        text = beginning * (size // len(beginning) + 1)
        times = []
        for _ in range(3):
            started = time.thread_time()
            list(everywhere(detector, text))
            times.append(time.thread_time() - started)
        return min(times)

    # A busy machine may disturb one measurement, not three.
    assert any(seconds(40_000) < 12 * max(seconds(10_000), 0.001) for _ in range(3))


@pytest.mark.parametrize("name", sorted(VALIDATORS))
@pytest.mark.parametrize(
    "value", ["", ".", "..", "eyJ", "-", "=", "a" * 5000, "é😀", "\0", "1" * 60, "[" * 900, "sk_"]
)
def test_a_validator_raises_nothing_whatever_it_is_given(name: str, value: str) -> None:
    assert VALIDATORS[name](value) in (True, False)
