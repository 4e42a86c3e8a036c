"""Credentials, checked by whoever can: once, and then remembered for a while.

What is remembered is a keyed hash of the credentials (with a key of this process) and what came of
them, the wrong ones too, for a short time: a program that goes on with an old password is no guesser,
and costs nobody anything. The same credentials that come many times at once are checked once.
Checks run in threads of their own, and only so many wait for one.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from outgate.identity.attempts import Attempts
from outgate.identity.evidence import Credentials, IdentityError, Kind, Known, Refused, UnavailableError
from outgate.model import IPAddress

log = logging.getLogger("outgate")

_WRONG = 30.0  # seconds that wrong credentials are remembered
_MOST = 10_000  # credentials that are remembered
_WAITING = 64  # checks that may be under way
_THREADS = 4
_REST = 2.0  # seconds for which a source that could not be asked is left alone
_TOLD = 60.0  # seconds between two lines about it


class CredentialSource(Protocol):
    """Somebody who can check credentials. ``check`` is called in a thread."""

    @property
    def kind(self) -> Kind:
        """What wrong credentials are counted as."""

    @property
    def version(self) -> int:
        """Another one when what it said before may not hold any more."""

    def takes(self, credentials: Credentials) -> bool:
        """Whether it could know these at all."""

    def check(self, credentials: Credentials) -> Known | Refused:
        """Raises UnavailableError."""

    def look(self) -> None:
        """See whether its files have changed."""


@dataclass(slots=True)
class _Remembered:
    result: Known | Refused
    until: float
    versions: tuple[int, ...]


class Checker:
    """All sources that take credentials, one after the other."""

    def __init__(
        self,
        sources: Sequence[CredentialSource],
        remember: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``remember``: seconds that right credentials are believed; 0: not at all."""
        self.sources = tuple(sources)
        self.takes_tokens = any(source.kind == "token" for source in sources)
        self._remember = remember
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Known | Refused]] = {}
        self._attempts = Attempts(clock)
        self._resting: dict[CredentialSource, float] = {}
        self._told: dict[CredentialSource, float] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "identity")

    async def check(self, credentials: Credentials, address: IPAddress) -> Known | Refused:
        """Whose they are. Never raises over what a client sends."""
        name = self._named(credentials)
        found = self._recalled(name)
        if found is not None:
            return found
        task = self._under_way.get(name)
        if task is None:
            wait = self._attempts.begin(address, credentials.user)
            if wait:
                return Refused("slowed", wait=math.ceil(wait))
            if len(self._under_way) >= _WAITING:
                return Refused("unavailable", wait=1)
            task = asyncio.create_task(self._checked(name, credentials, address))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)  # others may wait for the same

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._under_way.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _named(self, credentials: Credentials) -> bytes:
        said = f"{credentials.is_token}\0{credentials.user}\0{credentials.secret}"
        return hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), "sha256")

    def _recalled(self, name: bytes) -> Known | Refused | None:
        kept = self._remembered.get(name)
        if kept is None:
            return None
        stale = self._clock() >= kept.until or kept.versions != self._versions()
        if stale or (isinstance(kept.result, Known) and not kept.result.holds()):
            del self._remembered[name]
            return None
        self._remembered.move_to_end(name)
        return kept.result

    def _versions(self) -> tuple[int, ...]:
        return tuple(source.version for source in self.sources)

    async def _checked(self, name: bytes, credentials: Credentials, address: IPAddress) -> Known | Refused:
        versions = self._versions()
        result = await self._asked(credentials)
        if isinstance(result, Known):
            self._attempts.succeeded(address, credentials.user)
            seconds = self._remember
        elif result.kind == "unavailable":
            return result
        else:
            self._attempts.failed(address, credentials.user)
            seconds = _WRONG
        if seconds:
            self._remembered[name] = _Remembered(result, self._clock() + seconds, versions)
            if len(self._remembered) > _MOST:
                self._remembered.popitem(last=False)
        return result

    async def _asked(self, credentials: Credentials) -> Known | Refused:
        """The first who knows them; otherwise why not, an outage before a refusal: they may be right."""
        refused: Refused | None = None
        out = False
        for source in self.sources:
            if not source.takes(credentials):
                continue
            if self._resting.get(source, 0.0) > self._clock():
                out = True
                continue
            try:
                result = await asyncio.get_running_loop().run_in_executor(
                    self._threads, source.check, credentials
                )
            except (UnavailableError, IdentityError) as error:
                self._rest(source, error)
                out = True
                continue
            if isinstance(result, Known):
                return result
            if refused is None or refused.user is None:
                refused = result
        if out:
            return Refused("unavailable", wait=math.ceil(_REST))
        return refused or Refused("token" if credentials.is_token else "password")

    def _rest(self, source: CredentialSource, error: Exception) -> None:
        now = self._clock()
        self._resting[source] = now + _REST
        if now - self._told.get(source, -_TOLD) >= _TOLD:
            self._told[source] = now
            log.error("credentials cannot be checked: %s", error)
