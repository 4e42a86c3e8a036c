"""Where the vault's keys come from: a file, an environment variable, or a command.

A ring is 32-byte keys in hexadecimal, one a line: the first seals, the others still open what they sealed.
A file is looked at before every use, so that a rotation reaches processes that run; the other sources are
read once. The program makes a file's first key itself.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from outgate.disk.private import check_file, make_file, make_folder, replace_file
from outgate.vault.errors import VaultError
from outgate.vault.sealing import KEY_SIZE, Key

Ring = tuple[Key, ...]
_MOST = 16  # keys
_LARGEST = 2**16  # bytes
_SEPARATOR = re.compile(r"[\s,]+")


class KeyFile:
    """A ring in a file that is ours alone."""

    def __init__(self, path: Path) -> None:
        """Makes the file with one new key where there is none. Raises VaultError."""
        self.path = path
        make_folder(path.parent, VaultError)
        make_file(path, _written([new_secret()]), VaultError)
        self._seen: tuple[int, ...] = ()
        self._ring: Ring = ()
        self.ring()

    def ring(self) -> Ring:
        """The keys as the file has them now. Raises VaultError."""
        found = check_file(self.path, VaultError)
        seen = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._ring = tuple(map(Key.of, self.secrets()))
            self._seen = seen
        return self._ring

    def secrets(self) -> list[bytes]:
        """The keys themselves. Raises VaultError."""
        return secrets_of_file(self.path)

    def replace(self, ring: Sequence[bytes]) -> None:
        """Make ``ring`` what the file holds. Raises VaultError."""
        replace_file(self.path, _written(ring), VaultError)


class FixedKeys:
    """A ring that was read once."""

    def __init__(self, ring: Sequence[bytes]) -> None:
        self._ring = tuple(map(Key.of, ring))

    def ring(self) -> Ring:
        """The keys."""
        return self._ring


Keys = KeyFile | FixedKeys


def from_environment(name: str) -> FixedKeys:
    """The ring in an environment variable, keys apart by blanks or commas. Raises VaultError."""
    return FixedKeys(secrets_of_environment(name, "vault.key"))


def from_command(command: Sequence[str], timeout: float = 10.0) -> FixedKeys:
    """The ring that a program prints. Raises VaultError as ``secrets_of_command`` does."""
    return FixedKeys(secrets_of_command(command, "vault.key", timeout))


def secrets_of_file(path: Path) -> list[bytes]:
    """The keys in a file that is ours alone. Raises VaultError."""
    check_file(path, VaultError)
    try:
        with path.open("rb") as stream:
            return _parsed(stream.read(_LARGEST + 1), str(path))
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}.") from None


def secrets_of_environment(name: str, setting: str) -> list[bytes]:
    """The keys in an environment variable, which ``setting`` names. Raises VaultError."""
    value = os.environ.get(name)
    if value is None:
        raise VaultError(
            f"the environment variable {name} ({setting}) is not set. Set it where the proxy is started."
        )
    return _parsed(os.fsencode(value), f"environment variable {name}")


def secrets_of_command(command: Sequence[str], setting: str, timeout: float = 10.0) -> list[bytes]:
    """The keys that a program prints; ``command`` is the program and its arguments, no shell.

    ``timeout`` is in seconds. Raises VaultError when the program cannot be run, takes longer, or fails; what it
    prints is not repeated, since it might hold a key.
    """
    where = f"the command {command[0] if command else ''!r} ({setting})"
    hint = "Run it as the proxy's user to see what it says."
    try:
        done = subprocess.run(  # noqa: S603 - an administrator's own command, without a shell
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except (OSError, IndexError) as error:
        raise VaultError(f"{where} cannot be run ({type(error).__name__}). {hint}") from None
    except subprocess.TimeoutExpired:
        raise VaultError(f"{where} took longer than {timeout:g} s. {hint}") from None
    if done.returncode:
        raise VaultError(f"{where} ended with status {done.returncode}. {hint}")
    return _parsed(done.stdout, where)


def new_secret() -> bytes:
    """A new key."""
    return secrets.token_bytes(KEY_SIZE)


def _written(ring: Sequence[bytes]) -> bytes:
    lines = [
        "# Keys of Outgate's vault, newest first. Who has them and the vault has the values.",
        *map(bytes.hex, ring),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _parsed(data: bytes, where: str) -> list[bytes]:
    """The keys of a text; lines that begin with # are none. Raises VaultError."""
    wanted = "keys of 64 hexadecimal digits are expected, such as `openssl rand -hex 32` makes"
    if len(data) > _LARGEST:
        raise VaultError(f"{where}: more than {_LARGEST} bytes; {wanted}.")
    lines = [line for line in data.decode("latin-1").splitlines() if not line.lstrip().startswith("#")]
    words = [word for word in _SEPARATOR.split(" ".join(lines)) if word]
    if not 1 <= len(words) <= _MOST or not all(re.fullmatch(r"[0-9A-Fa-f]{64}", word) for word in words):
        raise VaultError(f"{where}: one to {_MOST} {wanted}.")
    ring = [bytes.fromhex(word) for word in words]
    if len(set(ring)) < len(ring):
        raise VaultError(f"{where}: a key is there twice. Leave each in once.")
    return ring
