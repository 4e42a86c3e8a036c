"""What a process that reads hostile bytes does to itself before it reads any."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import IO

_PR_SET_DUMPABLE = 4
CORES = "OUTGATE_CORES"  # the cores that a child may run on, where its parent keeps to one of them


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Our own ends of the pipes; what a library prints goes nowhere."""
    tasks = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return tasks, answers


def restrict(memory: int | None) -> None:
    """No core dump, no reading of this process by others of the same user, a bound on memory (bytes).

    And any core of those that the proxy may use, which its parent may keep to one of.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if sys.platform == "linux":
        if cores := os.environ.get(CORES):
            with suppress(OSError):  # where its parent could not keep to one either
                os.sched_setaffinity(0, map(int, cores.split(",")))
        # A core limit of 0 does not hold for dumps that are piped to a program (core(5)).
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
