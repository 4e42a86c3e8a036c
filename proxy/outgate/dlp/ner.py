"""Names of people, places and organisations, by a spaCy model's entity recogniser alone.

Runs where it can be right: prose. Text that is mostly code, hashes or encoded data is passed over.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from outgate.dlp import DetectionError
from outgate.dlp.detector import Match

_LABELS = {"PERSON": "PERSON", "PER": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}
_SCORE = 0.85  # as Presidio gives to spaCy's entities
_WINDOW = 20_000  # code points a piece; pieces end at white space
_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_A_NAME = re.compile(r"[\d_{}<>=/\\|@#$%^*~`\[\]]|^[a-z]+$")


class NerDetector:
    """A spaCy model with everything but its entity recogniser left out."""

    def __init__(self, model: str, wanted: frozenset[str]) -> None:
        self.name = f"ner:{model}"
        self.entities = wanted & frozenset(_LABELS.values())
        try:
            package = importlib.import_module(model)
        except ImportError as error:
            raise DetectionError("not_ready") from error
        self._nlp: Any = package.load(exclude=["tagger", "parser", "lemmatizer", "attribute_ruler", "senter"])

    def find(self, text: str) -> Iterator[Match]:
        """Names in prose; linear in the text's length."""
        for offset, piece in _pieces(text):
            if not _is_prose(piece):
                continue
            for span in self._nlp(piece).ents:
                entity = _LABELS.get(span.label_)
                if entity in self.entities and not _NOT_A_NAME.search(span.text) and len(span.text) > 2:
                    yield Match(offset + span.start_char, offset + span.end_char, entity, _SCORE, self.name)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = min(start + _WINDOW, len(text))
        if end < len(text):
            space = text.rfind(" ", start + _WINDOW // 2, end)
            end = space if space > 0 else end
        yield start, text[start:end]
        start = end


def _is_prose(text: str) -> bool:
    """At least two words, most of the characters in words or spaces, some capital letter."""
    words = _WORD.findall(text)
    if len(words) < 2 or not any(char.isupper() for char in text):
        return False
    plain = sum(len(word) for word in words) + text.count(" ")
    return plain >= 0.7 * len(text)
