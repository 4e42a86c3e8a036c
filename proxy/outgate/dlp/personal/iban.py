"""Bank account numbers (IBAN, ISO 13616): of the country's own length, checked by MOD 97-10, with or without blanks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.sums import mod97
from outgate.dlp.scanner import Expression, Window, matches

ENTITY = "IBAN_CODE"
_MARK = r"[ \u00a0\u202f-]"
# Signs one by one, in either case; groups of four are only looked at afterwards, when the length is known.
_WRITTEN = re.compile(rf"(?<![^\W_])[A-Za-z]{{2}}{_MARK}?\d{{2}}(?:{_MARK}?[A-Za-z0-9]){{11,30}}")
# The SWIFT registry of IBAN formats, release 98: signs by country.
LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE BI", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BF CM DJ FR GR IT MC MR SM",
        28: "AL AZ BY CG CI CV CY DO GT HN HU LB MZ NI PL SN SV TD TG", 29: "BR EG PS QA UA", 30: "JO KW MU YE",
        31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip


class IbanDetector:
    """Finds IBANs."""

    name = "iban"
    entities = frozenset({ENTITY})
    expressions = (Expression(rf"\b[A-Za-z]{{2}}{_MARK}?\d{{2}}(?:{_MARK}?[A-Za-z0-9]){{11}}", after=60),)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Every number that checks and has its country's length."""
        for found in matches(_WRITTEN, text.text, windows):
            end = _end(found[0])
            following = text.text[found.start() + end : found.start() + end + 1]
            if end and not following.isalnum() and mod97(found[0][:end]):
                yield Match(found.start(), found.start() + end, ENTITY, 1.0, self.name)


def _end(written: str) -> int:
    """Where the country's number ends in ``written``; 0 where it has no such, or is cut into odd groups."""
    length = LENGTHS.get(written[:2].upper(), 0)
    places = [place for place, sign in enumerate(written) if sign.isalnum()]
    if not length or len(places) < length:
        return 0
    end = places[length - 1] + 1
    groups = re.split(_MARK, written[:end])
    whole = len(groups) == 1 or all(len(group) == 4 for group in groups[:-1]) or "".join(groups[1:]).isdigit()
    return end if whole else 0
