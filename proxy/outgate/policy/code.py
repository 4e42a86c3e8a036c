"""Who may state code in a policy: a command that is run, or a class that is imported.

Everything else in a policy is data. These two run with the proxy's rights, so a file that states one must be of
somebody who has those rights anyway: root, or the proxy's own user. Nobody else may be able to write it, or to put
another in its place. Windows is not asked.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def distrusted(file: Path) -> tuple[str, str] | None:
    """Why ``file`` may state no code, and what to do about it; None when it may."""
    if os.name != "posix":
        return None
    try:
        real = file.resolve(strict=True)
        for path in {file.absolute().parent, real.parent, real}:
            wrong = _writable_by_others(path)
            if wrong:
                return wrong
    except OSError as error:
        return f"it cannot be seen who may write {file}: {error.strerror}", ""
    return None


def _writable_by_others(path: Path) -> tuple[str, str] | None:
    status = path.stat()
    folder = stat.S_ISDIR(status.st_mode)
    # Kubernetes shows a ConfigMap as a folder that all may write, on a mount that nobody can.
    if folder and os.statvfs(path).f_flag & os.ST_RDONLY:
        return None
    if status.st_uid not in (0, os.geteuid()):
        return (
            f"code may be stated only by root or the user that runs this, and {path} belongs to another "
            f"(uid {status.st_uid})",
            "chown it to root",
        )
    sticky = folder and status.st_mode & stat.S_ISVTX
    if status.st_mode & 0o022 and not sticky:
        mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
        return (
            f"code may be stated only in a file that nobody else can change, and others may write {path} ({mode})",
            f"chmod go-w {path}",
        )
    return None
