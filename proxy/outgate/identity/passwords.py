"""Users and their passwords in an htpasswd file, each hashed with bcrypt.

Of the kinds of hashes that Apache's ``htpasswd`` makes (its manual page) bcrypt alone withstands a
thief; a file with another kind is refused and its line told. bcrypt looks at 72 bytes of a password
and no more: longer ones match nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import bcrypt

from outgate.disk.private import replace_file
from outgate.identity import files
from outgate.identity.evidence import Credentials, IdentityError, Kind, Known, Refused, plain
from outgate.model import Identity

_ROUNDS = 12
_LONGEST = 72  # bytes of a password
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_MOST_ROUNDS = 16  # a hash of 31 rounds would take a day
# Of a file without users.
_NOBODY = b"$2b$12$" + b"." * 53


class Passwords:
    """The source. ``check`` takes as long as bcrypt does, some 0.2 seconds: for threads."""

    kind: Kind = "password"

    def __init__(self, path: Path, on_failure: Callable[[], None] = lambda: None) -> None:
        """Raises IdentityError."""
        self._file = files.WatchedFiles((path,), lambda: read(path), on_failure)

    def look(self) -> None:
        """Read a changed file."""
        self._file.look()

    @property
    def version(self) -> int:
        """Another one once the file has changed."""
        return self._file.version

    def takes(self, credentials: Credentials) -> bool:
        """Whether these may be a user's and a password."""
        return not credentials.is_token

    def check(self, credentials: Credentials) -> Known | Refused:
        """Whose they are."""
        user, secret, users = credentials.user, credentials.secret.encode(), self._file.value
        hashed = users.get(user)
        # Nobody's is compared with somebody's, so that the time tells nobody who there is.
        compared = hashed or next(iter(users.values()), _NOBODY)
        try:
            right = bcrypt.checkpw(secret[:_LONGEST], compared)
        except ValueError:  # a NUL within
            right = False
        if hashed is None or not right or len(secret) > _LONGEST:
            return Refused("password", None if hashed is None else user)
        # Who was taken out of the file, or has another password, is somebody no more.
        return Known(Identity(user), lambda: self._file.value.get(user) == hashed)


def read(path: Path) -> dict[str, bytes]:
    """User -> hash. Raises IdentityError, which tells lines by their numbers alone."""
    try:
        text = files.read(path, secret=True).decode()
    except UnicodeDecodeError:
        raise IdentityError(f"{path}: not UTF-8 text") from None
    users: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        user, _, hashed = line.partition(":")
        found = _HASH.fullmatch(hashed.partition(":")[0])
        if plain(user) != user:
            raise IdentityError(f"{path}:{number}: USER:HASH is expected")
        if found is None or not 4 <= int(found[1]) <= _MOST_ROUNDS:
            raise IdentityError(
                f"{path}:{number}: not a bcrypt hash. Make it anew with `outgate user add` or `htpasswd -B`."
            )
        if user in users:
            raise IdentityError(f"{path}:{number}: this user stands in an earlier line, too")
        users[user] = found[0].encode()
    return users


def check_name(user: str) -> None:
    """Raises IdentityError for what cannot be a user's name in such a file."""
    if plain(user) != user or ":" in user or user.startswith("#"):
        raise IdentityError(f"{user!r} is not a name: printable characters without a colon, and no # first")


def put(path: Path, user: str, secret: str) -> bool:
    """Give ``user`` this password; True when the user is new. Raises IdentityError."""
    check_name(user)
    if not secret or "\0" in secret or len(secret.encode()) > _LONGEST:
        raise IdentityError(f"a password has at least one and at most {_LONGEST} bytes, and no NUL")
    line = f"{user}:{bcrypt.hashpw(secret.encode(), bcrypt.gensalt(_ROUNDS)).decode()}"
    lines = _lines(path) if path.exists() else []
    at = _line_of(lines, user)
    _write(path, [*lines, line] if at is None else [*lines[:at], line, *lines[at + 1 :]])
    return at is None


def remove(path: Path, user: str) -> None:
    """Take ``user`` out. Raises IdentityError."""
    lines = _lines(path)
    at = _line_of(lines, user)
    if at is None:
        raise IdentityError(f"{path}: there is no user {user!r}")
    _write(path, lines[:at] + lines[at + 1 :])


def _lines(path: Path) -> list[str]:
    read(path)  # what cannot be used is not changed, but told
    return files.read(path, secret=True).decode().splitlines()


def _line_of(lines: Sequence[str], user: str) -> int | None:
    return next((at for at, line in enumerate(lines) if line.strip().startswith(f"{user}:")), None)


def _write(path: Path, lines: Sequence[str]) -> None:
    """Whole or not at all, for nobody but us; a link stays one, and who may read it may still."""
    path, data = path.resolve(), "".join(f"{line}\n" for line in lines).encode()
    try:
        before = path.stat() if os.name == "posix" and path.exists() else None
    except OSError as error:
        raise IdentityError(f"{path}: {error.strerror}") from None
    if before is None:
        replace_file(path, data, IdentityError)
    else:
        owner = before.st_uid, before.st_gid
        replace_file(path, data, IdentityError, mode=before.st_mode & 0o640, owner=owner)
