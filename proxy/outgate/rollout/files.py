"""Files that decide whom we believe: only root's or ours, and never more of them than can be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from outgate.rollout import RolloutError


def read_limited(path: Path, most: int) -> bytes:
    """What ``path`` holds, at most ``most`` bytes. Raises RolloutError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise RolloutError(f"{path}: {error.strerror}.") from None
    if len(data) > most:
        raise RolloutError(f"{path}: more than {most} bytes.")
    return data


def check_trusted(path: Path) -> None:
    """Raises RolloutError when anybody but root and us could write to ``path``, or put another file in its place.

    Folders above its own are not looked at, and Windows is not asked.
    """
    if os.name != "posix":
        return
    try:
        real = path.resolve(strict=True)
        for one in dict.fromkeys((path.absolute().parent, real.parent, real)):
            found = one.stat()
            if found.st_uid not in (0, os.geteuid()):
                raise RolloutError(
                    f"{one}: belongs to user {found.st_uid}, not to root or to us. Change its owner."
                )
            # Kubernetes shows a ConfigMap as a folder that all may write, on a mount that nobody can.
            fixed = stat.S_ISDIR(found.st_mode) and (
                found.st_mode & stat.S_ISVTX or os.statvfs(one).f_flag & os.ST_RDONLY
            )
            if found.st_mode & 0o022 and not fixed:
                raise RolloutError(f"{one}: others can write to it. Run `chmod go-w {one}`.")
    except OSError as error:
        raise RolloutError(f"{path}: {error.strerror}.") from None
