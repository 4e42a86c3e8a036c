"""Slows those who guess: after some failures of an address, or for a user, each further try has to wait.

The wait doubles with every failure, up to a limit, and is forgotten after a time without one. Nobody
is locked out: a user who has been right from an address before is not kept waiting there by what
others try, and whoever is remembered (``checking``) is not looked at again at all. Bounded: what was
seen longest ago is forgotten first.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from outgate.model import IPAddress
from outgate.sites import Site, site_of

OF_ADDRESS = 20  # failures that cost an address nothing: many people may stand behind one
OF_USER = 5
LONGEST = 60.0  # seconds of a wait, at most
_FIRST = 1.0
_FORGIVEN = 900.0  # seconds without a failure
_MOST = 10_000  # of addresses, of users, and of those who were right


@dataclass(slots=True)
class _Record:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


class _Records[K: Hashable]:
    """The failures of one kind of culprit."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._records: OrderedDict[K, _Record] = OrderedDict()

    def wait(self, key: K, now: float) -> float:
        record = self._records.get(key)
        return 0.0 if record is None else max(0.0, record.until - now)

    def begin(self, key: K, now: float) -> None:
        """One that has failed too often has one try at a time: the next is looked at only after the wait."""
        record = self._records.get(key)
        if record is not None and record.failures >= self._free and now - record.last < _FORGIVEN:
            # By twos, and not further than the limit: no power of a large number is taken.
            record.until = now + min(LONGEST, _FIRST * 2 ** min(16, record.failures - self._free))

    def failed(self, key: K, now: float) -> None:
        record = self._records.setdefault(key, _Record())
        self._records.move_to_end(key)
        record.failures = record.failures + 1 if now - record.last < _FORGIVEN else 1
        record.last = now
        if len(self._records) > _MOST:
            self._records.popitem(last=False)


class Attempts:
    """Who has failed how often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._addresses: _Records[Site] = _Records(OF_ADDRESS)
        self._users: _Records[str] = _Records(OF_USER)
        self._right: OrderedDict[tuple[Site, str], None] = OrderedDict()

    def begin(self, address: IPAddress, user: str) -> float:
        """Seconds before a try may be looked at; 0.0: it may now, and has begun. ``user`` is "" with a token."""
        now, site = self._clock(), site_of(address)
        counts = bool(user) and (site, user) not in self._right
        wait = max(self._addresses.wait(site, now), self._users.wait(user, now) if counts else 0.0)
        if not wait:
            self._addresses.begin(site, now)
            if counts:
                self._users.begin(user, now)
        return wait

    def failed(self, address: IPAddress, user: str) -> None:
        """It was wrong."""
        now, site = self._clock(), site_of(address)
        self._addresses.failed(site, now)
        if user and (site, user) not in self._right:
            self._users.failed(user, now)

    def succeeded(self, address: IPAddress, user: str) -> None:
        """It was right. What else failed from there is not forgiven: a guesser may have an account, too."""
        if user:
            self._right[site_of(address), user] = None
            self._right.move_to_end((site_of(address), user))
            if len(self._right) > _MOST:
                self._right.popitem(last=False)
