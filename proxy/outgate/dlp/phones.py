"""Telephone numbers: what is written like one, and is one in a numbering plan.

Presidio's recognizer tries every run of digits in eight countries and takes order numbers, times and
product ids for telephones. Here a number must be written as people write them, and be valid by the
``phonenumbers`` package (the data of Google's libphonenumber); bare digits need a word beside them.

    +49 30 90182-0     international, valid                       0.75
    (212) 736-5000     national, in a country's own grouping      0.6
    phone: 2127365000  bare digits, valid, with a context word    0.6

A context word near adds what it adds for any recognizer; a word that says what the number is instead
(order, invoice, serial, ...) takes as much away. Presidio is not needed for any of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from outgate.dlp.config import DetectorConfig
from outgate.dlp.context import Words, raised
from outgate.dlp.detector import Match, PatternDetector, Text
from outgate.dlp.scanner import Expression, Window, matches

ENTITY = "PHONE_NUMBER"
MOST_DIGITS = 15  # ITU-T E.164

_INTERNATIONAL, _NATIONAL, _BARE = 0.75, 0.6, 0.25
_AGAINST = 0.35
_LEAST = 0.4
# Digits with at most three of the marks that people put between groups.
# Scripts whose words have no blanks around them: a number may stand right beside one.
_UNSPACED = r"\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_CANDIDATE = (
    rf"(?<![^\W{_UNSPACED}])(?<![./#&$€£%*^+-])(?<!\d:)(?:\(?\+\d|\(?\d)"
    rf"(?:[ ().\-/\u00a0\u2010-\u2013]{{0,3}}\d){{6,16}}(?![^\W{_UNSPACED}]|%)(?![-.:/]\d)(?!,\d{{3}}(?!\d))"
)
_EXTENSION = re.compile(r"[ ,;]{0,2}(?:ext|x|durchwahl|poste|#)\.?[ :]?\d{1,6}\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_BLANK = re.compile(r"[ \u00a0]+")
# Groups of digits that say: date, time, amount, address of a machine, card.
_OTHER = re.compile(
    r".*(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)"
    r"|(?:19|20)\d\d ?[-/\u2010-\u2013] ?(?:19|20)\d\d$"
    r"|(?:19|20)\d\d[-/. ][01]?\d[-/. ][0-3]?\d(?!\d)"
    r"|[0-3]?\d[-/.][0-3]?\d[-/.](?:19|20)\d\d(?!\d)"
    r"|(?:.*[ \t\u00a0])?\d{1,3}(?:\.\d{1,3}){3}$"
    r"|\d{4}[ -]\d{4}[ -]\d{4}"
    r"|\d+\.\d+$"
    r"|\d{1,3}(?:\.\d{3}){2,}$"
)
_NANP_NUMBER = (
    r"(?:1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?[2-9]\d\d[ .-]\d{4}"
    r"|[2-9]\d\d(?:([.-])[2-9]\d\d\1| [2-9]\d\d[ -])\d{4})"
)
_NANP = re.compile(_NANP_NUMBER)
# Begins like a number that needs no word beside it.
_BY_ITSELF = re.compile(rf"\(?(?:[+0]|{_NANP_NUMBER})")
# A trunk prefix and groups: Europe, Australia, India and most of the world.
_TRUNK = re.compile(r"\(?0\d{1,5}\)?[ ./\u00a0\u2010-\u2013-]{1,3}\d[\d ./\u00a0\u2010-\u2013-]{3,14}\d")
_TRUNK_REGIONS = (
    "GB",
    "DE",
    "FR",
    "NL",
    "AU",
    "IT",
    "IN",
    "BR",
    "CH",
    "AT",
    "BE",
    "IL",
    "ZA",
    "JP",
    "SE",
    "PL",
)
_BARE_REGIONS = tuple("US GB DE FR ES IT NL AU IN BR PL CN JP KR RU TR MX GR TH SA AE IL".split())

_WORDS = Words(
    [
        *"""*phone* telephone tel mobile mob cell cellphone fax call calls called calling ring dial sms whatsapp signal
        telegram hotline helpline callback landline contact reach telefon* handy handynummer rufnummer mobil
        mobilnummer festnetz durchwahl téléphone portable joindre appeler fixe teléfono móvil llamar llámame celular
        telefono cellulare chiamare telefoon* mobiel bellen telefone telemóvel ligar komórka puhelin telefonnr
        telefonu τηλέφωνο τηλ κινητό телефон* тел моб* зателефонуй* cep gsm fone cel zap wpp hubungi sđt
        *电话* *手机*
        *电話* *電話* *携帯* *連絡先* *折り返し* *致电* *联系* *聯絡* *전화* *연락처* *휴대폰* *핸드폰*
        *โทร* *เบอร์* هاتف* الهاتف جوال* تلفون*
        موبايل טלפון נייד फोन मोबाइल""".split(),
        "pod numerem",
    ]
)
_AGAINST_WORDS = Words(
    """order invoice serial sku isbn issn ticket tracking parcel shipment product article item part model version
    build commit revision account routing iban card policy claim case reference ref barcode ean upc gtin asin doi id
    timestamp epoch latitude longitude coordinates hash checksum bytes port pid uid gid row line bestellnummer
    rechnung artikelnummer kundennummer commande facture pedido factura ordine fattura""".split(),
    after=False,
)


class PhoneDetector:
    """Finds telephone numbers."""

    name = "phones"
    entities = frozenset({ENTITY})
    expressions = (Expression(_CANDIDATE),)

    def __init__(self) -> None:
        self._candidate = re.compile(_CANDIDATE)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Numbers with a score of at least 0.4."""
        told = not text.crowded or _WORDS.occurs(text)
        for found in matches(self._candidate, text.text, windows):
            start, written = found.start(), found[0]
            if not told and not _BY_ITSELF.match(written):
                continue
            if written.startswith("(") and ")" not in written:
                start, written = start + 1, written[1:]
            for part in _parts(written):
                end = start + len(part)
                score = self._score(text, start, end, part)
                if score >= _LEAST:
                    extension = _EXTENSION.match(text.text, end)
                    last = extension.end() if extension else end
                    yield Match(start, last, ENTITY, round(score, 4), self.name)
                    break

    @staticmethod
    def _score(text: Text, start: int, end: int, written: str) -> float:
        score, regions = shape(written)
        if not score:
            return 0.0
        near = _WORDS.near(text, start, end)
        if not near and score < _LEAST:
            return 0.0
        against = _AGAINST_WORDS.before(text, start, 2)
        if near and not against:
            score = raised(score)
        elif score < _LEAST or against or _AGAINST_WORDS.near(text, start, end):
            score -= _AGAINST
        if score < _LEAST:
            return 0.0
        return score if is_valid(written, regions) else 0.0


def _parts(written: str) -> Iterator[str]:
    """What is written, and then less and less of it: another number may stand behind a telephone's."""
    yield written
    for blank in reversed([found.start() for found in _BLANK.finditer(written)]):
        if len(_DIGIT.findall(written[:blank])) < 7:
            return
        yield written[:blank]


def shape(written: str) -> tuple[float, tuple[str, ...]]:
    """How much it is written like a telephone number (0.0: not at all), and of which countries.

    No country is named where the number itself says it.
    """
    digits = "".join(_DIGIT.findall(written))
    if not 7 <= len(digits) <= MOST_DIGITS or len(set(digits)) < 3:
        return 0.0, ()
    if written.lstrip("(").startswith("+"):
        return _INTERNATIONAL, ()
    if digits.startswith("00") and len(digits) >= 10:
        return (_INTERNATIONAL if written != digits else _BARE), ()
    if _OTHER.match(written):
        return 0.0, ()
    if _NANP.fullmatch(written):
        return _NATIONAL, ("US",)
    if _TRUNK.fullmatch(written):
        return _NATIONAL, _TRUNK_REGIONS
    return _BARE, _BARE_REGIONS


@lru_cache(maxsize=4096)
def is_valid(written: str, regions: tuple[str, ...]) -> bool:
    """Whether one of the ``regions``' numbering plans has such a number."""
    digits = "".join(_DIGIT.findall(written))
    if regions:
        return any(_valid(digits, region) for region in regions)
    return _valid(f"+{digits.removeprefix('00')}", None)


def _valid(digits: str, region: str | None) -> bool:
    """Whether the numbering plan of ``region`` (None: of the country code) has such a number."""
    import phonenumbers

    if region is not None and not _plausible(region).fullmatch(digits):
        return False
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))


@lru_cache(maxsize=64)
def _plausible(region: str) -> re.Pattern[str]:
    """A region's general shape with its trunk prefix: settles most runs of digits without parsing."""
    import phonenumbers

    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region)
    shape = metadata.general_desc.national_number_pattern
    prefix = metadata.national_prefix_for_parsing or metadata.national_prefix or ""
    return re.compile(f"(?:{prefix})?(?:{shape})")


def detectors(config: DetectorConfig) -> list[PatternDetector]:
    """The detector, when telephone numbers are wanted."""
    return [PhoneDetector()] if ENTITY in config.entities else []
