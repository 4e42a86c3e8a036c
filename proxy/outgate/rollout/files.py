"""Files that decide whom we believe: only root's or ours, and never more of them than can be."""

from __future__ import annotations

from pathlib import Path

from outgate.disk.trusted import writable_by_others
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

    As ``writable_by_others`` sees it.
    """
    try:
        found = writable_by_others(path)
    except OSError as error:
        raise RolloutError(f"{path}: {error.strerror}.") from None
    if found is not None and found.owner is not None:
        raise RolloutError(
            f"{found.path}: belongs to user {found.owner}, not to root or to us. Change its owner."
        )
    if found is not None:
        raise RolloutError(f"{found.path}: others can write to it. Run `chmod go-w {found.path}`.")
