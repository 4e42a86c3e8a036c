"""Counters in Valkey or Redis, for processes on many machines.

    outgate:{budgets}:key       the id of the key that counters' names are made with
    outgate:{budgets}:NAME      hash: unit -> used; goes when its window ends

One script a request asks and takes at once. The braces keep all of it on one node of a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outgate.budgets.errors import BudgetError, other_key
from outgate.budgets.store import Counts, Line
from outgate.model import Unit
from outgate.valkey_server import TIMEOUT, ValkeyServer

_PREFIX = "outgate:{budgets}:"
_KEY = f"{_PREFIX}key"
# KEYS: that of the key's id, then the counters. ARGV: the id; whether to add whatever there is left; then for each
# counter when it ends, whether it blocks, how many units, and of each its name, need, add, most.
_ADMIT = """
local known = redis.call('GET', KEYS[1])
if not known then redis.call('SET', KEYS[1], ARGV[1])
elseif known ~= ARGV[1] then return false end
local all, at, refused = {}, 3, false
for line = 2, #KEYS do
    local used, blocks = {}, ARGV[at + 1] == '1'
    for unit = 1, tonumber(ARGV[at + 2]) do
        local one = at + 4 * unit - 1
        used[unit] = tonumber(redis.call('HGET', KEYS[line], ARGV[one])) or 0
        if blocks and used[unit] + ARGV[one + 1] > tonumber(ARGV[one + 3]) then refused = true end
    end
    all[line - 1] = used
    at = at + 3 + 4 * ARGV[at + 2]
end
if refused and ARGV[2] == '0' then return all end
at = 3
for line = 2, #KEYS do
    for unit = 1, tonumber(ARGV[at + 2]) do
        local one = at + 4 * unit - 1
        if ARGV[one + 2] ~= '0' then
            redis.call('HINCRBY', KEYS[line], ARGV[one], ARGV[one + 2])
            redis.call('PEXPIREAT', KEYS[line], ARGV[at])
        end
    end
    at = at + 3 + 4 * ARGV[at + 2]
end
return all
"""


class ValkeyStore:
    """The store behind ``url``."""

    def __init__(self, url: str, section: str, key_id: bytes, *, timeout: float = TIMEOUT) -> None:
        """``section``: of the settings, that names it. Connects when first used. Raises BudgetError."""
        self._server = ValkeyServer(url, section, BudgetError, timeout=timeout)
        self.where = self._server.where
        self._key_id = key_id

    async def admit(self, lines: Sequence[Line], now: int) -> list[Counts]:
        """See Store."""
        found = await self._run(lines, whatever=False)
        return [
            {ask.unit: used for ask, used in zip(line.asks, counts, strict=True)}
            for line, counts in zip(lines, found, strict=True)
        ]

    async def add(self, lines: Sequence[Line], now: int) -> None:
        """See Store."""
        await self._run(lines, whatever=True)

    async def read(self, names: Sequence[bytes], now: int) -> list[Counts]:
        """See Store."""
        with self._server.told():
            pipe = self._server.client.pipeline(transaction=False)
            pipe.get(_KEY)
            for name in names:
                pipe.hgetall(_key(name))
            known, *rows = await pipe.execute()
        if known not in (None, self._key_id):
            self._refuse()
        return [{Unit(unit.decode()): int(used) for unit, used in row.items()} for row in rows]

    async def close(self) -> None:
        """See Store."""
        await self._server.close()

    async def _run(self, lines: Sequence[Line], *, whatever: bool) -> list[list[int]]:
        arguments: list[Any] = [self._key_id, int(whatever)]
        for line in lines:
            arguments += (line.expires, int(line.blocks), len(line.asks))
            for ask in line.asks:
                arguments += (ask.unit.value, ask.need, ask.add, ask.most)
        keys = [_KEY, *(_key(line.name) for line in lines)]
        with self._server.told():
            found: list[list[int]] | None = await self._server.client.eval(
                _ADMIT, len(keys), *keys, *arguments
            )
        if found is None:
            self._refuse()
        return found or []

    def _refuse(self) -> None:
        raise BudgetError(other_key(self.where, f"delete `{_KEY}` there to begin anew"))


def _key(name: bytes) -> str:
    return f"{_PREFIX}{name.hex()}"
