"""The floors: figures below (or above, for wrong findings in benign text) which ``make eval`` fails.

``floors.yaml`` is written by ``python -m tests.eval --write-floors`` from what was measured, and only for the
set ``score`` at size 1.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from .score import Result

FILE = Path(__file__).parent / "floors.yaml"
_LEAST_SPANS = 10  # fewer say too little
_SLACK = 0.01  # a model's figures differ a little from processor to processor
_HEADER = """# What `make eval` may not fall below (recall, precision), or rise above (wrong findings per 100 kB of
# benign text). Written from a measurement by `python -m tests.eval --write-floors`; raise them with it
# when detection gets better.
"""


def measured(result: Result) -> dict[str, Any]:
    """The floors that ``result`` would just pass."""
    rows: dict[str, dict[str, float]] = {}
    for name in sorted(result.rows):
        tally = result.rows[name]
        if tally.spans >= _LEAST_SPANS and name.partition(" ")[0] in result.supported:
            rows[name] = {"recall": _down(tally.recall), "precision": _down(tally.precision)}
    total = result.total(result.benign)
    benign = {"all but names": _up(total.rate(False)), "all": _up(total.rate(True))}
    return {"entities": rows, "benign per 100 kB": benign}


def broken(result: Result, floors: dict[str, Any]) -> list[str]:
    """What is worse than the floors, in words."""
    problems: list[str] = []
    for name, least in floors["entities"].items():
        tally = result.rows[name]
        for what, figure in (("recall", tally.recall), ("precision", tally.precision)):
            # No finding at all is no precision; recall says so.
            if figure is not None and figure < least[what]:
                problems.append(f"{name}: {what} {figure:.3f}, floor {least[what]:g}")
    total = result.total(result.benign)
    for name, names in (("all but names", False), ("all", True)):
        most = floors["benign per 100 kB"][name]
        if total.rate(names) > most:
            problems.append(
                f"benign text, {name}: {total.rate(names):.1f} wrong per 100 kB, at most {most:g}"
            )
    return problems


def load() -> dict[str, Any]:
    """The stored floors. Raises OSError."""
    floors: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return floors


def write(result: Result) -> None:
    """Store what ``result`` would just pass."""
    FILE.write_text(_HEADER + yaml.safe_dump(measured(result), sort_keys=False), "utf-8")


def _down(figure: float | None) -> float:
    return max(0.0, math.floor(((figure or 0.0) - _SLACK) * 100) / 100)


def _up(figure: float) -> float:
    return math.ceil(figure * 1.02 * 10) / 10
