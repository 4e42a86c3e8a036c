"""What goes wrong, and what is changed, in the made-up week: the things that panels about running proxies show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from outgate.metrics import Metrics

PROXIES = ("proxy-1:9464", "proxy-2:9464")
# Hashes of policies: in force at first, in force from Thursday on, and on trial.
OLD, NEW, TRIED = (hashlib.sha256(name.encode()).hexdigest() for name in ("old", "new", "tried"))

# How often in five minutes of a busy hour -> what.
NOW_AND_THEN: Sequence[tuple[float, Callable[[Metrics], None]]] = (
    (0.10, lambda metrics: metrics.tls_failure("client")),
    (0.01, lambda metrics: metrics.tls_failure("upstream")),
    (0.05, lambda metrics: metrics.identity_refused("password")),
    (0.03, lambda metrics: metrics.identity_refused("expired")),
    (0.06, lambda metrics: metrics.shadow_connection()),
    (0.02, lambda metrics: metrics.feedback("not-sensitive", taken=True)),
    (0.02, lambda metrics: metrics.feedback("justify", taken=True)),
    (0.004, lambda metrics: metrics.feedback("justify", taken=False)),
)


@dataclass(frozen=True)
class Incident:
    """What happens in each step from some time of the week on, in one step at least."""

    day: int
    hour: float
    hours: float
    what: Callable[[Metrics, datetime, float], None]  # metrics, now, hours since it began
    proxies: Sequence[str] = PROXIES

    def happens(self, metrics: Metrics, now: datetime, since: timedelta, step: timedelta) -> None:
        """If this is its time. ``since``: the week's beginning."""
        began = timedelta(days=self.day, hours=self.hour)
        if began <= since < began + max(timedelta(hours=self.hours), step):
            self.what(metrics, now, (since - began) / timedelta(hours=1))


def _sink_is_away(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.audit_sink("collector", hours * 3600, 0, failing=True)


def _canary(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.rollout.policies({"stable": OLD, "canary": NEW, "shadow": TRIED})


def _new_policy(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.policy_loaded(NEW, at=now.timestamp())
    metrics.rollout.policies({"stable": NEW, "shadow": TRIED})


def _look(result: str, version: int, metrics: Metrics, now: datetime, hours: float) -> None:
    away = hours if result == "unreachable" else 0
    looked = now.timestamp() - away * 3600
    metrics.rollout.source(result, looked=looked, stale=away > 2, version=version)


def _worker_crashes(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.worker_ended("crash")
    metrics.workers_ready(1)


def _worker_is_back(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.workers_ready(2)


def _too_many_connections(metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.connections_refused("client_limit")
    metrics.queue_depth(3)


def _guessing(metrics: Metrics, now: datetime, hours: float) -> None:
    for kind in ("password", "password", "slowed"):
        metrics.identity_refused(kind)


def _exceptions(count: int, metrics: Metrics, now: datetime, hours: float) -> None:
    metrics.exceptions_in_force(count)


INCIDENTS = (
    Incident(0, 0, 57, partial(_look, "unchanged", 11)),
    Incident(0, 15, 0, partial(_exceptions, 3)),
    Incident(1, 10.5, 2, _sink_is_away),
    Incident(2, 9, 0, partial(_look, "taken", 12)),
    Incident(2, 9, 0, _canary),
    Incident(2, 9.01, 50, partial(_look, "unchanged", 12)),
    Incident(2, 14, 0, _worker_crashes, PROXIES[1:]),
    Incident(2, 14.01, 0, _worker_is_back, PROXIES[1:]),
    Incident(3, 9, 0, _new_policy),
    Incident(3, 22, 1, _too_many_connections, PROXIES[:1]),
    Incident(4, 11.01, 3, partial(_look, "unreachable", 12)),
    Incident(4, 13, 0, partial(_exceptions, 2)),
    Incident(4, 14.01, 90, partial(_look, "unchanged", 12)),
    Incident(5, 3, 2, _guessing, PROXIES[1:]),
)
