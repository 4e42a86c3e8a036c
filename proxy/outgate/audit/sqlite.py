"""The SQLite sink: one file that several gateway processes write, and that anyone with its key can query.

The chain is extended within the transaction. What is too old or too much is removed a little at a time, so that
nobody waits long for it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outgate.audit import record, schema
from outgate.audit.chain import Head, Sealed
from outgate.audit.checkpoint import KEPT, Checkpoint, Signer, is_due
from outgate.audit.event import AuditEvent
from outgate.audit.sink import AuditError, Retention
from outgate.disk.private import closed_file, is_same_file
from outgate.disk.sqlite import DURABLE, SHORT_LOG, SHRINKING, transaction
from outgate.disk.sqlite import connect as connect_to

_CHUNK = 200  # entries removed in one transaction
_PAGES = 2000  # pages given back to the file system in one go
_DAY = 86_400.0  # seconds
_log = logging.getLogger(__name__)
_CHECKPOINTS: Final = "SELECT log, checkpoints.seq, checkpoints.hash, time, kind, key, signature"


class SqliteSink:
    """One process's way into the file."""

    def __init__(self, path: Path, retention: Retention, signer: Signer | None = None) -> None:
        """Without a ``signer`` the chain is kept, and nobody vouches for it."""
        self._path = path
        self._retention = retention
        self._signer = signer
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._wrote = Head.new()  # our last entry

    def open(self) -> None:
        """Open the file, made if need be. Raises AuditError, OSError, sqlite3.Error."""
        self.close()
        found = closed_file(self._path, AuditError)
        self._connection, self._file, self._wrote = connect(self._path), found, Head.new()

    def write(self, events: deque[AuditEvent]) -> None:
        """All of ``events`` in one transaction, or none."""
        said = [Sealed.of(*record.parts(event)) for event in events]
        connection = self._usable()
        with transaction(connection):
            if self._is_gone(connection):
                said.insert(0, Sealed.of(record.tampering(self._wrote.seq), None))
            head = schema.append(connection, said)
            self._sign(connection, head)
        self._wrote = head
        events.clear()

    def tidy(self, now: float) -> bool:
        """Remove up to a chunk of the entries that are too old, or the oldest while the file is too large."""
        connection = self._usable()
        last = _last_of_the_old(connection, self._retention, now)
        if last is None and self._used(connection) > self._retention.size:
            chunk = "SELECT max(seq) FROM (SELECT seq FROM entries ORDER BY seq LIMIT ?)"
            last = connection.execute(chunk, (_CHUNK,)).fetchone()[0]
        if last is not None:
            self._remove(connection, last)
        elif is_due(latest_of(connection), schema.head_of(connection)):  # time has passed
            with transaction(connection):
                self._sign(connection, schema.head_of(connection))
        if connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        return last is not None

    def finish(self) -> None:
        """Sign what is there."""
        connection = self._usable()
        with transaction(connection):
            self._sign(connection, schema.head_of(connection), at_once=True)

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _usable(self) -> sqlite3.Connection:
        if self._connection is None or self._file is None:
            raise AuditError(f"{self._path} is not open")
        if not is_same_file(self._path, self._file):
            raise AuditError(f"{self._path} was removed or replaced")
        return self._connection

    def _is_gone(self, connection: sqlite3.Connection) -> bool:
        """Whether our last entry is not there as we wrote it, and retention has not removed it."""
        wrote = self._wrote
        if wrote.seq == 0:
            return False
        row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (wrote.seq,)).fetchone()
        if row is None:
            anchors = "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE kind = 'retention' AND seq >= ?)"
            removed = connection.execute(anchors, (wrote.seq,)).fetchone()[0] or self._signer is None
        gone = not removed if row is None else row[0] != wrote.hash
        if gone:
            _log.error("the audit log was tampered with: event %d is not there as it was written", wrote.seq)
        return gone

    def _sign(self, connection: sqlite3.Connection, head: Head, *, at_once: bool = False) -> None:
        if self._signer is None:
            return
        latest = latest_of(connection)
        if is_due(latest, head) or (at_once and head.seq > (latest.seq if latest else 0)):
            keep(connection, self._signer.sign(head))

    def _remove(self, connection: sqlite3.Connection, last: int) -> None:
        """Remove the entries up to ``last``; a signed anchor says where the chain begins then."""
        with transaction(connection):
            found = connection.execute("SELECT hash FROM entries WHERE seq = ?", (last,)).fetchone()
            if found is None:
                return  # another process was first
            if self._signer is not None:
                head = Head(schema.head_of(connection).log, last, found[0])
                connection.execute("DELETE FROM checkpoints WHERE kind = 'retention' OR seq <= ?", (last,))
                keep(connection, self._signer.sign(head, "retention"))
            connection.execute("DELETE FROM findings WHERE exchange <= ?", (last,))
            connection.execute("DELETE FROM entries WHERE seq <= ?", (last,))

    @staticmethod
    def _used(connection: sqlite3.Connection) -> int:
        """Bytes in use, without what has been freed and not yet given back."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def connect(path: Path) -> sqlite3.Connection:
    """A connection to write with; the tables are there. Raises AuditError, sqlite3.Error."""
    connection = connect_to(path, (SHRINKING, DURABLE, SHORT_LOG))
    try:
        schema.migrate(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def is_sqlite(path: Path) -> bool:
    """Whether the log at ``path`` is one of these (sqlite.org, "Database File Format", 1.3); else it is lines of JSON.

    Raises AuditError when there is nothing to read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}. Has the gateway run with these settings?") from None


def keep(connection: sqlite3.Connection, made: Checkpoint) -> None:
    """Add a checkpoint, and remove those that are too many."""
    connection.execute(
        "INSERT OR REPLACE INTO checkpoints (kind, seq, hash, time, key, signature) VALUES (?, ?, ?, ?, ?, ?)",
        (made.kind, made.seq, made.hash, made.time, made.key, made.signature),
    )
    connection.execute(
        "DELETE FROM checkpoints WHERE kind = 'checkpoint' AND seq <= (SELECT seq FROM checkpoints"
        " WHERE kind = 'checkpoint' ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (KEPT,),
    )


def latest_of(connection: sqlite3.Connection) -> Checkpoint | None:
    """The latest checkpoint."""
    query = f"{_CHECKPOINTS} FROM checkpoints, chain WHERE kind = 'checkpoint' ORDER BY 2 DESC LIMIT 1"
    row = connection.execute(query).fetchone()
    return Checkpoint(*row) if row else None


def checkpoints_of(connection: sqlite3.Connection) -> list[Checkpoint]:
    """All of them, and the anchor."""
    query = f"{_CHECKPOINTS} FROM checkpoints, chain ORDER BY checkpoints.seq"
    return [Checkpoint(*row) for row in connection.execute(query)]


def _last_of_the_old(connection: sqlite3.Connection, retention: Retention, now: float) -> int | None:
    """The last of the entries to remove, up to a chunk: from the first on as long as they are too old.

    A time to come is a clock that was wrong: it keeps nothing from being removed.
    """
    oldest, latest = (
        datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
        for time in (max(0.0, now - retention.seconds), now + _DAY)
    )
    last = None
    for seq, time in connection.execute("SELECT seq, time FROM entries ORDER BY seq LIMIT ?", (_CHUNK,)):
        if oldest <= time <= latest:
            break
        last = seq
    return last
