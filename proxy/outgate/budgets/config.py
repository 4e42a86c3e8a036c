"""What counts budgets, as plain values, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from outgate.budgets.ledger import Ledger
    from outgate.budgets.store import Store


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """Everything that is set about it."""

    store: Literal["memory", "sqlite", "valkey"] = "memory"
    path: Path | None = None  # the file of sqlite
    url: str | None = field(default=None, repr=False)  # the server of valkey
    section: str = "budgets"  # of the settings, that names the server
    counters: int = 1_000_000

    def open(self, secret: bytes) -> Ledger:
        """The ledger, ready to be used; ``secret`` is the key of fingerprints. Blocks. Raises BudgetError."""
        from outgate.budgets.ledger import Ledger, id_of, key_of

        return Ledger(self._store(id_of(key_of(secret))))

    def _store(self, key_id: bytes) -> Store:
        if self.store == "valkey":
            from outgate.budgets.valkey import ValkeyStore

            return ValkeyStore(self.url or "", self.section, key_id)
        if self.store == "sqlite":
            from outgate.budgets.sqlite import SqliteStore

            assert self.path is not None
            return SqliteStore(self.path, key_id, self.counters)
        from outgate.budgets.memory import MemoryStore

        return MemoryStore(self.counters)
