"""Files that are ours alone: made for nobody else, and refused when somebody else could read them.

``error`` makes the asking room's error of a message that says what, where, and what to do.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Error = Callable[[str], Exception]


def make_folder(folder: Path, error: Error) -> None:
    """See to it that ``folder`` is there, 0700 if we make it. Raises ``error`` when others may write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as problem:
        raise error(f"{folder}: {problem.strerror}. Choose another place in the settings.") from None
    if os.name == "posix" and found.st_mode & 0o022:
        raise error(f"{folder}: others can replace files in it. Run `chmod 700 {folder}`.")


def make_file(path: Path, data: bytes, error: Error) -> None:
    """Make ``path`` with ``data``, 0600, unless it is there already; whole or not at all. Raises ``error``."""
    if path.exists():
        return
    temporary = _written(path, data, error)
    try:
        with suppress(FileExistsError):  # another process was first: its file is the one
            os.link(temporary, path)
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(
    path: Path, data: bytes, error: Error, *, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Put ``data`` in the place of what ``path`` holds; whole or not at all. Raises ``error``.

    The file has ``mode`` and, where it is not to be ours, the user and group of ``owner`` (numbers). Before it is whole
    nobody else can read it.
    """
    temporary = _written(path, data, error)
    try:
        if owner is not None:
            os.chown(temporary, *owner)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise error(f"{path}: {problem.strerror}.") from None


def check_file(
    path: Path, error: Error, *, absent: str = "there is no such file. Put it back, or name another."
) -> os.stat_result:
    """What there is to know of ``path``. Raises ``error`` unless it is a plain file that only its owner, us, can read.

    ``absent`` is what to say where there is none.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise error(f"{path}: {absent}") from None
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}.") from None
    _refuse_special(path, found, error)
    if os.name != "posix":
        return found
    if found.st_uid != os.geteuid():
        raise error(f"{path}: belongs to user {found.st_uid}, not to us ({os.geteuid()}). Change its owner.")
    _refuse_open(path, found, "600", error)
    return found


def own_file(path: Path, error: Error) -> os.stat_result:
    """See to it that ``path`` is there, empty if we make it; what there is to know of it.

    Raises ``error`` unless only its owner, us, can read it, and nobody else can put another in its place.
    """
    make_folder(path.parent, error)
    make_file(path, b"", error)
    return check_file(path, error)


def closed_file(path: Path, error: Error) -> os.stat_result:
    """The same of a file whose folder, too, is closed to others, whoever owns them: 0600 in a folder of 0700.

    Raises ``error`` when one of them is open to other users; OSError when there can be none. Never opens a file that
    is there: SQLite's locks would go with the closing (sqlite.org, "How To Corrupt An SQLite Database File", 2.2).
    """
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_open(folder, folder.stat(), "700", error)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    found = path.lstat()
    _refuse_special(path, found, error)
    _refuse_open(path, found, "600", error)
    return found


def is_same_file(path: Path, opened: os.stat_result) -> bool:
    """Whether ``path`` still is the file that was opened: not removed, not replaced."""
    try:
        now = path.lstat()
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def _refuse_special(path: Path, found: os.stat_result, error: Error) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{path}: not a plain file. Put the file itself there.")


def _refuse_open(path: Path, found: os.stat_result, wanted: str, error: Error) -> None:
    if found.st_mode & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):o}"
        raise error(f"{path}: open to other users (mode {mode}). Run `chmod {wanted} {path}`.")


def _written(path: Path, data: bytes, error: Error) -> Path:
    """A new file beside ``path``, 0600 from its creation, with ``data`` on disk."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise error(f"{path}: {problem.strerror}.") from None
    return temporary
