"""The file that holds what people said: SQLite, for the processes of one machine, and nobody else's to read.

Every method waits for a disk, and for another process's transaction (two seconds at most): none is for an event
loop. One thread at a time. The file is made when there is first something to keep; what reads finds nothing before.
Everything is bounded: what waits, what is in force, and how long what is over is kept.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from outgate.disk.private import closed_file
from outgate.disk.sqlite import AT_ONCE, OVERWRITING, SqliteFile, make_tables, purge
from outgate.feedback.counting import prepare, whose
from outgate.feedback.errors import FeedbackError, RefusedError
from outgate.feedback.forgetting import take_out
from outgate.feedback.tables import (
    TABLES,
    VERSION,
    Forgotten,
    Justification,
    KeptException,
    Report,
    State,
    Tally,
    milliseconds,
    moment,
)
from outgate.model import Record
from outgate.policy.exceptions import Excepted, Exceptions, Justified

_OLD = 500  # rows that are over, and are forgotten with one that is written
_REPORT = (
    "INSERT INTO reports"
    " (time, reference, person, provider, rule, entity, role, place, score, action, fingerprint, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint, person) DO UPDATE SET times = times + 1,"
    " time = excluded.time, reference = excluded.reference, reason = excluded.reason, state = 'open',"
    " decided = NULL, decided_by = NULL WHERE state != 'rejected'"  # what was allowed may have ended
)
_JUSTIFIED = "(SELECT max(expires) FROM justified WHERE justification = justifications.id)"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept."""

    waiting: int = 10_000  # reports that nobody has decided on
    waiting_of_one: int = 200  # ... of one person
    exceptions: int = 100_000  # in force
    justified: int = 100_000  # values in force
    justified_of_one: int = 2_000  # ... of one person
    days: float = 400.0  # that what is over is kept,
    over: int = 100_000  # and how many of a kind


class Store:
    """What is in the file ``path``."""

    def __init__(self, path: Path, limits: Limits = Limits()) -> None:
        self._path = path
        self._limits = limits
        self._file = SqliteFile(path, _owned, self._prepare, (OVERWRITING, AT_ONCE))

    # --- what is in force ------------------------------------------------------------------------

    def version(self) -> object:
        """Another one than before when another process has written, or the file is another. Raises FeedbackError."""
        with self._told():
            connection, found = self._opened(), self._file.found
            if connection is None or found is None:
                return None
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return found.st_dev, found.st_ino, version

    def in_force(self, now: datetime) -> tuple[Exceptions, int]:
        """All exceptions and justifications that count now, and how many exceptions. Raises FeedbackError."""
        with self._told():
            connection = self._opened()
            if connection is None:
                return Exceptions(), 0
            since = milliseconds(now)
            excepted = [
                Excepted(identifier, fingerprint, who, provider, moment(expires))
                for identifier, fingerprint, who, provider, expires in connection.execute(
                    "SELECT id, fingerprint, who, provider, expires FROM exceptions"
                    " WHERE expires > ? AND revoked IS NULL LIMIT ?",
                    (since, self._limits.exceptions),
                )
            ]
            justified = [
                Justified(reference, person, provider, rule, fingerprint, moment(expires))
                for reference, person, provider, rule, fingerprint, expires in connection.execute(
                    "SELECT reference, person, provider, rule, fingerprint, justified.expires"
                    " FROM justified JOIN justifications ON id = justification WHERE justified.expires > ? LIMIT ?",
                    (since, self._limits.justified),
                )
            ]
            return Exceptions(excepted, justified), len(excepted)

    # --- people ----------------------------------------------------------------------------------

    def report(
        self,
        reference: str,
        person: str,
        provider: str | None,
        findings: Sequence[Record],
        reason: str,
        now: datetime,
    ) -> int:
        """Keep that ``person`` says of findings that they are not sensitive; of how many that is news.

        Said again, it is counted, and the newer reason stays. Raises RefusedError when too much is waiting or all of
        it was rejected before, FeedbackError.
        """
        taken = 0
        with self._transaction() as connection:
            for one in findings:
                told = (one.rule, one.entity, str(one.role), one.place, one.score, str(one.action))
                row = (milliseconds(now), reference, person, provider, *told, one.fingerprint, reason)
                taken += connection.execute(_REPORT, row).rowcount
            if not taken:
                raise RefusedError("This was reported before, and somebody has decided that it is sensitive.")
            for most, where, of in (
                (self._limits.waiting, "true", ()),
                (self._limits.waiting_of_one, *whose(person)),
            ):
                count = f"SELECT count(*) FROM reports WHERE state = 'open' AND {where}"  # noqa: S608
                if connection.execute(count, of).fetchone()[0] > most:
                    raise RefusedError("Too many reports are waiting to be looked at.")
            self._tidy(connection, now)
        return taken

    def justify(
        self,
        reference: str,
        person: str,
        provider: str,
        values: Mapping[tuple[str, str], int],
        reason: str,
        given_by: str,
        now: datetime,
    ) -> None:
        """Keep a reason for values: (rule, fingerprint) -> seconds that it counts. Raises as ``report``."""
        since = milliseconds(now)
        with self._transaction() as connection:
            # Given again it counts anew. What was said before stays, as what left by it is recorded.
            connection.execute(
                "UPDATE justified SET expires = ? WHERE expires > ? AND justification IN"
                " (SELECT id FROM justifications WHERE reference = ? AND person = ?)",
                (since, since, reference, person),
            )
            made = connection.execute(
                "INSERT INTO justifications (time, reference, person, provider, reason, given_by)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (since, reference, person, provider, reason, given_by),
            ).lastrowid
            connection.executemany(
                "INSERT INTO justified VALUES (?, ?, ?, ?)",
                [(made, *value, since + seconds * 1000) for value, seconds in values.items()],
            )
            for most, where, of in (
                (self._limits.justified, "true", ()),
                (self._limits.justified_of_one, *whose(person)),
            ):
                count = (
                    "SELECT count(*) FROM justified JOIN justifications ON id = justification"  # noqa: S608
                    f" WHERE justified.expires > ? AND {where}"
                )
                if connection.execute(count, (since, *of)).fetchone()[0] > most:
                    raise RefusedError("Too many reasons are in force. Wait until some of them have expired.")
            self._tidy(connection, now)

    def justifications(self, reference: str) -> list[Justification]:
        """The reasons that were given for what was blocked as ``reference``. Raises FeedbackError."""
        query = f"SELECT *, {_JUSTIFIED} FROM justifications WHERE reference = ? ORDER BY id"  # noqa: S608
        return list(map(Justification._make, self._rows(query, reference)))

    # --- administrators --------------------------------------------------------------------------

    def reports(self, state: State | None = None, most: int = 1000) -> list[Report]:
        """The newest reports, the newest last. Raises FeedbackError."""
        where, values = ("WHERE state = ?", (str(state),)) if state else ("", ())
        query = f"SELECT * FROM reports {where} ORDER BY time DESC, id DESC LIMIT ?"  # noqa: S608
        return list(map(Report._make, self._rows(query, *values, most)))[::-1]

    def reports_of(self, fingerprint: str) -> list[Report]:
        """All that was said of one value, the oldest first. Raises FeedbackError."""
        query = "SELECT * FROM reports WHERE fingerprint = ? ORDER BY id LIMIT 1000"
        return list(map(Report._make, self._rows(query, fingerprint)))

    def find(self, identifier: int) -> Report:
        """One report. Raises FeedbackError when there is none."""
        for row in self._rows("SELECT * FROM reports WHERE id = ?", identifier):
            return Report._make(row)
        raise FeedbackError(f"No report has the number {identifier}. `outgate review list` lists them.")

    def let_pass(
        self,
        fingerprint: str,
        entity: str,
        who: str,
        provider: str | None,
        expires: timedelta,
        by: str,
        now: datetime,
    ) -> int:
        """Let a value pass; the exception's number. Raises RefusedError when too many do, FeedbackError."""
        since = milliseconds(now)
        with self._transaction() as connection:
            count = "SELECT count(*) FROM exceptions WHERE expires > ? AND revoked IS NULL"
            if connection.execute(count, (since,)).fetchone()[0] >= self._limits.exceptions:
                raise RefusedError("Too many exceptions are in force. Revoke some of them.")
            made = connection.execute(
                "INSERT INTO exceptions (fingerprint, entity, who, provider, made, made_by, expires)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (fingerprint, entity, who, provider, since, by, milliseconds(now + expires)),
            ).lastrowid
            self._tidy(connection, now)
        assert made is not None
        return made

    def decide(self, fingerprint: str, person: str | None, state: State, by: str, now: datetime) -> int:
        """Say what became of the open reports of a value (of one person, or all); how many. Raises FeedbackError."""
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE reports SET state = ?, decided = ?, decided_by = ?"
                " WHERE fingerprint = ? AND (? IS NULL OR person = ?) AND state != ?",
                (str(state), milliseconds(now), by, fingerprint, person, person, str(state)),
            ).rowcount

    def exceptions(self, *, at: datetime | None = None) -> list[KeptException]:
        """All that are kept, in the order they were made; with ``at``, those in force then."""
        where = "WHERE expires > ? AND revoked IS NULL" if at else ""
        values = (milliseconds(at),) if at else ()
        query = f"SELECT * FROM exceptions {where} ORDER BY id"  # noqa: S608
        return list(map(KeptException._make, self._rows(query, *values)))

    def revoke(self, identifier: int, by: str, now: datetime) -> None:
        """End an exception. Raises FeedbackError when none that is in force has this number."""
        with self._transaction() as connection:
            ended = connection.execute(
                "UPDATE exceptions SET revoked = ?, revoked_by = ? WHERE id = ? AND revoked IS NULL AND expires > ?",
                (milliseconds(now), by, identifier, milliseconds(now)),
            ).rowcount
        if not ended:
            raise FeedbackError(
                f"No exception in force has the number {identifier}. `outgate review list` lists them."
            )

    def tallies(self, since: datetime | None = None) -> list[Tally]:
        """By rule and entity, those said most often first. Raises FeedbackError."""
        rows = self._rows(
            "SELECT rule, entity, count(*), count(DISTINCT person), sum(state = 'open'), sum(state = 'allowed'),"
            " sum(state = 'rejected') FROM reports WHERE time >= ? GROUP BY rule, entity ORDER BY 3 DESC, 1, 2",
            milliseconds(since) if since else 0,
        )
        return list(map(Tally._make, rows))

    def forget(
        self, is_theirs: Callable[[str | None, str | None], bool], references: Collection[str] = ()
    ) -> Forgotten:
        """Remove, for good, what was said by whom ``is_theirs`` means (by user or address; the other one is None) or
        of exchanges with these ``references``, and what is let pass for them alone; how much it was.

        When this returns it is in no file any more. Raises FeedbackError.
        """
        if not self._path.exists():
            return Forgotten(0, 0, 0)
        with self._transaction() as connection:
            gone = take_out(connection, is_theirs, references)
        with self._told():
            if not purge(self._file.connection()):
                raise FeedbackError(
                    f"{self._path}: another process keeps reading an older state of the file, which is still on the"
                    " disk. End it (a backup, say) and erase once more."
                )
        return gone

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # --- the connection --------------------------------------------------------------------------

    def _tidy(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Forget a little of what has been over for long, or is over and too much."""
        since, before = milliseconds(now), milliseconds(now - timedelta(days=self._limits.days))
        for table, over, end in (
            ("reports", "state != 'open'", "decided"),
            ("exceptions", "coalesce(revoked, expires) <= ?1", "coalesce(revoked, expires)"),
            ("justifications", f"{_JUSTIFIED} <= ?1", _JUSTIFIED),
        ):
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            too_many = min(_OLD, max(0, count - self._limits.over))
            connection.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {over} AND {end} < ?2 LIMIT {_OLD})"  # noqa: S608
                f" OR id IN (SELECT id FROM {table} WHERE {over} AND ?1 ORDER BY id LIMIT {too_many})",
                (since, before),
            )
        connection.execute(
            "DELETE FROM justified WHERE justification NOT IN (SELECT id FROM justifications) AND expires <= ?",
            (since,),
        )

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._told():
            connection = self._opened()
            return connection.execute(query, values).fetchall() if connection else []

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told(), self._file.transaction() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with self._file.told(self._failed):
                yield
        except OSError as error:
            raise FeedbackError(f"{self._path}: {error.strerror}.") from None

    def _failed(self, name: str) -> FeedbackError:
        return FeedbackError(f"{self._path}: what people said cannot be used ({name}).")

    def _opened(self) -> sqlite3.Connection | None:
        """The connection to the file that is there now; None where there is none."""
        if not self._path.exists():
            self._file.close()
            return None
        return self._file.connection()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        prepare(connection)
        make_tables(connection, TABLES, VERSION, str(self._path), FeedbackError)


def _owned(path: Path) -> os.stat_result:
    """See to the file. One that an administrator made as somebody else, the proxy could not read.

    Raises FeedbackError, OSError.
    """
    there = next(one for one in (path, *path.parents) if one.exists())
    if os.name == "posix" and there.stat().st_uid != os.geteuid():
        raise FeedbackError(
            f"{there} belongs to user {there.stat().st_uid}. Run this as the user that the proxy runs as."
        )
    return closed_file(path, FeedbackError)
