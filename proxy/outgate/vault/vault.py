"""The vault: what stands for what, told to nobody but the scope that it was made for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice

from outgate.model import Pair
from outgate.vault.cache import Cache, Known
from outgate.vault.errors import VaultError
from outgate.vault.keys import Keys, Ring
from outgate.vault.sealing import Key, UnreadableError
from outgate.vault.store import Entry, State, Stats, Store

_TOUCH = 3_600_000  # milliseconds; a use is written down again after that
_MOMENT = 20  # milliseconds; what a look at a scope told counts that long
_MANY = 200  # entries; more are sealed and opened beside the event loop


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Vault:
    """Pairs of placeholder and value, by scope. Any method may raise VaultError."""

    def __init__(
        self, store: Store, keys: Keys, *, cache: int = 64 * 2**20, clock: Callable[[], int] = now_ms
    ) -> None:
        """``cache``: bytes of values that this process may remember in the clear; ``clock``: as ``now_ms``."""
        self.store = store
        self.keys = keys
        self._cache = Cache(cache)
        self._clock = clock
        self._touch_after = min(_TOUCH, store.limits.ttl // 10)

    async def remember(self, scope: str, pairs: Sequence[Pair]) -> None:
        """Keep ``pairs``, which count as used now. Of several values for a placeholder the first is kept."""
        wanted = {pair.placeholder: pair.value for pair in reversed(pairs)}
        if not wanted:
            return
        ring, states = await self._ring(scope)
        now = self._clock()
        due: list[bytes] = []
        cached = self._cache.get(scope)
        if cached is not None and cached.whole(_ids(ring), states, now):
            for placeholder in [name for name in wanted if cached.pairs.get(name) == wanted[name]]:
                del wanted[placeholder]
                if now - cached.used[placeholder] >= self._touch_after:
                    due.append(ring[0].name(scope, placeholder))
                    cached.used[placeholder] = now
            if not wanted and cached.states == states:
                cached.seen = now
        if wanted:
            due += await self._keep(ring[0], scope, wanted, now)
        if due:
            await self.store.touch(ring[0].scope(scope), due, now)

    async def _keep(self, key: Key, scope: str, wanted: dict[str, str], now: int) -> list[bytes]:
        """Write what is not there yet; the names of what is, and whose use was not written down lately."""
        called = key.scope(scope)
        names = {key.name(scope, placeholder): placeholder for placeholder in wanted}
        there = await self.store.get(called, names, now)
        due: list[bytes] = []
        for name, pair in (await _opened(key, called, there)).items():
            if pair is not None and pair.value == wanted[pair.placeholder]:
                del names[name]
        due = [
            entry.name for entry in there if entry.name not in names and now - entry.used >= self._touch_after
        ]
        new = [Pair(placeholder, wanted[placeholder]) for placeholder in names.values()]
        if new:
            blobs = await _beside(len(new), lambda: [key.seal(scope, pair) for pair in new])
            entries = [Entry(name, blob, now) for name, blob in zip(names, blobs, strict=True)]
            await self.store.put(called, entries, now)
        return due

    async def recall(self, scope: str, placeholders: Collection[str]) -> dict[str, str]:
        """Placeholder -> value for those of ``placeholders`` that ``scope`` has; this counts as a use."""
        found: dict[str, str] = {}
        if not placeholders:
            return found
        ring, _ = await self._ring(scope)
        now = self._clock()
        # The key in use comes last: an entry that a rotation moves meanwhile is met in one place or the other.
        for key in reversed(ring):
            called = key.scope(scope)
            there = await self.store.get(called, {key.name(scope, one) for one in placeholders}, now)
            for pair in (await _opened(key, called, there)).values():
                found |= [self._readable(pair)]
            due = [entry.name for entry in there if now - entry.used >= self._touch_after]
            if due:
                await self.store.touch(called, due, now)
        return found

    async def known(self, scope: str, limit: int = 10_000) -> Mapping[str, str]:
        """Placeholder -> value, up to ``limit`` that ``scope`` used last, those first. Not to be changed.

        Kept in the process; a look at the scope's state tells whether there is something new. ``remember`` has
        just looked where it was called for the same request.
        """
        cached = self._cache.get(scope)
        if cached is not None and cached.limit == limit and self._clock() - cached.seen < _MOMENT:
            return cached.pairs
        ring, states = await self._ring(scope)
        now = self._clock()
        cached = self._cache.get(scope)
        if cached is None or cached.limit < limit or not cached.whole(_ids(ring), states, now):
            cached = Known(_ids(ring), [State(0, 0)] * len(ring), limit, now + self.store.limits.ttl, {}, {})
        if cached.states != states:
            cached = await self._renewed(cached, ring, states, scope, now)
            self._cache.put(scope, cached)
        if len(cached.pairs) > limit:
            return dict(islice(cached.pairs.items(), limit))
        return cached.pairs

    async def _renewed(self, old: Known, ring: Ring, states: list[State], scope: str, now: int) -> Known:
        """``old`` and what came after it."""
        pairs: dict[str, str] = {}
        used: dict[str, int] = {}
        for key, before, state in reversed(list(zip(ring, old.states, states, strict=True))):
            if state == before:
                continue
            called = key.scope(scope)
            there = await self.store.newest(called, before.version, old.limit, now)
            opened = await _opened(key, called, there)
            newer = dict(self._readable(opened[entry.name]) for entry in there)
            pairs = newer | {name: value for name, value in pairs.items() if name not in newer}
            used |= zip(newer, (entry.used for entry in there), strict=True)
        pairs |= {name: value for name, value in old.pairs.items() if name not in pairs}
        if len(pairs) > old.limit:
            pairs = dict(islice(pairs.items(), old.limit))
        used = {name: used[name] if name in used else old.used[name] for name in pairs}
        until = min(used.values(), default=now) + self.store.limits.ttl
        return Known(old.ring, states, old.limit, until, pairs, used)

    async def forget(self, scope: str) -> int:
        """Remove all of ``scope``; how many pairs that were."""
        ring, _ = await self._ring(scope)
        self._cache.drop(scope)
        return sum([await self.store.drop(key.scope(scope)) for key in ring])

    async def purge(self, age: float | None = None) -> int:
        """Remove what was not used for ``age`` seconds, or all; how many pairs that were."""
        if age is not None:
            return await self.store.purge(self._clock() - int(age * 1000))
        removed = await self.store.purge()
        await self.store.mark(self.keys.ring()[0].id, replace=True)
        return removed

    async def stats(self) -> Stats:
        """Counts. Raises VaultError also when keys and store do not belong together."""
        await self._ring("")
        return await self.store.stats()

    async def close(self) -> None:
        """Let go of the store."""
        await self.store.close()

    async def _ring(self, scope: str) -> tuple[Ring, list[State]]:
        """The keys, and the states of ``scope`` under each. Raises VaultError unless one is the store's."""
        ring = self.keys.ring()
        mark, states = await self.store.states([key.scope(scope) for key in ring])
        if not mark:
            mark = await self.store.mark(ring[0].id, replace=False)
        if mark not in _ids(ring):
            raise VaultError(
                f"{self.store.where}: this vault is kept with key {mark.hex()}, and `vault.key` gives "
                f"{', '.join(key.id.hex() for key in ring)}. Give it that key as well, "
                "or remove what cannot be read with `outgate vault purge --all`."
            )
        return ring, states

    def _readable(self, pair: Pair | None) -> tuple[str, str]:
        if pair is None:
            raise VaultError(
                f"{self.store.where}: an entry cannot be opened with the key that it is kept with: it was changed "
                "by somebody else. Restore the vault, or remove the entries with `outgate vault purge`."
            )
        return pair.placeholder, pair.value


def _ids(ring: Ring) -> tuple[bytes, ...]:
    return tuple(key.id for key in ring)


async def _opened(key: Key, scope: bytes, entries: Sequence[Entry]) -> dict[bytes, Pair | None]:
    """Name -> pair; None for what cannot be read."""

    def pairs() -> Iterable[Pair | None]:
        for entry in entries:
            try:
                yield key.open(scope, entry.name, entry.blob)[1]
            except UnreadableError:
                yield None

    opened = await _beside(len(entries), lambda: list(pairs()))
    return {entry.name: pair for entry, pair in zip(entries, opened, strict=True)}


async def _beside[T](count: int, work: Callable[[], T]) -> T:
    """Do ``work`` on ``count`` entries without holding up the event loop for long."""
    return await asyncio.to_thread(work) if count > _MANY else work()
