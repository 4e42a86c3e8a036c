"""What a store does for a ledger: it counts under names that mean nothing to it, all at once, and forgets in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from outgate.model import Unit

Counts = Mapping[Unit, int]


class Ask(NamedTuple):
    """What a request wants of one unit of a counter."""

    unit: Unit
    need: int  # that has to be left
    add: int  # that is taken at once, if the request is let in
    most: int  # that there is in all

    def exceeds(self, used: Counts) -> bool:
        """Whether there is less left than it needs. Every store decides by this sum."""
        return used.get(self.unit, 0) + self.need > self.most


class Line(NamedTuple):
    """One counter in one window, and what is asked of it."""

    name: bytes
    expires: int  # milliseconds since the epoch
    asks: tuple[Ask, ...]
    blocks: bool  # where it exceeds, nothing is taken of any


class Store(Protocol):
    """A place for counters. Any method may raise BudgetError."""

    where: str  # for people

    async def admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        """What was used of each counter before. At once with it, unless a line that blocks exceeds, all is added."""

    async def add(self, lines: Sequence[Line], now: int) -> None:
        """Add, whatever there is left."""

    async def read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        """What was used of each."""

    async def close(self) -> None:
        """Let go of the store. Never raises."""


def exceeded(lines: Sequence[Line], counts: Sequence[Counts]) -> bool:
    """Whether a line that blocks exceeds."""
    return any(
        line.blocks and ask.exceeds(used)
        for line, used in zip(lines, counts, strict=True)
        for ask in line.asks
    )
