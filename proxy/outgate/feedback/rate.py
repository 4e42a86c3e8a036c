"""How often one client may ask: so many times a minute, counted in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MINUTE = 60.0
_MOST = 10_000  # clients that are counted in a minute; those beyond share one count


class Rate:
    """Counts by client, from one minute to the next."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``most``: times a minute."""
        self._most, self._clock = most, clock
        self._minute = 0.0
        self._counts: dict[Hashable, int] = {}

    def allows(self, client: Hashable) -> bool:
        """Whether ``client`` may, once more."""
        minute = self._clock() // _MINUTE
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        if client not in self._counts and len(self._counts) >= _MOST:
            client = None
        count = self._counts[client] = self._counts.get(client, 0) + 1
        return count <= self._most
