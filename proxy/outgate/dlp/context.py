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
from collections.abc import Iterable

_WORDS = 5
_REACH = 160  # code points before a match in which its words are looked for
_BONUS = 0.35
_LEAST = 0.4
_TOKEN = re.compile(r"\w+")
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


def raised(score: float) -> float:
    """A score with a context word near the match."""
    return min(1.0, max(score + _BONUS, _LEAST))
