"""Vaults on every kind of store, with keys and a clock of the test's own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from outgate.vault import Vault
from outgate.vault.keys import FixedKeys, Keys
from outgate.vault.sqlite import SqliteStore
from outgate.vault.store import Limits, Store
from outgate.vault.valkey import ValkeyStore

DAY = 86_400_000  # milliseconds


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Place:
    """Where vaults of one store are: each that is opened sees what the others did."""

    kind: str
    where: str  # a file or an address
    clock: Clock = field(default_factory=Clock)
    keys: Keys = field(default_factory=lambda: FixedKeys([os.urandom(32)]))
    stores: list[Store] = field(default_factory=list)

    def open(self, keys: Keys | None = None, limits: Limits | None = None, cache: int = 2**20) -> Vault:
        """Another vault there."""
        if self.kind == "memory" and self.stores:
            store = self.stores[0]  # all that there can be
            if limits is not None:
                store.limits = limits
        elif self.kind == "valkey":
            store = ValkeyStore(self.where, limits or Limits(), self.clock)
        else:
            store = SqliteStore(None if self.kind == "memory" else Path(self.where), limits or Limits())
        self.stores.append(store)
        return Vault(store, keys or self.keys, cache=cache, clock=self.clock)


@dataclass(frozen=True)
class Server:
    """A running server with a folder of its own."""

    url: str
    folder: Path
