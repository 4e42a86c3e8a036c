"""The chain: every entry of a log carries the hash of the one before it. Bytes and numbers only, no file.

An entry's hash is SHA-256 over the log's id, its number, the hash before, what it says of nobody, and a
commitment to what it says of somebody. The commitment is a salted hash of its own: once the salt and what
it hides are gone, nobody can try names against it, and the chain holds as it did.

As a line of a JSONL log an entry is one object: the members that tell of nobody, then ``personal`` and
``salt`` (until they are erased), then ``chain``. The hashes are over the bytes of the line.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

LOG_SIZE: Final = 16  # bytes of a log's id
SALT_SIZE: Final = 16
HASH_SIZE: Final = 32
NOTHING: Final = bytes(HASH_SIZE)  # the commitment of an entry that tells of nobody

_ENTRY: Final = b"outgate audit entry 1\0"
_PERSONAL: Final = b"outgate audit personal 1\0"
# A quote within a string of JSON is escaped, so what stands between members stands nowhere else.
_PERSONAL_MEMBER: Final = b',"personal":{'
_CHAIN_MEMBER: Final = b',"chain":{"log":"'
_SALT = re.compile(rb',"salt":"([0-9a-f]{32})"')
_SALT_WIDTH: Final = len(b',"salt":""') + 2 * SALT_SIZE
_PLACE = re.compile(
    rb',"chain":\{"log":"([0-9a-f]{32})","seq":([1-9][0-9]{0,17}),"prev":"([0-9a-f]{64})",'
    rb'"sealed":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}\}'
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an entry says, and the commitment to what of it can be erased. Not yet in a chain."""

    public: bytes
    personal: bytes | None
    salt: bytes | None
    sealed: bytes

    @classmethod
    def of(cls, public: bytes, personal: bytes | None) -> Self:
        """With a salt of its own; ``personal`` None: it tells of nobody. Raises ValueError for what fits no line."""
        if _PERSONAL_MEMBER in public or b"\n" in public + (personal or b""):
            raise ValueError("a member of an event is called `personal`, or there is a line's end in it")
        if personal is None:
            return cls(public, None, None, NOTHING)
        salt = secrets.token_bytes(SALT_SIZE)
        return cls(public, personal, salt, seal(salt, personal))


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends."""

    log: bytes
    seq: int  # of the last entry; 0: there is none yet
    hash: bytes

    @classmethod
    def new(cls) -> Self:
        """The start of a log."""
        return cls(secrets.token_bytes(LOG_SIZE), 0, bytes(HASH_SIZE))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in its place."""

    log: bytes
    seq: int  # from 1, without a gap
    public: bytes
    personal: bytes | None  # None: it was erased, or there was nothing
    salt: bytes | None
    sealed: bytes
    prev: bytes
    hash: bytes

    @classmethod
    def after(cls, head: Head, said: Sealed) -> Self:
        """The next entry of a chain."""
        seq = head.seq + 1
        digest = entry_hash(head.log, seq, head.hash, said.sealed, said.public)
        return cls(head.log, seq, said.public, said.personal, said.salt, said.sealed, head.hash, digest)

    @property
    def head(self) -> Head:
        """The end of a chain that this is the last entry of."""
        return Head(self.log, self.seq, self.hash)

    @property
    def is_erased(self) -> bool:
        """Whether it told of somebody, and does so no more."""
        return self.personal is None and self.sealed != NOTHING

    def is_whole(self) -> bool:
        """Whether it says what it said when it was written, as far as its own hash can tell."""
        if self.personal is not None and (self.salt is None or seal(self.salt, self.personal) != self.sealed):
            return False
        return entry_hash(self.log, self.seq, self.prev, self.sealed, self.public) == self.hash

    def to_line(self) -> bytes:
        """The line of a JSONL log, without its end."""
        personal = b""
        if self.personal is not None and self.salt is not None:
            personal = b',"personal":%b,"salt":"%b"' % (self.personal, self.salt.hex().encode())
        place = '{"log":"%s","seq":%d,"prev":"%s","sealed":"%s","hash":"%s"}' % (  # noqa: UP031
            self.log.hex(),
            self.seq,
            self.prev.hex(),
            self.sealed.hex(),
            self.hash.hex(),
        )
        return b'%b%b,"chain":%b}' % (self.public[:-1], personal, place.encode())

    @classmethod
    def of_line(cls, line: bytes) -> Self | None:
        """The entry of a line; None when it is none."""
        start = line.rfind(_CHAIN_MEMBER)
        place = _PLACE.fullmatch(line, start) if start > 0 else None
        if place is None or line[:1] != b"{":
            return None
        personal, salt, end = None, None, start
        told = line.find(_PERSONAL_MEMBER, 0, start)
        if told > 0:
            hidden = _SALT.fullmatch(line, start - _SALT_WIDTH, start)
            if hidden is None:
                return None
            personal = line[told + len(_PERSONAL_MEMBER) - 1 : start - _SALT_WIDTH]
            salt, end = _bytes(hidden[1]), told
        log, seq, prev, sealed, digest = place.groups()
        return cls(
            _bytes(log),
            int(seq),
            line[:end] + b"}",
            personal,
            salt,
            _bytes(sealed),
            _bytes(prev),
            _bytes(digest),
        )


def seal(salt: bytes, personal: bytes) -> bytes:
    """The commitment to what an entry says of somebody."""
    return hashlib.sha256(_PERSONAL + salt + personal).digest()


def entry_hash(log: bytes, seq: int, prev: bytes, sealed: bytes, public: bytes) -> bytes:
    """An entry's hash. Everything before ``public`` has a fixed length."""
    return hashlib.sha256(_ENTRY + log + seq.to_bytes(8) + prev + sealed + public).digest()


def _bytes(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode())
