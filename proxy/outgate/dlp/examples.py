"""Made-up values that the detectors find, built when they are asked for.

So that no file of the project, no policy test and no demo holds anything that looks like a live
credential. Deterministic for a seed. A template is text with fields in braces:

{alnum:N} {hex:N} {upper:N} ...   N characters of an alphabet (``made_up.ALPHABETS``)
{uuid} {jwt} {password} ...       values with a structure (``made_up.FIELDS``)
{crc32_base62:6} {grafana_crc} {atlassian_crc}   the checksum of what stands before, back to where its token begins
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

from outgate.dlp import checksums, made_up
from outgate.dlp.detector import everywhere
from outgate.dlp.patterns import RuleDetector, rules

_FIELD = re.compile(r"\{([a-z0-9_]+)(?::(\d+))?\}")
_CHECKSUMS: dict[str, tuple[re.Pattern[str], Callable[[str], str]]] = {
    "crc32_base62": (re.compile(r"[A-Za-z0-9]*\Z"), checksums.crc32_base62),
    "grafana_crc": (re.compile(r"\w*(?=_\Z)"), checksums.crc32_little_endian),
    "atlassian_crc": (re.compile(r"AT[AC]TT3[\w=-]*\Z"), checksums.crc32_upper),
}


def expand(template: str, seed: int = 0) -> str:
    """A rule's example with its fields filled in; text in other braces stays."""
    source = random.Random(f"{template}|{seed}")  # noqa: S311 - made-up values, not secrets
    out = ""
    position = 0
    for found in _FIELD.finditer(template):
        out += template[position : found.start()]
        out += _field(found, source, out)
        position = found.end()
    return out + template[position:]


def _field(found: re.Match[str], source: random.Random, before: str) -> str:
    name, length = found[1], int(found[2] or 0)
    if name in made_up.ALPHABETS and length:
        return made_up.drawn(made_up.ALPHABETS[name], length, source)
    if name in made_up.FIELDS:
        return made_up.FIELDS[name](source, length)
    if name in _CHECKSUMS:
        token, check = _CHECKSUMS[name]
        body = token.search(before)
        return check(body[0] if body else "")
    return found[0]


# Entities that are found by what stands around them, not by a rule.
_UNSHAPED = {"PASSWORD": "{password}", "GENERIC_SECRET": "{alnum:32}", "SEED_PHRASE": "{seed:12}"}


def fake(entity: str, seed: int = 0) -> str:
    """A made-up value of ``entity`` that the detectors find. Raises KeyError for one without."""
    if entity in _PERSONAL:
        return _PERSONAL[entity](random.Random(f"{entity}|{seed}"))  # noqa: S311
    if entity in _UNSHAPED:
        return expand(_UNSHAPED[entity], seed)
    for pack in ("secrets", "pii"):
        for rule in rules(pack):
            if rule.entity == entity:
                text = expand(rule.match[0], seed)
                found = next(everywhere(RuleDetector(rule), text))
                return text[found.start : found.end]
    raise KeyError(entity)


def _luhn_complete(digits: str) -> str:
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _iban(source: random.Random) -> str:
    account = "".join(source.choice("0123456789") for _ in range(18))
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def _ssn(source: random.Random) -> str:
    return f"{source.randint(200, 599)}-{source.randint(41, 99)}-{source.randint(1000, 9999)}"


_PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "CREDIT_CARD": lambda source: _luhn_complete(
        "4" + "".join(source.choice("0123456789") for _ in range(14))
    ),
    "IBAN_CODE": _iban,
    "US_SSN": _ssn,
    "STREET_ADDRESS": lambda source: (
        f"{source.randint(2, 899)} Evergreen Terrace, Springfield, IL 627{source.randint(10, 99)}"
    ),
    "DATE_OF_BIRTH": lambda source: (
        f"{source.randint(1950, 1999)}-0{source.randint(1, 9)}-{source.randint(10, 28)}"
    ),
    "EMAIL_ADDRESS": lambda source: f"{made_up.drawn(string.ascii_lowercase, 8, source)}@northwind-mail.com",
    "PHONE_NUMBER": lambda source: f"+1 212 555 {source.randint(2000, 9999)}",
    "IP_ADDRESS": lambda source: (
        f"83.{source.randint(20, 220)}.{source.randint(2, 250)}.{source.randint(2, 250)}"
    ),
}
