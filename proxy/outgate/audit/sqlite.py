"""The SQLite sink: one file that several gateway processes write, and that anyone with its key can query.

Write-ahead log, short transactions, and a bounded wait for another process's. What is too old or
too much is removed a little at a time, so that nobody waits long for it.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from contextlib import suppress
from pathlib import Path

from outgate.audit import schema
from outgate.audit.event import AuditEvent
from outgate.audit.sink import AuditError, Retention, is_same_file, own_file

BUSY = 2000  # milliseconds to wait for another process's transaction
_CHUNK = 500  # events removed in one transaction
_PAGES = 2000  # pages given back to the file system in one go
_LOG_LIMIT = 16 * 2**20  # bytes that the write-ahead log keeps once it has been written back


class SqliteSink:
    """One process's way into the file."""

    def __init__(self, path: Path, retention: Retention) -> None:
        self._path = path
        self._retention = retention
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None

    def open(self) -> None:
        """Open the file, made if need be. Raises AuditError, OSError, sqlite3.Error."""
        self.close()
        found = own_file(self._path)
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=32,
        )
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has an effect on an empty file only
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "PRAGMA synchronous = NORMAL"
            )  # with WAL: whole after a power cut, and durable after a kill
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT}")
            connection.execute("PRAGMA trusted_schema = OFF")
            schema.migrate(connection, str(self._path))
        except BaseException:
            connection.close()
            raise
        self._connection, self._file = connection, found

    def write(self, events: deque[AuditEvent]) -> None:
        """All of ``events`` in one transaction, or none."""
        schema.insert(self._usable(), events)
        events.clear()

    def tidy(self, now: float) -> bool:
        """Remove up to a chunk of the events that are too old, or the oldest while the file is too large."""
        connection = self._usable()
        removed = _remove(
            connection,
            "SELECT seq FROM exchanges WHERE time < ? ORDER BY time LIMIT ?",
            (int((now - self._retention.seconds) * 1000), _CHUNK),
        )
        if not removed and self._used(connection) > self._retention.size:
            removed = _remove(connection, "SELECT seq FROM exchanges ORDER BY seq LIMIT ?", (_CHUNK,))
        if removed:
            connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        return removed > 0

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

    @staticmethod
    def _used(connection: sqlite3.Connection) -> int:
        """Bytes in use, without what has been freed and not yet given back."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def _remove(connection: sqlite3.Connection, which: str, parameters: tuple[int, ...]) -> int:
    """Remove the events that ``which`` selects; how many there were."""
    if connection.execute(which, parameters).fetchone() is None:
        return 0  # without having kept anyone from writing
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"DELETE FROM findings WHERE exchange IN ({which})", parameters)  # noqa: S608
        removed = connection.execute(f"DELETE FROM exchanges WHERE seq IN ({which})", parameters).rowcount  # noqa: S608
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return removed
