"""The dashboard as a page: rows of panels, each where ``gridPos`` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from . import kinds
from .panels import COLUMNS, Panel, Row, Series, Span, answers, marks, rows
from .prometheus import Prometheus
from .tables import table

WIDTH, MARGIN = 1280, 16  # pixels: of the page, and round it
_LINE, _GAP = 30, 8  # pixels: of the grid
_HEAD = 36  # pixels: of a panel, above what it shows
_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_MARK = '<svg class="mark" width="8" height="14"><path d="M4 0V14"/></svg>'
SAID = (
    "A made-up week. Panels of deploy/grafana/dashboard.json, drawn by docs/dashboard<br>"
    "from Prometheus’s answers: not a screenshot of Grafana."
)


def page(
    dashboard: Mapping[str, Any], prometheus: Prometheus, span: Span, *, folded: bool
) -> tuple[str, int]:
    """As HTML, and its height in pixels. ``folded``: the rows that are folded when it opens, else the others."""
    events = marks(dashboard, prometheus, span)
    shown, height = [], 2 * MARGIN + 64
    for row in rows(dashboard):
        if row.folded and not folded:
            shown.append(
                f'<h2 class="folded">{escape(row.title)} <small>({len(row.panels)} panels)</small></h2>'
            )
            height += 38
        elif row.folded == folded:
            lines = max(y + h for _, y, _, h in (panel.place for panel in row.panels))
            shown.append(f"<h2>{escape(row.title)}</h2>{_row(row, prometheus, span, events)}")
            height += 38 + lines * (_LINE + _GAP)
    days = f"{span.start:%Y-%m-%d} to {span.end:%Y-%m-%d}, UTC"
    key = "".join(f"<span>{_MARK} {escape(one['name'])}</span>" for one in dashboard["annotations"]["list"])
    head = f"<header><h1>{escape(dashboard['title'])}</h1><span>{days}</span>{key}<em>{SAID}</em></header>"
    return (
        f"<!doctype html><meta charset='utf-8'><style>{_STYLE}</style><main>{head}{''.join(shown)}</main>",
        height,
    )


def _row(row: Row, prometheus: Prometheus, span: Span, events: Sequence[float]) -> str:
    drawn = []
    for panel in row.panels:
        x, y, w, h = panel.place
        column = (WIDTH - 2 * MARGIN + _GAP) / COLUMNS
        size = (w * column - _GAP - 2, h * (_LINE + _GAP) - _GAP - 2)
        found = answers(panel, prometheus, span, size[0])
        inner = _drawn(panel, found, span, (size[0], size[1] - _HEAD), events)
        drawn.append(
            f'<section style="grid-area:{y + 1}/{x + 1}/span {h}/span {w}">'
            f"<h3>{escape(panel.title)}{_hint(panel)}</h3>{inner}</section>"
        )
    return f'<div class="row">{"".join(drawn)}</div>'


def _drawn(
    panel: Panel, found: Sequence[Series], span: Span, size: tuple[float, float], events: Sequence[float]
) -> str:
    if not found:
        return f'<p class="empty">{escape(panel.defaults.get("noValue", "No data"))}</p>'
    match panel.kind:
        case "timeseries":
            return kinds.timeseries(panel, found, span, size, events)
        case "piechart":
            return kinds.piechart(panel, found, size)
        case "stat":
            return kinds.stat(panel, found)
        case "bargauge":
            return kinds.bargauge(panel, found)
        case "table":
            return table(panel, found)
        case _:
            raise KeyError(f"no way to draw a {panel.kind}: {panel.title}")


def _hint(panel: Panel) -> str:
    return '<span class="hint">i</span>' if panel.description else ""
