"""Check digits of the national numbers of Europe, each by the rule of whoever issues them."""

from __future__ import annotations

import re
from collections.abc import Callable

from outgate.dlp.personal.sums import digits_of, is_day, luhn, mod_11_10, signs_of, weighted_sum


def fr_nir(value: str) -> bool:
    """French social security number: the key is 97 less the rest of 97 (INSEE); Corsica is 19 and 18."""
    signs = signs_of(value).replace("2A", "19", 1).replace("2B", "18", 1)
    return signs.isdigit() and len(signs) == 15 and 97 - int(signs[:13]) % 97 == int(signs[13:])


def nl_bsn(value: str) -> bool:
    """Dutch citizen service number: the eleven test (RvIG)."""
    digits = digits_of(value)
    return len(digits) == 9 and any(digits) and weighted_sum(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def be_national(value: str) -> bool:
    """Belgian national number: 97 less the rest of 97, with a 2 in front for those born since 2000."""
    signs = re.sub(r"[^0-9]", "", value)
    if len(signs) != 11 or int(signs[2:4]) % 20 > 12 or int(signs[4:6]) > 31:
        return False
    return any(97 - int(first + signs[:9]) % 97 == int(signs[9:]) for first in ("", "2"))


def pt_nif(value: str) -> bool:
    """Portuguese taxpayer number, modulus 11 (Autoridade Tributária)."""
    digits = digits_of(value)
    rest = weighted_sum(digits[:8], range(9, 1, -1)) % 11
    return len(digits) == 9 and digits[8] == (0 if rest < 2 else 11 - rest)


def at_svnr(value: str) -> bool:
    """Austrian social insurance number: the fourth digit checks the rest, the last six are a date."""
    digits = digits_of(value)
    if len(digits) != 10 or not digits[0]:
        return False
    day, month = 10 * digits[4] + digits[5], 10 * digits[6] + digits[7]
    return (
        weighted_sum(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == digits[3]
        and 1 <= day <= 31
        and 1 <= month <= 15
    )


def ie_pps(value: str) -> bool:
    """Irish personal public service number: a letter by modulus 23; a second letter counts nine times."""
    signs = signs_of(value)
    if not re.fullmatch(r"\d{7}[A-W][A-IW]?", signs):
        return False
    second = 0 if len(signs) == 8 or signs[8] == "W" else ord(signs[8]) - 64
    return (
        "WABCDEFGHIJKLMNOPQRSTUV"[(weighted_sum(digits_of(signs), range(8, 1, -1)) + 9 * second) % 23]
        == signs[7]
    )


def dk_cpr(value: str) -> bool:
    """Danish civil registration number: a date; its check digit has not been kept since 2007 (CPR-kontoret)."""
    digits = digits_of(value)
    return len(digits) == 10 and is_day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3])


def no_national(value: str) -> bool:
    """Norwegian national identity number: two check digits by modulus 11 (Skatteetaten)."""
    digits = digits_of(value)
    if len(digits) != 11 or not is_day((10 * digits[0] + digits[1]) % 40, (10 * digits[2] + digits[3]) % 40):
        return False
    first = -weighted_sum(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted_sum(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (first, second) == (digits[9], digits[10])


def cz_birth_number(value: str) -> bool:
    """Czech and Slovak birth number: a date (months of women 50 more), and divisible by eleven since 1954."""
    signs = re.sub(r"[^0-9]", "", value)
    if len(signs) != 10 or not is_day(int(signs[4:6]), int(signs[2:4]) % 50 % 20):
        return False
    return int(signs) % 11 == 0 or (int(signs[:9]) % 11 == 10 and signs[9] == "0")


def ro_cnp(value: str) -> bool:
    """Romanian personal number: a date, and modulus 11."""
    digits = digits_of(value)
    if (
        len(digits) != 13
        or not digits[0]
        or not is_day(10 * digits[5] + digits[6], 10 * digits[3] + digits[4])
    ):
        return False
    rest = weighted_sum(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return digits[12] == (1 if rest == 10 else rest)


def bg_egn(value: str) -> bool:
    """Bulgarian civil number: a date (months 20 or 40 more by century), and modulus 11."""
    digits = digits_of(value)
    if len(digits) != 10 or not is_day(10 * digits[4] + digits[5], (10 * digits[2] + digits[3]) % 20):
        return False
    return weighted_sum(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == digits[9]


def hr_oib(value: str) -> bool:
    """Croatian personal number: ISO 7064 MOD 11,10."""
    return mod_11_10(digits_of(value))


def de_tax_id(value: str) -> bool:
    """German tax identification number: ISO 7064 MOD 11,10, and in the first ten a digit twice or thrice."""
    digits = digits_of(value)
    return mod_11_10(digits) and digits[0] != 0 and 1 < max(map(digits[:10].count, digits[:10])) < 4


def de_social(value: str) -> bool:
    """German pension insurance number: the letter is its place in the alphabet, digit sums of weighed digits."""
    signs = signs_of(value)
    if not re.fullmatch(r"\d{8}[A-Z]\d{3}", signs):
        return False
    digits = digits_of(f"{signs[:8]}{ord(signs[8]) - 64:02d}{signs[9:11]}")
    weighed = (
        digit * weight for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return sum(sum(divmod(one, 10)) for one in weighed) % 10 == int(signs[11])


def german_passport(value: str) -> bool:
    """Letters and digits mixed behind the second sign, as no other country numbers its passports."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value[2:]))


def es_letter(value: str) -> bool:
    """Spanish DNI and NIE: a letter by modulus 23; X, Y, Z count 0, 1, 2 (Ministerio del Interior)."""
    signs = signs_of(value)
    number = signs[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == signs[-1]


def fi_henkilotunnus(value: str) -> bool:
    """Finnish personal identity code: a date, and modulus 31 of all digits (Digi- ja väestötietovirasto)."""
    digits = digits_of(value[:6] + value[7:10])
    day = len(digits) == 9 and is_day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3])
    return day and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int("".join(map(str, digits))) % 31] == value[-1]


def baltic(value: str) -> bool:
    """Estonian and Lithuanian personal code: a date, and modulus 11 with a second set of weights."""
    digits = digits_of(value)
    if len(digits) != 11 or not is_day(10 * digits[5] + digits[6], 10 * digits[3] + digits[4]):
        return False
    rests = [
        weighted_sum(digits, weights) % 11
        for weights in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3))
    ]
    return digits[10] == next((rest for rest in rests if rest < 10), 0)


def lv_personal(value: str) -> bool:
    """Latvian personal code: a date and modulus 11, or of the kind without either since 2017 (32...)."""
    digits = digits_of(value)
    if len(digits) != 11:
        return False
    if digits[:2] == [3, 2]:
        return True
    right = (1101 - weighted_sum(digits, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10 == digits[10]
    return right and is_day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3])


def hu_taj(value: str) -> bool:
    """Hungarian social security number: weights 3 and 7."""
    digits = digits_of(value)
    return len(digits) == 9 and weighted_sum(digits, (3, 7) * 4) % 10 == digits[8]


def hu_tax(value: str) -> bool:
    """Hungarian tax number of a person: begins with 8, modulus 11."""
    digits = digits_of(value)
    return len(digits) == 10 and digits[0] == 8 and weighted_sum(digits, range(1, 10)) % 11 == digits[9]


def gr_amka(value: str) -> bool:
    """Greek social security number: a date, and Luhn's sum."""
    digits = digits_of(value)
    return (
        len(digits) == 11 and is_day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3]) and luhn(value)
    )


def gr_afm(value: str) -> bool:
    """Greek tax number: powers of two, modulus 11."""
    digits = digits_of(value)
    return (
        len(digits) == 9
        and any(digits)
        and weighted_sum(digits, [1 << n for n in range(8, 0, -1)]) % 11 % 10 == digits[8]
    )


def si_emso(value: str) -> bool:
    """Slovenian citizen number: a date, and modulus 11."""
    digits = digits_of(value)
    if len(digits) != 13 or not is_day(10 * digits[0] + digits[1], 10 * digits[2] + digits[3]):
        return False
    rest = -weighted_sum(digits, (7, 6, 5, 4, 3, 2) * 2) % 11
    return rest == digits[12]


def is_kennitala(value: str) -> bool:
    """Icelandic identity number: a date, and modulus 11."""
    digits = digits_of(value)
    if len(digits) != 10 or not is_day((10 * digits[0] + digits[1]) % 40, 10 * digits[2] + digits[3]):
        return False
    return -weighted_sum(digits, (3, 2, 7, 6, 5, 4, 3, 2)) % 11 == digits[8]


def lu_matricule(value: str) -> bool:
    """Luxembourgish identification number: a date, and Luhn's sum over the first twelve digits."""
    digits = digits_of(value)
    if len(digits) != 13 or not is_day(10 * digits[6] + digits[7], 10 * digits[4] + digits[5]):
        return False
    return luhn("".join(map(str, digits[:12])))


def uk_utr(value: str) -> bool:
    """British unique taxpayer reference: the first digit checks the other nine (HMRC)."""
    digits = digits_of(value)
    return (
        len(digits) == 10
        and int("21987654321"[weighted_sum(digits[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]) == digits[0]
    )


# All of them, for rules that name one.
EUROPE: tuple[Callable[[str], bool], ...] = (
    fr_nir,
    nl_bsn,
    be_national,
    pt_nif,
    at_svnr,
    ie_pps,
    dk_cpr,
    no_national,
    cz_birth_number,
    ro_cnp,
    bg_egn,
    hr_oib,
    de_tax_id,
    de_social,
    german_passport,
    es_letter,
    fi_henkilotunnus,
    baltic,
    lv_personal,
    hu_taj,
    hu_tax,
    gr_amka,
    gr_afm,
    si_emso,
    is_kennitala,
    lu_matricule,
    uk_utr,
)
