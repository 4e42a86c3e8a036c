"""Check digits of the national numbers of other parts of the world, and all checks by their names.

Each takes the number as it is written, ignores what stands between its signs, and says whether it may be one.
Rules name them (``validate:``). Those of the numbers that Presidio has a recognizer for are Presidio's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from outgate.dlp.personal.europe import EUROPE
from outgate.dlp.personal.sums import digits_of, ean13, is_day, luhn, mod97, signs_of, weighted_sum


def br_cpf(value: str) -> bool:
    """Brazilian taxpayer number of a person: two check digits by modulus 11 (Receita Federal)."""
    digits = digits_of(value)
    return (
        len(digits) == 11 and len(set(digits)) > 1 and _two_checks(digits, range(10, 1, -1), range(11, 1, -1))
    )


def br_cnpj(value: str) -> bool:
    """Brazilian taxpayer number of a company."""
    weights = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    digits = digits_of(value)
    return len(digits) == 14 and len(set(digits)) > 1 and _two_checks(digits, weights, (6, *weights))


def _two_checks(digits: Sequence[int], first: Sequence[int], second: Sequence[int]) -> bool:
    rests = [weighted_sum(digits[: len(weights)], weights) % 11 for weights in (first, second)]
    return [0 if rest < 2 else 11 - rest for rest in rests] == list(digits[-2:])


def cn_resident(value: str) -> bool:
    """Chinese resident identity number: a date, and ISO 7064 MOD 11-2 (GB 11643)."""
    signs = signs_of(value)
    if not re.fullmatch(r"\d{17}[\dX]", signs) or not is_day(int(signs[12:14]), int(signs[10:12])):
        return False
    return (
        "10X98765432"[
            weighted_sum(digits_of(signs[:17]), (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
        ]
        == signs[17]
    )


def jp_my_number(value: str) -> bool:
    """Japanese individual number, modulus 11 (ordinance 85 of 2014)."""
    digits = digits_of(value)
    rest = weighted_sum(digits[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 12 and len(set(digits)) > 1 and digits[11] == (0 if rest < 2 else 11 - rest)


def mx_curp(value: str) -> bool:
    """Mexican population registry code: a sum over its signs (RENAPO)."""
    signs = signs_of(value)
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    if len(signs) != 18 or not set(signs) <= set(alphabet) or not signs[17].isdigit():
        return False
    return -sum(alphabet.index(sign) * (18 - place) for place, sign in enumerate(signs[:17])) % 10 == int(
        signs[17]
    )


def mx_rfc(value: str) -> bool:
    """Mexican taxpayer code of a person or a company, modulus 11 (SAT)."""
    signs = signs_of(value).rjust(13)
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    if not set(signs) <= set(alphabet) or not is_day(int(signs[8:10]), int(signs[6:8])):
        return False
    rest = -sum(alphabet.index(sign) * (13 - place) for place, sign in enumerate(signs[:12])) % 11
    return signs[12] == ("A" if rest == 10 else str(rest))


def mx_clabe(value: str) -> bool:
    """Mexican bank account number: weights 3, 7, 1 (Banco de México)."""
    digits = digits_of(value)
    return (
        len(digits) == 18
        and sum(d * w % 10 for d, w in zip(digits[:17], (3, 7, 1) * 6, strict=False)) % 10 == -digits[17] % 10
    )


def th_national(value: str) -> bool:
    """Thai identity number, modulus 11."""
    digits = digits_of(value)
    return len(digits) == 13 and (11 - weighted_sum(digits, range(13, 1, -1)) % 11) % 10 == digits[12]


def document(value: str) -> bool:
    """Signs of a document's number: one digit at least."""
    return any(map(str.isdigit, value))


def ar_cuit(value: str) -> bool:
    """Argentine tax number, modulus 11 (AFIP)."""
    digits = digits_of(value)
    rest = -weighted_sum(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 11 and rest == digits[10]


def cl_rut(value: str) -> bool:
    """Chilean tax number: modulus 11, K for ten."""
    signs = signs_of(value)
    if not re.fullmatch(r"\d{7,8}[\dK]", signs):
        return False
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(signs[:-1])))
    return "0123456789K"[-total % 11] == signs[-1]


def tw_national(value: str) -> bool:
    """Taiwanese identity number: the letter is two digits of its own."""
    signs = signs_of(value)
    number = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(signs[0]) + 10
    digits = [number // 10, number % 10, *digits_of(signs[1:])]
    return len(digits) == 11 and weighted_sum(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def hk_identity(value: str) -> bool:
    """Hong Kong identity card number, modulus 11; A is ten, and a missing first letter counts 36."""
    signs = signs_of(value).rjust(9)
    if not re.fullmatch(r"[ A-Z][A-Z]\d{6}[\dA]", signs):
        return False
    values = [36 if sign == " " else int(sign, 36) for sign in signs[:8]]
    return (weighted_sum(values, range(9, 1, -1)) + int(signs[8], 36)) % 11 == 0


def nz_ird(value: str) -> bool:
    """New Zealand tax number, modulus 11 with a second set of weights (Inland Revenue)."""
    digits = digits_of(value)
    if len(digits) not in (8, 9):
        return False
    digits = [0] * (9 - len(digits)) + digits
    for weights in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6)):
        rest = -weighted_sum(digits, weights) % 11
        if rest < 10:
            return rest == digits[8]
    return False


def ru_snils(value: str) -> bool:
    """Russian insurance number: a weighted sum modulo 101."""
    digits = digits_of(value)
    return (
        len(digits) == 11 and weighted_sum(digits, range(9, 0, -1)) % 101 % 100 == 10 * digits[9] + digits[10]
    )


def vin(value: str) -> bool:
    """Vehicle identification number (ISO 3779): letters and digits, the last four digits."""
    signs = signs_of(value)
    return len(signs) == 17 and any(map(str.isalpha, signs)) and signs[-4:].isdigit() and len(set(signs)) > 5


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        luhn, mod97, ean13, document, vin,
        *EUROPE,
        th_national, br_cpf, br_cnpj, cn_resident, jp_my_number, mx_curp, mx_rfc, mx_clabe, ar_cuit, cl_rut,
        tw_national, hk_identity, nz_ird, ru_snils,
    )
}  # fmt: skip
