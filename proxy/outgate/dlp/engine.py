"""Finds entities in texts: every detector over every piece, then one answer for each character.

This is the interface behind which detection may be rebuilt: ``Engine(config).scan(texts)``. The pool
uses the same steps apart (``find`` for a piece, ``settle`` for whole texts), so that a large request
can take turns with others; the result is the same. Owns the order of those steps, and turns whatever a
detector raises into a DetectionError that holds no text. Knows no detector's inside.
"""

from __future__ import annotations

from collections.abc import Sequence

from outgate.dlp import DetectionError, entities, ner, patterns, presidio
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Detector, Match
from outgate.dlp.overlaps import Ranks, resolve
from outgate.dlp.repeats import Repeats, Value, values
from outgate.dlp.windows import STAGES, Stage, cut


class Engine:
    """The detectors of one configuration, ready to use. Building it loads models and takes seconds."""

    def __init__(self, config: DetectorConfig) -> None:
        """Raises DetectionError("not_ready") when something that is wanted cannot be found by anything."""
        missing = entities.missing(config)
        if missing:
            raise DetectionError("not_ready", "; ".join(f"{name}: {why}" for name, why in missing.items()))
        self._wanted = config.entities
        self._ranks = Ranks(config)
        self._detectors: dict[Stage, list[Detector]] = {
            "patterns": [*patterns.detectors(config), *presidio.detectors(config)],
            "names": ner.detectors(config),
        }

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that have anything to do."""
        return tuple(stage for stage in STAGES if self._detectors[stage])

    def scan(self, texts: Sequence[str]) -> list[list[Match]]:
        """Per text the matches, by position and without overlaps. Time is linear in the texts' length.

        Raises DetectionError("detector_error").
        """
        found: list[list[Match]] = [[] for _ in texts]
        for stage in self.stages:
            for piece in cut(stage, texts):
                found[piece.text].extend(piece.place(self.find(stage, piece.of(texts))))
        return self.settle(texts, found, values(texts, found, self._ranks))

    def find(self, stage: Stage, text: str) -> list[Match]:
        """What one stage's detectors find in one piece of text, without overlaps."""
        found: list[Match] = []
        for detector in self._detectors[stage]:
            try:
                found.extend(match for match in detector.find(text) if match.entity in self._wanted)
            except Exception as error:
                # The message of an exception may quote the text; its class does not.
                raise DetectionError("detector_error", f"{detector.name}: {type(error).__name__}") from None
        if any(not 0 <= match.start < match.end <= len(text) for match in found):
            raise DetectionError("detector_error", "a match lies outside its text")
        return resolve(text, found, self._ranks)

    def settle(
        self, texts: Sequence[str], found: Sequence[Sequence[Match]], repeating: Sequence[Value]
    ) -> list[list[Match]]:
        """The findings of all stages and pieces as one answer, with every repeat of ``repeating``."""
        repeats = Repeats(repeating) if repeating else None
        answer: list[list[Match]] = []
        for text, own in zip(texts, found, strict=True):
            again = list(repeats.find(text)) if repeats else []
            answer.append(resolve(text, [*own, *again], self._ranks))
        return answer
