"""Signals, given to the event loop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress


def handle(**handlers: Callable[[], None]) -> None:
    """Have each called within the loop when its signal comes. By name: not every system has every signal."""
    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()
    with suppress(RuntimeError, ValueError):  # not the main thread: whoever embeds us has the signals
        for name, handler in handlers.items():
            loop.add_signal_handler(signal.Signals[name], handler)
