"""Multipart bodies (RFC 2046, 5.1; RFC 7578) as spans: part headers, part bodies, and all between.

Parsers differ over boundaries more than over anything else, so what two of them could cut in
different places is refused: a second boundary parameter, a boundary in mid-line, mixed line ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outgate.wire import WireError

MAX_PARTS = 10_000
MAX_HEADERS = 100  # of one part
_PARAMETER = re.compile(r'[ \t]*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))[ \t]*(?:;|$)')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?\- ]{0,69}[0-9A-Za-z'()+_,./:=?\-]")
_DELIMITER_END = re.compile(rb"(--)?[ \t]*+(\r?\n|\Z)")
# The value alone is of interest where everyone sends the name; of other lines the name may tell too.
_KNOWN_HEADERS = frozenset(
    {"content-disposition", "content-type", "content-transfer-encoding", "content-length", "content-id"}
)


@dataclass(frozen=True, slots=True)
class PartSpan:
    """One part: its header lines as (name, value span), and where its body lies.

    A line that is no well-known header has the name ``""`` and spans the whole line.
    """

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
    """Raises WireError 400 without one clear boundary, a closing delimiter, or a part's blank line."""
    delimiter = b"--" + _boundary(content_type)
    parts: list[PartSpan] = []
    outside: list[tuple[int, int]] = []
    line_end: bytes | None = None
    start: int | None = None  # of the part that is open, the first byte after its delimiter's line
    position, closed = 0, False
    while (at := data.find(delimiter, position)) >= 0:
        before = _line_end_before(data, at)
        mark = _DELIMITER_END.match(data, at + len(delimiter))
        if before is None or mark is None or closed:
            raise _bad("A multipart boundary stands where parsers differ over it.")
        ends = {end for end in (before, mark.group(2)) if end}
        if line_end is not None:
            ends.add(line_end)
        if len(ends) > 1:
            raise _bad("The multipart boundaries have different line ends.")
        line_end = next(iter(ends), None)
        end = max(at - len(before), start or 0)
        if start is None:
            outside.append((0, end))
        else:
            parts.append(_part(data, start, end))
            if len(parts) > MAX_PARTS:
                raise WireError(413, "too_large", f"The multipart body has more than {MAX_PARTS} parts.")
        closed = mark.group(1) is not None
        start = position = mark.end(1) if closed else mark.end()
    if not closed or start is None:
        raise _bad("The multipart body is not closed by its boundary.")
    outside.append((start, len(data)))
    return Multipart(tuple(parts), tuple(span for span in outside if data[slice(*span)].strip()))


def _boundary(content_type: str) -> bytes:
    """The one boundary of a Content-Type; two, an extended one, or an odd one are refused."""
    boundaries: list[str] = []
    _, semicolon, rest = content_type.partition(";")
    position = 0
    while semicolon and rest[position:].strip(" \t;"):
        found = _PARAMETER.match(rest, position)
        if found is None:
            raise _bad("The multipart body's Content-Type cannot be read.")
        position = found.end()
        if found.group(1).lower().partition("*")[0] == "boundary":
            quoted = found.group(2)
            boundaries.append(found.group(3) if quoted is None else quoted)
            if "*" in found.group(1):
                raise _bad("The multipart boundary is written in a way that parsers differ over.")
    if len(boundaries) != 1 or not _BOUNDARY.fullmatch(boundaries[0]):
        raise _bad("The multipart body names no boundary, or not a single valid one.")
    return boundaries[0].encode("ascii")


def _line_end_before(data: bytes, at: int) -> bytes | None:
    """The line end that belongs to a delimiter at ``at``; None in mid-line."""
    if at == 0:
        return b""
    if data[at - 1 : at] != b"\n":
        return None
    return b"\r\n" if data[max(at - 2, 0) : at] == b"\r\n" else b"\n"


def _part(data: bytes, start: int, end: int) -> PartSpan:
    headers: list[tuple[str, int, int]] = []
    seen: set[str] = set()
    while start < end:
        stop = data.find(b"\n", start, end)
        stop = end if stop < 0 else stop
        line_end = stop - 1 if data[stop - 1 : stop] == b"\r" and stop > start else stop
        if line_end == start:
            return PartSpan(tuple(headers), min(stop + 1, end), end)
        if stop == end:
            break
        headers.append(_header(data, start, line_end))
        name = headers[-1][0]
        if name and name in seen:
            raise _bad("A multipart part has the same header twice.")
        seen.add(name)
        if len(headers) > MAX_HEADERS:
            raise _bad(f"A multipart part has more than {MAX_HEADERS} headers.")
        start = stop + 1
    if headers or start < end:
        raise _bad("A multipart part has no blank line after its headers.")
    return PartSpan((), end, end)


def _header(data: bytes, start: int, end: int) -> tuple[str, int, int]:
    colon = data.find(b":", start, end)
    name = data[start : max(colon, start)].decode("latin-1").strip().lower()
    if name not in _KNOWN_HEADERS or data[start : start + 1] in b" \t":
        return "", start, end  # an own, folded or broken line: scanned whole
    return name, colon + 1, end


def _bad(message: str) -> WireError:
    return WireError(400, "bad_multipart", message)
