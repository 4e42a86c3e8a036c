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
        places: dict[str, list[int]] = {}
        for index, segment in enumerate(segments):
            if segment.text:
                places.setdefault(segment.text, []).append(index)
        self.distinct = list(places)
        self._places = list(places.values())

    def findings(self, matches: Sequence[Sequence[Match]]) -> tuple[Finding, ...]:
        """Matches of the distinct texts as findings of the segments, in the segments' order."""
        found = [
            Finding(place, match.start, match.end, match.entity, match.score, match.detector)
            for places, own in zip(self._places, matches, strict=True)
            if own
            for place in places
            for match in own
        ]
        found.sort(key=lambda finding: (finding.segment, finding.start))
        return tuple(found)
