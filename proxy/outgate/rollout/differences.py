"""What a shadow policy would have done otherwise, counted on this machine: one small SQLite file for all processes.

A row for each difference, with how often and the last few exchanges by reference; so it grows with the policies and
not with the traffic. It holds names and counts, and no value.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import Any

from outgate.disk.private import own_file
from outgate.disk.sqlite import transaction
from outgate.rollout import KeepingError, RolloutError
from outgate.rollout.comparing import Difference, Kind
from outgate.rollout.store import Store

_EXAMPLES = 5  # exchanges by reference
_MOST_ROWS = 10_000  # of all shadow policies that there were; those of the last one are the last to go
_MOST_HASH = 64
_KEYS = tuple(one.name for one in fields(Difference))
_PATIENCE = 10.0  # seconds for another process to be done with the file

_TABLE = f"""
CREATE TABLE IF NOT EXISTS differences (
    shadow TEXT NOT NULL,    -- hash of the policy that was only asked
    policy TEXT NOT NULL,    -- ... and of the one in force
    {", ".join(f"{name} TEXT NOT NULL" for name in _KEYS)},
    count INTEGER NOT NULL,
    first REAL NOT NULL,     -- seconds since the epoch
    last REAL NOT NULL,
    examples TEXT NOT NULL,  -- JSON, references, the last one first
    PRIMARY KEY (shadow, policy, {", ".join(_KEYS)})
) STRICT, WITHOUT ROWID
"""

_WHERE = " AND ".join(f"{name} = ?" for name in ("shadow", "policy", *_KEYS))
_KNOWN = f"SELECT count, first, examples FROM differences WHERE {_WHERE}"  # noqa: S608
_REPLACE = f"INSERT OR REPLACE INTO differences VALUES ({', '.join('?' * (len(_KEYS) + 6))})"  # noqa: S608


@dataclass(slots=True)
class Counted:
    """How often something was met."""

    count: int = 0
    first: float = 0
    last: float = 0
    examples: list[str] = field(default_factory=list)  # references, the last one first

    def add(self, reference: str, at: float) -> None:
        """Once more."""
        self.count += 1
        self.first, self.last = self.first or at, at
        self.examples = [reference, *self.examples][:_EXAMPLES]


Key = tuple[str, str, Difference]  # hash of the shadow policy, of the one in force, and the difference
Tally = Mapping[Key, Counted]


class Differences:
    """The table. Its methods wait for the disk."""

    def __init__(self, store: Store) -> None:
        self.path = store.shadow / "differences.db"
        self._store = store

    def add(self, tally: Tally) -> None:
        """Add what was counted. Raises sqlite3.Error, KeepingError."""
        self._store.prepare()
        own_file(self.path, KeepingError)
        with closing(self._connected()) as connection, transaction(connection):
            for (shadow, policy, difference), counted in tally.items():
                row = (
                    shadow[:_MOST_HASH],
                    policy[:_MOST_HASH],
                    *(str(getattr(difference, key)) for key in _KEYS),
                )
                _merge(connection, row, counted)
            connection.execute(
                "DELETE FROM differences WHERE (SELECT count(*) FROM differences) > ? AND last < ?",
                (_MOST_ROWS, time.time() - 86_400),
            )

    def read(self, shadow: str = "") -> Iterator[tuple[Key, Counted]]:
        """All that was counted, of one shadow policy or of any, the most frequent first. Raises RolloutError."""
        if not self.path.exists():
            return
        try:
            with closing(self._connected()) as connection:
                connection.row_factory = sqlite3.Row
                rows = connection.execute(
                    "SELECT * FROM differences WHERE ? IN ('', shadow) ORDER BY count DESC, last DESC",
                    (shadow,),
                ).fetchall()
        except sqlite3.Error as error:
            raise RolloutError(f"{self.path}: cannot be read: {error}.") from None
        for row in rows:
            values = {key: row[key] for key in _KEYS}
            difference = Difference(**{**values, "kind": Kind(values["kind"])})
            counted = Counted(row["count"], row["first"], row["last"], json.loads(row["examples"]))
            yield (row["shadow"], row["policy"], difference), counted

    def forget(self) -> None:
        """Begin anew. Raises RolloutError."""
        try:
            if self.path.exists():
                with closing(self._connected()) as connection:
                    connection.execute("DELETE FROM differences")
        except sqlite3.Error as error:
            raise RolloutError(f"{self.path}: cannot be written: {error}.") from None

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        connection.execute(_TABLE)
        return connection


def _merge(connection: sqlite3.Connection, row: tuple[str, ...], counted: Counted) -> None:
    count, first, examples = connection.execute(_KNOWN, row).fetchone() or (0, counted.first, "[]")
    examples = json.dumps([*counted.examples, *json.loads(examples)][:_EXAMPLES])
    connection.execute(_REPLACE, (*row, count + counted.count, first, counted.last, examples))


def told(found: Iterable[tuple[Key, Counted]], by: str | None = None) -> list[dict[str, Any]]:
    """Rows for people and programs, most frequent first: each difference, or sums ``by`` rule, provider or entity."""
    sums: dict[tuple[str, ...], Counted] = {}
    for (_, _, difference), counted in found:
        values = _columns(difference)
        key = tuple(values[name] for name in (("kind", by) if by else values))
        known = sums.setdefault(key, Counted())
        known.count += counted.count
        known.examples = [*known.examples, *counted.examples][:_EXAMPLES]
    names = ("kind", by) if by else _COLUMNS
    rows = sorted(sums.items(), key=lambda one: -one[1].count)
    return [
        {**dict(zip(names, key, strict=True)), "count": c.count, "examples": c.examples} for key, c in rows
    ]


_COLUMNS = ("kind", "rule", "provider", "entity", "change")


def _columns(difference: Difference) -> dict[str, str]:
    """As a person reads it: which rule of the two decides, and what becomes of what."""
    one = difference
    changes = {
        Kind.WOULD_BLOCK: "sent -> blocked",
        Kind.WOULD_ALLOW: "blocked -> sent",
        Kind.OTHER_ACTION: f"{one.action} -> {one.shadow_action}",
    }
    rule = one.shadow_rule or one.rule
    return dict(
        zip(_COLUMNS, (str(one.kind), rule, one.provider, one.entity, changes[one.kind]), strict=True)
    )
