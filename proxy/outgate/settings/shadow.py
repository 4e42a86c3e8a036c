"""What is remembered of AI services that are used without being opened."""

from __future__ import annotations

from pydantic import Field

from outgate.settings.sections import Section


class Shadow(Section):
    """Tunnels to hosts that look like AI services and are not in the catalogue: names and counts alone."""

    record: bool = Field(True, description="list them, for `outgate report shadow`")
    max_age_days: float = Field(90, gt=0, description="days without a connection before a host is forgotten")
    max_hosts: int = Field(
        10_000, ge=1, description="hosts that are listed, at most; the least used go first"
    )
