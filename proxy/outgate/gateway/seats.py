"""How many connections each worker has, in memory that all workers share, so that a new one goes to who has fewest.

The system wakes all that wait for a shared socket, and whoever is first takes the connection. Left at that, a
worker that happens to be quick has most of them, for as long as its clients keep them.
"""

from __future__ import annotations

import mmap
import os
import tempfile

_SEAT = 8  # bytes
_EMPTY = 0  # nobody sits there, or does not accept; others' are their connections and one


class Seats:
    """One number a process. Writing is one aligned store, so that nobody needs a lock."""

    def __init__(self, descriptor: int, own: int) -> None:
        """The shared memory behind ``descriptor``; ``own`` is this process's seat."""
        self._memory = mmap.mmap(descriptor, 0)
        self._numbers = memoryview(self._memory).cast("q")
        self._own = own

    @staticmethod
    def made(count: int) -> int:
        """New shared memory with ``count`` empty seats: its file descriptor."""
        with tempfile.TemporaryFile() as file:
            os.truncate(file.fileno(), _SEAT * count)
            return os.dup(file.fileno())

    def sit(self, connections: int) -> None:
        """This process accepts, and has so many."""
        self._numbers[self._own] = connections + 1

    def leave(self, seat: int | None = None) -> None:
        """It accepts no more; or another, which has ended, does not."""
        self._numbers[self._own if seat is None else seat] = _EMPTY

    def is_behind(self) -> bool:
        """Whether another has fewer connections, and should have the next one."""
        own = self._numbers[self._own]
        return any(_EMPTY < number < own for number in self._numbers)
