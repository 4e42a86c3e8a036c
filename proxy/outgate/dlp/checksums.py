"""Alphabets and checksums of credential formats: how to make them, and whether they hold.

Pure functions of text and bytes. ``validators`` says which format wants which; ``examples`` uses the
making half, so that made-up values are as well-formed as real ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Sequence

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE58 = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32_CONSTANTS = (1, 0x2BC830A3)  # Bech32 (BIP 173) and Bech32m (BIP 350)


def base62(number: int, width: int) -> str:
    """``number`` in the base-62 alphabet of GitHub (digits, capitals, small letters), zero-padded."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(width, "0")


def crc32_base62(body: str) -> str:
    """The six characters that end tokens of GitHub, npm and Vercel: CRC-32 of the body in base 62."""
    return base62(zlib.crc32(body.encode("ascii")), 6)


def crc32_little_endian(text: str) -> str:
    """CRC-32 as eight hexadecimal digits, lowest byte first (Grafana's satokengen)."""
    return zlib.crc32(text.encode("ascii")).to_bytes(4, "little").hex()


def crc32_upper(text: str) -> str:
    """CRC-32 as eight capital hexadecimal digits (Atlassian)."""
    return f"{zlib.crc32(text.encode('ascii')):08X}"


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM (polynomial 0x1021, no reflection), as Stellar and NATS use it."""
    return binascii.crc_hqx(data, 0)


def crc16_base32(body: bytes) -> str:
    """``body`` and its CRC-16, lowest byte first, in base 32 without padding."""
    return base64.b32encode(body + crc16(body).to_bytes(2, "little")).decode().rstrip("=")


def crc16_base32_holds(text: str) -> bool:
    """Whether ``crc16_base32`` made ``text``."""
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except (ValueError, binascii.Error):
        return False
    return len(data) > 2 and crc16_base32(data[:-2]) == text  # bits beyond the last byte count, too


def base58(data: bytes, alphabet: str = BASE58) -> str:
    """``data`` in base 58; each leading zero byte is one leading first letter."""
    number = int.from_bytes(data, "big")
    digits = ""
    while number:
        number, rest = divmod(number, 58)
        digits = alphabet[rest] + digits
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + digits


def base58_bytes(text: str, alphabet: str = BASE58) -> bytes:
    """The reverse of ``base58``. Raises ValueError for a character outside the alphabet."""
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip(alphabet[0]))) + body


def base58check(payload: bytes, alphabet: str = BASE58) -> str:
    """``payload`` with the first four bytes of its double SHA-256, in base 58 (Bitcoin, XRP Ledger)."""
    return base58(payload + _double_sha256(payload)[:4], alphabet)


def base58check_holds(text: str, alphabet: str = BASE58) -> bool:
    """Whether ``base58check`` made ``text``."""
    try:
        data = base58_bytes(text, alphabet)
    except ValueError:
        return False
    return len(data) > 4 and _double_sha256(data[:-4])[:4] == data[-4:]


def _double_sha256(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def bech32(prefix: str, values: Sequence[int]) -> str:
    """Five-bit ``values`` behind ``prefix`` with their checksum (BIP 173)."""
    tail = _polymod([*_expanded(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ _BECH32_CONSTANTS[0]
    check = [tail >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(BECH32[value] for value in (*values, *check))


def bech32_holds(text: str) -> bool:
    """Whether ``text`` ends in the right Bech32 or Bech32m checksum; capitals are as good as small letters."""
    prefix, one, data = text.lower().rpartition("1")
    if not (prefix and one) or len(data) < 6 or any(character not in BECH32 for character in data):
        return False
    return _polymod([*_expanded(prefix), *(BECH32.index(c) for c in data)]) in _BECH32_CONSTANTS


def _expanded(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> place & 1:
                check ^= generator
    return check


# Where an Azure DevOps token of 52 base-32 characters keeps its CRC-32 (Microsoft security-utilities): the
# bytes at these places are the checksum, lowest first, and the rest is what it is of.
_DEVOPS_PLACES = (22, 8, 7, 2)
_DEVOPS_MASKS = (0xE0B9692D, 0x1019F92E)  # of a user's token and of an application's


def azure_devops(body: bytes) -> str:
    """A user's Azure DevOps token of the old kind around ``body`` (28 bytes)."""
    check = (zlib.crc32(body) ^ _DEVOPS_MASKS[0]).to_bytes(4, "little")
    rest = iter(body)
    data = bytes(check[_DEVOPS_PLACES.index(i)] if i in _DEVOPS_PLACES else next(rest) for i in range(32))
    return base64.b32encode(data).decode().rstrip("=").lower()


def azure_devops_holds(text: str) -> bool:
    """Whether ``text`` (52 characters) is such a token of a user or an application."""
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (ValueError, binascii.Error):
        return False
    if len(data) != 32 or base64.b32encode(data).decode().rstrip("=").lower() != text:
        return False
    body = bytes(byte for place, byte in enumerate(data) if place not in _DEVOPS_PLACES)
    check = int.from_bytes(bytes(data[place] for place in _DEVOPS_PLACES), "little")
    return any(zlib.crc32(body) ^ mask == check for mask in _DEVOPS_MASKS)


def bip39_phrase(entropy: bytes, words: Sequence[str]) -> list[str]:
    """The words for ``entropy`` (16, 20, 24, 28 or 32 bytes) with their checksum (BIP 39)."""
    size = len(entropy) * 33 // 4  # bits: one of checksum for 32 of entropy
    check = hashlib.sha256(entropy).digest()[0] >> 8 - len(entropy) // 4
    number = int.from_bytes(entropy, "big") << len(entropy) // 4 | check
    return [words[number >> size - 11 * place & 2047] for place in range(1, size // 11 + 1)]


def bip39_holds(indices: Sequence[int]) -> bool:
    """Whether words with these places in the list end in the right checksum."""
    size = len(indices) * 11
    if size not in (132, 165, 198, 231, 264):
        return False
    number = 0
    for index in indices:
        number = number << 11 | index
    check_size = size // 33
    entropy = (number >> check_size).to_bytes(check_size * 4, "big")
    return hashlib.sha256(entropy).digest()[0] >> 8 - check_size == number & (1 << check_size) - 1
