"""The engine: all wanted detectors over some texts, one answer for each.

Overlapping matches are resolved the same way always: the longest stays, then the higher score, then
the entity's name decides. Then every exact recurrence of a found value, in any of the texts, is a
match too: a key that was recognised by its label once is the same key where it stands bare.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from outgate.dlp import ner, patterns, presidio
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Detector, Match
from outgate.dlp.entities import named

_REPEAT_MIN = 6  # code points; shorter values recur by chance
_REPEAT_MAX = 1000  # distinct values looked for again


class Engine:
    """Built once for a configuration; ``scan`` keeps no state, so any process gives the same answer."""

    def __init__(self, config: DetectorConfig) -> None:
        self._detectors: list[Detector] = [*patterns.detectors(config), *presidio.detectors(config.entities)]
        names = named(config.entities)
        if names and config.ner_model:
            self._detectors.append(ner.NerDetector(config.ner_model, names))
        self._names = names

    def scan(self, texts: Sequence[str]) -> list[list[Match]]:
        """The matches of each text, in order of their start, disjoint."""
        found = [_resolved(match for detector in self._detectors for match in detector.find(text)) for text in texts]
        return self._with_repeats(texts, found)

    def _with_repeats(self, texts: Sequence[str], found: list[list[Match]]) -> list[list[Match]]:
        values: dict[str, Match] = {}
        for text, matches in zip(texts, found, strict=True):
            for match in matches:
                value = text[match.start : match.end]
                if len(value) >= _REPEAT_MIN and match.entity not in self._names and len(values) < _REPEAT_MAX:
                    values.setdefault(value, match)
        if not values:
            return found
        again = re.compile("|".join(re.escape(value) for value in sorted(values, key=len, reverse=True)))
        results: list[list[Match]] = []
        for text, matches in zip(texts, found, strict=True):
            repeats = [
                Match(hit.start(), hit.end(), first.entity, first.score, first.detector)
                for hit in again.finditer(text)
                for first in (values[hit.group()],)
            ]
            results.append(_resolved((*matches, *repeats)) if len(repeats) > 0 else matches)
        return results


def _resolved(matches: Iterator[Match] | Sequence[Match]) -> list[Match]:
    """Disjoint matches, in order: of those that overlap the longest, then the surest, stays."""
    chosen: list[Match] = []
    ordered = sorted(set(matches), key=lambda m: (m.start - m.end, -m.score, m.entity, m.start, m.detector))
    taken = _Taken()
    for match in ordered:
        if match.start < match.end and taken.claim(match.start, match.end):
            chosen.append(match)
    return sorted(chosen, key=lambda m: m.start)


class _Taken:
    """Disjoint spans that were claimed; a claim costs a binary search."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def claim(self, start: int, end: int) -> bool:
        index = bisect_right(self._starts, start)
        if index > 0 and self._ends[index - 1] > start:
            return False
        if index < len(self._starts) and self._starts[index] < end:
            return False
        self._starts.insert(index, start)
        self._ends.insert(index, end)
        return True
