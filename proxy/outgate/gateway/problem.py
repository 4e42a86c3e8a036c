"""What keeps the gateway from starting."""

from __future__ import annotations


class GatewayError(Exception):
    """The gateway cannot start; the message says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
