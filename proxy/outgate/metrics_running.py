"""The metrics of a process that runs: connections, queues, workers, the policy in force, the CA, the audit log.

A part of ``metrics``; what becomes of exchanges is counted there.
"""

from __future__ import annotations

import time
from typing import Final, Literal, get_args

from outgate.metrics_family import OTHER, Family, Maker, known

# Why it was not known who was asking.
UNKNOWN: Final = frozenset(
    (
        "missing",
        "malformed",
        "password",
        "token",
        "header",
        "slowed",
        "unavailable",
        "expired",
        "error",
        "file",
    )
)
Side = Literal["client", "upstream"]
Refusal = Literal["full", "client_limit", "proxy_protocol"]
WorkerEnd = Literal["crash", "hang", "start"]


class RunningMetrics:
    """Methods are safe in any thread, cheap, and never raise over a value."""

    def __init__(self, make: Maker) -> None:
        counter, gauge = make.counter, make.gauge
        self._policy: str | None = None
        self._tls_failures = Family(
            counter("tls_failures", "TLS handshakes that failed, with a client or an upstream.", "side")
        )
        self._refused = Family(
            counter(
                "identity_refused",
                "Requests and connections refused because it was not known who was asking, by kind; "
                "kind=file: a file of users, keys or groups that could not be used anew.",
                "kind",
            )
        )
        self._tunnels = counter("tunnels", "Connections passed through unopened.")
        self._shadow = counter(
            "shadow_connections",
            "Connections passed through unopened to what looks like an AI service outside the catalogue.",
        )
        self._tunnels_open = gauge("tunnels_open", "Tunnels that are open now.", "livesum")
        self._streams = gauge("streams_active", "Streamed answers under way.", "livesum")
        self._connections = gauge("connections_open", "Clients' connections that are open now.", "livesum")
        self._turned_away = Family(
            counter(
                "connections_refused",
                "Connections closed at once or kept waiting: full, client_limit, proxy_protocol.",
                "reason",
            )
        )
        self._requests = gauge(
            "requests_under_way", "Requests that are being inspected or answered now.", "livesum"
        )
        self._workers = gauge("workers_ready", "Workers that accept connections and can inspect.", "livesum")
        self._worker_ends = Family(
            counter("worker_ends", "Workers that ended unasked, or were ended since they hung.", "reason")
        )
        self._queue = gauge("detection_queue_depth", "Requests waiting for a detection worker.", "livesum")
        self._cache = Family(
            counter("detection_cache", "Texts whose findings were known from before, or not.", "result")
        )
        self._policy_info = Family(
            gauge(
                "policy_info", "The policy in force, by hash; 1 wherever it is in force.", "livemax", "hash"
            )
        )
        self._policy_loaded = gauge(
            "policy_loaded_timestamp_seconds", "When the policy in force was loaded.", "livemostrecent"
        )
        self._policy_failing = gauge(
            "policy_load_failed",
            "1 while the policy file on disk cannot be used and an older one is.",
            "livemax",
        )
        self._policy_loads = Family(counter("policy_loads", "Attempts to load the policy.", "result"))
        self._ca_days = gauge(
            "ca_days_left", "Days until the first certificate of the CA expires.", "livemostrecent"
        )
        self._audit_dropped = counter("audit_dropped", "Audit events lost.")
        self._audit_failing = gauge("audit_failing", "1 while the audit log cannot be written.", "livemax")
        self._sink_lag = Family(
            gauge(
                "audit_sink_lag_seconds",
                "Age of the oldest event that a sink has not got.",
                "livemax",
                "sink",
            )
        )
        self._sink_failing = Family(
            gauge("audit_sink_failing", "1 while a sink takes no audit events.", "livemax", "sink")
        )
        self._sink_dropped = Family(
            counter("audit_sink_dropped", "Audit events that a sink will never get.", "sink")
        )
        for family, words in (
            (self._tls_failures, get_args(Side)),
            (self._refused, (*sorted(UNKNOWN), OTHER)),
            (self._turned_away, get_args(Refusal)),
            (self._worker_ends, get_args(WorkerEnd)),
            (self._policy_loads, ("loaded", "failed")),
        ):
            for word in words:  # there from the start, or the first would be no increase
                family(word)

    # --- connections and queues --------------------------------------------------------------

    def tunnel_opened(self) -> None:
        """A connection is being passed through unopened."""
        self._tunnels.inc()
        self._tunnels_open.inc()

    def tunnel_closed(self) -> None:
        """A tunnel has ended."""
        self._tunnels_open.dec()

    def shadow_connection(self) -> None:
        """A tunnel leads to what looks like an AI service that is not in the catalogue."""
        self._shadow.inc()

    def stream_opened(self) -> None:
        """A streamed answer has begun."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """A streamed answer has ended, however it ended."""
        self._streams.dec()

    def connections_open(self, count: int) -> None:
        """How many connections of clients this process has."""
        self._connections.set(count)

    def connections_refused(self, reason: Refusal) -> None:
        """A connection was closed before anything was read of it; ``full``: from now on they have to wait."""
        self._turned_away(reason).inc()

    def requests_under_way(self, count: int) -> None:
        """How many requests are being inspected or answered by this process."""
        self._requests.set(count)

    def workers_ready(self, count: int) -> None:
        """How many of a supervisor's workers serve."""
        self._workers.set(count)

    def worker_ended(self, reason: WorkerEnd) -> None:
        """One is being replaced that nobody had asked to end."""
        self._worker_ends(reason).inc()

    def queue_depth(self, waiting: int) -> None:
        """How many requests wait for a detection worker of this process."""
        self._queue.set(waiting)

    def detection_cache(self, hits: int, misses: int) -> None:
        """How often a text was known, and not, since the last call."""
        self._cache("hit").inc(hits)
        self._cache("miss").inc(misses)

    def tls_failure(self, side: Side) -> None:
        """A handshake failed."""
        self._tls_failures(side if side in ("client", "upstream") else OTHER).inc()

    def identity_refused(self, kind: str) -> None:
        """Nobody knew who was asking."""
        self._refused(known(kind, UNKNOWN)).inc()

    # --- policy, CA, audit -------------------------------------------------------------------

    def policy_loaded(self, policy_hash: str, *, at: float | None = None) -> None:
        """A policy took effect; ``at`` is in seconds since the epoch (default: now)."""
        if self._policy not in (None, policy_hash):
            self._policy_info(str(self._policy)[:16]).set(0)
        self._policy = policy_hash
        self._policy_info(policy_hash[:16]).set(1)
        self._policy_loaded.set(time.time() if at is None else at)
        self._policy_failing.set(0)
        self._policy_loads("loaded").inc()

    def policy_failed(self) -> None:
        """A policy file could not be used; the older policy stays in force."""
        self._policy_failing.set(1)
        self._policy_loads("failed").inc()

    def ca_days_left(self, days: float) -> None:
        """Days until the first certificate of the CA expires."""
        self._ca_days.set(days)

    def audit(self, healthy: bool, dropped: int) -> None:
        """How the audit log does, and how many events it lost since the last call."""
        self._audit_failing.set(0 if healthy else 1)
        if dropped > 0:
            self._audit_dropped.inc(dropped)

    def audit_sink(self, sink: str, lag: float, dropped: int, failing: bool) -> None:
        """How far a sink (its name in the settings) is behind, in seconds, and how many events it lost since."""
        self._sink_lag(sink).set(lag)
        self._sink_failing(sink).set(1 if failing else 0)
        self._sink_dropped(sink).inc(max(dropped, 0))  # there before any is lost
