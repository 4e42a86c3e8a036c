"""The section ``workers``: how many processes serve, and how one of them ends."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from outgate.settings.sections import Section


class Workers(Section):
    """The processes that serve, all behind the same ports. ``workers: 4`` is short for ``{count: 4}``."""

    count: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        1, description="processes; auto: one for each core"
    )
    drain: float = Field(30.0, ge=0, le=3600, description="seconds to finish what is under way at an end")
    stall: float = Field(
        30.0, ge=1, le=600, description="seconds without a sign of life before a worker is replaced"
    )
    own_core: bool = Field(True, description="keep each worker on a core of its own, where the system can")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if isinstance(given, str) and given.isdecimal():
            return {"count": int(given)}
        return {"count": given} if isinstance(given, int | str) else given

    @property
    def number(self) -> int:
        """How many that is on this machine."""
        if self.count != "auto":
            return self.count
        return 1 if sys.platform == "win32" else len(cores())


def cores() -> list[int]:
    """The cores that this process may run on."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
