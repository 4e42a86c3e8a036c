"""The values that texts were settled in the company of, told apart without keeping one.

What a text is settled to depends on the values found anywhere in its request. When a conversation goes on there are
the same and a few more, so a text in which none of the newcomers stands stays as it is. To know the newcomers, a set
of values is kept as hashes and marks (see ``repeats.marks``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from outgate.dlp.repeats import Mark, Repeats, Values

_VALUE = 170  # bytes of a value's hash and mark, about
_SHARE = 8  # of the cache's memory, one part for this


class Change(NamedTuple):
    """What is different in a company."""

    newcomers: Repeats  # values that it had not, or had as something else
    left: bool  # whether it had others

    def touches(self, text: str) -> bool:
        """Whether one of the newcomers stands in ``text``."""
        return any(True for _ in self.newcomers.find(text))


class Companies:
    """Sets of values, each under a number; bounded by memory, the longest unused going first."""

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of the cache that this belongs to, about."""
        self._most = limit // _SHARE // _VALUE
        self._sets: OrderedDict[int, Mapping[int, Mark]] = OrderedDict()
        self._size = 0
        self._last = 0

    def meet(self, members: Mapping[int, Mark]) -> int:
        """The number of this set from now on."""
        self._last += 1
        self._sets[self._last] = members
        self._size += 1 + len(members)
        while self._size > self._most and self._sets:
            self._size -= 1 + len(self._sets.popitem(last=False)[1])
        return self._last

    def change(self, number: int, new: int, values: Values) -> Change | None:
        """From set ``number`` to set ``new``, which is that of ``values``; None when one is not known any more."""
        before, after = self._sets.get(number), self._sets.get(new)
        if before is None or after is None:
            return None
        self._sets.move_to_end(number)
        came = {name for name, _ in after.items() - before.items()}
        return Change(Repeats(values.of(came) if came else ()), left=not before.keys() <= after.keys())

    def part(self, number: int) -> None:
        """Forget a set that has become another."""
        members = self._sets.pop(number, None)
        if members is not None:
            self._size -= 1 + len(members)
