"""Rewritten texts and where their characters come from.

A rewritten text is a row of pieces. A piece was copied, or each of its characters stands for the same
number of characters of the source (``%41``: three), or it stands for a stretch of the source as a whole
(base64). What was left out of the source lies between pieces. Four numbers a piece, a binary search a
look-up. Knows nothing of why a text is rewritten.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

WHOLE = 0  # the step of a piece that cannot be taken apart
_COPY = 1
_BLOCK = 256  # characters

# A text for a stretch of the source, and the step: source characters to each of its own, or WHOLE.
type Edit = tuple[str, int, int, int]


class Offsets:
    """The map of a rewritten text to its source."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: array[int]) -> None:
        # Four numbers each: where it begins in the text, its stretch of the source, its step.
        self._pieces = pieces

    def _piece(self, position: int) -> tuple[int, int, int, int]:
        numbers = self._pieces
        index = bisect_right(range(len(numbers) // 4), position, key=lambda piece: numbers[4 * piece]) - 1
        at, start, stop, step = numbers[4 * index : 4 * index + 4]
        return at, start, stop, step

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the source that ``start:end`` (not empty) of the rewritten text stands for.

        Begins and ends with what the span's first and last characters stand for, so that what was
        left out before and after them is no part of it. O(log pieces).
        """
        at, first, _, step = self._piece(start)
        first += (start - at) * step
        at, last, stop, step = self._piece(end - 1)
        return first, last + (end - at) * step if step else stop

    def copied(self, start: int, end: int) -> bool:
        """Whether ``start:end`` stands in the source as it is."""
        at, first, stop, step = self._piece(start)
        return step == _COPY and first + end - at <= stop

    def changed(self, source: str, text: str) -> Iterator[tuple[int, int]]:
        """The stretches of ``text``, in order, outside of which it is a copy of ``source``. Linear.

        Copies may be of characters that were changed for others before; those are told in blocks.
        """
        numbers = self._pieces
        done = 0
        for index in range(0, len(numbers), 4):
            at, start, stop, step = numbers[index : index + 4]
            if step != _COPY:
                yield at, numbers[index + 4] if index + 4 < len(numbers) else len(text)
            elif text[at : at + stop - start] != source[start:stop]:
                for block in range(0, stop - start, _BLOCK):
                    size = min(_BLOCK, stop - start - block)
                    if text[at + block : at + block + size] != source[start + block : start + block + size]:
                        yield at + block, at + block + size
            if start > done:  # something was left out before it
                yield at, at
            done = stop
        if done < len(source):
            yield len(text), len(text)


def rewrite(source: str, edits: Iterable[Edit], start: int, end: int) -> tuple[str, Offsets]:
    """``source[start:end]`` with ``edits``, sorted and disjoint and within it; the rest is copied. Linear."""
    texts: list[str] = []
    pieces = array("q")
    at, done = 0, start
    for text, first, last, step in edits:
        if done < first:
            texts.append(source[done:first])
            pieces.extend((at, done, first, _COPY))
            at += first - done
        if text:
            texts.append(text)
            pieces.extend((at, first, last, step))
            at += len(text)
        done = last
    if done < end:
        texts.append(source[done:end])
        pieces.extend((at, done, end, _COPY))
    return "".join(texts), Offsets(pieces)
