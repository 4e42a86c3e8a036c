"""Names in forms, tables and data: values whose label says what they are, and quoted whole names.

There a model has no sentence to go by, and needs none: ``Surname: Nguyen``, a column ``city``, a key
``"full_name"``. Where no label tells, the other values of the column or the key do, when the lists know enough of
them. Owns these places; the labels are data (``lists/cues.yaml``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from outgate.dlp.names.persons import is_person
from outgate.dlp.names.shapes import CAPITALISED, NAME, Span, is_identifier, looks_organised
from outgate.dlp.names.tables import Cell, columns
from outgate.dlp.names.words import cue_set, words

_QUOTE = r"(?:\\?[\"'*]){0,2}"  # escaped where data stand in a string of data
_FIELD = re.compile(
    rf"(?:^[ \t>*|-]{{0,20}}|(?<=[{{,;])[ \t]?){_QUOTE}(?P<label>[^\W\d_][\w /.'()-]{{1,24}}?){_QUOTE}"
    rf"[ \t]{{0,9}}[:=\t][ \t]{{0,40}}{_QUOTE}(?:(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ ])?"
    r"(?P<value>[^\W\d_][^\n\"\\{}<>|;:=\t]{1,60})",
    re.MULTILINE,
)
# owner = "Jane Doe", customer.name: 'Jane Doe', user="Jane Doe"
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?:[\w-]{1,30}\.){0,3}(?P<label>[^\W\d_][\w-]{1,40})[ \t]?[:=][ \t]?(?P<quote>\\?[\"'])"
    r"(?P<value>[^\W\d_][^\n\"\\{}<>|;:=\t]{1,60}?)(?P=quote)"
)
_ELEMENT = re.compile(
    r"<(?:[\w-]{1,20}:)?(?P<label>[^\W\d_][\w-]{1,40})(?:[ \t][^<>\n]{0,80})?>"
    r"[ \t]{0,9}(?P<value>[^\W\d_][^<>\n]{1,60})</"
)
_CLOCK = r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[ \u202f]?[apAP]\.?[mM]\.?)?"
_DAY = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
# "Ann: hello", "[10:14] Ann: hello", "12/03/2024, 18:02 - Ann: hello", "**Ann:** hello", "Ann (10:14): hello"
_SPEAKER = re.compile(
    rf"^[ \t]{{0,9}}(?:(?P<exported>\[?{_DAY},[ ]{_CLOCK}(?:\]|[ ]-)[ ](?:~[ \u202f]?)?)"
    rf"|\[[\d:, .apmAPM/-]{{4,24}}\][ \t]{{0,9}}|(?:{_DAY},?[ ])?{_CLOCK}[ \t]{{1,9}}(?:[-–][ \t]{{0,9}})?)?"
    rf"(?:<(?={NAME}>)|\*\*(?={NAME}:))?(?P<name>{NAME})(?:[ ]\({_CLOCK}\))?"
    r"(?:[ ]?>|[ \u00a0\u202f]?:(?:\*\*)?)[ \t\u00a0]",
    re.MULTILINE,
)
# "Ann  10:14 AM", and what she says in the next line
_SPEAKER_ABOVE = re.compile(
    rf"^[ \t]{{0,9}}(?P<name>{NAME})[ \t]{{1,4}}(?:\[{_CLOCK}\]|{_CLOCK})[ \t]*\n(?=[^\n])", re.MULTILINE
)
_QUOTED = re.compile(rf"[\"']({CAPITALISED}(?:[ \t]{CAPITALISED}){{1,2}})[\"']")
_PEOPLE = re.compile(
    r"^[ \t>*#-]{0,20}(?P<label>[^\W\d_][\w -]{1,24})[*]{0,2}[ \t]?:[*]{0,2}[ \t]+(?P<people>[^\n]{3,400})",
    re.MULTILINE,
)
# HL7 version 2, PID-5; whoever is to do something, in a programmer's note.
_SEGMENT = re.compile(r"\bPID\|(?:[^|\n]{0,80}\|){4}(?P<name>[^\W\d_][^|^\n]{0,40}\^[^\W\d_][^|~\n]{0,60})")
_NOTE = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NOTE)\((?P<name>[^\W\d_]{3,20})\)")
_BETWEEN = re.compile(
    r"[ \t]*(?:[,;|/&]|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b)[ \t]*|[ \t]*\([^()]{0,60}\)"
)
_NAME = re.compile(NAME)
_BLANKS = re.compile(r"[\s_-]+")
# "Name" is a person's where a column beside it has the other half.
_HALVES = frozenset("name nom nome naam navn namn nimi first last".split())
_PARTED = re.compile(
    r"(?i)\b(?:pr[ée]noms?|vorname|cognome|voornaam|achternaam|apelido|sobrenome|fornavn|förnamn|first.?name)\b"
    r"|\bfirst[\"']?[ ]?[:=][^\n]{1,60}\blast[\"']?[ ]?[:=]"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # customerName
_COUNT = re.compile(r"(?<=[a-z])[ ]?\d{1,2}$")  # phone1, ort01
_VALUE = re.compile(
    r"(?:(?:de|da|do|dos|del|della|di|van|von|zu|zur|vom|der|den|ter|ten|la|le|el|al|af|av|'t|’t)[ ]){0,3}"
    rf"{NAME}(?:,? (?:&|and|of|the|for|upon|am|de|la|le) {NAME}|, {NAME}){{0,3}}\.?"
)
_SMALL = re.compile(r"[^\W\d_]{2,20}(?:[ '’-][^\W\d_]{2,20}){0,3}")  # jane doe
_CUT = re.compile(r"[ \t]*[,(/]|[ \t][-–][ \t]")  # after it stands what is said of the value
_HEAD = re.compile(r"[^\W\d][\w.# /()'’°&-]{0,40}")


def listed(text: str) -> Iterator[Span]:
    """The names that stand in tables, in fields with a label and in quotes."""
    parted = _PARTED.search(text) is not None
    for column in columns(text, _are_heads):
        meanings = _meanings(column.head, parted) if column.head else []
        if meanings:
            for cell in column.cells:
                yield from _valued(text, meanings, *cell)
        if not meanings or ("PERSON", False) in meanings:
            yield from _voted(text, column.cells)
    others: dict[str, list[Cell]] = {}
    for pattern in (_FIELD, _ASSIGNED, _ELEMENT):
        for field in pattern.finditer(text):
            meanings = _meanings(field["label"], parted)
            if meanings:
                yield from _valued(text, meanings, *field.span("value"))
            if ("PERSON", True) not in meanings:
                others.setdefault(_key(field["label"]), []).append(field.span("value"))
    for values in others.values():
        yield from _voted(text, values)
    yield from _people(text)
    yield from _speakers(text)
    for segment in _SEGMENT.finditer(text):
        start, end = segment.span("name")
        yield start, start + len(text[start:end].rstrip("^ ")), "PERSON"
    for note in _NOTE.finditer(text):
        if is_person([note["name"].capitalize()], sure=False):
            yield *note.span("name"), "PERSON"
    for quoted in _QUOTED.finditer(text):
        name = quoted[1].split()
        if name[-1].lower() in words().persons and is_person(name, sure=False):
            yield *quoted.span(1), "PERSON"


def _people(text: str) -> Iterator[Span]:
    """Who is listed after a label: "Attendees: Ann Lee, Xolani Dube (IT)"."""
    for line in _PEOPLE.finditer(text):
        if _key(line["label"]) not in cue_set("people_labels"):
            continue
        first, last = line.span("people")
        cells: list[Cell] = []
        for mark in _BETWEEN.finditer(text, first, last):
            cells.append((first, mark.start()))
            first = mark.end()
        for start, end in [*cells, (first, last)]:
            name = _NAME.match(text, start, end)
            if name and is_person(name[0].split(), sure=True):
                yield *name.span(), "PERSON"


def _speakers(text: str) -> Iterator[Span]:
    """Who speaks in a chat: at least two lines start with a name, one of which the lists know.

    What a program writes before them, when it exports a chat, says so without the lists.
    """
    for pattern in (_SPEAKER, _SPEAKER_ABOVE):
        spoken = list(pattern.finditer(text))
        if len(spoken) < 2:
            continue
        exported = pattern is _SPEAKER and all(one["exported"] for one in spoken)
        places = [_untitled(text, *one.span("name")) for one in spoken]
        names = [text[first:last].split() for first, last in places]
        if exported or any(is_person(name, sure=False) for name in names):
            for (first, last), name in zip(places, names, strict=True):
                if is_person(name, sure=True) and len(name) < 5:
                    yield first, last, "PERSON"


def _untitled(text: str, first: int, last: int) -> Cell:
    """A name without a form of address before it."""
    title, _, rest = text[first:last].partition(" ")
    return (
        (first + len(title) + 1, last)
        if rest and title.lower().strip(".") in cue_set("titles")
        else (first, last)
    )


def _voted(text: str, cells: Sequence[Cell]) -> Iterator[Span]:
    """Persons among values of one kind, when most look like names and the lists know enough of them."""
    if len(cells) < 2:
        return
    names = [(cell, text[slice(*cell)].split()) for cell in cells if _NAME.fullmatch(text, *cell)]
    names = [(cell, name) for cell, name in names if is_person(name, sure=True)]
    if len(names) < max(2, 0.6 * len(cells)):
        return
    whole = [name for _, name in names if len(name) > 1]
    if len(whole) * 2 > len(names):
        known = sum(is_person(name, sure=False) for name in whole)
        told = known > 1 and known * 2 >= len(whole)
    else:
        lists = words()
        alone = [name[0].lower() for _, name in names]
        known = sum(
            one in lists.persons and one not in lists.places and one not in lists.ordinary for one in alone
        )
        told = known > 2 and known * 5 >= len(alone) * 3
    if told:
        for cell, _ in names:
            yield *cell, "PERSON"


def _valued(text: str, meanings: Sequence[tuple[str, bool]], first: int, last: int) -> Iterator[Span]:
    """The value as what its label says that it is (``meanings``); the first of several that fits."""
    whole = text[first:last].rstrip(" \t,.'*")
    cut = _CUT.search(whole)
    for value in (whole, whole[: cut.start()]) if cut else (whole,):
        for entity, sure in meanings:
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


def _key(label: str) -> str:
    """A label as it is looked up: ``customerName`` and ``CUSTOMER_NAME`` are "customer name"."""
    return _COUNT.sub("", _BLANKS.sub(" ", _HUMP.sub(" ", label.strip(" \t\"'*_"))).lower())


def _meanings(label: str, parted: bool = False) -> list[tuple[str, bool]]:
    """What the label tells, or else its last words do: "emergency contact name", "home city".

    ``parted``: the text has names in halves, so that "name" is one of them.
    """
    if len(label) >= 40:
        return []
    key, labels = _key(label), _labels()
    if parted and key in _HALVES:
        return [("PERSON", True)]
    for part in (key, *key.split("/")):  # CP/Ville, City/State
        if part in labels:
            return labels[part]
    own = key.split()
    for count in (2, 1):
        end = " ".join(own[-count:])
        if count < len(own) and end in cue_set("label_endings"):
            return labels[end]
    if len(own) > 1 and own[-1] == "name":  # "owner name"
        return labels.get(" ".join(own[:-1]), [])
    return []


def _fits(entity: str, value: str, sure: bool) -> bool:
    lists = words()
    lower = value.lower().split()
    if not _VALUE.fullmatch(value):
        return entity == "PERSON" and sure and _is_small_person(value)
    ordinary = all(word in lists.ordinary for word in lower)
    if entity == "PERSON":
        last, comma, first = value.partition(",")
        if comma and (len(last.split()) > 2 or not (sure or first.split()[0].lower() in lists.given)):
            return False
        return is_person([*first.split(), *last.split()], sure)
    if entity == "LOCATION":
        known = value.lower() in lists.place_phrases or all(word in lists.places for word in lower)
        tool = any(word in lists.products or is_identifier(word) for word in value.split())
        return known or (sure and len(value) > 3 and len(lower) <= 5 and not ordinary and not tool)
    known = value.lower() in lists.organisations or looks_organised(value.split())
    return known or (sure and (not ordinary or value.lower() in cue_set("makers")))


def _is_small_person(value: str) -> bool:
    """Whether words in lower case behind a label that is only a person's are one: the lists must know one."""
    own = value.split()
    lists = words()
    if not value.islower() or not _SMALL.fullmatch(value) or not lists.nameless.isdisjoint(own):
        return False
    return any(word in lists.persons and word not in lists.ordinary for word in own)


def _are_heads(row: Sequence[str]) -> bool:
    """Whether the cells of a row can be heads of columns, and one of them tells what is below it."""
    told = sum(bool(_meanings(cell)) for cell in row)
    if told > 1:  # what is not known beside them is a head, too
        return all(_HEAD.fullmatch(cell) and not any(map(str.isdigit, _key(cell))) for cell in row if cell)
    return told > 0 and all(map(_is_head, row))


def _is_head(cell: str) -> bool:
    if not cell or _meanings(cell):
        return True
    if not _HEAD.fullmatch(cell) or any(map(str.isdigit, cell)):
        return False
    own = _key(cell).split()
    short = len(own) == 1 and (len(cell) < 6 or cell.islower())  # SSN, e-mail
    return short or "_" in cell or all(word in words().ordinary for word in own)
