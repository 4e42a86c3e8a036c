"""Characters written as escapes: percent, HTML entities, JSON and JavaScript, quoted-printable.

Unlike an encoded run, an escape can be replaced alone: each stands for its character, so the map of
what is found here is exact. Undone are the escapes in windows around those that a writer had no need
of (``%2D``, ``&#45;``, ``\\u002d``) or that show a text within a text (``\\":`` is JSON in a JSON string), not
those that are ordinary where they stand (``\\n`` in a program, ``&amp;`` in a page). Backslashes before
one escape are taken as one, however often a JSON string was put into another.

A text without such costs one search for a character for each family.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from outgate.dlp.disguise.offsets import WHOLE, Edit, Offsets, rewrite

_AROUND = 256  # code points before and after a telling escape that are read with it
_TO_BLANK = 1024  # code points more, to the next blank
_FAR = 2 * (_AROUND + _TO_BLANK)  # code points between escapes that share no window

_SURROGATES = re.compile("[\ud800-\udfff]")
_ASCII_OR_NOT = re.compile(rb"([\x00-\x7f]++)|[\x80-\xff]++")


class Unescaped(NamedTuple):
    """A window of a text without its escapes, and where its characters stand in the text."""

    kind: str
    text: str
    offsets: Offsets


# What an escape stands for, in parts: text, how many code points write it, and the step of ``Offsets``.
type _Part = tuple[str, int, int]


class _Family(NamedTuple):
    """One way of escaping.

    ``sign`` is in every text that has any; ``telling`` matches escapes that are worth a window, ``token``
    all that are undone there (neighbours as one where they can be), and ``undo`` says what one stands for.
    """

    sign: str
    telling: re.Pattern[str]
    token: str
    undo: Callable[[str], Iterator[_Part]]


def _percent(escape: str) -> Iterator[_Part]:
    return iter([(" ", 1, WHOLE)]) if escape == "+" else _octets(escape.replace("%", ""), 3)


def _octets(digits: str, width: int) -> Iterator[_Part]:
    """Octets that are written in ``width`` code points each: exact as far as they are ASCII."""
    for run in _ASCII_OR_NOT.finditer(bytes.fromhex(digits)):
        length = len(run[0]) * width
        if run[1]:
            yield run[1].decode("ascii"), length, width
            continue
        try:
            yield run[0].decode("utf-8"), length, WHOLE
        except UnicodeDecodeError:
            yield run[0].decode("latin-1"), length, width


def _entity(escape: str) -> Iterator[_Part]:
    yield _SURROGATES.sub("\ufffd", html.unescape(escape)) or escape, len(escape), WHOLE


_NAMED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _backslash(escape: str) -> Iterator[_Part]:
    kind = escape.lstrip("\\")
    if escape.startswith("\\x"):
        yield from _octets(escape.replace("\\x", ""), 4)
    elif escape.startswith("\\u") and escape[2] != "{":
        units = bytes.fromhex(escape.replace("\\u", ""))
        text = units.decode("utf-16-be", "replace")
        yield text, len(escape), 6 if len(text) * 2 == len(units) else WHOLE
    elif kind[0] in "ux":
        point = int(kind[1:].strip("{}"), 16)
        yield chr(point if point < 0xD800 or 0xE000 <= point < 0x110000 else 0xFFFD), len(escape), WHOLE
    else:
        yield _NAMED.get(kind, kind), len(escape), WHOLE


def _quoted(escape: str) -> Iterator[_Part]:
    return iter([("", len(escape), WHOLE)]) if escape[-1].isspace() else _octets(escape.replace("=", ""), 3)


_FAMILIES: dict[str, _Family] = {
    # RFC 3986, but not the "%5d " of a printf; between digits also the "+" that forms have for a space.
    "url": _Family(
        "%",
        re.compile(r"%[2-7](?:[0-9A-Fa-c]|[d-f](?=[0-9A-Za-z]))(?:%[0-9A-Fa-f]{2})*+"),
        r"(?:%[0-9A-Fa-f]{2})++|(?<=[0-9])\+(?=[0-9])",
        _percent,
    ),
    # HTML, "named character references"; the ones that tell are no markup's.
    "html": _Family(
        "&",
        re.compile(
            r"&(?:#(?:[0-9]{2,7}|[xX][0-9A-Fa-f]{2,6})"
            r"|(?:quot|apos|nbsp|commat|period|lowbar|hyphen|dash|colon|sol|bsol|num|plus|equals|dollar|percnt|Tab|NewLine);)"
        ),
        r"&(?:#[0-9]{1,7}+;?+|#[xX][0-9A-Fa-f]{1,6}+;?+|[A-Za-z]{2,10}+;)",
        _entity,
    ),
    # RFC 8259 and ECMAScript. Telling: printable ASCII but what is escaped for HTML's sake, a key within
    # a string, a line end before a name that is given a value, and the line ends and slashes in base64.
    "json": _Family(
        "\\",
        re.compile(
            r"\\(?:u00(?!3[c-eC-E]|2[267])[2-7][0-9A-Fa-f]|x[2-7][0-9A-Fa-f]|u\{0{0,4}[2-7][0-9A-Fa-f]\}"
            r"|\"\s{0,8}+:|[nr][A-Za-z_.-]{2,40}+[=:]|/(?<=[A-Za-z0-9+/]{16}\\/)(?=[A-Za-z0-9+/]{16})"
            r"|[nr](?:(?<=[A-Za-z0-9+/]{32}\\.)|(?<=[A-Za-z0-9+/]{32}\\\\.)))"
        ),
        r"\\(?:[\"'/bfnrt]|x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*+"
        r"|u(?:(?![dD][89a-fA-F])[0-9A-Fa-f]{4}(?:\\u(?![dD][89a-fA-F])[0-9A-Fa-f]{4})*+"
        r"|[dD][89a-fA-F][0-9A-Fa-f]{2}(?:\\u[dD][89a-fA-F][0-9A-Fa-f]{2})*+|\{[0-9A-Fa-f]{1,6}\})"
        r"|\\{1,64}+(?:[\"'/bfnrt]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|u\{[0-9A-Fa-f]{1,6}\}))",
        _backslash,
    ),
    # RFC 2045, 6.7. Telling: "=", "@" and three octets in a row, and the soft end of a long line.
    "quoted_printable": _Family(
        "=",
        re.compile(
            r"=(?:3D|40(?=[A-Za-z])|[2-7][0-9A-F](?:=[0-9A-F]{2}){2}"
            r"|\r?\n(?<=[!-~ ]{59}[!-<>-~]=\n|[!-~ ]{58}[!-<>-~]=\r\n)"
            r"(?<![A-Za-z0-9+/]{24}=\n)(?<![A-Za-z0-9+/]{24}=\r\n))"
        ),
        r"=[ \t]{0,8}+\r?\n|(?:=[0-9A-F]{2})++",
        _quoted,
    ),
}
_SHORT = 6  # code points of an escape of one character or two
_TO_NEXT_BLANK = re.compile(rf"\S{{0,{_TO_BLANK}}}+")


def unescaped(text: str, is_new: Callable[[int, int], bool]) -> Iterator[Unescaped]:
    """The windows of ``text`` that have telling escapes which ``is_new`` says were not there before. Linear."""
    for start, end, kinds in _windows(text, is_new):
        shown, offsets = rewrite(text, _edits(_tokens(kinds).finditer(text, start, end)), start, end)
        if shown and shown != text[start:end]:
            yield Unescaped("+".join(sorted(kinds)), shown, offsets)


def _edits(escapes: Iterator[re.Match[str]]) -> Iterator[Edit]:
    for found in escapes:
        position, escape, kind = found.start(), found[0], found.lastgroup or ""
        for shown, length, step in (
            _short(kind, escape) if len(escape) <= _SHORT else _FAMILIES[kind].undo(escape)
        ):
            yield shown, position, position + length, step
            position += length


@lru_cache(1024)
def _short(kind: str, escape: str) -> tuple[_Part, ...]:
    """What an escape of a few characters stands for: the same few, over and over."""
    return tuple(_FAMILIES[kind].undo(escape))


def _windows(text: str, is_new: Callable[[int, int], bool]) -> Iterator[tuple[int, int, frozenset[str]]]:
    """What is read with the telling escapes: disjoint, in order, with the kinds of its escapes."""
    done = 0
    for first, last, kinds in _clusters(text, is_new):
        start = max(done, first - _AROUND)
        before = text[max(done, start - _TO_BLANK) : start]
        start -= len(before) - 1 - max(before.rfind(" "), before.rfind("\n"))
        after = _TO_NEXT_BLANK.match(text, min(len(text), last + _AROUND))
        done = after.end() if after else last
        yield start, done, kinds


def _clusters(text: str, is_new: Callable[[int, int], bool]) -> Iterator[tuple[int, int, frozenset[str]]]:
    """Telling escapes that are near each other: where they begin, where they end, their kinds."""
    telling = sorted(
        (*found.span(), kind)
        for kind, family in _FAMILIES.items()
        if family.sign in text
        for found in family.telling.finditer(text)
        if is_new(*found.span())
    )
    first = last = 0
    kinds: set[str] = set()
    for start, end, kind in telling:
        if kinds and start - last > _FAR:
            yield first, last, frozenset(kinds)
            kinds = set()
        if not kinds:
            first = start
        kinds.add(kind)
        last = max(last, end)
    if kinds:
        yield first, last, frozenset(kinds)


@lru_cache
def _tokens(kinds: frozenset[str]) -> re.Pattern[str]:
    """Matches every escape of some families; the group says which."""
    return re.compile("|".join(f"(?P<{kind}>{_FAMILIES[kind].token})" for kind in sorted(kinds)))
