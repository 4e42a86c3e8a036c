"""What a sink is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from outgate.audit.event import AuditEvent


class AuditError(Exception):
    """The audit log cannot be used; ``message`` says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: events no older, files no larger."""

    seconds: float
    size: int  # bytes


class Sink(Protocol):
    """Puts events on disk. Used by one thread at a time; any method may raise OSError or AuditError."""

    def open(self) -> None:
        """Be ready to write; making what is not there yet. Closes what was open before."""

    def write(self, events: deque[AuditEvent]) -> None:
        """Make events durable, taking each off the left of ``events`` once it is."""

    def tidy(self, now: float) -> bool:
        """Remove a little of what is too old or too much (``now``: seconds since the epoch).

        True when there is more to remove.
        """

    def finish(self) -> None:
        """Vouch for what was written, at the end."""

    def close(self) -> None:
        """Let go of the file. Never raises."""
