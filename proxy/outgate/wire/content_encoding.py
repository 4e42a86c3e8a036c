"""Content encodings (RFC 9110, 8.4), undone by us: bounded, and to the last byte.

mitmproxy's own decoding falls through to Python's codecs and reads only the first member of a gzip
body, so it is never used. The header and the bytes may disagree; the bytes are believed, and
``coherent`` says whether both tell the same story. Every step's output is bounded, and the cost of
a body is linear in its size and in ``limit``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
import zstandard

from outgate.wire import WireError
from outgate.wire.json_spans import looks_like_json

_IN = 16 * 1024  # bytes fed at a time: zlib copies what it has not consumed, so slices stay small
_OUT = 64 * 1024
_MAX_CODINGS = 4
_MAX_MEMBERS = 1_000  # gzip members or zstd frames of one body
_MAX_BLOCKS = 100_000  # zstd blocks of one body; 128 kB is the usual size of one
_MAX_ZSTD_WINDOW = 8 * 2**20  # bytes; RFC 9659 asks decoders for no more than 8 MB
_ZSTD_BLOCK = 128 * 1024  # bytes that one block becomes at most (RFC 8878, 3.1.1.2.4)
_ZSTD_STEP = 1024 * 1024  # bytes of output that one step may make
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b\x08"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body without its encodings.

    ``coherent``: header and bytes agree, every decoder reads the same, and no byte was skipped (a
    gzip file name, a zstd skippable frame), so the body may go on as it came. Otherwise only
    ``data`` itself, sent without Content-Encoding, is what was scanned.
    """

    data: bytes
    coherent: bool


def decode(body: bytes, header: str, *, limit: int) -> Decoded:
    """Undo every coding of ``header`` (last applied first) and any that only the bytes show.

    Raises WireError 413 past ``limit`` bytes, 415 for an unknown coding or corrupt data.
    """
    if len(body) > limit:
        raise _too_large(limit)
    codings = [name for part in header.split(",") if (name := part.strip().lower()) and name != "identity"]
    if len(codings) > _MAX_CODINGS:
        raise WireError(415, "unknown_encoding", f"More than {_MAX_CODINGS} content encodings.")
    if any(name not in _DECODERS for name in codings):
        raise WireError(415, "unknown_encoding", "Content-Encoding may be gzip, deflate, br or zstd only.")
    data, coherent = body, True
    for name in reversed(codings):
        if not data:
            continue
        try:
            data, agreed = _undo(name, data, limit)
        except WireError as error:
            # Decoded first, judged after: a raw deflate stream and a zstd skippable frame may open
            # with the very byte that opens a JSON body.
            if error.status == 413 or not looks_like_json(data) or _is_skippable(data):
                raise
            agreed = False  # the header lies: the bytes are plain
        coherent = coherent and agreed
    for _ in range(_MAX_CODINGS):
        hidden = _hidden_coding(data)
        if hidden is None:
            return Decoded(data, coherent)
        (data, _agreed), coherent = _undo(hidden, data, limit), False
    raise WireError(415, "unknown_encoding", f"More than {_MAX_CODINGS} content encodings.")


def _hidden_coding(data: bytes) -> str | None:
    if data.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if data.startswith(_ZSTD_MAGIC) or _is_skippable(data) else None


class _Output:
    """Collects decoded bytes and stops at the limit."""

    __slots__ = ("limit", "pieces", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.pieces: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self.limit:
            raise _too_large(self.limit)
        if chunk:
            self.pieces.append(chunk)


def _undo(name: str, data: bytes, limit: int) -> tuple[bytes, bool]:
    output = _Output(limit)
    try:
        agreed = _DECODERS[name](data, output)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
        raise WireError(
            415, "bad_encoding", "The body does not decode as its Content-Encoding says."
        ) from None
    return b"".join(output.pieces), agreed


# Each decoder reads all of the data or raises, and tells whether any other would read the same.


def _gzip(data: bytes, output: _Output) -> bool:
    """Every member (RFC 1952, 2.2); bytes that are no member are corrupt, not padding.

    Only one member without optional header fields is read alike everywhere: some decoders stop
    after the first member, and all skip the file name and the comment.
    """
    position, members, extras = 0, 0, False
    while position < len(data):
        members += 1
        if members > _MAX_MEMBERS:
            raise _too_many("gzip members")
        extras = extras or data[position + 3 : position + 4] != b"\x00"
        position = _inflate(zlib.decompressobj(wbits=31), data, position, output)
    return members == 1 and not extras


def _deflate(data: bytes, output: _Output) -> bool:
    """Zlib-wrapped as the standard says, or raw as some clients send it; decoders differ."""
    zlib_wrapped = len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
    end = _inflate(zlib.decompressobj(wbits=15 if zlib_wrapped else -15), data, 0, output)
    if end != len(data):
        raise EOFError
    return False


def _inflate(stream: zlib._Decompress, data: bytes, position: int, output: _Output) -> int:
    """One deflate stream from ``position``; returns where it ends."""
    while position < len(data):
        piece = data[position : position + _IN]
        position += len(piece)
        while True:
            chunk = stream.decompress(piece, _OUT)
            output.add(chunk)
            if stream.eof:
                return position - len(stream.unused_data)
            piece = stream.unconsumed_tail
            if not piece and len(chunk) < _OUT:
                break
    raise EOFError


def _brotli(data: bytes, output: _Output) -> bool:
    """RFC 7932. Never coherent: its metadata blocks hold bytes that every decoder skips unseen."""
    stream = brotli.Decompressor()
    for start in range(0, len(data), _OUT):
        if stream.is_finished():
            raise EOFError
        piece = data[start : start + _OUT]
        # Until it makes nothing more: it says that it can accept more while it still holds output.
        while made := stream.process(piece, output_buffer_limit=_OUT):
            output.add(made)
            piece = b""
    if not stream.is_finished():
        raise EOFError
    return False


def _zstd(data: bytes, output: _Output) -> bool:
    """Every frame (RFC 8878), fed a few blocks at a time so that no step makes more than its share.

    Skippable frames are passed over, several frames are read to the end: neither is read alike by
    every decoder.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    position, frames, blocks, skipped = 0, 0, 0, False
    while position < len(data):
        frames += 1
        if frames > _MAX_MEMBERS:
            raise _too_many("zstd frames")
        if _is_skippable(data, position):
            skipped = True
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
            if position > len(data):
                raise EOFError
            continue
        stream = decompressor.decompressobj()
        steps, position, count = _zstd_steps(data, position, _MAX_BLOCKS - blocks)
        blocks += count
        for start, end in steps:
            output.add(stream.decompress(data[start:end]))
        if not stream.eof or stream.unused_data:
            raise EOFError
    return frames == 1 and not skipped


def _is_skippable(data: bytes, position: int = 0) -> bool:
    """RFC 8878, 3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F, then a length."""
    magic = data[position : position + 8]
    return len(magic) == 8 and magic[0] & 0xF0 == 0x50 and magic[1:4] == b"\x2a\x4d\x18"


def _zstd_steps(data: bytes, start: int, allowed: int) -> tuple[list[tuple[int, int]], int, int]:
    """One frame cut between its blocks: the spans to feed, where the frame ends, how many blocks."""
    if data[start : start + 4] != _ZSTD_MAGIC or start + 5 > len(data):
        raise EOFError
    descriptor = data[start + 4]
    single_segment = descriptor >> 5 & 1
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    position = start + 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size
    steps: list[tuple[int, int]] = []
    begin, made, count, last = start, 0, 0, False
    while not last:
        if position + 3 > len(data):
            raise EOFError
        if count == allowed:
            raise _too_many("zstd blocks")
        header = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        share = _ZSTD_BLOCK if kind == 2 else size
        made += share
        if made > _ZSTD_STEP:
            steps.append((begin, position))
            begin, made = position, share
        position += 3 + (1 if kind == 1 else size)
        count += 1
    position += 4 * (descriptor >> 2 & 1)  # the checksum
    if position > len(data):
        raise EOFError
    steps.append((begin, position))
    return steps, position, count


_DECODERS: dict[str, Callable[[bytes, _Output], bool]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


def _too_large(limit: int) -> WireError:
    return WireError(413, "too_large", f"The body is larger than {limit} bytes when decoded.")


def _too_many(what: str) -> WireError:
    return WireError(413, "too_large", f"The body has too many {what}.")
