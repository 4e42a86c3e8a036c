"""The supervisor's process id, for ``outgate restart``, and that there is one supervisor to a folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from outgate.gateway.problem import GatewayError

_NAME = "supervisor.pid"


class Pidfile:
    """Held while it runs; the lock goes with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def __enter__(self) -> Self:
        """Raises GatewayError when another holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise GatewayError(
                f"{self._path} is held by another proxy that runs. Stop it, or give this one a `state_dir` of its own."
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def holder(folder: Path) -> int | None:
    """The process id of the supervisor that runs with this state folder, or None."""
    try:
        file = os.open(folder / _NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        content = os.read(file, 32).strip()
        return int(content) if content.isdigit() else None
    else:
        return None
    finally:
        os.close(file)
