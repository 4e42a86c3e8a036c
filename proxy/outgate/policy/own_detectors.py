"""``detectors:`` of a policy's files as one configuration for detection, examples checked.

Owns how several files' detectors add up: patterns, words, known values and recognizers are added
together, the language and the models are those of the first file that states them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import regex

from outgate.dlp import entities, recognizers
from outgate.dlp.config import (
    CustomPattern,
    DetectorConfig,
    KnownSource,
    RecognizerClass,
    RecognizerData,
    WordList,
)
from outgate.dlp.detector import everywhere
from outgate.dlp.names.language import languages
from outgate.dlp.patterns import CustomDetector
from outgate.policy import company_values, files, presidio_file
from outgate.policy.code import distrusted
from outgate.policy.error import Mark, Problem
from outgate.policy.schema_detectors import DetectorsSpec, PatternSpec
from outgate.policy.source import Node

_PATIENCE = 1.0  # seconds for a pattern on one example


def merged(
    specs: Sequence[tuple[Path, Node, DetectorsSpec]], *, run: bool = True, try_classes: bool = False
) -> tuple[DetectorConfig, list[Problem], list[Path]]:
    """The configuration (no entity wanted yet), what is wrong with it, and the further files that it read.

    ``specs``: of each file, its ``detectors`` node and what is in it. ``run``: commands that print values are
    run. ``try_classes``: recognizer classes are imported, in a process of their own.
    """
    problems: list[Problem] = []
    patterns: list[CustomPattern] = []
    words: list[WordList] = []
    known: list[KnownSource] = []
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
        for position, values in enumerate(spec.known_values):
            of_one, wrong, read = company_values.read(values, file, node, position, run=run)
            known.append(of_one)
            problems += wrong
            lists += read
    described, classes, wrong, read = _recognizers(specs, try_classes=try_classes)
    problems += wrong
    lists += read
    stating = [spec for _, _, spec in specs]
    default = DetectorConfig()
    language = next((s.language for s in stating if "language" in s.model_fields_set), default.language)
    model = next((s.ner_model for s in stating if "ner_model" in s.model_fields_set), default.ner_model)
    models = next((s.ner_models for s in stating if "ner_models" in s.model_fields_set), {})
    problems += _misplaced(specs, language)
    config = DetectorConfig(
        language=language,
        patterns=tuple(patterns),
        words=tuple(words),
        known=tuple(known),
        recognizers=described,
        recognizer_classes=classes,
        ner_model=model,
        ner_models=tuple(sorted(models.items())),
    )
    return config, problems, lists


def _recognizers(
    specs: Sequence[tuple[Path, Node, DetectorsSpec]], *, try_classes: bool
) -> tuple[tuple[RecognizerData, ...], tuple[RecognizerClass, ...], list[Problem], list[Path]]:
    """Recognizers that files describe, classes that are named, what is wrong with them, and the files."""
    problems: list[Problem] = []
    described: list[RecognizerData] = []
    classes: list[tuple[RecognizerClass, Path, Mark]] = []
    read: list[Path] = []
    for file, node, spec in specs:
        for position, each in enumerate(spec.recognizers):
            place: list[str | int] = ["recognizers", position]
            if each.class_:
                untrusted = distrusted(file)
                if untrusted:
                    mark = node.at([*place, "class"], key=True)
                    problems.append(Problem(file, mark, *untrusted))
                one = RecognizerClass(each.class_, each.entities, each.min_score)
                classes.append((one, file, node.at([*place, "class"])))
                continue
            path = file.parent / each.file
            read.append(path)
            if not path.is_file():
                mark = node.at([*place, "file"])
                problems.append(Problem(file, mark, f"there is no file {path}", files.beside(path)))
                continue
            found, wrong = presidio_file.read(path, each.min_score)
            described += found
            problems += wrong
    if classes and try_classes and not problems:
        told = recognizers.problems([one for one, _, _ in classes])
        problems += [
            Problem(file, mark, f"{one.path}: {reason}")
            for (one, file, mark), reason in zip(classes, told, strict=True)
            if reason
        ]
    return tuple(described), tuple(one for one, _, _ in classes), problems, read


def _misplaced(specs: Sequence[tuple[Path, Node, DetectorsSpec]], language: str) -> list[Problem]:
    """Models of ``ner_models`` that would never be asked."""
    known = languages()
    problems: list[Problem] = []
    for file, node, spec in specs:
        for code in spec.ner_models:
            mark = node.at(["ner_models", code], key=True)
            if code == language:
                hint = "`ner_model` is the model of that language"
                problems.append(Problem(file, mark, f"`{code}` is the policy's own language", hint))
            elif code not in known:
                hint = f"known here: {', '.join(sorted(known))}"
                problems.append(Problem(file, mark, f"texts in {code!r} are not told from others", hint))
    return problems


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
