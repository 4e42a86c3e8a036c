"""The tables of the SQLite audit log: how they are made, and how an event becomes rows and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from outgate.audit.event import AuditEvent
from outgate.audit.sink import AuditError
from outgate.model import Record

# One script a version, never changed once released; ``PRAGMA user_version`` counts those that ran.
MIGRATIONS: Final = (
    """
    CREATE TABLE exchanges (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so that a reader can follow
        id TEXT NOT NULL,
        time INTEGER NOT NULL,  -- milliseconds since 1970, UTC
        client TEXT NOT NULL,
        user TEXT,
        groups TEXT NOT NULL,  -- JSON
        device TEXT,
        provider TEXT,
        jurisdiction TEXT,
        region TEXT,
        format TEXT,
        model TEXT,
        model_origin TEXT,
        method TEXT NOT NULL,
        host TEXT NOT NULL,
        path TEXT NOT NULL,
        status INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        rule TEXT,
        would_block TEXT,
        reason TEXT NOT NULL,
        policy TEXT NOT NULL,
        request_bytes INTEGER NOT NULL,
        inspected_bytes INTEGER NOT NULL,
        response_bytes INTEGER NOT NULL,
        streamed INTEGER NOT NULL,
        websocket INTEGER NOT NULL,
        seconds TEXT NOT NULL,  -- JSON
        findings_total INTEGER NOT NULL,
        uninspectable TEXT NOT NULL  -- JSON
    ) STRICT;
    CREATE TABLE findings (
        exchange INTEGER NOT NULL,
        position INTEGER NOT NULL,
        entity TEXT NOT NULL,
        role TEXT NOT NULL,
        place TEXT NOT NULL,
        score REAL NOT NULL,
        fingerprint TEXT NOT NULL,
        rule TEXT,
        action TEXT NOT NULL,
        PRIMARY KEY (exchange, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX exchanges_by_id ON exchanges (id);
    CREATE INDEX exchanges_by_time ON exchanges (time, provider, outcome);
    CREATE INDEX findings_by_fingerprint ON findings (fingerprint);
    """,
    """
    ALTER TABLE exchanges ADD COLUMN rules /* JSON */ TEXT NOT NULL DEFAULT '[]'
    """,
    """
    ALTER TABLE findings ADD COLUMN direction TEXT NOT NULL DEFAULT 'request'
    """,
)
VERSION: Final = len(MIGRATIONS)
LATER: Final = "was written by a later version of Outgate; move it away, or upgrade"

_JSON: Final = frozenset({"groups", "rules", "seconds", "uninspectable"})
# Columns that a file of an earlier version, which is only read here, lacks.
_LATER: Final = {"rules": "[]"}
_COLUMNS: Final = tuple(name for name in AuditEvent.__slots__ if name != "findings")
_INSERT_EXCHANGE: Final = (
    f"INSERT INTO exchanges ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
)
_INSERT_FINDING: Final = f"INSERT INTO findings VALUES (?, ?, {', '.join('?' * len(Record.__slots__))})"  # noqa: S608


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables to this version's form; all of it or nothing. Safe with several processes at once.

    Raises AuditError for a file of a later version.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > VERSION:
            raise AuditError(f"{name} {LATER}")
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def insert(connection: sqlite3.Connection, events: Iterable[AuditEvent]) -> None:
    """Add events, in a transaction of their own. Raises sqlite3.Error and writes none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for event in events:
            seq = connection.execute(_INSERT_EXCHANGE, _row(event)).lastrowid
            if event.findings:
                connection.executemany(
                    _INSERT_FINDING,
                    [
                        (seq, position, *(_plain(getattr(record, name)) for name in Record.__slots__))
                        for position, record in enumerate(event.findings)
                    ],
                )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def event_of(row: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> AuditEvent:
    """The event that was inserted, of a row of ``exchanges`` and its rows of ``findings``."""
    row = {**_LATER, **row}
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    values |= {name: json.loads(values[name]) for name in _JSON}
    values["time"] = datetime.fromtimestamp(row["time"] / 1000, UTC).isoformat()
    values |= {name: bool(values[name]) for name in ("streamed", "websocket")}
    values["findings"] = [_finding(finding) for finding in findings]
    return AuditEvent.from_json(values)


def _finding(row: Mapping[str, Any]) -> dict[str, Any]:
    there = set(row.keys())
    return {name: row[name] for name in Record.__slots__ if name in there}


def milliseconds(time: datetime) -> int:
    """A time as the tables hold it."""
    return round(time.timestamp() * 1000)


def _row(event: AuditEvent) -> list[Any]:
    values = event.to_json()
    values["time"] = milliseconds(event.time)
    values |= {name: json.dumps(values[name], ensure_ascii=False) for name in _JSON}
    return [values[name] for name in _COLUMNS]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
