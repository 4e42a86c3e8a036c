"""Signed statements of how far a log had come: from then on nobody can rewrite it up to there unseen.

A checkpoint says: at this time, log so-and-so had so many entries, and the last one's hash was this. Kept
elsewhere it also tells that a log was cut or put back. An **anchor** is one that retention leaves where the
oldest entries were. Ed25519 (RFC 8032).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from outgate import ed25519
from outgate.audit.chain import Head
from outgate.audit.sink import AuditError

EVENTS: Final = 1000  # entries until the next checkpoint, about
SECONDS: Final = 60.0  # until the next, when there are new entries
KEPT: Final = 256  # checkpoints of a log; each covers all before it, so the older ones only say where

Kind = Literal["checkpoint", "retention"]
_DOMAIN: Final = "outgate audit checkpoint 1"
_KINDS: Final = frozenset(("checkpoint", "retention"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head, and who says so."""

    log: bytes
    seq: int
    hash: bytes
    time: str  # ISO 8601, UTC
    kind: Kind
    key: bytes  # public, 32 bytes: a hint of whose signature it is, never a reason to believe it
    signature: bytes

    @property
    def head(self) -> Head:
        return Head(self.log, self.seq, self.hash)

    def is_signed(self, keys: Iterable[bytes]) -> bool:
        """Whether one of the public ``keys`` (32 bytes each) signed it."""
        if self.key not in keys:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, self._signed())
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_json(self) -> dict[str, Any]:
        return {
            "log": self.log.hex(),
            "seq": self.seq,
            "hash": self.hash.hex(),
            "time": self.time,
            "kind": self.kind,
            "key": self.key.hex(),
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Raises AuditError for what is no checkpoint."""
        try:
            log, digest, key, signature = (
                bytes.fromhex(values[name]) for name in ("log", "hash", "key", "signature")
            )
            seq, time, kind = values["seq"], values["time"], values["kind"]
            if not (type(seq) is int and seq >= 0 and isinstance(time, str) and kind in _KINDS):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise AuditError("this is no checkpoint: `outgate audit checkpoint` prints one") from None
        return cls(log, seq, digest, time, kind, key, signature)

    @classmethod
    def of_text(cls, text: bytes) -> Self:
        """What ``outgate audit checkpoint`` printed. Raises AuditError."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        return cls.from_json(values)

    def _signed(self) -> bytes:
        said = (_DOMAIN, self.kind, self.log.hex(), str(self.seq), self.hash.hex(), self.time)
        return "\n".join(said).encode()


class Signer:
    """Signs with the first key of a ring; the others are those that it signed with before."""

    def __init__(self, ring: Sequence[bytes]) -> None:
        """``ring``: private keys of 32 bytes, at least one."""
        self._key = Ed25519PrivateKey.from_private_bytes(ring[0])
        self.public_keys = tuple(map(_public, map(Ed25519PrivateKey.from_private_bytes, ring)))

    def sign(self, head: Head, kind: Kind = "checkpoint") -> Checkpoint:
        """A checkpoint of ``head``, now."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        bare = Checkpoint(head.log, head.seq, head.hash, time, kind, self.public_keys[0], b"")
        signature = self._key.sign(bare._signed())
        return Checkpoint(bare.log, bare.seq, bare.hash, bare.time, bare.kind, bare.key, signature)


def is_due(latest: Checkpoint | None, head: Head) -> bool:
    """Whether a log that has come to ``head`` should be signed again. A clock that was put back is no reason not to."""
    if head.seq == 0 or (latest is not None and latest.seq >= head.seq):
        return False
    if latest is None or head.seq - latest.seq >= EVENTS:
        return True
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(latest.time)
    except (ValueError, TypeError):  # nobody of us wrote it
        return True
    return not 0 <= age.total_seconds() < SECONDS


def public_pem(key: bytes) -> str:
    """A public key of 32 bytes as PEM."""
    return ed25519.to_pem(Ed25519PublicKey.from_public_bytes(key)).decode()


def public_keys_of(text: bytes, where: str) -> tuple[bytes, ...]:
    """The public keys of a PEM file, one or more. Raises AuditError."""
    end = b"-----END PUBLIC KEY-----"
    found = [piece + end for piece in text.split(end)[:-1]]
    try:
        keys = tuple(ed25519.of_pem(piece.strip()).public_bytes_raw() for piece in found)
    except ValueError:
        keys = ()
    if not keys:
        raise AuditError(f"{where}: no public key of Ed25519 in PEM, as `outgate audit key` prints it")
    return keys


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
