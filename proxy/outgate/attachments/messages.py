"""What an extractor and its worker say to each other, as plain data. A worker's word is not trusted.

First message: ``{"config": ...}``, answered by ``{"ready": true}``. Then ``{"size", "seconds"}`` with so many
bytes of a file behind it, answered by ``{"kind", "passages": [[label, text], ...], "gaps": [[label,
media_type, size, reason], ...]}`` or ``{"error"}``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from outgate.attachments import REASONS, Extracted, Gap, Passage
from outgate.attachments.config import ExtractorConfig, Limits
from outgate.attachments.kinds import KINDS

_LABEL = 400  # characters of a label that nobody has to shorten


def of_config(config: ExtractorConfig) -> dict[str, Any]:
    """A configuration as it is sent."""
    return asdict(config)


def to_config(values: dict[str, Any]) -> ExtractorConfig:
    """The configuration that was sent."""
    own = {"limits": Limits(**values["limits"]), "languages": tuple(values["languages"])}
    return ExtractorConfig(**{**values, **own})


def of_extracted(extracted: Extracted) -> dict[str, Any]:
    """An answer as it is sent."""
    return {
        "kind": extracted.kind,
        "passages": [[passage.label, passage.text] for passage in extracted.passages],
        "gaps": [[gap.label, gap.media_type, gap.size, gap.reason] for gap in extracted.gaps],
    }


def to_extracted(values: dict[str, Any]) -> Extracted:
    """The answer that was sent. Raises ValueError, KeyError or TypeError when it is none."""
    passages = tuple(Passage(_text(label)[:_LABEL], _text(text)) for label, text in values["passages"])
    gaps = tuple(
        Gap(_text(label)[:_LABEL], _text(kind), int(size), reason)
        for label, kind, size, reason in values["gaps"]
    )
    if values["kind"] not in KINDS or not all(gap.reason in REASONS for gap in gaps):
        raise ValueError("no answer of a worker")
    return Extracted(values["kind"], passages, gaps)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value
