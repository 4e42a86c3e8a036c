"""SQLite files that the processes of one machine share, and nobody else.

Write-ahead log, short transactions, and a bounded wait for another process's. Owns how such a file is opened, that one
which was removed or replaced is opened anew, and that no event loop waits for a disk. What is in it is its room's.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from outgate.disk.private import Error, is_same_file

PATIENCE: Final = 2.0  # seconds to wait for another process's transaction
_RELEASED: Final = 30.0  # seconds for readers of a file to let go of what they see
# Settings, each for a PRAGMA (sqlite.org, "PRAGMA Statements").
SHRINKING: Final = "auto_vacuum = INCREMENTAL"  # has an effect on an empty file only
OVERWRITING: Final = "secure_delete = ON"  # of what is deleted nothing stays
DURABLE: Final = "synchronous = NORMAL"  # with the log: whole after a power cut, and kept after a kill
AT_ONCE: Final = "synchronous = FULL"  # kept after a power cut, too
SHORT_LOG: Final = f"journal_size_limit = {16 * 2**20}"  # bytes, once the log has been written back
_ALWAYS: Final = ("journal_mode = WAL", "trusted_schema = OFF")


def connect(path: Path | None, settings: Iterable[str] = ()) -> sqlite3.Connection:
    """A connection to write with, to a file or to memory of its own. Raises sqlite3.Error.

    Transactions are begun by whoever wants one.
    """
    connection = sqlite3.connect(
        path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in (*settings, *_ALWAYS):
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, and makes no file. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is done within, or none; no other process writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def purge(connection: sqlite3.Connection) -> bool:
    """Write a file anew, and empty its write-ahead log: both hold pages as they were. Blocks for half a minute at most.

    False when another process goes on reading an older state, which stays on the disk for it.
    """
    end = time.monotonic() + _RELEASED
    while True:
        with suppress(sqlite3.OperationalError):  # locked: another process is at work
            connection.execute("VACUUM")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                return True
        if time.monotonic() > end:
            return False
        time.sleep(0.1)


def has_tables(connection: sqlite3.Connection, version: int, where: str, error: Error) -> bool:
    """Whether there are tables. Raises ``error`` for those of another version."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in (0, version):
        raise error(f"{where}: of another version of Outgate ({found}). Use that, or another file.")
    return bool(found)


def make_tables(connection: sqlite3.Connection, script: str, version: int, where: str, error: Error) -> None:
    """Tables in an empty file. Raises ``error`` when there are some of another version."""
    if has_tables(connection, version, where, error):
        return
    with transaction(connection):
        if not has_tables(connection, version, where, error):  # another process may have been first
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")


class SqliteFile:
    """A file, or the memory of this process, and the one connection to it of whoever has this: one thread at a time."""

    def __init__(
        self,
        path: Path | None,
        own: Callable[[Path], os.stat_result],
        prepare: Callable[[sqlite3.Connection], None],
        settings: Iterable[str] = (),
    ) -> None:
        """Opens nothing yet. ``own`` sees to it that the file is there, and whose it is; ``prepare`` is given every
        new connection, and makes tables; ``settings`` are for it."""
        self.path = path
        self.found: os.stat_result | None = None  # the file that is open
        self._own, self._prepare, self._settings = own, prepare, tuple(settings)
        self._connection: sqlite3.Connection | None = None

    def connection(self) -> sqlite3.Connection:
        """To the file that is there now. Raises sqlite3.Error, and as what was given to make it."""
        if self._connection is not None and not self._is_there():
            self.close()
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """As the function of this name, with the connection."""
        connection = self.connection()
        with transaction(connection):
            yield connection

    @contextmanager
    def told(self, say: Callable[[str], Exception]) -> Iterator[None]:
        """Tells the library's errors as ours: ``say`` makes one of a name such as SQLITE_FULL.

        What is broken may be mended when it is opened anew, so after an error it is, unless another process was only
        at work for too long.
        """
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            if self.path is not None and not name.startswith("SQLITE_BUSY"):
                self.close()
            raise say(name) from None

    def close(self) -> None:
        """Let go of it. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _is_there(self) -> bool:
        return self.path is None or (self.found is not None and is_same_file(self.path, self.found))

    def _opened(self) -> sqlite3.Connection:
        if self.path is not None:
            self.found = self._own(self.path)
        connection = connect(self.path, self._settings)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


class SqliteThread:
    """The thread that all of a file's work is done in, so that no event loop waits for it."""

    def __init__(
        self, file: SqliteFile, name: str, say: Callable[[str], Exception], closed: Callable[[], Exception]
    ) -> None:
        """``say`` as in ``SqliteFile.told``; ``closed`` makes the error for whoever comes too late."""
        self._file, self._say, self._closed = file, say, closed
        self._thread = ThreadPoolExecutor(1, name)

    async def run[T](self, work: Callable[..., T], *values: object) -> T:
        """What ``work`` gives. Raises as it does, and what ``say`` and ``closed`` make."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._told, work, *values)
        except RuntimeError:
            raise self._closed() from None

    async def close(self) -> None:
        """Let go of the file once all that was asked for is done; waits for nothing."""
        with suppress(RuntimeError):  # closed before
            self._thread.submit(self._file.close)
        self._thread.shutdown(wait=False)

    def _told[T](self, work: Callable[..., T], *values: object) -> T:
        with self._file.told(self._say):
            return work(*values)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
