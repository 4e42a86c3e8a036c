"""Decoded bytes as text, when they are text: an image, a hash and random bytes are none.

Knows bytes only, nothing of where they come from.

Text is UTF-8, UTF-16 or mostly ASCII: at least three quarters of its octets are printable ASCII or
parts of UTF-8 characters, and all of them when it is short, because a dozen octets can be printable by
chance. Compressed bytes (gzip, RFC 1952; zlib, RFC 1950) are inflated first, to a bound.
"""

from __future__ import annotations

import re
import zlib

_PRINTABLE = bytes([*range(0x20, 0x7F), 0x09, 0x0A, 0x0D])
_ASCII_CONTROLS = bytes(sorted(set(range(0x80)) - set(_PRINTABLE)))
_SHORTEST_BEYOND_ASCII = 12  # octets; fewer can be UTF-8 by chance
_SHORT = 32  # octets; up to here no octet may be unprintable
_CUT_CHARACTER = re.compile(rb"[\xc2-\xdf]$|[\xe0-\xef][\x80-\xbf]?$|[\xf0-\xf4][\x80-\xbf]{0,2}$")
_NOT_LATIN = re.compile("[^\x00-\u024f\u2000-\u206f]")
_ZERO_RUNS = re.compile(rb"\x00{2,}+")
_GZIP = b"\x1f\x8b\x08"
_SHORTEST_GZIP, _SHORTEST_ZLIB = 18, 6  # octets of header and checksum
_MEMBERS = 64  # gzip members of one stream
_NESTED = 3  # compressions of one stream
_EITHER = 47  # zlib's ``wbits`` for a gzip or zlib header with the largest window


def text_of(data: bytes) -> str | None:
    """The text that ``data`` is, or None. Linear."""
    size = len(data)
    if data.count(0) * 3 >= size:
        return _wide(data)
    if data.isascii():
        return data.decode("ascii") if _is_text(data) else None
    if size < _SHORTEST_BEYOND_ASCII:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= size - 3 > 0 and _CUT_CHARACTER.search(data[-3:]):
            return text_of(data[: error.start])
        # In a one-octet encoding, or with something before it or in between that is no text.
        if size <= _SHORT or printable(data) * 4 < size * 3:
            return None
        return data.decode("utf-8", "replace")
    return text if _is_text(data) else None


def printable(data: bytes) -> int:
    """How many octets are printable ASCII."""
    return len(data) - len(data.translate(None, _PRINTABLE))


def _is_text(data: bytes) -> bool:
    """Whether few enough octets are controls: none in a short text but zeros between fields (as in SASL)."""
    size = len(data)
    controls = size - len(data.translate(None, _ASCII_CONTROLS))
    return controls * 4 <= size and (size > _SHORT or controls == data.count(0))


def _wide(data: bytes) -> str | None:
    """UTF-16 text in mostly Latin letters, with or without a byte order mark."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if odd * 4 >= half * 3 and even * 4 <= half:
        codec = "utf-16-le"
    elif even * 4 >= half * 3 and odd * 4 <= half:
        codec = "utf-16-be"
    else:
        return None
    text = _NOT_LATIN.sub("\ufffd", data[: half * 2].decode(codec, "replace").lstrip("\ufeff"))
    strange = text.count("\ufffd")
    if not text or strange * 8 > len(text) or (strange and len(text) <= _SHORT):
        return None
    return text if _is_text(text.encode("ascii", "replace")) else None


def compression(data: bytes) -> str | None:
    """Which compression the first bytes show, if they can be all of it."""
    if data.startswith(_GZIP):
        return "gzip" if len(data) >= _SHORTEST_GZIP and data[3] < 0x20 else None
    if (
        len(data) > _SHORTEST_ZLIB
        and data[0] == 0x78
        and int.from_bytes(data[:2]) % 31 == 0
        and not data[1] & 0x20
    ):
        return "zlib"
    return None


class Reader:
    """Reads compressed bytes, up to a bound on what they become."""

    def __init__(self, room: int) -> None:
        """``room`` in bytes of inflated data, for all together."""
        self._room = room
        self.cut = False  # whether something did not fit

    def inflated(self, data: bytes) -> tuple[str, str] | None:
        """The compression and the text of gzip or zlib ``data``, also when its end is missing.

        Compressed again: inflated again, a few times. Of an archive (tar) the parts between its zeros.
        """
        kind = compression(data)
        if kind is None:
            return None
        for _ in range(_NESTED):
            data = self._inflate(data)
            if not compression(data):
                text = text_of(_ZERO_RUNS.sub(b"\n", data))
                return (kind, text) if text else None
        self.cut = True
        return None

    def _inflate(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        for _ in range(_MEMBERS):
            stream = zlib.decompressobj(wbits=_EITHER)
            try:
                piece = stream.decompress(data, self._room + 1)
            except zlib.error:
                break
            if len(piece) > self._room:
                self.cut, piece = True, piece[: self._room]
            pieces.append(piece)
            self._room -= len(piece)
            data = stream.unused_data
            if self.cut or not stream.eof or not data.startswith(_GZIP):
                break
        else:
            self.cut = True
        return b"".join(pieces)
