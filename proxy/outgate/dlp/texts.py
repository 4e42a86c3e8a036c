"""From segments to texts and back: a request repeats itself, and each distinct text is scanned once.

Keys, roles and quoted turns stand in a body many times over. Knows the shared dataclasses, no detector.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    def findings(self, matches: Sequence[Sequence[Match]]) -> tuple[Finding, ...]:
        """Matches of the distinct texts, by position, as findings of the segments, in the segments' order."""
        return tuple(
            Finding(place, match.start, match.end, match.entity, match.score, match.detector)
            for place, text in self._places
            for match in matches[text]
        )
