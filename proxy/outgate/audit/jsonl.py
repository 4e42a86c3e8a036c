"""The JSONL sink: a line an entry, for those who ship logs to somewhere else.

Several processes may write the same file: each extends the chain under a lock, from the file's last line.
A file that has grown to its share of the allowed size is put aside under the time of day, and the oldest go.
Beside the file lies another with its checkpoints.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import logging
import os
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outgate.audit import record
from outgate.audit.chain import Entry, Head, Sealed
from outgate.audit.checkpoint import KEPT, Checkpoint, Signer, is_due
from outgate.audit.event import AuditEvent
from outgate.audit.sink import AuditError, Retention
from outgate.disk.private import closed_file, is_same_file, replace_file

_TIME = re.compile(rb'"time":"([0-9TZ:.+-]{1,40})"')
_BLOCK: Final = 64 * 1024  # bytes read at a time, from a file's end
_log = logging.getLogger(__name__)
PIECES = 8  # files that the allowed size is made of


class JsonlSink:
    """One process's way into the file."""

    def __init__(self, path: Path, retention: Retention, signer: Signer | None = None) -> None:
        """Without a ``signer`` the chain is kept, and nobody vouches for it."""
        self._path = path
        self._retention = retention
        self._signer = signer
        self._descriptor = -1
        self._file: os.stat_result | None = None
        self._torn = False  # the last line may not be whole
        self._head: tuple[int, Head] | None = None  # at a size of the file
        self._wrote = Head.new()  # our last entry
        self._latest: Checkpoint | None = None  # that is known of

    def open(self) -> None:
        """Open the file for appending, made if need be. Raises AuditError, OSError."""
        self.close()
        closed_file(self._path, AuditError)
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags)
        self._file = os.fstat(self._descriptor)
        size = self._file.st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        self._head = None

    def write(self, events: deque[AuditEvent]) -> None:
        """A line for each. A line that did not get written whole is ended, and written again."""
        with alone(self._path):
            self._follow()
            if self._is_gone():
                self._append(Sealed.of(record.tampering(self._wrote.seq), None))
            while events:
                self._append(Sealed.of(*record.parts(events[0])))
                events.popleft()
            self._sign()
            if os.fstat(self._descriptor).st_size >= self._retention.size // PIECES:
                self._put_aside()
                self._remove(time.time())

    def note(self, said: Iterable[bytes]) -> None:
        """Add notes, within the caller's ``alone``, and sign."""
        self._follow()
        for public in said:
            self._append(Sealed.of(public, None))
        self._sign(at_once=True)

    def tidy(self, now: float) -> bool:
        """Put the file aside when it is due; remove those aside that are too old or too much."""
        with alone(self._path):
            self._follow()
            first = self._first()
            if first is not None and first < now - self._retention.seconds / PIECES:
                self._put_aside()
            self._remove(now)
            self._sign()
        return False

    def finish(self) -> None:
        """Sign what is there."""
        with alone(self._path):
            self._follow()
            self._sign(at_once=True)

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _append(self, said: Sealed) -> None:
        entry = Entry.after(self._end(), said)
        line = entry.to_line() + b"\n"
        whole = b"\n" + line if self._torn else line
        written = os.write(self._descriptor, whole)
        self._torn = written != len(whole)
        if self._torn:
            self._head = None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._wrote = entry.head
        self._head = (os.fstat(self._descriptor).st_size, entry.head)

    def _is_gone(self) -> bool:
        """Whether the log ends before our last entry, or with another in its place."""
        wrote, end = self._wrote, self._end()
        gone = wrote.seq > 0 and (
            end.log != wrote.log or end.seq < wrote.seq or (end.seq == wrote.seq and end.hash != wrote.hash)
        )
        if gone:
            _log.error("the audit log was tampered with: event %d is not there as it was written", wrote.seq)
        return gone

    def _end(self) -> Head:
        """Where the chain ends; read from the file when another process wrote meanwhile."""
        size = os.fstat(self._descriptor).st_size
        if self._head is None or self._head[0] != size:
            self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
            self._head = (size, head_of(self._path))
        return self._head[1]

    def _sign(self, *, at_once: bool = False) -> None:
        if self._signer is None:
            return
        head = self._end()
        if not at_once and self._latest is not None and not is_due(self._latest, head):
            return
        latest = max(checkpoints_of(self._path), key=lambda one: one.seq, default=None)
        if is_due(latest, head) or (at_once and head.seq > (latest.seq if latest else 0)):
            latest = self._signer.sign(head)
            keep(self._path, latest)
        self._latest = latest

    def _follow(self) -> None:
        """Go on in the new file when another process has put this one aside, or written it anew."""
        if self._descriptor < 0 or self._file is None:
            raise AuditError(f"{self._path} is not open")
        if is_same_file(self._path, self._file):
            return
        if not self._path.exists() and os.fstat(self._descriptor).st_nlink == 0:
            raise AuditError(f"{self._path} was removed")
        self.open()

    def _first(self) -> float | None:
        """When the first event of the file happened, in seconds since the epoch."""
        head = os.pread(self._descriptor, 1024, 0) if self._descriptor >= 0 else b""
        found = _TIME.search(head)
        return datetime.fromisoformat(found[1].decode()).timestamp() if found else None

    def _put_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._path.rename(self._path.with_name(f"{self._path.name}.{stamp}"))
        self.open()

    def _remove(self, now: float) -> None:
        """Remove files that are too old or too much; a signed anchor says where the chain begins then."""
        aside = list(_sizes_and_times(pieces(self._path)))
        total = sum(size for _, size, _ in aside) + os.fstat(self._descriptor).st_size
        share = self._retention.seconds / PIECES
        for file, size, written in aside:
            # It was begun at most a share before its last line was written.
            if total <= self._retention.size and written - share >= now - self._retention.seconds:
                break  # the chain is cut at its beginning only
            head = _last_of(file)
            if self._signer is not None and head is not None:
                keep(self._path, self._signer.sign(head, "retention"))
            file.unlink(missing_ok=True)
            total -= size


def pieces(path: Path) -> list[Path]:
    """The files that were put aside, oldest first."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.2*"))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other process writes meanwhile."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def head_of(path: Path) -> Head:
    """Where the chain ends: at the last entry of the files, or where the checkpoints say that there was one."""
    for file in (path, *reversed(pieces(path))):
        head = _last_of(file)
        if head is not None:
            return head
    signed = max(checkpoints_of(path), key=lambda one: one.seq, default=None)
    return signed.head if signed else Head.new()


def checkpoints_of(path: Path) -> list[Checkpoint]:
    """The checkpoints of a log, and its anchor. Raises AuditError when they cannot be read."""
    file = _checkpoint_file(path)
    try:
        values = json.loads(file.read_bytes())
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        raise AuditError(f"{file} holds no checkpoints; move it away, and the log starts to be signed anew")
    return [Checkpoint.from_json(one) for one in values]


def keep(path: Path, made: Checkpoint) -> None:
    """Add a checkpoint, and remove those that are too many; under the lock."""
    kept = checkpoints_of(path)
    if made.kind == "retention":
        kept = [one for one in kept if one.kind == "checkpoint" and one.seq > made.seq]
    anchors = [one for one in kept if one.kind == "retention"]
    others = [one for one in kept if one.kind == "checkpoint"][-(KEPT - 1) :]
    written = json.dumps([one.to_json() for one in (*anchors, *others, made)], indent=0)
    replace_file(_checkpoint_file(path), written.encode(), AuditError)


def lines_backwards(file: Path) -> Iterator[bytes]:
    """The lines of a file from its last to its first; a line in memory at a time, and a block."""
    with file.open("rb") as stream:
        position = stream.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            size = min(_BLOCK, position)
            position -= size
            stream.seek(position)
            rest, *lines = (stream.read(size) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest


def _checkpoint_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.checkpoints")


def _last_of(file: Path) -> Head | None:
    try:
        found = next(filter(None, map(Entry.of_line, lines_backwards(file))), None)
    except FileNotFoundError:
        return None
    return found.head if found else None


def _sizes_and_times(files: Iterable[Path]) -> Iterator[tuple[Path, int, float]]:
    """Each file's size in bytes, and when it was last written; another process may be removing some."""
    for file in files:
        with suppress(FileNotFoundError):
            found = file.stat()
            yield file, found.st_size, found.st_mtime
