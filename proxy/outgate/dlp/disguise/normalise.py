"""Text as it looks: without what cannot be seen, look-alikes as the ASCII that they pass for.

NFKC as far as it ends in ASCII (styled letters and digits, spaces, ligatures), invisible characters and
combining marks that touch ASCII removed, look-alikes of other alphabets folded where their word would
become ASCII and has ASCII in it already, or is an address or something like a key. Ordinary writing in
any script stays as it is. Case, leetspeak, letter-spacing and the order of characters are not touched.

What invisible characters spell is read besides: tags, and octets in variation selectors.

ASCII is decided at once; other text costs one or two walks of a regular expression, and Python's time
only for the characters that change.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from outgate.dlp.disguise.lookalikes import (
    ACCENTED,
    ALWAYS,
    FOREIGN,
    INVISIBLE,
    LIGATURES,
    MARKS,
    SIGNS,
    WIDE_PUNCTUATION,
)
from outgate.dlp.disguise.offsets import WHOLE, Edit, Offsets, rewrite
from outgate.dlp.disguise.readable import text_of


def _any_of(points: Iterable[int]) -> str:
    """The inside of a character class, as ranges: beyond the BMP ``re`` compares them one by one."""
    ordered = sorted(points)
    starts = [point for before, point in zip([-1, *ordered], ordered, strict=False) if point - before != 1]
    ends = [point for point, after in zip(ordered, [*ordered[1:], -1], strict=True) if after - point != 1]
    return "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in zip(starts, ends, strict=True))


# Non-ASCII text with no more than a few words of ASCII in between: the rest need not be looked at.
_STRETCH = re.compile("[\x80-\U0010ffff]++(?:[\x00-\x7f]{1,32}+[\x80-\U0010ffff]++)*+")
# Of the planes above the first only whole blocks, which translation then takes apart.
_STYLED_CLASS = (
    _any_of(point for point in (*ALWAYS, *SIGNS) if point < 0x10000)
    + "\U0001d400-\U0001d7ff\U0001f130-\U0001f1ff\U0001fbf0-\U0001fbf9"
)
_STYLED = re.compile(f"[{_STYLED_CLASS}]++")
_WIDE_CLASS = _any_of(WIDE_PUNCTUATION)
_WIDE = re.compile(f"[{_WIDE_CLASS}](?:(?=[!-~])|(?<=[!-~][{_WIDE_CLASS}]))")
_MANY_SIGNS = 6  # signs in a row that are no ordinary "x²" or "①"
_BUT_FEW_SIGNS = ALWAYS | WIDE_PUNCTUATION
_ALL_STYLED = _BUT_FEW_SIGNS | SIGNS

_UNSEEN_CLASS = INVISIBLE + MARKS + "".join(LIGATURES)
_UNSEEN = re.compile(f"[{INVISIBLE}{MARKS}]++|[{''.join(LIGATURES)}]")
_CHANGING = re.compile(f"[{_STYLED_CLASS}{_WIDE_CLASS}{_UNSEEN_CLASS}]")
_ESCAPED_BREAK = re.compile(r"\\[nrt](?=[\w+($])")
_NO_COMMAND = re.compile(r"\\[nrt](?=[A-Z0-9_+($]|[^\x00-\x7f])")
_BREAK = re.compile(r"\\[nrt]")
_BEHIND_BREAK = re.compile(r"\\[nrt]([\w+($])")
_COMMANDS = 0.8  # share of small letters behind what may be an escape, from which on it is TeX: `\newline`
_MARK = re.compile(f"[{MARKS}]")
# ASCII that can be seen, and what passes for it.
_ENGAGING = frozenset(map(chr, (*range(0x21, 0x7F), *FOREIGN))) | frozenset(LIGATURES)

# From a look-alike to where a word could begin that has ASCII in it, too: nothing in between is folded.
_FOREIGN_RUN = re.compile(f"[{_any_of(FOREIGN)}][^A-Za-z0-9@_]*+")
_ACCENTED_RUN = re.compile(f"[{_any_of(ACCENTED)}][^0-9@_]*+")
_FOLD = FOREIGN | ACCENTED
_WORD_SIGNS = "_@.+/%~!#$&*-"
_WORD = re.compile(f"[A-Za-z0-9{_WORD_SIGNS}{_any_of(_FOLD)}]++")
_IN_WORDS = frozenset(string.ascii_letters + string.digits + _WORD_SIGNS).union(map(chr, _FOLD))
_FOREIGN_LETTERS = _any_of(point for point in FOREIGN if chr(point).isalpha() and point not in SIGNS)
_FOREIGN_LETTER = re.compile(f"[{_FOREIGN_LETTERS}]")
_MIXED = re.compile(f"[A-Za-z_][{_FOREIGN_LETTERS}]|[{_FOREIGN_LETTERS}][A-Za-z_]")
_DIGIT = re.compile("[0-9]")
_REACH = 256  # code points before a look-alike in which its word may begin
# Shortest words, in code points, that can be a part of something worth hiding: the last is one whose
# look-alikes are marks and dashes only, as they are in "2019–2020".
_ADDRESS, _MIXED_WORD, _KEY, _LONG_KEY = 6, 4, 8, 11
_CJK = "\u2e80"  # from here on words are not set apart by spaces

_TAGS = re.compile("[\U000e0020-\U000e007e]++")
_FEWEST_TAGS = 6
_FLAG = "\U0001f3f4"  # tags after it name a country's part
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}+")


class Reading(NamedTuple):
    """What a text says besides what it says; ``kind`` as in ``View``."""

    kind: str
    text: str
    offsets: Offsets


def normalise(text: str) -> Iterator[Reading]:
    """What invisible characters in ``text`` spell, and last ``text`` as it looks, if it does not look as it is.

    Linear.
    """
    if text.isascii():
        return
    stretches = _stretches(text)
    seen, offsets = text, None
    if any(_CHANGING.search(text, *stretch) for stretch in stretches):
        yield from _hidden(text)
        styled = _styled(text, stretches)
        seen, offsets = rewrite(styled, _without_unseen(styled, stretches), 0, len(styled))
        stretches = _stretches(seen)
    shown = seen
    for runs in (_FOREIGN_RUN, _ACCENTED_RUN):
        shown = _folded(shown, runs, stretches)
    if shown != text:
        yield Reading("normalised", shown, offsets or rewrite(text, (), 0, len(text))[1])


def broken(text: str) -> Reading | None:
    """``text`` with line breaks for those that are escapes, as they are within a JSON string or a program.

    Else the letter of the escape would be taken for the first of the word behind it. As long as before.
    """
    if "\\" not in text:
        return None
    behind = _BEHIND_BREAK.findall(text)
    small = sum("a" <= sign <= "z" for sign in behind)
    is_tex = small > _COMMANDS * len(_BREAK.findall(text))
    if len(behind) == (small if is_tex else 0):
        return None
    breaks = _NO_COMMAND if is_tex else _ESCAPED_BREAK
    shown = breaks.sub(lambda found: " \t" if found[0] == "\\t" else " \n", text)
    return None if shown == text else Reading("breaks", shown, rewrite(text, (), 0, len(text))[1])


def _stretches(text: str) -> list[tuple[int, int]]:
    """Where a text is not ASCII, each time with the characters beside it."""
    spans = (stretch.span() for stretch in _STRETCH.finditer(text))
    return [(max(0, start - 1), min(len(text), end + 1)) for start, end in spans]


def _hidden(text: str) -> Iterator[Reading]:
    """What tag characters and variation selectors spell. Flags and emoji spell nothing."""
    tags = [
        run.span() for run in _TAGS.finditer(text) if text[max(0, run.start() - 1) : run.start()] != _FLAG
    ]
    if sum(end - start for start, end in tags) >= _FEWEST_TAGS:
        yield Reading("tags", *rewrite(text, _spelt(text, tags), tags[0][0], tags[-1][1]))
    for run in _SELECTORS.finditer(text):
        start, end = run.span()
        octets = bytes(point - 0xFE00 if point < 0xE0100 else point - 0xE00F0 for point in map(ord, run[0]))
        if read := text_of(octets):
            yield Reading("variation_selectors", *rewrite(text, [(read, start, end, WHOLE)], start, end))


def _spelt(text: str, tags: list[tuple[int, int]]) -> Iterator[Edit]:
    done = tags[0][0]
    for start, end in tags:
        yield "", done, start, WHOLE
        for index in range(start, end):
            yield chr(ord(text[index]) - 0xE0000), index, index + 1, WHOLE
        done = end


def _styled(text: str, stretches: list[tuple[int, int]]) -> str:
    """Styled ASCII as plain ASCII. As long as before."""
    pieces, done = [], 0
    for start, end in stretches:
        pieces += [text[done:start], _WIDE.sub(_to_ascii, _STYLED.sub(_to_ascii, text[start:end]))]
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _to_ascii(run: re.Match[str]) -> str:
    return run[0].translate(_BUT_FEW_SIGNS if len(run[0]) < _MANY_SIGNS else _ALL_STYLED)


def _without_unseen(text: str, stretches: list[tuple[int, int]]) -> Iterator[Edit]:
    """Ligatures spelt out; what is invisible or marks a letter left out where it touches ASCII.

    A mark belongs to the character before it, also in the original; an invisible character to none.
    """
    done = 0
    for run in (run for stretch in stretches for run in _UNSEEN.finditer(text, *stretch)):
        start, end = run.span()
        before = text[start - 1 : start] in _ENGAGING
        if run[0] in LIGATURES:
            yield LIGATURES[run[0]], start, end, WHOLE
        elif before and start > done and _MARK.search(text, start, end):
            yield text[start - 1], start - 1, end, WHOLE
        elif before or text[end : end + 1] in _ENGAGING:
            yield "", start, end, WHOLE
        else:
            continue
        done = end


def _folded(text: str, runs: re.Pattern[str], stretches: list[tuple[int, int]]) -> str:
    """Look-alikes as ASCII, in the words that call for it. As long as before."""
    pieces: list[str] = []
    position = 0  # up to here the text is in pieces
    looked = 0  # up to here words were looked at
    places = (place for stretch in stretches for run in runs.finditer(text, *stretch) for place in run.span())
    for place in places:
        if place < looked:
            continue
        start, least = place, max(looked, place - _REACH)
        while start > least and text[start - 1] in _IN_WORDS:
            start -= 1
        word = _WORD.match(text, start)
        if word is None:
            continue
        looked = word.end()
        if _calls_for_ascii(word):
            pieces += [text[position:start], word[0].translate(_FOLD)]
            position = looked
    if not pieces:
        return text
    pieces.append(text[position:])
    return "".join(pieces)


def _calls_for_ascii(word: re.Match[str]) -> bool:
    """Whether a word that could be ASCII is likely to be meant as ASCII."""
    text, start, end = word.string, word.start(), word.end()
    as_it_is, length = word[0], end - start
    if as_it_is.isascii():
        return False
    # "Apple" and the first letters of "-овский": the rest of the word is no look-alike.
    if any(0 <= at < len(text) and text[at].isalpha() and text[at] < _CJK for at in (start - 1, end)):
        return False
    if "@" in as_it_is:
        return length >= _ADDRESS
    digit = _DIGIT.search(as_it_is) is not None
    if not _FOREIGN_LETTER.search(as_it_is):
        return digit and length >= _LONG_KEY
    return (digit and length >= _KEY) or (length >= _MIXED_WORD and _MIXED.search(as_it_is) is not None)
