"""Street addresses by their label: fields of forms, keys of data, columns of tables.

What a street is called says little in most countries ("Hinter den Höfen 3", "Vinohradská 12"); the label beside it
does: "Adresse:", `"street": "Storgatan 12"`, a column `address_line_1`. The value must look like a street: words with
capitals, and a number among them. Owns the labels and that look; streets in prose are those of ``addresses``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.addresses import ENTITY, is_titled
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.statements import values_under
from outgate.dlp.tables import fields, may_be_header

_SCORE = 0.85
_COLUMNS = 3  # of one table that may hold addresses
_WORDS = (
    r"address(?:es)?|addr|street|stra(?:ß|ss)e|anschrift|adress(?:e|en)?|adres(?:a|se)?|adresă|indirizzo|direcci[oó]n|"
    r"domicilio|calle|endere[cç]o|morada|logradouro|gatuadress|gateadresse|vejnavn|osoite|katuosoite|lakcím|cím|ulica|"
    r"bydliště|адрес(?:а)?|διεύθυνση|住所|地址|주소|line[ _]?1"
)
_BEGINS = r"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))"
_BEGINNING = re.compile(_BEGINS + r"(?=[^\W\d_])", re.IGNORECASE)
_LABEL = re.compile(
    rf"{_BEGINS}(?:{_WORDS})(?:[ _-]?(?:line|name))?[ _-]?[12]?(?![^\W_])",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(?:\\?[\"'*]){0,3}[ \t]{0,9}(?:[:=]|>(?=[^<>\n]{4,120}</)|:)[ \t]{0,9}(?:\\?[\"'*]){0,3}"
    r"(?P<value>[^\W_][^\n\"<>|;{}\[\]=@\\*]{4,120})"
)
# Whose addresses are no streets.
_TECHNICAL = re.compile(
    r"(?i)\b(?:memory|mac|ip|ipv[46]|e-?mail|web|base|start|end|network|host|bus|physical|virtual|register|return|wallet|"
    r"hardware|server|device)[ _-]?$"
)
# After it stands something else in the same line.
_OTHER = re.compile(
    r"[\s,.(–-]{1,4}(?:t[eé]l(?:[eé]f(?:ono?|oon)?|efon|[eé]phone)?|phone|fax|e-?mail|mobile?|handy|cell|cel|puh|tlf|gsm|geb"
    r"|dob|born|iban|www)\b"
    r"|'[ ]{0,3}(?:[,;)}]|$)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w.:/#-])(?:[A-Z]{0,1}\d{1,5}(?:[ ]?[a-zA-Z])?(?:[/-]\d{0,4}[a-zA-Z]?)?)(?![\w.:]\S|\w)"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_IDEOGRAPHS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]{2}.*\d")
_QUOTES = "'’ \t,.:"


class LabelledAddressDetector:
    """Finds street addresses by the name of their field."""

    name = "address-labels"
    entities = frozenset({ENTITY})
    expressions = (Expression(rf"(?:{_WORDS})", int(re.IGNORECASE), before=1, after=160),)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The values alone, without their labels."""
        lined = text.lined
        columns: list[int] = []
        end = read = 0  # of the last table
        for label in matches(_LABEL, lined, windows, _BEGINNING):
            if _TECHNICAL.search(lined, max(0, label.start() - 12), label.start()):
                continue
            value = _VALUE.match(lined, label.end())
            spans = [value.span("value")] if value else []
            if not value:
                columns.append(label.start())
                if (label.start() >= end or read < _COLUMNS) and may_be_header(lined, label.start()):
                    spans = fields(lined, label.start())
                    read = read + 1 if label.start() < end else 1
                    end = spans[-1][1] if spans else end
            for start, stop in spans:
                yield from self._street(lined, start, stop)
        if columns:
            for start, stop in values_under(lined, columns):
                yield from self._street(lined, start, stop)

    def _street(self, text: str, start: int, end: int) -> Iterator[Match]:
        if (other := _OTHER.search(text, start, end)) is not None:
            end = other.start()
        value = text[start:end].rstrip(_QUOTES)
        if is_street(value):
            yield Match(start, start + len(value), ENTITY, _SCORE, self.name)


def is_street(value: str) -> bool:
    """Whether a value can be a street with a number: words as names are written, and a short number among them."""
    if not 5 <= len(value) <= 120:
        return False
    if _IDEOGRAPHS.match(value):
        return True
    return _NUMBER.search(value) is not None and _WORD.search(value) is not None and is_titled(value)
