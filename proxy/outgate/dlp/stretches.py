"""Where in a text an expression need be looked for, by what every match of it is certain to have.

A third of the expressions have a digit in all that they match, others sixteen letters and digits in a row, or a
letter beyond ASCII. In prose that is almost nowhere, so they are kept apart and looked for around such places alone.
Owns the kinds of places, what of an expression's parse tree is certain, and where a text has such places.
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found]
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from outgate.dlp.projection import ALPHANUMERIC, DIGITS, members

Where = Literal["anywhere", "digits", "runs", "beyond"]
EVERYWHERE: Final[tuple[Where, ...]] = ("anywhere", "digits", "runs", "beyond")

_NEAR_DIGITS = (
    40  # characters that a match has at most, and what it looks at, to be looked for around digits only
)
_RUN = 16  # letters and digits of ASCII in a row
_NEAR_RUNS = 100  # as above, for these
_GAP = b" " * 2 * _NEAR_DIGITS  # without a digit, once a text is translated
_IS_DIGIT = bytes(code in DIGITS or 32 for code in range(256))  # as translated: 1, and all else is blank
_IS_ALPHANUMERIC = bytes(code in ALPHANUMERIC or 32 for code in range(256))
_WHOLE_RUN = b"\1" * _RUN


def where(nodes: Sequence[Any], flags: int, longest: int) -> Where:
    """Where matches of a parsed sequence are, no longer than ``longest`` with what is looked at around them."""
    if _is_beyond(nodes, flags):
        return "beyond"
    if longest <= _NEAR_RUNS and _row(nodes, flags)[3] >= _RUN:
        return "runs"
    return "digits" if longest <= _NEAR_DIGITS and _has_digit(nodes, flags) else "anywhere"


def stretches(kind: Where, text: str, octets: bytes) -> Iterator[tuple[int, int]]:
    """The stretches of a text, and of the ``octets`` that stand for it, in which there can be such matches.

    They go as far around the places as a match can reach, and a character further. Linear.
    """
    if kind == "digits":
        return _around_digits(octets)
    if kind == "runs":
        return _around_runs(octets)
    return iter(() if kind == "beyond" and text.isascii() else ((0, len(octets)),))


def _around_digits(octets: bytes) -> Iterator[tuple[int, int]]:
    digits = octets.translate(_IS_DIGIT)
    start = digits.find(b"\1")
    while start >= 0:
        gap = digits.find(_GAP, start)
        end = len(digits) if gap < 0 else gap
        yield max(0, start - _NEAR_DIGITS - 1), end + _NEAR_DIGITS + 1
        start = digits.find(b"\1", end) if gap >= 0 else -1


def _around_runs(octets: bytes) -> Iterator[tuple[int, int]]:
    marked = octets.translate(_IS_ALPHANUMERIC)
    start = marked.find(_WHOLE_RUN)
    first = max(0, start - _NEAR_RUNS - 1)
    while start >= 0:
        end = marked.find(b" ", start + _RUN)
        last = (len(marked) if end < 0 else end) + _NEAR_RUNS + 1
        start = marked.find(_WHOLE_RUN, end) if end >= 0 else -1
        if not 0 <= start <= last + _NEAR_RUNS + 1:
            yield first, last
            first = start - _NEAR_RUNS - 1


def _has_digit(nodes: Sequence[Any], flags: int) -> bool:
    """Whether every match of a sequence has a digit of ASCII."""
    return any(_digit(kind, value, flags) for kind, value in nodes)


def _digit(kind: Any, value: Any, flags: int) -> bool:
    if kind is op.LITERAL or kind is op.IN:
        return _one(kind, value, flags) <= DIGITS
    return _all(_has_digit, kind, value, flags)


def _is_beyond(nodes: Sequence[Any], flags: int) -> bool:
    """Whether every match of a sequence has a character beyond ASCII, by name."""
    return any(
        _beyond([(kind, value)] if kind is op.LITERAL else value, flags)
        if kind is op.LITERAL or kind is op.IN
        else _all(_is_beyond, kind, value, flags)
        for kind, value in nodes
    )


def _beyond(items: Sequence[tuple[Any, Any]], flags: int) -> bool:
    for kind, value in items:
        if kind is op.LITERAL:
            char = chr(value)
            forms = char + char.lower() + char.upper() if flags & re.IGNORECASE else char
            if min(forms) < "\x80":
                return False
        elif kind is not op.RANGE or value[0] < 128 or flags & re.IGNORECASE:
            return False
    return True


def _all(certain: Any, kind: Any, value: Any, flags: int) -> bool:
    """Whether what may stand within a node is ``certain`` to have it, whichever it is."""
    if kind is op.SUBPATTERN:
        return bool(certain(value[3].data, (flags | value[1]) & ~value[2]))
    if kind is op.BRANCH:
        return all(certain(inner.data, flags) for inner in value[1])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return value[0] > 0 and bool(certain(value[2].data, flags))
    return kind is op.ATOMIC_GROUP and bool(certain(value.data, flags))


def _one(kind: Any, value: Any, flags: int) -> frozenset[int]:
    return members(op.IN, [(kind, value)], flags) if kind is op.LITERAL else members(kind, value, flags)


# Of letters and digits in a row that every match of something is certain to have: whether it is nothing else; how many
# it begins and ends with; the most anywhere.
type _Row = tuple[bool, int, int, int]


def _row(nodes: Sequence[Any], flags: int) -> _Row:
    whole, begins, ends, most = True, 0, 0, 0
    for kind, value in nodes:
        if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
            continue
        alone, at_first, at_last, inside = _row_of(kind, value, flags)
        most = max(most, inside, ends + at_first)
        begins += at_first if whole else 0
        ends = ends + at_last if alone else at_last
        whole = whole and alone
    return whole, begins, ends, most


def _row_of(kind: Any, value: Any, flags: int) -> _Row:
    if kind in (op.LITERAL, op.IN, op.NOT_LITERAL, op.ANY):
        return (True, 1, 1, 1) if _one(kind, value, flags) <= ALPHANUMERIC else (False, 0, 0, 0)
    if kind is op.SUBPATTERN:
        return _row(value[3].data, (flags | value[1]) & ~value[2])
    if kind is op.ATOMIC_GROUP:
        return _row(value.data, flags)
    if kind is op.BRANCH:
        rows = [_row(inner.data, flags) for inner in value[1]]
        return all(row[0] for row in rows), *(min(row[place] for row in rows) for place in (1, 2, 3))  # type: ignore[return-value]
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return _repeated(value[0], _row(value[2].data, flags))
    return False, 0, 0, 0


def _repeated(least: int, row: _Row) -> _Row:
    whole, begins, ends, most = row
    if whole:
        return True, least * begins, least * ends, least * most
    if not least:
        return False, 0, 0, 0
    return False, begins, ends, max(most, ends + begins) if least > 1 else most
