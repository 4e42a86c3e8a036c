"""Multipart bodies (RFC 2046, 5.1; RFC 7578) as spans: part headers, part bodies, and all between."""

from __future__ import annotations

import re
from dataclasses import dataclass

from outgate.wire import WireError

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class PartSpan:
    """One part: its header lines as (name, value span), and where its body lies."""

    headers: tuple[tuple[str, int, int], ...]
    start: int
    end: int

    def header(self, data: bytes, name: str) -> str:
        """The value of a part header, ``""`` when absent."""
        return next((data[s:e].decode("latin-1").strip() for key, s, e in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Multipart:
    """The parts, and the spans that belong to none (preamble, epilogue) but hold bytes."""

    parts: tuple[PartSpan, ...]
    outside: tuple[tuple[int, int], ...]


def parse(data: bytes, content_type: str) -> Multipart:
    """Raises WireError 400 without a usable boundary, a closing delimiter, or a part's blank line."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise WireError(400, "bad_multipart", "The multipart body names no boundary.")
    boundary = re.escape((found.group(1) or found.group(2)).encode("latin-1", "replace"))
    delimiter = re.compile(rb"(?:^|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|$)")
    parts: list[PartSpan] = []
    outside: list[tuple[int, int]] = []
    start: int | None = None
    closed = False
    before = 0
    for mark in delimiter.finditer(data):
        if closed:
            break
        if start is None:
            outside.append((0, mark.start()))
        else:
            parts.append(_part(data, start, mark.start()))
            if len(parts) > MAX_PARTS:
                raise WireError(413, "too_large", f"The multipart body has more than {MAX_PARTS} parts.")
        start, closed, before = mark.end(), mark.group(1) is not None, mark.end()
    if not closed:
        raise WireError(400, "bad_multipart", "The multipart body is not closed by its boundary.")
    outside.append((before, len(data)))
    return Multipart(tuple(parts), tuple(span for span in outside if data[slice(*span)].strip()))


def _part(data: bytes, start: int, end: int) -> PartSpan:
    start = _line_end(data, start, end)
    headers: list[tuple[str, int, int]] = []
    while True:
        stop = data.find(b"\n", start, end)
        stop = end if stop < 0 else stop
        line = data[start:stop].rstrip(b"\r")
        if not line:
            return PartSpan(tuple(headers), min(stop + 1, end), end)
        if stop == end:
            raise WireError(400, "bad_multipart", "A multipart part has no blank line after its headers.")
        name, colon, _ = line.partition(b":")
        if not colon or line[:1] in b" \t":
            headers.append(("", start, start + len(line)))  # a folded or broken line: scanned whole
        else:
            headers.append((name.decode("latin-1").strip().lower(), start + len(name) + 1, start + len(line)))
        start = stop + 1


def _line_end(data: bytes, start: int, end: int) -> int:
    if data[start : start + 2] == b"\r\n":
        return start + 2
    return min(start + 1, end) if data[start : start + 1] == b"\n" else start
