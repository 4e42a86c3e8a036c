"""Counts of several processes in one folder, so that any of them can tell the sum.

prometheus_client's multiprocess mode keeps a process's values in memory-mapped files named after
its pid. Here is what that leaves to its user: a private folder, the switch that works whatever was
imported first, and an end for the files of processes that have ended. Knows no metric.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import mmap_dict, multiprocess, values
from prometheus_client.metrics_core import Metric

# Not annotated by their author.
_MappedDict: Any = mmap_dict.MmapedDict
_Collector: Any = multiprocess.MultiProcessCollector
_mark_process_dead: Any = multiprocess.mark_process_dead
_value_class: Any = values.get_value_class

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = ".lock"
_ENDED = 0  # the pid under which the counts of ended processes are kept; no process has it
_FILE = re.compile(r"(counter|histogram|summary|gauge_[a-z]+)_(\d+)\.db")


class Collected(Protocol):
    """The metrics of all processes, summed up."""

    def collect(self) -> Iterable[Metric]: ...


def share(folder: Path, *, afresh: bool) -> None:
    """From now on metrics made in this process, and in its children, are counted in ``folder``.

    The first process of a fleet asks for ``afresh``: what an earlier run left is removed. Call it
    before any Metrics is made. The folder should be on a memory file system: a write to a mapped
    file on a full disk kills the process. Raises OSError when the folder cannot be made, or is open
    to other users.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} is open to other users: chmod 700 {folder}")
    if afresh:
        for file in folder.glob("*.db"):
            file.unlink(missing_ok=True)
    os.environ[_VARIABLE] = str(folder)
    # prometheus_client looks at the variable when it is imported; it may have been already.
    if not getattr(values.ValueClass, "_multiprocess", False):
        values.ValueClass = _value_class()


def directory() -> Path | None:
    """The folder that this process shares its counts in; None: it counts for itself."""
    folder = os.environ.get(_VARIABLE)
    return Path(folder) if folder else None


@contextmanager
def collected(folder: Path) -> Iterator[Collected]:
    """A collector of all processes' counts; nothing is folded or removed while it is read."""
    with _alone(folder):
        for pid in _pids(folder):
            if not _runs(pid):
                _fold(folder, pid)
        yield _Collector(None, path=str(folder))


def process_ended(pid: int) -> None:
    """Keep what a process of the fleet counted, and drop what was only true while it ran.

    A scrape does the same for every process that is gone; this is for a pid that may be taken anew.
    """
    folder = directory()
    if folder is not None and folder.is_dir():
        with _alone(folder):
            _fold(folder, pid)


def _fold(folder: Path, pid: int) -> None:
    _mark_process_dead(pid, path=str(folder))
    for kind in ("counter", "histogram"):
        file = folder / f"{kind}_{pid}.db"
        if not file.exists():
            continue
        kept = _MappedDict(str(folder / f"{kind}_{_ENDED}.db"))
        try:
            for name, value, _, _ in _MappedDict.read_all_values_from_file(str(file)):
                kept.write_value(name, kept.read_value(name)[0] + value, 0.0)
        finally:
            kept.close()
        file.unlink()


def _pids(folder: Path) -> set[int]:
    found = (_FILE.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 (names are all it takes)
    return {int(match[2]) for match in found if match} - {_ENDED, os.getpid()}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
