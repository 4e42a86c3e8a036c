"""The section of settings about what people say of what was stopped."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from outgate.settings.sections import Section


class Feedback(Section):
    """Pages of the proxy's own, and what is kept of what is said there."""

    pages: bool = Field(
        True, description="answer to http://outgate.internal/, where people read why they were blocked"
    )
    path: Path | None = Field(None, description="file; default: feedback/feedback.db in state_dir")
    keep_days: float = Field(400, gt=0, description="days that decided reports and what has expired are kept")
