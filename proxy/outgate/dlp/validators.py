"""Checks that a pattern cannot make: checksums, structure, and whether a value is a placeholder.

Each takes the value found and says whether it may stand. Rules name them (``validate:``). Each is linear in
the value and raises nothing, whatever it is given.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from urllib.parse import unquote

from outgate.dlp import checksums, secret_values
from outgate.dlp.secret_names import Name
from outgate.dlp.secret_scores import LEAST, score


def not_placeholder(value: str) -> bool:
    """No word of a manual: EXAMPLE, your-key, ${VAR}, ****."""
    return not secret_values.placeholder(value)


def random(value: str) -> bool:
    """Looks drawn by a machine: no placeholder, little repeated, and not one run of small letters."""
    if secret_values.placeholder(value) or secret_values.entropy(value) < 2.9:
        return False
    return any(c.isdigit() or c.isupper() for c in value) and not secret_values.name_of_words(value)


def varied(value: str) -> bool:
    """Not one character over and over, as a manual writes a hash."""
    return secret_values.entropy(value) > 3.0


def long_random(value: str) -> bool:
    """Random behind a filling of one letter, which X's bearer tokens begin with."""
    return random(value.lstrip(value[:1]))


def random_but_no_uuid(value: str) -> bool:
    """Looks drawn, and is no UUID: those number requests more often than they let anybody in."""
    return random(value) and not re.fullmatch(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value)


def token_of_url(value: str) -> bool:
    """Looks drawn, and is not the public key of Sentry's, 32 hexadecimal digits, which stands where a user does."""
    return random(value) and not re.fullmatch(r"[0-9a-f]{32}", value)


def drawn_parts(value: str) -> bool:
    """Drawn by a machine, each long part between stops: no path of names, no name of words."""
    parts = [part for part in value.split(".") if len(part) >= 16]
    return bool(parts) and all(
        random(part) and secret_values.drawn(part) and not secret_values.holds_words(part) for part in parts
    )


def drawn_tail(value: str) -> bool:
    """What follows the last joint was drawn by a machine, and is no key that is meant to be published."""
    if value.startswith(("pk_", "pk-", "pub_", "pub-")):
        return False
    tail = re.split(r"[_-]", value)[-1]
    return random(value) and secret_values.drawn(tail) and not tail.isalpha()


def password(value: str) -> bool:
    """Could be a chosen password: no placeholder, no plain word, no code."""
    return len(value) >= 4 and not (
        secret_values.placeholder(value)
        or secret_values.code(value)
        or value.startswith(("$", "%", "<", "{", "@"))
        or (value.isalpha() and not secret_values.drawn(value))
    )


def url_password(value: str) -> bool:
    """A password in a URL, a connection string or a command; percent escapes are undone first."""
    plain = unquote(value)
    if len(plain) < 4 or secret_values.placeholder(plain) or plain.startswith(("$", "%", "<", "{", "@", "/")):
        return False
    return not plain.isalpha() or secret_values.drawn(plain) or not plain.islower() or len(plain) >= 12


def strong_password(value: str) -> bool:
    """A password by its look alone: letters, digits and signs, or drawn by a machine."""
    plain = value.rstrip(".,;:)")
    strong = secret_values.kinds(plain) == 4 or secret_values.drawn(plain)
    return strong and password(plain) and not secret_values.another_thing(plain)


def chosen_password(value: str) -> bool:
    """A password where one is due: drawn, of three kinds of characters, words with a number, or four words."""
    plain = value.rstrip(".,;:)")
    if not password(plain) or secret_values.another_thing(plain) or secret_values.common(plain):
        return False
    if secret_values.drawn(plain):
        return True
    if any(map(str.isdigit, plain)):
        return any(map(str.isalpha, plain))
    passphrase = plain.count("-") >= 3 and plain.replace("-", "").islower()
    return passphrase or (secret_values.kinds(plain) >= 3 and not plain[0].isupper())


def signed_password(value: str) -> bool:
    """A password by signs that join no words: ``Tern27!cove``, not ``Backup_2024-01``."""
    plain = value.rstrip(".,;:)")
    return strong_password(value) and any(not (c.isalnum() or c in "-_.,:;+") for c in plain)


def assigned_password(value: str) -> bool:
    """What would be found where a program says ``password = "..."``, but for a mere word."""
    return score(value, Name("password", 1.0), "assigned", quoted=True) >= 0.5


def told_password(value: str) -> bool:
    """What would be found beside the word password, with nothing between that says more."""
    return score(value.rstrip(".,;:)"), Name("password", 1.0), "beside", quoted=False) >= LEAST


def assigned_secret(value: str) -> bool:
    """What would be found where a program says ``api_key = "..."``."""
    return score(value, Name("secret", 1.0), "assigned", quoted=True) >= LEAST


def varied_password(value: str) -> bool:
    """A password or its encoded form that is not one word."""
    return varied(value) or strong_password(value)


def four_groups(value: str) -> bool:
    """Four times four small letters that are no words (Google's app passwords)."""
    return secret_values.drawn(value.replace(" ", "")) and not secret_values.placeholder(
        value.replace(" ", "")
    )


def varied_digits(value: str) -> bool:
    """A number that could be a PIN: no year, no sequence, not one digit."""
    steps = {ord(second) - ord(first) for first, second in pairwise(value)}
    return value.isdigit() and len(steps) > 1 and not (len(value) == 4 and value.startswith(("19", "20")))


def crc32_base62(value: str) -> bool:
    """Six characters at the end are the CRC-32 of what stands between the prefix and them (GitHub, npm, Vercel)."""
    body = value.partition("_")[2]
    return checksums.crc32_base62(body[:-6]) == body[-6:]


def grafana_checksum(value: str) -> bool:
    """The last eight digits are the CRC-32 of all before their underscore (Grafana, satokengen)."""
    body, _, check = value.rpartition("_")
    return checksums.crc32_little_endian(body) == check


def atlassian_checksum(value: str) -> bool:
    """The last eight digits are the CRC-32 of all before them, with the equals sign."""
    return checksums.crc32_upper(value[:-8]) == value[-8:]


def pypi_macaroon(value: str) -> bool:
    """A macaroon of version 2 whose location is pypi.org or test.pypi.org."""
    data = _decoded(value.removeprefix("pypi-"), urlsafe=True)
    return data.startswith((b"\x02\x01\x08pypi.org", b"\x02\x01\x0dtest.pypi.org"))


def jwt(value: str) -> bool:
    """Header and payload are JSON objects, the header names an algorithm (RFC 7519)."""
    header, _, rest = value.partition(".")
    if secret_values.placeholder(value):
        return False
    return "alg" in _object(header) and bool(_object(rest.partition(".")[0]))


def jwe(value: str) -> bool:
    """The header names an algorithm and an encryption (RFC 7516)."""
    return {"alg", "enc"} <= _object(value.partition(".")[0]).keys()


def json_base64(value: str) -> bool:
    """Base 64 of a JSON object."""
    return bool(_object(value))


def basic_auth(value: str) -> bool:
    """Base 64 of ``user:password`` (RFC 7617), and the password is no placeholder."""
    user, colon, secret = _text(value).partition(":")
    return (
        bool(user and colon)
        and not secret_values.placeholder(value)
        and len(secret) >= 4
        and secret.isprintable()
        and not secret_values.placeholder(secret)
    )


def id_and_secret(value: str) -> bool:
    """Base 64 of an id and a secret of some length with a colon between (Elasticsearch)."""
    return bool(re.fullmatch(r"[\w-]{12,40}:[\w-]{16,60}", _text(value), re.ASCII))


def discord_token(value: str) -> bool:
    """The first part is a user's id, decimal digits in base 64."""
    return _text(value.partition(".")[0], urlsafe=True).isdigit()


def pem(value: str) -> bool:
    """Between its first and last line there is base 64, not an explanation of what to put there."""
    body = re.sub(
        r"-----[A-Z0-9 ]{3,60}-----|\\[rn]|(?:Proc-Type|DEK-Info|Version|Comment): ?[^\r\n\\]*", " ", value
    )
    runs = re.findall(r"[A-Za-z0-9+/=]{16,}", body)
    text = "".join(runs)
    return len(text) >= 40 and secret_values.entropy(text) > 3.5 and any(c.isdigit() for c in text)


def azure_devops_pat(value: str) -> bool:
    """52 characters of base 32 that hold a CRC-32 of the rest."""
    return checksums.azure_devops_holds(value)


def bech32(value: str) -> bool:
    """The Bech32 or Bech32m checksum holds (BIP 173, BIP 350)."""
    return checksums.bech32_holds(value)


def base58check(value: str) -> bool:
    """The last four bytes are those of a double SHA-256 (Bitcoin)."""
    return checksums.base58check_holds(value)


def ripple_seed(value: str) -> bool:
    """The same, in the alphabet of the XRP Ledger."""
    return checksums.base58check_holds(value, checksums.RIPPLE58)


def crc16_base32(value: str) -> bool:
    """Base 32 that ends in a CRC-16 (Stellar, NATS)."""
    return checksums.crc16_base32_holds(value)


def byte_array(value: str) -> bool:
    """A JSON array of bytes without an order: not a table, not a palette."""
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    rising = sum(first < second for first, second in pairwise(numbers))
    return (
        max(numbers, default=256) < 256
        and len(set(numbers)) > 32
        and 0.3 * len(numbers) < rising < 0.7 * len(numbers)
    )


def _decoded(value: str, *, urlsafe: bool = False) -> bytes:
    """Base 64 undone; empty when it is none."""
    try:
        padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)
        return base64.b64decode(padded, altchars=b"-_" if urlsafe else None, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _text(value: str, *, urlsafe: bool = False) -> str:
    return _decoded(value, urlsafe=urlsafe).decode("utf-8", "replace").replace("�", "\0")


def _object(part: str) -> dict[str, object]:
    try:
        value = json.loads(_decoded(part.replace("+", "-").replace("/", "_"), urlsafe=True))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        *(
            not_placeholder,
            varied,
            random,
            long_random,
            random_but_no_uuid,
            token_of_url,
            drawn_parts,
            drawn_tail,
        ),
        *(varied_digits, four_groups),
        *(password, url_password, strong_password, chosen_password, varied_password),
        *(signed_password, assigned_password, told_password, assigned_secret),
        *(crc32_base62, grafana_checksum, atlassian_checksum, pypi_macaroon, azure_devops_pat),
        *(jwt, jwe, json_base64, basic_auth, id_and_secret, discord_token, pem),
        *(bech32, base58check, ripple_seed, crc16_base32, byte_array),
    )
}
