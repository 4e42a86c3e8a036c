"""Messages between the pool and its worker processes: a length, then that many bytes of JSON.

Owns the framing only. JSON and not pickle: what comes back from a process that has read hostile
text can be wrong, but it cannot run.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

from pydantic_core import from_json, to_json

_LENGTH = struct.Struct(">I")
LENGTH_SIZE = _LENGTH.size  # bytes


def pack(message: dict[str, Any]) -> bytes:
    """One message as it goes over a pipe."""
    try:
        data = to_json(message)
    except ValueError:  # a lone surrogate, which is no UTF-8: only Python's own JSON has it, as its escape
        data = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(data)) + data


def length(header: bytes) -> int:
    """How many bytes of JSON follow these ``LENGTH_SIZE`` bytes."""
    size: int = _LENGTH.unpack(header)[0]
    return size


def parse(data: bytes) -> dict[str, Any]:
    """The message in the bytes after the length; raises ValueError."""
    try:
        message = from_json(data)
    except ValueError:
        try:
            message = json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    return message


def read(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message of a blocking stream; None at its end, also when it ends inside a message."""
    header = stream.read(LENGTH_SIZE)
    if len(header) < LENGTH_SIZE:
        return None
    size = length(header)
    data = stream.read(size)
    return parse(data) if len(data) == size else None
