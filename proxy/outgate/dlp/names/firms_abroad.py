"""Organisations by what kind they are, where the kind comes first or is a part of the word, and by who works there.

"Bäckerei Nüsslein", "Banco Cantábrico", "Hôpital Saint-Louis", "Raiffeisenkasse Imst", "travaille chez Vauclair": in
most languages but English the kind stands before the name. Owns these forms; those of English are ``firms``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from outgate.dlp.names.gate import Unit
from outgate.dlp.names.shapes import CAPITALISED, RUN, Span, is_glued, is_identifier, word_before
from outgate.dlp.names.words import cue_set, words

_KINDS = "|".join(sorted(map(re.escape, cue_set("leading_kinds")), key=len, reverse=True))
_LINK = (
    r"(?:(?:de|du|des|del|della|delle|dei|degli|di|da|do|dos|das|la|le|les|los|las|el|der|den|van|von|zur|zum|am|"
    r"et|y|e|und)[ ]|[dl]['’])"
)
_NAME = rf"{_LINK}{{0,2}}{CAPITALISED}(?:[ ](?:&[ ])?{_LINK}{{0,2}}{CAPITALISED}){{0,3}}"
_LEADING = re.compile(rf"(?<![\w.@/-])(?P<kind>{_KINDS})[ ][\"„“«]?(?P<name>{_NAME})[\"“”»]?")
_COMPOUNDS = (
    r"bank|kasse|klinik|klinikum|krankenhaus|schule|gymnasium|werke|versicherung|versicherungen|verlag|brauerei|bäckerei|"
    r"metzgerei|apotheke|genossenschaft|stiftung|verein|verband|universität|hochschule|kanzlei|spedition|gesellschaft|"
    r"betrieb|praxis|institut|residenz|heim|zentrum|dienst|verwaltung|anwaltschaft|gericht|ministerium|werkstatt|handel|"
    r"reisen|bedrijf|winkel|school|groep|praktijk|kantoor|centrum|verhuur|beheer"
)
# Fromagerie Morvan, Peluquería Tijeras: a trade, in the Romance languages
_TRADE = re.compile(
    rf"(?<![\w.@/-])(?P<kind>[A-ZÀ-Þ][\wà-ÿ]{{2,20}}(?:erie|ería|eria|ária|aria))[ ](?P<name>{_NAME})"
)
# Raiffeisenkasse Imst, Volksbank Emsland
_COMPOUND = re.compile(
    rf"(?<![\w.@/-])[A-ZÄÖÜ][\wäöüß-]{{2,30}}(?:{_COMPOUNDS})[ ](?P<name>{CAPITALISED}(?:[- ]{CAPITALISED}){{0,2}})"
)
# Astrid-Lindgren-Grundschule
_HYPHENATED = re.compile(
    r"(?<![\w.@/-])[A-ZÄÖÜ][\wäöüß]+(?:-[A-ZÄÖÜ][\wäöüß]*){0,3}"
    rf"-[A-ZÄÖÜ]?[\wäöüß]*?(?i:{_COMPOUNDS})(?![\w-])"
)
# Words that only an employer follows, in any case, up to its name.
_EMPLOYED = re.compile(
    r"(?i)\b(?:work(?:s|ed|ing)?[ ](?:at|for)|employed[ ](?:at|by|with)|intern(?:s|ed|ing|ship)?[ ](?:at|with)"
    r"|(?:company|startup|start-up|firm|bakery|restaurant|shop|store|business|band|charity|nonprofit|agency|brand|club"
    r"|bar|café|cafe|pub|gym|school|church|clinic|salon|studio)[ ](?:called|named|known[ ]as)"
    r"|(?:experience|currently|previously|formerly|role|stint|career)[ ]at"
    r"|job[ ](?:at|with)|position[ ](?:at|with)|hired[ ]by"
    r"|arbeite(?:t|n)?[ ](?:bei|für)|beschäftigt[ ]bei|angestellt[ ]bei|tätig[ ]bei|firma|fa\."
    r"|travaill(?:e|es|ons|ent|ait|é|er)[ ](?:chez|pour)|employée?[ ](?:chez|par)|salariée?[ ](?:de|chez)|chez"
    r"|société|entreprise"
    r"|trabaj(?:o|a|é|ó|aba|an|ando|ar)[ ](?:en|para)|empresa|compañía|oficinas?[ ]de"
    r"|lavor(?:o|a|ava|iamo|ano|ato|are)[ ](?:per|presso|in|da)|presso|ditta|azienda|società"
    r"|werk(?:t|te|en|zaam)?[ ](?:bij|voor)|bedrijf"
    r"|trabalh(?:o|a|ei|ou|ava|ar)[ ](?:na|no|em|para)"
    r"|(?:jobbar|arbetar|jobber|arbeider|arbejder)[ ](?:på|hos|för|for|i)|pracuj[eę][ ](?:w|dla)"
    r")[ ](?:(?:the|der|dem|die|la|le|il|lo|el|de|het|o|a)[ ]|l['’])?[\"„“«]?$"
)
# How all of these end; asked first, since it costs next to nothing.
_LAST = frozenset(
    """at for with by called named as bei für firma fa. chez pour par de société entreprise en para empresa compañía per
    presso in da ditta azienda società bij voor bedrijf na no em på hos för i w dla the der dem die la le il lo el
    het o a""".split()
)
_REACH = 40  # characters before a name that can say so


def companies(text: str, unit: Unit) -> Iterator[Span]:
    """The organisations of a sentence. Linear in it."""
    if unit.strict:
        return
    for pattern in (_LEADING,) if unit.language == "en" else (_LEADING, _TRADE):
        for found in pattern.finditer(text, unit.start, unit.end):
            kind = found["kind"].lower()
            if kind not in words().persons and kind not in words().places and (end := _end(text, found)):
                yield found.start(), end, "ORGANIZATION"
    if unit.language not in ("en", "fr", "es", "it", "pt"):
        for pattern in (_COMPOUND, _HYPHENATED):
            for found in pattern.finditer(text, unit.start, unit.end):
                if pattern is _HYPHENATED or _is_name(found["name"]):
                    yield *found.span(), "ORGANIZATION"
    for run in RUN.finditer(text, unit.start, unit.end):
        last = word_before(text, run.start())
        if last not in _LAST and last[-1:] not in ("'", "’"):
            continue
        employs = _EMPLOYED.search(text, max(unit.start, run.start() - _REACH), run.start()) is not None
        if employs and _may_employ(run[0]) and not is_glued(text, *run.span()):
            yield *run.span(), "ORGANIZATION"


def _end(text: str, found: re.Match[str]) -> int:
    """Where the name behind a kind ends; 0 when it is none: it says something, and is no title's or product's."""
    name = found["name"]
    first = name.split()[0].lower().rstrip(".")
    if first in cue_set("titles") or not _is_name(name):
        return 0
    # "Hôpital Saint-Louis de Paris": where it is, is no part of what it is called.
    whole, _, last = name.rpartition(" de ")
    if whole and last.lower() in words().places:
        return found.start("name") + len(whole)
    return found.end("name")


def _is_name(name: str) -> bool:
    """Whether one of the words with a capital is no ordinary one of English or of letters and forms."""
    lists = words()
    capital = [word.lower().strip(".,'’") for word in re.split(r"[ ’']", name) if word[:1].isupper()]
    if any(word in lists.products or word in lists.never for word in capital):
        return False
    return any(word not in lists.nameless for word in capital)


def _may_employ(name: str) -> bool:
    """Whether words where an employer stands can be one: no person, no place, not ordinary words only."""
    lists = words()
    own, lower = name.split(), name.lower().split()
    if len(own[0]) == 2 and own[0][1] == ".":  # chez M. Quillard
        return False
    if lower[0] in lists.given or lower[0] in cue_set("titles") or any(map(is_identifier, own)):
        return False
    if name.lower() in lists.places or name.lower() in lists.place_phrases or lower[0] in cue_set("owners"):
        return False
    return _is_name(name)
