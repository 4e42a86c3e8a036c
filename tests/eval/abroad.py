"""Numbers of further countries, and of vehicles, devices and accounts: really valid, and nobody's.

Each by the rule of whoever issues it, written from that rule and not from the detector's check of it.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

from .checksums import icao, iso7064_mod11_10, luhn, weighted
from .national import Make, digits, grouped, shape

_BASE36 = string.digits + string.ascii_uppercase


def _day(source: random.Random, order: str = "ymd") -> str:
    """A day of somebody's birth as six digits, in that order."""
    parts = {"y": source.randint(50, 99), "m": source.randint(1, 12), "d": source.randint(1, 28)}
    return "".join(f"{parts[part]:02d}" for part in order)


def _ended(
    pattern: Callable[[random.Random], str], check: Callable[[str], int], *sizes: int, seps: str = "_"
) -> Make:
    """What ``pattern`` draws with its check digit behind; where that would be no digit, another is drawn."""

    def make(source: random.Random) -> str:
        while True:
            body = pattern(source)
            if 0 <= check(body) <= 9:
                number = f"{body}{check(body)}"
                return grouped(source, number, *(sizes or (len(number),)), seps=seps)

    return make


def _of(pattern: str) -> Make:
    return lambda source: digits(source, pattern)


def _mod11(body: str, weights: Sequence[int]) -> int:
    """11 less the rest of 11; 11 is 0, and 10 is no digit."""
    return (11 - weighted(body, weights) % 11) % 11


def _under_two(body: str, weights: Sequence[int]) -> int:
    """The same where 10 is 0, too (Portugal, Brazil, Japan)."""
    return _mod11(body, weights) % 10


# Europe -----------------------------------------------------------------------------------------------------


def at_svnr(source: random.Random) -> str:
    """Dachverband: three digits, their check with the date of birth behind it, weights 3 7 9 5 8 4 2 1 6."""
    while True:
        serial, born = digits(source, "%##"), _day(source, "dmy")
        check = weighted(serial + born, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
        if check < 10:
            return grouped(source, f"{serial}{check}{born}", 4, 6, seps=" _")


def be_national(source: random.Random) -> str:
    """Rijksregister: date, serial, 97 less the rest of 97."""
    body = _day(source) + f"{source.randint(1, 997):03d}"
    number = f"{body}{97 - int(body) % 97:02d}"
    if source.random() < 0.5:
        return f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"
    return number


def bg_egn(source: random.Random) -> str:
    """GRAO: date, serial, weights 2 4 8 5 10 9 7 3 6 modulo 11 modulo 10."""
    body = _day(source) + digits(source, "###")
    return f"{body}{weighted(body, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10}"


def ch_ahv(source: random.Random) -> str:
    """ZAS: 756, nine digits, the check digit of EAN-13."""
    body = "756" + digits(source, "#########")
    number = f"{body}{-weighted(body, (1, 3) * 6) % 10}"
    return grouped(source, number, 3, 4, 4, 2, seps="._.")


def birth_number(source: random.Random) -> str:
    """Czechia and Slovakia: date (months of women 50 more) and four digits, all divisible by eleven."""
    while True:
        month = source.randint(1, 12) + source.choice([0, 50])
        body = f"{source.randint(54, 99):02d}{month:02d}{source.randint(1, 28):02d}{digits(source, '###')}"
        check = -int(body) * 10 % 11
        if check < 10:
            return grouped(source, f"{body}{check}", 6, 4, seps="//_")


def dk_cpr(source: random.Random) -> str:
    """CPR-kontoret: date and serial; no check since 2007."""
    return f"{_day(source, 'dmy')}{source.choice('--_').replace('_', '')}{digits(source, '%###')}"


def baltic(source: random.Random) -> str:
    """Estonia and Lithuania: century and sex, date, serial, weights 1 to 9 and 1, then 3 to 9 and 1 2 3."""
    body = f"{source.choice('34')}{_day(source)}{digits(source, '###')}"
    rest = weighted(body, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighted(body, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return f"{body}{rest}"


def lv_personal(source: random.Random) -> str:
    """PMLP since 2017: 32 and nine digits that mean nothing."""
    return f"32{digits(source, '####')}-{digits(source, '#####')}"


def ie_pps(source: random.Random) -> str:
    """DSP: seven digits, weights 8 to 2, and a letter by modulus 23."""
    body = digits(source, "#######")
    return body + "WABCDEFGHIJKLMNOPQRSTUV"[weighted(body, range(8, 1, -1)) % 23]


def gr_amka(source: random.Random) -> str:
    """IDIKA: date, serial, Luhn."""
    body = _day(source, "dmy") + digits(source, "####")
    return body + luhn(body)


def is_kennitala(source: random.Random) -> str:
    """Registers Iceland: date, two digits, their check, century; weights 3 2 7 6 5 4 3 2."""
    while True:
        body = _day(source, "dmy") + digits(source, "##")
        check = _mod11(body, (3, 2, 7, 6, 5, 4, 3, 2))
        if check < 10:
            return f"{body[:6]}-{body[6:]}{check}9"


def lu_matricule(source: random.Random) -> str:
    """CTIE: date with its century, serial, Luhn, and a digit of Verhoeff that nothing here needs to know."""
    body = f"19{_day(source)}{digits(source, '###')}"
    return f"{body}{luhn(body)}{digits(source, '#')}"


def no_national(source: random.Random) -> str:
    """Skatteetaten: date, serial, two check digits."""
    while True:
        body = _day(source, "dmy") + digits(source, "###")
        first = _mod11(body, (3, 7, 6, 1, 8, 9, 4, 5, 2))
        if first < 10:
            second = _mod11(f"{body}{first}", (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
            if second < 10:
                return grouped(source, f"{body}{first}{second}", 6, 5, seps=" _")


def ro_cnp(source: random.Random) -> str:
    """DEPABD: sex, date, county, serial, weights 2 7 9 1 4 6 3 5 8 2 7 9."""
    body = f"{source.choice('12')}{_day(source)}{source.randint(1, 46):02d}{digits(source, '###')}"
    rest = weighted(body, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return f"{body}{1 if rest == 10 else rest}"


def _emso(body: str) -> int:
    return _mod11(body, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2))


def si_emso(source: random.Random) -> str:
    """Slovenia: day, month, three digits of the year, 50, serial, modulus 11."""
    return _ended(lambda s: f"{_day(s, 'dm')}9{_day(s, 'y')}50{digits(s, '###')}", _emso)(source)


def se_company(source: random.Random) -> str:
    """Bolagsverket: ten digits, the third from 2 on, Luhn."""
    body = f"55{source.randint(20, 99)}{digits(source, '#####')}"
    return grouped(source, body + luhn(body), 6, 4, seps="--_")


def ru_snils(source: random.Random) -> str:
    """SFR: nine digits, weights 9 to 1, modulo 101."""
    body = digits(source, "%########")
    check = weighted(body, range(9, 0, -1)) % 101 % 100
    return f"{body[:3]}-{body[3:6]}-{body[6:]} {check:02d}"


def lanr(source: random.Random) -> str:
    """KBV: six digits, weights 4 9, their check, two digits of the specialty."""
    body = digits(source, "%#####")
    return f"{body}{-weighted(body, (4, 9, 4, 9, 4, 9)) % 10}{source.randint(1, 69):02d}"


def utr(source: random.Random) -> str:
    """HMRC: a check digit, nine digits, weights 6 7 8 9 10 5 4 3 2, modulus 11."""
    body = digits(source, "#########")
    check = "21987654321"[weighted(body, (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]
    return grouped(source, check + body, 5, 5, seps=" _")


# The Americas -----------------------------------------------------------------------------------------------


def br_cpf(source: random.Random) -> str:
    """Receita Federal: nine digits and two checks."""
    body = digits(source, "%########")
    body += str(_under_two(body, range(10, 1, -1)))
    body += str(_under_two(body, range(11, 1, -1)))
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}" if source.random() < 0.6 else body


def br_cnpj(source: random.Random) -> str:
    """Receita Federal: eight digits, branch 0001, two checks."""
    body = digits(source, "%#######") + "0001"
    body += str(_under_two(body, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
    body += str(_under_two(body, (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
    whole = f"{body[:2]}.{body[2:5]}.{body[5:8]}/{body[8:12]}-{body[12:]}"
    return whole if source.random() < 0.6 else body


def _named(source: random.Random) -> str:
    return (
        f"{source.choice('BCDFGLMR')}{source.choice('AEIOU')}{source.choice('LMNRS')}{source.choice('ABCJM')}"
    )


def mx_curp(source: random.Random) -> str:
    """RENAPO: four letters of the name, date, sex, state, three consonants, homonym, check digit."""
    consonants = "".join(source.choices("BCDFGHJKLMNPRSTVZ", k=3))
    sex, state = source.choice("HM"), source.choice(["DF", "JC", "NL", "PL", "VZ"])
    body = f"{_named(source)}{_day(source)}{sex}{state}{consonants}0"
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(sign) * weight for sign, weight in zip(body, range(18, 1, -1), strict=True))
    return f"{body}{-total % 10}"


def mx_rfc(source: random.Random) -> str:
    """SAT, of a person: four letters of the name, date, two signs, check by modulus 11."""
    body = f"{_named(source)}{_day(source)}{''.join(source.choices(_BASE36, k=2))}"
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    total = sum(alphabet.index(sign) * weight for sign, weight in zip(body, range(13, 1, -1), strict=True))
    return body + "0123456789A"[-total % 11]


def mx_clabe(source: random.Random) -> str:
    """Banco de México: bank, place, account, weights 3 7 1, each product modulo 10."""
    body = source.choice(["002", "012", "014", "021", "072"]) + digits(source, "##############")
    return f"{body}{-sum(int(d) * (3, 7, 1)[i % 3] % 10 for i, d in enumerate(body)) % 10}"


def ar_cuit(source: random.Random) -> str:
    """AFIP: kind, eight digits, weights 5 4 3 2 7 6 5 4 3 2."""
    return _ended(
        lambda s: s.choice(["20", "23", "27", "30"]) + digits(s, "%#######"),
        lambda body: _mod11(body, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)), 2, 8, 1, seps="--_",
    )(source)  # fmt: skip


def cl_rut(source: random.Random) -> str:
    """SII: weights 2 to 7 from the right; K for ten."""
    body = digits(source, "%#######")
    check = "0123456789K"[_mod11(body, (3, 2, 7, 6, 5, 4, 3, 2))]
    return source.choice([f"{body[:2]}.{body[2:5]}.{body[5:]}-{check}", f"{body}-{check}"])


# Asia, Africa, Oceania --------------------------------------------------------------------------------------


def cn_resident(source: random.Random) -> str:
    """GB 11643: region, date, serial, ISO 7064 MOD 11-2."""
    body = f"{source.choice(['110105', '310104', '440305'])}19{_day(source)}{digits(source, '###')}"
    return body + "10X98765432"[sum(int(d) * 2 ** (17 - i) for i, d in enumerate(body)) % 11]


def hk_identity(source: random.Random) -> str:
    """Immigration Department: a letter, six digits, modulus 11 in parentheses."""
    letter, body = source.choice("ACDEGHKPRVYZ"), digits(source, "######")
    total = 36 * 9 + (ord(letter) - 55) * 8 + weighted(body, range(7, 1, -1))
    return f"{letter}{body}({'0123456789A'[-total % 11]})"


def tw_national(source: random.Random) -> str:
    """Ministry of the Interior: a letter that is two digits, sex, serial, check digit."""
    letter = source.choice("ABCDEFGHJKLMN")  # 10 to 22, in their order
    value, body = "ABCDEFGHJKLMN".index(letter) + 10, source.choice("12") + digits(source, "#######")
    total = value // 10 + value % 10 * 9 + weighted(body, range(8, 0, -1))
    return f"{letter}{body}{-total % 10}"


def jp_my_number(source: random.Random) -> str:
    """Ordinance 85 of 2014: eleven digits, weights 6 5 4 3 2 7 6 5 4 3 2."""
    body = digits(source, "%##########")
    check = _under_two(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
    return grouped(source, f"{body}{check}", 4, 4, 4, seps=" _-")


def my_nric(source: random.Random) -> str:
    """JPN Malaysia: date, place, serial."""
    return f"{_day(source)}-{source.randint(1, 14):02d}-{digits(source, '####')}"


def id_nik(source: random.Random) -> str:
    """Dukcapil: region, day (of women 40 more), month, year, serial."""
    day = source.randint(1, 28) + source.choice([0, 40])
    return f"3171{source.randint(1, 8):02d}{day:02d}{_day(source, 'my')}{digits(source, '####')}"


def nz_ird(source: random.Random) -> str:
    """Inland Revenue: weights 3 2 7 6 5 4 3 2; those whose first check would be ten are drawn again."""
    return _ended(_of("%#######"), lambda body: _mod11(body, (3, 2, 7, 6, 5, 4, 3, 2)), 3, 3, 3, seps="--_")(
        source
    )


def ph_tin(source: random.Random) -> str:
    """BIR: eight digits, weights 9 to 2, modulo 11."""
    body = _ended(_of("%#######"), lambda body: weighted(body, range(9, 1, -1)) % 11)(source)
    return f"{body[:3]}-{body[3:6]}-{body[6:]}{source.choice(['', '-000'])}"


def za_traffic(source: random.Random) -> str:
    """eNaTIS: thirteen digits that are no identity number."""
    body = digits(source, "%###") + "99" + digits(source, "######")
    return f"{body}{(int(luhn(body)) + 1) % 10}"


def za_company(source: random.Random) -> str:
    """CIPC: year, serial, kind of company."""
    return (
        f"{source.randint(1990, 2024)}/{digits(source, '%#####')}/{source.choice(['07', '06', '08', '21'])}"
    )


# Everywhere -------------------------------------------------------------------------------------------------


def imei(source: random.Random) -> str:
    """3GPP TS 23.003: type, serial, Luhn."""
    body = f"35{digits(source, '############')}"
    return grouped(source, body + luhn(body), 2, 6, 6, 1, seps="__-")


def vin(source: random.Random) -> str:
    """ISO 3779: seventeen signs without I O Q, the last four digits."""
    signs = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    start = source.choice(["WVW", "1HG", "WBA", "JTD", "VF1", "5YJ"])
    return start + "".join(source.choices(signs, k=10)) + digits(source, "####")


def bic(source: random.Random) -> str:
    """ISO 9362: bank, country, place, branch."""
    bank = "".join(source.choices(string.ascii_uppercase, k=4))
    country, place = (
        source.choice(["DE", "FR", "GB", "NL", "US", "IT"]),
        source.choice(["FF", "PP", "2L", "33"]),
    )
    return f"{bank}{country}{place}{source.choice(['', 'XXX', digits(source, '###')])}"


def uk_postcode(source: random.Random) -> str:
    """Royal Mail: district, a digit, two letters without C I K M O V."""
    inward = "".join(source.choices("ABDEFGHJLNPQRSTUWXYZ", k=2))
    return (
        f"{source.choice(['M', 'LS', 'BS', 'NR', 'EH'])}{source.randint(1, 9)} {digits(source, '#')}{inward}"
    )


def tr_plate(source: random.Random) -> str:
    """Türkiye: province, letters without Q W X, digits."""
    letters = "".join(source.choices("ABCDEFGHJKLMNPRSTUVYZ", k=source.randint(2, 3)))
    return f"{source.choice(['34', '06', '35'])} {letters} {digits(source, '%##')}"


de_licence: Make = lambda source: (lambda body: body + icao(body))(digits(source, "@@########"))  # noqa: E731
hr_oib: Make = lambda source: (lambda body: body + iso7064_mod11_10(body))(digits(source, "%#########"))  # noqa: E731
il_id: Make = lambda source: (lambda body: body + luhn(body))(digits(source, "%#######"))  # noqa: E731
gr_afm = _ended(_of("%#######"), lambda body: weighted(body, [2**n for n in range(8, 0, -1)]) % 11 % 10)
hu_taj = _ended(_of("%#######"), lambda body: weighted(body, (3, 7) * 4) % 10, 3, 3, 3, seps=" _")
hu_tax = _ended(_of("8########"), lambda body: weighted(body, range(1, 10)) % 11)
pt_nif = _ended(_of("2#######"), lambda body: _under_two(body, range(9, 1, -1)), 3, 3, 3, seps="_ ")
ca_postcode = shape("M#A #B#", "V#C #E#", "H#G #H#", "K#J #K#", "T#L #M#")
