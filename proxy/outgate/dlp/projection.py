"""A text as the bytes that Hyperscan is given, one for each character, and character classes over such bytes.

ASCII is as it is. Beyond it there are two stand-ins: one for a letter or digit of another script, one for anything
else. So a class over them is a superset: what is in it may stand for more than the original takes.
"""

from __future__ import annotations

import codecs
import re
import re._constants as op  # type: ignore[import-not-found]
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

LETTER, OTHER = ord("_"), 0x80  # what stands for a letter, and for anything else, beyond ASCII
SEPARATORS: Final = frozenset(range(0x1C, 0x20))  # blanks for `re`, not for `regex`: for us, either
EVERY: Final = frozenset(range(129))
DIGITS: Final = frozenset(b"0123456789")
ALPHANUMERIC: Final = frozenset(code for code in range(128) if chr(code).isalnum())
_ASCII = [chr(code) for code in range(128)]


def project(text: str) -> bytes:
    """One byte for each character: ASCII as it is, letters and digits of other scripts as ``_``.

    Such digits are not ``\\d`` here; whoever wants them reads a normalised text, in which they are ASCII's.
    Offsets are those of the text, and a word's edge is a word's edge (of `re`: for `regex`, combining
    marks are letters, too; a normalised text has none that could stand with its letter). Linear.
    """
    return text.encode("ascii", "outgate.project") if not text.isascii() else text.encode("ascii")


def _project_run(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return bytes(map(projected, error.object[error.start : error.end])), error.end


@lru_cache(maxsize=4096)
def projected(char: str) -> int:
    if char.isascii():
        return ord(char)
    return LETTER if char.isalnum() else OTHER


codecs.register_error("outgate.project", _project_run)


def members(kind: Any, value: Any, flags: int) -> frozenset[int]:
    """The projected bytes that a character class can match."""
    if kind is op.ANY:
        return frozenset(range(256)) if flags & re.DOTALL else frozenset(range(256)) - {10}
    if kind is op.NOT_LITERAL:
        value = [(op.NEGATE, None), (op.LITERAL, value)]
    negated = value[0][0] is op.NEGATE
    items = value[1:] if negated else value
    fold = bool(flags & re.IGNORECASE)
    inside = {ord(char) for char in _ASCII if _matches(char, items, fold)}
    if negated:
        return frozenset((set(range(128)) - inside) | {LETTER, OTHER} | SEPARATORS)
    return frozenset(inside | _beyond(items))


def _matches(char: str, items: Iterable[tuple[Any, Any]], fold: bool) -> bool:
    codes = {ord(char)} | ({ord(char.lower()), ord(char.upper())} if fold else set())
    for kind, value in items:
        if kind is op.LITERAL and value in codes:
            return True
        if kind is op.RANGE and any(value[0] <= code <= value[1] for code in codes):
            return True
        if kind is op.CATEGORY and _CATEGORIES[value](char):
            return True
    return False


def _beyond(items: Iterable[tuple[Any, Any]]) -> set[int]:
    """The bytes that stand for characters beyond ASCII which a class without negation can match."""
    found: set[int] = set()
    for kind, value in items:
        if kind is op.LITERAL:
            found.add(projected(chr(value)))
        elif kind is op.RANGE:
            if value[1] >= 128:
                found |= {LETTER, OTHER}
        elif value in (op.CATEGORY_WORD, op.CATEGORY_NOT_DIGIT, op.CATEGORY_NOT_SPACE):
            found |= {LETTER, OTHER}
        elif value in (op.CATEGORY_SPACE, op.CATEGORY_NOT_WORD):
            found.add(OTHER)
    return found


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_NOT_DIGIT: lambda char: not char.isdigit(),
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_NOT_SPACE: lambda char: not char.isspace() or ord(char) in SEPARATORS,
    op.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    op.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}


def complement(members: frozenset[int]) -> frozenset[int]:
    """What is outside of a class, as a superset: a stand-in may stand for a character on either side."""
    return frozenset((set(range(128)) - members) | {LETTER, OTHER} | SEPARATORS)


def class_of(members: frozenset[int]) -> str:
    if len(members) == 1:
        return byte_of(next(iter(members)))
    pieces: list[str] = []
    codes = sorted(members)
    start = previous = codes[0]
    for code in [*codes[1:], 1 << 10]:
        if code != previous + 1:
            ends = (start,) if start == previous else (start, previous)
            pieces.append("-".join(map(byte_of, ends)))
            start = code
        previous = code
    return f"[{''.join(pieces)}]"


def byte_of(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and (char.isalnum() or char in "_ @") else f"\\x{code:02x}"
