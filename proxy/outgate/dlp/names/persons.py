"""Persons that their surroundings tell: forms of address, greetings, signatures, speakers, "Surname, Given".

"Dear Xochitl," says what the next word is more surely than a model that has not seen the name. Owns these
places and nothing of the models; the words are data (``lists/cues.yaml``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.names.gate import Unit
from outgate.dlp.names.shapes import (
    CAPITALISED,
    GERMAN_RUN,
    NAME,
    RUN,
    Span,
    is_glued,
    is_identifier,
    looks_organised,
    starts_line,
)
from outgate.dlp.names.words import cue_set, words

_LINE = 80  # characters of a line before a name that can tell of it
_LEAD = re.compile(r"(?P<word>[^\W\d_]+)[.,]?[ \t]+")
_STOP = re.compile(r"[ \t]*(?:[,!.:;–-]|$|\n)")
# A signature may go on with an employer or a role.
_SIGNED = re.compile(r"[ \t]*(?:$|[\n,|(/]|[-–—][ \t]|\.[ \t]*(?:$|\n))")
# A line so far: nothing, a mark of a list, the time of a message.
_LINE_START = re.compile(
    r"[ \t>]*(?:[-*•][ \t]+|\d{1,3}[.)][ \t]+)?(?:\[[\d: .apm/-]+\][ \t]*|\d\d?:\d\d[ \t]*(?:[-–][ \t]*)?)?<?"
)
_LINE_STOP = re.compile(r"[>:](?=[ \t])|[ \t]*(?:$|\n|[(,–])|[ \t](?:b\.|\*|born|geb\.|née?)[ \t]?[\d(]")
_PARTICLES = frozenset(
    "van von der den de del della di da du le la el al bin ibn ter ten zu af av 't dos das".split()
)
_ARTICLES = frozenset("le la les l' el los las il lo i o a os as de het der die das den dem".split())
# Behind a name, what is said of persons: their age, where and when they were born, that they live somewhere.
_BORN = re.compile(
    r",?[ \t][(]?(?:\d{1,3}[ ]?(?:años|ans|jahre|jährig|jaar|anni|anos|lat|år|years|yo|y/o|yrs?)\b"
    r"|(?:nació|nacid[oa]|née?|geb\.|geboren|nat[oa][ ](?:a|il|in)|nascid[oa]|born|född|født|urodzon[ya]|naroz\w{1,4}"
    r"|natural[ ]de|vecin[oa][ ]de|residente|residing|demeurant|domicili\w{1,4}|wohnhaft|woonachtig|zamieszkał[ya])\b"
    r"|(?:männlich|weiblich|con[ ]dni|con[ ]nie|codice[ ]fiscale|c\.f\.))",
    re.IGNORECASE,
)
# "@Ann Lee", not "x@Ann"
_MENTION = re.compile(r"(?<![\w.])@")
_HONORIFICS = ("-san", "-sama", "-sensei", "-kun", "-chan", "-bhai", "-ji")
_JOINT = re.compile(r"[ \t](?:(?:von|van|de|del|della|di|da|do|du|der|den|la|le)[ \t]){1,2}(?P<word>\w+)")
_ONE_OF = re.compile(rf"(?<!\w){NAME}(?!\w)")
_ENUMERATION = re.compile(
    rf"(?<![\w.,@/]){NAME}(?:,[ \t]{NAME}){{1,30}}"
    rf"(?:,?[ \t](?:and|&|or|und|oder|et|ou|y|e|ed|en|of|och|og)[ \t]{NAME})?(?![\w/@(])"
)
_INITIALLED = re.compile(
    rf"(?<![\w.'’/°-])(?P<initials>(?:[A-ZÀ-ÞĀ-ſ]\.[ -]?){{1,3}})"
    r"(?:(?:van|von|de|der|den|del|di|da|la|le|ter|ten|te|el|al|af|zu|op|’t|'t)[ ]){0,3}"
    rf"(?P<family>{CAPITALISED})(?![\w(@]|\.\w)"
)
# What looks like initials.
_ABBREVIATIONS = frozenset(
    "u.s. u.k. u.n. e.u. u.a.e. u.s.a. p.o. d.c. p.s. n.b. c.v. t.v. a.d. b.c. s.a. s.l.".split()
)
_TURNED = re.compile(
    rf"(?<![\w,.])(?P<last>{CAPITALISED}(?:[ \t]{CAPITALISED})?),[ \t](?P<first>{CAPITALISED}(?:[ \t]{CAPITALISED})?)"
    rf"(?!,[ \t]*{CAPITALISED}|,?[ \t](?:and|or|&)[ \t]|[ \t]?{CAPITALISED})"
)
_TURNED_STOP = re.compile(r"[\"']|[ \t]*(?:$|[\n;<(])|[ \t](?:was|is|has|had|vs?)\b")
_TURNED_AFTER = frozenset(
    "of for by patient employee student client customer author witness invoice applicant".split()
)
_MAILBOX = re.compile(rf"(?P<name>{NAME}(?:,[ \t]{NAME})?)[\"']?[ \t]*<[ \t]*[^<>\s]{{0,200}}[ \t]*>")


def told(text: str, unit: Unit, named: Sequence[Span]) -> Iterator[Span]:
    """The persons of a sentence who stand where persons stand. ``named``: what a model found in it."""
    if text.find("<", unit.start, unit.end) >= 0:
        yield from _mailboxes(text, unit)
    for pair in _TURNED.finditer(text, unit.start, unit.end):
        start = _turned(text, pair, unit.strict, named)
        if start is not None:
            yield start, pair.end("first"), "PERSON"
    if not unit.strict:
        yield from _enumerated(text, unit)
        yield from _initialled(text, unit, named)
    runs = GERMAN_RUN if unit.language == "de" else RUN
    for run in runs.finditer(text, unit.start, unit.end):
        if _MENTION.match(text, run.start() - 1) and is_person(run[0].split(), sure=False):
            yield *run.span(), "PERSON"
        if run[0].endswith(_HONORIFICS):
            yield *run.span(), "PERSON"
        if not is_glued(text, *run.span()):
            start = _after_title(text, *run.span())
            yield from _addressed(text, start, _before_kind(text, start, run.end()), unit.strict)


def _initialled(text: str, unit: Unit, named: Sequence[Span]) -> Iterator[Span]:
    """Initials and a family name: "A.J. Wiegersma", "M. Quillard"."""
    lists = words()
    for one in _INITIALLED.finditer(text, unit.start, unit.end):
        whole = RUN.match(text, one.start("family"), unit.end)
        if whole and whole.end() > one.end() and one["family"].lower().split("-")[0] in lists.given:
            if len(one["initials"].rstrip()) == 2 and is_person(whole[0].split(), sure=True):
                yield *whole.span(), "PERSON"  # M. Jean Dupont: a title
            continue
        family = one["family"].lower().split("-")
        other = any(word in lists.nameless or word in lists.products for word in family)
        if other or len(family[0]) < 3 or looks_organised(one[0].split()):
            continue
        shouted = one["family"].isupper() and family[0] not in lists.surnames
        if (
            shouted
            or _follows_name(text, one.start())
            or one["initials"].replace(" ", "").lower() in _ABBREVIATIONS
        ):
            continue
        placed = family[0] in lists.places or family[0] in lists.organisations
        seen = any(kind == "PERSON" and start < one.end() and one.start() < end for start, end, kind in named)
        if family[0] in lists.surnames or seen or not (placed or starts_line(text, one.start())):
            yield *one.span(), "PERSON"


def _before_kind(text: str, first: int, last: int) -> int:
    """Where a name ends before "of" and what is no name: "Ingolf Raabe von der Hausverwaltung"."""
    kinds = cue_set("leading_kinds")
    for joint in _JOINT.finditer(text, first, last):
        if joint["word"] in kinds or joint["word"].lower() in words().nameless:
            return joint.start()
    return last


def _follows_name(text: str, start: int) -> bool:
    """Whether a capitalised word stands before ``start`` that is no title: the initial is a middle one."""
    before = text[max(0, start - 24) : start].rpartition("\n")[2].split(" ")[-2:]
    if len(before) < 2 or before[1] or not before[0][:1].isupper() or not before[0].isalpha():
        return False
    return before[0].lower() not in cue_set("titles") and before[0].lower() not in words().nameless


def _enumerated(text: str, unit: Unit) -> Iterator[Span]:
    """All of a list of names, when the lists know half of them as persons and none as anything else."""
    for row in _ENUMERATION.finditer(text, unit.start, unit.end):
        names = list(_ONE_OF.finditer(text, *row.span()))
        nameless = words().nameless
        while len(names) > 2 and all(word in nameless for word in names[0][0].lower().split()):
            del names[0]  # "Liebe Eltern, Jonte, Emil und ..."
        if all(_may_stand_with_persons(one[0]) for one in names):
            placed = sum(one[0].lower() in words().places for one in names)
            known = sum(_is_listed(one[0].lower().split()) for one in names) if placed < len(names) else 0
            if known * 2 >= len(names):
                for one in names:
                    yield *one.span(), "PERSON"


def _may_stand_with_persons(name: str) -> bool:
    lists = words()
    lower = name.lower()
    other = lower in lists.places or lower in lists.place_phrases or lower in lists.organisations
    return is_person(name.split(), sure=True) and (not other or lower in lists.surnames)


def _is_listed(lower: Sequence[str]) -> bool:
    lists = words()
    return lower[0] in lists.given or lower[-1] in lists.surnames


def is_person(name: Sequence[str], sure: bool) -> bool:
    """Whether capitalised words can be a person's name; ``sure``: their place says so already."""
    lists = words()
    lower = [word.lower() for word in name]
    if looks_organised(list(name)) or any(word in lists.products for word in lower):
        return False
    if len(lower) == 1 and len(lower[0]) < 5 and name[0].isupper() and not (sure and lower[0] in lists.given):
        return False  # an abbreviation
    if sure:
        return not all(word in lists.nameless for word in lower)
    if len(lower) == 1:
        plain = lower[0] in lists.ordinary or lower[0] in lists.places or is_identifier(name[0])
        return lower[0] in lists.given and not plain
    if any(map(is_identifier, name)):  # RoBERTa
        return False
    known = any(word in lists.persons and word not in lists.ordinary for word in lower)
    return known and lower[0] in lists.given and lower[-1] not in lists.nameless


def _mailboxes(text: str, unit: Unit) -> Iterator[Span]:
    for box in _MAILBOX.finditer(text, unit.start, unit.end):
        last, comma, first = box["name"].partition(",")
        if comma and len(last.split()) > 2:
            continue
        name = [*first.split(), *last.split()]
        addressed = (
            "@" in box[0] and len(name) > 1 and words().nameless.isdisjoint(box["name"].lower().split())
        )
        if is_person(name, sure=addressed):
            yield *box.span("name"), "PERSON"


def _addressed(text: str, first: int, last: int, strict: bool) -> Iterator[Span]:
    """The person that capitalised words name, when what stands around them says so."""
    sure = titled = False
    while (lead := _LEAD.match(text, first, last)) and lead.end() < last:
        word = lead["word"].lower()
        if word in cue_set("titles") or (word in cue_set("greetings") and _STOP.match(text, last)):
            sure, titled = True, word in cue_set("forms_of_address")
        elif word in cue_set("relations_abroad"):  # Meine Tochter Frieda, Ehemann Günther
            sure = True
        elif word in cue_set("owners"):  # Meine Tochter; Hans Weber
            related = _LEAD.match(text, lead.end(), last)
            if related is None or related["word"].lower() not in cue_set("relations_abroad"):
                break
        elif word not in cue_set("persons_follow"):
            break
        first = lead.end()
    line = text.rfind("\n", max(0, first - _LINE), first) + 1 or max(0, first - _LINE)
    before = text[line:first].lower().split()
    count = next((n for n, word in enumerate(reversed(before)) if word not in _PARTICLES), 0)
    if 0 < count < 4 and before[-count - 1].rstrip(".") in cue_set("titles"):  # mevrouw van der Meer
        first = text.rindex(before[-count], line, first)
        sure = titled = True
    elif before and before[-1].rstrip(".") in cue_set("forms_of_address"):
        titled = True
    sure = sure or _is_said(before, text, last) or _is_signature(text, line, first, last)
    sure = sure or _is_described(before, text, first, last)
    name = text[first:last].split()
    if titled and not strict:
        likely = _may_be_titled(name)
    elif sure and not strict:
        likely = is_person(name, sure=True)
    else:
        likely = (sure or _may_be_said(before, text, line, first, last)) and is_person(name, sure=False)
    if likely:
        yield first, last, "PERSON"


def _after_title(text: str, first: int, last: int) -> int:
    """Where the last form of address among capitalised words begins, or ``first``: "Guten Tag Frau Quillard"."""
    inner = first
    for lead in _LEAD.finditer(text, first, last):
        if lead["word"].lower() in cue_set("forms_of_address") and lead.end() < last:
            inner = lead.start()
    return inner


def _may_be_titled(name: Sequence[str]) -> bool:
    """Whether the words can be a name after a form of address, where an ordinary word is one."""
    lists = words()
    if len(name) > 1 and not is_person(name, sure=True):
        return False
    last = name[-1].lower()
    return last not in lists.never and last not in cue_set("offices") and last not in cue_set("titles")


def _is_said(before: list[str], text: str, last: int) -> bool:
    """Whether the words before can only be followed by a person."""
    if not before:
        return False
    while len(before) > 1 and before[-1] == ":":  # Salariée : ROUSSEL Éliane
        before = before[:-1]
    ends = _ends(before)
    if before[-1].endswith(",") and {end.rstrip(",") for end in ends} & cue_set("closings"):
        return _SIGNED.match(text, last) is not None
    if not cue_set("greetings").isdisjoint(ends):
        return _STOP.match(text, last) is not None
    if not cue_set("introductions").isdisjoint(ends) or before[-1].rstrip(".") in cue_set("titles"):
        return True
    if before[-1] == "(" and len(before) > 1:  # sa fille (Gwenola)
        return text[last : last + 1] == ")" and before[-2] in cue_set("relations_abroad") | cue_set(
            "relations"
        )
    related = before[-1].rstrip(",:")
    if related in cue_set("relations_abroad"):
        return before[-1].endswith(":") or any(
            word in cue_set("owners") or word in _ARTICLES for word in before[-3:-1]
        )
    return related in cue_set("relations") and not cue_set("owners").isdisjoint(before[-3:-1])


def _is_described(before: list[str], text: str, first: int, last: int) -> bool:
    """Whether what is said of persons follows, and the words are no place that somebody was born in."""
    name = text[first:last].lower()
    lists = words()
    if " " not in name or _BORN.match(text, last) is None or name in lists.place_phrases:
        return False
    placed = before and before[-1] in cue_set("places_follow")
    return not placed and not all(word in lists.places for word in name.split())


def _ends(before: list[str]) -> set[str]:
    """The last words of a line so far: the last three, two, and one."""
    return {" ".join(before[-count:]).lstrip("(\"'«„“-–:") for count in (1, 2, 3)}


def _is_signature(text: str, line: int, first: int, last: int) -> bool:
    """Whether the words are a line, and the line before closes a letter."""
    if text[line:first].strip(" \t>-–*_") or not _SIGNED.match(text, last):
        return False
    above = text[max(0, line - 40) : line].rstrip("\n >").rpartition("\n")[2]
    return above.strip(" \t>,.!").lower() in cue_set("closings")


def _may_be_said(before: list[str], text: str, line: int, first: int, last: int) -> bool:
    """Whether a person is likely: after some words, as a speaker, as a line or a point of a list."""
    if before and before[-1].strip("\"',:") in cue_set("persons_follow"):
        return True
    if before and not cue_set("introductions_perhaps").isdisjoint(_ends(before)):
        return True
    return _LINE_START.fullmatch(text, line, first) is not None and _LINE_STOP.match(text, last) is not None


def _turned(text: str, pair: re.Match[str], strict: bool, named: Sequence[Span]) -> int | None:
    """Where the person in "last, first" starts, if it is one: a family name, and a given name after it."""
    lists = words()
    start = pair.start("last")
    last, first = pair["last"].lower().split(), pair["first"].lower().split()
    if last[0] in lists.nameless and len(last) > 1:  # Patient Hunt, Norman
        last = last[1:]
        start = pair.end("last") - len(last[0])
    if any(word in lists.nameless for word in last + first) or " ".join(last) in lists.places:
        return None
    family, given = any(word in lists.surnames for word in last), first[0] in lists.given
    before = re.split(r"[\n;:]", text[max(0, start - _LINE) : start])[-1]
    apart = before[-1:] in ('"', "'") or _LINE_START.fullmatch(before.lstrip()) is not None
    apart = apart or before.lower().split()[-1] in _TURNED_AFTER
    if not apart or not _TURNED_STOP.match(text, pair.end()):
        likely = family and given and last[-1] not in lists.given
    elif strict:
        likely = family and given
    else:
        seen = any(one[2] == "PERSON" and start < one[1] and one[0] < pair.end() for one in named)
        likely = family or given or seen
    return start if likely else None
