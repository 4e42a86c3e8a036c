"""What a sink is, and how its file is kept to its owner."""

from __future__ import annotations

import os
import stat
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from outgate.audit.event import AuditEvent
from outgate.vault import VaultError
from outgate.vault.files import replace_file


class AuditError(Exception):
    """The audit log cannot be used; ``message`` says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: events no older, files no larger."""

    seconds: float
    size: int  # bytes


class Sink(Protocol):
    """Puts events on disk. Used by one thread at a time; any method may raise OSError or AuditError."""

    def open(self) -> None:
        """Be ready to write; making what is not there yet. Closes what was open before."""

    def write(self, events: deque[AuditEvent]) -> None:
        """Make events durable, taking each off the left of ``events`` once it is."""

    def tidy(self, now: float) -> bool:
        """Remove a little of what is too old or too much (``now``: seconds since the epoch).

        True when there is more to remove.
        """

    def finish(self) -> None:
        """Vouch for what was written, at the end."""

    def close(self) -> None:
        """Let go of the file. Never raises."""


def own_file(path: Path) -> os.stat_result:
    """See to it that ``path`` is a file of ours: made 0600, in a folder made 0700, where there is none.

    Raises AuditError when the file, or the folder it lies in, is open to other users; OSError when
    there can be none. Never opens a file that is there: SQLite's locks would go with the closing.
    """
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_if_open(folder, folder.stat(), "700")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise AuditError(f"{path} is not a regular file; give audit.path another name")
    _refuse_if_open(path, found, "600")
    return found


def write_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of what ``path`` holds, 0600; whole or not at all. Raises AuditError."""
    try:
        replace_file(path, data)
    except VaultError as error:
        raise AuditError(str(error)) from None


def _refuse_if_open(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_mode & 0o077:
        raise AuditError(f"{path} is open to other users of this machine: chmod {mode} {path}")
