"""A store in Valkey or Redis, for processes on many machines.

    outgate:vault:mark               the id of the key in use
    outgate:vault:scopes             sorted set: scope -> last use
    outgate:vault:tidied             there while no process need look at all scopes
    outgate:vault:{SCOPE}:blobs      hash: name -> blob
    outgate:vault:{SCOPE}:used       sorted set: name -> last use
    outgate:vault:{SCOPE}:versions   sorted set: name -> version
    outgate:vault:{SCOPE}:state      hash: version, epoch

What is of one scope changes in scripts, at once, and goes by itself when nobody used the scope for the time to
live. How the server is spoken to is ``valkey_server``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from functools import wraps
from itertools import batched, chain
from typing import Any, cast

from outgate.valkey_server import TIMEOUT, ValkeyServer
from outgate.vault.errors import VaultError
from outgate.vault.store import Entry, Limits, State, Stats

_PREFIX = "outgate:vault:"
_MARK, _SCOPES, _TIDIED = (_PREFIX + name for name in ("mark", "scopes", "tidied"))
_KINDS = ("blobs", "used", "versions", "state")
_MANY = 500  # names in one command
_TIDY_EVERY = 60_000  # milliseconds between looks at all scopes, by whichever process comes first

# A scope's entries go with their last trace; a scope made anew has a later epoch.
_REMOVE = """
local function remove(names, now)
    for _, name in ipairs(names) do
        redis.call('HDEL', KEYS[1], name)
        redis.call('ZREM', KEYS[2], name)
        redis.call('ZREM', KEYS[3], name)
    end
    if #names > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
        local epoch = tonumber(redis.call('HGET', KEYS[4], 'epoch')) or 0
        redis.call('HSET', KEYS[4], 'epoch', math.max(epoch + 1, now))
    end
end
"""
# now, ttl, limit, slack, keep; then name, blob and use of each entry.
_PUT = f"""
{_REMOVE}
local now, ttl, limit, slack = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local keep = ARGV[5] == '1'
local version = tonumber(redis.call('HGET', KEYS[4], 'version')) or 0
redis.call('HSETNX', KEYS[4], 'epoch', now)
for i = 6, #ARGV, 3 do
    if not (keep and redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1) then
        version = version + 1
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        redis.call('ZADD', KEYS[2], ARGV[i + 2], ARGV[i])
        redis.call('ZADD', KEYS[3], version, ARGV[i])
    end
end
redis.call('HSET', KEYS[4], 'version', version)
remove(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - ttl)), now)
local excess = redis.call('ZCARD', KEYS[2]) - limit
if excess > 0 then remove(redis.call('ZRANGE', KEYS[2], 0, excess + slack - 1), now) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
"""
# now; then names.
_DELETE = f"""
{_REMOVE}
local names = {{}}
for i = 2, #ARGV do names[i - 1] = ARGV[i] end
remove(names, tonumber(ARGV[1]))
"""
# now, before. Gives how many entries went.
_AGE = f"""
{_REMOVE}
local names = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[2])
remove(names, tonumber(ARGV[1]))
return #names
"""


def _tells[F: Callable[..., Any]](method: F) -> F:
    """Tells the library's errors as ours."""

    @wraps(method)
    async def told(self: ValkeyStore, *arguments: Any, **named: Any) -> Any:
        with self.server.told():
            return await method(self, *arguments, **named)

    return cast("F", told)


class ValkeyStore:
    """The store behind ``url``: valkey://, valkeys:// (TLS), or the same as redis:// and rediss://, or unix://."""

    def __init__(
        self, url: str, limits: Limits, clock: Callable[[], int], *, timeout: float = TIMEOUT
    ) -> None:
        """Connects when first used; ``timeout`` is in seconds. Raises VaultError when the library is missing."""
        self.server = ValkeyServer(url, "vault", VaultError, timeout=timeout)
        self.where = self.server.where
        self.limits = limits
        self._clock = clock
        self._client = self.server.client

    @_tells
    async def states(self, scopes: Sequence[bytes]) -> tuple[bytes, list[State]]:
        """See Store."""
        pipe = self._client.pipeline(transaction=False)
        pipe.get(_MARK)
        for scope in scopes:
            pipe.hmget(_keys(scope)[3], ["version", "epoch"])
        mark, *rows = await pipe.execute()
        return mark or b"", [State(int(version or 0), int(epoch or 0)) for version, epoch in rows]

    @_tells
    async def mark(self, key_id: bytes, *, replace: bool) -> bytes:
        """See Store."""
        await self._client.set(_MARK, key_id, nx=not replace)
        return bytes(await self._client.get(_MARK))

    @_tells
    async def get(self, scope: bytes, names: Collection[bytes], now: int) -> list[Entry]:
        """See Store."""
        found: list[Entry] = []
        for some in batched(names, _MANY):
            found += await self._entries(scope, some, now)
        return found

    @_tells
    async def newest(self, scope: bytes, after: int, limit: int, now: int) -> list[Entry]:
        """See Store."""
        found: list[Entry] = []
        last: float = after
        # By version and piece by piece: what changes meanwhile comes again, and the event loop has its turns.
        while page := await self._client.zrangebyscore(
            _keys(scope)[2], f"({last:.0f}", "+inf", start=0, num=_MANY, withscores=True
        ):
            found += await self._entries(scope, [name for name, _ in page], now)
            last = page[-1][1]
        latest = {entry.name: entry for entry in found}.values()
        return sorted(latest, key=lambda entry: -entry.used)[:limit]

    async def _entries(self, scope: bytes, names: Sequence[bytes], now: int) -> Iterator[Entry]:
        blobs, used, _, _ = _keys(scope)
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(blobs, list(names))
        pipe.zmscore(used, list(names))
        found = zip(names, *await pipe.execute(), strict=True)
        oldest = now - self.limits.ttl
        return (
            Entry(name, blob, int(time)) for name, blob, time in found if blob and time and time >= oldest
        )

    @_tells
    async def put(self, scope: bytes, entries: Sequence[Entry], now: int, *, keep: bool = False) -> None:
        """See Store."""
        limits = self.limits
        pipe = self._client.pipeline(transaction=False)
        pipe.zadd(_SCOPES, {scope: now})
        for some in batched(entries, _MANY):
            arguments = (
                now,
                limits.ttl,
                limits.scope_entries,
                limits.slack,
                int(keep),
                *chain.from_iterable(some),
            )
            pipe.eval(_PUT, len(_KINDS), *_keys(scope), *arguments)
        pipe.set(_TIDIED, 1, nx=True, px=_TIDY_EVERY)
        *_, our_turn = await pipe.execute()
        if our_turn:
            await self._tidy(now)

    @_tells
    async def touch(self, scope: bytes, names: Collection[bytes], now: int) -> None:
        """See Store."""
        pipe = self._client.pipeline(transaction=False)
        pipe.zadd(_SCOPES, {scope: now})
        for some in batched(names, _MANY):
            pipe.zadd(_keys(scope)[1], dict.fromkeys(some, now), xx=True)
        for key in _keys(scope):
            pipe.pexpire(key, self.limits.ttl)
        await pipe.execute()

    @_tells
    async def remove(self, scope: bytes, names: Collection[bytes]) -> None:
        """See Store."""
        await self._delete(scope, names)

    @_tells
    async def drop(self, scope: bytes) -> int:
        """See Store."""
        return await self._drop(scope)

    @_tells
    async def purge(self, before: int | None = None) -> int:
        """See Store."""
        removed = 0
        async for scope in self._all():
            if before is None:
                removed += await self._drop(scope)
            else:
                removed += await self._client.eval(_AGE, len(_KINDS), *_keys(scope), self._clock(), before)
        return removed

    async def scopes(self) -> AsyncIterator[bytes]:
        """See Store."""
        with self.server.told():
            found = [scope async for scope in self._all()]
        for scope in found:
            yield scope

    @_tells
    async def stats(self) -> Stats:
        """See Store."""
        entries = scopes = 0
        oldest = newest = None
        async for scope in self._all():
            used = _keys(scope)[1]
            pipe = self._client.pipeline(transaction=False)
            pipe.zcard(used)
            pipe.zrange(used, 0, 0, withscores=True)
            pipe.zrange(used, -1, -1, withscores=True)
            count, first, last = await pipe.execute()
            if count:
                entries, scopes = entries + count, scopes + 1
                oldest = min(oldest or int(first[0][1]), int(first[0][1]))
                newest = max(newest or 0, int(last[0][1]))
        return Stats(entries, scopes, None, oldest, newest)

    async def close(self) -> None:
        """See Store."""
        await self.server.close()

    async def _all(self) -> AsyncIterator[bytes]:
        """Every scope, also one whose place in the list was lost between two commands."""
        async for key in self._client.scan_iter(f"{_PREFIX}{{*}}:used", count=1000):
            yield bytes.fromhex(key.decode().partition("{")[2].partition("}")[0])

    async def _tidy(self, now: int) -> None:
        """For all processes: forget scopes whose time is over, and the oldest while there is too much."""
        await self._client.zremrangebyscore(_SCOPES, "-inf", f"({now - self.limits.ttl}")
        scopes = await self._client.zrange(_SCOPES, 0, -1)
        counts: list[int] = []
        for some in batched(scopes, _MANY):
            pipe = self._client.pipeline(transaction=False)
            for scope in some:
                pipe.zcard(_keys(scope)[1])
            counts += await pipe.execute()
        excess = sum(counts) - self.limits.entries
        for scope, count in zip(scopes, counts, strict=True):
            if excess > 0 or not count:
                excess -= await self._drop(scope)

    async def _drop(self, scope: bytes) -> int:
        """All entries of a scope; its state stays for its time, so that its epoch tells."""
        names = await self._client.zrange(_keys(scope)[1], 0, -1)
        await self._delete(scope, names)
        await self._client.zrem(_SCOPES, scope)
        return len(names)

    async def _delete(self, scope: bytes, names: Collection[bytes]) -> None:
        for some in batched(names, _MANY):
            await self._client.eval(_DELETE, len(_KINDS), *_keys(scope), self._clock(), *some)


def _keys(scope: bytes) -> list[str]:
    """Of one scope, in the order of the scripts; the braces keep them on one node of a cluster."""
    return [f"{_PREFIX}{{{scope.hex()}}}:{kind}" for kind in _KINDS]
