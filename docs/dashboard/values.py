"""Numbers as Grafana's units write them (its source: packages/grafana-data/src/valueFormats), colours by its names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

# Shades of Grafana's palette, by the names that dashboards use (packages/grafana-data/src/themes).
COLOURS = {
    "green": "#56a64b",
    "yellow": "#e0b400",
    "orange": "#ff780a",
    "red": "#e02f44",
    "blue": "#3274d9",
    "purple": "#a352cc",
    "text": "#1f2328",
}
# In which series are coloured that no rule colours.
PALETTE = (
    *("#56a64b", "#e0b400", "#3274d9", "#ff780a", "#e02f44", "#7b61c4", "#33a2a6", "#a0703c"),
    *("#8ab8ff", "#c15c17", "#705da0", "#508642"),
)
_COUNT = ("", "K", "M", "B", "T")


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit. Raises KeyError for a unit that is not known here."""
    if math.isnan(value):
        return "–"
    if unit.startswith("count:"):
        return _counted(value, decimals, unit.removeprefix("count:"))
    return _WRITERS[unit](value, decimals)


def colour(name: str) -> str:
    """As CSS has it, from a name or from itself."""
    return COLOURS.get(name, name)


def threshold(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    """The colour of the highest step that the value reaches; a step without a value is the lowest."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return colour(reached[-1])


def _plain(value: float, decimals: int | None) -> str:
    """Two or three digits that count, unless it is said how many stand behind the point."""
    if decimals is None:
        whole = math.isclose(value, round(value), abs_tol=1e-9)
        decimals = 0 if whole or value == 0 else max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def _scaled(value: float, decimals: int | None, units: Sequence[str]) -> str:
    size = 0 if value == 0 else min(max(math.floor(math.log10(abs(value)) / 3), 0), len(units) - 1)
    return f"{_plain(value / 1000**size, decimals)}{units[size]}"


def _counted(value: float, decimals: int | None, what: str) -> str:
    return f"{_scaled(value, decimals, _COUNT)} {what}"


def _seconds(value: float, decimals: int | None) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(value) >= size:
            many = "s" if unit in ("day", "hour", "min") and round(value / size, 2) != 1 else ""
            return f"{_plain(value / size, decimals)} {unit}{many}"
    return f"{_plain(value, decimals)} s"


_WRITERS: dict[str, Callable[[float, int | None], str]] = {
    "none": _plain,
    "short": lambda value, decimals: _scaled(value, decimals, ("", " K", " Mil", " Bil")),
    "locale": lambda value, decimals: f"{value:,.{3 if decimals is None else decimals}f}",
    "percentunit": lambda value, decimals: f"{_plain(value * 100, decimals)}%",
    "reqps": lambda value, decimals: _counted(value, decimals, "req/s"),
    "reqpm": lambda value, decimals: _counted(value, decimals, "req/m"),
    "cps": lambda value, decimals: _counted(value, decimals, "c/s"),
    "cpm": lambda value, decimals: _counted(value, decimals, "c/m"),
    "Bps": lambda value, decimals: _scaled(value, decimals, (" B/s", " kB/s", " MB/s", " GB/s")),
    "s": _seconds,
    "dateTimeAsIso": lambda value, _: f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}",
}
