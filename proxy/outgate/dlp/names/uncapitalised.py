"""Persons in lower case in other languages than English: behind an introduction or a form of address.

"je m'appelle wyxane querubin", "ein brief an frau querubin": people type to a machine without capitals, and there is no
list of these languages' ordinary words to tell names by, but their little words say where a name ends. English is
``cases``'s. Owns these places and nothing of the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from outgate.dlp.names.shapes import Span
from outgate.dlp.names.words import cue_set, little_words, words

_PARTICLES = frozenset("van von der den de del della di da du dos das al ten ter zu".split())
# "die frau arbeitet": with an article it is no form of address, but in the Romance languages.
_ARTICLE = re.compile(
    r"\b(?:die|der|das|den|dem|diese[rnms]?|jede[rnms]?|keine?|eine?[rnms]?|meine?[rnms]?|seine?[rnms]?|alte|junge"
    r"|une?|una|uno|uma?|um|de|een|ma|sa|ta|mi|su|tu|cette|questa|quella|esta|esa|aquella|essa)[ ]$"
)
_WORD = r"[^\W\d_A-Z]{2,24}(?:[-'’][^\W\d_]{2,24})?"
_MOST = 2  # words of a name besides its particles
# What stands behind a form of address and is none of a name, and what introduces things, too.
_TITLES = frozenset(
    "doktor dr professor prof ober wirt nachbar nachbarin lehrer lehrerin chef chefin präsident minister kollege"
    " kollegin docteur professeur maître doctor profesor dottore dottoressa professore avvocato ingegnere doutor"
    " professora".split()
)
_OF_THINGS = frozenset({"si chiama", "se llama"})


@cache
def _cues() -> tuple[tuple[str, ...], re.Pattern[str]]:
    """What introduces or addresses somebody, and an expression for it and the words that follow."""
    cues = sorted((*cue_set("introductions_small"), *cue_set("addresses_small")), key=len, reverse=True)
    either = "|".join(re.escape(cue).replace("'", "['’]") for cue in cues)
    pattern = rf"(?<![\w'’.@/-])(?P<cue>{either})[ ](?=(?P<name>{_WORD}(?:[ ]{_WORD}){{0,4}})(?![\w@/]))"
    return tuple(cue.split("'")[-1] for cue in cues), re.compile(pattern)


def told(text: str) -> Iterator[Span]:
    """The persons whose surroundings say so. Linear in the text."""
    cues, pattern = _cues()
    if not any(cue in text for cue in cues):
        return
    for found in pattern.finditer(text):
        cue = found["cue"].replace("’", "'")
        introduced = cue in cue_set("introductions_small")
        if not introduced and _ARTICLE.search(text, max(0, found.start() - 10), found.start()):
            continue
        end = _end(found["name"], introduced)
        anybody = cue in _OF_THINGS or cue in cue_set("ladies_small")
        known = not anybody or _is_known(found["name"][:end])
        if end and known:
            yield found.start("name"), found.start("name") + end, "PERSON"


def _is_known(name: str) -> bool:
    """Whether the lists know a word of it: "la signora" is a lady, too, of whom something is said."""
    return not words().persons.isdisjoint(name.split())


def _end(following: str, introduced: bool) -> int:
    """Where in the words that follow the name ends; 0 where there is none.

    Behind a form of address there is one word, unless the lists know the next for a family name.
    """
    lists = words()
    count = end = place = 0
    for word in following.split(" "):
        after = place + len(word)
        if word not in _PARTICLES:
            other = (
                word in little_words() or word in lists.nameless or word in lists.products or word in _TITLES
            )
            if other or (count and not introduced and word not in lists.surnames):
                break
            count, end = count + 1, after
            if count == _MOST:
                break
        elif count and not introduced:
            break
        place = after + 1
    return end
