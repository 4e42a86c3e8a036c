"""Detection in this very process, for commands that scan and end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from outgate.dlp.engine import Engine
from outgate.model import Finding, Segment


def detect_with(engine: Engine) -> Callable[[Sequence[Segment]], Awaitable[tuple[Finding, ...]]]:
    """The engine in the form that the pipeline asks for."""

    async def detect(segments: Sequence[Segment]) -> tuple[Finding, ...]:
        found = engine.scan([segment.text for segment in segments])
        return tuple(
            Finding(index, match.start, match.end, match.entity, match.score, match.detector)
            for index, matches in enumerate(found)
            for match in matches
        )

    return detect


