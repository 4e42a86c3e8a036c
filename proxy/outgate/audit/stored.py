"""A log as it lies on the disk: entries with their places in the chain, for those who check or copy it.

Reads only; a gateway may be writing meanwhile. What events say is ``read``'s business.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from outgate.audit import jsonl, schema, sqlite
from outgate.audit.chain import Entry, Head
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.sink import AuditError
from outgate.disk.sqlite import connect_to_read

_ENTRIES = "SELECT log, entries.seq, public, personal, salt, sealed, prev, entries.hash FROM entries, chain"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a place of a log."""

    entry: Entry | None  # None: something that is in no chain
    agrees: bool = True  # whether what is looked for in queries says the same


@dataclass(frozen=True, slots=True)
class State:
    """A log at one moment: what it says of itself, and what it has."""

    checkpoints: list[Checkpoint]  # and the anchor
    head: Head | None  # where the log says that it ends; None: it does not say
    found: Iterator[Found]  # in its order, and no less than there was then; to be read once


class Stored(Protocol):
    """A log on the disk."""

    def state(self) -> State:
        """Everything, as it is now. Raises AuditError, OSError, sqlite3.Error, also while it is read."""

    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints, and the anchor. Raises AuditError."""

    def after(self, seq: int, limit: int) -> list[Entry]:
        """Up to ``limit`` entries whose numbers are higher, ascending."""

    def close(self) -> None:
        """Let go of the files."""


def stored(path: Path) -> Stored:
    """The log at ``path``, by what is in it. Raises AuditError when there is none with a chain."""
    return StoredSqlite(path) if sqlite.is_sqlite(path) else StoredJsonl(path)


class StoredSqlite:
    """The SQLite sink's file."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = connect_to_read(path)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise AuditError(f"{path}: {error}") from None
        if not schema.CHAINED <= version <= schema.VERSION:
            self._connection.close()
            why = "has no chain yet: it gets one when a gateway of this version runs with it"
            raise AuditError(f"{path} {schema.LATER if version > schema.VERSION else why}")

    def state(self) -> State:
        self._connection.execute("BEGIN")
        return State(self.checkpoints(), schema.head_of(self._connection), self._found())

    def checkpoints(self) -> list[Checkpoint]:
        return sqlite.checkpoints_of(self._connection)

    def _found(self) -> Iterator[Found]:
        for row in self._connection.execute(f"{_ENTRIES} ORDER BY entries.seq"):
            entry = _entry(row)
            yield Found(entry, self._agrees(entry))
        strays = "SELECT EXISTS (SELECT 1 FROM findings WHERE exchange NOT IN (SELECT seq FROM entries))"
        if self._connection.execute(strays).fetchone()[0]:
            yield Found(None)
        self._connection.execute("COMMIT")

    def after(self, seq: int, limit: int) -> list[Entry]:
        query = f"{_ENTRIES} WHERE entries.seq > ? ORDER BY entries.seq LIMIT ?"
        return [_entry(row) for row in self._connection.execute(query, (seq, limit))]

    def close(self) -> None:
        self._connection.close()

    def _agrees(self, entry: Entry) -> bool:
        columns = "SELECT id, time, provider, outcome FROM entries WHERE seq = ?"
        findings = "SELECT position, entity, action, fingerprint FROM findings WHERE exchange = ? ORDER BY 1"
        try:
            return schema.looked_for(entry.public, entry.personal) == (
                self._connection.execute(columns, (entry.seq,)).fetchone(),
                self._connection.execute(findings, (entry.seq,)).fetchall(),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False


class StoredJsonl:
    """The JSONL sink's file, and those put aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: BinaryIO | None = None  # of the file that ``after`` reads
        self._seq = -1  # of the last entry that it read

    def state(self) -> State:
        while True:
            before = self.checkpoints()
            # The one that is written comes first: when it is put aside meanwhile, it is found once more.
            newest, *older = (file.open("rb") for file in (self._path, *jsonl.pieces(self._path)))
            streams = [*(one for one in older if not _same(one, newest)), newest]
            if _anchor(before) == _anchor(self.checkpoints()):
                return State(before, None, _found_in(streams))
            for stream in streams:  # retention was at work
                stream.close()

    def checkpoints(self) -> list[Checkpoint]:
        return jsonl.checkpoints_of(self._path)

    def after(self, seq: int, limit: int) -> list[Entry]:
        if self._stream is None or self._seq != seq:
            self._open(seq)
        found: list[Entry] = []
        while len(found) < limit and self._stream is not None:
            line = self._stream.readline()
            if line.endswith(b"\n"):
                entry = Entry.of_line(line[:-1])
                if entry is not None and entry.seq > self._seq:
                    found.append(entry)
                    self._seq = entry.seq
            else:
                self._stream.seek(-len(line), os.SEEK_CUR)
                before = self._stream
                if self._is_current(before) or not self._open(self._seq):
                    break
        return found

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _open(self, seq: int) -> bool:
        """Go to the file that has what comes after ``seq``. Whether it is another one than before."""
        self._seq = seq
        chosen: BinaryIO | None = None
        for file in (self._path, *reversed(jsonl.pieces(self._path))):
            try:
                stream = file.open("rb")
            except FileNotFoundError:
                continue
            first = next(filter(None, (Entry.of_line(line.rstrip(b"\n")) for line in stream)), None)
            stream.seek(0)
            if first is None and chosen is not None:
                stream.close()
                continue
            if chosen is not None:
                chosen.close()
            chosen = stream
            if first is not None and first.seq <= seq + 1:
                break
        other = chosen is not None and (self._stream is None or not _same(chosen, self._stream))
        if self._stream is not None:
            self._stream.close()
        self._stream = chosen
        return other

    def _is_current(self, stream: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(stream.fileno()), self._path.stat())
        except OSError:
            return True


def _found_in(streams: Sequence[BinaryIO]) -> Iterator[Found]:
    with ExitStack() as opened:
        for stream in streams:
            opened.enter_context(stream)
        for stream in streams:
            for line in stream:
                if line.endswith(b"\n") and line != b"\n":
                    yield Found(Entry.of_line(line[:-1]))


def _anchor(checkpoints: list[Checkpoint]) -> Checkpoint | None:
    return next((one for one in checkpoints if one.kind == "retention"), None)


def _entry(row: tuple[bytes, int, str, str | None, bytes | None, bytes, bytes, bytes]) -> Entry:
    log, seq, public, personal, salt, sealed, prev, digest = row
    return Entry(
        log,
        seq,
        public.encode(),
        None if personal is None else personal.encode(),
        salt,
        sealed,
        prev,
        digest,
    )


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))
