"""The report as a page: one file, no script, nothing fetched, readable on a screen, in the dark and on paper.

Owns how it looks. Every text is escaped by the template language, and the page's own policy forbids whatever is not
its one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from outgate import __version__
from outgate.reports import charts
from outgate.reports.advice import some

_HERE: Final = Path(__file__).parent
_MOST_COLUMNS: Final = 62  # days; more are shown by the week
MOST_ROWS: Final = 25  # of a table; the others are added up. JSON has all


def page(report: dict[str, Any]) -> str:
    """The HTML of a report."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            style=style,
            csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            version=__version__,
            days=_columns(report["days"]),
            by_week=len(report["days"]) > _MOST_COLUMNS,
            charts=charts,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "n": _number,
        "share": _share,
        "bytes": _bytes,
        "some": some,
        "first": _first,
        "marked": _marked,
    }
    return environment


def _columns(days: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The days, or their weeks, with a label each."""
    if len(days) <= _MOST_COLUMNS:
        form = "%a %d" if len(days) <= 10 else "%d %b"
        return [day | {"label": date.fromisoformat(day["day"]).strftime(form)} for day in days]
    weeks: dict[date, dict[str, Any]] = {}
    for day in days:
        when = date.fromisoformat(day["day"])
        monday = when - timedelta(days=when.weekday())
        week = weeks.setdefault(monday, {"day": monday.isoformat(), "label": monday.strftime("%d %b")})
        for name in ("exchanges", "clean", "noted", "changed", "stopped"):
            week[name] = week.get(name, 0) + day[name]
        week["people"] = max(week.get("people", 0), day["people"])
    return list(weeks.values())


def _first(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rows that are shown, and how many are not."""
    return {"rows": rows[:MOST_ROWS], "others": rows[MOST_ROWS:]}


def _marked(text: str) -> Markup:
    """What stands in backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _number(value: int) -> str:
    return f"{value:,}"


def _share(part: int, whole: int) -> str:
    """In words that small parts do not vanish in."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if share < 0.1:
        return "< 0.1 %"
    return f"{share:.1f} %" if share < 10 else f"{share:.0f} %"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"
