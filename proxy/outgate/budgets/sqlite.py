"""Counters in a file of SQLite that the processes of one machine share.

One short transaction a request. One thread does all of it, so that no event loop waits for a disk. A power failure may
lose the last moments; the end of a process loses nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from outgate.budgets.errors import BudgetError, other_key
from outgate.budgets.store import Counts, Line, exceeded
from outgate.disk.private import own_file
from outgate.disk.sqlite import DURABLE, SqliteFile, SqliteThread, make_tables
from outgate.model import Unit

_TIDY = 60_000  # milliseconds between looks at all counters
_SCHEMA = 1
_TABLES = """
CREATE TABLE mark (key BLOB NOT NULL);
CREATE TABLE counters (
    name BLOB NOT NULL, unit TEXT NOT NULL, used INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (name, unit)
) WITHOUT ROWID;
CREATE INDEX counters_by_end ON counters (expires);
"""
_MARK = "INSERT INTO mark SELECT ? WHERE NOT EXISTS (SELECT 1 FROM mark)"  # whoever is first
_ADD = """
INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT (name, unit) DO UPDATE SET used = used + excluded.used
"""


class SqliteStore:
    """The store in the file ``path``."""

    def __init__(self, path: Path, key_id: bytes, most: int) -> None:
        """Opens the file, made if need be. ``most``: numbers that are kept. Raises BudgetError."""
        self.where = str(path)
        self._key_id, self._most = key_id, most
        self._tidied = 0
        self._full = False
        self._file = SqliteFile(path, partial(own_file, error=BudgetError), self._prepare, (DURABLE,))
        self._thread = SqliteThread(self._file, "outgate-budgets", self._failed, self._closed)
        with self._file.told(self._failed):
            self._file.connection()

    async def admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        """See Store."""
        return await self._thread.run(self._admit, lines, now)

    async def add(self, lines: Sequence[Line], now: int) -> None:
        """See Store."""
        await self._thread.run(self._add_all, [line for line in lines if line.expires > now], now)

    async def read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        """See Store."""
        return await self._thread.run(self._read, names, now)

    async def close(self) -> None:
        """See Store."""
        await self._thread.close()

    # --- in the thread ---------------------------------------------------------------------------

    def _admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        with self._file.transaction() as connection:
            self._tidy(connection, now)
            found = self._read([line.name for line in lines], now)
            if not exceeded(lines, found):
                self._add(connection, lines)
        return found

    def _add_all(self, lines: Sequence[Line], now: int) -> None:
        with self._file.transaction() as connection:
            self._tidy(connection, now)
            self._add(connection, lines)

    def _read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        connection = self._file.connection()
        query = "SELECT unit, used FROM counters WHERE name = ? AND expires > ?"
        return [{Unit(unit): used for unit, used in connection.execute(query, (name, now))} for name in names]

    def _add(self, connection: sqlite3.Connection, lines: Sequence[Line]) -> None:
        rows = [
            (line.name, ask.unit.value, ask.add, line.expires)
            for line in lines
            for ask in line.asks
            if ask.add
        ]
        if rows and self._full:
            raise BudgetError(f"{self.where}: {self._most} numbers are kept. Raise `budgets.counters`.")
        connection.executemany(_ADD, rows)

    def _tidy(self, connection: sqlite3.Connection, now: int) -> None:
        if now - self._tidied < _TIDY and now >= self._tidied:
            return
        self._tidied = now
        connection.execute("DELETE FROM counters WHERE expires <= ?", (now,))
        (count,) = connection.execute("SELECT count(*) FROM counters").fetchone()
        self._full = count >= self._most

    def _prepare(self, connection: sqlite3.Connection) -> None:
        make_tables(connection, _TABLES, _SCHEMA, self.where, BudgetError)
        connection.execute(_MARK, (self._key_id,))
        if connection.execute("SELECT key FROM mark").fetchone() != (self._key_id,):
            raise BudgetError(other_key(self.where, "remove the file to begin anew"))

    def _failed(self, name: str) -> BudgetError:
        return BudgetError(
            f"{self.where}: the counters cannot be used ({name}). See that the disk is well and has room."
        )

    def _closed(self) -> BudgetError:
        return BudgetError(f"{self.where}: closed.")
