"""Street addresses of Northern and Eastern Europe and Turkey, and rural ones of the United States.

After the Universal Postal Union's "Addressing systems" of each country. A word that says "street" and a number
behind it are looked for; a postcode with its city behind them is taken along. The countries of ``addresses`` have
more ways of writing, and a parser of their own; here one expression a country is all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.addresses import ENTITY
from outgate.dlp.scanner import Expression, Window, matches

_POSTAL, _STREET = 0.9, 0.7
_UPPER = r"[A-ZÀ-ÞĀ-ſА-ЯΑ-Ω]"
_NAME = rf"(?:{_UPPER}|\d{{1,2}}\.?[ ])[\w.'’-]{{1,30}}"
_NAMES = rf"{_NAME}(?:[ ](?:(?:i|v|na|nad|pod|og|och|de|af)[ ])?{_NAME}){{0,3}}"
_NUMBER = r"\d{1,4}(?:(?:[ ]?[A-ZА-Я]|[a-zа-я])(?!\w))?(?:[/-]\d{1,4}\w?)?"
_CITY = rf"{_UPPER}[\w'’-]{{1,30}}(?:[ -]{_UPPER}[\w'’-]{{1,30}}){{0,2}}"
_TAIL = re.compile(
    rf"(?:[ \t]*,[ ]?|[ \t]*\r?\n[ \t]*|[ ])(?:(?:[A-Z]{{1,2}}|Σ)-)?"
    rf"(?:\d{{2}}-\d{{3}}|\d{{3}}[ ]\d{{2}}|\d{{4,6}})[ ]{_CITY}"
)
_NORDIC = r"(?:gatan|vägen|gränden|gata|gaten|veien|vegen|vei|gade|vej|stræde|katu|ntie|kuja|polku)"
_POLISH = r"(?:[Uu]l\.|[Uu]lic[aey]|[Aa]l\.|[Aa]lej[aei]|[Pp]l\.|[Pp]lacu?|[Oo]s\.|[Oo]siedl[eu])"
_HUNGARIAN = r"(?:utca|út|u\.|tér|körút|krt\.|sétány|köz)"
_ROMANIAN = r"(?:Str\.|Strada|Bd\.|Bulevardul|Calea|Șos\.|Șoseaua|Aleea|Splaiul)"
_CYRILLIC = r"(?:[Уу]л\.|[Уу]лиц[аеы]|[Пп]р\.|[Пп]р-т|[Пп]роспекте?|[Пп]ер\.|[Пп]ереулок|[Бб]ул\.|[Вв]ул(?:\.|иц[яі]))"
_GREEK = r"(?:[Οο]δός|[Οο]δού|[Λλ]εωφόρος|[Λλ]εωφ\.|[Ππ]λατεία)"
_TURKISH = r"(?:Mah\.|Mahallesi|Cad\.|Caddesi|Sok\.|Sokak|Sokağı|Bulvarı)"
_RURAL = r"(?:(?:RR|R\.R\.|HC)[ ]#?\d{1,3},?[ ]Box|[NSEW]\d{3,5}(?:[NSEW]\d{3,5})?)"
_END = r"(?!\w|[.,]\d)"
# Each with what is cheap to look for.
_FORMS: tuple[tuple[Expression, str], ...] = (
    # Sweden, Norway, Denmark, Finland: Storgatan 12, Nørrebrogade 77, 3. tv, Mannerheimintie 12 B 8
    (
        Expression(rf"{_NORDIC} \d", before=60, after=40),
        rf"(?<![\w.@/-])(?:{_UPPER}[\w'’-]{{1,24}}[ ]){{0,2}}(?:{_UPPER}[\w'’-]{{1,30}}|(?<=[ ])){_NORDIC}[ ]{_NUMBER}"
        r"(?:(?<=[ ][A-Z])[ ]\d{1,3}(?!\w))?"
        r"(?:,?[ ](?:\d{1,2}\.[ ]?(?:(?:tv|th|mf|sal)\b\.?[ ]?){1,2}|lgh[ ]\d{3,4}|[A-Z][ ]?\d{1,3}(?!\w)))?"
        + _END,
    ),
    # Poland, Croatia, Slovenia, Slovakia
    (
        Expression(rf"\b{_POLISH} (?:{_UPPER}|\d)", after=100),
        rf"(?<![\w.]){_POLISH}[ ]{_NAMES}[ ]{_NUMBER}(?:[ ]m\.?[ ]?\d{{1,4}})?" + _END,
    ),
    (
        Expression(rf" {_HUNGARIAN} \d", before=60, after=40),
        rf"(?<![\w.])(?:\d{{4}}[ ]{_CITY},[ ])?{_NAMES}[ ]{_HUNGARIAN}[ ]{_NUMBER}"
        r"(?:\.[ ](?:\d{1,2}/\d{1,3}|(?:[IVX]+|\d{1,2})\.[ ]?em(?:elet)?\.?[ ]\d{1,3}))?" + _END,
    ),
    (
        Expression(rf"{_ROMANIAN} {_UPPER}", after=100),
        rf"(?<![\w.]){_ROMANIAN}[ ]{_NAMES},?[ ]nr\.?[ ]?{_NUMBER}(?:,[ ](?:bl|sc|et|ap)\.?[ ]\w{{1,4}}){{0,4}}"
        + _END,
    ),
    (
        Expression(rf"\b{_CYRILLIC}", before=60, after=100),
        rf"(?<![\w.])(?:(?:\d{{6}},[ ])?(?:г\.|город|м\.|місто)[ ]?{_CITY},[ ])?"
        rf"{_CYRILLIC}[ ]?[„\"«]?{_NAMES}[“\"»]?,?[ ](?:д\.?[ ]?|дом[ ]|№[ ]?|буд\.[ ]?)?{_NUMBER}"
        rf"(?:,[ ](?:кв|корп|стр|ап)\.?[ ]?\d{{1,4}}){{0,3}}" + _END,
    ),
    (Expression(rf"\b{_GREEK} ", after=80), rf"(?<!\w){_GREEK}[ ]{_NAMES}[ ]{_NUMBER}" + _END),
    (
        Expression(rf"\b{_TURKISH}", before=60, after=80),
        rf"(?<![\w.])(?:{_NAMES}[ ]{_TURKISH},?[ ]){{1,3}}No[.:]?[ ]?\d{{1,4}}"
        r"(?:/\w{1,4}|[ ](?:D|Daire)[.:]?[ ]?\d{1,3})?(?!\w)"
        rf"(?:,?[ ]{_UPPER}\w{{2,20}}(?:[ ]?/[ ]?|,[ ]){_UPPER}\w{{2,20}}(?!\w))?",
    ),
    # The countryside of the United States: RR 2 Box 145, N7812 County Road J
    (
        Expression(rf"\b{_RURAL} ", after=80),
        rf"(?<!\w){_RURAL}[ ](?:(?<=Box[ ])\d{{1,5}}\w?(?!\w)|(?:[A-Z][\w'’]{{0,20}}[ ]){{1,4}}"
        r"(?:Road|Rd|Street|St|Drive|Dr|Lane|Ln|Court|Ct|Avenue|Ave|Highway|Hwy|Trail|Way)\b(?:[ ][A-Z]{1,2}\b)?)",
    ),
    # Wherever a postcode of three and two digits stands behind it: Vinohradská 12/3, 120 00 Praha
    (
        Expression(r"\d[\w/]{0,6},? \d{3} \d{2} ", before=80, after=60),
        rf"(?<![\w.@/-]){_NAMES}[ ]{_NUMBER}(?=,?[ ]\d{{3}}[ ]\d{{2}}[ ]{_UPPER})",
    ),
)
_STREETS = tuple(re.compile(pattern) for _, pattern in _FORMS)


class AddressAbroadDetector:
    """Finds street addresses by the words that countries have for streets."""

    name = "addresses-abroad"
    entities = frozenset({ENTITY})
    expressions = tuple(expression for expression, _ in _FORMS)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Streets with their number, and the postcode and city behind them."""
        for found in matches(_STREETS[which], text.text, windows):
            tail = _TAIL.match(text.text, found.end())
            yield Match(
                found.start(),
                tail.end() if tail else found.end(),
                ENTITY,
                _POSTAL if tail else _STREET,
                self.name,
            )
