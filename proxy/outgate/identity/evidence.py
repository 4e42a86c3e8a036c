"""What passes between the sources: what is known of who is asking, and what came of it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509

from outgate.model import Identity, IPAddress

MOST_GROUPS = 1000  # of one user; more are a directory's mistake
_NAME_LENGTH = 256  # characters
_CREDENTIALS_LENGTH = 16 * 1024  # bytes of a header; tokens with many groups have some kilobytes
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

# Why somebody is refused: the words of the metric and the log.
Kind = Literal[
    "missing", "malformed", "password", "token", "header", "slowed", "unavailable", "expired", "error"
]  # fmt: skip


class IdentityError(Exception):
    """A file or setting that cannot be used; ``message`` says what, where, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnavailableError(Exception):
    """Who could say so cannot be asked at the moment; the message is for the administrator's log."""


class CredentialsError(ValueError):
    """Credentials that cannot be read. Says nothing of them."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says to prove who it is."""

    user: str  # "" with a token alone
    secret: str = field(repr=False)
    is_token: bool = False  # the secret has the shape of one


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of who is asking."""

    address: IPAddress
    placed: bool = True  # the address is one that the client cannot choose
    certificate: x509.Certificate | None = None  # verified
    local_user: str | None = None
    credentials: Credentials | None = None
    unreadable: bool = False  # there were credentials, and nobody can tell which
    headers: Mapping[str, tuple[str, ...]] | None = None  # by lower-case name; None: not a proxy's


@dataclass(frozen=True, slots=True)
class Known:
    """Who is asking."""

    identity: Identity
    holds: Callable[[], bool] = lambda: True  # whether it is still so


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody that may go on."""

    kind: Kind
    user: str | None = None  # only if that is somebody's name, and not what was typed in its place
    wait: int = 0  # seconds before another try is looked at


NOBODY = Known(Identity())


def plain(name: object) -> str | None:
    """A name as it may be kept and compared; None for what is none: too long, unprintable, no text."""
    if not isinstance(name, str):
        return None
    name = name.strip()
    return name if name and len(name) <= _NAME_LENGTH and name.isprintable() else None


def groups_of(names: object) -> tuple[str, ...]:
    """The names of groups that a list, or one text, holds, each once."""
    given = names if isinstance(names, list | tuple) else (names,)
    found = dict.fromkeys(name for name in map(plain, given[:MOST_GROUPS]) if name is not None)
    return tuple(found)


def read_credentials(header: str) -> Credentials:
    """``Basic`` (RFC 7617, UTF-8) or ``Bearer`` (RFC 6750) credentials. Raises CredentialsError."""
    scheme, _, given = header.strip().partition(" ")
    given = given.strip()
    if len(header) > _CREDENTIALS_LENGTH:
        raise CredentialsError("too long")
    if scheme.lower() == "bearer":
        if not _TOKEN.fullmatch(given):
            raise CredentialsError("not a token")
        return Credentials("", given, is_token=True)
    if scheme.lower() != "basic":
        raise CredentialsError("neither Basic nor Bearer")
    try:
        user, colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise CredentialsError("not base64 of UTF-8 text") from None
    if not colon:
        raise CredentialsError("no colon")
    return of_user(user, secret)


def of_user(user: str, secret: str) -> Credentials:
    """A user's name and password; or a token in the password's place. Raises CredentialsError."""
    if len(user) + len(secret) > _CREDENTIALS_LENGTH:
        raise CredentialsError("too long")
    if _TOKEN.fullmatch(secret) and secret.startswith("ey"):  # base64 of `{"`
        return Credentials("", secret, is_token=True)  # whose it is, it says itself
    if plain(user) != user or not secret:
        raise CredentialsError("no name, or no password")
    return Credentials(user, secret)
