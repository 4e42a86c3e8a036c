"""Where in a text each of many expressions could match: one pass, and then only windows.

A scanner is built from expressions and gives, for those that could match at all, the windows in which
they must be tried; the expression's own owner tries them, with ``matches``, and judges. So whichever
scanner runs, the answers are the same. This one is Python's own regular expressions, which serve where
Hyperscan does not; ``one_pass`` has the fast one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

# Beyond a window, for what an expression looks at after its match.
_LOOK = 64


@dataclass(frozen=True, slots=True)
class Expression:
    """What is looked for on a detector's behalf, in Python's dialect; ``flags`` are those of ``re``.

    Where a detector matches by other means than this expression, or by a costlier one, it says only where
    to look: a match begins at most ``before`` characters before one of the expression's, and ends at most
    ``after`` characters after it.
    """

    pattern: str
    flags: int = 0
    before: int = 0
    after: int = 0


class Window(NamedTuple):
    """A match that starts in ``start:end`` has what it must have by ``limit``, and goes on to ``reach`` or beyond."""

    start: int
    end: int
    limit: int
    reach: int

    def moved(self, by: int) -> Window:
        """The same in a text of which this one is a stretch, from ``by`` on."""
        return Window(self.start + by, self.end + by, self.limit + by, self.reach + by)


class Scanner(Protocol):
    """Built once for a list of expressions; used by one thread at a time."""

    @property
    def kind(self) -> str:
        """``hyperscan`` or ``python``, for people."""

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Per expression (its index) that could match: windows by position, none overlapping."""


class PythonScanner:
    """Looks for every expression by itself. Right everywhere, and slower by the number of expressions."""

    kind = "python"

    def __init__(self, expressions: Sequence[Expression]) -> None:
        import regex  # takes all that Python's own takes, and what Presidio's recognizers are written for

        self._compiled = [
            (regex.compile(one.pattern, _regex_flags(one.flags)), one.before, one.after)
            for one in expressions
        ]

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Windows around what was found."""
        length = len(text)
        for index, (compiled, before, after) in enumerate(self._compiled):
            spans = [found.span() for found in compiled.finditer(text)]
            if spans:
                yield index, merged(spans, before, after, length)


def merged(
    spans: list[tuple[int, int]], before: int, after: int, length: int, further: int = 0
) -> list[Window]:
    """Sorted spans as windows, those that touch as one.

    ``before`` and ``after``: where a match may begin before a span, and have what it must have behind it; it may go
    ``further``.
    """
    windows: list[Window] = []
    start, end = max(0, spans[0][0] - before), spans[0][1]
    after += _LOOK
    for first, last in spans:
        first = max(0, first - before)
        if first > end:
            windows.append(Window(start, end, min(length, end + after), min(length, end + after + further)))
            start, end = first, last
        elif last > end:
            end = last
    windows.append(Window(start, end, min(length, end + after), min(length, end + after + further)))
    return windows


def matches(
    compiled: Any, text: str, windows: Sequence[Window], begins: re.Pattern[str] | None = None
) -> Iterator[re.Match[str]]:
    """What ``compiled.finditer(text)`` finds, if all of it lies in ``windows``; empty matches left out.

    ``compiled`` is of ``re`` or ``regex``. ``begins`` is for one that takes long to fail: it matches, of one
    character at most, wherever ``compiled`` can begin to. Linear in the windows.
    """
    position = 0
    length = len(text)
    search, match = compiled.search, compiled.match
    for window in windows:
        start, end, limit, reach = max(window.start, position), window.end, window.limit, window.reach
        while start < end:
            # Where one may begin is asked of no more text than is needed for that.
            place = search(text, start, limit) if begins is None else begins.search(text, start, end)
            if place is None or place.start() >= end:
                break
            start = place.start()
            found = place if begins is None and reach == limit else match(text, start, reach)
            if found is not None and found.end() == reach < length:
                found = match(text, start)  # it may go on where there is more to read, or be none
            if found is None:
                start += 1
            elif found.end() > start:
                yield found
                start = position = found.end()
            else:
                start += 1


def _regex_flags(flags: int) -> int:
    """Flags of ``re`` as those of the ``regex`` package, which numbers one of them otherwise."""
    import regex

    same = flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE)
    return int(same | (regex.ASCII if flags & re.ASCII else 0))
