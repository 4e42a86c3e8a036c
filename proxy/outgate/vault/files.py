"""Files of the vault's owner: made for nobody else, and refused when somebody else could read them."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from outgate.vault.errors import VaultError


def make_folder(folder: Path) -> None:
    """See to it that ``folder`` is there, 0700 if we make it. Raises VaultError when others may write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise VaultError(f"{folder}: {error.strerror}. Choose another place in the settings.") from None
    if os.name == "posix" and found.st_mode & 0o022:
        raise VaultError(f"{folder}: others can replace files in it. Run `chmod 700 {folder}`.")


def make_file(path: Path, data: bytes = b"") -> None:
    """Make ``path`` with ``data``, 0600, unless it is there already; whole or not at all. Raises VaultError."""
    if path.exists():
        return
    temporary = _written(path, data)
    try:
        with suppress(FileExistsError):  # another process was first: its file is the one
            os.link(temporary, path)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of what ``path`` holds, 0600; whole or not at all. Raises VaultError."""
    temporary = _written(path, data)
    try:
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise VaultError(f"{path}: {error.strerror}.") from None


def check_file(path: Path) -> os.stat_result:
    """What there is to know of ``path``. Raises VaultError unless only its owner, us, can read it."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise VaultError(f"{path}: there is no such file. Put it back, or name another.") from None
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}.") from None
    if not stat.S_ISREG(found.st_mode):
        raise VaultError(f"{path}: not a plain file. Put the file itself there.")
    if os.name != "posix":
        return found
    if found.st_uid != os.geteuid():
        raise VaultError(
            f"{path}: belongs to user {found.st_uid}, not to us ({os.geteuid()}). Change its owner."
        )
    if found.st_mode & 0o077:
        raise VaultError(
            f"{path}: open to other users (mode {found.st_mode & 0o777:o}). Run `chmod 600 {path}`."
        )
    return found


def is_same_file(path: Path, opened: os.stat_result) -> bool:
    """Whether ``path`` still is the file that was opened: not removed, not replaced."""
    try:
        now = path.lstat()
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def _written(path: Path, data: bytes) -> Path:
    """A new file beside ``path``, 0600 from its creation, with ``data`` on disk."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}.") from None
    return Path(temporary)
