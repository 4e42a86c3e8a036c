"""Who else could write a file, or put another in its place: asked of files that say whom we believe, or what we run."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Writable:
    """A file, or the folder that one lies in, which somebody else could write to."""

    path: Path
    owner: int | None  # whose it is, as a number; None: ours or root's, and open to others
    mode: int  # permission bits


def writable_by_others(file: Path) -> Writable | None:
    """The first of ``file``, what it is a link to, and the folders of both that not only root and we can write to.

    Folders above these are not looked at, and Windows is not asked. Raises OSError.
    """
    if os.name != "posix":
        return None
    real = file.resolve(strict=True)
    for path in dict.fromkeys((file.absolute().parent, real.parent, real)):
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid not in (0, os.geteuid()):
            return Writable(path, found.st_uid, mode)
        # Kubernetes shows a ConfigMap as a folder that all may write, on a mount that nobody can.
        fixed = stat.S_ISDIR(found.st_mode) and (
            found.st_mode & stat.S_ISVTX or os.statvfs(path).f_flag & os.ST_RDONLY
        )
        if found.st_mode & 0o022 and not fixed:
            return Writable(path, None, mode)
    return None
