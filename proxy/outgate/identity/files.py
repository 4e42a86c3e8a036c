"""Files that say who may be whom: who else may read or write them, and what is in them now.

Such a file may be shown by Kubernetes as a link, and may be root's with our group, as administrators
keep them; what it may not be is somebody else's to change, and, where it holds secrets, to read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from outgate.identity.evidence import IdentityError

log = logging.getLogger("outgate")

_MOST = 64 * 2**20  # bytes
_EVERY = 2.0  # seconds between looks

# What tells one version of a file from another; None: it is not there.
_Version = tuple[int, int, int, int] | None


class Watched(Protocol):
    """Something that may have changed outside of this process."""

    def look(self) -> None:
        """See whether it has, and take it over. Waits for disks and networks: for threads."""


async def look_at(watched: Sequence[Watched]) -> None:
    """Have each of them look, again and again, until cancelled."""
    while True:
        for one in watched:
            await asyncio.to_thread(one.look)
        await asyncio.sleep(_EVERY)


def read(path: Path, *, secret: bool = False) -> bytes:
    """What is in ``path``. Raises IdentityError when somebody else may change it (or read it: ``secret``)."""
    try:
        with path.open("rb") as stream:
            _check(path, os.fstat(stream.fileno()), secret=secret)
            return stream.read(_MOST)
    except OSError as error:
        raise IdentityError(f"{path}: {error.strerror}") from None


def _check(path: Path, found: os.stat_result, *, secret: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise IdentityError(f"{path}: not a file")
    if found.st_size > _MOST:
        raise IdentityError(f"{path}: larger than {_MOST} bytes")
    if os.name != "posix":
        return
    if found.st_uid not in (0, os.geteuid()):
        raise IdentityError(
            f"{path}: belongs to user {found.st_uid}, neither to root nor to us ({os.geteuid()}). Change its owner."
        )
    mode = f"mode {stat.S_IMODE(found.st_mode):o}"
    if found.st_mode & 0o022:
        raise IdentityError(f"{path}: others can change it ({mode}). Run `chmod go-w {path}`.")
    if secret and found.st_mode & 0o007:
        raise IdentityError(f"{path}: everybody can read it ({mode}). Run `chmod o-rwx {path}`.")


class WatchedFiles[T]:
    """What was made of some files when they were last good. ``version`` counts how often that changed."""

    def __init__(
        self,
        paths: tuple[Path, ...],
        make: Callable[[], T],
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """``make`` reads the files. Raises IdentityError when it does."""
        self._paths = paths
        self._make = make
        self._on_failure = on_failure
        self._seen = self._versions()
        self.value = make()
        self.version = 0

    def look(self) -> None:
        """Read changed files anew; when they are bad, that is told once, and what there was stays."""
        versions = self._versions()
        if versions == self._seen:
            return
        self._seen = versions
        try:
            self.value = self._make()
        except IdentityError as error:
            log.error("%s (what was read before stays in force)", error.message)
            self._on_failure()
            return
        self.version += 1
        log.info("%s in force", ", ".join(map(str, self._paths)))

    def _versions(self) -> tuple[_Version, ...]:
        return tuple(map(_version, self._paths))


def _version(path: Path) -> _Version:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
