"""What a vault is made of, as plain values, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from outgate.vault.keys import Keys
    from outgate.vault.store import Store
    from outgate.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the keys come from: the one of these that is given."""

    file: Path | None = None
    environment: str | None = None
    command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """Everything that is set about a vault."""

    store: Literal["memory", "sqlite", "valkey"] = "memory"
    path: Path | None = None  # the file of sqlite
    url: str | None = field(default=None, repr=False)  # the server of valkey
    key: KeySource = KeySource()
    ttl: float = 30 * 86_400  # seconds since the last use
    entries: int = 1_000_000
    scope_entries: int = 10_000
    cache: int = 64 * 2**20  # bytes of values that a process may remember in the clear

    def open(self) -> Vault:
        """The vault, ready to be used. Raises VaultError."""
        from outgate.vault.vault import Vault

        return Vault(self._store(), self._keys(), cache=self.cache)

    def _store(self) -> Store:
        from outgate.vault.sqlite import SqliteStore
        from outgate.vault.store import Limits
        from outgate.vault.valkey import ValkeyStore
        from outgate.vault.vault import now_ms

        limits = Limits(int(self.ttl * 1000), self.entries, self.scope_entries)
        if self.store == "valkey":
            return ValkeyStore(self.url or "", limits, now_ms)
        return SqliteStore(self.path if self.store == "sqlite" else None, limits)

    def _keys(self) -> Keys:
        from outgate.vault import keys

        if self.store == "memory":  # which ends with the process, and so may its key
            return keys.FixedKeys([keys.new_secret()])
        if self.key.environment is not None:
            return keys.from_environment(self.key.environment)
        if self.key.command is not None:
            return keys.from_command(self.key.command)
        assert self.key.file is not None
        return keys.KeyFile(self.key.file)
