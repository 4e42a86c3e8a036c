"""What goes wrong with a vault."""

from __future__ import annotations


class VaultError(Exception):
    """The vault cannot be used; ``message`` says what, where and what to do, and holds no value."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
