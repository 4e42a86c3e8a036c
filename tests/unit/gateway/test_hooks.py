"""The hooks' handlers are called as the library calls them: the same ones, in the same order, whatever one does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.test import tflow

from outgate.gateway.hooks import Hooks

SECRET = "what the client said"


class Addon:
    """Writes down what it is told, and then does something."""

    def __init__(
        self, name: str, told: list[str], then: type[Exception] | None = None, *below: object
    ) -> None:
        self.name = name
        self._told = told
        self._then = then
        self.addons = list(below)

    def request(self, flow: Any) -> None:
        self._told.append(f"{self.name}: {flow.request.method}")
        if self._then is not None:
            raise self._then(SECRET)


class Waiting(Addon):
    async def response(self, flow: Any) -> None:
        await asyncio.sleep(0)
        self._told.append(f"{self.name}: {flow.response.status_code}")


class Updated(Addon):
    def update(self, flows: list[Any]) -> None:
        self._told.append(f"{self.name}: update of {len(flows)}")


def told_by(kind: type[AddonManager], addons: Callable[[list[str]], list[object]]) -> list[str]:
    """What the addons are told of a request and its answer, and once more without the first of them."""

    async def run() -> None:
        master = Master(Options())
        master._legacy_log_events.uninstall()  # it outlives its event loop
        master.addons = kind(master)
        made = addons(told)
        master.addons.add(*made)
        for _ in range(2):
            for hook in (HttpRequestHook, HttpResponseHook):
                await master.addons.handle_lifecycle(hook(tflow.tflow(resp=True)))
        master.addons.remove(made[0])
        told.append("removed")
        await master.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
        master.addons.add(Addon("late", told))
        await master.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))

    told: list[str] = []
    asyncio.run(run())
    return told


@pytest.mark.parametrize(
    "addons",
    [
        lambda told: [Addon("a", told), Waiting("b", told)],
        lambda told: [
            Addon("a", told, None, Waiting("below", told), Addon("beside", told)),
            Waiting("b", told),
        ],
        lambda told: [Addon("a", told, ValueError), Addon("b", told)],
        lambda told: [Waiting("a", told), Addon("b", told, exceptions.AddonHalt), Addon("c", told)],
        lambda told: [Updated("a", told), Addon("b", told)],
        lambda told: [object()],
    ],
    ids=["in order", "below", "one fails", "one halts", "update", "nobody listens"],
)
def test_as_the_library_does(addons: Callable[[list[str]], list[object]]) -> None:
    told = told_by(Hooks, addons)
    assert told == told_by(AddonManager, addons)


def test_what_a_handler_fails_with_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        told_by(Hooks, lambda told: [Addon("a", told, ValueError)])
    assert "request" in caplog.text
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text
