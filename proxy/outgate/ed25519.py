"""Public keys of Ed25519 (RFC 8032) in PEM, as OpenSSL writes and reads them: SubjectPublicKeyInfo, RFC 8410."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def to_pem(key: Ed25519PublicKey) -> bytes:
    """A key as PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def of_pem(text: bytes) -> Ed25519PublicKey:
    """The key of a PEM text. Raises ValueError, which says what the text is not."""
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key
