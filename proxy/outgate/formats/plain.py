"""Bytes that no format describes: the text they are, or the text that lies in them.

What can be read is read, whatever the bytes are called: UTF-8, UTF-16, UTF-32, Latin-1, and the
readable runs of a binary message. Only UTF-8 and Latin-1 text can also be edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BINARY = "application/octet-stream"

HEAD = 512  # bytes that tell what a file is

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"heic": "image/heic", b"avif": "image/avif", b"M4A ": "audio/mp4"}
# First bytes of files and what they are, from the specifications of those files.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"BM", "image/bmp"),
)
_WEAK = (b"ID3", b"\xff\xfb", b"BM")  # too short to be proof of anything
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
MAIL = "message/rfc822"
_PDF = re.compile(r"%PDF-\d")
_MAIL = re.compile(r"(?:From [^\n]{1,998}\n)?[!-9;-~]{1,76}:")
_TRANSFERRED = re.compile(
    r"^content-transfer-encoding:\s*(?:base64|quoted-printable)", re.IGNORECASE | re.MULTILINE
)
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]+")
# Letters, digits and the marks within names that somebody wrote as \uXXXX although no encoder does.
_ESCAPED = re.compile(
    r"\\+u00(2[de]|3[0-9]|40|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Plain:
    """What bytes are: ``codec`` None is text to read and not to edit, ``media_type`` None is only text.

    Both: a text that is also a file with more in it than is written there, such as a mail.
    """

    text: str | None
    codec: str | None = None
    media_type: str | None = None


def media_type(head: bytes) -> str | None:
    """The type that the first bytes of a file show, or None."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "application/x-riff")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[257:262] == b"ustar":
        return "application/x-tar"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def certain(head: bytes) -> bool:
    """Whether the first ``HEAD`` bytes, or 48 at least, are a known file's and cannot be the beginning of a text."""
    if media_type(head) is None or head.startswith(_WEAK):
        return False
    if _CONTROLS.search(head):
        return True
    try:
        head[:-3].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return False


def read(raw: bytes) -> Plain:
    """Text or binary, told by the bytes alone. Linear."""
    head = raw[:HEAD]
    kind = media_type(head)
    if certain(head):
        return Plain(None, None, kind)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if "\x00" not in text:
            return Plain(text, "utf8", document(text))
        wide = _wide(raw)
        # A zero byte is no text's: an edit would break a length that a binary message states.
        return Plain(text) if wide is None else _unsure(wide)
    wide = _wide(raw)
    if wide is not None:
        return _unsure(wide)
    if kind is None and not _CONTROLS.search(raw):
        text = raw.decode("latin-1")
        return Plain(text, "latin1", document(text))
    runs = _UNREADABLE.sub("\n", raw.decode("utf-8", "replace")).strip()
    return Plain(runs or None, None, kind or BINARY)


def document(text: str) -> str | None:
    """The type of the file that a text is, when it says more to a reader of such files than its letters do."""
    if _PDF.search(text, 0, 1024) and "endobj" in text:
        return "application/pdf"
    if _MAIL.match(text) and _TRANSFERRED.search(text):
        return MAIL
    return None


def encoded_parts(text: str) -> int:
    """How many parts a mail seems to have that are not written as they read."""
    return sum(1 for _ in _TRANSFERRED.finditer(text))


def unescaped(text: str) -> str | None:
    """``text`` with its needless escapes undone, as a reader of the JSON in it would; None without any."""
    if "\\u00" not in text:
        return None
    shown = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return None if shown == text else shown


def _unsure(wide: str) -> Plain:
    """What does not decode cleanly may be no text at all, and is told as binary besides."""
    return Plain(wide, None, BINARY if "\ufffd" in wide else None)


def _wide(raw: bytes) -> str | None:
    """UTF-16 or UTF-32, marked as such or shown by where the zero bytes of its Latin letters stand."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace")
    sample = raw[:4096]
    for width, little, big in ((4, "utf-32-le", "utf-32-be"), (2, "utf-16-le", "utf-16-be")):
        length = len(sample) // width
        zeros = [sample[lane::width].count(0) for lane in range(width)]
        for name, letters in ((little, 0), (big, width - 1)):
            rest = zeros[:letters] + zeros[letters + 1 :]
            if length >= 4 and zeros[letters] * 4 < length and min(rest) * 4 > length * 3:
                return raw.decode(name, "replace")
    return None
