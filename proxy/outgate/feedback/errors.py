"""What goes wrong when people say something, or when it cannot be kept."""

from __future__ import annotations


class FeedbackError(Exception):
    """It cannot be read or kept; ``message`` says what, where, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownReferenceError(FeedbackError):
    """No exchange has this reference, or it is somebody else's: who asks is told the same."""


class RefusedError(FeedbackError):
    """What is said cannot be taken, and why."""
