"""What a file is, told by its bytes and never by a name or a label.

A file may be several kinds at once (an image with a ZIP archive behind it): whoever receives it chooses,
so it is read as each of them.
"""

from __future__ import annotations

from outgate.formats import plain

KINDS = frozenset("pdf zip ooxml odf tar gzip bzip2 xz zstd mail image unknown".split())

_FIRST = (
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_PDF_WITHIN = 1024  # bytes; readers look for the header there (ISO 32000-1, Annex H, note 13)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_WITHIN = 22 + 0xFFFF  # bytes: the record and its comment (PKWARE's APPNOTE, 4.3.16)
_IMAGES = frozenset("png jpeg gif webp tiff bmp".split())


def kinds_of(content: bytes) -> tuple[str, ...]:
    """The kinds of file that somebody here can read and that ``content`` is; none: ``()``."""
    head = content[:64]
    kinds = [kind for magic, kind in _FIRST if content.startswith(magic)]
    if content[257:262] == b"ustar":
        kinds.append("tar")
    family, _, format_ = (plain.media_type(head) or "").partition("/")
    if family == "image" and format_ in _IMAGES and (plain.certain(head) or _is_bitmap(head)):
        kinds.append("image")
    if content.find(b"%PDF-", 0, _PDF_WITHIN + 5) >= 0:
        kinds.append("pdf")
    if "zip" not in kinds and content.rfind(_ZIP_END, max(0, len(content) - _ZIP_END_WITHIN)) >= 0:
        kinds.append("zip")
    if not kinds and _is_mail(content):
        kinds.append("mail")
    return tuple(kinds)


def _is_bitmap(head: bytes) -> bool:
    """Two letters begin a BMP file, which a text may begin with too; four zero bytes follow its size."""
    return head.startswith(b"BM") and head[6:10] == bytes(4)


def _is_mail(content: bytes) -> bool:
    return plain.document(content.decode("latin-1")) == plain.MAIL
