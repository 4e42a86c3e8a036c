"""Rules with patterns: the shipped packs, a policy's own patterns, and word lists.

A rule is data: a pattern, the keywords without which it is not tried, and at most one check. New
kinds are added in YAML without touching this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from re._parser import parse  # type: ignore[import-not-found]
from typing import Any

import regex
import yaml

from outgate.dlp.config import CustomPattern, DetectorConfig, WordList
from outgate.dlp.context import Words
from outgate.dlp.detector import Match, PatternDetector, Text
from outgate.dlp.entities import _LOADER, detector_file
from outgate.dlp.personal.checksums import CHECKSUMS
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.validators import VALIDATORS

_CONTEXT_WINDOW = 60  # code points before a match in which a context word counts


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a pack, as its YAML says it."""

    id: str
    entity: str
    pattern: str
    look_for: str | None  # what stands in every match and is cheaper to find than the pattern
    keywords: tuple[str, ...]
    score: float
    validate: str | None
    context: tuple[str, ...]  # whole words, one of which is near; without one a match scores ``alone``
    alone: float  # 0.0: it is none
    match: tuple[str, ...]
    ignore: tuple[str, ...]


@cache
def rules(pack: str) -> tuple[Rule, ...]:
    """The rules of a shipped pack: ``secrets`` or ``pii``."""
    with detector_file(pack).open("rb") as stream:
        _, body = yaml.load_all(stream, Loader=_LOADER)
    return tuple(_rule(item) for item in body["rules"])


def _rule(item: dict[str, Any]) -> Rule:
    return Rule(
        id=item["id"],
        entity=item["entity"],
        pattern=item["pattern"],
        look_for=item.get("look_for"),
        keywords=tuple(word.lower() for word in item.get("keywords", ())),
        score=item.get("score", 0.85),
        validate=item.get("validate"),
        context=tuple(item.get("context", ())),
        alone=item.get("alone", 0.0),
        match=tuple(item["match"]),
        ignore=tuple(item["ignore"]),
    )


class RuleDetector:
    """Finds what one rule describes."""

    def __init__(self, rule: Rule) -> None:
        self.name = rule.id
        self.entities = frozenset({rule.entity})
        self.expressions = (_expression(rule),)
        self._entity = rule.entity
        self._keywords = rule.keywords
        self._pattern = re.compile(rule.pattern)
        self._score = rule.score
        self._alone = rule.alone
        self._context = Words(rule.context) if rule.context else None
        self._valid = {**VALIDATORS, **CHECKSUMS}[rule.validate] if rule.validate else None

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """All matches; none without one of the rule's keywords somewhere in the text."""
        if self._keywords and not any(word in text.lowered for word in self._keywords):
            return
        if self._context and not self._alone and text.crowded and not self._context.occurs(text):
            return
        for found in matches(self._pattern, text.text, windows):
            start, end = _value_span(found)
            if self._valid is None or self._valid(text.text[start:end]):
                near = self._context is None or self._context.near(text, start, end)
                score = self._score if near else self._alone
                if score:
                    yield Match(start, end, self._entity, score, self.name)


def _expression(rule: Rule) -> Expression:
    if rule.look_for is None:
        return Expression(rule.pattern)
    width = int(parse(rule.pattern).getwidth()[1])
    return Expression(rule.look_for, before=width, after=width)


def _value_span(found: re.Match[str]) -> tuple[int, int]:
    groups = found.re.groupindex
    for group in ("value", "bare"):
        if group in groups and found.start(group) >= 0:
            return found.span(group)
    return found.span()


class CustomDetector:
    """A policy's own pattern; without one of its context words near, a match scores half."""

    def __init__(self, custom: CustomPattern) -> None:
        self.name = f"policy:{custom.entity}"
        self.entities = frozenset({custom.entity})
        flags = re.IGNORECASE if custom.ignore_case else re.NOFLAG
        self.expressions = (Expression(custom.pattern, int(flags)),)
        self._custom = custom
        self._pattern = regex.compile(custom.pattern, int(flags))

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """All matches of the pattern."""
        for found in matches(self._pattern, text.text, windows):
            start, end = _value_span(found)
            if start < end:
                yield Match(start, end, self._custom.entity, self._score(text.text, start), self.name)

    def _score(self, text: str, start: int) -> float:
        if not self._custom.context:
            return self._custom.score
        before = text[max(0, start - _CONTEXT_WINDOW) : start].lower()
        near = any(word.lower() in before for word in self._custom.context)
        return self._custom.score if near else self._custom.score / 2


class WordDetector:
    """A policy's word list, as whole words; one alternation, longest first."""

    def __init__(self, words: WordList) -> None:
        self.name = f"words:{words.entity}"
        self.entities = frozenset({words.entity})
        self._words = words
        choices = "|".join(re.escape(word) for word in sorted(words.words, key=len, reverse=True))
        flags = re.IGNORECASE if words.ignore_case else re.NOFLAG
        self._pattern = re.compile(rf"(?<!\w)(?:{choices})(?!\w)", flags)
        self.expressions = (Expression(self._pattern.pattern, int(flags)),)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Every whole-word occurrence."""
        for found in matches(self._pattern, text.text, windows):
            yield Match(found.start(), found.end(), self._words.entity, self._words.score, self.name)


def detectors(config: DetectorConfig) -> Iterable[PatternDetector]:
    """What ``config`` asks for of packs, own patterns and words."""
    for pack in ("secrets", "pii"):
        for rule in rules(pack):
            if rule.entity in config.entities:
                yield RuleDetector(rule)
    for custom in config.patterns:
        if custom.entity in config.entities:
            yield CustomDetector(custom)
    for words in config.words:
        if words.entity in config.entities and words.words:
            yield WordDetector(words)
