"""Content encodings (RFC 9110, 8.4), undone by us: bounded, and to the last byte.

mitmproxy's own decoding falls through to Python's codecs and reads only the first member of a gzip
body, so it is never used. The header and the bytes may disagree; the bytes are believed, and
``coherent`` says whether both tell the same story.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import brotli
import zstandard

from outgate.wire import WireError

_CHUNK = 64 * 1024
_MAX_CODINGS = 4
_MAX_ZSTD_WINDOW = 8 * 2**20  # bytes; RFC 9659 asks decoders for no more than 8 MB
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b\x08"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body without its encodings.

    ``coherent``: header and bytes agree and every decoder reads the same, so the body may go on as
    it came. Otherwise only ``data`` itself, sent without Content-Encoding, is what was scanned.
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
    data, coherent = body, True
    for name in reversed(codings):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise WireError(415, "unknown_encoding", f"Content-Encoding {name[:20]!r} is not supported.")
        if not data:
            continue
        if _opens_like_text(data) and name != "br":
            coherent = False  # the header lies: the bytes are plain
            continue
        data = _joined(decoder(data, limit), limit)
        coherent = coherent and name != "deflate"  # zlib or raw: decoders differ
    for _ in range(_MAX_CODINGS):
        hidden = _hidden_coding(data)
        if hidden is None:
            return Decoded(data, coherent)
        data, coherent = _joined(_DECODERS[hidden](data, limit), limit), False
    raise WireError(415, "unknown_encoding", f"More than {_MAX_CODINGS} content encodings.")


def _hidden_coding(data: bytes) -> str | None:
    if data.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if data.startswith(_ZSTD_MAGIC) else None


def _opens_like_text(data: bytes) -> bool:
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def _joined(chunks: Iterator[bytes], limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            pieces.append(chunk)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
        raise WireError(
            415, "bad_encoding", "The body does not decode as its Content-Encoding says."
        ) from None
    return b"".join(pieces)


def _gzip(data: bytes, limit: int) -> Iterator[bytes]:
    """Every member (RFC 1952, 2.2); bytes that are no member are corrupt, not padding."""
    rest = data
    while rest:
        member = zlib.decompressobj(wbits=31)
        yield from _zlib_chunks(member, rest)
        rest = member.unused_data


def _deflate(data: bytes, limit: int) -> Iterator[bytes]:
    zlib_wrapped = len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
    stream = zlib.decompressobj(wbits=15 if zlib_wrapped else -15)
    yield from _zlib_chunks(stream, data)
    if stream.unused_data:
        raise zlib.error("bytes after the end")


def _zlib_chunks(stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while True:
        chunk = stream.decompress(data, _CHUNK)
        yield chunk
        data = stream.unconsumed_tail
        if stream.eof:
            return
        if not data and not chunk:
            raise EOFError


def _brotli(data: bytes, limit: int) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    yield stream.process(data, output_buffer_limit=_CHUNK)
    while not stream.can_accept_more_data() and not stream.is_finished():
        yield stream.process(b"", output_buffer_limit=_CHUNK)
    if not stream.is_finished():
        raise EOFError


def _zstd(data: bytes, limit: int) -> Iterator[bytes]:
    rest = data
    while rest:
        stream = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW).decompressobj(
            read_across_frames=False
        )
        for start in range(0, len(rest), 4096):  # small steps: a bomb is noticed after one of them
            yield stream.decompress(rest[start : start + 4096])
            if stream.eof:
                rest = stream.unused_data + rest[start + 4096 :]
                break
        else:
            raise EOFError


_DECODERS: dict[str, Callable[[bytes, int], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


def _too_large(limit: int) -> WireError:
    return WireError(413, "too_large", f"The body is larger than {limit} bytes when decoded.")
