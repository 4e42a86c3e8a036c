"""Telephone numbers that could be dialled, in the spellings that people use (ITU-T E.123, RFC 3966, habit)."""

from __future__ import annotations

import random

import phonenumbers
from phonenumbers import PhoneNumberFormat

REGIONS = {
    "en_US": "US", "en_GB": "GB", "en_CA": "CA", "en_AU": "AU", "de_DE": "DE", "fr_FR": "FR", "es_ES": "ES", "it_IT": "IT",
    "nl_NL": "NL", "en_IN": "IN",
}  # fmt: skip
_ABROAD = (
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "CH",
    "AT",
    "IN",
    "BR",
    "SE",
    "IE",
    "PL",
    "JP",
    "MX",
    "AU",
    "SG",
)
# National numbers of each country: "N" is 2 to 9, "X" any digit. Drawn until the number plan says they exist.
_SHAPES = {
    "US": ("NXXNXXXXXX",), "CA": ("416NXXXXXX", "604NXXXXXX", "514NXXXXXX"), "GB": ("7700XXXXXX", "7NXXXXXXXX", "20NXXXXXXX", "161NXXXXXX", "1NXXXXXXXX"),
    "AU": ("4XXXXXXXX", "2NXXXXXXX", "3NXXXXXXX"), "DE": ("30NXXXXXX", "89NXXXXXX", "151XXXXXXXX", "170NXXXXXX", "221NXXXXX"),
    "FR": ("1NXXXXXXX", "6XXXXXXXX", "4NXXXXXXX"), "ES": ("6XXXXXXXX", "91NXXXXXX", "93NXXXXXX"), "IT": ("3NXXXXXXXX", "02NXXXXXX", "06NXXXXXX"),
    "NL": ("6NXXXXXXX", "20NXXXXXX", "10NXXXXXX"), "CH": ("79NXXXXXX", "44NXXXXXX"), "AT": ("1NXXXXXX", "664NXXXXXX"), "IN": ("9XXXXXXXXX", "8XXXXXXXXX"),
    "BR": ("119NXXXXXXX", "219NXXXXXXX"), "SE": ("70NXXXXXX", "8NXXXXXX"), "IE": ("87NXXXXXX", "1NXXXXXX"), "PL": ("5XXXXXXXX", "22NXXXXXX"),
    "JP": ("90NXXXXXXX", "3NXXXXXXX"), "MX": ("55NXXXXXXX", "33NXXXXXXX"), "SG": ("8NXXXXXX", "6NXXXXXX"),
}  # fmt: skip


def telephone(locale: str, source: random.Random, form: str | None = None) -> str:
    """A number such as somebody of ``locale`` would write; ``international`` with its country code, ``e164`` in
    digits alone, ``national`` as dialled at home, ``abroad`` of any country. Raises KeyError."""
    region = REGIONS.get(locale, "US")
    if form == "abroad" or (form is None and source.random() < 0.15):
        region = source.choice(_ABROAD)
        form = "international"
    number = _number(region, source)
    if form == "e164":
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if form == "international" or (form is None and source.random() < 0.4):
        return _international(number, region, source)
    if form in (None, "national"):
        return _national(number, region, source)
    raise KeyError(form)


def _number(region: str, source: random.Random) -> phonenumbers.PhoneNumber:
    while True:
        shape = source.choice(_SHAPES[region])
        digits = "".join(
            source.choice("23456789") if c == "N" else source.choice("0123456789") if c == "X" else c
            for c in shape
        )
        if len(set(digits)) < 4:
            continue
        number = phonenumbers.parse(f"+{phonenumbers.country_code_for_region(region)}{digits}", None)
        if phonenumbers.is_valid_number(number):
            return number


def _international(number: phonenumbers.PhoneNumber, region: str, source: random.Random) -> str:
    text = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    kind = source.randrange(6)
    if kind == 0:
        return text.replace(" ", "-")
    if kind == 1:
        return (
            text.replace("+", "00", 1)
            if region not in ("US", "CA")
            else text.replace(" ", ".").replace("-", ".")
        )
    if kind == 2 and region in ("GB", "DE", "NL", "AU", "CH", "AT", "SE", "FR"):
        code, _, rest = text.partition(" ")
        return f"{code} (0){source.choice(['', ' '])}{rest}"
    if kind == 3:
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return text


def _national(number: phonenumbers.PhoneNumber, region: str, source: random.Random) -> str:
    text = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = "".join(filter(str.isdigit, text))
    kind = source.randrange(7)
    if region in ("US", "CA"):
        area, exchange, line = digits[:3], digits[3:6], digits[6:]
        return (
            text,
            f"{area}-{exchange}-{line}",
            f"{area}.{exchange}.{line}",
            f"{area} {exchange} {line}",
            f"({area}) {exchange}-{line}",
            f"1-{area}-{exchange}-{line}",
            f"({area}) {exchange}-{line} ext. {source.randint(11, 999)}",
        )[kind]
    if region == "DE":
        area, _, rest = text.partition(" ")
        return (
            text,
            f"{area}/{rest.replace(' ', '')}",
            f"({area}) {rest}",
            f"{area}-{rest.replace(' ', '')}",
            text,
            text,
            digits,
        )[kind]
    if region == "FR":
        pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
        return (text, ".".join(pairs), "-".join(pairs), digits, text, text, text)[kind]
    if kind == 0:
        return digits
    if kind == 1:
        return text.replace(" ", "-")
    return text
