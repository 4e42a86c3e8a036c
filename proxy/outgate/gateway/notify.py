"""Tells systemd how the service does (sd_notify(3)). Elsewhere, nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

_SOCKET = "NOTIFY_SOCKET"
_WATCHDOG = "WATCHDOG_USEC"


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


async def signs_of_life() -> None:
    """As often as systemd wants (WatchdogSec), from the event loop, so that they end when it hangs."""
    wanted = os.environ.get(_WATCHDOG, "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    while mine and wanted.isdigit():
        await asyncio.sleep(int(wanted) / 2e6)  # half of it: sd_watchdog_enabled(3)
        tell("WATCHDOG=1")
