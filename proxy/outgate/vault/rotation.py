"""A new key for a vault that is in use.

Under a new key everything is called and sealed anew. The old key stays in the ring until nothing is left under
it, and a moment longer at each step, so that who had read the ring before is done with it.
"""

from __future__ import annotations

import asyncio
from itertools import batched

from outgate.vault.errors import VaultError
from outgate.vault.keys import KeyFile, Ring, new_secret
from outgate.vault.sealing import Key, UnreadableError
from outgate.vault.store import Entry
from outgate.vault.vault import Vault, now_ms

GRACE = 3.0  # seconds that whoever has read the ring may take
_BATCH = 500
_EVERYTHING = 2**31


async def rotate(vault: Vault) -> int:
    """Put a new key first in the vault's key file, seal everything with it, and forget the old ones.

    How many entries were sealed anew. Raises VaultError; run again, it goes on.
    """
    if not isinstance(vault.keys, KeyFile):
        raise VaultError("vault.key: not a file, so a new key is put there by hand; `--reseal` then uses it.")
    await vault.stats()  # which tells whether keys and store belong together
    new = new_secret()
    vault.keys.replace([new, *vault.keys.secrets()])
    await asyncio.sleep(GRACE)
    count = await reseal(vault)
    await asyncio.sleep(GRACE)
    count += await reseal(vault)  # what came in under the old key meanwhile
    vault.keys.replace([new])
    return count


async def reseal(vault: Vault) -> int:
    """Seal with the ring's first key what is under another; how many entries. Raises VaultError."""
    await vault.stats()
    ring = vault.keys.ring()
    await vault.store.mark(ring[0].id, replace=True)
    count = 0
    async for scope in vault.store.scopes():
        entries = await vault.store.newest(scope, 0, _EVERYTHING, now_ms())
        for batch in batched(entries, _BATCH):
            count += await _moved(vault, ring, scope, batch)
    return count


async def _moved(vault: Vault, ring: Ring, scope: bytes, entries: tuple[Entry, ...]) -> int:
    """Write entries under the first key, then take them away from under the others; how many."""
    moved: dict[str, list[Entry]] = {}
    old: list[bytes] = []
    for entry in entries:
        key = _key_of(ring[1:], entry.blob)
        if key is None:
            continue
        try:
            owner, pair = key.open(scope, entry.name, entry.blob)
        except UnreadableError:
            continue  # stays, and is told of when it is asked for
        new = Entry(ring[0].name(owner, pair.placeholder), ring[0].seal(owner, pair), entry.used)
        moved.setdefault(owner, []).append(new)
        old.append(entry.name)
    for owner, sealed in moved.items():
        await vault.store.put(ring[0].scope(owner), sealed, now_ms(), keep=True)
    if old:
        await vault.store.remove(scope, old)
    return len(old)


def _key_of(ring: Ring, blob: bytes) -> Key | None:
    return next((key for key in ring if blob.startswith(key.id)), None)
