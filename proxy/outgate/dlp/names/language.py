"""Which language a text is in, by a vote of its little words. Enough to choose a model; no more is claimed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from outgate.dlp.names.words import data, words

_JOINT = re.compile("['’-]")  # l'homme, pouvez-vous
_VOTERS = 100  # words at most; more do not change the answer
_LEAST = 4  # words of a text that can say it, and at least two of these must
_SHARE = 0.2  # of the words must be the language's little ones
_LEAD = 1.25  # times the next language's
#: The language of a text that is in none that can be told, and not in English (ISO 639-2).
UNDETERMINED = "und"


def language_of(found: Sequence[str]) -> str | None:
    """The ISO 639-1 code of a language that the words ``found`` in a text are surely in, or None."""
    if len(found) < _LEAST:
        return None
    voters = found[:_VOTERS]
    languages = _languages()
    votes: dict[str, int] = {}
    for word in voters:
        if len(word) == 1 and word.isupper():  # V15, S8
            continue
        for part in _JOINT.split(word.lower()):
            for language in languages.get(part, ()):
                votes[language] = votes.get(language, 0) + 1
    best = max(votes, key=votes.__getitem__, default="")
    most = votes.pop(best, 0)
    most = most if most > 1 else 0
    return (
        best
        if most and most >= _SHARE * len(voters) and most > _LEAD * max(votes.values(), default=0)
        else None
    )


def is_english(found: Sequence[str]) -> bool:
    """Whether ``found``, of a text in no language that can be told, may be English: few words, or known ones."""
    lists = words()
    small = [word for word in found[:_VOTERS] if len(word) > 2 and word.islower()]
    known = sum(word in lists.english or word in lists.names for word in small)
    return len(small) < _LEAST or known * 2 > len(small)


def languages() -> frozenset[str]:
    """The ISO 639-1 codes of those that can be told."""
    return frozenset(data("languages"))


@cache
def _languages() -> dict[str, list[str]]:
    languages: dict[str, list[str]] = {}
    for language, little in data("languages").items():
        for word in little:
            languages.setdefault(word, []).append(language)
    return languages
