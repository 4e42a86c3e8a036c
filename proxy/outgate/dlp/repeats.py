"""A value that was found once is found wherever else it stands: in any field, with any context.

A detector may need a name before the value, or a word near it, to be sure; the second copy has
neither, and leaves all the same. Knows values and texts, nothing of detectors. Names from a model,
URLs and weak matches do not repeat: a word wrongly taken for a name would be wrong everywhere.

Time is linear in the texts: at most ``_SEARCHED`` values are searched as substrings, any number
beyond that through one walk over the words of a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import accumulate, compress, islice
from typing import NamedTuple

from outgate.dlp.detector import Match
from outgate.dlp.overlaps import SECRET, WEAK, Ranks, resolve

_SHORTEST = 6  # code points; anything shorter is likely to occur by itself
_SHORTEST_INSIDE = 12  # a secret of this length or more is found inside other words, too
_LONGEST = 8192
_SEARCHED = 256
_MOST = 5_000  # values of one request, secrets first; a body with more of them is a list of them
SHORT = 8192  # code points of texts in which it is seen soon that a value does not stand
_LENGTHS = 32  # different lengths of values that begin with the same word, at most
_WORD = re.compile(r"\w+")
_WORDS = re.compile(r"(\w+)")


class Value(NamedTuple):
    """A found value, as what it was found, and whether it counts inside a longer word."""

    text: str
    entity: str
    score: float
    detector: str
    inside: bool = False


type Mark = tuple[str, float, str, bool]  # a value without its text: entity, score, detector, inside


def marks(text: str, found: Iterable[Match], ranks: Ranks) -> dict[int, Mark]:
    """By the hash of its text, each value that repeats, as what it was found best. No value is kept.

    The hashes are Python's: 64 bits of SipHash under a key of this process.
    """
    own: dict[int, Mark] = {}
    for match in found:
        length = match.end - match.start
        rank = ranks.of(match.entity, match.score)
        if rank == WEAK or not _SHORTEST <= length <= _LONGEST:
            continue
        inside = rank == SECRET and length >= _SHORTEST_INSIDE
        _add(own, hash(text[match.start : match.end]), (match.entity, match.score, match.detector, inside))
    return own


def _add(members: dict[int, Mark], name: int, mark: Mark) -> None:
    known = members.get(name)
    if known is None or (known[1], mark[0]) < (mark[1], known[0]):
        members[name] = mark


class Values:
    """The distinct values of all matches of a request that repeat, each with its best score.

    They are told apart at once, by their hashes, and spelled out for who asks. Lists have secrets first, the
    longest first.
    """

    def __init__(
        self, texts: Sequence[str], found: Sequence[Sequence[Match]], marks: Sequence[Mapping[int, Mark]]
    ) -> None:
        """``marks``: of each text. O(n) for n of them, and no more than a look at each text where all are its own."""
        self._own = [one for one in zip(texts, found, marks, strict=True) if one[2]]
        self.members: dict[int, Mark] = {}
        for _, _, own in self._own:
            if self.members.keys().isdisjoint(own):
                self.members.update(own)
            else:
                for name, mark in own.items():
                    _add(self.members, name, mark)
        if len(self.members) > _MOST:
            self.members = {hash(value[0]): value[1:] for value in self.all()}

    def all(self) -> list[Value]:
        """Up to ``_MOST`` of them."""
        return self.of(self.members.keys())[:_MOST]

    def of(self, names: Set[int]) -> list[Value]:
        """Those with these hashes."""
        found: dict[str, Value] = {}
        for text, matches, own in self._own:
            if not names.isdisjoint(own):
                for match in matches:
                    value = text[match.start : match.end]
                    name = hash(value)
                    if name in names and name in self.members:
                        found[value] = Value(value, *self.members[name])
        return _ordered(found.values())

    def standing_in(self, texts: Sequence[str]) -> list[Value]:
        """All that stand somewhere in short ``texts``, in a word or alone, and maybe a few more."""
        together = "\n".join(texts)
        seen: set[str] = set()
        found: list[Value] = []
        for text, matches, _ in self._own:
            for match in matches:
                value = text[match.start : match.end]
                if value in seen:
                    continue
                seen.add(value)
                if value in together and hash(value) in self.members:
                    found.append(Value(value, *self.members[hash(value)]))
        return _ordered(found)


def _ordered(values: Iterable[Value]) -> list[Value]:
    return sorted(values, key=lambda value: (not value.inside, -len(value.text), value.text))


def settle(
    texts: Sequence[str], found: Sequence[Sequence[Match]], repeating: Sequence[Value], ranks: Ranks
) -> list[list[Match]]:
    """Per text one answer for each character: what was ``found`` in it, and every repeat of a value."""
    if sum(map(len, texts)) <= SHORT:  # to leave out most values takes less time than to look for all
        repeating = [value for value in repeating if any(value.text in text for text in texts)]
    repeats = Repeats(repeating) if repeating else None
    return [
        resolve(text, [*own, *_unknown(own, repeats.find(text))] if repeats else own, ranks)
        for text, own in zip(texts, found, strict=True)
    ]


def _unknown(known: Sequence[Match], found: Iterable[Match]) -> Iterator[Match]:
    """Of matches that were ``found``, those that say something that the ``known`` ones do not."""
    scores = {(match.start, match.end, match.entity): match.score for match in known}
    for match in found:
        if match.score > scores.get((match.start, match.end, match.entity), -1.0):
            yield match


class Repeats:
    """Finds ``values`` again."""

    def __init__(self, values: Iterable[Value]) -> None:
        distinct = list(values)
        secrets = [value for value in distinct if value.inside]
        others = [value for value in distinct if not value.inside]
        self._searched = secrets[:_SEARCHED]
        rest = secrets[_SEARCHED:] + others
        if len(rest) + len(self._searched) <= _SEARCHED:
            self._searched += rest
            rest = []
        self._walked = _by_first_word(rest)

    def find(self, text: str) -> Iterator[Match]:
        """Every occurrence in ``text``, those that are known already included."""
        for value in self._searched:
            length = len(value.text)
            start = text.find(value.text)
            while start >= 0:
                if value.inside or _stands_alone(text, start, start + length):
                    yield Match(start, start + length, value.entity, value.score, value.detector)
                start = text.find(value.text, start + length)
        if self._walked:
            yield from self._walk(text)

    def _walk(self, text: str) -> Iterator[Match]:
        # Words at odd places, what is between them at even ones: many times faster than a match for each.
        parts = _WORDS.split(text)
        words = parts[1::2]
        begins = islice(accumulate(map(len, parts)), 0, None, 2)
        for word, begin in compress(zip(words, begins, strict=False), map(self._walked.__contains__, words)):
            for offset, length, candidates in self._walked[word]:
                start = begin - offset
                if start < 0:
                    continue
                value = candidates.get(text[start : start + length])
                if value and _stands_alone(text, start, start + length):
                    yield Match(start, start + length, value.entity, value.score, value.detector)


type _Index = dict[str, list[tuple[int, int, dict[str, Value]]]]


def _by_first_word(values: Iterable[Value]) -> _Index:
    """By the first word in a value: where that word begins in it, the value's length, the values.

    A value that stands alone begins a word wherever it occurs, and its first word is a whole one.
    """
    index: _Index = {}
    for value in values:
        word = _WORD.search(value.text)
        if word is None:
            continue
        shapes = index.setdefault(word[0], [])
        for offset, length, candidates in shapes:
            if (offset, length) == (word.start(), len(value.text)):
                candidates[value.text] = value
                break
        else:
            if len(shapes) < _LENGTHS:
                shapes.append((word.start(), len(value.text), {value.text: value}))
    return index


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no word goes on across either edge of the span."""
    before = start > 0 and _is_word(text[start - 1]) and _is_word(text[start])
    after = end < len(text) and _is_word(text[end - 1]) and _is_word(text[end])
    return not before and not after


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
