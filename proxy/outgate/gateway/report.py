"""What is told of an exchange once it is over: to the metrics and to the audit log, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from outgate.audit import AuditEvent, AuditLog
from outgate.formats.usage import Meter
from outgate.metrics import Metrics
from outgate.model import Action, Exchange, Verdict


@dataclass(slots=True)
class Report:
    """An exchange under way."""

    exchange: Exchange
    verdict: Verdict
    started: float  # time.perf_counter seconds
    request_bytes: int
    policy: str  # hash of the one that judged it, which need not be in force any more
    response_bytes: int = 0
    streaming: bool = False
    meter: Meter | None = None  # reads along, where a budget is charged for the answer

    def stream(
        self, reporter: Reporter, through: Callable[[bytes], bytes | list[bytes]] | None = None
    ) -> Callable[[bytes], bytes | list[bytes]]:
        """A pass-through for the answer's bytes that counts them, and then gives them to ``through``."""
        self.streaming = True
        reporter.metrics.stream_opened()
        meter = self.meter

        def count(data: bytes) -> bytes | list[bytes]:
            self.response_bytes += len(data)
            if meter is not None:
                meter.feed(data)
            return through(data) if through else data or []

        return count


class Reporter:
    """One place that tells, so that metrics and audit never disagree."""

    def __init__(self, metrics: Metrics, audit: AuditLog, *, required: bool) -> None:
        self.metrics = metrics
        self._audit = audit
        self._required = required

    def may_forward(self) -> bool:
        """Whether exchanges may go on although the audit log may be failing (``audit.on_error``)."""
        return self._audit.healthy or not self._required

    def error(self, reason: str) -> None:
        """Something of ours broke before there was anything to report."""
        self.metrics.on_error(reason)

    def unrestored(self, reason: str) -> None:
        """An answer was passed on with a placeholder that may be one of the client's."""
        self.metrics.on_error(reason, Action.ALLOW)

    def finish(self, report: Report, status: int, own_bytes: int) -> None:
        """The exchange is over."""
        if report.streaming:
            self.metrics.stream_closed()
        seconds = time.perf_counter() - report.started
        self.metrics.exchange(report.verdict)
        self._audit.record(
            AuditEvent.of(
                report.exchange,
                report.verdict,
                policy_hash=report.policy,
                status=status,
                request_bytes=report.request_bytes,
                response_bytes=report.response_bytes or own_bytes,
                seconds=seconds,
                streamed=report.streaming,
            )
        )
