"""Recognizers of a policy's own: what a file of Presidio's describes, and classes that somebody wrote.

Those with patterns run as Presidio's own do: patterns in the one pass, then the recognizer's checks and context
words. One that overrides ``analyze`` is given each piece of text whole, without Presidio's NLP artifacts, so what
needs tokens of a language model does not run here.

A class is code: it is imported where it runs, in a worker, or by this module as a program of its own that only says
whether a worker could (``problems``). Owns making recognizers; how their patterns run is ``presidio``'s business.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, cast

from outgate.dlp import DetectionError, presidio
from outgate.dlp.config import DetectorConfig, RecognizerClass, RecognizerData
from outgate.dlp.detector import Match, PatternDetector, Reader, Text, everywhere
from outgate.dlp.entities import Entity
from outgate.dlp.process import environment

_PATIENCE = 60.0  # seconds for all classes of a policy to be imported and tried
_SAMPLE = "Ada Lovelace wrote to ada@example.org from London, card 4000 0000 0000 0000."


class Analyzer:
    """A recognizer that is asked about whole texts; its context words raise its scores as Presidio's would."""

    def __init__(self, recognizer: Any, entities: Sequence[str], min_score: float, name: str) -> None:
        self.name = name
        self.entities = frozenset(entities)
        self._recognizer = recognizer
        self._scales = {
            name: presidio.Scale(_entity(name, min_score), recognizer.context) for name in entities
        }

    def find(self, text: Text) -> Iterator[Match]:
        """What the recognizer finds; how long it takes is its own business."""
        for result in self._recognizer.analyze(text.text, sorted(self.entities), None) or ():
            scale = self._scales.get(result.entity_type)
            if scale is not None and result.start < result.end:
                yield from scale.scored(text, result.start, result.end, float(result.score), self.name)


def detectors(config: DetectorConfig) -> tuple[list[PatternDetector], list[Reader]]:
    """The wanted recognizers, each made once: those with patterns, and those that are asked about whole texts.

    Raises DetectionError("not_ready") for a class that cannot be used.
    """
    patterns: list[PatternDetector] = []
    readers: list[Reader] = []
    described = [each for each in config.recognizers if each.entity in config.entities]
    if described:
        presidio.classes()
        patterns += map(_described, described)
    for spec in config.recognizer_classes:
        wanted = sorted(config.entities.intersection(spec.entities))
        if not wanted:
            continue
        try:
            recognizer = _instance(spec)
        except _UnfitError as unfit:
            raise DetectionError("not_ready", f"recognizer {spec.path}: {unfit}") from None
        if presidio.is_pattern_recognizer(recognizer):
            patterns.append(_patterns_of(spec, recognizer))
        else:
            readers.append(_analyzer(spec, recognizer, wanted))
    return patterns, readers


def problems(classes: Sequence[RecognizerClass]) -> list[str]:
    """For each class what keeps a worker from using it, or ``""``; asked of a process like a worker."""
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps([asdict(each) for each in classes]).encode(),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env=environment(),
        )
        told = [str(line) for line in json.loads(done.stdout)]
    except subprocess.TimeoutExpired:
        return [f"it takes longer than {_PATIENCE:g} s to be imported and tried"] * len(classes)
    except (OSError, ValueError):
        return ["the process that tries it ended without an answer"] * len(classes)
    return told


class _UnfitError(Exception):
    """A class that cannot be used as it is named; says why, in words and names of code alone."""


def _instance(spec: RecognizerClass) -> Any:
    presidio.classes()
    from presidio_analyzer import EntityRecognizer

    module, _, name = spec.path.partition(":")
    try:
        cls = getattr(import_module(module), name, None)
    except Exception as error:
        told = f": {error}" if isinstance(error, ImportError) else ""
        raise _UnfitError(f"{module} cannot be imported ({type(error).__name__}{told})") from None
    if cls is None:
        raise _UnfitError(f"{module} has no {name}")
    if not isinstance(cls, type) or not issubclass(cls, EntityRecognizer):
        raise _UnfitError(f"{name} is no subclass of Presidio's EntityRecognizer")
    try:
        recognizer: Any = cast("Callable[[], Any]", cls)()
    except Exception as error:
        raise _UnfitError(f"{name}() raises {type(error).__name__}; it must do without arguments") from None
    given = sorted(recognizer.supported_entities)
    lacking = sorted(set(spec.entities) - set(given))
    if lacking:
        raise _UnfitError(f"{name} finds {', '.join(given)}, not {', '.join(lacking)}")
    return recognizer


def _patterns_of(spec: RecognizerClass, recognizer: Any) -> PatternDetector:
    kind = _entity(recognizer.supported_entities[0], spec.min_score)
    return presidio.Recognizer(recognizer, kind, f"recognizer:{spec.path.rpartition(':')[2]}")


def _analyzer(spec: RecognizerClass, recognizer: Any, entities: Sequence[str]) -> Analyzer:
    return Analyzer(recognizer, entities, spec.min_score, f"recognizer:{spec.path.rpartition(':')[2]}")


def _described(data: RecognizerData) -> PatternDetector:
    from presidio_analyzer import Pattern, PatternRecognizer

    recognizer = PatternRecognizer(
        supported_entity=data.entity,
        name=data.name,
        patterns=[Pattern(data.name, pattern, score) for pattern, score in data.patterns],
        deny_list=list(data.deny_list),
        deny_list_score=data.deny_list_score,
        context=list(data.context),
        global_regex_flags=data.flags,
    )
    return presidio.Recognizer(recognizer, _entity(data.entity, data.min_score), f"recognizer:{data.name}")


def _entity(name: str, min_score: float) -> Entity:
    return Entity(name, name, by="presidio", min_score=min_score)


def _tried(spec: RecognizerClass) -> str:
    """What is wrong with a class, after it was made and run once."""
    try:
        recognizer = _instance(spec)
    except _UnfitError as unfit:
        return str(unfit)
    try:
        if presidio.is_pattern_recognizer(recognizer):
            list(everywhere(_patterns_of(spec, recognizer), _SAMPLE))
        else:
            list(_analyzer(spec, recognizer, spec.entities).find(Text(_SAMPLE)))
    except Exception as error:
        return f"it raises {type(error).__name__} on a plain text; here analyze() is given no NLP artifacts"
    return ""


def main() -> None:
    """Classes as JSON from standard input, what is wrong with each to standard output."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a module prints is no answer
    specs = [
        RecognizerClass(**{**each, "entities": tuple(each["entities"])}) for each in json.load(sys.stdin)
    ]
    json.dump([_tried(spec) for spec in specs], answers)
    answers.close()


if __name__ == "__main__":
    main()
