"""How many different ones there were, in little memory: people, and values by their fingerprints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 100_000  # of one kind that are told apart in a report; a set of them is 12.5 kB


class Numbering:
    """Gives each name a number, up to a bound; what comes later has none, and is told so."""

    __slots__ = ("_most", "_numbers", "full")

    def __init__(self, most: int = MOST) -> None:
        self._numbers: dict[str, int] = {}
        self._most = most
        self.full = False  # names came for which there was no number: counts are lower bounds

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, name: str) -> int | None:
        """The number of a name."""
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) >= self._most:
                self.full = True
                return None
            number = self._numbers[name] = len(self._numbers)
        return number

    def names(self, crowd: Crowd) -> Iterable[str]:
        """Of those in a set."""
        return (name for name, number in self._numbers.items() if number in crowd)


class Crowd:
    """A set of numbers: a bit for each."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int | None) -> None:
        """Take in one; None is nobody."""
        if number is None:
            return
        place, bit = divmod(number, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        self._bits[place] |= 1 << bit

    def __contains__(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        return place < len(self._bits) and bool(self._bits[place] >> bit & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()
