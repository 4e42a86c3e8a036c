"""Signatures of bundles: Ed25519 (RFC 8032) over the bundle's bytes, kept beside it in Base64.

Keys are PEM as OpenSSL writes and reads them (private ones: PKCS #8), so that a company's own signing
service can stand in for ``outgate policy bundle sign``. Nothing of a bundle is read before its signature holds.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from outgate import ed25519
from outgate.disk.private import check_file, make_file
from outgate.rollout import RefusedError, RolloutError
from outgate.rollout.files import check_trusted, read_limited

SUFFIX = ".sig"
LARGEST = 1024  # bytes of a file with a signature
_LARGEST_KEY = 16 * 1024  # bytes


def keygen(private: Path, public: Path) -> None:
    """Write a new pair of keys, the private one for its owner alone. Raises RolloutError; replaces none."""
    for path in (private, public):
        if path.exists():
            raise RolloutError(f"{path}: there is a file already. Name another, or move it away.")
    key = Ed25519PrivateKey.generate()
    make_file(
        private,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        RolloutError,
    )
    public.write_bytes(ed25519.to_pem(key.public_key()))


def sign(bundle: bytes, private: Path) -> bytes:
    """The signature's file. Raises RolloutError, also for a key that others can read."""
    check_file(private, RolloutError)
    try:
        key = serialization.load_pem_private_key(read_limited(private, _LARGEST_KEY), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RolloutError(
            f"{private}: not a private key without a password ({type(error).__name__})."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise RolloutError(f"{private}: not an Ed25519 key. `outgate policy bundle keygen` makes one.")
    return base64.b64encode(key.sign(bundle)) + b"\n"


def verify(bundle: bytes, signature: bytes, keys: Sequence[Path]) -> Path:
    """The first of the public ``keys`` that signed ``bundle``. Raises RefusedError: none did; RolloutError."""
    try:
        raw = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("the signature is not 64 bytes in Base64") from None
    for path in keys:
        try:
            public_key(path).verify(raw, bundle)
        except InvalidSignature:
            continue
        return path
    raise RefusedError(f"it is not signed with {' or '.join(map(str, keys))}")


def public_key(path: Path) -> Ed25519PublicKey:
    """A pinned key. Raises RolloutError, also when others could have put theirs in its place."""
    check_trusted(path)
    try:
        return ed25519.of_pem(read_limited(path, _LARGEST_KEY))
    except ValueError as error:
        raise RolloutError(f"{path}: {error}.") from None
