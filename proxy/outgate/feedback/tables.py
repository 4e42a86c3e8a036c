"""The tables of feedback, and what their rows are."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

VERSION = 1
TABLES = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,  -- milliseconds since 1970, UTC, as everywhere here
    reference TEXT NOT NULL,
    person TEXT NOT NULL,
    provider TEXT,
    rule TEXT,
    entity TEXT NOT NULL,
    role TEXT NOT NULL,
    place TEXT NOT NULL,
    score REAL NOT NULL,
    action TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reason TEXT NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'open',
    decided INTEGER,
    decided_by TEXT,
    UNIQUE (fingerprint, person)
) STRICT;
CREATE INDEX reports_by_state ON reports (state, time);
CREATE INDEX reports_by_person ON reports (person, state);
CREATE TABLE exceptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: it stands in audit events
    fingerprint TEXT NOT NULL,
    entity TEXT NOT NULL,
    who TEXT NOT NULL,
    provider TEXT,
    made INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    expires INTEGER NOT NULL,
    revoked INTEGER,
    revoked_by TEXT
) STRICT;
CREATE INDEX exceptions_by_end ON exceptions (expires);
CREATE TABLE justifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    reference TEXT NOT NULL,
    person TEXT NOT NULL,
    provider TEXT NOT NULL,
    reason TEXT NOT NULL,
    given_by TEXT NOT NULL
) STRICT;
CREATE INDEX justifications_by_reference ON justifications (reference);
CREATE TABLE justified (
    justification INTEGER NOT NULL,
    rule TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (justification, rule, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX justified_by_end ON justified (expires);
"""


class State(StrEnum):
    """Of a report."""

    OPEN = "open"
    ALLOWED = "allowed"
    REJECTED = "rejected"


class Report(NamedTuple):
    """Somebody says that a finding is not sensitive."""

    id: int
    time: int
    reference: str  # of the exchange it was last said of
    person: str
    provider: str | None
    rule: str | None
    entity: str
    role: str
    place: str
    score: float
    action: str
    fingerprint: str
    reason: str  # values taken out
    times: int  # that it was said
    state: str
    decided: int | None
    decided_by: str | None


class KeptException(NamedTuple):
    """What an administrator made of it."""

    id: int
    fingerprint: str
    entity: str
    who: str
    provider: str | None
    made: int
    made_by: str
    expires: int
    revoked: int | None
    revoked_by: str | None


class Justification(NamedTuple):
    """Somebody's reason for what a coaching rule blocked."""

    id: int
    time: int
    reference: str
    person: str
    provider: str
    reason: str  # values taken out
    given_by: str
    expires: int  # the last of its values


class Tally(NamedTuple):
    """How often findings of an entity, by a rule, were said not to be sensitive, and what was made of it."""

    rule: str | None
    entity: str
    reports: int  # one for each person and value
    persons: int
    open: int
    allowed: int
    rejected: int


class Forgotten(NamedTuple):
    """How much was kept of somebody who was forgotten."""

    reports: int
    reasons: int
    exceptions: int


def milliseconds(time: datetime) -> int:
    """Since 1970."""
    return int(time.timestamp() * 1000)


def moment(time: int) -> datetime:
    """The other way."""
    return datetime.fromtimestamp(time / 1000, UTC)
