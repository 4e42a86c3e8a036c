"""Kinds of panels, as HTML: what stands below the title. Those of tables are in ``tables``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .charts import Line, Scale, chart
from .panels import Panel, Series, Span
from .values import PALETTE, colour, threshold, written


def timeseries(
    panel: Panel, found: Sequence[Series], span: Span, size: tuple[float, float], marks: Sequence[float]
) -> str:
    """Lines, areas or bars over time, and what each is; ``marks``: when something happened, in seconds."""
    lines = [
        Line(
            series,
            colour_of(panel, series, number),
            panel.of(series.name, series.query, "custom.lineWidth", 1),
            panel.of(series.name, series.query, "custom.fillOpacity", 0) / 100,
            panel.of(series.name, series.query, "custom.drawStyle") == "bars",
            panel.of(series.name, series.query, "custom.stacking.mode") == "normal",
        )
        for number, series in enumerate(found)
    ]
    width, height = size
    legend = (
        '<div class="legend">' + "".join(_key(line.colour, line.series.name) for line in lines) + "</div>"
    )
    letters = sum(len(line.series.name) * 6.6 + 34 for line in lines)
    below = 20 * math.ceil(letters / (width - 16)) + 2

    def write(value: float) -> str:
        return written(value, panel.defaults["unit"], panel.defaults.get("decimals"))

    step = span.interval(width, panel.interval)
    scale = Scale(panel.defaults.get("max"), panel.defaults.get("decimals") == 0, write)
    return chart(lines, span, step, (width, height - below), scale, marks) + legend


def stat(panel: Panel, found: Sequence[Series]) -> str:
    """The last value of each series, large."""
    tiles = []
    for series in found:
        value, name = series.last, series.name
        shade = threshold(
            value, panel.of(name, series.query, "thresholds.steps", [{"color": "text", "value": None}])
        )
        label = f"<small>{escape(name)}</small>" if len(found) > 1 else ""
        tiles.append(
            f'<div class="tile">{label}<b style="color:{shade}">{escape(text_of(panel, name, value))}</b></div>'
        )
    return f'<div class="stat">{"".join(tiles)}</div>'


def bargauge(panel: Panel, found: Sequence[Series]) -> str:
    """A bar for each series, as long as its value."""
    most = max((series.last for series in found), default=0) or 1
    above = panel.options["namePlacement"] == "top"
    bars = []
    for number, series in enumerate(found):
        bar = f"<i style='width:{100 * series.last / most:.1f}%;background:{colour_of(panel, series, number)}'></i>"
        value = f"<td class='num'>{escape(text_of(panel, series.name, series.last))}</td>"
        name = f"<th>{escape(series.name)}</th>"
        bars.append(
            f"<tr class='name'>{name}</tr><tr><td>{bar}</td>{value}</tr>"
            if above
            else f"<tr>{name}<td>{bar}</td>{value}</tr>"
        )
    return f'<table class="bars">{"".join(bars)}</table>'


def piechart(panel: Panel, found: Sequence[Series], size: tuple[float, float]) -> str:
    """A ring, and the share of each series."""
    total = sum(series.last for series in found) or 1
    parts, legend, at = [], [], -math.pi / 2
    shown = sorted(found, key=lambda series: -series.last)
    for number, series in enumerate(shown):
        share, shade = series.last / total, colour_of(panel, series, number)
        turn = min(share, 0.9999) * 2 * math.pi
        points = [f"{math.cos(angle):.4f} {math.sin(angle):.4f}" for angle in (at, at + turn)]
        parts.append(
            f'<path d="M{points[0]}A1 1 0 {int(share > 0.5)} 1 {points[1]}" fill="none" stroke="{shade}" '
            f'stroke-width="0.55"/>'
        )
        number_of = text_of(panel, series.name, series.last)
        legend.append(
            f"<tr><th>{_key(shade, series.name)}</th><td class='num'>{escape(number_of)}</td>"
            f"<td class='num'>{share:.1%}</td></tr>"
        )
        at += turn
    wide = max(min(size[0] - 32, size[1] - 26 * len(shown) - 16), 60)
    ring = f'<svg width="{wide:.0f}" height="{wide:.0f}" viewBox="-1.3 -1.3 2.6 2.6">{"".join(parts)}</svg>'
    return f'<div class="pie">{ring}</div><table class="cells">{"".join(legend)}</table>'


def text_of(panel: Panel, name: str, value: float) -> str:
    """A field's value as the panel writes it: a word that stands for it, or a number with its unit."""
    for mapping in panel.of(name, "", "mappings", []):
        told = mapping["options"].get(f"{value:g}")
        if told:
            return str(told["text"])
    return written(value, panel.of(name, "", "unit"), panel.of(name, "", "decimals"))


def colour_of(panel: Panel, series: Series, number: int) -> str:
    """The series' own, or the palette's for the ``number``-th."""
    mode = panel.of(series.name, series.query, "color", {})
    return colour(mode["fixedColor"]) if mode.get("mode") == "fixed" else PALETTE[number % len(PALETTE)]


def _key(shade: str, name: str) -> str:
    return f'<span><i style="background:{shade}"></i>{escape(name)}</span>'
