"""PostgreSQL: the entries of many machines in one table, each log a chain of its own.

A row is an entry with the bytes that its hash covers, so what is in the database can be verified like the log
it came from. A row's key is the log's id and the number in it: what is sent twice is there once.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from outgate.audit import record
from outgate.audit.chain import Entry
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.remote.sink import Unavailable, context_of, values_of
from outgate.audit.sink import AuditError
from outgate.audit.stored import Found, State
from outgate.settings.audit import Postgres

_CHUNK: Final = 1000  # rows read at a time
_DATA: Final = "22"  # class of SQLSTATE: a value that the server cannot take
_log = logging.getLogger(__name__)

_TABLES: Final = """
CREATE TABLE {table} (
    log text NOT NULL,
    seq bigint NOT NULL,
    id text,
    time timestamptz NOT NULL,
    provider text,
    outcome text,
    public text NOT NULL,
    personal text,
    salt text,
    sealed text NOT NULL,
    prev text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (log, seq)
);
CREATE INDEX ON {table} (time);
CREATE INDEX ON {table} (id);
CREATE TABLE {table}_checkpoints (
    log text NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    hash text NOT NULL,
    time text NOT NULL,
    key text NOT NULL,
    signature text NOT NULL,
    PRIMARY KEY (log, kind, seq)
)
"""
_ROW: Final = (
    "log text, seq bigint, id text, time timestamptz, provider text, outcome text, public text, personal text,"
    " salt text, sealed text, prev text, hash text"
)
_COLUMNS: Final = "log, seq, public, personal, salt, sealed, prev, hash"
_CHECKPOINT: Final = ("log", "seq", "hash", "time", "kind", "key", "signature")


class PostgresSink:
    """Writes to one table."""

    def __init__(self, settings: Postgres) -> None:
        """Raises AuditError or SettingsError for certificates or a password that cannot be used."""
        self._settings = settings
        self._tls: ssl.SSLContext | bool = False if settings.tls is None else context_of(settings.tls)
        self._password = settings.password.read() if settings.password else None
        self._connection: pg8000.native.Connection | None = None

    def send(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> int:
        try:
            connection = self._connected()
            connection.run("BEGIN")
            self._insert(connection, entries)
            for entry in entries:
                self._erase(connection, entry)
            if checkpoint is not None:
                self._vouch(connection, checkpoint)
            connection.run("COMMIT")
        except DatabaseError as error:
            self.close()
            code = _code(error)
            if not code.startswith(_DATA):
                raise Unavailable(f"PostgreSQL said {code}") from None
            if len(entries) == 1:
                return 1
            middle = len(entries) // 2
            return self.send(entries[:middle], None) + self.send(entries[middle:], checkpoint)
        except (InterfaceError, OSError) as error:
            self.close()
            raise Unavailable(f"PostgreSQL: {type(error).__name__}") from None
        return 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(InterfaceError, DatabaseError, OSError):
                connection.close()

    def _connected(self) -> pg8000.native.Connection:
        if self._connection is None:
            self._connection = connect(self._settings, self._tls, self._password)
            _make_tables(self._connection, self._settings.table)
        return self._connection

    def _insert(self, connection: pg8000.native.Connection, entries: Sequence[Entry]) -> None:
        table = self._settings.table
        rows = json.dumps([_row(entry) for entry in entries])
        given = f"json_to_recordset(CAST(:rows AS json)) AS given ({_ROW})"
        connection.run(
            f"INSERT INTO {table} SELECT * FROM {given} ON CONFLICT (log, seq) DO NOTHING",  # noqa: S608
            rows=rows,
        )
        if connection.row_count < len(entries):  # some were there already: are they the same?
            other = connection.run(
                f"SELECT count(*) FROM {table} AS kept JOIN {given} USING (log, seq)"  # noqa: S608
                " WHERE kept.hash <> given.hash",
                rows=rows,
            )
            if other[0][0]:
                _log.error("%d rows of %s are not what was sent there before: verify it", other[0][0], table)

    def _erase(self, connection: pg8000.native.Connection, entry: Entry) -> None:
        for first, last in record.erased_by(entry.public):
            connection.run(
                f"UPDATE {self._settings.table} SET personal = NULL, salt = NULL"  # noqa: S608
                " WHERE log = :log AND seq BETWEEN :first AND :last",
                log=entry.log.hex(),
                first=first,
                last=last,
            )

    def _vouch(self, connection: pg8000.native.Connection, checkpoint: Checkpoint) -> None:
        marks = ", ".join(f":{name}" for name in _CHECKPOINT)
        connection.run(
            f"INSERT INTO {self._settings.table}_checkpoints ({', '.join(_CHECKPOINT)})"  # noqa: S608
            f" VALUES ({marks}) ON CONFLICT DO NOTHING",
            **checkpoint.to_json(),
        )


class StoredPostgres:
    """A log as it lies in the table, to be verified."""

    def __init__(self, settings: Postgres, log: bytes) -> None:
        """``log``: its id. Raises AuditError when the server cannot be asked."""
        tls = False if settings.tls is None else context_of(settings.tls)
        self._table = settings.table
        self._log = log.hex()
        try:
            self._connection = connect(settings, tls, settings.password.read() if settings.password else None)
        except (DatabaseError, InterfaceError, OSError) as error:
            raise AuditError(f"{settings.address}: {_said(error)}") from None

    def state(self) -> State:
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return State(self.checkpoints(), None, self._found())

    def checkpoints(self) -> list[Checkpoint]:
        rows = self._run(
            f"SELECT {', '.join(_CHECKPOINT)} FROM {self._table}_checkpoints"  # noqa: S608
            " WHERE log = :log ORDER BY seq",
            log=self._log,
        )
        return [Checkpoint.from_json(dict(zip(_CHECKPOINT, row, strict=True))) for row in rows]

    def _found(self) -> Iterator[Found]:
        seq = 0
        while found := self.after(seq, _CHUNK):
            yield from map(Found, found)
            seq = found[-1].seq

    def after(self, seq: int, limit: int) -> list[Entry]:
        rows = self._run(
            f"SELECT {_COLUMNS} FROM {self._table} WHERE log = :log AND seq > :seq"  # noqa: S608
            " ORDER BY seq LIMIT :most",
            log=self._log,
            seq=seq,
            most=limit,
        )
        return [_entry(row) for row in rows]

    def close(self) -> None:
        with suppress(InterfaceError, DatabaseError, OSError):
            self._connection.close()

    def _run(self, query: str, **values: Any) -> list[Any]:
        try:
            return list(self._connection.run(query, **values) or ())
        except (DatabaseError, InterfaceError, OSError) as error:
            raise AuditError(f"{self._table}: {_said(error)}") from None


def connect(settings: Postgres, tls: ssl.SSLContext | bool, password: str | None) -> pg8000.native.Connection:
    """A connection to the server. Raises DatabaseError, InterfaceError, OSError."""
    host, _, port = settings.address.rpartition(":")
    return pg8000.native.Connection(
        settings.user,
        host=host.strip("[]"),
        port=int(port),
        database=settings.database,
        password=password,
        ssl_context=tls,
        timeout=settings.timeout,
        application_name="outgate",
    )


def _make_tables(connection: pg8000.native.Connection, table: str) -> None:
    """Make the tables where there are none; of several that start at once, one does."""
    there = "SELECT to_regclass(:name)"
    if connection.run(there, name=table)[0][0] is not None:
        return
    connection.run("BEGIN")
    connection.run("SELECT pg_advisory_xact_lock(hashtext(:name))", name=f"outgate {table}")
    if connection.run(there, name=table)[0][0] is None:
        for statement in _TABLES.format(table=table).split(";\n"):
            connection.run(statement)
    connection.run("COMMIT")


def _row(entry: Entry) -> dict[str, Any]:
    values = values_of(entry)
    return {
        **{name: values.get(name) for name in ("id", "time", "provider", "outcome")},
        "log": entry.log.hex(),
        "seq": entry.seq,
        "public": entry.public.decode(),
        "personal": None if entry.personal is None else entry.personal.decode(),
        "salt": None if entry.salt is None else entry.salt.hex(),
        "sealed": entry.sealed.hex(),
        "prev": entry.prev.hex(),
        "hash": entry.hash.hex(),
    }


def _entry(row: Sequence[Any]) -> Entry:
    """Raises AuditError for a row that nobody of us wrote."""
    log, seq, public, personal, salt, *hashes = row
    try:
        sealed, prev, digest = map(bytes.fromhex, hashes)
        return Entry(
            bytes.fromhex(log),
            seq,
            public.encode(),
            None if personal is None else personal.encode(),
            None if salt is None else bytes.fromhex(salt),
            sealed,
            prev,
            digest,
        )
    except ValueError:
        raise AuditError(f"row {seq} of log {log} is no entry: its hashes are not hexadecimal") from None


def _code(error: DatabaseError) -> str:
    """The SQLSTATE. What the server says beside it may repeat a value."""
    told = error.args[0] if error.args else None
    return str(told.get("C", "an error")) if isinstance(told, dict) else "an error"


def _said(error: Exception) -> str:
    return f"PostgreSQL said {_code(error)}" if isinstance(error, DatabaseError) else type(error).__name__
