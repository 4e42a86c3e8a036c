"""A JSON array whose elements arrive one after another, as Gemini streams without ``alt=sse``.

A frame is one element (an object or an array) with what stands before it: the bracket, a comma, blanks.
What an element holds is left to a JSON parser; here are the marks that say where it ends (RFC 8259).
"""

from __future__ import annotations

import re
from typing import ClassVar

from outgate.wire.frames import LIMIT, Frame

_MARK = re.compile(rb'["\[\]{}]')
_STRING_MARK = re.compile(rb'["\\]')
_QUOTE, _BACKSLASH = b'"\\'


class Parser:
    """Linear in the bytes fed, whatever the cuts; holds at most ``limit`` bytes of an unfinished element."""

    ends: ClassVar[tuple[bytes, ...]] = ()

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._position = 0  # in the buffer: read up to here
        self._start = 0  # in the buffer: where the element begins
        self._depth = 0
        self._in_string = False
        self._ended = False  # the array: what follows goes through as it comes
        self._too_long = False  # the element's beginning went through already

    def feed(self, data: bytes) -> list[Frame]:
        """The elements that ``data`` completes, and the array's end."""
        if self._ended:
            return [Frame(data)] if data else []
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        taken = 0
        while self._position < len(buffer):
            found = (_STRING_MARK if self._in_string else _MARK).search(buffer, self._position)
            if found is None:
                self._position = len(buffer)
                break
            at = found.start()
            mark, self._position = buffer[at], at + 1
            if self._in_string:
                if mark == _BACKSLASH:
                    self._position += 1  # may lie past the end: the rest of the escape is to come
                else:
                    self._in_string = False
            elif mark == _QUOTE:
                self._in_string = True
            elif mark in b"[{":
                self._depth += 1
                if self._depth == 2:
                    self._start = at
            else:
                self._depth -= 1
                if self._depth <= 1:
                    frames.append(self._frame(taken, at + 1, is_element=self._depth == 1))
                    taken = at + 1
                if self._depth <= 0:
                    self._ended = True
                    break
        if self._ended and taken < len(buffer):
            frames.append(Frame(bytes(buffer[taken:])))
            taken = len(buffer)
        del buffer[:taken]
        self._move(taken)
        if len(buffer) > self._limit or (self._too_long and buffer):
            frames.append(Frame(bytes(buffer)))
            self._move(len(buffer))
            buffer.clear()
            self._too_long = True
        return frames

    @property
    def idle(self) -> bool:
        """Whether nothing is held: the next byte begins a frame."""
        return False

    def finish(self) -> list[Frame]:
        """What follows the last whole element."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [Frame(rest)] if rest else []

    def _move(self, count: int) -> None:
        self._position -= count
        self._start -= count

    def _frame(self, start: int, end: int, *, is_element: bool) -> Frame:
        raw = bytes(self._buffer[start:end])
        whole, self._too_long = not self._too_long, False
        if not (is_element and whole):
            return Frame(raw)
        return Frame(raw, ((self._start - start, end - start),), separator=b",\n")
