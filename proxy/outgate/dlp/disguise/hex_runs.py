"""Runs of hexadecimal digits in a text, and the texts that they hold.

Plain, over several lines, in pairs or fours with colons, blanks, commas or hyphens between them, or as
``0x73, 0x6b``. (``\\x73`` is an escape, and replaced alone.) Numbers are written in the same digits: what
is short and has decimal digits only must say digits again, decimal or hexadecimal.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from outgate.dlp.disguise.encoded import Encoded, Part
from outgate.dlp.disguise.readable import Reader, text_of

SHORTEST = 16  # digits

_DIGITS = b"0123456789abcdefABCDEF"
_SEPARATORS = b":,;- \t\r\n"
_CLASSES = bytes(
    ord("h") if octet in _DIGITS else ord(":") if octet in _SEPARATORS else ord(" ") for octet in range(256)
)
_DIGIT = ord("h")
_NO_DIGITS = bytes(sorted(set(range(256)) - set(_DIGITS)))
_PLAIN = b"h" * SHORTEST
_RUN = re.compile(rb"[0-9A-Fa-f]++")
_LONG = 32  # digits of a line that the next may go on from
_MORE_LINES = re.compile(
    rb"(?:[ \t\"'+\\]{0,4}?(?:\r\n?|\n|\\r\\n|\\n)[ \t>\"'#*|]{0,64}[0-9A-Fa-f]++"
    rb"(?=[ \t\"'+\\,;]{0,4}(?:[\r\n]|\\[rn]|\Z)))*+"
)
_LINE = re.compile(rb"\\[rn]|([0-9A-Fa-f]++)")
# What eight octets look like, and how far such a run goes: with the separators of the first kind it may
# have any, or only one at a time (a dump of sixteen octets a line, and the letters beside them).
_SPACED = tuple(
    (b":" * wide).join([b"h" * digits] * (SHORTEST // digits)) for digits, wide in ((2, 1), (2, 2), (4, 1))
)
_SPACED_RUNS = (
    re.compile(rb"(?:[0-9A-Fa-f]{2}){1,4}+(?:[:,; \t\r\n-]{1,2}+(?:[0-9A-Fa-f]{2}){1,4}+(?![0-9A-Za-z]))++"),
    re.compile(rb"(?:[0-9A-Fa-f]{2}){1,4}+(?:[:,; \t\r\n-](?:[0-9A-Fa-f]{2}){1,4}+(?![0-9A-Za-z]))++"),
)
_PREFIXED = re.compile(
    rb"0[xX](?:[0-9A-Fa-f]{2}){1,8}+(?:[:,; \t\r\n]{1,16}+0[xX](?:[0-9A-Fa-f]{2}){1,8}+)++"
)
_PREFIX = re.compile(rb"0[xX]")
_NUMERALS = b"0123456789abcdefABCDEF% +-.,:/\t\r\n"
_NUMBER = re.compile(rb"[0-9]")
_CERTAIN = 32  # digits of which hardly any number is all printable octets


def hex_runs(octets: bytes, reader: Reader) -> Iterator[Encoded]:
    """All runs in a text's ``octets`` (one for each code point) that hold text. Linear."""
    classes = octets.translate(_CLASSES)
    yield from _plain(octets, classes, reader)
    for needle in _SPACED:
        yield from _spaced(octets, classes, needle, reader)
    for run in _PREFIXED.finditer(octets):
        found = _found(run.span(), _PREFIX.sub(b"", run[0]).translate(None, _NO_DIGITS), reader)
        if found:
            yield found


def _plain(octets: bytes, classes: bytes, reader: Reader) -> Iterator[Encoded]:
    start = classes.find(_PLAIN)
    while start >= 0:
        end = _end(octets, start)
        more = _MORE_LINES.match(octets, end) if end - start >= _LONG else None
        if more is None or more.end() == end:
            if found := _found((start, end), octets[start:end], reader):
                yield found
        else:
            lines = [
                (start, end),
                *(line.span(1) for line in _LINE.finditer(octets, end, more.end()) if line[1]),
            ]
            yield from _in_lines(octets, lines, reader)
            end = more.end()
        start = classes.find(_PLAIN, end)


def _end(octets: bytes, start: int) -> int:
    run = _RUN.match(octets, start)
    return run.end() if run else start


def _in_lines(octets: bytes, lines: list[tuple[int, int]], reader: Reader) -> Iterator[Encoded]:
    """Lines of digits may be one run that is wrapped, a list of runs (or look like both), or neither."""
    whole = _found((lines[0][0], lines[-1][1]), b"".join([octets[a:b] for a, b in lines]), reader)
    if whole:
        yield whole
    each = [_found(span, octets[slice(*span)], reader) for span in lines]
    if all(each):
        parts = [part._replace(text=part.text + "\n") for one in each if one for part in one.parts]
        yield Encoded("hex", tuple(parts))
    elif not whole:
        yield from (one for one in each if one)


def _spaced(octets: bytes, classes: bytes, needle: bytes, reader: Reader) -> Iterator[Encoded]:
    start = classes.find(needle)
    while start >= 0:
        end = start + 1
        # Not where a longer group ends, as in a UUID.
        if start == 0 or classes[start - 1] != _DIGIT:
            for pattern in _SPACED_RUNS:
                run = pattern.match(octets, start)
                if run is None:
                    continue
                end = max(end, run.end())
                if found := _found(run.span(), run[0].translate(None, _NO_DIGITS), reader):
                    yield found
                    break
        start = classes.find(needle, end)


def _found(span: tuple[int, int], digits: bytes, reader: Reader) -> Encoded | None:
    """What ``digits``, written in ``span``, say; with one digit too many, whichever end it is at."""
    if len(digits) < SHORTEST:
        return None
    for some in (digits,) if len(digits) % 2 == 0 else (digits[:-1], digits[1:]):
        data = binascii.unhexlify(some)
        if (
            len(some) < _CERTAIN
            and some.isdigit()
            and (data.translate(None, _NUMERALS) or not _NUMBER.search(data))
        ):
            continue
        inflated = reader.inflated(data)
        text = inflated[1] if inflated else text_of(data)
        if text:
            return Encoded(f"hex>{inflated[0]}" if inflated else "hex", (Part(*span, text),))
    return None
