"""What a store does for a vault: it keeps blobs under names, both meaningless to it, and forgets in time.

Times are milliseconds since the epoch. A *state* says cheaply whether a scope changed: ``version`` rises when an
entry is added or replaced, ``epoch`` when one is removed. A scope that is gone and made anew has another epoch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One blob, and when it was last used."""

    name: bytes
    blob: bytes
    used: int


class State(NamedTuple):
    """Where a scope stands. Equal to one seen before: nothing changed since."""

    version: int
    epoch: int


NOTHING = State(0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much is kept; what was used longest ago goes first."""

    ttl: int = 30 * 86_400_000  # milliseconds since the last use
    entries: int = 1_000_000
    scope_entries: int = 10_000

    @property
    def slack(self) -> int:
        """How many more than must go when a scope has too many: whoever remembers the scope then reads it anew."""
        return self.scope_entries // 10


@dataclass(frozen=True, slots=True)
class Stats:
    """What there is to know of a store without a key."""

    entries: int
    scopes: int
    size: int | None  # bytes; None: the store cannot say
    oldest: int | None  # the last use of the entry that was used longest ago
    newest: int | None


class Store(Protocol):
    """A place for entries. Any method may raise VaultError."""

    where: str  # for people
    limits: Limits

    async def states(self, scopes: Sequence[bytes]) -> tuple[bytes, list[State]]:
        """The mark (the id of the key that entries are sealed with; b"" when there is none), and each scope's state."""

    async def mark(self, key_id: bytes, *, replace: bool) -> bytes:
        """Set the mark, or only where there is none; the mark that is there now."""

    async def get(self, scope: bytes, names: Collection[bytes], now: int) -> list[Entry]:
        """Those of ``names`` that are there."""

    async def newest(self, scope: bytes, after: int, limit: int, now: int) -> list[Entry]:
        """Up to ``limit`` entries of a later version than ``after``, last used first."""

    async def put(self, scope: bytes, entries: Sequence[Entry], now: int, *, keep: bool = False) -> None:
        """Add entries, replacing what is there (``keep``: leaving it), and forget what is too old or too much."""

    async def touch(self, scope: bytes, names: Collection[bytes], now: int) -> None:
        """Note that entries were used."""

    async def remove(self, scope: bytes, names: Collection[bytes]) -> None:
        """Forget entries."""

    async def drop(self, scope: bytes) -> int:
        """Forget a scope; how many entries it had."""

    async def purge(self, before: int | None = None) -> int:
        """Forget what was not used since ``before``, or all; how many entries that were."""

    def scopes(self) -> AsyncIterator[bytes]:
        """Every scope there is."""

    async def stats(self) -> Stats:
        """Counts."""

    async def close(self) -> None:
        """Let go of the store. Never raises."""
