"""What stands around the places of one text that are judged: the words before and behind them, their column.

Twenty detectors look at the same digits, each with context words of its own. So every place is read once, and what
is read are numbers: a bit for each list of words (``bit_of``), the lists that a word of the text belongs to as those
bits together. To ask for one list is then to look at one bit.

Owns how far words count, what is a word, and the bits. ``context`` has the lists and says what they mean.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from operator import or_
from typing import NamedTuple

from outgate.dlp.tables import Columns

MOST = 8  # telling words before a place, at most, that anybody asks for
_REACH = 160  # code points before a place in which its words are looked for
_NEAR = 72  # of them, those that mostly suffice
_REACH_BEHIND = 40
_MOST_BEHIND = 3  # telling words
_TOKEN = re.compile(r"\w+")
_RUN = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-Þ])")
_MORE = r"[^\W_]*"
_LONG = 5  # digits of a number that ends what counts
_IS_LONG = re.compile(rf"\d{{{_LONG}}}")
_CLAUSE = re.compile(r"[\n,;|{}\"]")
# Behind a word that is the label of what follows it, and says nothing of what stands before.
_LABEL = re.compile(r"[\s_.]*(?:number|numéro|nummer|num|no|nr|id|code)?[\s_.\"']*[:=#]", re.IGNORECASE)
# The words between a label and its value in English; they are not counted.
PASSED_OVER = frozenset(
    """a an and are as at be been by for from had has have her here his i in into is it its me my of on or our
    shall she so that the their them there these they this to us was we were which will with would you your""".split()
)
_KEPT = 2**16  # words of texts whose lists are known
_LONGEST = 64  # code points of a word that can be on a list


class _Word(NamedTuple):
    """What is known of one word of a text."""

    lists: int
    phrases: tuple[_Phrase, ...]  # that begin with it
    telling: bool
    long_number: bool


_SHORT_NUMBER, _LONG_NUMBER = _Word(0, (), True, False), _Word(0, (), True, True)


class _Phrase(NamedTuple):
    """Words one after another, and the list that they are on together."""

    rest: tuple[re.Pattern[str], ...]
    bit: int


class _Lists(dict[str, _Word]):
    """All lists of words there are, by what a word of a text may be. It keeps what it was asked for.

    Lists are added while an engine is built, which may be in a thread while another engine is at work.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bits: dict[tuple[str, ...], int] = {}
        self._whole: dict[str, int] = {}
        self._partly: list[tuple[re.Pattern[str], int]] = []
        self._any_part: re.Pattern[str] | None = None
        self._phrases: list[tuple[re.Pattern[str], _Phrase]] = []
        self._begins: dict[str, list[_Phrase]] = {}
        self._numbered: frozenset[str] = frozenset()
        self._lock = threading.RLock()

    def bit_of(self, words: tuple[str, ...]) -> int:
        """The bit of a list; the same for the same list."""
        with self._lock:
            bit = self._bits.get(words)
            if bit is None:
                bit = 1 << len(self._bits)
                for word in words:
                    self._add(word, bit)
                self._any_part = None
                self._bits[words] = bit  # from here on nothing is kept that was read before
                self.clear()
            return bit

    def _add(self, word: str, bit: int) -> None:
        first, *rest = re.findall(r"\*?[^\W_]+\*?", word) or [""]
        if any(map(str.isdigit, first)):
            self._numbered |= {first.strip("*")}
        if rest:
            phrase = _Phrase(tuple(map(_expression, rest)), bit)
            if "*" in first:
                self._phrases.append((_expression(first), phrase))
            else:
                self._begins.setdefault(first, []).append(phrase)
        elif "*" in first:
            self._partly.append((_expression(first), bit))
        elif first:
            self._whole[first] = self._whole.get(first, 0) | bit

    def __missing__(self, run: str) -> _Word:
        if run.isdecimal() and run not in self._numbered:  # there are too many to keep them
            return _LONG_NUMBER if len(run) >= _LONG else _SHORT_NUMBER
        count = len(self._bits)
        known = self._read(run)
        with self._lock:
            if count == len(self._bits):
                if len(self) >= _KEPT:
                    self.clear()
                self[run] = known
        return known

    def _read(self, run: str) -> _Word:
        plain = run.lower()
        lists = 0
        phrases: list[_Phrase] = []
        parts = _HUMP.split(run) if len(run) <= _LONGEST else []
        for form in {plain, *map(str.lower, parts)} if parts else ():
            lists |= self._whole.get(form, 0) | self._part_of(form)
            phrases += self._begins.get(form, ())
            phrases += (phrase for first, phrase in self._phrases if first.fullmatch(form))
        if phrases and len(parts) > 1:  # a phrase may stand in one word: `birthDate`
            lowered = [part.lower() for part in parts]
            for index, part in enumerate(lowered):
                for phrase in self._begins.get(part, ()):
                    if _goes_on(phrase.rest, lowered, index + 1):
                        lists |= phrase.bit
        return _Word(lists, tuple(phrases), plain not in PASSED_OVER, _IS_LONG.search(run) is not None)

    def numbered_in(self, text: str) -> list[str]:
        """The words of lists that have a digit and stand in ``text``; there are a few."""
        small = text.lower()
        return [word for word in self._numbered if word in small]

    def _part_of(self, form: str) -> int:
        any_part = self._any_part
        if any_part is None:
            with self._lock:
                stems = {one.pattern.replace(_MORE, "") for one, _ in self._partly}
                any_part = self._any_part = re.compile("|".join(stems) or r"(?!)")
        if not any_part.search(form):
            return 0
        lists = 0
        for pattern, bit in self._partly:
            if pattern.fullmatch(form):
                lists |= bit
        return lists


_LISTS = _Lists()


def bit_of(words: tuple[str, ...]) -> int:
    """The bit of a list of words (lower case; ``*`` at an end of one stands for more of it)."""
    return _LISTS.bit_of(words)


class Surroundings:
    """The places of one text. What was asked once is kept, so each place costs its reach once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._before: dict[int, tuple[int, ...]] = {}
        self._behind: dict[int, int] = {}
        self._headings: dict[int, int] = {}
        self._heads: dict[str, int] = {"": 0}  # by the column's name
        self._told: dict[int, str] = {}

    @cached_property
    def anywhere(self) -> int:
        """The lists that a word of the text is on, or the first word of a phrase, wherever it stands."""
        # A place may be within a run, with letters before it: "id12345".
        runs = set(_LETTERS.findall(self._text))
        runs.update(_LISTS.numbered_in(self._text))
        found = 0
        for lists, phrases, _, _ in map(_LISTS.__getitem__, runs):
            found |= lists
            for phrase in phrases:
                found |= phrase.bit
        return found

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self._text)

    def before(self, start: int) -> tuple[int, ...]:
        """The lists of words before ``start``: at ``[n]`` those with fewer than ``n`` telling words in between.

        A number of five digits or more in between ends what counts: a word before it is about that number.
        """
        found = self._before.get(start)
        if found is None:
            found = self._before[start] = self._read_before(start)
        return found

    def behind(self, end: int) -> int:
        """The lists of the three words behind ``end`` in its clause, without those that label what follows."""
        found = self._behind.get(end)
        if found is None:
            found = self._behind[end] = self._read_behind(end)
        return found

    def heading(self, start: int) -> int:
        """The lists of the words in the name of the column that ``start`` stands in; 0 where there is no table."""
        found = self._headings.get(start)
        if found is None:
            found = self._headings[start] = self._head(self._columns.name(start))
        return found

    def _head(self, name: str) -> int:
        found = self._heads.get(name)
        if found is None:
            runs = _RUN.findall(name)
            found = 0
            for index in range(len(runs)):
                for bits, _ in _lists_at(runs, index):
                    found |= bits
            self._heads[name] = found
        return found

    def told(self, start: int) -> str:
        """The last five telling words before ``start``, in lower case, with blanks between."""
        found = self._told.get(start)
        if found is None:
            words = [word.lower() for word in _TOKEN.findall(self._text, max(0, start - _REACH), start)]
            found = self._told[start] = " ".join([word for word in words if word not in PASSED_OVER][-5:])
        return found

    def _read_before(self, start: int) -> tuple[int, ...]:
        for reach in (_NEAR, _REACH):
            first = max(0, start - reach)
            while first > max(0, start - _REACH) and self._text[first - 1].isalnum():
                first -= 1
            levels, enough = _levels(_RUN.findall(self._text, first, start))
            if enough or not first:
                break
        return (0, *accumulate(levels, or_))

    def _read_behind(self, end: int) -> int:
        text = self._text
        last = min(len(text), end + _REACH_BEHIND)
        stop = _CLAUSE.search(text, end, last)
        words = list(_RUN.finditer(text, end, stop.start() if stop else last))
        runs = [word[0] for word in words]
        count, found = 0, 0
        for index, run in enumerate(runs):
            near, labels = 0, 0
            for bits, end_of_it in _lists_at(runs, index):
                if bits and _LABEL.match(text, words[end_of_it].end()):
                    labels |= bits
                else:
                    near |= bits
            found |= near & ~labels
            count += _LISTS[run].telling
            if count >= _MOST_BEHIND:
                break
        return found


def _levels(runs: Sequence[str]) -> tuple[list[int], bool]:
    """The lists of the last words, by the telling words behind each; and whether no word before them could count."""
    levels = [0] * MOST
    between = [0] * len(runs)  # telling words behind each
    count = 0
    for index in range(len(runs) - 1, -1, -1):
        lists, phrases, telling, long_number = _LISTS[runs[index]]
        between[index] = count
        if lists:
            levels[count] |= lists
        if phrases:
            for bits, last in _phrases_at(phrases, runs, index):
                levels[between[last]] |= bits
        count += telling
        if long_number or count >= MOST:
            return levels, True
    return levels, False


def _lists_at(runs: Sequence[str], index: int) -> Iterator[tuple[int, int]]:
    """The lists that have the word at ``index``, or a phrase that begins there; and where that ends."""
    word = _LISTS[runs[index]]
    yield word.lists, index
    yield from _phrases_at(word.phrases, runs, index)


def _phrases_at(phrases: Sequence[_Phrase], runs: Sequence[str], index: int) -> Iterator[tuple[int, int]]:
    for rest, bit in phrases:
        if _goes_on(rest, runs, index + 1):
            yield bit, index + len(rest)


def _goes_on(rest: Sequence[re.Pattern[str]], runs: Sequence[str], index: int) -> bool:
    return index + len(rest) <= len(runs) and all(
        one.fullmatch(runs[index + place].lower()) for place, one in enumerate(rest)
    )


def _expression(word: str) -> re.Pattern[str]:
    return re.compile(re.escape(word).replace(r"\*", _MORE))
