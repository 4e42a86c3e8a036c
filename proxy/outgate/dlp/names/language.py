"""Which language a text is in, by a vote of its little words. Enough to choose a model; no more is claimed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

from outgate.dlp.names.words import data

_VOTERS = 200  # words at most; more do not change the answer
_LEAST = 8  # words of a text that can say it
_SHARE = 0.2  # of the words must be the language's little ones
_LEAD = 1.25  # times the next language's


def language_of(words: Sequence[str]) -> str | None:
    """The ISO 639-1 code of a language that ``words`` of a text are surely in, or None."""
    if len(words) < _LEAST:
        return None
    voters = words[:_VOTERS]
    votes: Counter[str] = Counter()
    for word in voters:
        votes.update(_languages().get(word.lower(), ()))
    (best, most), (_, second) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    return best if most >= _SHARE * len(voters) and most > _LEAD * second else None


@cache
def _languages() -> dict[str, list[str]]:
    languages: dict[str, list[str]] = {}
    for language, words in data("languages").items():
        for word in words:
            languages.setdefault(word, []).append(language)
    return languages
