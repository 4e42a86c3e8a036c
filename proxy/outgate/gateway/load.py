"""Whether there is room for one more request: how many are under way, and how long work lies waiting.

What cannot be served in time is better told at once: whoever waits longer than a client has patience for has
its work done for nobody, while others wait behind it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque

from mitmproxy import http

from outgate.settings.sections import Limits

_LOOK = 0.1  # seconds between two looks at the event loop
_LOOKS = 3  # a single long stop is somebody's large body; so many in a row is too much work


class Load:
    """The load of one process."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.requests
        self._lag = limits.lag
        self._under_way: weakref.WeakSet[http.HTTPFlow] = weakref.WeakSet()
        self._late: deque[float] = deque([0.0], maxlen=_LOOKS)

    def __len__(self) -> int:
        """Requests under way."""
        return len(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether the next request is one too many."""
        return len(self._under_way) >= self._most or min(self._late) > self._lag

    def admit(self, flow: http.HTTPFlow) -> bool:
        """Count a request in; False when it is one too many."""
        if self.is_full:
            return False
        self._under_way.add(flow)
        return True

    def leave(self, flow: http.HTTPFlow) -> None:
        """It is over."""
        self._under_way.discard(flow)

    async def watch(self) -> None:
        """Look how late the event loop comes to what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK
            await asyncio.sleep(_LOOK)
            self._late.append(loop.time() - due)
