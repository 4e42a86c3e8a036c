"""A store in SQLite: one file that the processes of one machine share, or the memory of one process.

One thread does all of it, so that no event loop waits for a disk. Deleted entries are overwritten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from itertools import batched
from pathlib import Path

from outgate.disk.private import own_file
from outgate.disk.sqlite import (
    DURABLE,
    OVERWRITING,
    SHORT_LOG,
    SHRINKING,
    SqliteFile,
    SqliteThread,
    make_tables,
)
from outgate.vault.errors import VaultError
from outgate.vault.store import NOTHING, Entry, Limits, State, Stats

_MANY = 500  # names in one statement
_OLD = 500  # entries that are too old, forgotten with one put
_SCHEMA = 1
_TABLES = """
CREATE TABLE vault (sequence INTEGER NOT NULL, entries INTEGER NOT NULL, mark BLOB NOT NULL);
INSERT INTO vault VALUES (0, 0, x'');
CREATE TABLE scopes (
    id BLOB PRIMARY KEY, version INTEGER NOT NULL, epoch INTEGER NOT NULL, entries INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE entries (
    name BLOB PRIMARY KEY, scope BLOB NOT NULL, version INTEGER NOT NULL, used INTEGER NOT NULL, blob BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX entries_by_version ON entries (scope, version);
CREATE INDEX entries_by_use ON entries (used);
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE vault SET entries = entries + 1;
    UPDATE scopes SET entries = entries + 1 WHERE id = NEW.scope;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE vault SET entries = entries - 1, sequence = sequence + 1;
    UPDATE scopes SET entries = entries - 1, epoch = (SELECT sequence FROM vault) WHERE id = OLD.scope;
    DELETE FROM scopes WHERE id = OLD.scope AND entries = 0;
END;
"""


class SqliteStore:
    """The store in the file ``path``, or in memory where there is none."""

    def __init__(self, path: Path | None, limits: Limits) -> None:
        """Opens the file, made if need be. Raises VaultError."""
        self.where = str(path or "memory")
        self.limits = limits
        settings = (SHRINKING, OVERWRITING, DURABLE, SHORT_LOG)
        self._file = SqliteFile(path, partial(own_file, error=VaultError), self._prepare, settings)
        self._thread = SqliteThread(self._file, "outgate-vault", self._failed, self._closed)
        with self._file.told(self._failed):
            self._file.connection()

    async def states(self, scopes: Sequence[bytes]) -> tuple[bytes, list[State]]:
        """See Store."""
        return await self._thread.run(self._states, scopes)

    async def mark(self, key_id: bytes, *, replace: bool) -> bytes:
        """See Store."""
        return await self._thread.run(self._mark, key_id, replace)

    async def get(self, scope: bytes, names: Collection[bytes], now: int) -> list[Entry]:
        """See Store."""
        return await self._thread.run(self._get, names, now - self.limits.ttl)

    async def newest(self, scope: bytes, after: int, limit: int, now: int) -> list[Entry]:
        """See Store."""
        return await self._thread.run(self._newest, scope, after, limit, now - self.limits.ttl)

    async def put(self, scope: bytes, entries: Sequence[Entry], now: int, *, keep: bool = False) -> None:
        """See Store."""
        await self._thread.run(self._put, scope, entries, now - self.limits.ttl, keep)

    async def touch(self, scope: bytes, names: Collection[bytes], now: int) -> None:
        """See Store."""
        await self._thread.run(self._touch, names, now)

    async def remove(self, scope: bytes, names: Collection[bytes]) -> None:
        """See Store."""
        await self._thread.run(self._remove, names)

    async def drop(self, scope: bytes) -> int:
        """See Store."""
        return await self._thread.run(self._deleted, "WHERE scope = ?", scope)

    async def purge(self, before: int | None = None) -> int:
        """See Store."""
        removed = await self._thread.run(
            self._deleted, *(("",) if before is None else ("WHERE used < ?", before))
        )
        await self._thread.run(self._compact)
        return removed

    async def scopes(self) -> AsyncIterator[bytes]:
        """See Store."""
        last = b""
        while batch := await self._thread.run(self._scopes_after, last):
            for scope in batch:
                yield scope
            last = batch[-1]

    async def stats(self) -> Stats:
        """See Store."""
        return await self._thread.run(self._stats)

    async def close(self) -> None:
        """See Store."""
        await self._thread.close()

    # --- in the thread ---------------------------------------------------------------------------

    def _states(self, scopes: Sequence[bytes]) -> tuple[bytes, list[State]]:
        connection = self._file.connection()
        (mark,) = connection.execute("SELECT mark FROM vault").fetchone()
        rows = [
            connection.execute("SELECT version, epoch FROM scopes WHERE id = ?", (scope,)).fetchone()
            for scope in scopes
        ]
        return mark, [State(*row) if row else NOTHING for row in rows]

    def _mark(self, key_id: bytes, replace: bool) -> bytes:
        with self._file.transaction() as connection:
            connection.execute("UPDATE vault SET mark = ? WHERE ? OR mark = x''", (key_id, replace))
            mark: bytes
            (mark,) = connection.execute("SELECT mark FROM vault").fetchone()
        return mark

    def _get(self, names: Collection[bytes], since: int) -> list[Entry]:
        connection = self._file.connection()
        found: list[Entry] = []
        for some in batched(names, _MANY):
            query = f"SELECT name, blob, used FROM entries WHERE used >= ? AND name IN ({_marks(some)})"  # noqa: S608
            found += map(Entry._make, connection.execute(query, (since, *some)))
        return found

    def _newest(self, scope: bytes, after: int, limit: int, since: int) -> list[Entry]:
        rows = self._file.connection().execute(
            "SELECT name, blob, used FROM entries WHERE scope = ? AND version > ? AND used >= ?"
            " ORDER BY used DESC, version DESC LIMIT ?",
            (scope, after, since, limit),
        )
        return list(map(Entry._make, rows))

    def _put(self, scope: bytes, entries: Sequence[Entry], since: int, keep: bool) -> None:
        there = (
            "NOTHING"
            if keep
            else "UPDATE SET version = excluded.version, used = excluded.used, blob = excluded.blob"
        )
        with self._file.transaction() as connection:
            (sequence,) = connection.execute("SELECT sequence FROM vault").fetchone()
            version = sequence + len(entries)
            connection.execute("UPDATE vault SET sequence = ?", (version,))
            connection.execute(
                "INSERT INTO scopes VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE SET version = excluded.version",
                (scope, version, version),
            )
            connection.executemany(
                f"INSERT INTO entries (name, scope, version, used, blob) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO {there}",  # noqa: S608
                [
                    (entry.name, scope, sequence + place, entry.used, entry.blob)
                    for place, entry in enumerate(entries, 1)
                ],
            )
            self._forget(connection, "WHERE used < ?", (since,), _OLD)
            (count,) = connection.execute("SELECT entries FROM scopes WHERE id = ?", (scope,)).fetchone() or (
                0,
            )
            over = count - self.limits.scope_entries
            if over > 0:
                self._forget(connection, "WHERE scope = ?", (scope,), over + self.limits.slack)
            (count,) = connection.execute("SELECT entries FROM vault").fetchone()
            self._forget(connection, "", (), count - self.limits.entries)

    @staticmethod
    def _forget(connection: sqlite3.Connection, which: str, values: tuple[object, ...], most: int) -> None:
        """Remove up to ``most`` of the entries that ``which`` selects, those first that were used longest ago."""
        if most > 0:
            oldest = f"SELECT name FROM entries {which} ORDER BY used, version LIMIT ?"  # noqa: S608
            connection.execute(f"DELETE FROM entries WHERE name IN ({oldest})", (*values, most))  # noqa: S608

    def _touch(self, names: Collection[bytes], now: int) -> None:
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE entries SET used = max(used, ?) WHERE name = ?", [(now, name) for name in names]
            )

    def _remove(self, names: Collection[bytes]) -> None:
        with self._file.transaction() as connection:
            connection.executemany("DELETE FROM entries WHERE name = ?", [(name,) for name in names])

    def _deleted(self, which: str, *values: object) -> int:
        with self._file.transaction() as connection:
            return connection.execute(f"DELETE FROM entries {which}", values).rowcount  # noqa: S608

    def _compact(self) -> None:
        connection = self._file.connection()
        connection.execute("PRAGMA incremental_vacuum").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _scopes_after(self, last: bytes) -> list[bytes]:
        rows = self._file.connection().execute(
            "SELECT id FROM scopes WHERE id > ? ORDER BY id LIMIT ?", (last, _MANY)
        )
        return [scope for (scope,) in rows]

    def _stats(self) -> Stats:
        connection = self._file.connection()
        (entries,) = connection.execute("SELECT entries FROM vault").fetchone()
        (scopes,) = connection.execute("SELECT count(*) FROM scopes").fetchone()
        oldest, newest = connection.execute(
            "SELECT (SELECT min(used) FROM entries), (SELECT max(used) FROM entries)"
        ).fetchone()
        pages, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        return Stats(entries, scopes, pages * size, oldest, newest)

    # --- the connection --------------------------------------------------------------------------

    def _prepare(self, connection: sqlite3.Connection) -> None:
        make_tables(connection, _TABLES, _SCHEMA, self.where, VaultError)

    def _failed(self, name: str) -> VaultError:
        return VaultError(f"{self.where}: the vault cannot be used ({name}). {_remedy(name)}")

    def _closed(self) -> VaultError:
        return VaultError(f"{self.where}: the vault was closed. Start the proxy anew.")


def _marks(names: Sequence[bytes]) -> str:
    return ",".join("?" * len(names))


def _remedy(name: str) -> str:
    for beginning, remedy in (
        ("SQLITE_BUSY", "Another process holds it; try again."),
        ("SQLITE_LOCKED", "Another process holds it; try again."),
        ("SQLITE_FULL", "Make room on the disk."),
        ("SQLITE_NOTADB", "It is no vault; name another file as `vault.path`."),
        ("SQLITE_CORRUPT", "It is damaged; restore it, or remove it to have a new one."),
    ):
        if name.startswith(beginning):
            return remedy
    return "See that disk and folder can be written to."
