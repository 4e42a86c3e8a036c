"""The JSONL sink: a line an event, for those who ship logs to somewhere else.

A line is one append, so that several processes may write the same file. A file that has grown to
its share of the allowed size is put aside under the time of day, and the oldest go.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from outgate.audit.event import AuditEvent
from outgate.audit.sink import AuditError, Retention, is_same_file, own_file

_TIME = re.compile(rb'"time":"([0-9TZ:.+-]{1,40})"')
PIECES = 8  # files that the allowed size is made of


class JsonlSink:
    """One process's way into the file."""

    def __init__(self, path: Path, retention: Retention) -> None:
        self._path = path
        self._retention = retention
        self._descriptor = -1
        self._file: os.stat_result | None = None
        self._torn = False  # the last line may not be whole

    def open(self) -> None:
        """Open the file for appending, made if need be. Raises AuditError, OSError."""
        self.close()
        own_file(self._path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags)
        self._file = os.fstat(self._descriptor)
        size = self._file.st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def write(self, events: deque[AuditEvent]) -> None:
        """A line for each. A line that did not get written whole is ended, and written again."""
        self._follow()
        while events:
            line = json.dumps(events[0].to_json(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            whole = b"\n" + line if self._torn else line
            written = os.write(self._descriptor, whole)
            self._torn = written != len(whole)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            events.popleft()
        if os.fstat(self._descriptor).st_size >= self._retention.size // PIECES:
            self._rotate()
            self.tidy(time.time())

    def tidy(self, now: float) -> bool:
        """Put the file aside when it is due; remove those aside that are too old or too much."""
        share = self._retention.seconds / PIECES
        first = self._first()
        if first is not None and first < now - share:
            self._rotate()
        aside = list(_sizes_and_times(pieces(self._path)))
        total = sum(size for _, size, _ in aside) + os.fstat(self._descriptor).st_size
        for file, size, written in aside:
            # It was begun at most a share before its last line was written.
            if total > self._retention.size or written - share < now - self._retention.seconds:
                file.unlink(missing_ok=True)
                total -= size
        return False

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _follow(self) -> None:
        """Go on in the new file when another process has put this one aside."""
        if self._descriptor < 0 or self._file is None:
            raise AuditError(f"{self._path} is not open")
        if is_same_file(self._path, self._file):
            return
        if os.fstat(self._descriptor).st_nlink == 0:
            raise AuditError(f"{self._path} was removed")
        self.open()

    def _first(self) -> float | None:
        """When the first event of the file happened, in seconds since the epoch."""
        head = os.pread(self._descriptor, 1024, 0) if self._descriptor >= 0 else b""
        found = _TIME.search(head)
        return datetime.fromisoformat(found[1].decode()).timestamp() if found else None

    def _rotate(self) -> None:
        with _alone(self._path):
            if self._file is not None and is_same_file(self._path, self._file):
                stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
                self._path.rename(self._path.with_name(f"{self._path.name}.{stamp}"))
        self.open()


def pieces(path: Path) -> list[Path]:
    """The files that were put aside, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.2*"))


def _sizes_and_times(files: Iterable[Path]) -> Iterator[tuple[Path, int, float]]:
    """Each file's size in bytes, and when it was last written; another process may be removing some."""
    for file in files:
        with suppress(FileNotFoundError):
            found = file.stat()
            yield file, found.st_size, found.st_mtime


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
