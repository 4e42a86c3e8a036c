"""Tar archives, and files that are compressed one by one: gzip, bzip2, xz, Zstandard. To the last byte."""

from __future__ import annotations

import bz2
import lzma
import re
import tarfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import IO, TYPE_CHECKING

from outgate.attachments.opening import Opening, StoppedError, below, named
from outgate.wire import WireError, content_encoding

if TYPE_CHECKING:
    from outgate.attachments.opening import Reader

_CHUNK = 2**20  # bytes
_NAMES, _INNER = "names", "file 1"
_NUMBERS = frozenset("atime ctime gid mtime size uid".split())
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?", re.ASCII)


def taken(stream: IO[bytes], opening: Opening) -> bytes:
    """All of a stream that unpacks as it is read. Raises StoppedError when that is too much."""
    pieces: list[bytes] = []
    while piece := stream.read(min(_CHUNK, opening.room + 1)):
        opening.seconds_left()
        opening.spend(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def _coded(coding: str, content: bytes, at: str, opening: Opening) -> None:
    """What is a content encoding as well: read by whoever reads those."""
    try:
        inner = content_encoding.decode(content, coding, limit=opening.room).data
    except WireError as error:
        raise StoppedError("too_large" if error.status == 413 else "broken") from None
    opening.spend(len(inner))
    if coding == "gzip":
        opening.say(below(at, _NAMES), "\n".join(_gzip_words(content)))
    opening.open(inner, below(at, _INNER))


def _gzip_words(content: bytes) -> list[str]:
    """What the header of the first member says: the name of the file within, and a comment (RFC 1952, 2.3)."""
    flags, start = content[3], 10
    if flags & 4:  # an extra field before them
        start = 12 + int.from_bytes(content[10:12], "little")
    words: list[str] = []
    for flag in (8, 16):
        if flags & flag:
            end = content.find(b"\0", start)
            words.append(content[start:end].decode("latin-1"))
            start = end + 1
    return words


def _streams(
    start: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor],
    content: bytes,
    at: str,
    opening: Opening,
) -> None:
    """One stream after the other; bytes behind the last that are no stream are no padding."""
    pieces: list[bytes] = []
    rest = content
    try:
        while rest.strip(b"\0"):
            opening.member()
            stream = start()
            while not stream.eof:
                piece = stream.decompress(rest, min(_CHUNK, opening.room + 1))
                rest = b""
                if not piece and stream.needs_input:
                    raise EOFError
                opening.seconds_left()
                opening.spend(len(piece))
                pieces.append(piece)
            rest = stream.unused_data
    except (EOFError, OSError, lzma.LZMAError):
        opening.miss(at, "", len(content), "broken")
    opening.open(b"".join(pieces), below(at, _INNER))


def _tar(content: bytes, at: str, opening: Opening) -> None:
    names: list[str] = []
    try:
        with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                opening.member()
                names += [member.name, *filter(None, (member.linkname, member.uname, member.gname))]
                names += [value for key, value in member.pax_headers.items() if not _is_plain(key, value)]
                if member.isreg():
                    where = below(at, named("file", member.name, number))
                    opening.guarded(partial(_tar_member, archive, member, where, opening), where, member.size)
                elif member.size:  # bytes that nobody would unpack
                    opening.miss(below(at, f"file {number}"), "", member.size, "broken")
            if content[archive.offset :].strip(b"\0"):
                opening.miss(at, "", len(content) - archive.offset, "broken")
    finally:
        opening.say(below(at, _NAMES), "\n".join(dict.fromkeys(names)))


def _is_plain(key: str, value: str) -> bool:
    """Whether a record about a file (POSIX, pax) is a number that a tar program put there."""
    return key in _NUMBERS and _NUMBER.fullmatch(value) is not None


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, at: str, opening: Opening) -> None:
    stream = archive.extractfile(member)
    inner = taken(stream, opening) if stream is not None else b""
    if len(inner) < member.size:
        raise StoppedError("broken")
    opening.open(inner, at)


READERS: dict[str, Reader] = {
    "tar": _tar,
    "gzip": partial(_coded, "gzip"),
    "zstd": partial(_coded, "zstd"),
    "bzip2": partial(_streams, bz2.BZ2Decompressor),
    "xz": partial(_streams, lzma.LZMADecompressor),
}
