"""What models say, put right: spans made whole or cut, what the lists know added, and no-names dropped.

Small models know names by their look, so they call products, headings and levels names, and cut "Newcastle
upon Tyne" in two. Owns which words belong together; what they name is judged in ``kinds``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.names.families import is_plain_family
from outgate.dlp.names.firms import without_lead
from outgate.dlp.names.gate import Reading, Unit
from outgate.dlp.names.kinds import Name
from outgate.dlp.names.shapes import RUN, Span, looks_organised, starts_sentence
from outgate.dlp.names.words import WORD, cue_set, little_words, words

_PIECE = re.compile(r"(?:(?![^\S\n][-–—][^\S\n]|[^\S\n]{2})[^\n])+")  # what no name goes beyond
_NEXT = re.compile(r"[ \t]([A-Z][a-z]+)\b")
_EDGES = " \t\r\n\"'`.,;:!?&()[]{}<>*-–—_/\\|’‘“”"
_PUBLIC = re.compile(r"(?i)copyright|©|\(c\)[ \t]*\d{4}")
_NOTICE = 160  # characters of a copyright notice before a name


def repaired(reading: Reading, unit: Unit, named: Sequence[Span]) -> Iterator[Span]:
    """The names of one sentence. ``named``: what a model found in it, by position."""
    text = reading.text
    phrases = [] if unit.strict else list(_phrases(text, unit.start, unit.end))
    yield from phrases
    runs = [run.span() for run in RUN.finditer(text, unit.start, unit.end)]
    believed = unit.language == unit.reader and not unit.strict
    regions = _joined(runs, named) if believed else _labelled(runs, named)
    for begin, last, label in _without(regions, phrases):
        for piece in _pieces(text, begin, last):
            start, end = _trimmed(text, *piece, label, unit.language)
            starts = [start] if unit.language == "en" else _person_starts(text, start, end, unit.language)
            for first in starts:
                if entity := Name(text, first, end, label, unit, reading.small).entity():
                    yield first, end, entity
                    break


def is_public(text: str, start: int, end: int) -> bool:
    """Whether a name stands in a copyright notice, where it is published."""
    first = max(0, start - _NOTICE)
    line = text.rfind("\n", first, start)
    above = text.rfind("\n", first, max(first, line))
    return _PUBLIC.search(text, above + 1 if above >= 0 else first, end) is not None


def _joined(runs: Sequence[tuple[int, int]], named: Sequence[Span]) -> Iterator[Span]:
    """Runs of capitalised words and the model's spans, what overlaps as one with the longest span's label."""
    whole: Span | None = None
    longest = 0
    for start, end, label in sorted([*named, *((first, last, "") for first, last in runs)]):
        if whole and start < whole[1]:
            if label and end - start > longest:
                longest = end - start
                whole = whole[0], max(end, whole[1]), label
            else:
                whole = whole[0], max(end, whole[1]), whole[2]
            continue
        if whole:
            yield whole
        whole, longest = (start, end, label), end - start if label else 0
    if whole:
        yield whole


def _labelled(runs: Sequence[tuple[int, int]], named: Sequence[Span]) -> Iterator[Span]:
    """Runs of capitalised words as they are, each with the label of the longest span that touches it."""
    spans = sorted(named)
    index = 0
    for first, last in runs:
        while index < len(spans) and spans[index][1] <= first:
            index += 1
        longest, label = 0, ""
        for start, end, said in spans[index:]:
            if start >= last:
                break
            if end - start > longest:
                longest, label = end - start, said
        yield first, last, label


def _without(regions: Iterator[Span], phrases: Sequence[Span]) -> Iterator[Span]:
    """The regions that do not touch a phrase; both by position."""
    index = 0
    for region in regions:
        while index < len(phrases) and phrases[index][1] <= region[0]:
            index += 1
        if index == len(phrases) or region[1] <= phrases[index][0]:
            yield region


def _phrases(text: str, start: int, end: int) -> Iterator[Span]:
    """Listed names of several words, each of which may stand in it as it likes but the first."""
    lower = text[start:end].lower()
    if len(lower) != end - start:
        return
    last = 0
    for word in WORD.finditer(lower):
        first = start + word.start()
        if word.start() < last or not text[first].isupper():
            continue
        if found := words().phrase(lower, word.start(), word[0]):
            rest = slice(word.end() + 1, found[0])
            if found[1] == "LOCATION" or text[start:end][rest] != lower[rest]:
                last = found[0] + _kind_after(text, start + found[0], end)
                yield first, start + last, found[1]


def _kind_after(text: str, first: int, end: int) -> int:
    """The length of a word after ``first`` that belongs to an organisation: "Mount Sinai Hospital"."""
    word = _NEXT.match(text, first, end)
    return word.end() - first if word and word[1].lower() in cue_set("organisation_kinds") else 0


def _pieces(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """A region without what no name goes beyond: a line's end, a dash, an "and" after an organisation."""
    for piece in _PIECE.finditer(text, first, last):
        start, end = piece.span()
        joint = text.find(" and ", start, end)
        if joint > 0 and looks_organised(text[start:joint].split()):
            yield start, joint
            start = joint + 5
        yield start, end


def _person_starts(text: str, first: int, last: int, language: str) -> list[int]:
    """Where a person may start in a run whose first words are capitalised nouns or start the sentence.

    Only German has nouns with capitals; elsewhere what stands before a given name is one, too, but for the first word
    of a sentence.
    """
    lists = words()
    own = list(WORD.finditer(text, first, last))
    number = next((n for n, word in enumerate(own[:-1]) if word[0].lower() in lists.given), 0)
    while (
        number
        and own[number - 1][0].lower() in lists.surnames
        and own[number - 1][0].lower() not in lists.ordinary
    ):
        number -= 1
    if not number:
        return [first]
    begins = number == 1 and starts_sentence(text, first) and text[max(0, first - 2) : first].strip() != ":"
    if language == "de" or begins or any(word[0].lower() in lists.nameless for word in own[:number]):
        return [own[number].start()]
    return [first, own[number].start()]


def _trimmed(text: str, first: int, last: int, label: str, language: str) -> tuple[int, int]:
    """The span without quotes and stops around it, and without words that are no part of the name."""
    while True:
        before = first, last
        while first < last and (text[first] in _EDGES or text[first].isspace()):
            first += 1
        while (
            first < last
            and (text[last - 1] in _EDGES or text[last - 1].isspace())
            and not _ends_form(text, first, last)
        ):
            last -= 1
        if text[first:last].endswith(("'s", "’s")):
            last -= 2
        own = text[first:last].split()
        if len(own) > 1:
            if label != "PERSON" and looks_organised(own):
                return without_lead(text, first, last), last
            if (
                _is_lead(own[0])
                or own[0].islower()
                or (language != "en" and own[0].lower() in little_words())
            ):
                first += len(own[0])
            elif own[-1].lower() in words().nameless and not is_plain_family(own, label):
                last -= len(own[-1])
        if (first, last) == before:
            return first, last


def _ends_form(text: str, first: int, last: int) -> bool:
    return text[last - 1] == "." and text[first:last].rpartition(" ")[2] in cue_set("organisation_forms")


def _is_lead(word: str) -> bool:
    """Whether a word before a name is none of it: it starts the sentence, or is a title or a letter."""
    lists = words()
    own = word.lower().rstrip(".,:")
    if own in cue_set("introductions_perhaps"):  # Soy Inmaculada Roldán
        return True
    if own in lists.nameless:
        return own not in lists.prefixes
    return own in cue_set("titles") or (len(own) == 1 and word[-1] != ".")
