"""Names of people, places and organisations, by models and by what is known of names.

A model is a statistical guess, and was made for prose: ``names.gate`` says what it reads, ``names.fields``,
``firms`` and ``persons`` what the surroundings tell without it, ``names.repair`` puts right what it says.
Owns the order of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Detector, Match
from outgate.dlp.names import (
    addresses,
    again,
    fields,
    firms,
    firms_abroad,
    gate,
    models,
    own_scripts,
    persons,
    places,
    repair,
    uncapitalised,
    uncased,
)
from outgate.dlp.names.shapes import Span

SCORE = 0.85  # Presidio's default for its spaCy engine; the models give none of their own
_NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})


class NameDetector:
    """Finds the wanted kinds of names in texts of a few thousand characters."""

    name = "ner"

    def __init__(
        self, model: str, wanted: Iterable[str], others: Mapping[str, str] | None = None, language: str = "en"
    ) -> None:
        """``model`` reads what is in ``language`` or in none that is known; ``others``: by ISO 639-1 code."""
        self.entities = frozenset(wanted)
        self._language = language
        names = {**(others or {}), language: model}
        self._models = {code: models.load(name, code) for code, name in names.items()}

    def find(self, text: str) -> list[Match]:
        """Names in ``text``, without overlaps, all with the same score. Time is linear in its length."""
        return self.find_many([text])[0]

    def find_many(self, texts: Sequence[str]) -> list[list[Match]]:
        """Per text what ``find`` finds; many sentences at once cost a third of one at a time."""
        languages = frozenset(self._models)
        readings = [gate.read(text, self._language, languages) for text in texts]
        said = self._said(readings)
        return [list(self._matches(reading, own)) for reading, own in zip(readings, said, strict=True)]

    def _said(self, readings: Sequence[gate.Reading]) -> list[list[list[Span]]]:
        """Per reading and per unit what the models say, as spans of the reading's text."""
        said: list[list[list[Span]]] = [[[] for _ in reading.units] for reading in readings]
        for language, model in self._models.items():
            places = [
                (index, number)
                for index, reading in enumerate(readings)
                for number, unit in enumerate(reading.units)
                if unit.reader == language
            ]
            sentences = []
            for index, number in places:
                unit = readings[index].units[number]
                sentences.append(readings[index].text[unit.start : unit.end].replace("\n", " "))
            for (index, number), found in zip(places, model.read(sentences), strict=True):
                shift = readings[index].units[number].start
                said[index][number] = [(start + shift, end + shift, entity) for start, end, entity in found]
        return said

    def _matches(self, reading: gate.Reading, said: Sequence[Sequence[Span]]) -> Iterator[Match]:
        taken = bytearray(len(reading.text))
        for start, end, entity in self._found(reading, said):
            if taken.find(1, start, end) >= 0 or repair.is_public(reading.text, start, end):
                continue
            taken[start:end] = b"\1" * (end - start)
            if entity in self.entities:
                yield Match(start, end, entity, SCORE, self.name)

    def _found(self, reading: gate.Reading, said: Sequence[Sequence[Span]]) -> Iterator[Span]:
        """Every name, the surest first; they may overlap."""
        text = reading.text
        units = [
            (unit, [span for span in own if span[2] in _NAMES])
            for unit, own in zip(reading.units, said, strict=True)
        ]
        sure = [
            *fields.listed(text),
            *uncased.labelled(text),
            *own_scripts.told(text),
            *uncapitalised.told(text),
        ]
        for unit, named in units:
            sure += firms.companies(text, unit, named)
            sure += firms_abroad.companies(text, unit)
        for unit, named in units:
            sure += persons.told(text, unit, named)
        for unit, _ in units:
            sure += places.told(text, unit)
        sure += addresses.spelled(text)
        guessed = [span for unit, named in units for span in repair.repaired(reading, unit, named)]
        yield from sure
        whole = [span for span in guessed if " " in text[span[0] : span[1]]]
        yield from whole
        yield from again.again(text, [*sure, *whole], reading.small)
        yield from guessed
        for own in said:
            yield from (span for span in own if span[2] not in _NAMES)


def detectors(config: DetectorConfig) -> list[Detector]:
    """The models, when a wanted entity needs them. They must be installed: see ``entities.missing``."""
    wanted = entities.named(config.entities)
    if not wanted or not config.ner_model:
        return []
    return [NameDetector(config.ner_model, wanted, dict(config.ner_models), config.language)]
