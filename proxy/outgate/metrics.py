"""Every metric: its name, its help, its labels. And the only code that changes one.

Label values come from fixed sets: the catalogue's providers and formats, the policy's rules and
entities, the house's own words. What is in none of them is ``other``, so nothing that a client
sends becomes a time series. Knows nothing of who calls; how the text is served is the gateway's.
"""

from __future__ import annotations

import platform
import time
from collections import Counter as Tally
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import prometheus_client as prometheus
from prometheus_client.exposition import choose_encoder

from outgate import __version__, attachments, metrics_sharing
from outgate.attachments.kinds import KINDS
from outgate.metrics_rollout import RolloutMetrics
from outgate.model import Action, Outcome, Provider, Role, Verdict
from outgate.policy.exceptions import JUSTIFICATION

OTHER: Final = "other"
BUCKETS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)  # seconds
STAGES: Final = frozenset({"decode", "format", "extract", "detect", "policy", "transform"})
ACTIONS: Final = frozenset(map(str, Action))
ROLES: Final = frozenset(map(str, Role))
# Why inspection failed: the words that rooms give their errors.
REASONS: Final = frozenset(
    (
        # wire and formats
        *("bad_base64", "bad_encoding", "bad_json", "bad_multipart", "duplicate_key", "too_deep"),
        *("too_large", "trailing_bytes", "unknown_encoding"),
        # detection
        *("timeout", "overload", "crash", "detector_error", "not_ready"),
        # pipeline and gateway
        *("unknown_host", "host_mismatch", "exception", "client_left", "audit_unavailable", "signed_body"),
        *("vault", "unrestored", "budget"),
        "bad_request",
    )
)
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
# What came of a file.
OUTCOMES: Final = frozenset({"read", "partly", *attachments.REASONS})
# What blocks without being a rule of the file.
SETTINGS: Final = frozenset({"uninspectable", "on_error", "allowed_accounts"})
# An exchange's one action, when its findings had several: the first of these.
_STRONGEST: Final = (Action.REDACT, Action.MASK, Action.HASH, Action.PSEUDONYMISE)

_LEAVES = (Outcome.FORWARD, Outcome.EDIT)
KINDS_OF_FEEDBACK: Final = frozenset({"not-sensitive", "justify"})

Side = Literal["client", "upstream"]
Refusal = Literal["full", "client_limit", "proxy_protocol"]
WorkerEnd = Literal["crash", "hang", "start"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The label values that this installation's catalogue and policy make possible."""

    providers: frozenset[str] = frozenset()  # ids
    formats: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # and budgets


class _Family[M: (prometheus.Counter, prometheus.Gauge, prometheus.Histogram)]:
    """A metric with labels; finding a child costs one dictionary look-up."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[Hashable, M] = {}

    def __call__(self, *values: str) -> M:
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


class Metrics:
    """What one process counts. Methods are safe in any thread, cheap, and never raise over a value."""

    def __init__(self, vocabulary: Vocabulary = Vocabulary()) -> None:
        self._registry = registry = prometheus.CollectorRegistry()
        self._vocabulary = vocabulary
        self._policy: str | None = None

        def counter(name: str, text: str, *labels: str) -> prometheus.Counter:
            return prometheus.Counter(f"outgate_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, mode: _GaugeMode, *labels: str) -> prometheus.Gauge:
            return prometheus.Gauge(
                f"outgate_{name}", text, labels, registry=registry, multiprocess_mode=mode
            )

        self._exchanges = _Family(
            counter(
                "exchanges",
                "Exchanges by what was done: allow, audit, an edit (the strongest one), block, refuse.",
                *("provider", "jurisdiction", "format", "action"),
            )
        )
        self._findings = _Family(
            counter(
                "findings",
                "Findings of sensitive data, in requests and in answers.",
                "entity",
                "action",
                "provider",
                "role",
                "direction",
            )
        )
        self._inspected = _Family(
            counter("inspected_bytes", "Bytes of decoded bodies inspected.", "provider")
        )
        self._uninspectable = _Family(
            counter("uninspectable", "Files, or parts of them, that nobody could read.", "provider")
        )
        self._attachments = _Family(
            counter(
                "attachments",
                "Files within requests, by what they are, and read, partly, or why not.",
                *("kind", "outcome"),
            )
        )
        self._seconds = _Family(
            prometheus.Histogram(
                "outgate_inspection_seconds",
                "Seconds of inspection by stage; stage=total is all of them.",
                ["stage"],
                registry=registry,
                buckets=BUCKETS,
            )
        )
        self._blocked = _Family(counter("blocked", "Exchanges blocked, by rule.", "rule"))
        self._rules = _Family(
            counter(
                "rules_matched",
                "Exchanges that a rule about the request as a whole noted or let through.",
                "rule",
            )
        )
        self._signed = _Family(
            counter("signed_anew", "Requests that left with a signature of ours after an edit.", "provider")
        )
        self._would_block = _Family(
            counter(
                "would_block", "Exchanges that the rule would have blocked, were it not audit mode.", "rule"
            )
        )
        self._over_budget = _Family(
            counter(
                "budget_exceeded",
                "Exchanges that a budget had too little left for; action is what came of it.",
                *("budget", "action"),
            )
        )
        self._tokens = _Family(
            counter(
                "budget_tokens",
                "Tokens that budgets were charged for, as the provider reported them or estimated.",
                *("provider", "direction", "source"),
            )
        )
        self._coached = _Family(
            counter(
                "coached",
                "Exchanges blocked for want of a reason, and let through for one.",
                "provider",
                "result",
            )
        )
        self._feedback = _Family(
            counter("feedback", "What people said of what was stopped.", "kind", "result")
        )
        self._exceptions = gauge("exceptions_in_force", "Values that an administrator lets pass.", "livemax")
        self._on_error = _Family(
            counter(
                "on_error", "Inspections that failed; action is what on_error made of it.", "reason", "action"
            )
        )
        self._tls_failures = _Family(
            counter("tls_failures", "TLS handshakes that failed, with a client or an upstream.", "side")
        )
        self._refused = _Family(
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
        self._refused = _Family(
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
        self._worker_ends = _Family(
            counter("worker_ends", "Workers that ended unasked, or were ended since they hung.", "reason")
        )
        for reason in get_args(WorkerEnd):  # there from the start, or the first would be no increase
            self._worker_ends(reason)
        self._queue = gauge("detection_queue_depth", "Requests waiting for a detection worker.", "livesum")
        self._cache = _Family(
            counter("detection_cache", "Texts whose findings were known from before, or not.", "result")
        )
        self._policy_info = _Family(
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
        self._policy_loads = _Family(counter("policy_loads", "Attempts to load the policy.", "result"))
        self._ca_days = gauge(
            "ca_days_left", "Days until the first certificate of the CA expires.", "livemostrecent"
        )
        self._audit_dropped = counter("audit_dropped", "Audit events lost.")
        self._audit_failing = gauge("audit_failing", "1 while the audit log cannot be written.", "livemax")
        self._sink_lag = _Family(
            gauge(
                "audit_sink_lag_seconds",
                "Age of the oldest event that a sink has not got.",
                "livemax",
                "sink",
            )
        )
        self._sink_failing = _Family(
            gauge("audit_sink_failing", "1 while a sink takes no audit events.", "livemax", "sink")
        )
        self._sink_dropped = _Family(
            counter("audit_sink_dropped", "Audit events that a sink will never get.", "sink")
        )
        self.rollout = RolloutMetrics(
            registry, lambda: (self._vocabulary.rules | SETTINGS, self._vocabulary.providers)
        )
        build = gauge("build_info", "What is running.", "livemax", "version", "python")
        build.labels(__version__, platform.python_version()).set(1)

    def know(self, vocabulary: Vocabulary) -> None:
        """Take over the label values of a catalogue and policy that were loaded anew."""
        self._vocabulary = vocabulary

    # --- exchanges ---------------------------------------------------------------------------

    def exchange(self, verdict: Verdict) -> None:
        """Count one exchange and everything its verdict tells: once, when the verdict is there."""
        words = self._vocabulary
        provider, jurisdiction = self._provider(verdict.endpoint.provider if verdict.endpoint else None)
        format_name = _known(verdict.endpoint.format if verdict.endpoint else None, words.formats)
        self._exchanges(provider, jurisdiction, format_name, _action(verdict)).inc()
        if verdict.decoded_size:
            self._inspected(provider).inc(verdict.decoded_size)
        if verdict.records:
            tally = Tally((one.entity, one.action, one.role, one.direction) for one in verdict.records)
            for (entity, *told), count in tally.items():
                action, role, direction = map(str, told)
                self._findings(_known(entity, words.entities), action, provider, role, direction).inc(count)
        if verdict.uninspectable:
            self._uninspectable(provider).inc(len(verdict.uninspectable))
        if verdict.seconds:
            total = 0.0
            for stage, seconds in verdict.seconds.items():
                total += seconds
                if stage in STAGES:
                    self._seconds(stage).observe(seconds)
            self._seconds("total").observe(total)
        if verdict.outcome is Outcome.BLOCK:
            self._blocked(_known(verdict.rule, words.rules | SETTINGS)).inc()
        if verdict.signature and not verdict.status:
            self._signed(provider).inc()
        if verdict.coached:
            self._coached(provider, "warned").inc()
        for rule in verdict.rules:
            if rule.startswith(JUSTIFICATION):
                continue
            self._rules(_known(rule, words.rules | SETTINGS)).inc()
        if verdict.outcome in _LEAVES and any(rule.startswith(JUSTIFICATION) for rule in verdict.rules):
            self._coached(provider, "passed").inc()
        if verdict.would_block is not None:
            self._would_block(_known(verdict.would_block, words.rules | SETTINGS)).inc()
        for budget in verdict.overdrawn:
            blocked = verdict.outcome is Outcome.BLOCK and verdict.status == 429 and verdict.rule == budget
            self._over_budget(_known(budget, words.rules), "block" if blocked else "audit").inc()
        if verdict.reason:
            self.on_error(verdict.reason, Action.BLOCK if verdict.outcome is Outcome.REFUSE else Action.ALLOW)

    def tokens(
        self, provider: Provider | None, direction: Literal["input", "output"], count: int, *, estimated: bool
    ) -> None:
        """An answer took so many."""
        if count:
            source = "estimated" if estimated else "reported"
            self._tokens(self._provider(provider)[0], direction, source).inc(count)

    def on_error(self, reason: str, action: Action = Action.BLOCK) -> None:
        """Inspection failed outside the pipeline (``exchange`` counts what the verdict tells)."""
        self._on_error(_known(reason, REASONS), str(action)).inc()

    def attachment(self, kind: str, outcome: str) -> None:
        """A file was opened, or could not be."""
        self._attachments(_known(kind, KINDS), _known(outcome, OUTCOMES)).inc()

    def feedback(self, kind: str, *, taken: bool) -> None:
        """Somebody said something on our pages, and it was kept or not."""
        self._feedback(_known(kind, KINDS_OF_FEEDBACK), "taken" if taken else "refused").inc()

    def exceptions_in_force(self, count: int) -> None:
        """Values that an administrator lets pass, now."""
        self._exceptions.set(count)

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
        self._refused(reason).inc()

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
        self._refused(_known(kind, UNKNOWN)).inc()

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
        if dropped > 0:
            self._sink_dropped(sink).inc(dropped)

    # --- scraping ----------------------------------------------------------------------------

    def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition, of all processes that share their counts, and its content type."""
        encode, content_type = choose_encoder(accept)
        directory = metrics_sharing.directory()
        if directory is None:
            return encode(_InForce(self._registry)), content_type
        with metrics_sharing.collected(directory) as collector:
            return encode(_InForce(collector)), content_type

    def _provider(self, provider: Provider | None) -> tuple[str, str]:
        if provider is None or provider.id not in self._vocabulary.providers:
            return OTHER, OTHER
        return provider.id, provider.jurisdiction


_GaugeMode = Literal["livesum", "livemax", "livemostrecent"]


class _InForce:
    """All metrics, without the hashes of policies that are in force no more."""

    def __init__(self, collector: metrics_sharing.Collected) -> None:
        self._collector = collector

    def collect(self) -> Iterable[prometheus.Metric]:
        for metric in self._collector.collect():
            if metric.name in ("outgate_policy_info", "outgate_policy_track_info"):
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


def _known(value: str | None, known: frozenset[str]) -> str:
    return value if value is not None and value in known else OTHER


def _action(verdict: Verdict) -> str:
    match verdict.outcome:
        case Outcome.BLOCK:
            return "block"
        case Outcome.REFUSE:
            return "refuse"
        case Outcome.EDIT:
            actions = {record.action for record in verdict.records}
            return str(next((action for action in _STRONGEST if action in actions), OTHER))
    audited = verdict.would_block is not None or any(r.action is Action.AUDIT for r in verdict.records)
    return "audit" if audited else "allow"
