"""Amazon event streams, cut into frames as they arrive (AWS, "Event stream encoding").

A message is its length and that of its headers, a CRC-32 of these, headers, payload, and a CRC-32 of it
all, numbers big-endian. Some services wrap what they send once more, as base64 under ``bytes`` in a JSON
payload (Amazon Bedrock API reference, "PayloadPart"): a frame's payload is then what is within.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from struct import pack, unpack_from
from typing import ClassVar
from zlib import crc32

from outgate.wire.frames import LIMIT, Frame

_PRELUDE, _CRC = 12, 4  # bytes
_WRAPPED = re.compile(rb'\{(?:[^{}\[\]]*,)?\s*"bytes"\s*:\s*"([A-Za-z0-9+/]+={0,2})"')


@dataclass(frozen=True, slots=True)
class _Message(Frame):
    """Its lengths and checksums follow its payload."""

    wrapped: bool = False

    @property
    def payload(self) -> bytes:
        start, end = self.spans[0]
        return b64decode(self.raw[start:end]) if self.wrapped else self.raw[start:end]

    def rewritten(self, payload: bytes) -> bytes:
        start, end = self.spans[0]
        inner = b64encode(payload) if self.wrapped else payload
        rest = self.raw[_PRELUDE:start] + inner + self.raw[end:-_CRC]
        prelude = pack(">I", _PRELUDE + len(rest) + _CRC) + self.raw[4:8]
        message = prelude + pack(">I", crc32(prelude)) + rest
        return message + pack(">I", crc32(message))

    def another(self, payload: bytes) -> bytes:
        return self.rewritten(payload)


def exception(kind: str, payload: bytes) -> bytes:
    """A message that ends a stream: an exception with a JSON payload ("Event stream exceptions")."""
    headers = b""
    told = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    for name, value in told.items():
        headers += pack(">B", len(name)) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
    prelude = pack(">II", _PRELUDE + len(headers) + len(payload) + _CRC, len(headers))
    message = prelude + pack(">I", crc32(prelude)) + headers + payload
    return message + pack(">I", crc32(message))


class Parser:
    """Linear in the bytes fed; holds one message of at most ``limit`` bytes.

    From bytes on that are no message, all goes through as it is: nothing says where the next one begins.
    """

    ends: ClassVar[tuple[bytes, ...]] = ()

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._passing = 0  # bytes still to come of a message that is too long
        self._lost = False

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that ``data`` completes."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        while buffer:
            if self._lost or self._passing:
                taken = len(buffer) if self._lost else min(self._passing, len(buffer))
                self._passing -= 0 if self._lost else taken
                frames.append(Frame(bytes(buffer[:taken])))
                del buffer[:taken]
                continue
            if len(buffer) < _PRELUDE:
                break
            size, headers, checksum = unpack_from(">III", buffer)
            self._lost = checksum != crc32(buffer[:8]) or size < _PRELUDE + headers + _CRC
            if not self._lost and size > self._limit:
                self._passing = size
            elif not self._lost:
                if len(buffer) < size:
                    break
                frames.append(_frame(bytes(buffer[:size]), headers))
                del buffer[:size]
        return frames

    @property
    def idle(self) -> bool:
        """Whether nothing is held: the next byte begins a frame."""
        return False

    def finish(self) -> list[Frame]:
        """A message that was not ended."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [Frame(rest)] if rest else []


def _frame(raw: bytes, headers: int) -> Frame:
    start, end = _PRELUDE + headers, len(raw) - _CRC
    if crc32(raw[:end]) != unpack_from(">I", raw, end)[0]:
        return Frame(raw)  # whoever reads it refuses it
    found = _WRAPPED.match(raw, start, end)
    if found is not None:
        try:
            b64decode(found[1], validate=True)
        except binascii.Error:
            found = None
    return _Message(raw, (found.span(1) if found else (start, end),), wrapped=found is not None)
