"""Fingerprints of the findings of one document: worked out when they are asked for, once for each value."""

from __future__ import annotations

from collections.abc import Sequence

from outgate.model import Finding, Segment
from outgate.transform import operators


class Fingerprints:
    """Asked with a finding, gives its value's fingerprint (see ``operators``)."""

    __slots__ = ("_key", "_known", "_segments")

    def __init__(self, segments: Sequence[Segment], key: bytes) -> None:
        self._segments = segments
        self._key = key
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, finding: Finding) -> str:
        value = (finding.entity, self._segments[finding.segment].text[finding.start : finding.end])
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = operators.fingerprint(*value, self._key)
        return known
