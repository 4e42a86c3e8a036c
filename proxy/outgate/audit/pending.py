"""Events that are not in the log yet, in memory that outlives the process: a killed one loses none that were told.

A file that is mapped into memory, of each process its own, beside the log. Putting an event there is a copy in memory:
the kernel writes it to the disk when it likes, and keeps it whatever becomes of the process. A machine that loses its
power may lose the newest, as before. Once the log has all of them the file is made empty, with zeros.

Each entry is its length (4 bytes), a CRC-32 of its content, and the event in JSON; a length of zero ends them. Whoever
starts next takes over what processes left that are no more, which a lock tells (POSIX's, which no child inherits).
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import secrets
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

from outgate.audit.event import AuditEvent
from outgate.audit.record import written

try:
    import fcntl
except ImportError:  # Windows: events are in the queue alone until they are written
    fcntl = None  # type: ignore[assignment]

SIZE: Final = 4 * 2**20  # bytes; what finds no room is in the queue alone
_HEAD: Final = struct.Struct("<II")
_PREFIX: Final = "pending-"
_OURS: set[Path] = set()  # a lock of this process's own is none to itself


class Pending:
    """The file of one process. Not safe to use from several threads at once: ``AuditLog`` sees to that."""

    def __init__(self, folder: Path) -> None:
        """Make the file. Raises OSError."""
        self._map: mmap.mmap | None = None
        self._end = 0
        if fcntl is None:
            return
        name = f"{_PREFIX}{secrets.token_hex(8)}"
        self._path, unlocked = folder.resolve() / name, folder / f".{name}"
        self._handle = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Room on the disk from the start: a mapping that finds none later ends the process.
            if os.pwrite(self._handle, bytes(SIZE), 0) != SIZE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._map = mmap.mmap(self._handle, SIZE)
            _OURS.add(self._path)
            unlocked.rename(self._path)  # under the name that others look for it is locked
        except BaseException:
            unlocked.unlink(missing_ok=True)
            os.close(self._handle)
            raise

    def put(self, event: AuditEvent) -> None:
        """Keep an event, if there is room."""
        if self._map is None:
            return
        data = written(event.to_json())
        begin = self._end + _HEAD.size
        if begin + len(data) + _HEAD.size > SIZE:
            return
        self._map[begin : begin + len(data)] = data
        _HEAD.pack_into(self._map, self._end, len(data), zlib.crc32(data))
        self._end = begin + len(data)

    def clear(self) -> None:
        """The log has them all. Nothing of them stays."""
        if self._map is not None and self._end:
            self._map[: self._end] = bytes(self._end)
            self._end = 0

    def close(self, *, remove: bool) -> None:
        """Let go of the file; remove it, or leave what is in it to whoever starts next."""
        if self._map is None:
            return
        self._map.close()
        self._map = None
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
        _OURS.discard(self._path)


class Left:
    """What processes that are no more have left, held until it is ``done`` or given up."""

    def __init__(self, folder: Path) -> None:
        self.events: list[AuditEvent] = []
        self._held: list[tuple[Path, int]] = []
        if fcntl is None:
            return
        for path in sorted(folder.resolve().glob(f"{_PREFIX}*")):
            if path not in _OURS:
                self._take(path)

    def done(self) -> None:
        """The log has them: the files can go."""
        for path, _ in self._held:
            path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Leave the files as they are."""
        for _, handle in self._held:
            os.close(handle)
        self._held.clear()

    def _take(self, path: Path) -> None:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return  # somebody else was first
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(handle)
            if found.st_uid != os.geteuid() or found.st_mode & 0o077 or not found.st_nlink:
                raise PermissionError
            self.events += _read(os.pread(handle, SIZE, 0))
        except OSError:
            os.close(handle)  # of a process that lives, not ours, or taken over already
            return
        self._held.append((path, handle))


def _read(data: bytes) -> list[AuditEvent]:
    """The events of a file's content, up to the first that is not whole."""
    events, position = [], 0
    while position + _HEAD.size <= len(data):
        length, sum_ = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        content = data[position : position + length]
        position += length
        if not length or zlib.crc32(content) != sum_:
            break
        with suppress(ValueError, KeyError, TypeError):
            events.append(AuditEvent.from_json(json.loads(content)))
    return events
