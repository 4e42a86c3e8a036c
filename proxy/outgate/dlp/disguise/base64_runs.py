"""Runs of base64 and base32 in a text, and the texts that they hold.

Finding is cheap because ``bytes.translate`` and ``bytes.find`` do it: only stretches of fifteen characters
of the alphabet are looked at, and nearly all of those are dismissed by one regular expression for how
text looks in base64 (the top bit of each octet is zero). A look costs a fixed number of passes over its
run; a long run that is no text (an image) costs only samples of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from outgate.dlp.disguise.encoded import Encoded, Part
from outgate.dlp.disguise.readable import Reader, printable, text_of

SHORTEST = 15  # characters: eleven octets, a social security number with its hyphens
_SHORTEST_BASE32 = 24
_SHORTEST_WRAPPED = 48  # characters of a line
_LARGE = 4096  # characters; a longer run is judged by samples
_SAMPLE = 1024  # characters
_SHORTEST_HASH = 32  # characters
# Of text in base64 more than a third is capitals: so much of it without any, or little with no digit either, is a name.
_NEVER_SMALL = 24
_LONGEST_PATH = 512  # characters; a longer run is no path and no identifier
_SAMPLED_LINES = 8
_FEW_LINES = 4  # of a run that a word below it could spoil

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_HEX = b"0123456789abcdefABCDEF"
_CLASSES = bytes(ord("a") if octet in _ALPHABET else ord(" ") for octet in range(256))
_NEEDLE = b"a" * SHORTEST
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")

# Four characters for three octets below 0x80, in either alphabet; as many such in a row as text has,
# and other bytes hardly ever.
_QUAD = rb"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-])"
_ASCII_OCTETS = re.compile(_QUAD + rb"{3}")
_MORE_ASCII_OCTETS = re.compile(_QUAD + rb"{4}")
_MIDDLING = 40  # characters of a run from which on it takes more of them
# First two characters of UTF-8: ASCII or a leading octet, and then no octet that cannot follow.
_UTF8 = re.compile(rb"[CDI-Za-f][^I-LY-bo-r4-7]|[w-z0-9][I-LY-bo-r4-7]")
# What other runs begin with: gzip (1f 8b 08) and zlib at its usual levels (78 01, 5e, 9c, da), base32 of
# ASCII.
_PACKED = rb"(?:|[A-Za-z0-9]{1,32}[-_/])(?P<packed>H4sI|e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r]))"
_BASE32 = rb"(?P<base32>[A-P][A-Z2-7]{%d,}+\Z)" % (_SHORTEST_BASE32 - 1)
_OTHER = re.compile(_PACKED + rb"|" + _BASE32)
_FIRST = 24  # characters that tell whether the rest is worth decoding
_PADDING = re.compile(rb"={0,6}")

# A run goes on in the next line, if that has nothing else: quotes, a plus, a comment sign or an escaped
# line end between the two are those of source code and of JSON. The last line may be short. Where lines
# are padded each, they are a list of runs. What ends in "--" is the frame of a PEM.
_LINE_END = rb"(?<!--)[ \t\"'+\\]{0,4}?(?:\r\n?|\n|\\r\\n|\\n)[ \t>\"'#*|]{0,64}"
_ALONE = rb"(?=[ \t\"'+\\=,;]{0,4}(?:[\r\n]|\\[rn]|\Z))"
_MORE_LINES = re.compile(
    rb"(?:={0,2}%b[A-Za-z0-9+/_-]{%d,}+%b)*+(?:%b[A-Za-z0-9+/_-]{1,%d}+%b)?+"
    % (_LINE_END, SHORTEST, _ALONE, _LINE_END, SHORTEST - 1, _ALONE)
)
_BEFORE_A_LINE_END = frozenset({bytes((sign,)) for sign in b"= \t\"'+\\\r\n"})
_FARTHEST = 7  # octets behind a run, of which the last begins the line's end
_LINE = re.compile(rb"\\[rn]|([A-Za-z0-9+/_-]++)")
# Where a run may be several: segments of a path, words of an identifier.
_SEGMENTS = tuple(re.compile(rb"[^%b]{%d,}+" % (signs, SHORTEST)) for signs in (rb"/", rb"_-", rb"/+_-"))

type _Span = tuple[int, int]


class _Held(NamedTuple):
    """What a run holds from its character ``start`` on."""

    start: int
    kind: str
    text: str


def base64_runs(octets: bytes, reader: Reader) -> Iterator[Encoded]:
    """All runs in a text's ``octets`` (one for each code point) that hold text. Linear."""
    classes = octets.translate(_CLASSES)
    start = classes.find(_NEEDLE)
    while start >= 0:
        end = classes.find(b" ", start + SHORTEST)
        end = len(octets) if end < 0 else end
        lines = [(start, end)]
        more = _MORE_LINES.match(octets, end) if _may_end_a_line(octets, end) else None
        if more and more.end() > end:
            lines += (line.span(1) for line in _LINE.finditer(octets, end, more.end()) if line[1])
            lines = _without_stray(lines)
        if len(lines) > 1:
            yield from _in_lines(octets, lines, reader)
        elif _worth_a_look(octets, start, end):
            yield from _in_run(octets, (start, end), reader)
        end = lines[-1][1]
        start = classes.find(_NEEDLE, end)


def _may_end_a_line(octets: bytes, end: int) -> bool:
    """Whether a line's end can be in what stands behind a run; much cheaper than to try."""
    if octets[end : end + 1] not in _BEFORE_A_LINE_END:
        return False
    behind = octets[end : end + _FARTHEST]
    return b"\n" in behind or b"\\" in behind or b"\r" in behind


def _without_stray(lines: list[_Span]) -> list[_Span]:
    """Without a short last line, unless the one before it is as long as lines are wrapped at."""
    (start, end), (last_start, last_end) = lines[-2:]
    return lines[:-1] if last_end - last_start < SHORTEST and end - start < _SHORTEST_WRAPPED else lines


def _worth_a_look(octets: bytes, start: int, end: int) -> bool:
    """Whether a run has anything that text has in base64 or base32; most identifiers and all hashes have not."""
    length = end - start
    if length > _LARGE:
        return True
    run = octets[start:end]
    if run.islower() and (length >= _NEVER_SMALL or run.translate(None, b"/_-").isalpha()):
        return False
    if length >= _SHORTEST_HASH and not run.translate(None, _HEX):
        return False
    signs = _MORE_ASCII_OCTETS if length >= _MIDDLING else _ASCII_OCTETS
    return bool(
        signs.search(octets, start, end)
        or _OTHER.match(octets, start, end)
        or (length >= _FIRST and _begins_as_text(octets[start : start + _FIRST]))
    )


def _begins_as_text(run: bytes) -> bool:
    return bool(_UTF8.match(run)) and bool(text_of(_decoded(run)))


def _in_run(octets: bytes, span: _Span, reader: Reader) -> Iterator[Encoded]:
    start, end = span
    held = _held(octets[start:end], reader)
    if held is None or not _clean(held):
        segments = list(_in_segments(octets, span, reader))
        if segments and (held is None or _strange(octets[start + held.start : segments[0].parts[0].start])):
            yield from segments
            return
    if held:
        yield _encoded(octets, start + held.start, end, held)


def _strange(run: bytes) -> bool:
    """Whether what stands before a segment is not of one piece with it."""
    data = _decoded(run)
    return printable(data) * 8 < len(data) * 7


def _in_segments(octets: bytes, span: _Span, reader: Reader) -> Iterator[Encoded]:
    """A run of the alphabet may be a path or an identifier of which only a part is encoded."""
    start, end = span
    if end - start > _LONGEST_PATH:
        return
    done = start
    for first, last in sorted(
        {found.span() for some in _SEGMENTS for found in some.finditer(octets, start, end)}
    ):
        if first < done or last - first == end - start or not _worth_a_look(octets, first, last):
            continue
        if held := _held(octets[first:last], reader):
            yield _encoded(octets, first + held.start, last, held)
            done = last


def _in_lines(octets: bytes, lines: list[_Span], reader: Reader) -> Iterator[Encoded]:
    """Lines of base64 may be one run that is wrapped, a list of runs (or look like both), or neither."""
    wrapped = _wrapped(octets, lines, reader) if b"=" not in octets[lines[0][1] : lines[-1][0]] else None
    if wrapped:
        yield wrapped
    small = lines[-1][1] - lines[0][0] <= _LARGE
    looked_at = lines if small else lines[:_SAMPLED_LINES]
    if all(text_of(_decoded(octets[first:last])) for first, last in looked_at):
        texts = [text_of(_decoded(octets[first:last])) for first, last in lines]
        parts = [
            Part(first, _padded(octets, last), text + "\n")
            for (first, last), text in zip(lines, texts, strict=True)
            if text
        ]
        yield Encoded("base64", tuple(parts))
    elif small and not wrapped and not _are_wrapped(lines):
        for span in lines:
            if _worth_a_look(octets, *span):
                yield from _in_run(octets, span, reader)


def _are_wrapped(lines: list[_Span]) -> bool:
    """Whether lines look like one run whatever it holds; here and there a line of a certificate is text."""
    return len(lines) > 2 and len({end - start for start, end in lines[1:-1]}) == 1


def _wrapped(octets: bytes, lines: list[_Span], reader: Reader) -> Encoded | None:
    """Lines as one run; the last may be a word that only stands below it."""
    found = None
    for some in (lines, lines[:-1]) if len(lines) <= _FEW_LINES else (lines,):
        held = _held(b"".join([octets[first:last] for first, last in some]), reader)
        if held and (found is None or _clean(held)):
            found = _encoded(octets, some[0][0] + held.start, some[-1][1], held)
            if _clean(held):
                break
    return found


def _clean(held: _Held) -> bool:
    return "\ufffd" not in held.text


def _encoded(octets: bytes, start: int, end: int, held: _Held) -> Encoded:
    return Encoded(held.kind, (Part(start, _padded(octets, end), held.text),))


def _padded(octets: bytes, end: int) -> int:
    """Where the padding of a run ends."""
    padding = _PADDING.match(octets, end)
    return padding.end() if padding else end


def _held(run: bytes, reader: Reader) -> _Held | None:
    """The text that a run of base64 or base32 holds as a whole, up to three strange characters before it."""
    other = _OTHER.match(run)
    if other and other["packed"]:
        start = other.start("packed")
        if inflated := reader.inflated(_decoded(run[start:])):
            return _Held(start, f"base64>{inflated[0]}", inflated[1])
    for start in _alignments(run):
        if text := text_of(_decoded(run[start:])):
            return _Held(start, "base64", text)
    if other and other["base32"] and text_of(_decoded32(run[:_FIRST])):
        text = text_of(_decoded32(run))
        return _Held(0, "base32", text) if text else None
    return None


def _alignments(run: bytes) -> Iterator[int]:
    """Where in the first four characters of a run text may begin, likeliest first."""
    if len(run) > _LARGE:
        middle = len(run) // 8 * 4
        for start in range(4):
            if any(text_of(_decoded(run[at : at + _SAMPLE])) for at in (start, start + middle)):
                yield start
        return
    tried = set()
    for quads in _ASCII_OCTETS.finditer(run):
        start = quads.start() % 4
        if start not in tried:
            tried.add(start)
            yield start
            if len(tried) == 4:
                return
    if 0 not in tried and len(run) >= _FIRST and _begins_as_text(run[:_FIRST]):
        yield 0


def _decoded(run: bytes) -> bytes:
    """A run in either alphabet; up to three characters at its end that make no octet are passed over."""
    run = run.translate(_FROM_URL_SAFE)
    whole = len(run) - (len(run) % 4 == 1)
    return binascii.a2b_base64(run[:whole] + b"=" * (-whole % 4))


def _decoded32(run: bytes) -> bytes:
    whole = len(run) - {1: 1, 3: 1, 6: 1}.get(len(run) % 8, 0)
    return base64.b32decode(run[:whole] + b"=" * (-whole % 8))
