"""The panels of a Grafana dashboard, and what Prometheus answers to their queries, with Grafana's variables filled in.

Of Grafana's model only what deploy/grafana/dashboard.json uses; what is not known here raises KeyError in ``page``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .prometheus import Prometheus

COLUMNS = 24  # of Grafana's grid
# Steps that Grafana rounds an interval to, in seconds.
_STEPS = (60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800)


@dataclass(frozen=True)
class Panel:
    """One panel. ``place``: x, y, w, h in the grid, y from the row's first line."""

    title: str
    description: str
    kind: str
    place: tuple[int, int, int, int]
    targets: Sequence[Mapping[str, Any]]
    defaults: Mapping[str, Any]  # of fields: unit, decimals, thresholds, ...
    overrides: Mapping[tuple[str, str], Mapping[str, Any]]  # matcher, what it matches -> property -> value
    options: Mapping[str, Any]
    transformations: Sequence[Mapping[str, Any]]
    interval: int  # the least, in seconds

    def of(self, name: str, query: str, what: str, default: Any = None) -> Any:
        """A property of a field, by its name and its query's refId: its override, or what holds for all."""
        for matched in (("byName", name), ("byFrameRefID", query)):
            if what in self.overrides.get(matched, {}):
                return self.overrides[matched][what]
        found: Any = self.defaults
        for key in what.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return default if found is None else found


@dataclass(frozen=True)
class Row:
    """Panels under a heading; ``folded``: only the heading is shown until it is clicked."""

    title: str
    folded: bool
    panels: list[Panel] = field(default_factory=list)


@dataclass(frozen=True)
class Series:
    """What a query answered: of an instant one, a single point. Points are (seconds since the epoch, value)."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    query: str  # refId

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]


@dataclass(frozen=True)
class Span:
    """The time that is shown; ``scrape``: between two scrapes."""

    start: datetime
    end: datetime
    scrape: timedelta

    def interval(self, pixels: float, least: int = 0) -> timedelta:
        """Grafana's ``$__interval``: about a point a pixel."""
        exact = (self.end - self.start).total_seconds() / pixels
        return timedelta(seconds=max(least, next((step for step in _STEPS if step >= exact), _STEPS[-1])))

    def filled(self, expression: str, interval: timedelta) -> str:
        """The expression with Grafana's variables filled in; all proxies are chosen."""
        rate = max(interval + self.scrape, 4 * self.scrape)
        values = {
            "__rate_interval": f"{rate // timedelta(seconds=1)}s",
            "__interval": f"{interval // timedelta(seconds=1)}s",
            "__range": f"{(self.end - self.start) // timedelta(seconds=1)}s",
            "instance": ".*",
        }
        return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


def rows(dashboard: Mapping[str, Any]) -> list[Row]:
    """All its rows, with the panels of those that are folded too."""
    found: list[Row] = []
    for told in dashboard["panels"]:
        if told["type"] == "row":
            found.append(Row(told["title"], told["collapsed"], [*_read(told["panels"], told)]))
            under = told
        else:
            found[-1].panels.extend(_read([told], under))
    return found


def answers(panel: Panel, prometheus: Prometheus, span: Span, pixels: float) -> list[Series]:
    """What its queries answer, in their order; ``pixels``: its width."""
    interval = span.interval(pixels, panel.interval)
    found = []
    for target in panel.targets:
        expression = span.filled(target["expr"], interval)
        if target.get("instant"):
            result = prometheus.at(expression, span.end)
        else:
            result = prometheus.over(expression, span.start, span.end, interval)
        for series in result:
            pairs = series.get("values") or [series["value"]]
            points = [(float(time), float(value)) for time, value in pairs if value != "NaN"]
            if points and not all(math.isinf(value) for _, value in points):
                name = _legend(target.get("legendFormat", ""), series["metric"]) or panel.title
                found.append(Series(name, series["metric"], points, target["refId"]))
    return found


def marks(dashboard: Mapping[str, Any], prometheus: Prometheus, span: Span) -> list[float]:
    """When its annotations say that something happened, in seconds since the epoch: those that tell it by value."""
    found = {
        float(value) / 1000
        for told in dashboard["annotations"]["list"]
        for series in prometheus.over(
            span.filled(told["expr"], span.scrape), span.start, span.end, span.scrape
        )
        for _, value in series["values"]
        if told["useValueForTime"]
    }
    return sorted(time for time in found if span.start.timestamp() <= time <= span.end.timestamp())


def _read(told: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> Iterator[Panel]:
    for panel in told:
        place, config = panel["gridPos"], panel["fieldConfig"]
        minutes = panel.get("interval", "0m").removesuffix("m")
        yield Panel(
            panel["title"],
            panel.get("description", ""),
            panel["type"],
            (place["x"], place["y"] - row["gridPos"]["y"] - 1, place["w"], place["h"]),
            panel["targets"],
            config["defaults"],
            {
                _matched(one): {each["id"]: each["value"] for each in one["properties"]}
                for one in config["overrides"]
            },
            panel.get("options", {}),
            panel.get("transformations", []),
            int(minutes) * 60,
        )


def _matched(override: Mapping[str, Any]) -> tuple[str, str]:
    return override["matcher"]["id"], override["matcher"]["options"]


def _legend(text: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), text)
