"""Whom the proxy core tells what happens: each hook's handlers are looked up once, not with every event.

The library's own manager asks every addon at every hook whether it has a handler, which for a small request
costs a tenth of the proxy's time.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from mitmproxy import exceptions, flow
from mitmproxy.addonmanager import AddonManager
from mitmproxy.hooks import Hook, UpdateHook

_log = logging.getLogger("outgate")
_UPDATE = UpdateHook(())


class _Listening(NamedTuple):
    """To one hook."""

    handlers: tuple[Callable[..., Any], ...]
    names: tuple[str, ...]  # of the event's fields, which they are given


class Hooks(AddonManager):
    """The same handlers in the same order as the library's manager calls. O(handlers of the hook) an event."""

    def __init__(self, master: Any) -> None:
        super().__init__(master)
        self._known: dict[str, _Listening] = {}  # by the name of a hook

    def add(self, *addons: Any) -> None:
        """As the library does."""
        super().add(*addons)
        self._known.clear()

    def remove(self, addon: Any) -> None:
        """As the library does."""
        super().remove(addon)
        self._known.clear()

    async def handle_lifecycle(self, event: Hook) -> None:
        """As the library does; ``update``, which is for user interfaces, only where somebody listens."""
        await self.trigger_event(event)
        if self._listening(_UPDATE).handlers:
            message, *_ = event.args()
            if isinstance(message, flow.Flow):
                await self.trigger_event(UpdateHook([message]))

    async def trigger_event(self, event: Hook) -> None:
        """Call who listens, one after the other; whoever fails is told of, and does not keep the others from it."""
        handlers, names = self._listening(event)
        if not handlers:
            return
        arguments = [getattr(event, name) for name in names]
        for handler in handlers:
            try:
                result = handler(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception as error:
                # The message may repeat what was sent.
                _log.error("the handler of the hook %s failed: %s", event.name, type(error).__name__)

    def _listening(self, event: Hook) -> _Listening:
        found = self._known.get(event.name)
        if found is None:
            handlers = (handler for addon in self.chain for _, handler in self._iter_hooks(addon, event))
            names = (field.name for field in dataclasses.fields(event))  # type: ignore[arg-type]
            found = self._known[event.name] = _Listening(tuple(handlers), tuple(names))
        return found
