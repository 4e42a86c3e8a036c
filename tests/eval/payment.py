"""Bank accounts and payment cards: valid by their checksums, and nobody's."""

from __future__ import annotations

import random

from .checksums import luhn, mod97
from .national import digits

_IBANS = {
    "DE": "##################", "FR": "#######################", "ES": "####################", "IT": "@######################",
    "NL": "@@@@##########", "GB": "@@@@##############", "CH": "#################", "AT": "################", "BE": "############",
    "PL": "########################", "SE": "####################", "IE": "@@@@##############", "PT": "#####################",
}  # fmt: skip


def iban(source: random.Random, country: str | None = None) -> str:
    """ISO 13616: the length of its country, check digits by MOD 97-10; in fours half of the time."""
    where = country if country in _IBANS else source.choice(sorted(_IBANS))
    account = digits(source, _IBANS[where])
    text = f"{where}{98 - mod97(f'{account}{where}00'):02d}{account}"
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4)) if source.random() < 0.5 else text


_CARDS = (
    ("4", 16), ("4", 16), ("4", 16), ("51", 16), ("53", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16),
    ("65", 16), ("3528", 16), ("36", 14), ("6222", 19), ("4", 19), ("5018", 16),
)  # fmt: skip


def card(source: random.Random, form: str | None = None) -> str:
    """A number of Visa, Mastercard (both series), Amex, Discover, JCB, Diners, UnionPay or Maestro, by Luhn;
    ``bare`` without separators."""
    prefix, length = source.choice(_CARDS)
    body = prefix + digits(source, "#" * (length - len(prefix) - 1))
    number = body + luhn(body)
    sep = "" if form == "bare" else source.choice(["", " ", " ", "-"])
    sizes = (4, 6, 5) if length == 15 else (4, 6, 4) if length == 14 else (4, 4, 4, 4, 3)
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return sep.join(part for part in parts if part)
