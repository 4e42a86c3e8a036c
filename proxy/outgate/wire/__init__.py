"""Byte formats, knowing nothing of LLMs: every parser says which bytes a string came from.

What a parser here cannot read whole, it refuses with a ``WireError``; it never skips.
"""

from __future__ import annotations


class WireError(Exception):
    """Bytes that cannot be read. ``message`` is for people and never holds content."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status  # 400, 413 or 415
        self.reason = reason  # a fixed word, for metrics
        self.message = message
