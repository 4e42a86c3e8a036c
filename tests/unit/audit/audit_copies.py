"""A log that is being copied to another machine, quickly."""

from __future__ import annotations

from typing import Any

from audit_logs import Log

from outgate.audit.remote.forwarder import Forwarder
from outgate.audit.remote.forwarding import sink_of
from outgate.settings import Settings
from outgate.settings.audit import AnySink


def section(**values: Any) -> AnySink:
    return Settings(audit={"sinks": [values]}).audit.sinks[0]


class Sending:
    """A forwarder at work, and what it told."""

    def __init__(self, log: Log, settings: AnySink) -> None:
        self.told: list[tuple[float, int, bool]] = []
        watch = lambda _name, behind, lost, failing: self.told.append((behind, lost, failing))  # noqa: E731
        self.forwarder = Forwarder("copy", log.path, sink_of(settings), settings.batch, watch)
        self.forwarder.start()

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        self.forwarder.stop()
        self.forwarder.join(10)

    @property
    def lost(self) -> int:
        return sum(lost for _, lost, _ in self.told)

    @property
    def failing(self) -> bool:
        return bool(self.told) and self.told[-1][2]
