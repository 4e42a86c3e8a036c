"""What can be wrong with what a report is asked for."""

from __future__ import annotations


class ReportError(Exception):
    """``message`` says what, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
