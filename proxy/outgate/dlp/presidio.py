"""Presidio's pattern recognizers as detectors: their patterns, their checksums, their context words.

Each recognizer is asked directly (its own ``validate_result`` runs); Presidio's AnalyzerEngine is
not used, because its cost grows faster than the text. Context words raise a score as its
LemmaContextAwareEnhancer does: by 0.35, to 0.4 at least, from the five words before the hit.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from outgate.dlp.detector import Match
from outgate.dlp.entities import catalogue, recognizers

_FACTOR, _AT_LEAST, _WORDS_BEFORE, _REACH = 0.35, 0.4, 5, 80
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d")
_PHONE = re.compile(r"(?:\d[\s().+/-]{0,3}){7}")
# What must be in a text before a recognizer is worth its time; all others need a digit.
_NEEDS = {
    "EmailRecognizer": re.compile("@"),
    "PhoneRecognizer": _PHONE,
    "CreditCardRecognizer": re.compile(r"(?:\d[ -]?){12}"),
    "IbanRecognizer": re.compile(r"[A-Za-z]{2}\d{2}"),
    "MacAddressRecognizer": re.compile(r"[0-9a-fA-F]{2}[:.-][0-9a-fA-F]{2}"),
}


class PresidioDetector:
    """One recognizer of Presidio's."""

    def __init__(self, recognizer: Any, wanted: frozenset[str]) -> None:
        self.name = type(recognizer).__name__
        self.entities = frozenset(recognizer.supported_entities) & wanted
        self._recognizer = recognizer
        self._asked = sorted(self.entities)
        self._context = [word.lower() for word in recognizer.context or ()]
        self._needs = _NEEDS.get(self.name, _DIGITS)
        self._min_score = {name: catalogue()[name].min_score for name in self.entities}

    def find(self, text: str) -> Iterator[Match]:
        """What the recognizer finds whose score, context included, is worth telling."""
        if not self._needs.search(text):
            return
        for result in self._recognizer.analyze(text, self._asked, None) or ():
            if result.entity_type not in self.entities:
                continue
            score = self._raised(text, result.start, result.score)
            if score >= self._min_score[result.entity_type]:
                yield Match(result.start, result.end, result.entity_type, score, self.name)

    def _raised(self, text: str, start: int, score: float) -> float:
        if not self._context or score >= 1:
            return score
        words = _WORD.findall(text[max(0, start - _REACH) : start].lower())[-_WORDS_BEFORE:]
        nearby = " ".join(words)
        if any(word in nearby for word in self._context):
            return min(1.0, max(score + _FACTOR, _AT_LEAST))
        return score


def detectors(wanted: frozenset[str]) -> list[PresidioDetector]:
    """A detector for each recognizer that ``wanted`` needs; imports Presidio only when one does."""
    names = sorted(recognizers(wanted))
    if not names:
        return []
    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
    import tldextract
    from presidio_analyzer import predefined_recognizers

    # The e-mail recognizer would fetch the public suffix list; the one in the package serves.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    return [PresidioDetector(getattr(predefined_recognizers, name)(), wanted) for name in names]
