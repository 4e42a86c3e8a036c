"""Checks that a pattern cannot make: checksums, structure, and whether a value is a placeholder.

Each takes the value found and says whether it may stand. Rules name them (``validate:``).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLACEHOLDER = re.compile(
    r"example|placeholder|changeme|change_me|your|sample|dummy|redacted|replace|insert|todo|fixme|"
    r"xxxx|\*\*\*|\.\.\.|1234567|abcdef|foobar|undefined|secret_here|<|\$\{|\{\{|\$\(|%\(|^\$",
    re.IGNORECASE,
)
_WORDS = frozenset(
    """
    password passwd passwort pass secret token key none null true false string optional required
    wrong incorrect invalid missing empty correct safe strong weak stored hashed encrypted not
    test testing admin root user username login default value changed reset expired used needed
    set sent saved shown hidden protected the same case-sensitive unknown str int bytes credentials
    """.split()
)
_CODE = re.compile(
    r"[A-Za-z_][\w.]*\(|\w+\[|^(?:self|this|os|process|env|config|settings|args|ctx|var|local|data|module)[.\[]"
)


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def not_placeholder(value: str) -> bool:
    """No word of a manual: EXAMPLE, your-key, ${VAR}, ****."""
    return not _PLACEHOLDER.search(value) and len(set(value)) > 3


def random(value: str) -> bool:
    """Looks drawn by a machine: no placeholder, enough entropy, not one run of one kind of word."""
    return not_placeholder(value) and entropy(value) >= 3.0 and any(c.isdigit() or c.isupper() for c in value)


def password(value: str) -> bool:
    """Could be a chosen password: no placeholder, no plain word, no code."""
    plain = value.strip("\"'`.,;:!?)")
    if len(plain) < 4 or plain.lower() in _WORDS or not not_placeholder(plain):
        return False
    if _CODE.search(plain) or plain.startswith(("$", "%", "<", "{", "@")):
        return False
    return not plain.isalpha() or (len(set(plain)) > 5 and not plain.islower() and not plain.istitle())


def assigned(value: str) -> bool:
    """A value in an assignment whose name says secret: not code, not a type, not a path or a word."""
    if not password(value) or entropy(value) < 2.8:
        return False
    if "/" in value and not re.search(r"[0-9]", value):
        return False
    if value.startswith(("http://", "https://", "/", "./", "~", "--", "#")) or value.endswith(
        ("(", ".py", ".pem", ".yaml")
    ):
        return False
    if re.fullmatch(r"[A-Za-z_]+(?:[._-][A-Za-z_]+)*", value):  # names, not secrets
        return False
    if re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", value):  # an attribute: user.password2
        return False
    return not (value.isdigit() and len(value) < 10)


def github_checksum(value: str) -> bool:
    """The last six characters are the CRC-32 of the rest in base 62 (GitHub, 2021)."""
    body, check = value[4:-6], value[-6:]
    return base62(zlib.crc32(body.encode("ascii")), 6) == check


def base62(number: int, width: int) -> str:
    """``number`` in GitHub's base-62 alphabet, zero-padded."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(width, "0")


def jwt(value: str) -> bool:
    """Header and payload are JSON objects, the header names an algorithm (RFC 7519)."""
    header, payload, _ = value.split(".", 2)
    return "alg" in _object(header) and bool(_object(payload))


def _object(part: str) -> dict[str, object]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return value if isinstance(value, dict) else {}


def basic_auth(value: str) -> bool:
    """Base64 of ``user:password`` (RFC 7617)."""
    try:
        user, colon, secret = base64.b64decode(value + "=" * (-len(value) % 4)).decode("utf-8").partition(":")
    except (ValueError, binascii.Error):
        return False
    return bool(user and colon) and len(secret) >= 4


VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    "not_placeholder": not_placeholder,
    "random": random,
    "password": password,
    "assigned": assigned,
    "github_checksum": github_checksum,
    "jwt": jwt,
    "basic_auth": basic_auth,
}
