"""What check digits are made of: signs, weighted sums, days, and the sums of international standards.

Each takes a number as it is written and ignores what stands between its signs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NOT_SIGNS = re.compile(r"[^0-9A-Za-zÑñ&]")
_NOT_DIGITS = re.compile(r"[^0-9]")


def digits_of(value: str) -> list[int]:
    """The digits of a number as it is written."""
    return [int(digit) for digit in _NOT_DIGITS.sub("", value)]


def signs_of(value: str) -> str:
    """Its letters and digits, in capitals."""
    return _NOT_SIGNS.sub("", value).upper()


def weighted_sum(digits: Sequence[int], weights: Sequence[int]) -> int:
    """The sum of digits by their weights, as far as there are both."""
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def is_day(day: int, month: int) -> bool:
    """Whether that month has that day in some year."""
    return 1 <= month <= 12 and 1 <= day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def luhn(value: str) -> bool:
    """Luhn's algorithm (ISO/IEC 7812-1, annex B)."""
    digits = digits_of(value)
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) > 1 and total % 10 == 0


def mod97(value: str) -> bool:
    """ISO 7064 MOD 97-10 over an IBAN (ISO 13616), its first four signs moved to the end."""
    signs = signs_of(value)
    moved = signs[4:] + signs[:4]
    return (
        moved.isalnum() and moved.isascii() and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
    )


def ean13(value: str) -> bool:
    """EAN-13 (GS1), as the Swiss AHV number has it."""
    digits = digits_of(value)
    return len(digits) == 13 and weighted_sum(digits, (1, 3) * 7) % 10 == 0


def mod_11_10(digits: Sequence[int]) -> bool:
    """ISO 7064 MOD 11,10 over eleven digits."""
    rest = 10
    for digit in digits[:10]:
        rest = ((rest + digit) % 10 or 10) * 2 % 11
    return len(digits) == 11 and (11 - rest) % 10 == digits[10]
