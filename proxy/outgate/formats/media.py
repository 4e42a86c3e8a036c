"""Base64 in a field of its own: an image, a document, or text that only looks like one.

What the bytes are is decided by the bytes (magic numbers), never by the label beside them, so text
that calls itself ``image/png`` is still read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from outgate.formats import plain
from outgate.wire import WireError
from outgate.wire.text_codecs import base64_bytes

MIN_LENGTH = 64  # a shorter run is looked into only where base64 is expected

_HEAD = plain.HEAD // 3 * 4  # characters that hold the bytes which tell what a file is
_RUN = re.compile(r"[A-Za-z0-9+/_-]++={0,2}\s*+", re.ASCII)
_WRAPPED = re.compile(r"[A-Za-z0-9+/_\-\s]++[=\s]*+", re.ASCII)
# A run that is a string, or a data: URL, of a JSON document; in a string of a string its quotes are escaped.
_QUOTED_RUN = re.compile(rf"""(?:"|base64,)([A-Za-z0-9+/_-]{{{MIN_LENGTH},}}+={{0,2}})(?=["\\])""", re.ASCII)


@dataclass(frozen=True, slots=True)
class Blob:
    """One base64 run, and what the bytes in it are."""

    skip: int  # code points before the run: those of "data:...;base64,"
    size: int  # bytes
    content: plain.Plain
    proven: bool  # the string itself need not be read: its bytes are a known file's, or text


def look(text: str, *, expected: bool) -> Blob | None:
    """What a string holds when it is one base64 run, bare or a data: URL; None: a string like others.

    ``expected`` says that base64 belongs here. Linear in ``text``.
    """
    skip = _data_url(text)
    expected = expected or skip > 0
    if len(text) - skip < (4 if expected else MIN_LENGTH):
        return None
    if not (_WRAPPED if expected else _RUN).fullmatch(text, skip):
        return None
    size = (len(text) - skip) * 3 // 4
    head = _decoded("".join(text[skip : skip + 2 * _HEAD].split())[:_HEAD])
    if head is not None and plain.certain(head):
        return Blob(skip, size, plain.Plain(None, None, plain.media_type(head)), proven=expected)
    content = _decoded(text[skip:])
    if content is None:
        return None
    found = plain.read(content)
    if found.codec == "utf8" and _is_prose(found.text or ""):
        return Blob(skip, len(content), found, proven=True)
    return Blob(skip, len(content), found, proven=False) if expected else None


def files_in(document: str) -> Iterator[tuple[str, str]]:
    """The base64 runs among the strings of a JSON document that are known files, in order, and their types. Linear."""
    for found in _QUOTED_RUN.finditer(document):
        run = found[1]
        head = _decoded(run[: min(len(run) // 4 * 4, _HEAD)])
        if head is not None and plain.certain(head) and (kind := plain.media_type(head)):
            yield run, kind


def _data_url(text: str) -> int:
    """Where the run of a base64 data: URL begins (RFC 2397); 0 when ``text`` is none."""
    if text[:5].lower() != "data:":
        return 0
    comma = text.find(",", 5, 1024)
    return comma + 1 if comma > 0 and text[5:comma].rstrip().lower().endswith("base64") else 0


def _decoded(run: str) -> bytes | None:
    try:
        return base64_bytes(run.encode("ascii"))
    except (WireError, UnicodeEncodeError):
        return None


def _is_prose(text: str) -> bool:
    return text.isprintable() or any(char.isspace() for char in text)
