"""Strings that a regular expression matches, drawn at random from its parse tree; the same for a seed.

``hypothesis`` has the like, but compiles with Python's ``re``, which refuses what Presidio's recognizers have
(lookbehind of varying width). Lookahead is left out, and what must not stand somewhere: whoever draws sees for
himself whether the string matches.
"""

from __future__ import annotations

import random
import re
import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Sequence
from typing import Any

_REPEATS = 3  # beyond the least
_ANY = "aB3- "
_CATEGORIES = {
    op.CATEGORY_DIGIT: "0123456789",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_WORD: "aQ7_",
    op.CATEGORY_NOT_DIGIT: "xY-",
    op.CATEGORY_NOT_SPACE: "x5-",
    op.CATEGORY_NOT_WORD: "-. ",
}
_FLAGS = re.compile(r"\(\?[aimsux]+\)")


def drawn(pattern: str, source: random.Random) -> str:
    """One string, which matches unless a lookaround says no."""
    return _Draw(source).sequence(parser.parse(_FLAGS.sub("", pattern)).data)


class _Draw:
    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._groups: dict[int, str] = {}

    def sequence(self, nodes: Sequence[Any]) -> str:
        return "".join(self._node(kind, value) for kind, value in nodes)

    def _node(self, kind: Any, value: Any) -> str:
        if kind is op.LITERAL:
            return chr(value)
        if kind is op.ANY:
            return self._source.choice(_ANY)
        if kind is op.NOT_LITERAL:
            return self._source.choice([char for char in _ANY if ord(char) != value])
        if kind is op.IN:
            return self._member(value)
        if kind is op.SUBPATTERN:
            number, _, _, inner = value
            made = self.sequence(inner.data)
            if number is not None:
                self._groups[number] = made
            return made
        if kind is op.BRANCH:
            return self.sequence(self._source.choice(value[1]).data)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            count = self._source.randint(least, min(most, least + _REPEATS))
            return "".join(self.sequence(inner.data) for _ in range(count))
        if kind is op.GROUPREF:
            return self._groups.get(value, "")
        if kind is op.ATOMIC_GROUP:
            return self.sequence(value.data)
        if kind is op.ASSERT and value[0] < 0:
            return self.sequence(value[1].data)
        return ""

    def _member(self, items: Sequence[tuple[Any, Any]]) -> str:
        if items[0][0] is op.NEGATE:
            refused = {char for char in map(chr, range(32, 127)) if self._has(items[1:], char)}
            return self._source.choice([char for char in map(chr, range(33, 127)) if char not in refused])
        kind, value = self._source.choice(items)
        if kind is op.LITERAL:
            return chr(value)
        if kind is op.RANGE:
            return chr(self._source.randint(*value))
        return self._source.choice(_CATEGORIES[value])

    @staticmethod
    def _has(items: Sequence[tuple[Any, Any]], char: str) -> bool:
        code = ord(char)
        return any(
            (kind is op.LITERAL and value == code)
            or (kind is op.RANGE and value[0] <= code <= value[1])
            or (kind is op.CATEGORY and char in _CATEGORIES[value])
            for kind, value in items
        )
