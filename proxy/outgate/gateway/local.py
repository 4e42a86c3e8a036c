"""The local mode's helper process: what it needs, and that its end is not overlooked.

The proxy core starts a redirector with the system's rights and from then on only logs what becomes
of it. Without it this machine's connections go past us, so its end is ours too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress

_ENDED = "the redirector has ended, and this machine's connections go past Outgate"
SETTLE = 1.0  # seconds; the core goes on before the redirector stands, which takes a fifth of that
_NEEDS = {
    "linux": "It needs Linux 6.8 or later, cgroup v2 at /sys/fs/cgroup, and root rights through sudo",
    "darwin": "It needs the network extension to be allowed in System Settings",
    "win32": "It needs administrator rights",
}


def explained(problem: str) -> str:
    """The redirector's own words, without its stack, and what it needs here."""
    lines = problem.partition("Stack backtrace")[0].splitlines()
    told = " ".join(line.strip() for line in lines if line.strip())
    return f"{told.rstrip('.')}. {_NEEDS.get(sys.platform, 'It runs on Linux, macOS and Windows alone')}."


def watch(loop: asyncio.AbstractEventLoop, on_end: Callable[[str], None]) -> None:
    """Have ``on_end`` called in ``loop`` when the redirector says that it has ended."""
    logger = logging.getLogger("mitmproxy.packet_sources.linux")
    logger.handlers[:] = [_Listener(loop, on_end)]
    logger.propagate = False  # nothing else of the core's log is let out
    logger.setLevel(logging.DEBUG)  # an end without an error is told at this level


class _Listener(logging.Handler):
    """Called from the redirector's own threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[str], None]) -> None:
        super().__init__()
        self._loop, self._on_end = loop, on_end

    def emit(self, record: logging.LogRecord) -> None:
        if "exited" in record.getMessage():
            with suppress(RuntimeError):  # our loop is closed: we ended first
                self._loop.call_soon_threadsafe(self._on_end, explained(_ENDED))
