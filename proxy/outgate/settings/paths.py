"""Paths in a settings file: what is relative is relative to the file that says it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

BASE = "base"  # in the context of a validation: the folder of the settings file


def _beside(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get(BASE)
    path = path.expanduser()
    return base / path if base is not None else path


NearPath = Annotated[Path, AfterValidator(_beside)]
