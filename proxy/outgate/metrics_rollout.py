"""The metrics of roll-outs: where policies come from, which are in force side by side, what a shadow policy would do.

A part of ``metrics``, which it knows nothing of but the words that labels may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import prometheus_client as prometheus

_OTHER: Final = "other"
_RESULTS: Final = frozenset({"taken", "unchanged", "unreachable", "refused"})
_KINDS: Final = frozenset({"same", "would_block", "would_allow", "other_action", "failed", "dropped"})
_TRACKS: Final = ("stable", "canary", "shadow")
# What labels may hold besides: the names of rules, and the ids of providers.
Words = Callable[[], tuple[frozenset[str], frozenset[str]]]


class RolloutMetrics:
    """Methods are safe in any thread, cheap, and never raise over a value."""

    def __init__(self, registry: prometheus.CollectorRegistry, words: Words) -> None:
        self._words = words

        def gauge(name: str, text: str, mode: str, *labels: str) -> prometheus.Gauge:
            return prometheus.Gauge(
                f"outgate_{name}",
                text,
                labels,
                registry=registry,
                multiprocess_mode=mode,  # type: ignore[arg-type]
            )

        def counter(name: str, text: str, *labels: str) -> prometheus.Counter:
            return prometheus.Counter(f"outgate_{name}", text, labels, registry=registry)

        self._tracks = gauge(
            "policy_track_info",
            "The policies in force side by side, by hash: stable for all, canary for some, shadow only asked.",
            "livemax",
            *("track", "hash"),
        )
        self._looks = counter(
            "policy_source_looks", "Looks at the source of policies, by what came of them.", "result"
        )
        self._looked = gauge(
            "policy_source_looked_timestamp_seconds",
            "When the source last gave good answer.",
            "livemostrecent",
        )
        self._failing = gauge(
            "policy_source_failing",
            "1 while the source gives no answer, or what must not be taken.",
            "livemax",
        )
        self._stale = gauge(
            "policy_source_stale",
            "1 while news may be held back: no good look for long, or the release in force has expired.",
            "livemax",
        )
        self._version = gauge(
            "policy_release_version", "Version of the bundle that was taken; 0: of none.", "livemostrecent"
        )
        self._shadowed = counter(
            "shadow_exchanges",
            "Exchanges that the shadow policy was asked about, by how its verdict differs.",
            "result",
        )
        self._differs = counter(
            "shadow_differences",
            "Ways in which its verdicts differ, by the rule that decides.",
            "kind",
            "rule",
            "provider",
        )
        for counted, kinds in ((self._looks, _RESULTS), (self._shadowed, _KINDS)):
            for word in sorted(kinds):  # there from the start, or the first would be no increase
                counted.labels(word)
        self._in_force: dict[str, str] = {}

    def policies(self, hashes: Mapping[str, str]) -> None:
        """These policies are in force now: track -> hash."""
        for track in _TRACKS:
            before, now = self._in_force.get(track), hashes.get(track)
            if before is not None and before != now:
                self._tracks.labels(track, before[:16]).set(0)
            if now is not None:
                self._tracks.labels(track, now[:16]).set(1)
        self._in_force = dict(hashes)

    def source(self, result: str, *, looked: float, stale: bool, version: int) -> None:
        """The source was looked at; ``looked``: when with a good answer, in seconds since the epoch."""
        self._looks.labels(result if result in _RESULTS else _OTHER).inc()
        self._failing.set(0 if result in ("taken", "unchanged") else 1)
        self._looked.set(looked)
        self._stale.set(1 if stale else 0)
        self._version.set(version)

    def shadowed(self, result: str) -> None:
        """The shadow policy was asked about an exchange, or was to be."""
        self._shadowed.labels(result if result in _KINDS else _OTHER).inc()

    def shadow_differs(self, kind: str, rule: str, provider: str) -> None:
        """Its verdict differs in this way."""
        rules, providers = self._words()
        self._differs.labels(
            kind if kind in _KINDS else _OTHER,
            rule if rule in rules else _OTHER,
            provider if provider in providers else _OTHER,
        ).inc()
