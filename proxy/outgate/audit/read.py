"""Finds events again, in whichever sink's file they lie. Reads only; a gateway may be writing meanwhile."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from outgate.audit import record, schema
from outgate.audit.chain import Entry
from outgate.audit.event import AuditEvent
from outgate.audit.jsonl import lines_backwards, pieces
from outgate.audit.sink import AuditError
from outgate.audit.sqlite import is_sqlite
from outgate.disk.sqlite import connect_to_read

_CHUNK = 500  # events read at a time


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted; None: any."""

    provider: str | None = None
    outcome: str | None = None
    entity: str | None = None
    fingerprint: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # not included

    def fits(self, event: AuditEvent) -> bool:
        """Whether an event is one of them."""
        return (
            self.provider in (None, event.provider)
            and self.outcome in (None, event.outcome)
            and (self.since is None or event.time >= self.since)
            and (self.until is None or event.time < self.until)
            and (self.entity is None or any(found.entity == self.entity for found in event.findings))
            and (
                self.fingerprint is None
                or any(found.fingerprint == self.fingerprint for found in event.findings)
            )
        )


Table = dict[str, dict[str, int]]  # name -> outcome or action -> how many


@dataclass(slots=True)
class Stats:
    """How many exchanges by outcome, and findings by action."""

    exchanges: int = 0
    findings: int = 0
    by_outcome: dict[str, int] = field(default_factory=dict)
    by_action: dict[str, int] = field(default_factory=dict)
    by_provider: Table = field(default_factory=dict)  # by outcome
    by_day: Table = field(default_factory=dict)  # UTC; by outcome
    by_rule: dict[str, int] = field(default_factory=dict)  # exchanges blocked
    by_entity: Table = field(default_factory=dict)  # by action

    def exchange(
        self, day: str, provider: str | None, outcome: str, blocked_by: str | None, count: int = 1
    ) -> None:
        """Add exchanges."""
        self.exchanges += count
        _add(self.by_outcome, outcome, count)
        _add(self.by_provider.setdefault(provider or "none", {}), outcome, count)
        _add(self.by_day.setdefault(day, {}), outcome, count)
        if blocked_by is not None:
            _add(self.by_rule, blocked_by, count)

    def finding(self, entity: str, action: str, count: int = 1) -> None:
        """Add findings."""
        self.findings += count
        _add(self.by_action, action, count)
        _add(self.by_entity.setdefault(entity, {}), action, count)


class Reader(Protocol):
    """A file of events."""

    def latest(self, count: int, wanted: Filter) -> list[AuditEvent]:
        """The newest ``count`` events that are wanted, oldest of them first."""

    def select(self, wanted: Filter) -> Iterator[AuditEvent]:
        """All events that are wanted, oldest first; a few in memory at a time."""

    def follow(self, wanted: Filter) -> Callable[[], list[AuditEvent]]:
        """A function that gives the wanted events that came since it was last called."""

    def find(self, reference: str) -> list[AuditEvent]:
        """The events with a reference id: one, or none."""

    def stats(self, since: datetime | None) -> Stats:
        """Counts of what happened since."""

    def close(self) -> None:
        """Let go of the file."""


def reader_of(path: Path) -> Reader:
    """What reads ``path``, by what is in it. Raises AuditError when there is nothing to read."""
    return SqliteReader(path) if is_sqlite(path) else JsonlReader(path)


class SqliteReader:
    """Reads the SQLite sink's file."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = connect_to_read(path)
            self._connection.row_factory = sqlite3.Row
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise AuditError(f"{path}: {error}") from None
        if not 1 <= version <= schema.VERSION:
            self._connection.close()
            raise AuditError(f"{path} {schema.LATER if version > 0 else 'is no audit log'}")
        if version < schema.CHAINED:  # only read here; it becomes one of this version when a gateway runs
            query = schema.earlier_events(version, "main.exchanges", "main.findings")
            self._connection.execute(f"CREATE TEMP VIEW entries AS {query}")

    def latest(self, count: int, wanted: Filter) -> list[AuditEvent]:
        where, parameters = _where(wanted)
        found = self._events(f"{where} ORDER BY seq DESC LIMIT ?", (*parameters, count))
        return [event for _, event in found][::-1]

    def select(self, wanted: Filter) -> Iterator[AuditEvent]:
        where, parameters = _where(wanted)
        seen = -1
        while found := self._events(f"{where} AND seq > ? ORDER BY seq LIMIT ?", (*parameters, seen, _CHUNK)):
            yield from (event for _, event in found)
            seen = found[-1][0]

    def follow(self, wanted: Filter) -> Callable[[], list[AuditEvent]]:
        seen = self._connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
        where, parameters = _where(wanted)

        def poll() -> list[AuditEvent]:
            nonlocal seen
            found = self._events(f"{where} AND seq > ? ORDER BY seq LIMIT 1000", (*parameters, seen))
            if found:
                seen = found[-1][0]
            return [event for _, event in found]

        return poll

    def find(self, reference: str) -> list[AuditEvent]:
        return [event for _, event in self._events("id = ? ORDER BY seq", (reference,))]

    def stats(self, since: datetime | None) -> Stats:
        stats = Stats()
        start = schema.written(since) if since else ""
        for row in self._connection.execute(
            "SELECT substr(time, 1, 10) AS day, provider, outcome,"
            " CASE outcome WHEN 'block' THEN json_extract(public, '$.rule') END AS blocked_by, count(*) AS count"
            " FROM entries WHERE time >= ? AND outcome IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            (start,),
        ):
            stats.exchange(*row)
        for row in self._connection.execute(
            "SELECT entity, action, count(*) AS count FROM findings"
            " WHERE exchange IN (SELECT seq FROM entries WHERE time >= ?) GROUP BY 1, 2 ORDER BY 1, 2",
            (start,),
        ):
            stats.finding(*row)
        return stats

    def close(self) -> None:
        self._connection.close()

    def _events(self, where: str, parameters: tuple[object, ...]) -> list[tuple[int, AuditEvent]]:
        query = f"SELECT seq, public, personal FROM entries WHERE outcome IS NOT NULL AND {where}"  # noqa: S608
        rows = self._connection.execute(query, parameters).fetchall()
        found = ((row["seq"], record.event_of(row["public"], row["personal"])) for row in rows)
        return [(seq, event) for seq, event in found if event is not None]


class JsonlReader:
    """Reads the JSONL sink's file, and those put aside. What is no event is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def latest(self, count: int, wanted: Filter) -> list[AuditEvent]:
        found: deque[AuditEvent] = deque()
        for file in (self._path, *reversed(pieces(self._path))):
            for line in lines_backwards(file):
                if len(found) >= count:
                    return list(found)
                event = _event(line)
                if event is not None and wanted.fits(event):
                    found.appendleft(event)
        return list(found)

    def select(self, wanted: Filter) -> Iterator[AuditEvent]:
        return filter(wanted.fits, self._all(lambda _line: True))

    def follow(self, wanted: Filter) -> Callable[[], list[AuditEvent]]:
        stream = self._path.open("rb")
        stream.seek(0, os.SEEK_END)
        pending = b""

        def poll() -> list[AuditEvent]:
            nonlocal stream, pending
            data = pending + stream.read()
            if not data.endswith(b"\n") and self._moved(stream.fileno()):
                stream.close()
                stream = self._path.open("rb")
                data += b"\n" + stream.read()
            *lines, pending = data.split(b"\n")
            return [event for event in map(_event, lines) if event is not None and wanted.fits(event)]

        return poll

    def find(self, reference: str) -> list[AuditEvent]:
        written = reference.encode()
        return [event for event in self._all(lambda line: written in line) if event.id == reference]

    def stats(self, since: datetime | None) -> Stats:
        stats = Stats()
        for event in self._all(lambda _line: True):
            if since is None or event.time >= since:
                blocked_by = event.rule if event.outcome == "block" else None
                stats.exchange(event.time.strftime("%Y-%m-%d"), event.provider, event.outcome, blocked_by)
                for found in event.findings:
                    stats.finding(found.entity, str(found.action))
        return stats

    def close(self) -> None:
        """There is nothing to let go of between two calls."""

    def _all(self, candidate: Callable[[bytes], bool]) -> Iterator[AuditEvent]:
        for file in (*pieces(self._path), self._path):
            with file.open("rb") as stream:
                for line in stream:
                    event = _event(line) if candidate(line) else None
                    if event is not None:
                        yield event

    def _moved(self, descriptor: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False


def _where(wanted: Filter) -> tuple[str, tuple[object, ...]]:
    clauses, parameters = ["1"], list[object]()
    for clause, value in (
        ("provider = ?", wanted.provider),
        ("outcome = ?", wanted.outcome),
        ("time >= ?", schema.written(wanted.since) if wanted.since else None),
        ("time < ?", schema.written(wanted.until) if wanted.until else None),
        ("EXISTS (SELECT 1 FROM findings WHERE exchange = seq AND entity = ?)", wanted.entity),
        ("seq IN (SELECT exchange FROM findings WHERE fingerprint = ?)", wanted.fingerprint),
    ):
        if value is not None:
            clauses.append(clause)
            parameters.append(value)
    return " AND ".join(clauses), tuple(parameters)


def _event(line: bytes) -> AuditEvent | None:
    entry = Entry.of_line(line.rstrip(b"\n"))
    if entry is not None:
        return record.event_of(entry.public, entry.personal)
    try:
        return AuditEvent.from_json(json.loads(line))  # of an earlier version, without a chain
    except (ValueError, KeyError, TypeError):
        return None


def _add(counts: dict[str, int], name: str, count: int) -> None:
    counts[name] = counts.get(name, 0) + count


def as_json(events: Iterable[AuditEvent]) -> Iterator[str]:
    """A line of JSON for each event."""
    for event in events:
        yield json.dumps(event.to_json(), ensure_ascii=False)
