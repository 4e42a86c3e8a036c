"""What a supervisor and its workers say to each other: JSON, a line a message, over a socket pair.

Data only, no decisions. The first line tells a worker how to serve; the end of the socket means that the other
has ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

Order = Literal["reload", "leave", "stop", "now"]
BEAT = 0.5  # seconds between a worker's signs of life
_LONGEST = 2**22  # bytes of a line; settings are a few kilobytes
_UNREAD = 2**16  # bytes that a worker says ahead of a supervisor that does not listen


class Line:
    """One's own end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: Any) -> Line:
        """On a connected socket."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST))

    def say(self, **message: Any) -> None:
        """Send a message. To one that does not listen it is dropped."""
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() <= _UNREAD:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def heard(self) -> AsyncIterator[Mapping[str, Any]]:
        """What the other says, until it ends."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            message = json.loads(line)
            if isinstance(message, dict):
                yield message

    async def flushed(self) -> None:
        """Return when everything was sent, or the other has ended."""
        try:
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            return
