"""From segments to texts and back: a request repeats itself, and each distinct text is scanned once.

Keys, roles and quoted turns stand in a body many times over. Knows the shared dataclasses, no detector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from outgate.dlp.cache import Known
from outgate.dlp.detector import Match
from outgate.model import Finding, Segment


class Texts:
    """The distinct texts of segments, and which segments have them."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        numbers: dict[str, int] = {}
        # Of each segment that has a text: its index, and its text's among the distinct ones.
        self._places = [
            (index, numbers.setdefault(segment.text, len(numbers)))
            for index, segment in enumerate(segments)
            if segment.text
        ]
        self.distinct = list(numbers)

    def findings(self, answers: Sequence[tuple[Known, list[Match]]]) -> tuple[Finding, ...]:
        """What the distinct texts were settled to, by position, as findings of the segments, in the segments' order."""
        return tuple(
            chain.from_iterable(
                known.findings(matches, place) for place, known, matches in self._placed(answers)
            )
        )

    def _placed(
        self, answers: Sequence[tuple[Known, list[Match]]]
    ) -> Iterator[tuple[int, Known, list[Match]]]:
        for place, text in self._places:
            known, matches = answers[text]
            if matches:
                yield place, known, matches
