"""Places that their surroundings tell: where somebody lives or is born, and a region or country behind a city.

"Lives in Hebden Bridge", "natural de Teresina", "Ottumwa, IA", "Novi Sad, Serbia": no list has all towns, and a model
knows few of them. Owns these places; what stands in fields and tables is ``fields``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from outgate.dlp.names.gate import Unit
from outgate.dlp.names.shapes import (
    CAPITALISED,
    RUN,
    Span,
    is_glued,
    is_identifier,
    looks_organised,
    word_before,
)
from outgate.dlp.names.words import WORD, cue_set, words

# What is said of living, being born and moving, up to the place. In any case.
_SETTLED = re.compile(
    r"(?i)\b(?:"
    r"(?:liv(?:e[sd]?|ing)|resid(?:e[sd]?|ing|ent)|born|based|grew up|raised|hometown|originally|relocat(?:e[sd]?|ing)|"
    r"mov(?:e[sd]?|ing)|emigrated|immigrated)[ ](?:with[ ]\w+[ ])?"
    r"(?:in|from|to|of|near|outside|down[ ]to|over[ ]to|back[ ]to)"
    r"|(?:wohn(?:e|t|en|haft)|leb(?:e|t|en)|ansässig|geboren|aufgewachsen|gebürtig|umgezogen)[ ](?:in|aus|nach|bei)"
    r"|(?:habit(?:e|ons|ent|ant)|demeurant|domicili(?:é|ée)|rési(?:de|dant)|née?|installée?|vi[st]|originaire|"
    r"déménag\w{1,5})[ ](?:à|de|d'|dans|en|au|près de)"
    r"|(?:viv(?:o|e|imos|en|ía)|resid(?:o|e|ente)|nací|naci[óo]|nacid[oa]|natural|oriund[oa]|originari[oa]|procedente|"
    r"vecin[oa]|domiciliad[oa])[ ](?:en|de|a)"
    r"|(?:abit(?:o|a|iamo)|vivo?|resident[ei]|risied[oe]|nat[oa]|originari[oa]|domiciliat[oa]|trasferit[oa])"
    r"[ ](?:a|ad|in|di|da)"
    r"|(?:woon(?:t|de|achtig)?|wonend?e?|geboren|afkomstig|verhuisde?|opgegroeid)[ ](?:in|te|uit|naar|bij)"
    r"|(?:mor(?:o|a|amos)|resid(?:o|e|ente)|nasci|nasceu|nascid[oa]|natural)[ ](?:em|no|na|de|do|da)"
    r"|(?:bor|bosatt|född|født|oppvokst|uppvuxen|flyttade?|flyttet)[ ](?:i|på|til|till|fra|från)"
    r"|(?:mieszkam|mieszka|mieszkający|mieszkająca|urodzony|urodzona|zamieszkał[ya])[ ]w"
    r"|(?:bydlím|bydlí|bytem|narozen[aý]?|bývam)[ ]ve?|(?:locuiesc|locuiește|născut[ă]?|domiciliat[ă]?)[ ][îi]n"
    r"|asun|asuu|synt(?:ynyt|yi)|κάτοικος|μένω[ ]στην?|γεννήθηκε[ ]στην?"
    r"|жив(?:у|ёт|ет|ем|ём)[ ]в|жив(?:у|е|емо)[ ][ув]|мешка(?:ю|є|ємо)[ ][ув]"
    r"|(?:из|в)[ ]город[ае]|родил(?:ся|ась)[ ]в"
    r"|г\.|гр\."
    r")[ ](?:the[ ]|la[ ]|le[ ]|den[ ]|der[ ]|l['’])?$"
)
# How all of these end; asked first, since it costs next to nothing.
_LAST = frozenset(
    """in from to of near outside aus nach bei à de dans en au a ad di da te uit naar em no na do i på til till fra från
    w v ve în asun asuu syntynyt syntyi κάτοικος στη στην в у города городе г. гр. the la le den der""".split()
)
_REACH = 48  # characters before a name that can say so
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|"
    "RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|ON|QC|BC|AB|MB|SK|NS|NB|NSW|VIC|QLD|TAS"
)
# Degrees and words that look like a state's letters.
_DEGREES = frozenset("MD MA PA CO ID OK IN OR ME HI DE LA AL MS".split())
_TOWN = rf"{CAPITALISED}(?:[ ](?:(?:upon|on|of|de|la|le|del)[ ])?{CAPITALISED}){{0,2}}"
_IN_STATE = re.compile(
    rf"(?<![\w.'’@/-])(?P<town>{_TOWN}),?[ ](?P<region>{_STATES})(?=[\s.,;:)\"']|$)(?![ ]\d)"
)
_IN_REGION = re.compile(
    rf"(?<![\w.'’@/-])(?P<town>{_TOWN}),[ ](?P<region>{CAPITALISED}(?:[ ]{CAPITALISED}){{0,2}})(?![\w-])"
)


def told(text: str, unit: Unit) -> Iterator[Span]:
    """The places of a sentence that what stands beside them tells. Linear in the text."""
    for run in () if unit.strict else RUN.finditer(text, unit.start, unit.end):
        last = word_before(text, run.start())
        if last not in _LAST and last[-1:] not in ("'", "’"):
            continue
        settled = _SETTLED.search(text, max(unit.start, run.start() - _REACH), run.start()) is not None
        if settled and _may_be_place(run[0]) and not is_glued(text, *run.span()):
            yield run.start(), max(run.end(), _phrase_end(text, run.start(), unit.end)), "LOCATION"
    for pair in _IN_STATE.finditer(text, unit.start, unit.end):
        sure = pair["town"].lower() in words().places or pair["town"].lower() in words().place_phrases
        apart = "," in text[pair.end("town") : pair.start("region")] or text[: pair.start()].endswith(", ")
        if sure or (
            apart and not unit.strict and pair["region"] not in _DEGREES and _may_be_town(pair["town"])
        ):
            yield *pair.span("town"), "LOCATION"
            yield *pair.span("region"), "LOCATION"
    for pair in _IN_REGION.finditer(text, unit.start, unit.end):
        if not unit.strict and pair["region"].lower() in cue_set("countries") and _may_be_town(pair["town"]):
            yield *pair.span("town"), "LOCATION"
            yield *pair.span("region"), "LOCATION"


def _phrase_end(text: str, start: int, end: int) -> int:
    """Where the listed name of several words that starts at ``start`` ends, or 0: "Newcastle upon Tyne"."""
    lower = text[start:end].lower()
    first = WORD.match(lower)
    found = words().phrase(lower, 0, first[0]) if first and len(lower) == end - start else None
    return start + found[0] if found else 0


def _may_be_place(name: str) -> bool:
    """Whether words where a place stands can be one: no person, no product, no ordinary words only."""
    lists = words()
    own = name.split()
    lower = name.lower().split()
    if looks_organised(own) or any(word in lists.products or is_identifier(word) for word in own):
        return False
    person = lower[0] in lists.given and lower[0] not in lists.places and lower[-1] not in lists.places
    return (
        not person and lower[0] not in cue_set("titles") and not all(word in lists.nameless for word in lower)
    )


def _may_be_town(name: str) -> bool:
    """As ``_may_be_place``, where persons and employers stand in front of commas, too."""
    lists = words()
    lower = name.lower().split()
    known = name.lower() in lists.places or name.lower() in lists.place_phrases
    if known:
        return True
    return _may_be_place(name) and lower[-1] not in lists.persons and lists.nameless.isdisjoint(lower)
