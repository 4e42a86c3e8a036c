"""Who may state code in a policy: a command that is run, or a class that is imported.

Everything else in a policy is data. These two run with the proxy's rights, so a file that states one must be of
somebody who has those rights anyway: root, or the proxy's own user. Nobody else may be able to write it, or to put
another in its place. Windows is not asked.
"""

from __future__ import annotations

from pathlib import Path

from outgate.disk.trusted import writable_by_others


def distrusted(file: Path) -> tuple[str, str] | None:
    """Why ``file`` may state no code, and what to do about it; None when it may."""
    try:
        found = writable_by_others(file)
    except OSError as error:
        return f"it cannot be seen who may write {file}: {error.strerror}", ""
    if found is None:
        return None
    if found.owner is not None:
        return (
            f"code may be stated only by root or the user that runs this, and {found.path} belongs to another "
            f"(uid {found.owner})",
            "chown it to root",
        )
    return (
        f"code may be stated only in a file that nobody else can change, and others may write {found.path} "
        f"(mode {found.mode:04o})",
        f"chmod go-w {found.path}",
    )
