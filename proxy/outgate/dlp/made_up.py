"""Made-up values that have a structure or a checksum, as the fields of example templates.

Each function draws from the given source only, so a seed gives the same value everywhere. Nothing here was
ever a live credential: keys are random bytes, identities are invented.
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random

from outgate.dlp import checksums, secret_values

_LETTERS, _DIGITS = string.ascii_letters, string.digits
ALPHABETS: Mapping[str, str] = {
    "alnum": _LETTERS + _DIGITS,
    "hex": "0123456789abcdef",
    "hex_any": "0123456789abcdefABCDEF",
    "hex_upper": "0123456789ABCDEF",
    "upper": string.ascii_uppercase + _DIGITS,
    "lower": string.ascii_lowercase + _DIGITS,
    "letters": _LETTERS,
    "lowercase": string.ascii_lowercase,
    "digits": "123456789",
    "base32": string.ascii_uppercase + "234567",
    "base32_lower": string.ascii_lowercase + "234567",
    "base58": checksums.BASE58,
    "bech32": checksums.BECH32,
    "bech32_upper": checksums.BECH32.upper(),
    "b64": _LETTERS + _DIGITS + "+/",
    "urlsafe": _LETTERS + _DIGITS + "-_",
}


def drawn(alphabet: str, length: int, source: Random) -> str:
    """``length`` characters without a word or a sequence that would pass for a placeholder."""
    while True:
        value = "".join(source.choice(alphabet) for _ in range(length))
        if length < 8 or not (secret_values.placeholder(value) or value[0] in "-_" or value[-1] in "-_"):
            return value


def _uuid(source: Random, _: int) -> str:
    digits = drawn(ALPHABETS["hex"], 32, source)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _password(source: Random, _: int) -> str:
    return drawn(_LETTERS, 6, source) + "7#" + drawn(_LETTERS, 5, source) + "!4"


def _encoded(data: bytes | str, urlsafe: bool = False) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(raw).decode()


def _json(**members: object) -> str:
    return _encoded(json.dumps(members, separators=(",", ":")), urlsafe=True).rstrip("=")


def _basic(source: Random, _: int) -> str:
    return _encoded("deploy:" + drawn(ALPHABETS["alnum"], 12, source))


def _elastic(source: Random, _: int) -> str:
    return _encoded(drawn(ALPHABETS["alnum"], 20, source) + ":" + drawn(ALPHABETS["alnum"], 22, source))


def _jwt(source: Random, _: int) -> str:
    payload = _json(sub=drawn(_DIGITS[1:], 10, source), iat=1516239022)
    return ".".join((_json(alg="HS256", typ="JWT"), payload, drawn(ALPHABETS["urlsafe"], 43, source)))


def _jwe(source: Random, _: int) -> str:
    parts = [drawn(ALPHABETS["urlsafe"], length, source) for length in (16, 80, 22)]
    return ".".join((_json(alg="dir", enc="A256GCM"), "", *parts))


def _discord(source: Random, _: int) -> str:
    user = _encoded(drawn(_DIGITS[1:], 18, source), urlsafe=True).rstrip("=")
    return ".".join((user, *(drawn(ALPHABETS["alnum"], length, source) for length in (6, 38))))


def _pypi(source: Random, _: int) -> str:
    return "pypi-" + _encoded(b"\x02\x01\x08pypi.org\x02" + source.randbytes(90), urlsafe=True)


def _pem(end: str) -> Callable[[Random, int], str]:
    def lines(source: Random, count: int) -> str:
        return end.join(drawn(ALPHABETS["b64"], 64, source) for _ in range(count))

    return lines


def _rest_of_json(start: str, **members: int) -> Callable[[Random, int], str]:
    """Base 64 of a JSON object, without the ``start`` that the template itself writes."""

    def rest(source: Random, _: int) -> str:
        object_ = {name: drawn(ALPHABETS["alnum"], length, source) for name, length in members.items()}
        return _encoded(json.dumps(object_, separators=(",", ":"))).removeprefix(start)

    return rest


def _bytes(source: Random, count: int) -> str:
    return json.dumps([source.randrange(256) for _ in range(count)])


_BECH32_KEYS = {1: ("nsec", 52), 2: ("suiprivkey", 53), 3: ("ed25519_sk", 52), 4: ("secret-extended-key-main", 271),
                5: ("root_xsk", 154)}  # fmt: skip


def _bech32(source: Random, kind: int) -> str:
    prefix, length = _BECH32_KEYS[kind]
    return checksums.bech32(prefix, [source.randrange(32) for _ in range(length)])


def _age(source: Random, _: int) -> str:
    return checksums.bech32("age-secret-key-", [source.randrange(32) for _ in range(52)]).upper()


def _base58check(before: bytes, length: int, after: bytes = b"") -> Callable[[Random, int], str]:
    return lambda source, _: checksums.base58check(before + source.randbytes(length) + after)


def _seed(source: Random, count: int) -> str:
    """A phrase of BIP 39 whose checksum holds."""
    entropy = source.randbytes(count * 4 // 3)
    return " ".join(checksums.bip39_phrase(entropy, bip39_words()))


@cache
def bip39_words() -> tuple[str, ...]:
    """The 2,048 English words of BIP 39 (MIT licence), in their order."""
    return tuple(Path(__file__).with_name("bip39_english.txt").read_text("ascii").split())


FIELDS: Mapping[str, Callable[[Random, int], str]] = {
    "empty": lambda source, _: "",  # between halves of a word that a scanner of this repository would trip on
    "uuid": _uuid,
    "password": _password,
    "basic": _basic,
    "elastic": _elastic,
    "jwt": _jwt,
    "jwe": _jwe,
    "discord": _discord,
    "pypi": _pypi,
    "pem": _pem("\n"),
    "pem_escaped": _pem("\\n"),
    "tunnel_rest": _rest_of_json("eyJhIjoi", a=32, t=36, s=40),
    "grafana_rest": _rest_of_json("eyJrIjoi", k=32, n=10, id=4),
    "neptune": _rest_of_json("", api_address=24, api_url=24, api_key=36),
    "bytes": _bytes,
    "zeros": lambda source, count: json.dumps([0] * count),
    "upto": lambda source, count: json.dumps(list(range(count))),
    "bech": _bech32,
    "age": _age,
    "wif": _base58check(b"\x80", 32, b"\x01"),
    "wif_old": _base58check(b"\x80", 32),
    "bip38": _base58check(b"\x01\x42\xc0", 36),
    "xprv": _base58check(b"\x04\x88\xad\xe4", 41, b"\x00" + b"\x11" * 32),
    "tezos": _base58check(b"\x0d\x0f\x3a\x07", 32),
    "ripple": lambda source, _: checksums.base58check(b"\x21" + source.randbytes(16), checksums.RIPPLE58),
    "stellar": lambda source, _: checksums.crc16_base32(b"\x90" + source.randbytes(32)),
    "nats": lambda source, _: checksums.crc16_base32(b"\x95\x00" + source.randbytes(32)),
    "azdo": lambda source, _: checksums.azure_devops(source.randbytes(28)),
    "seed": _seed,
}
