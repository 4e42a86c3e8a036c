"""Every metric: its name, its help, its labels. And the only code that changes one.

Label values come from fixed sets: the catalogue's providers and formats, the policy's rules and
entities, the house's own words. What is in none of them is ``other``, so nothing that a client
sends becomes a time series. Knows nothing of who calls; how the text is served is the gateway's.
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import prometheus_client as prometheus
from prometheus_client.exposition import choose_encoder

from outgate import __version__, attachments, metrics_sharing
from outgate.attachments.kinds import KINDS
from outgate.metrics_family import OTHER, Family, Maker, known
from outgate.metrics_rollout import RolloutMetrics
from outgate.metrics_running import RunningMetrics
from outgate.model import JUSTIFICATION, Action, Outcome, Provider, Role, Verdict

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
# What came of a file.
OUTCOMES: Final = frozenset({"read", "partly", *attachments.REASONS})
# What blocks without being a rule of the file.
SETTINGS: Final = frozenset({"uninspectable", "on_error", "allowed_accounts"})
# An exchange's one action, when its findings had several: the first of these.
_STRONGEST: Final = (Action.REDACT, Action.MASK, Action.HASH, Action.PSEUDONYMISE)

_LEAVES = (Outcome.FORWARD, Outcome.EDIT)
_STOPPED: Final = ("block", "refuse")  # as actions of exchanges
KINDS_OF_FEEDBACK: Final = frozenset({"not-sensitive", "justify"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The label values that this installation's catalogue and policy make possible."""

    providers: frozenset[str] = frozenset()  # ids
    formats: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # and budgets


class Metrics(RunningMetrics):
    """What one process counts. Methods are safe in any thread, cheap, and never raise over a value."""

    def __init__(self, vocabulary: Vocabulary = Vocabulary()) -> None:
        self._registry = registry = prometheus.CollectorRegistry()
        self._vocabulary = vocabulary
        make = Maker(registry)
        counter, gauge = make.counter, make.gauge
        super().__init__(make)
        self._exchanges = Family(
            counter(
                "exchanges",
                "Exchanges by what was done: allow, audit, an edit (the strongest one), block, refuse.",
                *("provider", "jurisdiction", "format", "action"),
            )
        )
        self._ways: set[tuple[str, str, str]] = set()  # provider, jurisdiction, format of exchanges so far
        self._findings = Family(
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
        self._inspected = Family(counter("inspected_bytes", "Bytes of decoded bodies inspected.", "provider"))
        self._uninspectable = Family(
            counter("uninspectable", "Files, or parts of them, that nobody could read.", "provider")
        )
        self._attachments = Family(
            counter(
                "attachments",
                "Files within requests, by what they are, and read, partly, or why not.",
                *("kind", "outcome"),
            )
        )
        self._seconds = Family(
            prometheus.Histogram(
                "outgate_inspection_seconds",
                "Seconds of inspection by stage; stage=total is all of them.",
                ["stage"],
                registry=registry,
                buckets=BUCKETS,
            )
        )
        self._blocked = Family(counter("blocked", "Exchanges blocked, by rule.", "rule"))
        self._rules = Family(
            counter(
                "rules_matched",
                "Exchanges that a rule about the request as a whole noted or let through.",
                "rule",
            )
        )
        self._signed = Family(
            counter("signed_anew", "Requests that left with a signature of ours after an edit.", "provider")
        )
        self._would_block = Family(
            counter(
                "would_block", "Exchanges that the rule would have blocked, were it not audit mode.", "rule"
            )
        )
        self._over_budget = Family(
            counter(
                "budget_exceeded",
                "Exchanges that a budget had too little left for; action is what came of it.",
                *("budget", "action"),
            )
        )
        self._tokens = Family(
            counter(
                "budget_tokens",
                "Tokens that budgets were charged for, as the provider reported them or estimated.",
                *("provider", "direction", "source"),
            )
        )
        self._coached = Family(
            counter(
                "coached",
                "Exchanges blocked for want of a reason, and let through for one.",
                "provider",
                "result",
            )
        )
        self._feedback = Family(
            counter("feedback", "What people said of what was stopped.", "kind", "result")
        )
        self._exceptions = gauge("exceptions_in_force", "Values that an administrator lets pass.", "livemax")
        self._on_error = Family(
            counter(
                "on_error", "Inspections that failed; action is what on_error made of it.", "reason", "action"
            )
        )
        self.rollout = RolloutMetrics(
            registry, lambda: (self._vocabulary.rules | SETTINGS, self._vocabulary.providers)
        )
        for reason in sorted(REASONS | {OTHER}):  # there from the start, or the first would be no increase
            for action in (Action.ALLOW, Action.BLOCK):
                self._on_error(reason, str(action))
        for kind in sorted(KINDS_OF_FEEDBACK):
            for result in ("taken", "refused"):
                self._feedback(kind, result)
        self.know(vocabulary)
        build = gauge("build_info", "What is running.", "livemax", "version", "python")
        build.labels(__version__, platform.python_version()).set(1)

    def know(self, vocabulary: Vocabulary) -> None:
        """Take over the label values of a catalogue and policy that were loaded anew."""
        self._vocabulary = vocabulary
        for rule in sorted(vocabulary.rules | SETTINGS):
            self._blocked(rule)
            self._would_block(rule)

    # --- exchanges ---------------------------------------------------------------------------

    def exchange(self, verdict: Verdict) -> None:
        """Count one exchange and everything its verdict tells: once, when the verdict is there."""
        words = self._vocabulary
        provider, jurisdiction = self._provider(verdict.endpoint.provider if verdict.endpoint else None)
        format_name = known(verdict.endpoint.format if verdict.endpoint else None, words.formats)
        way = provider, jurisdiction, format_name
        if way not in self._ways:
            self._ways.add(way)
            for action in _STOPPED:  # there before the first, which would be no increase else
                self._exchanges(*way, action)
        self._exchanges(*way, _action(verdict)).inc()
        if verdict.decoded_size:
            self._inspected(provider).inc(verdict.decoded_size)
        if verdict.records:
            tally = Tally((one.entity, one.action, one.role, one.direction) for one in verdict.records)
            for (entity, *told), count in tally.items():
                action, role, direction = map(str, told)
                self._findings(known(entity, words.entities), action, provider, role, direction).inc(count)
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
            self._blocked(known(verdict.rule, words.rules | SETTINGS)).inc()
        if verdict.signature and not verdict.status:
            self._signed(provider).inc()
        if verdict.coached:
            self._coached(provider, "warned").inc()
        for rule in verdict.rules:
            if rule.startswith(JUSTIFICATION):
                continue
            self._rules(known(rule, words.rules | SETTINGS)).inc()
        if verdict.outcome in _LEAVES and any(rule.startswith(JUSTIFICATION) for rule in verdict.rules):
            self._coached(provider, "passed").inc()
        if verdict.would_block is not None:
            self._would_block(known(verdict.would_block, words.rules | SETTINGS)).inc()
        for budget in verdict.overdrawn:
            blocked = verdict.outcome is Outcome.BLOCK and verdict.status == 429 and verdict.rule == budget
            self._over_budget(known(budget, words.rules), "block" if blocked else "audit").inc()
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
        self._on_error(known(reason, REASONS), str(action)).inc()

    def attachment(self, kind: str, outcome: str) -> None:
        """A file was opened, or could not be."""
        self._attachments(known(kind, KINDS), known(outcome, OUTCOMES)).inc()

    def feedback(self, kind: str, *, taken: bool) -> None:
        """Somebody said something on our pages, and it was kept or not."""
        self._feedback(known(kind, KINDS_OF_FEEDBACK), "taken" if taken else "refused").inc()

    def exceptions_in_force(self, count: int) -> None:
        """Values that an administrator lets pass, now."""
        self._exceptions.set(count)

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


class _InForce:
    """All metrics, without the hashes of policies that are in force no more."""

    def __init__(self, collector: metrics_sharing.Collected) -> None:
        self._collector = collector

    def collect(self) -> Iterable[prometheus.Metric]:
        for metric in self._collector.collect():
            if metric.name in ("outgate_policy_info", "outgate_policy_track_info"):
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


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
