"""What goes wrong with budgets."""

from __future__ import annotations


class BudgetError(Exception):
    """Nobody can say what is left; ``message`` says what, where and what to do, and holds no name."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def other_key(where: str, otherwise: str) -> str:
    """Counters of another key: every one of ours would begin at nothing, in silence."""
    return (
        f"{where}: counted with another fingerprint.key. Put the same file into the state_dir of every machine, "
        f"or {otherwise}."
    )
