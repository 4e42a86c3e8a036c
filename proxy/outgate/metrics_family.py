"""What metrics are made with: families that find a child cheaply, and label values that are from known sets."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Literal

import prometheus_client as prometheus

OTHER: Final = "other"
GaugeMode = Literal["livesum", "livemax", "livemostrecent"]


class Family[M: (prometheus.Counter, prometheus.Gauge, prometheus.Histogram)]:
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


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes metrics of one registry."""

    registry: prometheus.CollectorRegistry

    def counter(self, name: str, text: str, *labels: str) -> prometheus.Counter:
        """One that only rises."""
        return prometheus.Counter(f"outgate_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, mode: GaugeMode, *labels: str) -> prometheus.Gauge:
        """One that rises and falls; ``mode``: what several processes' are together."""
        return prometheus.Gauge(
            f"outgate_{name}", text, labels, registry=self.registry, multiprocess_mode=mode
        )


def known(value: str | None, known: frozenset[str]) -> str:
    """The value itself if it is one of them, else ``other``."""
    return value if value is not None and value in known else OTHER
