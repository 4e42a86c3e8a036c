"""Organisations by the form of their names: "Acme Ltd", "Yates and Sons", "Hall, Reid and Webb".

Models take many of these for persons and places. Owns these forms and nothing of the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.names.gate import Unit
from outgate.dlp.names.shapes import CAPITALISED, Span, is_identifier, starts_sentence
from outgate.dlp.names.words import cue_set, words


def _title_case(name: str) -> str:
    return "|".join(sorted(word.capitalize() for word in cue_set(name)))


_FORMS = "|".join(re.escape(form) for form in sorted(cue_set("organisation_forms"), key=len, reverse=True))
_FORMS += r"|Sp\.[ ]z[ ]?o\.[ ]?o\.?|Ltd\.?[ ]Şti\.?|Sdn\.?[ ]Bhd\.?"
_FORMED = re.compile(rf"(?<=[ \t])(?:{_FORMS})(?!\w)")
_PART = rf"(?:{CAPITALISED}|[A-Z][\w&.'’-]{{0,40}}+)"
_COMPANY = re.compile(
    rf"(?<![\w.])(?:{_PART}[ \t](?:&[ \t])?){{0,4}}{_PART},?[ \t](?:\([A-Z][\w ]{{2,24}}\)[ \t])?(?:{_FORMS})(?!\w)"
)
_FAMILY = re.compile(
    rf"(?<!\w){CAPITALISED}[ \t](?:and|&)[ \t](?:Sons|Daughters|Brothers|Partners|Associates|Co)\b"
)
_THREE = re.compile(
    rf"(?<![\w'’-])({CAPITALISED}),[ \t]({CAPITALISED})(?:,?[ \t]and|[ \t]&)[ \t]({CAPITALISED})"
    r"(?![\w-]|[ \t][A-Z])"
)
# "Bank of Salt Lake City", "University of the West Indies"
_INSTITUTION = re.compile(
    rf"(?<![\w.])(?:{CAPITALISED}[ \t]){{0,2}}(?:{_title_case('institutions')})[ \t]of[ \t](?:the[ \t])?"
    rf"(?:St\.[ \t])?{CAPITALISED}(?:[ \t]{CAPITALISED}){{0,3}}(?!\w)"
)
# "St. Louis City Council", "Osborne Capital Group"
_KIND = re.compile(
    rf"(?<![\w.&-])(?:St\.[ \t])?(?:{CAPITALISED}[ \t]){{1,4}}(?:{_title_case('company_kinds')})(?![\w-]|[ \t][A-Z])"
)
_PAIR = re.compile(
    rf"(?<![\w.&'’-])(?<![A-Z][a-z][ \t])({CAPITALISED})[ \t]&[ \t]({CAPITALISED})(?![\w-]|[ \t][A-Z])"
)
# After three names, what is said of one firm and not of three persons.
_ONE = re.compile(r",?[ \t](?:has|is|was|will|account|office|ledger|contract|team|brought|\w+s)\b")
_EMPLOYED = re.compile(
    r"(?i)\b(?:(?:director|manager|head|partner|president|counsel|engineer|consultant|officer|executive|analysts?|nurse"
    r"|professor|researcher|lawyers?|spokes\w+|team|ceo|cfo|cto|founder|chair\w*|representative|developer|lead|intern),?"
    r"|work(?:s|ed|ing)?|employed|job|intern(?:ed)?|position|offer|contract|account|employees?|staff|invoice|clients?"
    r"|customers?|join(?:ed|ing)?|left|leav(?:e|ing)|founded|formerly|on behalf|shares|represents?|sued|acquired|merger"
    r"|act(?:s|ing|ed)?|agreement|lawsuit|case against|stud(?:y|ies|ied)|teach(?:es|ing)?|taught|hired|interview\w*"
    r"|appointment|treated|admitted|mortgage|loan|policy|subsidiary|supplier|vendor|paid|owed|owe)"
    r"[ \t](?:(?:at|for|of|by|with|from|to|the)[ \t]){0,2}$"
)
_WORD_BEFORE = re.compile(r"([^\W\d_]+),?[ \t]$")


def companies(text: str, unit: Unit, named: Sequence[Span]) -> Iterator[Span]:
    """The organisations of a sentence. ``named``: what a model found in it, of whatever kind."""
    if _FORMED.search(text, unit.start, unit.end):
        for found in _COMPANY.finditer(text, unit.start, unit.end):
            yield without_lead(text, *found.span()), found.end(), "ORGANIZATION"
    for found in _FAMILY.finditer(text, unit.start, unit.end):
        yield *found.span(), "ORGANIZATION"
    for found in _INSTITUTION.finditer(text, unit.start, unit.end):
        yield without_lead(text, *found.span()), found.end(), "ORGANIZATION"
    for found in _KIND.finditer(text, unit.start, unit.end):
        start = without_lead(text, *found.span())
        *name, kind = text[start : found.end()].split()
        if _is_named(name, kind, unit.strict):
            yield start, found.end(), "ORGANIZATION"
    for found in _PAIR.finditer(text, unit.start, unit.end):
        if _is_pair([word.lower() for word in found.groups()], unit.strict):
            yield *found.span(), "ORGANIZATION"
    for found in _THREE.finditer(text, unit.start, unit.end):
        if _is_firm(text, found, named):
            yield *found.span(), "ORGANIZATION"


_JOINED = re.compile(r"[A-Z][a-z]{2,}[A-Z][a-z]{2,}")  # TalentForge


def _is_named(name: Sequence[str], kind: str, strict: bool) -> bool:
    """Whether the words before a kind name one of its kind: a family, a place, or a word that is no ordinary one."""
    lists = words()
    lower = [word.lower().strip(".,") for word in name]
    if (
        not lower
        or any(word in lists.software or word in lists.never for word in lower)
        or any(is_identifier(word) and (strict or not _JOINED.fullmatch(word)) for word in name)
    ):
        return False
    if len(lower) > 1 and not strict and kind.lower() in cue_set("institutions"):
        return True
    if len(lower) > 2 and not strict and kind.lower() in cue_set("societies"):
        return True
    named = any(word not in lists.ordinary and word not in lists.given for word in lower)
    if len(lower) > 1 and not strict and named:
        return True
    if lower[0] in lists.surnames or lower[0] in lists.places or " ".join(lower) in lists.place_phrases:
        return lower[0] not in lists.ordinary or len(lower) > 1
    return not strict and lower[0] not in lists.ordinary and len(lower[0]) > 2 and lower[0] not in lists.given


def _is_pair(pair: Sequence[str], strict: bool) -> bool:
    """Whether "A & B" is a firm: two family names, or two words that nothing else is called."""
    lists = words()
    if any(len(word) < 3 or word in lists.products or word in lists.never for word in pair):
        return False
    if all(word in lists.given and word not in lists.surnames for word in pair):
        return False
    families = sum(word in lists.surnames for word in pair)
    ordinary = any(word in lists.nameless for word in pair)
    return families > 0 if strict else not ordinary


def is_employer(text: str, start: int) -> bool:
    """Whether what stands before ``start`` is followed by an organisation: "works for", "shares of"."""
    return _EMPLOYED.search(text, max(0, start - 40), start) is not None


def without_lead(text: str, first: int, last: int) -> int:
    """Where an organisation's name starts, after a word that only starts the sentence."""
    nameless = words().nameless
    word, _, rest = text[first:last].partition(" ")
    known = all(one.lower().strip(".,") in nameless for one in rest.split())
    if known or " " not in rest or word.lower() not in nameless or not starts_sentence(text, first):
        return first
    return first + len(word) + 1


def _is_firm(text: str, found: re.Match[str], named: Sequence[Span]) -> bool:
    """Whether "A, B and C" is one firm: family names, at least one of which a model saw."""
    lists = words()
    three = [word.lower() for word in found.groups()]
    if any(map(is_identifier, found.groups())):
        return False
    if any(word in lists.nameless or word in lists.places or word in lists.organisations for word in three):
        return False
    if text[max(0, found.start() - 2) : found.start()].startswith(":"):  # a list of persons
        return False
    before = _WORD_BEFORE.search(text, max(0, found.start() - 24), found.start())
    if before and before[1][0].isupper() and before[1].lower() not in lists.nameless:
        return False
    said = is_employer(text, found.start()) or _ONE.match(text, found.end()) is not None
    given = sum(word in lists.given and not (said and word in lists.surnames) for word in three)
    return given < 2 and any(start < found.end() and found.start() < end for start, end, _ in named)
