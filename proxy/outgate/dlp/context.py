"""Words around a match, and what they do for its score.

The rule is that of Presidio's LemmaContextAwareEnhancer: one of a recognizer's context words among the
five words before a match, or in the match's own first word, adds 0.35 and lifts the score to 0.4 at
least. Two things differ on purpose. Words are split here by a plain expression, only around a match,
where Presidio tokenises and lemmatises the whole text with a model; since a context word counts as a
part of a word ("card" in "cards"), a lemma is rarely missed. And a context of two words ("hardware
address") can be met, which it never is by comparing it with one word at a time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from outgate.dlp.detector import Text
from outgate.dlp.surroundings import bit_of

_BONUS = 0.35
_LEAST = 0.4
_WORDS = 5
_TOKEN = re.compile(r"\w+")


class Context:
    """A recognizer's context words."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(dict.fromkeys(word.lower() for word in words if word.split()))

    def __bool__(self) -> bool:
        return bool(self._words)

    def occurs(self, text: Text) -> bool:
        """Whether one of the words stands anywhere."""
        return any(word in text.lowered for word in self._words)

    def near(self, text: Text, start: int, end: int) -> bool:
        """Whether one of the words stands before the match at ``start:end`` or in its first word."""
        around = text.surroundings.told(start)
        first = _TOKEN.search(text.text, start, end)
        if first:
            around += " " + first[0].lower()
        return any(word in around for word in self._words)


class Words:
    """Whole words of our own around a value: among the five before it, or the three behind it on its line.

    A ``*`` at an end of a word stands for the rest of a longer one. ``_`` and a capital within a word end one, so a
    key such as ``nhs_number`` or ``nhsNumber`` is two of them.
    """

    def __init__(self, words: Iterable[str], *, after: bool = True) -> None:
        plain = [word.lower() for word in words]
        # Identifiers and hasty people leave accents out.
        self.words = tuple(dict.fromkeys([*plain, *map(_without_accents, plain)]))
        self._after = after
        self._bit = bit_of(self.words)

    def __bool__(self) -> bool:
        return bool(self.words)

    @property
    def anywhere(self) -> str:
        """An expression that matches wherever one of the words may stand."""
        choices = set()
        for word in self.words:
            parts = re.findall(r"[^\W_]+", word)
            if parts:
                rest = r"[\W_]{0,3}".join(map(re.escape, parts))
                first, rest = rest[0], rest[1:]
                ends = "" if word.endswith("*") else "(?![a-z0-9])"  # a capital may begin the next word
                begins = rf"(?:(?:\b|_)(?i:{first})" + (f"|{first.upper()})" if first.islower() else ")")
                begins = f"(?i:{first})" if word.startswith("*") else begins
                choices.add(f"{begins}(?i:{rest}){ends}")
        return "|".join(sorted(choices))

    def occurs(self, text: Text) -> bool:
        """Whether one of the words may stand anywhere. False only where ``near`` is False everywhere."""
        return bool(text.surroundings.anywhere & self._bit)

    def near(self, text: Text, start: int, end: int) -> bool:
        """Whether one of the words stands near ``text[start:end]``, or at the head of its column."""
        around = text.surroundings
        return bool(
            around.before(start)[_WORDS] & self._bit
            or (self._after and around.behind(end) & self._bit)
            or around.heading(start) & self._bit
        )

    def before(self, text: Text, start: int, words: int = _WORDS) -> bool:
        """Whether one of the words begins among the last ``words`` before ``start``."""
        return bool(text.surroundings.before(start)[words] & self._bit)


def _without_accents(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not "\u0300" <= part <= "\u036f"))


def raised(score: float) -> float:
    """A score with a context word near the match."""
    return min(1.0, max(score + _BONUS, _LEAST))


@cache
def nationality(country: str) -> Words:
    """What says that a number is of a country, by its code among the locales."""
    return Words([country, *_NATIONALITIES.get(country, "").split()])


@cache
def another_nationality(country: str) -> Words:
    """What says that a number is of another country than this one; not by codes, which are words, too."""
    others = (words for code, words in _NATIONALITIES.items() if code != country)
    return Words(word for words in others for word in words.split() if word not in ("united", "gb", "sa"))


_NATIONALITIES = {
    "us": "american usa united u.s.",
    "uk": "british britain england gb dvla hmpo",
    "ca": "canadian canada canadien",
    "au": "australian australia",
    "in": "indian india",
    "de": "german germany deutsch* deutschland",
    "es": "spanish spain español* españa",
    "it": "italian italy italian* italia",
    "fr": "french france français* francais*",
    "nl": "dutch netherlands nederland*",
    "pl": "polish poland polski*",
    "se": "swedish sweden svensk*",
    "fi": "finnish finland suomi suomen",
    "ch": "swiss switzerland schweiz*",
    "kr": "korean korea 대한민국",
    "th": "thai thailand",
    "ph": "philippine philippines filipino dfa",
    "za": "african rsa sa",
    "sg": "singapore",
    "ng": "nigerian nigeria",
    "tr": "turkish türk* turkey türkiye",
    "cn": "chinese china",
    "jp": "japanese japan",
    "br": "brazilian brazil",
    "mx": "mexican mexico",
}
