"""The tables of the SQLite audit log, and how a log of an earlier form becomes one of this.

An entry is stored as the bytes that the chain covers. What is looked for stands in columns and in ``findings``
as well; verifying a log compares them. ``exchanges`` is a view with the fields of events, for people.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json

from outgate.audit.chain import Entry, Head, Sealed
from outgate.audit.sink import AuditError
from outgate.disk.sqlite import transaction

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
    """
    ALTER TABLE exchanges RENAME TO earlier_exchanges;
    ALTER TABLE findings RENAME TO earlier_findings;
    DROP INDEX exchanges_by_id;
    DROP INDEX exchanges_by_time;
    DROP INDEX findings_by_fingerprint;
    CREATE TABLE chain (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        log BLOB NOT NULL,  -- id
        seq INTEGER NOT NULL,  -- of the last entry
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        public TEXT NOT NULL,  -- JSON, as the hash covers it
        personal TEXT,  -- JSON, as the commitment covers it
        salt BLOB,
        sealed BLOB NOT NULL,  -- the commitment
        prev BLOB NOT NULL,
        hash BLOB NOT NULL,
        id TEXT,
        time TEXT NOT NULL,  -- ISO 8601, UTC
        provider TEXT,
        outcome TEXT  -- a note has none
    ) STRICT;
    CREATE TABLE findings (
        exchange INTEGER NOT NULL,
        position INTEGER NOT NULL,
        entity TEXT NOT NULL,
        action TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (exchange, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoints (
        kind TEXT NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        time TEXT NOT NULL,
        key BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (kind, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entries_by_id ON entries (id);
    CREATE INDEX entries_by_time ON entries (time, provider, outcome);
    CREATE INDEX findings_by_fingerprint ON findings (fingerprint);
    CREATE VIEW exchanges AS SELECT seq, id, time, provider, outcome,
        json_extract(personal, '$.client') AS client,
        json_extract(personal, '$.user') AS user,
        json_extract(personal, '$.groups') AS groups,
        json_extract(personal, '$.device') AS device,
        json_extract(public, '$.jurisdiction') AS jurisdiction,
        json_extract(public, '$.region') AS region,
        json_extract(public, '$.format') AS format,
        json_extract(public, '$.model') AS model,
        json_extract(public, '$.model_origin') AS model_origin,
        json_extract(public, '$.method') AS method,
        json_extract(public, '$.host') AS host,
        json_extract(public, '$.path') AS path,
        json_extract(public, '$.status') AS status,
        json_extract(public, '$.rule') AS rule,
        json_extract(public, '$.rules') AS rules,
        json_extract(public, '$.would_block') AS would_block,
        json_extract(public, '$.reason') AS reason,
        json_extract(public, '$.policy') AS policy,
        json_extract(public, '$.request_bytes') AS request_bytes,
        json_extract(public, '$.response_bytes') AS response_bytes,
        json_extract(public, '$.findings') AS findings
    FROM entries WHERE outcome IS NOT NULL
    """,
)
VERSION: Final = len(MIGRATIONS)
CHAINED: Final = 4  # the version that brought the chain
LATER: Final = "was written by a later version of Outgate; move it away, or upgrade"

_CHUNK: Final = 1000  # events taken over from an earlier form at a time
_INSERT_ENTRY: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_FINDING: Final = "INSERT INTO findings VALUES (?, ?, ?, ?, ?)"


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables to this version's form; all of it or nothing. Safe with several processes at once.

    Events of a form without a chain become the first of one: about 40 seconds a million. Raises
    AuditError for a file of a later version.
    """
    if _version(connection) == VERSION:
        return
    with transaction(connection):
        version = _version(connection)
        if version > VERSION:
            raise AuditError(f"{name} {LATER}")
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        if version < CHAINED:
            head = Head.new()
            connection.execute("INSERT INTO chain VALUES (1, ?, ?, ?)", (head.log, head.seq, head.hash))
            _take_over(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def head_of(connection: sqlite3.Connection) -> Head:
    """Where the chain ends."""
    return Head(*connection.execute("SELECT log, seq, hash FROM chain").fetchone())


def append(connection: sqlite3.Connection, said: list[Sealed]) -> Head:
    """Add entries to the chain, within the caller's transaction. Where it ends then."""
    head = head_of(connection)
    rows, found = [], []
    for one in said:
        entry = Entry.after(head, one)
        head = entry.head
        public, personal = (None if part is None else part.decode() for part in (one.public, one.personal))
        place = (entry.seq, public, personal, entry.salt, entry.sealed, entry.prev, entry.hash)
        columns, findings = looked_for(one.public, one.personal)
        rows.append((*place, *columns))
        found += [(entry.seq, *finding) for finding in findings]
    connection.executemany(_INSERT_ENTRY, rows)
    connection.executemany(_INSERT_FINDING, found)
    connection.execute("UPDATE chain SET seq = ?, hash = ?", (head.seq, head.hash))
    return head


def looked_for(public: bytes, personal: bytes | None) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """What of an entry stands in columns (id, time, provider, outcome), and in ``findings``. Raises ValueError."""
    values = from_json(public)
    columns = tuple(values.get(name) for name in ("id", "time", "provider", "outcome"))
    findings = values.get("findings")
    if not findings:
        return columns, []
    fingerprints = from_json(personal)["fingerprints"] if personal else [""] * len(findings)
    return columns, [
        (position, finding["entity"], finding["action"], fingerprint)
        for position, (finding, fingerprint) in enumerate(zip(findings, fingerprints, strict=True))
    ]


def written(time: datetime) -> str:
    """A time as events have it, to compare with theirs."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def earlier_events(version: int, exchanges: str = "exchanges", findings: str = "findings") -> str:
    """A query for the events of a form without a chain, as the columns that entries have."""
    rules = "json(rules)" if version >= 2 else "json('[]')"
    direction = "direction" if version >= 3 else "'request'"
    time = "strftime('%Y-%m-%dT%H:%M:%f', time / 1000.0, 'unixepoch') || 'Z'"
    plain = (
        *("id", "provider", "jurisdiction", "region", "format", "model", "model_origin", "method", "host"),
        *("path", "status", "outcome", "rule", "would_block", "reason", "policy", "request_bytes"),
        *("inspected_bytes", "response_bytes", "findings_total"),
    )
    fields = ", ".join(
        (
            f"'time', {time}",
            *(f"'{name}', {name}" for name in plain),
            *(f"'{name}', json(iif({name}, 'true', 'false'))" for name in ("streamed", "websocket")),
            *(f"'{name}', json({name})" for name in ("seconds", "uninspectable")),
            f"'rules', {rules}",
        )
    )
    of_this = f"FROM {findings} WHERE exchange = seq"
    found = ", ".join(f"'{name}', {name}" for name in ("entity", "role", "place", "score", "rule", "action"))
    return (
        f"SELECT seq, id, {time} AS time, provider, outcome, json_object({fields}, 'findings',"  # noqa: S608
        f" (SELECT json_group_array(json_object({found}, 'direction', {direction})) {of_this})) AS public,"
        " json_object('client', client, 'user', user, 'groups', json(groups), 'device', device,"
        f" 'fingerprints', (SELECT json_group_array(fingerprint) {of_this})) AS personal FROM {exchanges}"
    )


def _take_over(connection: sqlite3.Connection) -> None:
    query = earlier_events(CHAINED - 1, "earlier_exchanges", "earlier_findings")
    events = connection.execute(f"SELECT public, personal FROM ({query}) ORDER BY seq")  # noqa: S608
    while chunk := events.fetchmany(_CHUNK):
        append(connection, [Sealed.of(public.encode(), personal.encode()) for public, personal in chunk])
    connection.execute("DROP TABLE earlier_findings")
    connection.execute("DROP TABLE earlier_exchanges")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
