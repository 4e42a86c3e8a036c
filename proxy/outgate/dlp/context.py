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

from outgate.dlp.tables import column

_WORDS = 5
_WORDS_AFTER = 3
_REACH = 160  # code points before a match in which its words are looked for
_BONUS = 0.35
_LEAST = 0.4
_REACH_AFTER = 40
_TOKEN = re.compile(r"\w+")
_PLAIN_TOKEN = re.compile(r"[^\W_]+")
_LONG_NUMBER = re.compile(r"\d{5}")
_CLAUSE = re.compile(r"[\n,;|{}\"]")
_PARTS = re.compile(r"[\s-]+")  # of a phrase
# Behind a word that is the label of what follows it, and says nothing of what stands before.
_LABELS = re.compile(r"[\s_.]*(?:number|numéro|nummer|num|no|nr|id|code)?[\s_.\"']*[:=#]", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-Þ])")
# The words between a label and its value in English; they do not use up the five.
_PASSED_OVER = frozenset(
    """a an and are as at be been by for from had has have her here his i in into is it its me my of on or our
    shall she so that the their them there these they this to us was we were which will with would you your""".split()
)


class Context:
    """A recognizer's context words."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(dict.fromkeys(word.lower() for word in words if word.split()))
        self._parts = tuple(dict.fromkeys(word.split()[0] for word in self._words))

    def __bool__(self) -> bool:
        return bool(self._words)

    def near(self, text: str, start: int, end: int) -> bool:
        """Whether one of the words stands before the match at ``start:end`` or in its first word."""
        reach = text[max(0, start - _REACH) : end].lower()
        if not any(part in reach for part in self._parts):
            return False
        before = [word.lower() for word in _TOKEN.findall(text[max(0, start - _REACH) : start])]
        telling = [word for word in before if word not in _PASSED_OVER][-_WORDS:]
        first = _TOKEN.search(text, start, end)
        if first:
            telling.append(first[0].lower())
        around = " ".join(telling)
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
        choices = "|".join(map(_any_blanks, sorted(self.words, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![^\W_])(?:{choices})(?![^\W_])")

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

    def near(self, text: str, start: int, end: int) -> bool:
        """Whether one of the words stands near ``text[start:end]``, or at the head of its column."""
        return (
            self.before(text, start)
            or (self._after and self._behind(text, end))
            or self._pattern.search(" ".join(_forms(column(text, start)))) is not None
        )

    def before(self, text: str, start: int, words: int = _WORDS) -> bool:
        """Whether one of the words begins among the last ``words`` before ``start``."""
        before = text[max(0, start - _REACH) : start]
        for reach in _forms(before):
            last = None
            for last in self._pattern.finditer(reach):  # noqa: B007 - the last one counts
                pass
            if last is None:
                continue
            between = _telling(reach[last.end() :])
            # A number in between is what the word is about.
            if len(between) < words and not any(map(_LONG_NUMBER.search, between)):
                return True
        return False

    def _behind(self, text: str, end: int) -> bool:
        for reach in _forms(_CLAUSE.split(text[end : end + _REACH_AFTER], maxsplit=1)[0]):
            found = self._pattern.search(reach)
            if found is None or _LABELS.match(reach, found.end()):
                continue
            if len(_telling(reach[: found.start()])) < _WORDS_AFTER:
                return True
        return False


def _forms(text: str) -> tuple[str, ...]:
    """In lower case; and with its words in camel case apart, if there are any."""
    apart = _HUMP.sub(" ", text)
    return (text.lower(),) if len(apart) == len(text) else (text.lower(), apart.lower())


def _telling(text: str) -> list[str]:
    return [word for word in _PLAIN_TOKEN.findall(text) if word not in _PASSED_OVER]


def _any_blanks(word: str) -> str:
    """A word as an expression; what stands between the parts of a phrase may be blanks, hyphens or marks."""
    parts = [re.escape(part).replace(r"\*", r"[^\W_]*") for part in _PARTS.split(word)]
    return r"[\s_.'’-]{1,2}".join(parts)


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
