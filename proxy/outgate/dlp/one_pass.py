"""All expressions in one pass over a text, by Hyperscan.

What Hyperscan refuses is looked for by Python, in the same windows; and all of it, where there is no Hyperscan or
until it has compiled.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from outgate.dlp.compiled import Compiled, Plan, available
from outgate.dlp.projection import project
from outgate.dlp.scanner import Expression, PythonScanner, Scanner, Window, merged
from outgate.dlp.stretches import Where, stretches

# When what has not been compiled before is: at once, in a thread while Python's own expressions serve, or
# not at all, because those take less time than compiling would.
Compile = Literal["now", "later", "never"]

type _Span = tuple[int, int]


def build(expressions: Sequence[Expression], folder: Path | None, compiling: Compile) -> Scanner:
    """The fastest scanner that can be had. ``folder`` keeps what was compiled (None: nothing is kept).

    Compiling takes seconds. Raises nothing of Hyperscan's: Python's own expressions serve instead.
    """
    if not available() or not expressions:
        return PythonScanner(expressions)
    plan = Plan(expressions)
    kept = plan.load(folder)
    if kept is not None:
        return HyperscanScanner(expressions, kept)
    if compiling == "now":
        return _compiled(plan, folder)
    return _Later(plan, folder) if compiling == "later" else PythonScanner(expressions)


def _compiled(plan: Plan, folder: Path | None) -> Scanner:
    compiled = plan.compiled(folder)
    return HyperscanScanner(plan.expressions, compiled) if compiled else PythonScanner(plan.expressions)


class HyperscanScanner:
    """One pass for all that Hyperscan took; one each for the rest.

    Most expressions need be looked for around certain places alone (see ``stretches``): in prose there are few, and
    elsewhere it costs no more.
    """

    kind = "hyperscan"

    def __init__(self, expressions: Sequence[Expression], compiled: Compiled) -> None:
        self._compiled = compiled
        rest = {i: one for i, one in enumerate(expressions) if i not in compiled.around}
        self._rest = list(rest)
        self._slow = PythonScanner(list(rest.values()))

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Windows of one pass over the projected text, and then those of the rest."""
        found: dict[int, list[tuple[int, int]]] = {}
        octets = project(text)
        for place, database in self._compiled.databases.items():
            some = list(stretches(place, text, octets))
            if some:
                self._look(place, database, octets, some, found)
        length = len(text)
        for index in sorted(found):
            spans = found[index]
            spans.sort()
            before, after, further = self._compiled.around[index]
            yield index, merged(spans, before, after, length, further)
        for index, windows in self._slow.windows(text):
            yield self._rest[index], windows

    def _look(
        self, place: Where, database: Any, octets: bytes, some: Sequence[_Span], found: dict[int, list[_Span]]
    ) -> None:
        """Add to ``found`` the spans of what is to be looked for in ``some`` stretches, by expression."""
        hits: defaultdict[int, list[_Span]] = defaultdict(list)

        def take(index: int, start: int, end: int, _flags: int, _context: None) -> None:
            hits[index].append((start, end))

        looked = octets if some == [(0, len(octets))] else b"\n".join([octets[a:b] for a, b in some])
        database.scan(looked, match_event_handler=take)
        ends = self._compiled.ends[place]
        for index, spans in hits.items():
            if index in ends:  # Hyperscan does not say where they start
                spans = [(end, end) for _, end in spans]
            found.setdefault(index, []).extend(_placed(spans, some))


def _placed(spans: list[_Span], some: Sequence[_Span]) -> list[_Span]:
    """Spans in ``some`` stretches, one behind the other with a line's end between, as spans in their text."""
    if len(some) == 1:
        shift = some[0][0]
        return [(start + shift, end + shift) for start, end in spans] if shift else spans
    begins = list(accumulate((last - first + 1 for first, last in some[:-1]), initial=0))
    shifts = [first - begin for (first, _), begin in zip(some, begins, strict=True)]
    moved: list[_Span] = []
    for start, end in spans:
        shift = shifts[bisect_right(begins, end) - 1]
        moved.append((start + shift, end + shift))
    return moved


class _Later:
    """Python's expressions until the compiled ones are there."""

    def __init__(self, plan: Plan, folder: Path | None) -> None:
        self._scanner: Scanner = PythonScanner(plan.expressions)
        threading.Thread(target=self._compile, args=(plan, folder), daemon=True).start()

    @property
    def kind(self) -> str:
        return self._scanner.kind

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Those of whichever scanner there is by now."""
        return self._scanner.windows(text)

    def _compile(self, plan: Plan, folder: Path | None) -> None:
        self._scanner = _compiled(plan, folder)
