"""Detection: what is in a text. Knows nothing of formats, policies or proxies.

``entities`` says which kinds there are, ``config`` which are wanted; ``engine`` finds them in texts;
``pool`` runs engines in worker processes, so that the event loop never waits on a detector.
"""

from __future__ import annotations


class DetectionError(Exception):
    """Detection did not finish. ``reason`` is a fixed word, for metrics; no text is ever repeated."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason  # timeout | overload | crash | detector_error | not_ready
