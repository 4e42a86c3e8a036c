"""Names in forms, tables and data: values whose label says what they are, and quoted whole names.

There a model has no sentence to go by, and needs none: ``Surname: Nguyen``, a column ``city``, a key
``"full_name"``. Owns these places; the labels are data (``lists/cues.yaml``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from outgate.dlp.names.persons import is_person
from outgate.dlp.names.shapes import CAPITALISED, NAME, Span, is_identifier, looks_organised
from outgate.dlp.names.words import cue_set, words

_FIELD = re.compile(
    r"(?:^[ \t>*|-]{0,20}|(?<=[{,;])[ \t]?)[\"'*]{0,2}(?P<label>[^\W\d_][\w -]{1,24})[\"'*]{0,2}[ \t]{0,9}[:=\t]"
    r"[ \t]{0,40}[\"'*]{0,2}(?P<value>[^\W\d_][^\n\"{}<>|;:=\t]{1,60})",
    re.MULTILINE,
)
_SPEAKER = re.compile(
    rf"^[ \t]{{0,9}}(?:\[[\d: .apm/-]{{4,24}}\][ \t]{{0,9}}|\d\d?:\d\d[ \t]{{0,9}}(?:[-–][ \t]{{0,9}})?)?"
    rf"(?:<(?={NAME}>))?(?P<name>{NAME})[>:][ \t]",
    re.MULTILINE,
)
_QUOTED = re.compile(rf"[\"']({CAPITALISED}(?:[ \t]{CAPITALISED}){{1,2}})[\"']")
_ROW = re.compile(r"[^\n]+")
_BLANKS = re.compile(r"[\s_-]+")
_VALUE = re.compile(rf"{NAME}(?:,? (?:&|and|of|the|for|upon|am|de|la|le) {NAME}|, {NAME}){{0,3}}\.?")
_MARKS = "|,;\t"


def listed(text: str) -> Iterator[Span]:
    """The names that stand in tables, in fields with a label and in quotes."""
    yield from _tables(text)
    for field in _FIELD.finditer(text):
        yield from _valued(text, field["label"], *field.span("value"))
    yield from _speakers(text)
    for quoted in _QUOTED.finditer(text):
        name = quoted[1].split()
        if name[-1].lower() in words().persons and is_person(name, sure=False):
            yield *quoted.span(1), "PERSON"


def _speakers(text: str) -> Iterator[Span]:
    """Who speaks in a chat: at least two lines start with a name, one of which the lists know."""
    spoken = [one.span("name") for one in _SPEAKER.finditer(text)]
    if len(spoken) < 2:
        return
    names = [text[first:last].split() for first, last in spoken]
    if any(is_person(name, sure=False) for name in names):
        for (first, last), name in zip(spoken, names, strict=True):
            if is_person(name, sure=True) and len(name) < 5:
                yield first, last, "PERSON"


def _valued(text: str, label: str, first: int, last: int) -> Iterator[Span]:
    """The value as what its label says it is; the first of several that fits."""
    value = text[first:last].rstrip(" \t,.'*")
    for entity, sure in _meanings(label):
        if _fits(entity, value, sure):
            yield first, first + len(value), entity
            return


@cache
def _labels() -> dict[str, list[tuple[str, bool]]]:
    """What a value with a label is, and whether the label is never anything else's."""
    labels: dict[str, list[tuple[str, bool]]] = {}
    for sure in (True, False):
        for kind, entity in (("person", "PERSON"), ("place", "LOCATION"), ("organisation", "ORGANIZATION")):
            for label in cue_set(f"{kind}_labels" if sure else f"maybe_{kind}_labels"):
                labels.setdefault(label, []).append((entity, sure))
    return labels


def _meanings(label: str) -> list[tuple[str, bool]]:
    return _labels().get(_BLANKS.sub(" ", label.strip(" \t\"'*_")).lower(), []) if len(label) < 40 else []


def _fits(entity: str, value: str, sure: bool) -> bool:
    if not _VALUE.fullmatch(value):
        return False
    lists = words()
    lower = value.lower().split()
    ordinary = all(word in lists.ordinary for word in lower)
    if entity == "PERSON":
        last, comma, first = value.partition(",")
        if comma and (len(last.split()) > 2 or first.split()[0].lower() not in lists.given):
            return False
        return is_person(value.replace(",", "").split(), sure)
    if entity == "LOCATION":
        known = value.lower() in lists.place_phrases or all(word in lists.places for word in lower)
        tool = any(word in lists.products or is_identifier(word) for word in value.split())
        return known or (sure and len(value) > 3 and len(lower) <= 5 and not ordinary and not tool)
    known = value.lower() in lists.organisations or looks_organised(value.split())
    return known or (sure and not ordinary)


def _tables(text: str) -> Iterator[Span]:
    """Cells of the columns whose heads are labels: CSV, tab-separated text, tables of Markdown."""
    heads: list[str] = []
    mark = ""
    end = -2
    for row in _ROW.finditer(text):
        if not any(map(row[0].__contains__, _MARKS)):
            continue
        follows = row.start() == end + 1
        end = row.end()
        if heads and follows:
            cells = list(_cells(text, *row.span(), mark))
            if len(cells) == len(heads):
                for label, (first, last) in zip(heads, cells, strict=True):
                    if first < last:
                        yield from _valued(text, label, first, last)
                continue
            if set(row[0]) <= set("|-: \t"):
                continue
            heads = []
        if len(row[0]) < 500 and not any(map(str.isdigit, row[0])):
            mark = max(_MARKS, key=row[0].count)
            labels = [text[first:last] for first, last in _cells(text, *row.span(), mark)]
            heads = labels if any(map(_meanings, labels)) and all(map(_is_head, labels)) else []


def _is_head(cell: str) -> bool:
    return (
        not cell
        or bool(_meanings(cell))
        or all(word in words().ordinary for word in _BLANKS.split(cell.lower().strip()))
    )


def _cells(text: str, start: int, end: int, mark: str) -> Iterator[tuple[int, int]]:
    """The cells of a row without blanks and quotes around them; empty ones, too."""
    first = start
    while first <= end:
        after = first
        if text.startswith('"', first, end):
            after = max(first, text.find('"', first + 1, end))
        last = text.find(mark, after, end)
        last = end if last < 0 else last
        cell = text[first:last]
        left = first + len(cell) - len(cell.lstrip(' \t"'))
        yield left, max(left, first + len(cell.rstrip(' \t"')))
        first = last + 1
