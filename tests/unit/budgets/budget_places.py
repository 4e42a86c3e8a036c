"""Ledgers on every kind of store, with a clock of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outgate.budgets import Ledger
from outgate.budgets.memory import MemoryStore
from outgate.budgets.sqlite import SqliteStore
from outgate.budgets.store import Store
from outgate.budgets.valkey import ValkeyStore


def _tomorrow() -> datetime:
    """Half past an hour that the clock of no server reaches during a test."""
    return datetime.now(UTC).replace(minute=30, second=0, microsecond=0) + timedelta(days=1)


@dataclass
class Place:
    """Where ledgers of one kind of store count: each that is opened sees what the others did."""

    kind: str
    where: str  # a file or an address
    now: datetime = field(default_factory=_tomorrow)
    stores: list[Store] = field(default_factory=list)

    def open(self, key_id: bytes = b"key", most: int = 1000) -> Ledger:
        """Another ledger there."""
        store: Store
        if self.kind == "memory":
            store = self.stores[0] if self.stores else MemoryStore(most)  # all that there can be
        elif self.kind == "sqlite":
            store = SqliteStore(Path(self.where), key_id, most)
        else:
            store = ValkeyStore(self.where, "budgets", key_id)
        self.stores.append(store)
        return Ledger(store, lambda: self.now)

    def later(self, **how: float) -> None:
        """The clock goes on."""
        self.now += timedelta(**how)
