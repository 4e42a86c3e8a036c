"""The made-up week of docs/week.py, for tests."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import Any

_WEEK: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "week.py"), run_name="week")
events, write = _WEEK["events"], _WEEK["write"]


@cache
def week_world() -> Any:
    """What the week happens in."""
    return _WEEK["World"].made()
