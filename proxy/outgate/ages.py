"""Ages and lengths of time as people write them: 30m, 12h, 7d, 2w."""

from __future__ import annotations

import re

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> int | None:
    """How many seconds that is; None when ``text`` is none."""
    age = re.fullmatch(r"(\d{1,6})([mhdw])", text, re.ASCII)
    return int(age[1]) * _UNITS[age[2]] if age else None
