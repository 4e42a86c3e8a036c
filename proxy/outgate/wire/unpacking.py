"""Content encodings (RFC 9110, 8.4) undone while the bytes come, for who only reads along.

Not for what is forwarded (see ``content_encoding``): what cannot be undone is told as such, and no decoder's word is
checked against another's. Bounded, whatever comes in.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

import brotli
import zstandard

from outgate.wire import WireError

_OUT: Final = 64 * 1024  # bytes of output at a time
_MOST_AT_ONCE: Final = 8 * 2**20  # bytes that one piece may become
_ZSTD_IN: Final = 256  # bytes fed at a time: each few may become 128 kB
_ZSTD_WINDOW: Final = 8 * 2**20

_Undo = Callable[[bytes], Iterator[bytes]]


class Unpacker:
    """The bytes of one body without its encoding."""

    def __init__(self, encoding: str) -> None:
        """``encoding``: the header's value. Raises WireError for one that is not known, and for several at once."""
        name = encoding.strip().lower()
        if name not in _KNOWN:
            raise WireError(415, "unknown_encoding", "One of gzip, deflate, br and zstd is expected.")
        self._undo = _KNOWN[name]()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes of a further piece. Raises WireError when it is corrupt, or becomes too much."""
        made = 0
        try:
            for piece in self._undo(data):
                made += len(piece)
                if made > _MOST_AT_ONCE:
                    raise WireError(413, "too_large", "A piece of the body becomes too large.")
                yield piece
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise WireError(415, "bad_encoding", "The body does not decode.") from None


def _identity() -> _Undo:
    return lambda data: iter((data,))


def _inflate(wbits: int) -> _Undo:
    stream = zlib.decompressobj(wbits=wbits)

    def undo(data: bytes) -> Iterator[bytes]:
        nonlocal stream
        while True:
            if stream.eof:
                if not data:
                    return
                stream = zlib.decompressobj(wbits=wbits)  # a further member
            piece = stream.decompress(data, _OUT)
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            yield piece
            if not data and len(piece) < _OUT:
                return

    return undo


def _deflate() -> _Undo:
    """As the standard says, within zlib's frame, or raw as some servers send it."""
    chosen: _Undo | None = None

    def undo(data: bytes) -> Iterator[bytes]:
        nonlocal chosen
        if chosen is None and data:
            chosen = _inflate(15 if data[0] & 0x0F == 8 else -15)
        return chosen(data) if chosen else iter(())

    return undo


def _brotli() -> _Undo:
    stream = brotli.Decompressor()

    def undo(data: bytes) -> Iterator[bytes]:
        # It says that it can accept more while it still holds output.
        while piece := stream.process(data, output_buffer_limit=_OUT):
            yield piece
            data = b""

    return undo


def _zstd() -> _Undo:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    stream = decompressor.decompressobj(read_across_frames=True)

    def undo(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_IN):
            yield stream.decompress(data[start : start + _ZSTD_IN])

    return undo


_KNOWN: dict[str, Callable[[], _Undo]] = {
    "": _identity,
    "identity": _identity,
    "gzip": lambda: _inflate(31),
    "x-gzip": lambda: _inflate(31),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
