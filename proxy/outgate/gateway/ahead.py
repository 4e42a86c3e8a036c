"""Who sends faster than it is looked at has to wait: nothing more is read from there until there is room again.

Owns how much may wait, and how reading is stopped. Who counts is the core's; a transport's own buffer comes on top.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection

AHEAD = 1024 * 1024  # bytes that wait before no more are asked for
# Bytes more after which that is said again: a stream's own buffer may have gone on reading.
_AGAIN = 128 * 1024
MOST = 8 * AHEAD  # bytes after which a side that cannot be made to wait is cut off


class Ahead:
    """How much of what one side sends waits."""

    def __init__(self) -> None:
        self.waiting = 0  # bytes
        self._most = AHEAD

    def more(self, size: int) -> bool:
        """So many bytes have come; whether no more should be asked for, as is to be said now."""
        self.waiting += size
        if self.waiting <= self._most:
            return False
        self._most = self.waiting + _AGAIN
        return True

    def less(self, size: int, *, over: bool = False) -> bool:
        """So many have been looked at; whether more can come, as is to be said now. ``over``: nothing else will."""
        self.waiting = max(0, self.waiting - size)
        if self._most == AHEAD or not (over or self.waiting < AHEAD // 2):
            return False
        self._most = AHEAD
        return True


@dataclass(frozen=True, slots=True)
class Speaker:
    """One side of a client's WebSocket."""

    client: Client
    connection: Connection


class Speakers:
    """The hooks of a WebSocket's two sides."""

    def speaker_ahead(self, speaker: Speaker) -> None:
        """It has to wait."""
        transport = transport_of(speaker.client, speaker.connection)
        if transport is not None:
            transport.pause_reading()

    def speaker_caught_up(self, speaker: Speaker) -> None:
        """It may go on."""
        transport = transport_of(speaker.client, speaker.connection)
        if transport is not None:
            transport.resume_reading()


def transport_of(client: Client, connection: Connection) -> asyncio.Transport | None:
    """That of a client's connection, or of one that was made for it; None where it is closing, or cannot be stopped."""
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    found = handler.transports.get(connection) if handler else None
    transport = getattr(found.writer, "transport", None) if found is not None else None
    return None if transport is None or transport.is_closing() else transport
