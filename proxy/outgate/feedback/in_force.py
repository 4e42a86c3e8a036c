"""Exceptions and justifications as the policy asks about them: in memory, and anew when they have changed.

Where they cannot be read, none is in force: more is blocked, and that is told. Several processes look each for itself,
by a number that SQLite changes with every transaction of another process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime

from outgate.feedback.errors import FeedbackError
from outgate.feedback.store import Store
from outgate.policy.exceptions import Exceptions

LOOK_EVERY = 0.5  # seconds
_ANYWAY = 60.0  # seconds after which what has expired is let go
log = logging.getLogger("outgate")


class InForce:
    """Calls ``on_change``, in the event loop, with all that are in force now and how many of them are exceptions."""

    def __init__(self, store: Store, thread: Executor, on_change: Callable[[Exceptions, int], None]) -> None:
        """``thread``: the one that the store is used in."""
        self._store, self._thread, self._on_change = store, thread, on_change
        self._seen: object = None  # as of no file
        self._read = time.monotonic()
        self._fails = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_EVERY)

    async def refresh(self, *, changed: bool = False) -> None:
        """Look now; ``changed``: this process has written. Raises nothing of its rooms."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._look, changed)
        except Exception as error:  # a row that is no exception, say
            if not self._fails:
                told = error.message if isinstance(error, FeedbackError) else type(error).__name__
                log.error("no exceptions are in force: %s", told)
                self._on_change(Exceptions(), 0)
            self._fails = True
            return
        if found is not None:
            self._on_change(*found)
        self._fails = False

    def _look(self, changed: bool) -> tuple[Exceptions, int] | None:
        seen, now = self._store.version(), time.monotonic()
        stale = seen is not None and now - self._read > _ANYWAY
        if seen == self._seen and not (changed or stale or self._fails):
            return None
        found = self._store.in_force(datetime.now(UTC))
        self._seen, self._read = seen, now
        return found
