"""Finds wallet seed phrases: 12 to 24 words of BIP 39 whose checksum holds, or that are said to be one.

A pattern cannot do this: any twelve small words fit, and where the phrase begins among them only the list
and the checksum tell. Written in one line or one word a line, numbered or not, in quotes or with commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from outgate.dlp import checksums
from outgate.dlp.detector import Match, Text
from outgate.dlp.made_up import bip39_words
from outgate.dlp.scanner import Expression, Window

ENTITY = "SEED_PHRASE"
_LENGTHS = (24, 21, 18, 15, 12)
# Small words with little between them: in a sentence twelve of them; in a list, with numbers or quotes, two suffice.
_NUMBER = r"[0-9]{1,2}[.):]? ?[a-z]{3,8}"
_FOUR = r"(?:[a-z]{3,8}[ ,\r\n]{1,2}){4}"  # a scanner does not count far: three times four are counted, twelve not
_LISTED = (
    rf"{_FOUR}{_FOUR}(?:[a-z]{{3,8}}[ ,\r\n]{{1,2}}){{3}}[a-z]{{3}}",
    rf"\n[ \t]{{0,4}}{_NUMBER}[ \t]{{0,2}}\r?\n[ \t]{{0,4}}{_NUMBER}[ \t]{{0,2}}\r?\n",
    rf"{_NUMBER}[ ,;]{{1,2}}{_NUMBER}[ ,;]{{1,2}}{_NUMBER}",
    r"(?:[a-z]{3,8}[\"'],[ \r\n\t]{0,6}[\"']){6}[a-z]{3}",
)
_BEFORE, _AFTER = 64, 512  # code points from a listed word to the phrase's first, and to its end
_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]+")
_SAID = re.compile(r"seed|mnemonic|recovery|backup|wallet|phrase|passphrase|secret words", re.IGNORECASE)
_BETWEEN = 8  # code points between two words of a phrase, at most


class _Word(NamedTuple):
    start: int
    end: int
    number: int  # its place in the list of BIP 39


class SeedPhraseDetector:
    """Phrases of BIP 39 in its English words."""

    name = "seed_phrases"
    entities = frozenset({ENTITY})
    expressions = tuple(Expression(listed, int(re.IGNORECASE), _BEFORE, _AFTER) for listed in _LISTED)

    def __init__(self) -> None:
        self._numbers = {word: number for number, word in enumerate(bip39_words())}

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """All whose words lie in ``windows``."""
        for window in windows:
            if which == 0 and not self._may_hold(text.text, window):
                continue
            run: list[_Word] = []
            for found in _WORD.finditer(text.text, window.start, window.reach):
                number = self._numbers.get(found[0].lower())
                if run and (number is None or found.start() - run[-1].end > _BETWEEN):
                    yield from _phrases(text.text, run)
                    run = []
                if number is None and found.start() >= window.end:
                    break
                if number is not None:
                    run.append(_Word(found.start(), found.end(), number))
            yield from _phrases(text.text, run)

    def _may_hold(self, text: str, window: Window) -> bool:
        """Whether as many words of the list stand in a row as a shortest phrase has, but for the last."""
        words = _WORD.findall(text, window.start, window.end)
        row = _LENGTHS[-1] - 1
        last = row - 1
        while last < len(words):
            at = last
            while at > last - row and words[at].lower() in self._numbers:
                at -= 1
            if at == last - row:
                return True
            last = at + row  # a row has to begin after this word
        return False


def _phrases(text: str, run: list[_Word]) -> Iterator[Match]:
    """The phrases in a run of words of the list."""
    if len(run) < _LENGTHS[-1]:
        return
    best = max(_valid(text, run), default=None)
    if best is not None:
        _, length, offset = best
        yield from _phrases(text, run[:offset])
        yield _match(run[offset : offset + length], 0.95)
        yield from _phrases(text, run[offset + length :])
        return
    before = text[max(0, run[0].start - 80) : run[min(3, len(run) - 1)].end]
    for length in _LENGTHS:
        if len(run) - 3 <= length <= len(run) and _SAID.search(before) and _distinct(run[-length:]):
            yield _match(run[-length:], 0.6)
            return


def _valid(text: str, run: list[_Word]) -> Iterator[tuple[int, int, int]]:
    """Windows whose checksum holds, with how sure each is: by the bits of its checksum, and by marked ends.

    Only the first 96 words are tried: what is longer is a list of words, and stays one.
    """
    run = run[:96]
    for length in _LENGTHS:
        for offset in range(len(run) - length + 1):
            window = run[offset : offset + length]
            if _distinct(window) and checksums.bip39_holds([word.number for word in window]):
                yield length // 3 + 3 * _marked(text, run, offset, length), length, offset


def _marked(text: str, run: list[_Word], offset: int, length: int) -> int:
    """How many of the window's ends are ends of the run, or set off by another separator than its words are."""
    gaps = [text[first.end : second.start] for first, second in pairwise(run)]
    inner = set(gaps[offset : offset + length - 1])
    first = offset == 0 or gaps[offset - 1] not in inner
    last = offset + length == len(run) or gaps[offset + length - 1] not in inner
    return first + last


def _distinct(window: list[_Word]) -> bool:
    return len({word.number for word in window}) > 0.7 * len(window)


def _match(window: list[_Word], score: float) -> Match:
    return Match(window[0].start, window[-1].end, ENTITY, score, SeedPhraseDetector.name)
