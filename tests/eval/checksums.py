"""Check digits, by the standards that define them; each takes the digits before it, or the whole."""

from __future__ import annotations

from collections.abc import Sequence

_VERHOEFF_D = (
    "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210"
).split()
_VERHOEFF_P = (
    "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258".split()
)
_VERHOEFF_INVERSE = "0432156789"


def luhn(digits: str) -> str:
    """The check digit of ISO/IEC 7812-1, annex B."""
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    return len(digits) > 1 and luhn(digits[:-1]) == digits[-1]


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits by their weights."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True))


def iso7064_mod11_10(digits: str) -> str:
    """The check digit of ISO 7064, MOD 11,10 (German tax identification number)."""
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def mod97(text: str) -> int:
    """Letters as 10 to 35, the whole modulo 97 (ISO 7064 MOD 97-10; IBAN, ISO 13616)."""
    return int("".join(str(int(c, 36)) for c in text)) % 97


def verhoeff(digits: str) -> str:
    """Verhoeff's check digit (Aadhaar)."""
    check = 0
    for index, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[(index + 1) % 8][int(digit)])])
    return _VERHOEFF_INVERSE[check]


def icao(text: str) -> str:
    """The check digit of machine-readable travel documents, weights 7 3 1 (ICAO 9303)."""
    return str(sum(int(c, 36) * (7, 3, 1)[i % 3] for i, c in enumerate(text)) % 10)
