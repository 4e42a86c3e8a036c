"""Numbers that states, banks and health services give to people: really valid, and nobody's."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from .checksums import icao, iso7064_mod11_10, luhn, verhoeff, weighted

Make = Callable[[random.Random], str]
_EVEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ODD = dict(
    zip(
        string.digits + string.ascii_uppercase,
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def digits(source: random.Random, pattern: str) -> str:
    """``#`` a digit, ``%`` one that is not 0, ``@`` a letter; the rest as it is."""
    pools = {"#": string.digits, "%": "123456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(source.choice(pools[c]) if c in pools else c for c in pattern)


def grouped(source: random.Random, digits: str, *sizes: int, seps: str = " ") -> str:
    """In groups, mostly; the separator is one of ``seps``, where ``_`` stands for none."""
    sep = source.choice(seps).replace("_", "")
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return sep.join(parts)


def _until(draw: Make, good: Callable[[str], str | None]) -> Make:
    """Draws again until ``good`` gives the finished number."""

    def make(source: random.Random) -> str:
        while True:
            done = good(draw(source))
            if done:
                return done

    return make


def ssn(source: random.Random) -> str:
    """SSA: area 001-899 but 666, group and serial not zero."""
    area = source.choice([source.randint(1, 665), source.randint(667, 899)])
    number = f"{area:03d}{source.randint(1, 99):02d}{source.randint(1, 9999):04d}"
    return grouped(source, number, 3, 2, 4, seps="-----  _")


def itin(source: random.Random) -> str:
    """IRS: 9XX, fourth and fifth digit 50-65, 70-88, 90-92 or 94-99."""
    group = source.choice([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
    return grouped(
        source, f"9{source.randint(0, 99):02d}{group}{source.randint(0, 9999):04d}", 3, 2, 4, seps="---- "
    )


def aba(source: random.Random) -> str:
    """ABA: weights 3 7 1; the first two digits name a Federal Reserve district."""
    body = f"{source.choice([*range(1, 13), *range(21, 33)]):02d}" + digits(source, "######")
    return body + str(-weighted(body, (3, 7, 1, 3, 7, 1, 3, 7)) % 10)


def mbi(source: random.Random) -> str:
    """CMS: eleven characters C A AN N A AN N A A N N, without S L O I B Z."""
    letters, digits = "ACDEFGHJKMNPQRTUVWXY", string.digits
    shape = (
        "123456789",
        letters,
        letters + digits,
        digits,
        letters,
        letters + digits,
        digits,
        letters,
        letters,
        digits,
        digits,
    )
    return grouped(source, "".join(source.choice(pool) for pool in shape), 4, 3, 4, seps="-_-")


def npi(source: random.Random) -> str:
    """CMS: Luhn over the number with 80840 before it."""
    body = source.choice("12") + digits(source, "########")
    return body + luhn("80840" + body)


def dea(source: random.Random) -> str:
    """DEA registration: two letters, six digits and their check digit."""
    body = digits(source, "######")
    check = (sum(map(int, body[::2])) + 2 * sum(map(int, body[1::2]))) % 10
    return source.choice("ABFGM") + source.choice(string.ascii_uppercase) + body + str(check)


def us_licence(source: random.Random) -> str:
    """As California, Texas, New York, Florida, Illinois and New Jersey number theirs."""
    shape = source.choice(
        ["@#######", "########", "### ### ###", "@###-###-##-###-#", "@###-####-####", "@#### ##### #####"]
    )
    return digits(source, shape)


def _nhs(body: str) -> str | None:
    check = (11 - weighted(body, range(10, 1, -1)) % 11) % 11
    return None if check == 10 else f"{body}{check}"


def nhs(source: random.Random) -> str:
    """NHS Data Dictionary: modulus 11, weights 10 to 2."""
    return grouped(source, _until(lambda s: digits(s, "%########"), _nhs)(source), 3, 3, 4, seps="  _-")


def nino(source: random.Random) -> str:
    """HMRC NIM39110: no D F I Q U V in the prefix, no O as its second letter, some prefixes never."""
    while True:
        prefix = source.choice("ABCEGHJKLMNOPRSTWXYZ") + source.choice("ABCEGHJKLMNPRSTWXYZ")
        if prefix not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
            break
    return grouped(
        source, prefix + digits(source, "######") + source.choice("ABCD"), 2, 2, 2, 2, 1, seps=" _ "
    )


def uk_licence(source: random.Random) -> str:
    """DVLA: five of the surname, decade, month, day, year, initials, two check characters."""
    surname = "".join(source.choice("BCDFGHLMNPRSTW") for _ in range(source.randint(3, 5))).ljust(5, "9")
    born = (
        f"{source.randint(4, 9)}{source.randint(1, 12):02d}{source.randint(1, 28):02d}{source.randint(0, 9)}"
    )
    return f"{surname}{born}{source.choice('ABCDEJM')}{source.choice('ABC9')}{source.randint(2, 9)}{source.choice('ABCDEFG')}{source.choice('HJKLM')}"


def abn(source: random.Random) -> str:
    """Australian Business Register: the first digit less one, modulus 89."""
    body = digits(source, "#########")
    for check in range(10, 100):
        number = f"{check}{body}"
        if weighted(str(int(number[0]) - 1) + number[1:], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0:
            return grouped(source, number, 2, 3, 3, 3, seps="  _")
    return abn(source)


def acn(source: random.Random) -> str:
    """ASIC: weights 8 to 1, modulus 10."""
    body = digits(source, "########")
    return grouped(source, body + str(-weighted(body, range(8, 0, -1)) % 10), 3, 3, 3, seps="  _")


def tfn(source: random.Random) -> str:
    """ATO: weights 1 4 3 7 5 8 6 9 10, modulus 11."""
    weights = (1, 4, 3, 7, 5, 8, 6, 9, 10)
    draw = _until(lambda s: digits(s, "%########"), lambda n: None if weighted(n, weights) % 11 else n)
    return grouped(source, draw(source), 3, 3, 3, seps="  _")


def au_medicare(source: random.Random) -> str:
    """Services Australia: ninth digit checks the first eight, weights 1 3 7 9."""
    body = source.choice("23456") + digits(source, "#######")
    check = weighted(body, (1, 3, 7, 9, 1, 3, 7, 9)) % 10
    return grouped(source, f"{body}{check}{source.choice('12345')}", 4, 5, 1, seps="  _")


def sin(source: random.Random) -> str:
    """ESDC: Luhn, first digit not 0 or 8."""
    body = source.choice("1234567") + digits(source, "#######")
    return grouped(source, body + luhn(body), 3, 3, 3, seps=" -_ ")


def de_tax_id(source: random.Random) -> str:
    """BZSt: eleven digits, one of the first ten twice, check digit ISO 7064 MOD 11,10."""
    digits = source.sample(string.digits, 9)
    digits.insert(source.randint(0, 9), source.choice(digits))
    if digits[0] == "0":
        return de_tax_id(source)
    body = "".join(digits)
    if any(body[i] == body[i + 1] == body[i + 2] for i in range(8)):
        return de_tax_id(source)
    return grouped(source, body + iso7064_mod11_10(body), 2, 3, 3, 3, seps="_ ")


def de_document(first: str) -> Make:
    """Identity card (L M N P R T V W X Y) or passport (C F G H J K): nine characters, written without or with its check digit (ICAO 9303)."""

    def make(source: random.Random) -> str:
        body = source.choice(first) + "".join(source.choice("0123456789CFGHJKLMNPRTVWXYZ") for _ in range(8))
        if not any(c.isdigit() for c in body):
            return make(source)
        return body + source.choice(["", "", icao(body)])

    return make


def de_social_security(source: random.Random) -> str:
    """Deutsche Rentenversicherung: area, birth date, letter, serial, check digit (weights 2 1 2 5 7 1 2 1 2 1 2 1)."""
    area = source.choice([2, 4, 8, 9, 10, 12, 13, 15, 20, 24, 38, 50, 65])
    letter = source.choice(string.ascii_uppercase)
    front = f"{area:02d}{source.randint(1, 28):02d}{source.randint(1, 12):02d}{source.randint(40, 99):02d}"
    serial = f"{source.randint(0, 99):02d}"
    digits = front + f"{ord(letter) - 64:02d}" + serial
    products = [int(d) * w for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)]
    check = sum(sum(map(int, str(p))) for p in products) % 10
    return grouped(source, f"{front}{letter}{serial}{check}", 2, 6, 1, 3, seps=" _ ")


def fr_nir(source: random.Random) -> str:
    """INSEE: sex, year, month, department, commune, serial, key 97 - n mod 97."""
    body = (
        f"{source.choice('12')}{source.randint(40, 99):02d}{source.randint(1, 12):02d}"
        f"{source.randint(1, 95):02d}{source.randint(1, 899):03d}{source.randint(1, 999):03d}"
    )
    return grouped(source, f"{body}{97 - int(body) % 97:02d}", 1, 2, 2, 2, 3, 3, 2, seps="  _")


def bsn(source: random.Random) -> str:
    """RvIG: the eleven test, weights 9 to 2 and -1."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return _until(lambda s: digits(s, "%########"), lambda n: None if weighted(n, weights) % 11 else n)(
        source
    )


def _nif_letter(number: int) -> str:
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]


def nif(source: random.Random) -> str:
    """Ministerio del Interior: eight digits and the letter of their remainder by 23."""
    number = source.randint(10_000_000, 99_999_999)
    return f"{number}{source.choice(['', '', '-'])}{_nif_letter(number)}"


def nie(source: random.Random) -> str:
    """As the NIF, with X Y Z for 0 1 2 before it."""
    first, rest = source.randint(0, 2), digits(source, "#######")
    sep = source.choice(["", "", "-"])
    return f"{'XYZ'[first]}{sep}{rest}{sep}{_nif_letter(int(f'{first}{rest}'))}"


def codice_fiscale(source: random.Random) -> str:
    """Agenzia delle Entrate, D.M. 23/12/1976: name, birth, commune, check letter."""
    names = "".join(source.choice("BCDFGLMNPRSTVZ") for _ in range(6))
    day = source.randint(1, 28) + source.choice([0, 40])
    town = source.choice(["H501", "F205", "L219", "F839", "A944", "D612", "G273"])
    body = f"{names}{source.randint(40, 99):02d}{source.choice('ABCDEHLMPRST')}{day:02d}{town}"
    even = sum(int(c) if c.isdigit() else _EVEN.index(c) for c in body[1::2])
    return body + _EVEN[(even + sum(_ODD[c] for c in body[::2])) % 26]


def partita_iva(source: random.Random) -> str:
    """Eleven digits, Luhn; the office is one of the provinces."""
    body = digits(source, "%######") + f"{source.randint(1, 99):03d}"
    return body + luhn(body)


def pesel(source: random.Random) -> str:
    """Birth date, serial, check digit by weights 1 3 7 9."""
    body = f"{source.randint(40, 99):02d}{source.randint(1, 12):02d}{source.randint(1, 28):02d}{digits(source, '####')}"
    return body + str(-weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def hetu(source: random.Random) -> str:
    """DVV: birth date, century, serial, the remainder by 31 as a character."""
    born = f"{source.randint(1, 28):02d}{source.randint(1, 12):02d}{source.randint(40, 99):02d}"
    serial = f"{source.randint(2, 899):03d}"
    return f"{born}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(born + serial) % 31]}"


def personnummer(source: random.Random) -> str:
    """Skatteverket: birth date, serial, Luhn over the ten digits."""
    body = f"{source.randint(40, 99):02d}{source.randint(1, 12):02d}{source.randint(1, 28):02d}{digits(source, '###')}"
    full = body + luhn(body)
    return f"{source.choice(['', '19'])}{full[:6]}-{full[6:]}"


def aadhaar(source: random.Random) -> str:
    """UIDAI: twelve digits, not from 0 or 1, Verhoeff."""
    body = source.choice("23456789") + digits(source, "##########")
    return grouped(source, body + verhoeff(body), 4, 4, 4, seps="  _-")


def gstin(source: random.Random) -> str:
    """State, PAN, entity, Z, check character modulo 36."""
    body = f"{source.randint(1, 37):02d}{pan(source)}{source.choice('123')}Z"
    total = sum(sum(divmod(int(c, 36) * (1 + i % 2), 36)) for i, c in enumerate(body))
    return body + (string.digits + string.ascii_uppercase)[-total % 36]


def pan(source: random.Random) -> str:
    """Income Tax Department: five letters of which the fourth says of whom, four digits, a letter."""
    return digits(source, "@@@") + source.choice("PCHFT") + digits(source, "@####@")


def nric(source: random.Random) -> str:
    """ICA Singapore: weights 2 7 6 5 4 3 2, table by prefix."""
    prefix, body = source.choice("STFG"), digits(source, "#######")
    total = weighted(body, (2, 7, 6, 5, 4, 3, 2)) + (4 if prefix in "TG" else 0)
    return prefix + body + ("JZIHGFEDCBA" if prefix in "ST" else "XWUTRQPNMLK")[total % 11]


def rrn(source: random.Random) -> str:
    """Republic of Korea: birth date, sex and century, region 00-95, serial, check digit."""
    front = f"{source.randint(40, 99):02d}{source.randint(1, 12):02d}{source.randint(1, 28):02d}"
    back = f"{source.choice('12')}{source.randint(0, 95):02d}{digits(source, '###')}"
    check = (11 - weighted(front + back, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return f"{front}-{back}{check}"


def frn(source: random.Random) -> str:
    """Republic of Korea, foreigners: as the resident number, from 5 to 8, another check digit."""
    front = f"{source.randint(60, 99):02d}{source.randint(1, 12):02d}{source.randint(1, 28):02d}"
    back = f"{source.choice('5678')}{digits(source, '#####')}"
    check = (13 - weighted(front + back, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return f"{front}-{back}{check}"


def brn(source: random.Random) -> str:
    """Republic of Korea, businesses: weights 1 3 7 1 3 7 1 3 5, the tens of the last product too."""
    body = f"{source.randint(101, 899)}{digits(source, '######')}"
    total = weighted(body, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(body[8]) * 5 // 10
    return f"{body[:3]}-{body[3:5]}-{body[5:]}{-total % 10}"


def kr_licence(source: random.Random) -> str:
    """Republic of Korea, drivers: region, year, serial, check."""
    return f"{source.randint(11, 26)}-{digits(source, '##-######-##')}"


def nin(source: random.Random) -> str:
    """NIMC Nigeria: eleven digits, Verhoeff."""
    body = digits(source, "%#########")
    return body + verhoeff(body)


def uen(source: random.Random) -> str:
    """ACRA Singapore, local companies: year, serial, check letter."""
    body = f"{source.randint(1985, 2025)}{digits(source, '#####')}"
    return body + "ZKCMDNERGWH"[weighted(body, (10, 8, 6, 4, 9, 7, 5, 3, 1)) % 11]


def de_vat_id(source: random.Random) -> str:
    """BZSt: DE and nine digits, ISO 7064 MOD 11,10."""
    body = digits(source, "%#######")
    return f"DE{body}{iso7064_mod11_10(body)}"


def kvnr(source: random.Random) -> str:
    """German health insurance: a letter as two digits, eight digits, Luhn's sums from the left (SGB V, 290)."""
    letter, body = source.choice(string.ascii_uppercase), digits(source, "########")
    numbers = f"{ord(letter) - 64:02d}{body}"
    total = sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(numbers))
    return f"{letter}{body}{total % 10}"


def uk_plate(source: random.Random) -> str:
    """DVLA since 2001: area without I Q Z, age 51 to 75 or 02 to 25, three letters without I Q."""
    area = "".join(source.choices("ABCDEFGHJKLMNOPRSTUVWXY", k=2))
    age = source.choice([*range(2, 26), *range(51, 76)])
    return f"{area}{age:02d}{source.choice([' ', ' ', ''])}{''.join(source.choices('ABCDEFGHJKLMNOPRSTUVWXYZ', k=3))}"


def kfz(source: random.Random) -> str:
    """German number plates."""
    town = source.choice("B M HH K F S DD L MTK WOB".split())
    return (
        f"{town}-{source.choice('ABCDEKLMNPRSTX')}{source.choice('ABCDEKLMNPRSTX')} {source.randint(1, 9999)}"
    )


def tnin(source: random.Random) -> str:
    """DOPA Thailand: kind of person, province, serial, weights 13 to 2, modulus 11."""
    province = source.choice("10 11 12 20 30 40 50 57 60 70 80 83 90".split())
    body = source.choice("12345678") + province + digits(source, "#########")
    check = (11 - weighted(body, range(13, 1, -1)) % 11) % 10
    number = f"{body}{check}"
    return source.choice([number, f"{number[0]}-{number[1:5]}-{number[5:10]}-{number[10:12]}-{number[12]}"])


def tckn(source: random.Random) -> str:
    """NVI Türkiye: eleven digits, tenth and eleventh are checks."""
    body = digits(source, "%########")
    tenth = (7 * sum(map(int, body[::2])) - sum(map(int, body[1::2]))) % 10
    return f"{body}{tenth}{(sum(map(int, body)) + tenth) % 10}"


def za_id(source: random.Random) -> str:
    """DHA South Africa: birth date, sex, citizenship, 8, Luhn."""
    body = f"{source.randint(40, 99):02d}{source.randint(1, 12):02d}{source.randint(1, 28):02d}{digits(source, '####')}{source.choice('01')}8"
    return body + luhn(body)


def insurance(source: random.Random) -> str:
    """Member ids as US insurers print them: a prefix of letters, then digits."""
    return digits(
        source, source.choice(["@@@#########", "@#########", "@@@###@#####", "@@@@########", "@########01"])
    )


def record_number(source: random.Random) -> str:
    """Medical record numbers: a hospital's own."""
    return digits(
        source, source.choice(["%######", "%#######", "MRN-%######", "%##-##-##", "@%######", "00%#####"])
    )


def shape(*patterns: str) -> Make:
    return lambda source: digits(source, source.choice(patterns))
