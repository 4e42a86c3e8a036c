"""Payment cards: digits written as a card's, in a range that a network issues, whose last digit checks.

ISO/IEC 7812-1: an issuer's identification number at the start, Luhn's check digit at the end, 19 digits at
most. The ranges are those that the networks publish; a number outside of them is no card, however well it
checks. One in ten numbers does, so bare digits beside a word that says what else they are do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.context import Words
from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.sums import luhn
from outgate.dlp.scanner import Expression, Window, matches

ENTITY = "CREDIT_CARD"
_SURE, _LIKELY, _DOUBTFUL = 1.0, 0.85, 0.2

_SEPARATOR = r"[ .\u00a0\u2009\u202f\u2010-\u2013-]"
# Groups as they are embossed: 4-4-4-4, with up to three more digits, 4-6-5 and 4-6-4; or no groups at all.
_WRITTEN = re.compile(
    rf"(?<![\w$€£])(?<!\d[.:/-])(?<!\d{{4}}[ -])(?<![A-Z]{{2}}\d\d )"
    rf"(?:\d{{4}}(?P<mark>{_SEPARATOR})(?:\d{{4}}(?P=mark)\d{{4}}(?P=mark)\d{{1,4}}(?P<more>(?P=mark)\d{{1,3}})?"
    rf"|\d{{6}}(?P=mark)\d{{4,5}})|\d{{13,19}})"
    rf"(?!\w)(?!\.\d)(?![ -]\d{{4}}(?!\d))"
)
_LOCATOR = Expression(rf"\b[2-9]\d{{3}}{_SEPARATOR}?\d{{4}}\d{{0,2}}{_SEPARATOR}?\d{{4}}")
_DIGIT = re.compile(r"\d")

# First digits from, to (as strings of one length), and the lengths that are issued.
_RANGES: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("300", "305", (14, 16, 17, 18, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 17, 18, 19)),  # Diners Club
    ("36", "36", (14, 16, 17, 18, 19)),  # Diners Club
    ("38", "39", (14, 16, 17, 18, 19)),  # Diners Club
    ("6011", "6011", (16, 17, 18, 19)),  # Discover
    ("644", "649", (16, 17, 18, 19)),  # Discover
    ("65", "65", (16, 17, 18, 19)),  # Discover, RuPay, Troy
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("81", "82", (16, 17, 18, 19)),  # UnionPay, RuPay
    ("60", "60", (16,)),  # RuPay, Hipercard
    ("508", "508", (16,)),  # RuPay
    ("5018", "5018", (13, 14, 15, 16, 17, 18, 19)),  # Maestro, and the next five
    ("5020", "5020", (13, 14, 15, 16, 17, 18, 19)),
    ("5038", "5038", (13, 14, 15, 16, 17, 18, 19)),
    ("5893", "5893", (13, 14, 15, 16, 17, 18, 19)),
    ("6304", "6304", (13, 14, 15, 16, 17, 18, 19)),
    ("6759", "6763", (13, 14, 15, 16, 17, 18, 19)),
    ("5019", "5019", (16,)),  # Dankort
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("9792", "9792", (16,)),  # Troy
    ("506099", "506198", (16, 18, 19)),  # Verve
    ("5066", "5067", (16,)),  # Elo
    ("509", "509", (16,)),  # Elo
    ("636", "639", (16,)),  # Elo, InterPayment, InstaPayment
)
_WORDS = Words(
    """card cards credit debit *kreditkarte* *karte* kartennummer *carte* tarjeta carta carte bancaire kaart creditcard
    cardnumber ccnum ccn cc pan visa mastercard amex american maestro discover diners jcb unionpay rupay troy cvv
    cvc expiry exp expires cardholder payment pay zahlung paiement pago pagamento betaling""".split()
)
_AGAINST = Words(
    """imei imeisv meid iccid esn serial isbn ean upc gtin barcode sku asin tracking parcel shipment waybill timestamp
    ts epoch time date ms us ns nanos micros created updated order invoice transaction txn trace span request session
    snowflake tweet status article product item part build commit hash checksum size bytes offset offsets length seed
    uid gid pid oid document sequence version id ids guid uuid user_id""".split(),
    after=False,
)


class CardDetector:
    """Finds numbers of payment cards."""

    name = "cards"
    entities = frozenset({ENTITY})
    expressions = (_LOCATOR,)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Every card's number; one that is more likely something else scores 0.2."""
        for found in matches(_WRITTEN, text.text, windows):
            end = found.end()
            if not is_card(found[0]) and found["more"] is not None:
                end = found.start("more")  # the three digits behind a number of four groups are its code
            written = text.text[found.start() : end]
            if is_card(written):
                score = _score(text, found.start(), end, grouped=found["mark"] is not None)
                yield Match(found.start(), end, ENTITY, score, self.name)


def is_card(written: str) -> bool:
    """Whether the digits are in an issued range, of its length, and check."""
    digits = "".join(_DIGIT.findall(written))
    return _issued(digits) and luhn(digits)


def _issued(digits: str) -> bool:
    return any(
        first <= digits[: len(first)] <= last and len(digits) in lengths for first, last, lengths in _RANGES
    )


def _score(text: Text, start: int, end: int, *, grouped: bool) -> float:
    if _WORDS.near(text, start, end):
        return _SURE
    if _AGAINST.before(text, start, 2):
        return _LIKELY if grouped else _DOUBTFUL
    return _SURE if grouped else _LIKELY
