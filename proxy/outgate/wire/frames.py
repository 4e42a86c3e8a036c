"""One message of a stream: its bytes as they came, and where its payload lies in them.

Every stream parser here gives frames, so that who reads the payloads need not know how they are
framed. Joined again, the raw bytes of all frames are the stream, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

LIMIT = 16 * 1024 * 1024  # bytes of one frame that a parser holds; a longer one goes through in pieces


@dataclass(frozen=True, slots=True)
class Frame:
    """Without spans it holds nothing to read: padding, a comment, a piece of what was too long."""

    raw: bytes
    spans: tuple[tuple[int, int], ...] = ()  # of the payload's lines in ``raw``
    separator: bytes = b""  # what stands before a further frame where the raw bytes do not say it

    @property
    def payload(self) -> bytes:
        """The payload, its lines joined by LF."""
        if len(self.spans) == 1:
            start, end = self.spans[0]
            return self.raw[start:end]
        return b"\n".join(self.raw[start:end] for start, end in self.spans)

    def rewritten(self, payload: bytes) -> bytes:
        """The frame's bytes with another payload, of as many lines where they were several."""
        lines = [payload] if len(self.spans) == 1 else payload.split(b"\n")
        pieces, position = [], 0
        for (start, end), line in zip(self.spans, lines, strict=True):
            pieces += [self.raw[position:start], line]
            position = end
        pieces.append(self.raw[position:])
        return b"".join(pieces)

    def another(self, payload: bytes) -> bytes:
        """A further frame with this payload of one line, framed like this one."""
        if self.separator:
            return self.separator + payload
        return self.raw[: self.spans[0][0]] + payload + self.raw[self.spans[-1][1] :]


class Messages:
    """The parser of what comes in messages (WebSocket): each piece that is fed is one, however long."""

    ends: ClassVar[tuple[bytes, ...]] = ()

    @property
    def idle(self) -> bool:
        """Two messages are never one piece, so that where one ends is no question."""
        return False

    def feed(self, data: bytes) -> list[Frame]:
        """The message."""
        return [Frame(data, ((0, len(data)),))]

    def finish(self) -> list[Frame]:
        """Nothing is ever held."""
        return []


TEXT, BINARY = b"\x01", b"\x02"  # what a message is: the opcodes of RFC 6455, 5.2


class Opcoded(Messages):
    """The same of messages whose first byte says what they are, TEXT or BINARY: it is no part of the payload."""

    def feed(self, data: bytes) -> list[Frame]:
        """The message."""
        return [Frame(data, ((1, len(data)),))]


class Parser(Protocol):
    """Bytes in at any cut, frames out as soon as they are whole. Every byte sequence is a stream."""

    # What may stand behind the payload of a frame that ends wherever its bytes stand at a frame's beginning.
    ends: ClassVar[tuple[bytes, ...]]

    @property
    def idle(self) -> bool:
        """Whether nothing is held: the next byte begins a frame."""
        ...

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        ...

    def finish(self) -> list[Frame]:
        """The stream is at its end: the rest, which may be a frame that was not ended."""
        ...
