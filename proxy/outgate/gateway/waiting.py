"""What a start waits for that others have to do: told in the log, to systemd, and to a supervisor.

Such as the first release of the policy, which may have to be fetched and tried before anything can be judged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from outgate.gateway import notify

log = logging.getLogger("outgate")

_LOOK = 0.2  # seconds between two looks at what is waited for
_AGAIN = 30.0  # seconds after which the same is told again


class Waiting:
    """One start's."""

    def __init__(self) -> None:
        self.what = ""  # is waited for now; "": nothing

    async def until[T](self, work: Callable[[], T], stage: Callable[[], str]) -> T:
        """Do ``work`` in a thread; ``stage`` tells what it waits for. Raises what ``work`` does."""
        doing = asyncio.ensure_future(asyncio.to_thread(work))
        asking = asyncio.create_task(notify.more_time(lambda: bool(self.what)))
        told, at = "", 0.0
        try:
            while not (await asyncio.wait({doing}, timeout=_LOOK))[0]:
                self.what, now = stage(), time.monotonic()
                if self.what and (self.what != told or now - at > _AGAIN):
                    log.info("not started yet: waiting for %s", self.what)
                    told, at = self.what, now
            return doing.result()
        finally:
            self.what = ""
            doing.cancel()
            asking.cancel()
