"""What every detector is: something with a name that finds entities in one text.

Owns the interfaces between the engine and what finds. Knows nothing of bodies, roles or policies,
and nothing of how a detector works inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from outgate.dlp.scanner import Expression, Window
from outgate.dlp.surroundings import Surroundings


class Match(NamedTuple):
    """An entity at a span of one text; ``start`` and ``end`` are code points, ``end`` exclusive."""

    start: int
    end: int
    entity: str
    score: float  # 0..1
    detector: str  # who found it: a rule's id, a recognizer's name


class Text:
    """One text, and what is made of it once for all that ask."""

    def __init__(self, text: str, *, crowded: bool = False) -> None:
        """``crowded``: so many of its places are to be judged that it pays to know its words before."""
        self.text = text
        self.crowded = crowded

    @cached_property
    def lowered(self) -> str:
        """``text.lower()``; not always of the same length."""
        return self.text.lower()

    @cached_property
    def surroundings(self) -> Surroundings:
        """The words around its places."""
        return Surroundings(self.text)

    @cached_property
    def lined(self) -> str:
        """The text with line breaks where it has them as an escape, as text within a JSON string does; as long."""
        return self.text.replace("\\n", " \n")

    @cached_property
    def whole(self) -> list[Window]:
        """The one window that is all of it."""
        length = len(self.text)
        return [Window(0, length, length, length)]


class Detector(Protocol):
    """Finds. Matches may overlap and come in any order: the engine resolves them."""

    @property
    def name(self) -> str:
        """Tells this detector from the others, in explanations and errors."""

    @property
    def entities(self) -> frozenset[str]:
        """Every entity that it can return."""

    def find_many(self, texts: Sequence[str]) -> Sequence[Iterable[Match]]:
        """Per text all matches in it, whatever stands in the others; time is linear in their length."""


class Reader(Protocol):
    """A detector that looks for itself, in one text at a time: what it looks for has no pattern."""

    @property
    def name(self) -> str:
        """As a Detector's."""

    @property
    def entities(self) -> frozenset[str]:
        """As a Detector's."""

    def find(self, text: Text) -> Iterable[Match]:
        """All matches in a text; time is linear in its length."""


class PatternDetector(Protocol):
    """A detector that says what its matches look like, and is asked only where there may be one."""

    @property
    def name(self) -> str:
        """As a Detector's."""

    @property
    def entities(self) -> frozenset[str]:
        """As a Detector's."""

    @property
    def expressions(self) -> Sequence[Expression]:
        """What to look for; each match begins within a match of one of them."""

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterable[Match]:
        """All matches that begin in ``windows``, where ``expressions[which]`` was found."""


def everywhere(detector: PatternDetector, text: str) -> Iterator[Match]:
    """All that ``detector`` finds in a text in which nobody has looked for it before."""
    shared = Text(text)
    for which in range(len(detector.expressions)):
        yield from detector.judge(shared, which, shared.whole)
