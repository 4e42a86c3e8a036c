"""Placeholder <-> value, by scope, encrypted wherever it is kept.

``vault`` is what others use; ``sealing`` makes a pair into an entry that tells nothing, ``keys`` gives the keys for
it, and a store keeps it: ``sqlite`` on one machine or in memory, ``valkey`` for many machines. ``rotation`` changes
the key. Knows nothing of requests and policies: placeholders are made elsewhere.
"""

from outgate.vault.config import KeySource, VaultConfig
from outgate.vault.errors import VaultError
from outgate.vault.vault import Vault

__all__ = ["KeySource", "Vault", "VaultConfig", "VaultError"]
