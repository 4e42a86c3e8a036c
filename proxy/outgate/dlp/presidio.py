"""Presidio's recognizers as detectors: their patterns, checksums and context words, not its engine.

AnalyzerEngine tokenises the whole text, copies every result and walks every token for each: time grows
faster than the text. Here each recognizer's own patterns are tried where the scanner saw that they could
match, its own ``validate_result`` and ``invalidate_result`` judge each hit, and context words are looked
up around hits only.

Presidio is imported in the function that builds, that is, in a worker process. Importing it as it is
pulls in spaCy and numpy (0.9 s and 99 MB, against 0.5 s and 47 MB without), which no pattern needs: see
``classes``. Its loggers print what they refuse, so they are shut.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.context import Context, Words, another_nationality, nationality, raised
from outgate.dlp.detector import Match, PatternDetector, Text
from outgate.dlp.entities import Entity
from outgate.dlp.scanner import Expression, Window, matches, merged
from outgate.dlp.tables import fields

_TOP = 1.0  # a hit whose checksum holds
_NAMED = 0.15  # more, where its country is named
_ANOTHERS = 0.5  # at most, where another country is

# Where to look for what has no pattern, or one that says too little of where: it must cover every match.
# Telephone numbers: seven digits or more, with what people write between them. ITU-T E.164 has at most 15.
_TELEPHONE = r"[+(（＋]?\d(?:[^\w\n]{0,4}\d){6,}"
_AROUND_DIGITS = 40
_AROUND_IBAN = 1


def _labelled(words: str, prefixes: str) -> Expression:
    """Where a number may be that is only one behind a label."""
    return Expression(
        rf"(?:{words})(?:\s|[#:.-]|no|number|id)+(?:(?:{prefixes})-?)?\d"
        if prefixes
        else rf"(?:{words})(?:\s|[#:.-]|no|number|id)+\d",
        int(re.IGNORECASE),
        after=24,
    )


# By recognizer, the patterns that have this in them, and where to look for them instead: those that open
# with lookaheads, which the scanner leaves out, or with what most words have. A local part of an address
# has 64 characters at most, its domain 255 (RFC 5321).
_LOCATORS: dict[str, tuple[str, Expression]] = {
    "EmailRecognizer": ("@", Expression(r"@\w", before=128, after=300)),
    "InPanRecognizer": ("(?=", Expression(r"\b[\w@#$%^?~-]{0,6}[0-9]{4}[\w@#$%^?~-]{0,6}\b")),
    "IpRecognizer": (
        r"(?<![\w:])",
        Expression(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:", before=48, after=64),
    ),
    "DeKfzRecognizer": (
        "",
        Expression(r"(?:\b[A-Z]|[ÄÖÜ])[A-ZÄÖÜ]{0,2}[ \t\n-][A-Z]{1,2}[\s-]\d", int(re.IGNORECASE), after=8),
    ),
    "UsClaimNumberRecognizer": ("(?<=", _labelled("claim", "CLM")),
    "UsPrescriptionNumberRecognizer": ("(?<=", _labelled("rx|prescription", "RX")),
    "UsPriorAuthorizationNumberRecognizer": ("(?<=", _labelled("authorization|auth", "PA")),
    "UsReferralNumberRecognizer": ("(?<=", _labelled("referral", "REF|INF")),
    "UsProviderTaxIdRecognizer": ("(?<=", _labelled("tax|tin|ein|identification|provider", "")),
    "UkDrivingLicenceRecognizer": (
        "",
        Expression(
            r"[0-9](?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9][A-Z9]{2}",
            int(re.IGNORECASE),
            before=5,
            after=8,
        ),
    ),
    "UsHealthInsuranceMemberIdRecognizer": (
        "(?=",
        Expression(r"\b[A-Z0-9-]{0,19}[0-9][A-Z0-9-]{0,19}\b", int(re.IGNORECASE)),
    ),
}
# Those whose patterns fit half of all words and codes: where a context word of the entity's own is needed anyway, it
# is looked for instead, and the patterns only around it.
_BY_CONTEXT = frozenset(
    {
        "DeIdCardRecognizer",
        "DeKfzRecognizer",
        "DePassportRecognizer",
        "InPanRecognizer",
        "UkVehicleRegistrationRecognizer",
        "UsHealthInsuranceMemberIdRecognizer",
        "UsLicenseRecognizer",
    }
)
_BEFORE_CONTEXT, _AFTER_CONTEXT = 64, 160
_DIGIT = re.compile(r"\d")
# Lookaheads that read on to the end of the text for what must be in the next few characters; ends that are none.
_TIGHTER: dict[str, tuple[tuple[str, str], ...]] = {
    "InPanRecognizer": (
        ("(?=.*?[a-zA-Z])", r"(?=.{0,9}?[a-zA-Z])"),
        ("(?=.*?[0-9]{4})", r"(?=.{0,6}?[0-9]{4})"),
    ),
    "MacAddressRecognizer": (
        (r"\b[0-9A-Fa-f]{2}([:-])", r"(?<![0-9A-Fa-f][:-])\b[0-9A-Fa-f]{2}([:-])"),
        (r"{4}[0-9A-Fa-f]{2}\b", r"{4}[0-9A-Fa-f]{2}\b(?!\1[0-9A-Fa-f]{2}\b)"),
    ),
    "UsHealthInsuranceMemberIdRecognizer": (
        ("(?=[A-Z0-9-]*[A-Z])", "(?=[A-Z0-9-]{0,20}[A-Z])"),
        (r"(?=[A-Z0-9-]*\d)", r"(?=[A-Z0-9-]{0,20}\d)"),
    ),
}


def detectors(config: DetectorConfig) -> list[PatternDetector]:
    """A detector for each recognizer that the wanted entities need, and for no other."""
    facts = entities.catalogue()
    wanted = [
        (name, facts[entity])
        for entity in sorted(config.entities & facts.keys())
        for name in facts[entity].recognizers
    ]
    if not wanted:
        return []
    known = classes()
    found: list[PatternDetector] = []
    for name, entity in wanted:
        recognizer = getattr(known, name)()
        if is_pattern_recognizer(recognizer):
            found.append(Recognizer(recognizer, entity))
        else:
            found.append(AnalyzingRecognizer(recognizer, entity))
    return found


class Recognizer:
    """A PatternRecognizer that keeps Presidio's own way of running its patterns."""

    def __init__(self, recognizer: Any, entity: Entity, name: str = "") -> None:
        """``name``: of one that is not Presidio's own; what is known of those by their class is not its."""
        import regex

        self.name = name or type(recognizer).__name__
        self.entities = frozenset({entity.name})
        self._recognizer = recognizer
        self._entity = entity
        self._scale = Scale(entity, recognizer.context)
        self._validates = _overrides(recognizer, "validate_result")
        flags = int(recognizer.global_regex_flags)
        sources = [_tightened(self.name, pattern.regex) for pattern in recognizer.patterns]
        self._patterns = [
            (regex.compile(source, flags), float(pattern.score))
            for source, pattern in zip(sources, recognizer.patterns, strict=True)
        ]
        context = self._scale.context
        self._by_context = self.name in _BY_CONTEXT and entity.needs_context and isinstance(context, Words)
        if self._by_context and isinstance(context, Words):
            around = Expression(context.anywhere)
            self.expressions: tuple[Expression, ...] = (around,) * len(sources)
        else:
            self.expressions = tuple(_located(self.name, source, flags) for source in sources)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """All hits, scored as Presidio scores them, without those below the entity's least score."""
        pattern, score = self._patterns[which]
        alone = self._stands_without_context(score)
        if not alone and text.crowded and not self._scale.context.occurs(text):
            return
        if self._by_context and windows:
            windows = _around(windows, text.text)
        for hit in matches(pattern, text.text, windows):
            start, end = hit.span()
            if alone or self._scale.context.near(text, start, end):
                yield from self._judge(text, start, end, score)

    def _stands_without_context(self, score: float) -> bool:
        if self._entity.needs_context:
            return False
        return self._validates or score >= self._entity.min_score

    def _judge(self, text: Text, start: int, end: int, score: float) -> Iterator[Match]:
        value = text.text[start:end]
        valid = self._recognizer.validate_result(value)
        if valid is not None:
            score = _TOP if valid else 0.0
        if self._recognizer.invalidate_result(value):
            score = 0.0
        yield from self._scale.scored(text, start, end, score, self.name)


class AnalyzingRecognizer:
    """A recognizer with an ``analyze`` of its own (telephone numbers, IBAN): it is called, as it is."""

    def __init__(self, recognizer: Any, entity: Entity) -> None:
        self.name = type(recognizer).__name__
        self.entities = frozenset({entity.name})
        self._recognizer = recognizer
        self._scale = Scale(entity, recognizer.context)
        patterns = getattr(recognizer, "patterns", None)
        self._around = _AROUND_IBAN if patterns else _AROUND_DIGITS
        flags = int(getattr(recognizer, "global_regex_flags", 0))
        self.expressions = tuple(Expression(pattern.regex, flags) for pattern in patterns or ()) or (
            Expression(_TELEPHONE),
        )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """All results of the recognizer in and just around the windows, with their context's bonus."""
        seen: dict[str, list[tuple[int, int, float]]] = {}
        for start, end in _widened(windows, self._around, len(text.text)):
            part = text.text[start:end]
            if part not in seen:
                seen[part] = list(self._analyze(part))
            for first, last, score in seen[part]:
                yield from self._scale.scored(text, start + first, start + last, score, self.name)

    def _analyze(self, text: str) -> Iterator[tuple[int, int, float]]:
        for result in self._recognizer.analyze(text, self._recognizer.supported_entities, None):
            yield result.start, result.end, float(result.score)


class Scale:
    """What a recognizer's hit is worth as an entity: its score, with what stands around it."""

    def __init__(self, entity: Entity, context: Sequence[str] | None) -> None:
        """``context``: the recognizer's own words, where the entity has none."""
        self.context = Words(entity.context) if entity.context else Context(context or ())
        self._entity = entity
        country = entity.country
        self._country = (nationality(country), another_nationality(country)) if country else None

    def scored(self, text: Text, start: int, end: int, score: float, name: str) -> Iterator[Match]:
        """The hit as ``name``'s match, unless it is worth less than the entity's least score."""
        entity = self._entity
        if score <= 0.0:
            return
        if self.context and self.context.near(text, start, end):
            score = self._of_country(text, start, end, raised(score))
        elif entity.needs_context:
            return
        if score >= entity.min_score:
            yield Match(start, end, entity.name, round(score, 4), name)

    def _of_country(self, text: Text, start: int, end: int, score: float) -> float:
        """Of the passports of many countries, which all look alike, the one whose country is named is surest."""
        if self._country is None:
            return score
        own, others = self._country
        if own.near(text, start, end):
            return max(score, min(0.9, score + _NAMED))
        return min(score, _ANOTHERS) if others.before(text, start) else score


def _widened(windows: Sequence[Window], by: int, length: int) -> Iterator[tuple[int, int]]:
    """Windows with so many characters more on either side, those that touch joined."""
    start, end = -1, -1
    for window in windows:
        first, last = max(0, window.start - by), min(length, window.end + by)
        if first <= end:
            end = last
            continue
        if end > 0:
            yield start, end
        start, end = first, last
    if end > 0:
        yield start, end


def _around(windows: Sequence[Window], text: str) -> list[Window]:
    """Where a value may begin that has a context word in ``windows``, or at the head of its column."""
    length = len(text)
    spans: list[tuple[int, int]] = []
    for window in windows:
        first, last = max(0, window.start - _BEFORE_CONTEXT), min(length, window.end + _AFTER_CONTEXT)
        if _DIGIT.search(text, first, last + _BEFORE_CONTEXT):  # all of them have one
            spans.append((first, last))
        below = fields(text, window.start)
        if below:
            spans.append((below[0][0], below[-1][1]))
    return merged(sorted(spans), 0, _BEFORE_CONTEXT, length) if spans else []


def _located(recognizer: str, pattern: str, flags: int) -> Expression:
    mark, locator = _LOCATORS.get(recognizer, ("", None))
    return locator if locator is not None and mark in pattern else Expression(pattern, flags)


def _tightened(recognizer: str, pattern: str) -> str:
    for loose, tight in _TIGHTER.get(recognizer, ()):
        pattern = pattern.replace(loose, tight)
    return pattern


def is_pattern_recognizer(recognizer: Any) -> bool:
    from presidio_analyzer import PatternRecognizer

    return isinstance(recognizer, PatternRecognizer) and not _overrides(recognizer, "analyze")


def _overrides(recognizer: Any, method: str) -> bool:
    from presidio_analyzer import PatternRecognizer

    return getattr(type(recognizer), method) is not getattr(PatternRecognizer, method)


def classes() -> ModuleType:
    """Presidio's recognizer classes, with neither spaCy, nor its loggers, nor a look at the network."""
    with _without_models():
        import presidio_analyzer.predefined_recognizers as found
    _silence()
    _stay_offline()
    return found


@contextmanager
def _without_models() -> Iterator[None]:
    """While Presidio is first imported, its room for language models is an empty one.

    Recognizers take names from it for their type hints only. When something else has imported it
    already, or imports it later, it gets the real one.
    """
    name = "presidio_analyzer.nlp_engine"
    if "presidio_analyzer" in sys.modules:
        yield
        return
    sys.modules[name] = _Empty(name)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
        package = sys.modules.get("presidio_analyzer")
        if package is not None and isinstance(package.__dict__.get("nlp_engine"), _Empty):
            del package.nlp_engine


class _Empty(ModuleType):
    """A module in which every public name is a class without anything."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _silence() -> None:
    for name in ("presidio-analyzer", "decision_process", "phonenumbers", "tldextract"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
        logger.disabled = True


def _stay_offline() -> None:
    """Top-level domains from tldextract's own snapshot; by default it downloads a list and caches it."""
    import tldextract.tldextract as module

    module.TLD_EXTRACTOR = module.TLDExtract(cache_dir=None, suffix_list_urls=())
