"""Check digits of cards, accounts and national numbers, each by the rule of whoever issues them.

Each takes the number as it is written, ignores what stands between its signs, and says whether it may be one.
Rules name them (``validate:``). Those of the numbers that Presidio has a recognizer for are Presidio's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_NOT_SIGNS = re.compile(r"[^0-9A-Za-zÑñ&]")
_NOT_DIGITS = re.compile(r"[^0-9]")


def _digits(value: str) -> list[int]:
    return [int(digit) for digit in _NOT_DIGITS.sub("", value)]


def _signs(value: str) -> str:
    return _NOT_SIGNS.sub("", value).upper()


def _weighed(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _day(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def luhn(value: str) -> bool:
    """Luhn's algorithm (ISO/IEC 7812-1, annex B)."""
    digits = _digits(value)
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) > 1 and total % 10 == 0


def mod97(value: str) -> bool:
    """ISO 7064 MOD 97-10 over an IBAN (ISO 13616), its first four signs moved to the end."""
    signs = _signs(value)
    moved = signs[4:] + signs[:4]
    return (
        moved.isalnum() and moved.isascii() and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
    )


def fr_nir(value: str) -> bool:
    """French social security number: the key is 97 less the rest of 97 (INSEE); Corsica is 19 and 18."""
    signs = _signs(value).replace("2A", "19", 1).replace("2B", "18", 1)
    return signs.isdigit() and len(signs) == 15 and 97 - int(signs[:13]) % 97 == int(signs[13:])


def nl_bsn(value: str) -> bool:
    """Dutch citizen service number: the eleven test (RvIG)."""
    digits = _digits(value)
    return len(digits) == 9 and any(digits) and _weighed(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def be_national(value: str) -> bool:
    """Belgian national number: 97 less the rest of 97, with a 2 in front for those born since 2000."""
    signs = _NOT_DIGITS.sub("", value)
    if len(signs) != 11 or int(signs[2:4]) % 20 > 12 or int(signs[4:6]) > 31:
        return False
    return any(97 - int(first + signs[:9]) % 97 == int(signs[9:]) for first in ("", "2"))


def pt_nif(value: str) -> bool:
    """Portuguese taxpayer number, modulus 11 (Autoridade Tributária)."""
    digits = _digits(value)
    rest = _weighed(digits[:8], range(9, 1, -1)) % 11
    return len(digits) == 9 and digits[8] == (0 if rest < 2 else 11 - rest)


def at_svnr(value: str) -> bool:
    """Austrian social insurance number: the fourth digit checks the rest, the last six are a date."""
    digits = _digits(value)
    if len(digits) != 10 or not digits[0]:
        return False
    day, month = 10 * digits[4] + digits[5], 10 * digits[6] + digits[7]
    return (
        _weighed(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == digits[3]
        and 1 <= day <= 31
        and 1 <= month <= 15
    )


def ean13(value: str) -> bool:
    """EAN-13 (GS1), as the Swiss AHV number has it."""
    digits = _digits(value)
    return len(digits) == 13 and _weighed(digits, (1, 3) * 7) % 10 == 0


def ie_pps(value: str) -> bool:
    """Irish personal public service number: a letter by modulus 23; a second letter counts nine times."""
    signs = _signs(value)
    if not re.fullmatch(r"\d{7}[A-W][A-IW]?", signs):
        return False
    second = 0 if len(signs) == 8 or signs[8] == "W" else ord(signs[8]) - 64
    return (
        "WABCDEFGHIJKLMNOPQRSTUV"[(_weighed(_digits(signs), range(8, 1, -1)) + 9 * second) % 23] == signs[7]
    )


def dk_cpr(value: str) -> bool:
    """Danish civil registration number: a date; its check digit has not been kept since 2007 (CPR-kontoret)."""
    digits = _digits(value)
    return len(digits) == 10 and _day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3])


def no_national(value: str) -> bool:
    """Norwegian national identity number: two check digits by modulus 11 (Skatteetaten)."""
    digits = _digits(value)
    if len(digits) != 11 or not _day((10 * digits[0] + digits[1]) % 40, (10 * digits[2] + digits[3]) % 40):
        return False
    first = -_weighed(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_weighed(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (first, second) == (digits[9], digits[10])


def br_cpf(value: str) -> bool:
    """Brazilian taxpayer number of a person: two check digits by modulus 11 (Receita Federal)."""
    digits = _digits(value)
    return (
        len(digits) == 11 and len(set(digits)) > 1 and _two_checks(digits, range(10, 1, -1), range(11, 1, -1))
    )


def br_cnpj(value: str) -> bool:
    """Brazilian taxpayer number of a company."""
    weights = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    digits = _digits(value)
    return len(digits) == 14 and len(set(digits)) > 1 and _two_checks(digits, weights, (6, *weights))


def _two_checks(digits: Sequence[int], first: Sequence[int], second: Sequence[int]) -> bool:
    rests = [_weighed(digits[: len(weights)], weights) % 11 for weights in (first, second)]
    return [0 if rest < 2 else 11 - rest for rest in rests] == list(digits[-2:])


def cn_resident(value: str) -> bool:
    """Chinese resident identity number: a date, and ISO 7064 MOD 11-2 (GB 11643)."""
    signs = _signs(value)
    if not re.fullmatch(r"\d{17}[\dX]", signs) or not _day(int(signs[12:14]), int(signs[10:12])):
        return False
    return (
        "10X98765432"[
            _weighed(_digits(signs[:17]), (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
        ]
        == signs[17]
    )


def jp_my_number(value: str) -> bool:
    """Japanese individual number, modulus 11 (ordinance 85 of 2014)."""
    digits = _digits(value)
    rest = _weighed(digits[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 12 and len(set(digits)) > 1 and digits[11] == (0 if rest < 2 else 11 - rest)


def mx_curp(value: str) -> bool:
    """Mexican population registry code: a sum over its signs (RENAPO)."""
    signs = _signs(value)
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    if len(signs) != 18 or not set(signs) <= set(alphabet) or not signs[17].isdigit():
        return False
    return -sum(alphabet.index(sign) * (18 - place) for place, sign in enumerate(signs[:17])) % 10 == int(
        signs[17]
    )


def mx_rfc(value: str) -> bool:
    """Mexican taxpayer code of a person or a company, modulus 11 (SAT)."""
    signs = _signs(value).rjust(13)
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    if not set(signs) <= set(alphabet) or not _day(int(signs[8:10]), int(signs[6:8])):
        return False
    rest = -sum(alphabet.index(sign) * (13 - place) for place, sign in enumerate(signs[:12])) % 11
    return signs[12] == ("A" if rest == 10 else str(rest))


def mx_clabe(value: str) -> bool:
    """Mexican bank account number: weights 3, 7, 1 (Banco de México)."""
    digits = _digits(value)
    return (
        len(digits) == 18
        and sum(d * w % 10 for d, w in zip(digits[:17], (3, 7, 1) * 6, strict=False)) % 10 == -digits[17] % 10
    )


def cz_birth_number(value: str) -> bool:
    """Czech and Slovak birth number: a date (months of women 50 more), and divisible by eleven since 1954."""
    signs = _NOT_DIGITS.sub("", value)
    if len(signs) != 10 or not _day(int(signs[4:6]), int(signs[2:4]) % 50 % 20):
        return False
    return int(signs) % 11 == 0 or (int(signs[:9]) % 11 == 10 and signs[9] == "0")


def ro_cnp(value: str) -> bool:
    """Romanian personal number: a date, and modulus 11."""
    digits = _digits(value)
    if len(digits) != 13 or not digits[0] or not _day(10 * digits[5] + digits[6], 10 * digits[3] + digits[4]):
        return False
    rest = _weighed(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return digits[12] == (1 if rest == 10 else rest)


def bg_egn(value: str) -> bool:
    """Bulgarian civil number: a date (months 20 or 40 more by century), and modulus 11."""
    digits = _digits(value)
    if len(digits) != 10 or not _day(10 * digits[4] + digits[5], (10 * digits[2] + digits[3]) % 20):
        return False
    return _weighed(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == digits[9]


def hr_oib(value: str) -> bool:
    """Croatian personal number: ISO 7064 MOD 11,10."""
    return _mod_11_10(_digits(value))


def _mod_11_10(digits: Sequence[int]) -> bool:
    """ISO 7064 MOD 11,10 over eleven digits."""
    rest = 10
    for digit in digits[:10]:
        rest = ((rest + digit) % 10 or 10) * 2 % 11
    return len(digits) == 11 and (11 - rest) % 10 == digits[10]


def de_tax_id(value: str) -> bool:
    """German tax identification number: ISO 7064 MOD 11,10, and in the first ten a digit twice or thrice."""
    digits = _digits(value)
    return _mod_11_10(digits) and digits[0] != 0 and 1 < max(map(digits[:10].count, digits[:10])) < 4


def de_social(value: str) -> bool:
    """German pension insurance number: the letter is its place in the alphabet, digit sums of weighed digits."""
    signs = _signs(value)
    if not re.fullmatch(r"\d{8}[A-Z]\d{3}", signs):
        return False
    digits = _digits(f"{signs[:8]}{ord(signs[8]) - 64:02d}{signs[9:11]}")
    weighed = (
        digit * weight for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return sum(sum(divmod(one, 10)) for one in weighed) % 10 == int(signs[11])


def es_letter(value: str) -> bool:
    """Spanish DNI and NIE: a letter by modulus 23; X, Y, Z count 0, 1, 2 (Ministerio del Interior)."""
    signs = _signs(value)
    number = signs[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == signs[-1]


def th_national(value: str) -> bool:
    """Thai identity number, modulus 11."""
    digits = _digits(value)
    return len(digits) == 13 and (11 - _weighed(digits, range(13, 1, -1)) % 11) % 10 == digits[12]


def document(value: str) -> bool:
    """Signs of a document's number: one digit at least."""
    return any(map(str.isdigit, value))


def german_passport(value: str) -> bool:
    """Letters and digits mixed behind the second sign, as no other country numbers its passports."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value[2:]))


def baltic(value: str) -> bool:
    """Estonian and Lithuanian personal code: a date, and modulus 11 with a second set of weights."""
    digits = _digits(value)
    if len(digits) != 11 or not _day(10 * digits[5] + digits[6], 10 * digits[3] + digits[4]):
        return False
    rests = [
        _weighed(digits, weights) % 11
        for weights in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3))
    ]
    return digits[10] == next((rest for rest in rests if rest < 10), 0)


def lv_personal(value: str) -> bool:
    """Latvian personal code: a date and modulus 11, or of the kind without either since 2017 (32...)."""
    digits = _digits(value)
    if len(digits) != 11:
        return False
    if digits[:2] == [3, 2]:
        return True
    right = (1101 - _weighed(digits, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10 == digits[10]
    return right and _day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3])


def hu_taj(value: str) -> bool:
    """Hungarian social security number: weights 3 and 7."""
    digits = _digits(value)
    return len(digits) == 9 and _weighed(digits, (3, 7) * 4) % 10 == digits[8]


def hu_tax(value: str) -> bool:
    """Hungarian tax number of a person: begins with 8, modulus 11."""
    digits = _digits(value)
    return len(digits) == 10 and digits[0] == 8 and _weighed(digits, range(1, 10)) % 11 == digits[9]


def gr_amka(value: str) -> bool:
    """Greek social security number: a date, and Luhn's sum."""
    digits = _digits(value)
    return len(digits) == 11 and _day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3]) and luhn(value)


def gr_afm(value: str) -> bool:
    """Greek tax number: powers of two, modulus 11."""
    digits = _digits(value)
    return (
        len(digits) == 9
        and any(digits)
        and _weighed(digits, [1 << n for n in range(8, 0, -1)]) % 11 % 10 == digits[8]
    )


def si_emso(value: str) -> bool:
    """Slovenian citizen number: a date, and modulus 11."""
    digits = _digits(value)
    if len(digits) != 13 or not _day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3]):
        return False
    rest = -_weighed(digits, (7, 6, 5, 4, 3, 2) * 2) % 11
    return rest == digits[12]


def is_kennitala(value: str) -> bool:
    """Icelandic identity number: a date, and modulus 11."""
    digits = _digits(value)
    if len(digits) != 10 or not _day((10 * digits[0] + digits[1]) % 40, 10 * digits[2] + digits[3]):
        return False
    return -_weighed(digits, (3, 2, 7, 6, 5, 4, 3, 2)) % 11 == digits[8]


def lu_matricule(value: str) -> bool:
    """Luxembourgish identification number: a date, and Luhn's sum over the first twelve digits."""
    digits = _digits(value)
    if len(digits) != 13 or not _day(10 * digits[6] + digits[7], 10 * digits[4] + digits[5]):
        return False
    return luhn("".join(map(str, digits[:12])))


def ar_cuit(value: str) -> bool:
    """Argentine tax number, modulus 11 (AFIP)."""
    digits = _digits(value)
    rest = -_weighed(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 11 and rest == digits[10]


def cl_rut(value: str) -> bool:
    """Chilean tax number: modulus 11, K for ten."""
    signs = _signs(value)
    if not re.fullmatch(r"\d{7,8}[\dK]", signs):
        return False
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(signs[:-1])))
    return "0123456789K"[-total % 11] == signs[-1]


def tw_national(value: str) -> bool:
    """Taiwanese identity number: the letter is two digits of its own."""
    signs = _signs(value)
    number = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(signs[0]) + 10
    digits = [number // 10, number % 10, *_digits(signs[1:])]
    return len(digits) == 11 and _weighed(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def hk_identity(value: str) -> bool:
    """Hong Kong identity card number, modulus 11; A is ten, and a missing first letter counts 36."""
    signs = _signs(value).rjust(9)
    if not re.fullmatch(r"[ A-Z][A-Z]\d{6}[\dA]", signs):
        return False
    values = [36 if sign == " " else int(sign, 36) for sign in signs[:8]]
    return (_weighed(values, range(9, 1, -1)) + int(signs[8], 36)) % 11 == 0


def nz_ird(value: str) -> bool:
    """New Zealand tax number, modulus 11 with a second set of weights (Inland Revenue)."""
    digits = _digits(value)
    if len(digits) not in (8, 9):
        return False
    digits = [0] * (9 - len(digits)) + digits
    for weights in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6)):
        rest = -_weighed(digits, weights) % 11
        if rest < 10:
            return rest == digits[8]
    return False


def ru_snils(value: str) -> bool:
    """Russian insurance number: a weighted sum modulo 101."""
    digits = _digits(value)
    return len(digits) == 11 and _weighed(digits, range(9, 0, -1)) % 101 % 100 == 10 * digits[9] + digits[10]


def uk_utr(value: str) -> bool:
    """British unique taxpayer reference: the first digit checks the other nine (HMRC)."""
    digits = _digits(value)
    return (
        len(digits) == 10
        and int("21987654321"[_weighed(digits[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]) == digits[0]
    )


def vin(value: str) -> bool:
    """Vehicle identification number (ISO 3779): letters and digits, the last four digits."""
    signs = _signs(value)
    return len(signs) == 17 and any(map(str.isalpha, signs)) and signs[-4:].isdigit() and len(set(signs)) > 5


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        luhn, mod97, de_tax_id, de_social, document, german_passport, es_letter, th_national,
        fr_nir, nl_bsn, be_national, pt_nif, at_svnr, ean13, ie_pps, dk_cpr, no_national, br_cpf, br_cnpj,
        cn_resident, jp_my_number, mx_curp, mx_rfc, mx_clabe, cz_birth_number, ro_cnp, bg_egn, hr_oib, baltic,
        lv_personal, hu_taj, hu_tax, gr_amka, gr_afm, si_emso, is_kennitala, lu_matricule, ar_cuit, cl_rut,
        tw_national, hk_identity, nz_ird, ru_snils, uk_utr, vin,
    )
}  # fmt: skip
