"""Work that a client waits for: it ends when the client has left, and takes nobody with it when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mitmproxy import http
from mitmproxy.connection import Client


class ClientLeftError(Exception):
    """Nobody waits for the result any more."""


class Running:
    """What is being worked on, by flow. A flow waits for one thing at a time."""

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[str, asyncio.Task[Any]]] = {}  # with the client's id

    async def run[T](self, flow: http.HTTPFlow, work: Coroutine[Any, Any, T]) -> T:
        """Do it. Raises ClientLeftError, and what it raises, as an Exception whatever it was."""
        task = asyncio.ensure_future(_contained(work))
        self._tasks[flow.id] = (flow.client_conn.id, task)
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                raise ClientLeftError from None
            raise
        finally:
            del self._tasks[flow.id]

    def abandon(self, flow: http.HTTPFlow) -> None:
        """The client does not wait for this one."""
        running = self._tasks.get(flow.id)
        if running is not None:
            running[1].cancel()

    def left(self, client: Client) -> None:
        """Nor for any of its own."""
        for owner, task in tuple(self._tasks.values()):
            if owner == client.id:
                task.cancel()


async def _contained[T](work: Coroutine[Any, Any, T]) -> T:
    """``work``, but what would end the whole process, or leave its client waiting, ends this exchange alone."""
    try:
        return await work
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise RuntimeError(type(error).__name__) from None


def _being_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
