"""What a process remembers of a vault: the pairs of the scopes that it met last, in the clear, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from outgate.vault.store import State

_OVERHEAD = 250  # bytes, about: a pair's place in two dictionaries, and its two strings' heads


@dataclass(slots=True)
class Known:
    """The pairs of one scope, as the store had them. ``pairs`` is replaced and never changed: others read it."""

    ring: tuple[bytes, ...]  # ids of the keys that they were read with
    states: list[State]  # one for each key
    limit: int
    until: int  # milliseconds since the epoch; the first of them may be too old then
    pairs: Mapping[str, str]  # placeholder -> value, last used first
    used: dict[str, int]  # placeholder -> milliseconds since the epoch
    seen: int = 0  # milliseconds since the epoch: when ``states`` were last found to be the store's

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(len(name) + 2 * len(value) + _OVERHEAD for name, value in self.pairs.items())

    def whole(self, ring: tuple[bytes, ...], states: list[State], now: int) -> bool:
        """Whether nothing of it was forgotten since: what is here is there."""
        return (
            self.ring == ring
            and now < self.until
            and [state.epoch for state in self.states] == [state.epoch for state in states]
        )


class Cache:
    """Scopes up to ``size`` bytes together; the one that was asked for longest ago goes first."""

    def __init__(self, size: int) -> None:
        self._most = size
        self._size = 0
        self._scopes: OrderedDict[str, tuple[Known, int]] = OrderedDict()

    def get(self, scope: str) -> Known | None:
        """What is known of ``scope``."""
        found = self._scopes.get(scope)
        if found is None:
            return None
        self._scopes.move_to_end(scope)
        return found[0]

    def put(self, scope: str, known: Known) -> None:
        """Keep ``known``, unless it alone is too much."""
        self.drop(scope)
        size = known.size
        if size > self._most:
            return
        self._scopes[scope] = known, size
        self._size += size
        while self._size > self._most:
            self.drop(next(iter(self._scopes)))

    def drop(self, scope: str) -> None:
        """Forget ``scope``."""
        self._size -= self._scopes.pop(scope, (None, 0))[1]
