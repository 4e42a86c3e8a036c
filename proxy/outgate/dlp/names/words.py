"""The word lists that stand beside the models: what is mostly a name, and what never is one.

A model of a few megabytes guesses from a word's look and its neighbours; whether "Jane" is a given
name, "Lyon" a place, "Kafka" a product or "Release" an ordinary word is knowledge, so it is data
(``names/lists``). Owns the loading and what follows from the lists. All words are in lower case.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

_FOLDER = Path(__file__).parent / "lists"


class Words:
    """Sets of words in lower case; ``..._phrases`` are whole names of several words."""

    def __init__(self) -> None:
        self.given, _ = _read("given_names")
        self.surnames, _ = _read("surnames")
        self.places, self.place_phrases = _read("places")
        self.organisations, self.organisation_phrases = _read("organisations")
        self.software, _ = _read("software")  # products, protocols, formats
        self.never, _ = _read("never")  # levels, labels, greetings, days
        self.common, _ = _read("common")  # ordinary English words
        abroad, _ = _read("abroad")  # those of other languages that letters and forms have with a capital
        listed = self.given | self.surnames | self.places | self.organisations
        cues = data("cues")
        self.prefixes = frozenset(cues["place_prefixes"])
        #: How the ends of companies' names are written, by their lower case.
        self.forms = {form.lower(): form for form in reversed(cues["organisation_forms"])}
        self.company_words = frozenset(self.forms) | frozenset(cues["organisation_kinds"])
        listed |= {
            word
            for phrase in self.place_phrases | self.organisation_phrases
            for word in phrase.split()
            if word not in self.common
        }
        self.english = self.common | self.software | self.never
        #: Says nothing of a name when it stands in lower case; some are names, too: mark, reading.
        self.ordinary = self.english | (abroad - listed)
        #: Can be (a part of) a name, and is no ordinary word.
        self.names = listed - self.ordinary
        #: Is no part of a name of ours even where it is capitalised.
        self.nameless = self.ordinary - listed
        #: Tells a sentence in lower case that may have names; family names alone are too many other things.
        self.telling = self.names - (self.surnames - self.given)
        self.persons = self.given | self.surnames
        self.products = self.software - self.persons
        phrases = dict.fromkeys(self.place_phrases, "LOCATION")
        phrases |= dict.fromkeys(self.organisation_phrases, "ORGANIZATION")
        self._phrases: dict[str, list[tuple[str, str]]] = {}
        for phrase in sorted(phrases, key=len, reverse=True):
            self._phrases.setdefault(re.split(r"\W", phrase)[0], []).append((phrase, phrases[phrase]))

    def phrase(self, lower: str, start: int, word: str) -> tuple[int, str] | None:
        """The end and the entity of the listed name of several words that starts with ``word`` at ``start``."""
        for phrase, entity in self._phrases.get(word, ()):
            end = start + len(phrase)
            if lower.startswith(phrase, start) and not lower[end : end + 1].isalnum():
                return end, entity
        return None


@cache
def words() -> Words:
    """The lists, read once."""
    return Words()


@cache
def data(name: str) -> dict[str, list[str]]:
    """Lists by name, of ``{name}.yaml``: words split, phrases whole."""
    lists = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value.split() if isinstance(value, str) else value for key, value in lists.items()}


@cache
def cue_set(name: str) -> frozenset[str]:
    """The words or phrases of one of the lists of what stands around names (``cues.yaml``)."""
    return frozenset(data("cues")[name])


@cache
def little_words() -> frozenset[str]:
    """The little words of all languages that can be told."""
    return frozenset(word for language in data("languages").values() for word in language)


def _read(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a list, and the phrases that follow its empty line."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").lower().splitlines()
    single, _, phrases = "\n".join(line for line in lines if not line.startswith("#")).partition("\n\n")
    return frozenset(single.split()), frozenset(phrases.splitlines())
