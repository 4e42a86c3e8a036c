"""Counters in the memory of one process, gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from outgate.budgets.errors import BudgetError
from outgate.budgets.store import Counts, Line, exceeded
from outgate.model import Unit

_SWEPT = 64  # counters that are over, forgotten with one that is new: more than come


class MemoryStore:
    """The store of one event loop: what happens without an ``await`` happens at once."""

    where = "memory"

    def __init__(self, most: int) -> None:
        """``most``: counters."""
        self._most = most
        self._counters: dict[bytes, dict[Unit, int]] = {}
        self._ends: list[tuple[int, bytes]] = []  # a heap

    async def admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        """See Store."""
        self._sweep(now)
        found: list[Counts] = [dict(self._counters.get(line.name, {})) for line in lines]
        if not exceeded(lines, found):
            self._add(lines)
        return found

    async def add(self, lines: Sequence[Line], now: int) -> None:
        """See Store."""
        self._sweep(now)
        self._add([line for line in lines if line.expires > now])

    async def read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        """See Store."""
        self._sweep(now)
        return [dict(self._counters.get(name, {})) for name in names]

    async def close(self) -> None:
        """See Store."""
        self._counters.clear()
        self._ends.clear()

    def _add(self, lines: Sequence[Line]) -> None:
        lines = [line for line in lines if any(ask.add for ask in line.asks)]
        new = {line.name: line.expires for line in lines if line.name not in self._counters}
        if len(self._counters) + len(new) > self._most:
            raise BudgetError(f"memory: all {self._most} counters are taken. Raise `budgets.counters`.")
        for name, expires in new.items():
            self._counters[name] = {}
            heappush(self._ends, (expires, name))
        for line in lines:
            counter = self._counters[line.name]
            for ask in line.asks:
                counter[ask.unit] = counter.get(ask.unit, 0) + ask.add

    def _sweep(self, now: int) -> None:
        for _ in range(_SWEPT):
            if not self._ends or self._ends[0][0] > now:
                return
            del self._counters[heappop(self._ends)[1]]
