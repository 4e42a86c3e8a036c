"""What a directory server says of people whom another source has named; remembered for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from outgate.identity.evidence import IdentityError, UnavailableError
from outgate.model import Identity

log = logging.getLogger("outgate")

_MOST = 10_000  # people who are remembered
_AT_ONCE = 4
_WAITING = 64
_REST = 2.0  # seconds for which a server that could not be asked is left alone


class LookUps:
    """Asks ``find`` in threads, for everybody once in ``remember`` seconds."""

    def __init__(
        self,
        find: Callable[[str], Identity | None],
        remember: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._remember = remember
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Identity | None, float]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Identity | None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._resting = 0.0

    async def of(self, user: str) -> Identity | None:
        """What is said of ``user``; None when nothing is. Raises UnavailableError."""
        kept = self._kept.get(user)
        if kept is not None and self._clock() < kept[1]:
            self._kept.move_to_end(user)
            return kept[0]
        task = self._under_way.get(user)
        if task is None:
            if self._clock() < self._resting or len(self._under_way) >= _WAITING:
                raise UnavailableError("the directory was not to be had a moment ago")
            task = asyncio.create_task(self._asked(user))
            self._under_way[user] = task
            task.add_done_callback(lambda _: self._under_way.pop(user, None))
        return await asyncio.shield(task)

    async def _asked(self, user: str) -> Identity | None:
        async with self._places:
            try:
                found = await asyncio.to_thread(self._find, user)
            except (UnavailableError, IdentityError) as error:
                if self._clock() >= self._resting:
                    log.error("groups cannot be looked up: %s", error)
                self._resting = self._clock() + _REST
                raise UnavailableError(str(error)) from None
        self._kept[user] = found, self._clock() + self._remember
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return found
