"""Server-sent events, cut into frames as they arrive (WHATWG HTML, "Server-sent events").

A frame is one event with the blank line that ends it: lines end with LF, CR LF or CR, the lines of
``data:`` are its payload, anything else (``event:``, ``id:``, comments, a byte order mark) is carried along.
"""

from __future__ import annotations

import re
from typing import ClassVar

from outgate.wire.frames import LIMIT, Frame

# A line end and a blank line. After LF, a CR may be half of a CR LF: the next byte tells. After a lone
# CR it need not be waited for: an LF that follows is a blank line more, which says nothing.
_END = re.compile(rb"[\r\n](?:(?<=\n)(?:\n|\r\n|\r(?=[^\n]))|(?<=\r)\r\n?)")
_DATA = re.compile(rb"data(?<![^\r\n]data)(?:: ?([^\r\n]*+))?(?=[\r\n]|\Z)")
_LONGEST_END = 4  # bytes
_BOM = b"\xef\xbb\xbf"


class Parser:
    """Linear in the bytes fed, whatever the cuts; holds at most ``limit`` bytes of an unfinished event."""

    ends: ClassVar[tuple[bytes, ...]] = (b"\n\n", b"\r\n\r\n")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer in which no event ends
        self._too_long = False  # the event's beginning went through already
        self._begun = False  # past the place where a byte order mark may stand

    def feed(self, data: bytes) -> list[Frame]:
        """The events that ``data`` completes."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        if not self._begun:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                return frames
            self._begun = True
            if buffer.startswith(_BOM):
                frames.append(Frame(_BOM))
                del buffer[: len(_BOM)]
        position, searched = 0, self._searched
        while found := _END.search(buffer, searched):
            searched = found.end()
            frames.append(self._frame(bytes(buffer[position:searched])))
            position = searched
        del found
        del buffer[:position]
        if len(buffer) > self._limit or (self._too_long and len(buffer) > _LONGEST_END):
            # The last bytes stay: they may begin the end.
            keep = len(buffer) - _LONGEST_END
            frames.append(Frame(bytes(buffer[:keep])))
            del buffer[:keep]
            self._too_long = True
        self._searched = max(0, len(buffer) - _LONGEST_END)
        return frames

    @property
    def idle(self) -> bool:
        """Whether nothing is held: the next byte begins a frame."""
        return self._begun and not self._buffer and not self._too_long

    def finish(self) -> list[Frame]:
        """What came after the last blank line. (A browser drops it; other clients read it.)"""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return [self._frame(rest)] if rest else []

    def _frame(self, raw: bytes) -> Frame:
        if self._too_long:
            self._too_long = False
            return Frame(raw)
        # A line ``data`` without a colon holds nothing, at its end.
        spans = [found.span(1) if found.lastindex else (found.end(),) * 2 for found in _DATA.finditer(raw)]
        return Frame(raw, tuple(spans))
