"""The texts of an answer that go on, by their keys, and which of them an end is the end of.

Owns that an end costs as much as the lanes that it ends, however many others there are: a provider chooses how many.
"""

from __future__ import annotations

from collections.abc import Iterator

from outgate.formats.answers import End, Key


class Lanes[T]:
    """What is known of each lane."""

    def __init__(self) -> None:
        self._lanes: dict[Key, T] = {}
        self._below: dict[Key, dict[Key, None]] = {}  # the beginnings of keys -> the keys, in order

    def __len__(self) -> int:
        return len(self._lanes)

    def __contains__(self, key: object) -> bool:
        return key in self._lanes

    def __iter__(self) -> Iterator[T]:
        return iter(self._lanes.values())

    def get(self, key: Key) -> T | None:
        """What is known of a lane; None where there is none."""
        return self._lanes.get(key)

    def add(self, key: Key, lane: T) -> None:
        """A lane begins."""
        self._lanes[key] = lane
        for length in range(len(key) + 1):
            self._below.setdefault(key[:length], {})[key] = None

    def pop(self, key: Key) -> T:
        """A lane is over. Raises KeyError where there is none."""
        lane = self._lanes.pop(key)
        for length in range(len(key) + 1):
            below = self._below[key[:length]]
            del below[key]
            if not below:
                del self._below[key[:length]]
        return lane

    def ended(self, end: End) -> list[Key]:
        """The lanes that it is the end of, in the order in which they began."""
        if end.alone:
            return [end.prefix] if end.prefix in self._lanes else []
        below = self._below.get(end.prefix, {})
        goes_on = self._below.get(end.but, {}) if end.but is not None else {}
        if end.but is not None and end.but[: len(end.prefix)] == end.prefix and len(goes_on) == len(below):
            return []  # all of them do
        return [key for key in below if end.of(key)]
