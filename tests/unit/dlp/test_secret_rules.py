"""The pack of credentials as data: examples enough, and patterns that every engine can run in linear time."""

from __future__ import annotations

import re._constants as op  # type: ignore[import-not-found]
import re._parser as sre  # type: ignore[import-not-found]
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from growth import is_linear
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


def test_a_pattern_is_bounded_refers_back_to_nothing_and_looks_around_only_at_its_ends() -> None:
    for rule in RULES:
        tree = sre.parse(rule.pattern)
        assert tree.getwidth()[1] <= LONGEST_MATCH, rule.id
        for kind, arguments, _ in nodes(tree):
            assert kind not in (op.GROUPREF, op.GROUPREF_EXISTS), rule.id
            assert kind not in _REPEATS or arguments[1] < op.MAXREPEAT, rule.id
        ends = {0, len(tree) - 1}
        for place, (kind, arguments) in enumerate(tree):
            if kind in _LOOKS:
                assert place in ends, f"{rule.id} looks around in the middle"
            else:
                parts = [node for node in nodes([(kind, arguments)]) if node[0] in _LOOKS]
                assert not parts, f"{rule.id} looks around inside"


def dresses(rule: Rule) -> Iterator[str]:
    """The rule's examples, wherever they may stand."""
    for template in rule.match:
        for before, after in (
            ("", ""),
            ("some words, 00:", " and more"),
            ('é\n{"', '"'),
            ("= A1-" * 9 + " ", "१"),
        ):
            yield before + examples.expand(template) + after


def leads_to_every_match(scanner: Scanner, number: int, rule: Rule) -> None:
    detector = RuleDetector(rule)
    for text in dresses(rule):
        windows = dict(scanner.windows(text)).get(number, [])
        got = {(m.start, m.end) for m in detector.judge(Text(text), 0, windows)}
        assert got == {(m.start, m.end) for m in everywhere(detector, text)}, (rule.id, text)


def test_one_pass_leads_to_every_match_wherever_it_stands(patterns_folder: Path) -> None:
    expressions = [expression for rule in RULES for expression in RuleDetector(rule).expressions]
    made = one_pass.build(expressions, patterns_folder, "now")
    assert made.kind == "hyperscan"
    for number, rule in enumerate(RULES):
        leads_to_every_match(made, number, rule)


def test_pythons_own_expressions_lead_to_every_match_wherever_it_stands() -> None:
    """Each by itself: they do not know of each other, and to try all of them on every text takes long."""
    for rule in RULES:
        leads_to_every_match(PythonScanner(RuleDetector(rule).expressions), 0, rule)


def test_ids_are_unique_and_every_entity_has_a_rule_or_a_detector() -> None:
    assert len(set(IDS)) == len(IDS)
    without = entities.groups()["secrets"] - {rule.entity for rule in RULES}
    assert without == {"SEED_PHRASE"}


def test_a_rule_has_three_examples_and_three_near_misses() -> None:
    for rule in RULES:
        assert len(rule.match) >= 3, rule.id
        assert len(rule.ignore) >= 3, rule.id
        assert rule.validate is None or rule.validate in VALIDATORS, rule.id


def test_examples_hold_for_any_made_up_value() -> None:
    for rule in RULES:
        detector = RuleDetector(rule)
        for seed in range(1, 4):
            for template in rule.match:
                assert list(everywhere(detector, examples.expand(template, seed))), (rule.id, template, seed)


def test_what_surrounds_a_secret_is_not_part_of_it() -> None:
    for rule in RULES:
        for template in rule.match:
            text = examples.expand(template)
            for found in everywhere(RuleDetector(rule), text):
                value = text[found.start : found.end]
                assert value == value.strip(), rule.id
                assert not value.startswith(("=", ": ")), rule.id


@pytest.mark.parametrize("part", range(8))
def test_time_is_linear_in_text_made_of_a_rules_own_beginnings(part: int) -> None:
    for rule in RULES[part::8]:
        detector = RuleDetector(rule)
        example = examples.expand(rule.match[0])
        beginning = example[: len(example) * 2 // 3]

        def work(size: int, detector: RuleDetector = detector, beginning: str = beginning) -> None:
            list(everywhere(detector, beginning * (size // len(beginning) + 1)))

        assert is_linear(work, 10_000), rule.id


@pytest.mark.parametrize("name", sorted(VALIDATORS))
def test_a_validator_raises_nothing_whatever_it_is_given(name: str) -> None:
    for value in ["", ".", "..", "eyJ", "-", "=", "a" * 5000, "é😀", "\0", "1" * 60, "[" * 900, "sk_"]:
        assert VALIDATORS[name](value) in (True, False), value
