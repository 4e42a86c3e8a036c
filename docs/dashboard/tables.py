"""Panels that are tables, as HTML, and the transformations that make rows and columns of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .kinds import text_of
from .panels import Panel, Series
from .values import colour

type Rows = list[dict[str, str | float]]


def table(panel: Panel, found: Sequence[Series]) -> str:
    """Rows and columns, sorted as the panel says."""
    steps: dict[str, Mapping[str, Any]] = {one["id"]: one["options"] for one in panel.transformations}
    rows = (
        _matrix(steps, found) if "groupingToMatrix" in steps else _merged(found, alone="merge" not in steps)
    )
    columns = _organised(steps.get("organize", {}), rows)
    names = {title: name for name, title in columns.items()}
    for sort in panel.options.get("sortBy", []):
        rows.sort(key=lambda row: row[names[sort["displayName"]]], reverse=sort.get("desc", False))
    numbers = {name: [value for row in rows if isinstance(value := row.get(name), float)] for name in columns}
    head = "".join(
        f"<th class='{'num' if numbers[name] else ''}'>{escape(title)}</th>"
        for name, title in columns.items()
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(panel, title, row.get(name, ""), max(numbers[name], default=0))
            for name, title in columns.items()
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="cells"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _matrix(steps: Mapping[str, Mapping[str, Any]], found: Sequence[Series]) -> Rows:
    """groupingToMatrix, and the sum of each row where calculateField asks for it."""
    across, down = steps["groupingToMatrix"]["columnField"], steps["groupingToMatrix"]["rowField"]
    columns = list(dict.fromkeys(series.labels[across] for series in found))
    made: dict[str, dict[str, str | float]] = {}
    for series in found:
        name = series.labels[down]
        row = made.setdefault(name, {f"{down}\\{across}": name} | dict.fromkeys(columns, 0.0))
        row[series.labels[across]] = series.last
    for row in made.values():
        row[steps["calculateField"]["alias"]] = sum(float(row[column]) for column in columns)
    return list(made.values())


def _merged(found: Sequence[Series], *, alone: bool) -> Rows:
    """merge: the answers with the same values of the labels that all have in one row; ``alone``: of one query."""
    shared = sorted(set.intersection(*(set(series.labels) for series in found)))
    made: dict[tuple[str, ...], dict[str, str | float]] = {}
    for series in found:
        row = made.setdefault(tuple(series.labels[name] for name in shared), {})
        row |= {**series.labels, "Value" if alone else f"Value #{series.query}": series.last}
    return list(made.values())


def _organised(options: Mapping[str, Mapping[str, Any]], rows: Rows) -> dict[str, str]:
    """organize: which fields are columns, in their order, with their titles."""
    names = dict.fromkeys(name for row in rows for name in row)
    left = [name for name in names if not options.get("excludeByName", {}).get(name)]
    places, titles = options.get("indexByName", {}), options.get("renameByName", {})
    return {
        name: titles.get(name, name) for name in sorted(left, key=lambda name: places.get(name, len(names)))
    }


def _cell(panel: Panel, title: str, value: str | float, most: float) -> str:
    """``most``: of all in its column."""
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    text = escape(text_of(panel, title, value))
    if panel.of(title, "", "custom.cellOptions", {}).get("type") == "gauge":
        shade = colour(panel.of(title, "", "color")["fixedColor"])
        bar = f"<i style='width:{100 * value / (most or 1):.1f}%;background:{shade}'></i>"
        return f'<td class="gauge"><div><u>{bar}</u><span>{text}</span></div></td>'
    return f'<td class="num{"" if value else " zero"}">{text}</td>'
