"""What every detector is: something with a name that finds entities in one text.

Owns the interface between the engine and what finds. Knows nothing of bodies, roles or policies,
and nothing of how a detector works inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Match:
    """An entity at a span of one text; ``start`` and ``end`` are code points, ``end`` exclusive."""

    start: int
    end: int
    entity: str
    score: float  # 0..1
    detector: str  # who found it: a rule's id, a recognizer's name


class Detector(Protocol):
    """Finds. Matches may overlap and come in any order: the engine resolves them."""

    @property
    def name(self) -> str:
        """Tells this detector from the others, in explanations and errors."""

    @property
    def entities(self) -> frozenset[str]:
        """Every entity that ``find`` can return."""

    def find(self, text: str) -> Iterable[Match]:
        """All matches in ``text``; time is linear in its length."""
