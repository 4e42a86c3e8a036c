"""The list of AI services that are used without being opened: by host, how often, by how many, when first and last.

One SQLite file that several gateway processes add to. A thread of its own writes it, and is started by the first such
connection; whoever tells of one never waits. Who connected is kept as a keyed hash, to count people and no more.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from outgate.audit.sink import AuditError
from outgate.disk.private import closed_file
from outgate.disk.sqlite import DURABLE, connect, connect_to_read, has_tables, make_tables, transaction
from outgate.settings import Settings
from outgate.settings.shadow import Shadow

log = logging.getLogger("outgate")

QUEUE_LIMIT = 10_000  # sightings
INTERVAL = 1.0  # seconds between two writes, at least
_TIDY = 60.0  # seconds between two looks at what is too old
MOST_PEOPLE = 1000  # of one host; more are not told apart
_MOST_LINES = 20  # of the log, in a minute
_VERSION = 1
_TABLES = """
CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    first INTEGER NOT NULL,  -- seconds since 1970, UTC
    last INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    sent INTEGER NOT NULL,  -- bytes, of connections that have ended
    received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE people (
    host TEXT NOT NULL,
    who BLOB NOT NULL,
    PRIMARY KEY (host, who)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A connection to such a host: that it was made, or (``connections`` 0) what went over it."""

    host: str
    rule: str
    who: str
    time: float  # seconds since the epoch
    connections: int = 1
    sent: int = 0  # bytes
    received: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one host."""

    host: str
    rule: str  # of the catalogue's shadow.yaml, that it looks like an AI service by
    first: datetime
    last: datetime
    connections: int
    people: int
    sent: int  # bytes, of connections that have ended
    received: int


def path_of(settings: Settings) -> Path:
    """Where the list is."""
    return settings.state_dir / "shadow" / "shadow.db"


class ShadowLog:
    """One process's way of adding to the list."""

    def __init__(self, path: Path, key: bytes, settings: Shadow) -> None:
        """``key``: of the hashes of who connected. Touches no disk."""
        self._path = path
        self._key = key
        self._settings = settings
        self._queue: deque[Sighting] = deque(maxlen=QUEUE_LIMIT)  # the oldest go first
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._fails = False
        self._tidied = 0.0
        self._lines: deque[float] = deque(maxlen=_MOST_LINES)

    def add(self, sighting: Sighting) -> None:
        """Have it written, soon. Returns at once; called from one thread."""
        self._queue.append(sighting)
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="outgate-shadow", daemon=True)
            self._thread.start()

    def close(self, deadline: float = 5.0) -> None:
        """Write what is waiting, for at most so many seconds."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(deadline)

    def _run(self) -> None:
        while not self._closing.is_set() or self._queue:
            self._wake.wait()
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            try:
                self._write(batch)
                self._fails = False
            except (OSError, AuditError, sqlite3.Error) as error:
                if not self._fails:  # once, and not for every connection
                    log.error("unopened AI services cannot be listed: %s", error)
                self._fails = True
            self._closing.wait(INTERVAL)

    def _write(self, batch: Iterable[Sighting]) -> None:
        closed_file(self._path, AuditError)
        with closing(connect(self._path, (DURABLE,))) as connection:
            make_tables(connection, _TABLES, _VERSION, str(self._path), AuditError)
            with transaction(connection):
                new = [sighting for sighting in batch if self._put(connection, sighting)]
                now = time.time()
                (count,) = connection.execute("SELECT count(*) FROM hosts").fetchone()
                if now - self._tidied > _TIDY or count > self._settings.max_hosts:
                    self._tidied = now
                    self._tidy(connection, now)
        for sighting in new:
            self._tell(sighting)

    def _put(self, connection: sqlite3.Connection, seen: Sighting) -> bool:
        """Add one; whether its host is new to the list."""
        when = int(seen.time)
        if not seen.connections:  # of a host that may have been forgotten meanwhile
            connection.execute(
                "UPDATE hosts SET last = max(last, ?), sent = sent + ?, received = received + ? WHERE host = ?",
                (when, seen.sent, seen.received, seen.host),
            )
            return False
        known = connection.execute("SELECT 1 FROM hosts WHERE host = ?", (seen.host,)).fetchone()
        connection.execute(
            "INSERT INTO hosts VALUES (?, ?, ?, ?, ?, 0, 0) ON CONFLICT (host) DO UPDATE SET rule = excluded.rule, "
            "first = min(first, excluded.first), last = max(last, excluded.last), "
            "connections = connections + excluded.connections",
            (seen.host, seen.rule, when, when, seen.connections),
        )
        who = hmac.digest(self._key, b"shadow\0" + seen.who.encode("utf-8", "replace"), hashlib.sha256)[:8]
        connection.execute(
            "INSERT OR IGNORE INTO people SELECT ?1, ?2 WHERE (SELECT count(*) FROM people WHERE host = ?1) < ?3",
            (seen.host, who, MOST_PEOPLE),
        )
        return known is None

    def _tidy(self, connection: sqlite3.Connection, now: float) -> None:
        oldest = int(now - self._settings.max_age_days * 86_400)
        connection.execute("DELETE FROM hosts WHERE last < ?", (oldest,))
        # The least used first: a client that makes names up does not push out what people use.
        connection.execute(
            "DELETE FROM hosts WHERE host IN (SELECT host FROM hosts ORDER BY "
            "(SELECT count(*) FROM people WHERE people.host = hosts.host) DESC, connections DESC, last DESC "
            "LIMIT -1 OFFSET ?)",
            (self._settings.max_hosts,),
        )
        connection.execute("DELETE FROM people WHERE host NOT IN (SELECT host FROM hosts)")

    def _tell(self, seen: Sighting) -> None:
        now = time.monotonic()
        if len(self._lines) == _MOST_LINES and now - self._lines[0] < 60:
            return  # they are in the list
        self._lines.append(now)
        log.warning(
            "an AI service that is not in the catalogue is used unopened: %s (%s); see `outgate report shadow`",
            seen.host,
            seen.rule,
        )


def read(path: Path, since: datetime | None = None) -> list[Seen]:
    """The list, the most used first; empty where nothing was ever seen. Raises AuditError."""
    if not path.exists():
        return []
    try:
        with closing(connect_to_read(path)) as connection:
            if not has_tables(connection, _VERSION, str(path), AuditError):
                return []  # it is just being made
            rows = connection.execute(
                "SELECT host, rule, first, last, connections, "
                "(SELECT count(*) FROM people WHERE people.host = hosts.host) AS people, sent, received "
                "FROM hosts WHERE last >= ? ORDER BY people DESC, connections DESC, host",
                (int(since.timestamp()) if since else 0,),
            ).fetchall()
    except sqlite3.Error as error:
        raise AuditError(f"{path}: {error}") from None
    return [
        Seen(host, rule, datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), *counts)
        for host, rule, first, last, *counts in rows
    ]
