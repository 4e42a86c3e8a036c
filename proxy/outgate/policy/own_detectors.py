"""``detectors:`` of a policy's files as one configuration for detection, examples checked.

Owns how several files' detectors add up: patterns and words are added together, the language and
the model are those of the first file that states them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import regex

from outgate.dlp import entities
from outgate.dlp.config import CustomPattern, DetectorConfig, WordList
from outgate.dlp.detector import everywhere
from outgate.dlp.patterns import CustomDetector
from outgate.policy import files
from outgate.policy.error import Problem
from outgate.policy.schema import DetectorsSpec, PatternSpec
from outgate.policy.source import Node

_PATIENCE = 1.0  # seconds for a pattern on one example


def merged(
    specs: Sequence[tuple[Path, Node, DetectorsSpec]],
) -> tuple[DetectorConfig, list[Problem], list[Path]]:
    """The configuration (no entity wanted yet), what is wrong with it, and the word lists that it read.

    ``specs``: of each file, its ``detectors`` node and what is in it.
    """
    problems: list[Problem] = []
    patterns: list[CustomPattern] = []
    words: list[WordList] = []
    lists: list[Path] = []
    for file, node, spec in specs:
        for position, pattern in enumerate(spec.patterns):
            place: list[str | int] = ["patterns", position]
            custom = CustomPattern(
                pattern.entity, pattern.pattern, pattern.score, pattern.ignore_case, pattern.context
            )
            for key, index, reason in _unfit(custom, pattern):
                problems.append(Problem(file, node.at([*place, key, index]), reason))
            patterns.append(custom)
        for position, each in enumerate(spec.words):
            place = ["words", position]
            found = each.words
            if each.file:
                path = file.parent / each.file
                lists.append(path)
                try:
                    found += files.words(path)
                except ValueError as error:
                    hint = error.args[1] if len(error.args) > 1 else ""
                    problems.append(Problem(file, node.at([*place, "file"]), error.args[0], hint))
            elif not found:
                problems.append(Problem(file, node.at(place), "`words`, or a `file` of them, is missing"))
            words.append(WordList(each.entity, found, each.ignore_case, each.score))
    stating = [spec for _, _, spec in specs]
    default = DetectorConfig()
    language = next((s.language for s in stating if "language" in s.model_fields_set), default.language)
    model = next((s.ner_model for s in stating if "ner_model" in s.model_fields_set), default.ner_model)
    config = DetectorConfig(frozenset(), language, tuple(patterns), tuple(words), model)
    return config, problems, lists


def locales(specs: Sequence[tuple[Path, Node, DetectorsSpec]], main: Path) -> frozenset[str]:
    """The countries whose numbers a group has, in a policy whose first file is ``main``.

    What that file states holds. If it states nothing, it is the default and whatever the files that it includes
    state: to include a pack takes nothing away.
    """
    stated = {file: spec.locales for file, _, spec in specs if spec.locales}
    if main in stated:
        return entities.locales(stated[main])
    return entities.DEFAULT_LOCALES.union(*(entities.locales(names) for names in stated.values()))


def _unfit(custom: CustomPattern, spec: PatternSpec) -> list[tuple[str, int, str]]:
    """Key, index and reason of everything that is wrong with a pattern or its examples."""
    try:
        detector = CustomDetector(custom)
        if re.search(custom.pattern, ""):
            return [("pattern", 0, "it matches the empty text, and so would find something everywhere")]
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        return [("pattern", 0, f"not a regular expression: {error}")]
    slow = [
        (key, index, "the pattern does not come to an end on this example (a repeat within a repeat?)")
        for key, texts in (("match", spec.match), ("ignore", spec.ignore))
        for index, text in enumerate(texts)
        if _runs_away(custom, text)
    ]
    if slow:
        return slow
    unfit = [
        ("match", index, f"{spec.entity} does not find anything in this example")
        for index, text in enumerate(spec.match)
        if not any(everywhere(detector, text))
    ]
    unfit += [
        ("ignore", index, f"{spec.entity} finds something in this example, and should not")
        for index, text in enumerate(spec.ignore)
        if any(everywhere(detector, text))
    ]
    return unfit


def _runs_away(custom: CustomPattern, text: str) -> bool:
    """Whether a pattern takes more than moments on a text."""
    compiled = regex.compile(custom.pattern, regex.IGNORECASE if custom.ignore_case else 0)
    try:
        deque(compiled.finditer(text, timeout=_PATIENCE), maxlen=0)
    except TimeoutError:
        return True
    return False
