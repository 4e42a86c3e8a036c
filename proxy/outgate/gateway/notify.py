"""Tells systemd how the service does (sd_notify(3)). Elsewhere, nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

_SOCKET = "NOTIFY_SOCKET"
_WATCHDOG = "WATCHDOG_USEC"
_AGAIN = 10.0  # seconds between two requests for more time
_MORE = 30  # seconds that each asks for


def tell(state: str) -> None:
    """Send assignments, one a line, such as ``READY=1``. One datagram, and nobody waits for it."""
    address = os.environ.get(_SOCKET, "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def forget() -> None:
    """This is a child: it is not its state that systemd wants to know."""
    os.environ.pop(_SOCKET, None)
    os.environ.pop(_WATCHDOG, None)


async def more_time(is_wanted: Callable[[], bool]) -> None:
    """While it is, have the service's start take as long as it takes, whatever TimeoutStartSec says."""
    while True:
        if is_wanted():
            tell(f"EXTEND_TIMEOUT_USEC={_MORE * 1_000_000}")
        await asyncio.sleep(_AGAIN)


async def signs_of_life() -> None:
    """As often as systemd wants (WatchdogSec), from the event loop, so that they end when it hangs."""
    wanted = os.environ.get(_WATCHDOG, "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    while mine and wanted.isdigit():
        await asyncio.sleep(int(wanted) / 2e6)  # half of it: sd_watchdog_enabled(3)
        tell("WATCHDOG=1")
