"""Base64 in a field of its own: an image, a document, or text that only looks like one.

What the bytes are is decided by the bytes (magic numbers), never by the label beside them, so text
that calls itself ``image/png`` is still read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outgate.model import Uninspectable
from outgate.wire import WireError
from outgate.wire.json_spans import Scalar
from outgate.wire.text_codecs import base64_bytes

MIN_LENGTH = 64  # shorter strings are scanned as they are

_DATA_URL = re.compile(r"data:[^,;]{0,100}(?:;[^,;]{0,100}){0,8};base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\s*", re.ASCII)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF", "application/x-riff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """Base64 that holds text: where its run lies, and what it says."""

    text: str
    start: int  # bytes of the body
    end: int


def media_type(head: bytes) -> str | None:
    """The type that the first bytes of a file show, or None."""
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def look(scalar: Scalar, data: bytes) -> Uninspectable | Text | None:
    """What a string is when it is one base64 run (bare or a data: URL); None: a string like others."""
    text = scalar.text
    url = _DATA_URL.match(text)
    skip = url.end() if url else 0
    if not (_BASE64.fullmatch(text, skip) and len(text) - skip >= MIN_LENGTH):
        return None
    try:
        content = base64_bytes(text[skip:].encode("ascii"))
    except WireError:
        return None
    kind = media_type(content)
    if kind is not None and (url is not None or len(content) > 128):
        return Uninspectable(scalar.path, kind, len(content))
    if data[scalar.start + 1 : scalar.end - 1] != text.encode("ascii"):
        return None  # written with escapes: scanned as the string it is
    try:
        decoded = content.decode("utf-8")
    except UnicodeDecodeError:
        return Uninspectable(scalar.path, "application/octet-stream", len(content)) if url else None
    if not decoded.isprintable() and not any(char.isspace() for char in decoded):
        return None
    return Text(decoded, scalar.start + 1 + skip, scalar.end - 1)
