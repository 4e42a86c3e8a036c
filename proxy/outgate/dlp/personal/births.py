"""Dates of birth: a date behind a word that says so, as forms, letters, records and code write them.

A date alone is nobody's secret, so there is always a label: "Date of birth: 04/07/1981", `"dob": "1981-07-04"`,
"geb. am 4. Juli 1981", "née le 3 mars 1980 à Lyon". What stands between label and date is a few words at most
and no other sentence. Only days that a calendar has count, in years that somebody alive may be born in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.tables import fields

ENTITY = "DATE_OF_BIRTH"
_SURE, _LIKELY = 0.9, 0.75

# A label of forms, and a word of prose.
_FORMS = (
    r"dates?[ _-]?of[ _-]?births?|birth[ _-]?dates?|birth[ _-]?days?|d\.?o\.?b\.?|b-?day|bday|born[ _-]?on|"
    r"geburtsdatum|"
    r"geburtstag|geb(?:\.|oren)?[ ]?(?:am|datum)|geb\.|date[ _-]de[ _-]naissance|fecha[ _-]de[ _-]nacimiento|"
    r"nacimiento|"
    r"data[ _-]di[ _-]nascita|data[ _-]de[ _-]nascimento|nascimento|geboortedatum|data[ _-]urodzenia|født|fødselsdato|"
    r"fødselsdag|födelsedatum|född|syntymäaika|syntynyt|datum[ _]narozen[íi]|születési[ ]dátum|data[ _]nașterii|"
    r"дата[ _]рождения|生年月日|出生日期|출생일|생년월일"
)
_PROSE = r"born|geboren|née?s?|nace|naci[óo]|nacid[oa]|nat[oa]|nascid[oa]|urodzon[ya]|ur\."
_MONTHS = (
    r"jan(?:uary|uar|vier|\.)?|jän(?:ner)?|enero|gennaio|januari|janeiro|stycznia|feb(?:ruary|ruar|\.)?|"
    r"févr?(?:ier|\.)?|"
    r"febrero|febbraio|februari|fevereiro|lutego|mar(?:ch|s|zo|ço|\.)?|märz|maart|marca|apr(?:il|ile|\.)?|"
    r"avr(?:il|\.)?|"
    r"abril|kwietnia|may|mai|mayo|maggio|mei|maio|maja|june?|juni?|juin|junio|giugno|junho|czerwca|july?|juli|"
    r"juill?(?:et|\.)?|julio|luglio|julho|lipca|aug(?:ust|\.)?|août|agosto|augustus|sierpnia|sept?(?:ember|\.)?|"
    r"septembre|septiembre|settembre|setembro|września|o[ck]t(?:ober|\.)?|octobre|octubre|ottobre|outubro|października|"
    r"nov(?:ember|embre|embro|\.)?|noviembre|listopada|de[cz](?:ember|\.)?|décembre|diciembre|dicembre|dezembro|grudnia"
)
_YEAR = r"(?:18[89]\d|19\d\d|20[0-4]\d)"
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_DATE = (
    rf"{_YEAR}(?P<a>[-/. ]){_MONTH}(?P=a){_DAY}(?=T\d|\D|$)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|{_DAY}(?P<b>[-/. ]|\.\ ){_MONTH}(?P=b)(?:{_YEAR}|\d\d)"
    rf"|{_MONTH}(?P<c>[-/. ]){_DAY}(?P=c)(?:{_YEAR}|\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th|er|º|\.)?[ -](?:of |de |d[’'])?(?:{_MONTHS})\b[,.]?[ -](?:de[l]? )?(?:{_YEAR}|[’']?\d\d)"
    rf"|(?:{_MONTHS})\b[ -.]?[ ]?{_DAY}(?:st|nd|rd|th)?,?[ -]{_YEAR}"
    rf"|{_YEAR}[年년][ ]?{_MONTH}[月월][ ]?{_DAY}[日일]"
)
# Marks and a few words between label and date; in prose, a place, too.
_BETWEEN = (
    r"(?:[\s\"'=:：>|,;\\*_()/#\[\]-]|is|was|as|on|the|le|la|el|il|am|den|op|dnia|em|dia|um|of|value|string|"
    r"\(?(?:dd|mm|yyyy|yy|tt|jj|aaaa)(?:[/.-](?:dd|mm|yyyy|yy|tt|jj|aaaa)){1,2}\)?){1,12}?"
)
_PLACE = r"(?:[ ](?:in|at|à|en|a|w|te|em)[ ][^\d\n.;]{2,30}?[,]?)?"
_LABELLED = re.compile(
    rf"(?<![^\W_])(?:(?P<form>{_FORMS})|"
    rf"(?:{_PROSE})(?![^\W_]){_PLACE}){_BETWEEN}(?<![\d/.-])(?P<value>{_DATE})(?![\w/-]|[.]\d)",
    re.IGNORECASE,
)
_CODED = re.compile(
    rf"(?<![^\W_])(?:{_FORMS}){_BETWEEN}(?P<value>{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?=T\d)",
    re.IGNORECASE,
)
_LABEL = re.compile(rf"(?<![^\W_])(?:{_FORMS})(?![^\W_])", re.IGNORECASE)
_ALONE = re.compile(rf"(?:{_DATE})(?:[T ]\d\d:\d\d[\d:.Z+-]*)?", re.IGNORECASE)
_NUMBER = re.compile(r"\d")


class BirthDetector:
    """Finds dates of birth by their label."""

    name = "births"
    entities = frozenset({ENTITY})
    expressions = (
        Expression(
            r"birth|d\.?o\.?b|b-?day|born|\bgeb|naiss|\bnée?|nacim|naci|nace\b|\bnat[oa]\b|nasc|geboor|urodz|"
            r"\bur\.|født|"
            r"fødsel|född|födels|syntym|syntyn|narozen|születés|nașter|рожден|生年月日|出生日期|출생일|생년월일",
            int(re.IGNORECASE),
            before=16,
            after=100,
        ),
    )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The dates alone, without their labels."""
        # Most of these words have no number near.
        dated = [window for window in windows if _NUMBER.search(text.text, window.start, window.reach)]
        for pattern in (_LABELLED, _CODED):
            for found in matches(pattern, text.text, dated):
                form = pattern is _CODED or found["form"] is not None
                yield Match(*found.span("value"), ENTITY, _SURE if form else _LIKELY, self.name)
        for window in dated:
            label = _LABEL.search(text.text, window.start, window.end)
            for start, end in fields(text.text, label.start()) if label else ():
                if _ALONE.fullmatch(text.text, start, end):
                    yield Match(start, end, ENTITY, _SURE, self.name)
