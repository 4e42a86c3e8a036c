"""Presidio's recognizers find through our engine what they find in Presidio's, with the same scores.

Both run side by side over texts that are made for every pattern of every recognizer: strings that it matches,
in prose, code, JSON, CSV and logs, with and without a context word. Presidio's analyzer has an NLP engine that
needs no model: words are words, and their own lemmas. Ours has no least score and asks for no context.

What we have in place of a recognizer (see ``dlp/personal`` and ``dlp/phones``) is not Presidio's, and is tested for
what it should find; a shipped entity may have better context words, too. Here the recognizers are as they come.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import presidio_analyzer.predefined_recognizers as classes
import pytest
import regex
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from tests.unit.dlp.made_strings import drawn

from outgate.dlp import one_pass, presidio
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Text
from outgate.dlp.engine import Engine
from outgate.dlp.entities import Entity
from outgate.dlp.surroundings import PASSED_OVER

type Span = tuple[str, int, int, float]

_STRINGS = 3  # a pattern
_TRIES = 40


class Words(NlpEngine):  # type: ignore[misc]
    """Tokens by a plain expression, each its own lemma; the stop words are those that ours passes over."""

    _TOKEN = regex.compile(r"\w+|[^\w\s]")

    def load(self) -> None:
        """There is nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        found = list(self._TOKEN.finditer(text))
        words = [token[0] for token in found]
        return NlpArtifacts([], words, [token.start() for token in found], words, self, language)

    def process_batch(self, texts: Any, language: str, **_: Any) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        return word.lower() in PASSED_OVER

    def is_punct(self, word: str, language: str) -> bool:
        return not regex.match(r"\w", word)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


def _is_pattern_recognizer(cls: Any) -> bool:
    """IBAN's runs its patterns its own way; it is not in use, and called as it is when somebody names it."""
    return (
        isinstance(cls, type)
        and issubclass(cls, PatternRecognizer)
        and cls.analyze is PatternRecognizer.analyze
    )


NAMES = sorted(name for name in classes.__all__ if _is_pattern_recognizer(getattr(classes, name)))


# Patterns that are searched otherwise on purpose; see ENGINE, below.
WITHOUT_PATTERNS = {"InPanRecognizer": {"PAN (Low)"}}


@cache
def recognizers() -> tuple[Any, ...]:
    """One of each, without the network, for texts in English, and with those context words that are single ones.

    A context of two words can be met in ours and never in Presidio's, which compares it with one at a time.
    """
    presidio._stay_offline()
    made = []
    for name in NAMES:
        recognizer = getattr(classes, name)(supported_language="en")
        if name in WITHOUT_PATTERNS:
            recognizer.patterns = [
                one for one in recognizer.patterns if one.name not in WITHOUT_PATTERNS[name]
            ]
        recognizer.context = [word for word in recognizer.context or () if regex.fullmatch(r"\w+", word)]
        made.append(recognizer)
    return tuple(made)


@cache
def theirs() -> AnalyzerEngine:
    registry = RecognizerRegistry(recognizers=list(recognizers()), supported_languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])


class Ours:
    """The recognizers through our scanner, and nothing else of the engine."""

    def __init__(self, folder: Path | None) -> None:
        self._detectors = [
            presidio.Recognizer(recognizer, Entity(recognizer.supported_entities[0], "", by="presidio"))
            for recognizer in recognizers()
        ]
        self._owners = [(one, which) for one in self._detectors for which in range(len(one.expressions))]
        expressions = [one.expressions[which] for one, which in self._owners]
        self._scanner = one_pass.build(expressions, folder, "now")

    def find(self, text: str) -> set[Span]:
        shared = Text(text)
        found = [
            RecognizerResult(match.entity, match.start, match.end, match.score)
            for index, windows in self._scanner.windows(text)
            for match in self._owners[index][0].judge(shared, self._owners[index][1], windows)
        ]
        return spans(PatternRecognizer.remove_duplicates(found))


def spans(results: Sequence[Any]) -> set[Span]:
    return {(one.entity_type, one.start, one.end, round(one.score, 3)) for one in results}


@pytest.fixture(scope="module")
def ours(patterns_folder: Path) -> Ours:
    return Ours(patterns_folder)


def analyzed(text: str) -> set[Span]:
    return spans(theirs().analyze(text, language="en"))


# What is around a value: with `{word}`, a context word.
FRAMES: dict[str, str] = {
    "prose": "We have noted down what he gave over there yesterday evening: {value}. Bye",
    "prose with a context word": "As far as known, {word} is {value}, said nobody",
    "prose with a context word far off": "{word} one two three four five six seven {value}",
    "code": 'result = find("{value}")\nreturn result[0]\n',
    "code with a context word": "{word}_old = '{value}'  # keep\n",
    "json": '{{"kind": "x", "field": "{value}", "n": 12}}',
    "json with a context word": '{{"{word}": "{value}", "n": 12}}',
    "csv": "a,b,c\n1,{value},z\n",
    "log": "2026-11-24T10:00:00Z WARN worker-3 got {value} in 12ms",
    "log with a context word": "10:00:00 INFO {word}={value} ok",
    "glued": "x{value}y",
    "next to another": "{value} {value}",
}


@cache
def corpus() -> tuple[tuple[str, str], ...]:
    """A recognizer's name and a string that one of its patterns matches; for patterns that can be drawn from, all."""
    made: list[tuple[str, str]] = []
    for name, recognizer in zip(NAMES, recognizers(), strict=True):
        for pattern in recognizer.patterns:
            source = random.Random(f"{name}|{pattern.name}")
            compiled = regex.compile(pattern.regex, recognizer.global_regex_flags)
            found: list[str] = []
            for _ in range(_TRIES * _STRINGS):
                value = drawn(pattern.regex, source)
                if len(found) < _STRINGS and compiled.search(value):
                    found.append(value)
            made.extend((name, value) for value in found)
    return tuple(made)


def context_word(name: str) -> str:
    words = recognizers()[NAMES.index(name)].context
    return words[len(words) // 2] if words else "thing"


@pytest.mark.parametrize("frame", FRAMES)
def test_findings_and_scores_are_presidios(ours: Ours, frame: str) -> None:
    differing = []
    for name, value in corpus():
        text = FRAMES[frame].format(value=value, word=context_word(name))
        expected, found = analyzed(text), ours.find(text)
        if expected != found:
            differing.append((name, text, sorted(expected - found), sorted(found - expected)))
    assert differing == []


def test_every_pattern_recognizer_that_is_shipped_with_presidio_has_strings_in_the_corpus() -> None:
    assert len(NAMES) >= 85
    assert {name for name, _ in corpus()} == set(NAMES)


# Where the same recognizer differs in our engine: recognizer, text, whether Presidio and we find its entity, why.
ENGINE = [
    (
        "InPanRecognizer",
        "7147-3266-3 and far behind it a letter",
        (True, False),
        "a lookahead of its weakest pattern reads to the end of the text for a letter; ours for ten signs",
    ),
    (
        "MacAddressRecognizer",
        "SHA1 Fingerprint=AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",
        (True, False),
        "more octets than a network's address has: a fingerprint, a serial number, a dump",
    ),
    (
        "EmailRecognizer",
        f"{'a' * 140}@firma-mail.de",
        (True, False),
        "a local part has 64 characters at most (RFC 5321); ours looks back 128",
    ),
]
# Where we have a detector or a rule of our own in place of a recognizer: recognizer, text, who finds it, why.
REPLACED = [
    ("CreditCardRecognizer", "1111 1111 1111 1117", (True, False), "no network issues numbers that begin so"),
    ("CreditCardRecognizer", "card 2223003122003222", (False, True), "Mastercard's range of 2017"),
    ("CreditCardRecognizer", "4111.1111.1111.1111", (False, True), "groups may have dots between them"),
    ("CreditCardRecognizer", "tracking 4111111111111111", (True, False), "the word says what else it is"),
    ("EmailRecognizer", "user@example.com", (True, False), "a sample's address (RFC 2606)"),
    ("EmailRecognizer", "git@github.com:a/b.git", (True, False), "an address for git"),
    ("IpRecognizer", "version 1.2.3.4", (True, False), "a version"),
    ("IpRecognizer", "10.0.0.1", (True, False), "a private network's"),
    ("IpRecognizer", "from 83.33.203.102", (True, True), "somebody's"),
    ("IbanRecognizer", "gb82west12345698765432", (False, True), "in lower case it is one, too"),
    ("IbanRecognizer", "GB82 WEST 1234 5698 7654 32", (True, True), "in groups"),
    (
        "PhoneRecognizer",
        "order 0301234567, total 2025550123",
        (True, False),
        "written as no telephone number is",
    ),
    ("PhoneRecognizer", "call (212) 736-5000", (True, True), "written as one is"),
]


def analyzed_by(name: str, text: str) -> bool:
    presidio._stay_offline()
    recognizer = getattr(classes, name)()
    return any(one.score > 0 for one in recognizer.analyze(text, recognizer.supported_entities, None))


@pytest.mark.parametrize(("name", "text", "finds", "why"), ENGINE)
def test_a_listed_difference_of_the_engine_is_as_it_says(
    name: str, text: str, finds: tuple[bool, bool], why: str
) -> None:
    recognizer = getattr(classes, name)()
    entity = recognizer.supported_entities[0]
    detector = presidio.Recognizer(recognizer, Entity(entity, "", by="presidio"))
    shared = Text(text)
    scanner = one_pass.build(detector.expressions, None, "now")
    found = any(any(detector.judge(shared, index, windows)) for index, windows in scanner.windows(text))
    assert (analyzed_by(name, text), found) == finds, why


@pytest.mark.parametrize(("name", "text", "finds", "why"), REPLACED)
def test_a_listed_difference_of_what_we_have_instead_is_as_it_says(
    instead: Engine, name: str, text: str, finds: tuple[bool, bool], why: str
) -> None:
    entity = getattr(classes, name)().supported_entities[0]
    found = any(match.entity == entity for match in instead.scan([text])[0])
    assert (analyzed_by(name, text), found) == finds, why


@pytest.fixture(scope="module")
def instead(patterns_folder: Path) -> Engine:
    names = {getattr(classes, name)().supported_entities[0] for name, *_ in REPLACED}
    return Engine(DetectorConfig(entities=frozenset(names), ner_model=None), patterns_folder, "now")


def test_a_context_of_two_words_is_met_in_ours_alone() -> None:
    text = "the hardware address 00:1b:44:11:3a:b7"
    recognizer = classes.MacAddressRecognizer()
    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])
    detector = presidio.Recognizer(recognizer, Entity("MAC_ADDRESS", "", by="presidio"))
    assert [one.score for one in engine.analyze(text, language="en")] == [0.6]
    assert [match.score for match in detector.judge(Text(text), 0, Text(text).whole)] == [0.95]
