"""Persons whose name an e-mail address in the same text spells: "Xolani Dube" beside ``xdube@example.org``.

The address is the better witness: it says of words that no list has that they are somebody's. Owns how addresses are
made of names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from outgate.dlp.names.persons import is_person
from outgate.dlp.names.shapes import RUN, Span, is_glued
from outgate.dlp.names.words import words

_LOCAL = re.compile(r"(?<![\w.+-])(?P<local>[A-Za-z][\w.-]{2,63})(?:\+[\w.+-]{1,64})?@[\w-]")
_PART = re.compile(r"[a-z]+")
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ı": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        "'": "",
        "’": "",
    }
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})
_LONG = 5  # letters from which on a part alone tells: "xolani7"


def spelled(text: str) -> Iterator[Span]:
    """The persons whom the text's addresses name. Linear in the text."""
    locals_ = {tuple(_PART.findall(one["local"].lower())) for one in _LOCAL.finditer(text)} - {()}
    if not locals_:
        return
    for run in RUN.finditer(text):
        if is_glued(text, *run.span()):
            continue
        own = list(re.finditer(r"\S+", run[0]))
        for first in range(len(own)):
            last = _end(own, first, locals_)
            if last is not None:
                yield run.start() + own[first].start(), run.start() + own[last].end(), "PERSON"
                break


def _end(own: list[re.Match[str]], first: int, spelled_: set[tuple[str, ...]]) -> int | None:
    """The last of the words of a name that starts with ``own[first]``, when an address spells it."""
    if own[first][0].lower() in words().nameless:
        return None
    one = _folded(own[first][0])
    for last in range(len(own) - 1, first, -1):
        name = [word[0] for word in own[first : last + 1]]
        if name[-1].lower() in words().nameless or not is_person(name, sure=True):
            continue
        for two in _families(own, first, last):
            if any(_is_of(one, two, local) for local in spelled_):
                return last
    alone = any(local[0] in one and len(local[0]) >= _LONG and len(local) == 1 for local in spelled_)
    if alone and is_person([own[first][0]], sure=True) and own[first][0].lower() not in words().ordinary:
        after = own[first + 1 : first + 3]
        count = next((n for n, word in enumerate(after) if word[0].lower() in words().nameless), len(after))
        return first + count
    return None


def _families(own: list[re.Match[str]], first: int, last: int) -> Iterator[set[str]]:
    """The family name of ``own[first]``, as it may stand in an address: the last word or all after the first."""
    yield _folded(own[last][0])
    if last > first + 1:
        rest = [_folded(word[0]) for word in own[first + 1 : last + 1]]
        yield {"".join(min(part) for part in rest)}


def _is_of(one: set[str], two: set[str], local: tuple[str, ...]) -> bool:
    """Whether ``local``, in its parts, is made of a given name and a family name, in either order."""
    for given in one:
        for family in two:
            if len(family) < 2 or len(given) < 2:
                continue
            if {given, family} <= set(local) or local in (
                (given[0], family),
                (family, given[0]),
                (given, family[0]),
            ):
                return True
            if local[0] in (
                given + family,
                family + given,
                given[0] + family,
                family + given[0],
                given + family[0],
            ):
                return True
            if given == local[0] and len(local) == 1 and len(given) > 2:
                return True
    return False


def _folded(word: str) -> set[str]:
    """A word in the letters of addresses, in each way that it is written in them."""
    lower = word.lower().strip(".").translate(_LETTERS)
    ways = {lower, lower.translate(_UMLAUTS)}
    return {
        re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", way).encode("ascii", "ignore").decode())
        for way in ways
    }
