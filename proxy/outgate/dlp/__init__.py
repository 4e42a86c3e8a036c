"""Detection: what is in a text. Knows nothing of formats, policies or proxies.

``entities`` says which kinds there are, ``config`` which are wanted; ``engine`` finds them in texts;
``pool`` runs engines in worker processes, so that the event loop never waits on a detector; ``inline``
runs one in the caller's, for commands.
"""

from __future__ import annotations

from typing import Literal

Reason = Literal["timeout", "overload", "crash", "detector_error", "not_ready"]


class DetectionError(Exception):
    """Detection did not finish, so nothing may be said of the texts; ``on_error`` decides.

    ``reason`` is a fixed word for metrics. ``detail`` is for people and never holds scanned text.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail
