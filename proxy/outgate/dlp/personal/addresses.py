"""Street addresses as a whole: unit, number, street, city, region and postcode are one finding.

A word that streets are called by, or a box number, says where to look; from there the address is parsed
outward, at most four lines. How sure it is depends on what stands there: a postcode or a state 0.9, a city 0.75,
a street and a number alone 0.6. Words in lower case, and streets called by what is also something else ("3 Way
Merge", "5 Star Road Trip"), need one of the first two, or a word before them such as "lives at".

The expressions are in ``address_forms``; this is what is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.context import Words
from outgate.dlp.detector import Match, Text
from outgate.dlp.personal import address_forms as forms
from outgate.dlp.scanner import Expression, Window, matches

ENTITY = "STREET_ADDRESS"
_LONGEST_HEAD = 100  # code points before a street's number
_POSTAL, _REGION, _CITY, _STREET, _TOLD, _DOUBTFUL = 0.9, 0.85, 0.75, 0.6, 0.6, 0.5

_CUES = Words(
    """address addresses live lives living lived reside resides resident residing located location ship shipping deliver
    delivery delivered send mail mailed mailing moved moving home house billing street office visit pick pickup drop
    property premises headquarters adresse anschrift wohnhaft wohnt wohne wohnen domicilié habite domicilio dirección
    vive vivo residente indirizzo abita abito residenza adres woont woon wonend morada endereço""".split(),
    after=False,
)
# Before a number that is a year; behind a street's type that is none.
_YEARLY = re.compile(
    r"\b(?:in|since|by|of|from|until|till|after|before|during|late|early|mid|summer|winter|spring|fall)\s$",
    re.I,
)
_NOT_BEHIND = re.compile(
    r"[ ](?:trip|map|test|race|show|warriors?|runner|journal|band|block|safety|closed|bike|racing|works|rage|"
    r"signs?|food|art|"
    r"fair|party|view|smart|credibility|price|performance|train|shaft|mode|merge|sync|letter|file|time|failure|"
    r"recovery|"
    r"accidents?|traffic|user|users)\b",
    re.I,
)
# First words of what is counted or rated, and so is no street.
_COUNTED = frozenset(
    """star stars way ways step steps speed lane lanes bit bits byte core cores point points person people
    player players
    man men women hour hours day days week weeks month months minute minutes mile miles year years second seconds
    of or and to the in on at for by from is are was were not with percent million billion thousand angry best top
    new more other different level levels page pages version item items x per am pm kg km cm mm gb mb kb tb ms
    wheel tier factor column columns foot feet line lines test trial data table home pro door bedroom bed room
    axis fold""".split()
)
# Last words before "Drive", "Lane", "Court" and the like that make a thing of them.
_NOT_CALLED = frozenset(
    "hard state flash usb google disk test wheel tape network pen thumb one fast solid data a an".split()
)
_AT = re.compile(r"\b(?:at|in|to|near|from|opposite|outside|behind|off|@)[ ]$", re.I)
# What street names may have before a word that says "street"; what sentences begin with.
_OLD = frozenset(
    """alte alter altes neue neuer neues große großer kleine kleiner obere unterer untere hintere vordere
    innere äußere lange
    breite hohe st sankt am an der dem den im auf""".split()
)
_OPENING = frozenset(
    """adresse anschrift address adres in im an am auf aus at to from the my please bitte ich wir er sie und or
    and is op naar
    aan de het woon liefern lieferung send ship mail via von bei nach wohnort straße street""".split()
)
_PLAIN_GERMAN = frozenset(
    "arbeitsplatz parkplatz marktplatz hinweg umweg ausweg rückweg feldweg bildung kindergarten".split()
)
_SMALL = frozenset(
    """of the upon on in le by and under next de la du des van der den am an im y i del das dos da do di e a à les
    los las el st""".split()
)
_NO_CITY = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december please thanks thank the this that and but she they you however because""".split()
)


class AddressDetector:
    """Finds street addresses and boxes at a post office."""

    name = "addresses"
    entities = frozenset({ENTITY})
    expressions = (
        # Which of them was found decides which country's way of writing is tried.
        Expression(
            rf"\d[a-z]?(?:[ \d/&–-]{{0,12}}[a-z]?)?,? {{1,2}}(?:[\w'’.-]{{1,26}} ){{0,6}}"
            rf"(?:{forms.TYPES}|{forms.WEAK_TYPES}|highway|route|rte|road|cr|sr|fm)\b",
            int(re.I), before=60, after=160,
        ),
        Expression(
            rf"\b[A-Z]{{2}},? {{1,2}}\d{{5}}\b|\b{forms.UK_POSTCODE}", before=130, after=40
        ),
        Expression(rf"\b{forms.UK_POSTCODE}", before=130),
        Expression(
            r"(?:stra(?:ß|ss)e|str\.?|allee|gasse|chaussee|weg|platz|ring|damm|ufer|steig|pfad|markt|graben|"
            r"berg|hof|kamp|tor|brücke|"
            r"zeile|promenade|wall|anger|winkel|bogen|park|feld|garten|höhe|hang|wiese|aue|grund|gürtel|lände|"
            r"kai) {1,2}\d",
            int(re.I), before=90, after=140,
        ),
        Expression(
            r"\d{1,4} ?[a-z]?,?(?:\s|\\n){1,3}(?:d|a|ch)?[ -]{0,2}\d{4,5} [a-zäöü]", int(re.I), before=70, after=60
        ),
        Expression(
            r"(?:straat|str\.|gracht|laan|kade|singel|plein|dijk|dreef|steeg|burgwal|plantsoen|weg|pad|hof|"
            r"markt|baan|boulevard|"
            r"park|lei|hoek|waard|veld|haven|poort|akker|erf|hove|oord|zoom|horst|donk) {1,2}\d",
            int(re.I), before=90, after=110,
        ),
        Expression(r"\d[\w/ -]{0,6}?,?\s{1,4}[1-9]\d{3} ?[A-Z]{2}\b", before=90, after=50),
        Expression(
            r"\d ?(?:bis|ter|quater|[a-d])?,? (?:rue|avenue|av\.?|boulevard|bld|bd|place|pl|allées?|chemin|ch|"
            r"impasse|imp|quai|route|rte|"
            r"square|cours|passage|faubourg|fbg|sentier|villa|cité|lotissement|voie|promenade|esplanade|montée|"
            r"traverse|"
            r"ruelle|venelle|rond-point|côte)\b",
            int(re.I), before=50, after=200,
        ),
        Expression(
            r"\b(?:calle|cl\.|c[./]|avenida|avda|av\.|paseo|pso|pº|plaza|pza|plza|ronda|camino|cno|carretera|"
            r"ctra|travesía|glorieta|"
            r"rambla|gran vía|pasaje|psje|carrer|passeig|plaça|avinguda|callejón|cuesta|rua|travessa|praça|"
            r"estrada|alameda|"
            r"largo|via|viale|v\.le|piazzale|piazza|p\.z?za|p\.le|corso|c\.so|vicolo|strada|lungomare|"
            r"lungotevere|contrada|c\.da|salita|"
            r"borgo|rue|avenue|boulevard|place|chaussée|quai|chemin)\.? \w",
            int(re.I), after=220,
        ),
        Expression(
            r"\b(?:p\.? ?o\.? ?box|post office box|gpo box|locked bag|private bag|postfach|postbus|apartado|"
            r"casella postale|"
            r"bo[iî]te postale|b\.?p\.? ?\d|caixa postal)",
            int(re.I), after=160,
        ),
    )  # fmt: skip

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Whole addresses with a score of at least 0.6."""
        pattern, judged = _WAYS[which]
        begins = _ENGLISH_BEGINS if pattern is forms.ENGLISH else None
        there = _ANY_NAME if which == _BEFORE_A_POSTCODE else _NUMBER
        numbered = [window for window in windows if there.search(text.text, window.start, window.reach)]
        for found in matches(pattern, text.text, numbered, begins):
            start, end, score = judged(text, found)
            if score:
                country = forms.COUNTRY.match(text.text, end) if score >= _CITY else None
                end = country.end() if country else end
                end = start + len(text.text[start:end].rstrip(" ,-\t\n"))
                yield Match(start, end, ENTITY, score, self.name)


_NUMBER = re.compile(r"\d|s/n", re.I)
_BEFORE_A_POSTCODE = 4  # the expression that has numbers in it, and no word
_ANY_NAME = re.compile("[g-zà-ÿ]", re.I)  # what the digits of a hex dump are not
_ENGLISH_BEGINS = re.compile(r"(?<![\w.])\d")
type _Judged = tuple[int, int, float]


def _english(shared: Text, found: re.Match[str]) -> _Judged:
    """Where the address of this street is, and how sure that is; 0.0: it is none."""
    text = shared.text
    name = found["name"] or found["bare"] or found["only"] or ""
    titled = is_titled(name) and not (found["type"] or "X")[0].islower()
    end, score = _english_tail(text, found.end(), titled)
    words = name.lower().split()
    if score < _REGION and (
        words[0] in _COUNTED or words[-1] in _NOT_CALLED or _NOT_BEHIND.match(text, found.end())
    ):
        return 0, 0, 0.0
    head = forms.ENGLISH_HEAD.search(text, max(0, found.start() - _LONGEST_HEAD), found.start())
    if head is None:
        return 0, 0, 0.0
    start = head.start()
    if found["bare"] is not None:  # a street called by nothing but its name: "1500 Broadway"
        return start, end, score if score == _POSTAL and titled else 0.0
    if score >= _REGION:
        return start, end, score if titled or words[0] not in _COUNTED or score == _POSTAL else 0.0
    if _is_year(found["number"]) and _YEARLY.search(text, max(0, start - 12), start):
        return start, end, 0.0
    cued = _CUES.before(shared, start, 8)
    if score:
        return start, end, score
    if found["only"] is not None:
        return start, end, _TOLD if cued else 0.0
    if not titled:
        return start, end, _TOLD if cued and len(words) <= 3 and not _SMALL & set(words) else 0.0
    sure = re.fullmatch(forms.TYPES, found["type"], re.I) is not None or cued or found["units"] or head[0]
    if sure or _AT.search(text, max(0, start - 12), start):
        return start, end, _STREET
    return start, end, _DOUBTFUL if _is_cell(text, start, end) else 0.0


def _named_house(shared: Text, found: re.Match[str]) -> _Judged:
    return found.start(), found.end(), _POSTAL


_ENGLISH_TAILS = ((forms.POSTAL_TAIL, _POSTAL), (forms.REGION_TAIL, _REGION), (forms.ZIP_TAIL, _REGION))
# What every postcode ends with, an Australian one with a word before it; looked for first, because trying where the
# city ends takes long.
_CODE = re.compile(
    rf"\d{{5}}|(?:{forms.TERRITORIES}|[a-z]{{4}})\b,?[ ]{{1,2}}\d{{4}}(?!\d)|\d(?:[A-Z]{{2}}|[A-Z]\d)\b"
    r"|[A-Z]\d[\dW] ?[A-Z\d]{4}\b",
    re.I,
)
_LONGEST_TAIL = 160  # code points, at most: three lines of a few words


def _english_tail(text: str, end: int, titled: bool) -> tuple[int, float]:
    coded = _CODE.search(text, end, end + _LONGEST_TAIL)
    for tail, score in _ENGLISH_TAILS if coded else _ENGLISH_TAILS[1:2]:
        found = tail.match(text, end)
        if found and (not titled or is_titled(found["parts"] or "")):
            return found.end(), score
    city = forms.CITY_TAIL.match(text, end)
    if titled and city and city["city"].split()[0].lower() not in _NO_CITY:
        return city.end("city"), _CITY
    return end, 0.0


def _german(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    kind = "street" if found["street"] else "way" if found["way"] else "lane"
    start = found.start() if kind == "lane" else _begin(found, kind)
    words = text[start : found.end(kind)]
    tail = forms.GERMAN_TAIL.match(text, found.end())
    titled = words[0].isupper()
    if tail and (titled or kind == "street") and (_capital(tail["city"]) or not titled):
        return start, tail.end(), _POSTAL
    if not titled or len(words) < 5 or (kind == "way" and words.lower() in _PLAIN_GERMAN):
        return start, found.end(), 0.0
    cued = kind == "way" and _CUES.before(shared, start, 6)
    return start, found.end(), _STREET if kind == "street" or cued else 0.0


def _dutch(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    start = _begin(found, "street")
    street = text[start : found.end("street")]
    tail = forms.DUTCH_TAIL.match(text, found.end())
    if tail and (street[0].isupper() or tail["city"]):
        kept = tail["city"] is None or _capital(tail["city"]) or street[0].islower()
        return start, tail.end() if kept else tail.end("code"), _POSTAL
    flemish = forms.ROMANCE_TAIL.match(text, found.end())
    if flemish and len(flemish["code"]) == 4 and street[0].isupper() and _capital(flemish["city"]):
        return start, flemish.end(), _POSTAL
    sure = re.search(r"(?:straat|gracht|laan|kade|singel|plein|steenweg|burgwal)$", street, re.I)
    return start, found.end(), _STREET if sure and street[0].isupper() and len(street) > 6 else 0.0


def _dutch_coded(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    words = list(re.finditer(r"[^ ]+", found["street"]))
    named = [word.start() for word in words if word[0][0].isupper() and word[0].lower() not in _OPENING]
    tail = forms.DUTCH_TAIL.match(text, found.end())
    if not named or tail is None or tail["city"] is None or not _capital(tail["city"]):
        return found.start(), found.end(), 0.0
    return found.start() + named[0], tail.end(), _POSTAL


def _begin(found: re.Match[str], group: str) -> int:
    """Where a street's name begins among the words before its last: those with a capital, and small ones between.

    A name that says "street" in its last word needs no other; before it, only "Old", "New" and the like count.
    """
    words = list(re.finditer(r"[^ ]+", found[group]))
    last = words[-1][0]
    whole = forms.BARE.fullmatch(last) is None
    first = len(words) - 1
    for index in range(first - 1, -1, -1):
        word = words[index][0]
        if last[0].islower() and whole:
            break
        opening = word.lower() in _OPENING and (whole or word not in ("Am", "An", "Im", "Auf", "In"))
        capital = word[0].isupper() and not opening
        if capital and (not whole or word.lower().rstrip(".") in _OLD or _is_dutch(last)):
            first = index
        elif not whole and last[0].islower() and word.endswith("er"):
            first = index  # "berliner straße"
        elif word.lower() not in _SMALL and not (capital and not whole):
            break
    return found.start(group) + words[first].start()


def _is_dutch(word: str) -> bool:
    return re.search(r"(?:straat|gracht|laan|kade|singel|plein|dijk|weg)$", word) is not None


def _french(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    start, named = found.start(), is_titled(found["name"])
    tail = (forms.FRENCH_TAIL if named else forms.FRENCH_LOWER_TAIL).match(text, found.end("name"))
    if tail and (_capital(tail["city"]) or not named):
        return start, tail.end(), _POSTAL
    canadian = forms.POSTAL_TAIL.match(text, found.end("name"))
    if canadian:
        return start, canadian.end(), _POSTAL
    end = found.end("name")
    if not named:
        return start, end, 0.0
    sure = re.fullmatch(
        r"rue|boulevard|bd\.?|bld\.?|allée|chemin|impasse|quai|faubourg|ruelle", found["type"], re.I
    )
    city = forms.CITY_TAIL.match(text, end)
    if city and sure:
        return start, city.end("city"), _CITY
    return start, end, _STREET if sure or _CUES.before(shared, start, 6) else 0.0


# Hardly ever anything else before a name and a number.
_SURE_ROMANCE = re.compile(
    r"calle|c/|avenida|avda?\.?|paseo|plaza|carrer|passeig|rua|viale|piazza|piazzale|vicolo|rue", re.I
)
_AT_ROMANCE = re.compile(r"\b(?:en|na|in|à|a|sita?|alla|dans|nº?)[ ](?:l[ae]s?[ ]|o[ ]|a[ ])?$", re.I)


def _romance(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    start, end, named = found.start(), found.end(), is_titled(found["name"])
    tail = forms.ROMANCE_TAIL.match(text, end)
    if tail and (_capital(tail["city"]) or not named):
        return start, tail.end(), _POSTAL
    if not named:
        return start, end, 0.0
    sure = _SURE_ROMANCE.fullmatch(found["type"]) is not None
    written = found["type"][0].isupper()
    if not written and not sure:
        return start, end, 0.0
    city = forms.CITY_TAIL.match(text, end)
    if city:
        return start, city.end("city"), _CITY
    cued = _CUES.before(shared, start, 6)
    placed = cued or (sure and (written or _AT_ROMANCE.search(text, max(0, start - 16), start)))
    return start, end, _STREET if placed else 0.0


def _box(shared: Text, found: re.Match[str]) -> _Judged:
    text = shared.text
    start, end = found.span()
    for tail in (forms.POSTAL_TAIL, forms.DUTCH_TAIL, forms.GERMAN_TAIL, forms.ROMANCE_TAIL, forms.ZIP_TAIL):
        more = tail.match(text, end)
        if more:
            return start, more.end(), _POSTAL
    if re.match(r"b\.?p", found[0], re.I):  # blood pressure, before and after
        return start, end, 0.0
    named = re.match(r"apartado|postbus|postfach", found[0], re.I) is None or len(found["number"]) > 2
    return start, end, _STREET if named else 0.0


_WAYS = (
    (forms.ENGLISH, _english),
    (forms.ENGLISH, _english),
    (forms.NAMED_HOUSE, _named_house),
    (forms.GERMAN, _german),
    (forms.GERMAN, _german),
    (forms.DUTCH, _dutch),
    (forms.DUTCH_CODED, _dutch_coded),
    (forms.FRENCH, _french),
    (forms.ROMANCE, _romance),
    (forms.BOX, _box),
)


_ELIDED = re.compile(r"[^\W\d_]{1,4}['’]")  # l'Industria, dell'Industria


def is_titled(words: str) -> bool:
    """Whether every word has a capital or a digit in front, but for the small ones of names."""
    found = re.findall(r"[^\W_][\w'’.-]*", words)
    return all(not word[0].islower() or word.lower() in _SMALL or _ELIDED.match(word) for word in found)


def _capital(city: str) -> bool:
    return city.removeprefix("'s-").removeprefix("’s-")[:1].isupper()


def _is_cell(text: str, start: int, end: int) -> bool:
    """Whether it stands alone: on a line, in quotes, between commas."""
    return text[start - 1 : start] in ("", "\n", '"', "'", ",", ";", "|", ">", "\t") and (
        text[end : end + 1] in ("", "\n", '"', "'", ",", ";", "|", "<", "\t", "\r", "\\")
    )


def _is_year(number: str) -> bool:
    return number.isdigit() and 1900 <= int(number) < 2100
