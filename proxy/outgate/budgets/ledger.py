"""What budgets have been used: asked and charged before a request leaves, charged again when its answer is over.

Owns counters' names and the windows they belong to. Exact, as far as the clocks of the machines agree: what is known
before a request leaves (requests, bytes, findings) is never let in beyond a limit, since asking and taking are one
step of the store. Tokens are known afterwards: what is under way when the last one is used still counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from outgate.budgets.errors import BudgetError
from outgate.budgets.store import Ask, Counts, Line, Store
from outgate.budgets.windows import span
from outgate.model import Charge, Unit, Usage

PATIENCE = 3.0  # seconds that one use of a store may take


class Demand(NamedTuple):
    """What a request asks of one budget."""

    budget: str  # its name, for who reads; nothing is counted under it
    charge: Charge
    asks: tuple[Ask, ...]
    blocks: bool


class Standing(NamedTuple):
    """What was used of a budget before, and when it begins anew."""

    used: Counts
    ends: datetime


class Ledger:
    """Every budget's counters."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self._clock = clock

    async def admit(self, demands: Sequence[Demand]) -> list[Standing]:
        """What was used before. Unless a budget that blocks has too little left, what is asked has been taken.

        One round trip. Raises BudgetError.
        """
        now = self._clock()
        spans = [span(demand.charge.window, now) for demand in demands]
        lines = [
            _line(demand.charge, begun, ends, demand.asks, demand.blocks)
            for demand, (begun, ends) in zip(demands, spans, strict=True)
        ]
        async with _in_time(self.store):
            counts = await self.store.admit(lines, _ms(now))
        return [Standing(used, ends) for used, (_, ends) in zip(counts, spans, strict=True)]

    async def settle(self, charges: Sequence[Charge], usage: Usage) -> None:
        """The tokens of an answer are known: they count in the windows of now. Raises BudgetError."""
        inward, outward = usage.input or 0, usage.output or 0
        taken = {Unit.INPUT_TOKENS: inward, Unit.OUTPUT_TOKENS: outward, Unit.TOKENS: inward + outward}
        asks = tuple(Ask(unit, 0, amount, 0) for unit, amount in taken.items() if amount)
        if not asks:
            return
        now = self._clock()
        lines = [_line(charge, *span(charge.window, now), asks, False) for charge in charges]
        async with _in_time(self.store):
            await self.store.add(lines, _ms(now))

    async def standing(self, charges: Sequence[Charge]) -> list[Standing]:
        """What has been used, and nothing is taken. Raises BudgetError."""
        now = self._clock()
        spans = [span(charge.window, now) for charge in charges]
        names = [_name(charge, begun) for charge, (begun, _) in zip(charges, spans, strict=True)]
        async with _in_time(self.store):
            counts = await self.store.read(names, _ms(now))
        return [Standing(used, ends) for used, (_, ends) in zip(counts, spans, strict=True)]

    async def close(self) -> None:
        """Let go of the store. Never raises."""
        await self.store.close()


def key_of(secret: bytes) -> bytes:
    """The key of counters' names, from that of fingerprints."""
    return hmac.digest(secret, b"outgate budgets", hashlib.sha256)


def id_of(key: bytes) -> bytes:
    """What tells a store that two processes count with the same key."""
    return hmac.digest(key, b"id", hashlib.sha256)[:8].hex().encode()


def counter(key: bytes, *told: object) -> bytes:
    """The name of a counter: nobody without the key can tell, or try, what it is of."""
    return hmac.digest(key, json.dumps(told).encode(), hashlib.sha256)[:16]


def _line(charge: Charge, begun: datetime, ends: datetime, asks: tuple[Ask, ...], blocks: bool) -> Line:
    return Line(_name(charge, begun), _ms(ends), asks, blocks)


def _name(charge: Charge, begun: datetime) -> bytes:
    return charge.counter + int(begun.timestamp()).to_bytes(6, "big")


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


@asynccontextmanager
async def _in_time(store: Store) -> AsyncIterator[None]:
    """Bounds a use of a store."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise BudgetError(f"{store.where}: no answer in time.") from None
