"""What people say, in a proxy that runs: the desk, the pages in front of it, and what is in force of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from outgate.audit.log import path_of
from outgate.feedback.address import COMMAND, HOST, ORIGIN, WHY
from outgate.feedback.desk import Desk, Stands, in_log
from outgate.feedback.in_force import InForce
from outgate.feedback.store import Limits, Store
from outgate.gateway.exchanges import plain_host
from outgate.gateway.pages import Pages
from outgate.metrics import Metrics
from outgate.policy.exceptions import Exceptions
from outgate.settings import Settings

_ASKING = frozenset({"regular", "socks5"})  # modes in which a client can name us


class Feedback:
    """Of one process; others share the file."""

    def __init__(
        self,
        settings: Settings,
        key: bytes,
        metrics: Metrics,
        standing: Stands,
        on_change: Callable[[Exceptions, int], None],
    ) -> None:
        self._thread = ThreadPoolExecutor(1, "outgate-feedback")
        self._store = Store(settings.feedback_path, Limits(days=settings.feedback.keep_days))
        self.in_force = InForce(self._store, self._thread, on_change)
        find = in_log(path_of(settings))
        desk = Desk(find, self._store, self._thread, standing) if settings.feedback.pages else None
        self.pages = Pages(desk, key, metrics, self._changed)

    async def _changed(self) -> None:
        await self.in_force.refresh(changed=True)

    def close(self) -> None:
        """Let go of the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)


def is_ours(host: str) -> bool:
    """Whether a connection is for our own pages: opened, and answered here."""
    return plain_host(host) == HOST


def why(settings: Settings) -> str:
    """What a reference is put behind to say where more is told."""
    served = settings.feedback.pages and any(mode.partition("@")[0] in _ASKING for mode in settings.mode)
    return f"{ORIGIN}{WHY}" if served else COMMAND
