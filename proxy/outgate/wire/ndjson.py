"""Newline-delimited JSON and JSON Lines: where each line lies."""

from __future__ import annotations

from typing import ClassVar

from outgate.wire.frames import LIMIT, Frame


def split(data: bytes) -> list[tuple[int, int]]:
    """The byte spans of the lines that hold more than white space, without their line ends."""
    spans: list[tuple[int, int]] = []
    start = 0
    for line in data.split(b"\n"):
        if line.strip():
            spans.append((start, start + len(line.rstrip(b"\r"))))
        start += len(line) + 1
    return spans


class Parser:
    """Lines as they arrive, each with its end. Holds at most ``limit`` bytes of an unfinished one."""

    ends: ClassVar[tuple[bytes, ...]] = (b"\n", b"\r\n")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[Frame]:
        """The lines that ``data`` completes."""
        end = data.rfind(b"\n") + 1
        frames: list[Frame] = []
        if end:
            self._buffer += data[:end]
            frames += [self._frame(line + b"\n") for line in bytes(self._buffer).split(b"\n")[:-1]]
            self._buffer.clear()
        self._buffer += data[end:]
        if len(self._buffer) > self._limit or (self._too_long and self._buffer):
            frames.append(Frame(bytes(self._buffer)))
            self._buffer.clear()
            self._too_long = True
        return frames

    @property
    def idle(self) -> bool:
        """Whether nothing is held: the next byte begins a frame."""
        return not self._buffer and not self._too_long

    def finish(self) -> list[Frame]:
        """A last line without its end."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [self._frame(rest)] if rest else []

    def _frame(self, line: bytes) -> Frame:
        if self._too_long:
            self._too_long = False
            return Frame(line)
        text = line.rstrip(b"\r\n")
        # What ended without a line end can have no line after it.
        return Frame(line, ((0, len(text)),) if text.strip() else ())
