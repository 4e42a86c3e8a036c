"""How the time that something takes grows with what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable

_FLOOR = 0.001  # seconds that any work counts as: below them a clock tells nothing


def is_linear(work: Callable[[int], object], size: int) -> bool:
    """Whether ``work`` takes for four times ``size`` about four times as long; what is quadratic takes sixteen times.

    Counts this thread's own time. A busy machine may disturb some of the measurements, but not all of them.
    """

    def seconds(size: int) -> float:
        started = time.thread_time()
        work(size)
        return time.thread_time() - started

    # So short that it would be under the bound whatever a quarter of it takes.
    if seconds(4 * size) < 12 * _FLOOR:
        return True
    for _ in range(3):
        most = 12 * max(_FLOOR, min(seconds(size) for _ in range(3)))
        if any(seconds(4 * size) < most for _ in range(3)):
            return True
    return False
