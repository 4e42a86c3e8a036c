"""A key, and what it makes of a pair: an entry that tells nothing to who has not the key.

From one key of 32 bytes three things are derived (HKDF-SHA256, RFC 5869): the key's id, the key of names, and
the key that values are sealed with (AES-256-GCM). A scope and an entry are called by an HMAC-SHA256, cut to
16 bytes; the blob holds scope, placeholder and value, and is bound to both names: put elsewhere, it does not open.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from outgate.model import Pair

KEY_SIZE = 32  # bytes
ID_SIZE = 8
_NAME_SIZE = 16
_NONCE_SIZE = 12  # NIST SP 800-38D, 8.2.2: random, for up to 2^32 values under one key
_STEP = 64  # bytes; lengths are rounded up, so that they do not tell values apart


class UnreadableError(Exception):
    """A blob was changed, moved, or sealed with another key."""


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One key of a ring."""

    id: bytes
    _names: bytes = field(repr=False)
    _cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """The key that is made from ``secret``, KEY_SIZE random bytes."""
        return cls(
            _derived(secret, b"id", ID_SIZE),
            _derived(secret, b"names", 32),
            AESGCM(_derived(secret, b"values", 32)),
        )

    def scope(self, scope: str) -> bytes:
        """What ``scope`` is called in a store."""
        return self._called(b"scope", _joined(scope))

    def name(self, scope: str, placeholder: str) -> bytes:
        """What the entry of ``placeholder`` is called in a store."""
        return self._called(b"entry", _joined(scope, placeholder))

    def seal(self, scope: str, pair: Pair) -> bytes:
        """The blob of ``pair``; another one each time."""
        text = _joined(scope, pair.placeholder, pair.value)
        text += bytes(-len(text) % _STEP)
        nonce = os.urandom(_NONCE_SIZE)
        bound = self.scope(scope) + self.name(scope, pair.placeholder)
        return self.id + nonce + self._cipher.encrypt(nonce, text, bound)

    def open(self, scope: bytes, name: bytes, blob: bytes) -> tuple[str, Pair]:
        """Scope and pair of the entry called ``name`` in the scope called ``scope``. Raises UnreadableError."""
        if blob[:ID_SIZE] != self.id:
            raise UnreadableError
        nonce = blob[ID_SIZE : ID_SIZE + _NONCE_SIZE]
        try:
            text = self._cipher.decrypt(nonce, blob[ID_SIZE + _NONCE_SIZE :], scope + name)
        except (InvalidTag, ValueError):
            raise UnreadableError from None
        told, placeholder, value = _parts(text)
        return told, Pair(placeholder, value)

    def _called(self, kind: bytes, text: bytes) -> bytes:
        return hmac.digest(self._names, kind + b"\0" + text, "sha256")[:_NAME_SIZE]


def _derived(secret: bytes, what: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=b"outgate vault " + what).derive(secret)


def _joined(*texts: str) -> bytes:
    """Texts with their lengths: no two lists of texts are spelled alike, whatever is in them."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(text).to_bytes(4, "big") + text for text in encoded)


def _parts(data: bytes) -> tuple[str, str, str]:
    parts: list[str] = []
    start = 0
    for _ in range(3):
        end = start + 4 + int.from_bytes(data[start : start + 4], "big")
        parts.append(data[start + 4 : end].decode("utf-8", "surrogatepass"))
        start = end
    return parts[0], parts[1], parts[2]
