"""Detection in the caller's own process: for commands, which have one text at a time and may wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from outgate.dlp.cache import Known
from outgate.dlp.engine import Engine
from outgate.dlp.texts import Texts
from outgate.model import Finding, Segment

Detect = Callable[[Sequence[Segment]], Awaitable[tuple[Finding, ...]]]


def detect_with(engine: Engine) -> Detect:
    """``engine`` as the pipeline's detection; the event loop stands still while it works."""

    async def detect(segments: Sequence[Segment]) -> tuple[Finding, ...]:
        texts = Texts(segments)
        return texts.findings([(Known(own), own) for own in engine.scan(texts.distinct)])

    return detect
