"""Somebody who is forgotten, taken out of the tables: what they said, and what is let pass for them alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection

from outgate.feedback.tables import Forgotten
from outgate.policy.exceptions import asker


def take_out(
    connection: sqlite3.Connection,
    is_theirs: Callable[[str | None, str | None], bool],
    references: Collection[str],
) -> Forgotten:
    """Within the caller's transaction. See ``Store.forget``."""

    def taken(table: str, who: str, reference: str) -> list[tuple[int]]:
        rows = connection.execute(f"SELECT id, {who}, {reference} FROM {table}").fetchall()  # noqa: S608
        gone = [(row,) for row, person, of in rows if is_theirs(*asker(person)) or of in references]
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608
        return gone

    reports = taken("reports", "person", "reference")
    reasons = taken("justifications", "person", "reference")
    connection.executemany("DELETE FROM justified WHERE justification = ?", reasons)
    return Forgotten(len(reports), len(reasons), len(taken("exceptions", "who", "NULL")))
