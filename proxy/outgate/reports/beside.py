"""What else is known of a time, that is in no event: given to a report by whoever asks for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from outgate.model import Provider


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """What people said of a rule's findings of an entity."""

    rule: str | None
    entity: str
    reports: int
    people: int
    open: int  # waiting for a decision
    allowed: int  # "not sensitive" was right
    rejected: int


@dataclass(frozen=True, slots=True)
class ShadowHost:
    """What looks like an AI service and is in no catalogue."""

    host: str
    people: int
    connections: int
    sent: int  # bytes
    received: int


@dataclass(frozen=True, slots=True)
class Beside:
    """All of it. None: it is not known."""

    since: datetime | None = None  # asked for
    until: datetime | None = None
    made: datetime | None = None
    mode: Literal["enforce", "audit"] | None = None  # of the policy in force
    policy: str = ""  # its name and hash
    retention_days: float | None = None  # of the audit log
    providers: dict[str, Provider] = field(default_factory=dict)
    false_alarms: tuple[FalseAlarms, ...] | None = None
    shadow: tuple[ShadowHost, ...] | None = None
    budgets: frozenset[str] = frozenset()  # names of the policy's budgets
