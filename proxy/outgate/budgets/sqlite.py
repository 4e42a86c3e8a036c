"""Counters in a file of SQLite that the processes of one machine share.

Write-ahead log, one short transaction a request, a bounded wait for another process's. One thread does all of it, so
that no event loop waits for a disk. A power failure may lose the last moments; the end of a process loses nothing.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from outgate.budgets.errors import BudgetError, other_key
from outgate.budgets.store import Counts, Line, exceeded
from outgate.model import Unit
from outgate.vault.errors import VaultError
from outgate.vault.files import check_file, is_same_file, make_file, make_folder

_BUSY = 2.0  # seconds to wait for another process's transaction
_TIDY = 60_000  # milliseconds between looks at all counters
_SCHEMA = 1
_TABLES = """
CREATE TABLE mark (key BLOB NOT NULL);
CREATE TABLE counters (
    name BLOB NOT NULL, unit TEXT NOT NULL, used INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (name, unit)
) WITHOUT ROWID;
CREATE INDEX counters_by_end ON counters (expires);
"""
_ADD = """
INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT (name, unit) DO UPDATE SET used = used + excluded.used
"""


class SqliteStore:
    """The store in the file ``path``."""

    def __init__(self, path: Path, key_id: bytes, most: int) -> None:
        """Opens the file, made if need be. ``most``: numbers that are kept. Raises BudgetError."""
        self.where = str(path)
        self._path, self._key_id, self._most = path, key_id, most
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._tidied = 0
        self._full = False
        self._thread = ThreadPoolExecutor(1, "outgate-budgets")
        with self._told():
            self._connected()

    async def admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        """See Store."""
        return await self._run(self._admit, lines, now)

    async def add(self, lines: Sequence[Line], now: int) -> None:
        """See Store."""
        await self._run(self._add_all, [line for line in lines if line.expires > now], now)

    async def read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        """See Store."""
        return await self._run(self._read, names, now)

    async def close(self) -> None:
        """See Store."""
        with suppress(RuntimeError):  # closed before
            self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)

    # --- in the thread ---------------------------------------------------------------------------

    def _admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        with self._transaction() as connection:
            self._tidy(connection, now)
            found = self._read([line.name for line in lines], now)
            if not exceeded(lines, found):
                self._add(connection, lines)
        return found

    def _add_all(self, lines: Sequence[Line], now: int) -> None:
        with self._transaction() as connection:
            self._tidy(connection, now)
            self._add(connection, lines)

    def _read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        connection = self._connected()
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

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        # One that was removed must not go on counting beside the one that the other processes have by now.
        if self._connection is not None and not (self._file and is_same_file(self._path, self._file)):
            self._disconnect()
        if self._connection is None:
            make_folder(self._path.parent)
            make_file(self._path)
            self._file = check_file(self._path)
            connection = sqlite3.connect(
                self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for setting in ("journal_mode = WAL", "synchronous = NORMAL", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO mark VALUES (?)", (self._key_id,))
            connection.execute(f"PRAGMA user_version = {_SCHEMA}")
        connection.execute("COMMIT")
        if version not in (0, _SCHEMA):
            raise BudgetError(f"{self.where}: of another version of Outgate. Use that, or another file.")
        if connection.execute("SELECT key FROM mark").fetchone() != (self._key_id,):
            raise BudgetError(other_key(self.where, "remove the file to begin anew"))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    async def _run[T](self, work: Callable[..., T], *arguments: object) -> T:
        def told() -> T:
            with self._told():
                return work(*arguments)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, told)
        except RuntimeError:
            raise BudgetError(f"{self.where}: closed.") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tells the library's errors as ours. After one the file is opened anew."""
        try:
            yield
        except VaultError as error:
            raise BudgetError(error.message) from None
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            if not name.startswith("SQLITE_BUSY"):
                self._disconnect()  # what is broken may be mended when it is opened anew
            raise BudgetError(
                f"{self.where}: the counters cannot be used ({name}). See that the disk is well and has room."
            ) from None
