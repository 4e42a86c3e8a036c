"""Made-up values that the detectors find, built when they are asked for.

So that no file of the project, no policy test and no demo holds anything that looks like a live
credential. Deterministic for a seed.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import zlib
from collections.abc import Callable

from outgate.dlp.detector import everywhere
from outgate.dlp.patterns import RuleDetector, rules
from outgate.dlp.validators import base62

_FIELD = re.compile(r"\{([a-z0-9_]+)(?::(\d+))?\}")
_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "upper": string.ascii_uppercase + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "letters": string.ascii_letters,
    "digits": "123456789",
    "base32": string.ascii_uppercase + "234567",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "b64": string.ascii_letters + string.digits + "+/",
    "urlsafe": string.ascii_letters + string.digits + "-_",
}


def expand(template: str, seed: int = 0) -> str:
    """A rule's example with its fields filled in; text in other braces stays."""
    source = random.Random(f"{template}|{seed}")  # noqa: S311 - made-up values, not secrets
    out = ""
    position = 0
    for found in _FIELD.finditer(template):
        out += template[position : found.start()]
        out += _field(found.group(1), int(found.group(2) or 0), source, out)
        position = found.end()
    return out + template[position:]


def _field(name: str, length: int, source: random.Random, before: str) -> str:
    if name in _ALPHABETS and length:
        return _drawn(_ALPHABETS[name], length, source)
    match name:
        case "empty":
            return ""
        case "uuid":
            digits = _drawn(_ALPHABETS["hex"], 32, source)
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        case "password":
            return (
                _drawn(string.ascii_letters, 6, source)
                + "7#"
                + _drawn(string.ascii_letters, 5, source)
                + "!4"
            )
        case "basic":
            return base64.b64encode(f"deploy:{_drawn(_ALPHABETS['alnum'], 12, source)}".encode()).decode()
        case "jwt":
            parts = (
                {"alg": "HS256", "typ": "JWT"},
                {"sub": _drawn("0123456789", 10, source), "iat": 1516239022},
            )
            texts = [
                base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
            ]
            return ".".join((*texts, _drawn(_ALPHABETS["urlsafe"], 43, source)))
        case "crc32_base62":
            body = re.split(r"[^A-Za-z0-9]", before)[-1]
            return base62(zlib.crc32(body.encode()), length)
        case _:
            return "{" + name + "}"


def _drawn(alphabet: str, length: int, source: random.Random) -> str:
    while True:
        value = "".join(source.choice(alphabet) for _ in range(length))
        if not re.search("(?i)xxxx|your|todo|abcdef|1234567", value):
            return value


def fake(entity: str, seed: int = 0) -> str:
    """A made-up value of ``entity`` that the detectors find. Raises KeyError for one without."""
    if entity in _PERSONAL:
        return _PERSONAL[entity](random.Random(f"{entity}|{seed}"))  # noqa: S311
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
    "EMAIL_ADDRESS": lambda source: f"{_drawn(string.ascii_lowercase, 8, source)}@northwind-mail.com",
    "PHONE_NUMBER": lambda source: f"+1 212 555 {source.randint(2000, 9999)}",
    "IP_ADDRESS": lambda source: (
        f"83.{source.randint(20, 220)}.{source.randint(2, 250)}.{source.randint(2, 250)}"
    ),
}
