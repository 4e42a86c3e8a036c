"""A person who was named once in full is found where only a part of the name stands: "Anna Kim called. Kim will pay."

Within one piece of text: in other texts the same word may be another's, or no name. Owns which parts count, and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from outgate.dlp.names.shapes import Span, is_glued, starts_sentence
from outgate.dlp.names.words import WORD, cue_set, words

_SHORTEST = 3  # letters


def again(text: str, found: Iterable[Span], small: frozenset[str]) -> Iterator[Span]:
    """The parts of the names of persons in ``found`` wherever they stand capitalised.

    ``small``: the words that ``text`` has in lower case, too. Linear in the text.
    """
    parts: set[str] = set()
    for start, end, entity in found:
        if entity == "PERSON":
            parts.update(word[0] for word in WORD.finditer(text, start, end) if _counts(word[0], small))
    if not parts:
        return
    start = end = -1
    for word in WORD.finditer(text):
        if word[0] in parts and not is_glued(text, *word.span()):
            if end >= 0 and text[end : word.start()] in (" ", ", "):
                end = word.end()
                continue
            if end >= 0 and _is_person(text, start, end):
                yield start, end, "PERSON"
            start, end = word.span()
    if end >= 0 and _is_person(text, start, end):
        yield start, end, "PERSON"


def _counts(word: str, small: frozenset[str]) -> bool:
    lists = words()
    lower = word.lower()
    if len(word) < _SHORTEST or not word[0].isupper() or lower in small:
        return False
    return lower not in lists.never and lower not in lists.software and lower not in cue_set("titles")


def _is_person(text: str, start: int, end: int) -> bool:
    """Whether the part stands where it can be the person: alone, and not as a place or an ordinary word."""
    lists = words()
    own = text[start:end].lower()
    after = text[end : end + 2]
    if (after[:1] == " " and after[1:].isupper()) or after[:1] in ("-", "&"):
        return False
    before = text[max(0, start - 24) : start].split()[-1:]
    if before and before[0].rstrip(".").lower() in cue_set("titles"):
        return True
    if before and ((before[0][0].isdigit() and before[0][-1] not in ":.)") or before[0] == "&"):
        return False
    if before and before[0][0].isupper() and not starts_sentence(text, start) and before[0][-1] not in ",;:":
        return False
    if own in lists.ordinary:
        return not starts_sentence(text, start)
    return not (own in lists.places and before and before[0].lower() in ("in", "near", "outside", "to"))
