"""One worker as its supervisor sees it: started, heard, told what to do, and killed when it does not answer.

Imports nothing of the proxy. A worker is a new interpreter, never a fork.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from outgate.gateway.control import Line, Order

_SOURCE_ROOT = Path(__file__).parents[2]
# Seconds in which a worker has to say that it accepts; a large model may be loaded. What it waits for that comes from
# elsewhere has deadlines of its own (``rollout``), and does not count.
_START = 120.0
_AFTER = (
    15.0  # seconds beyond the deadline of its end until it is killed: for audit, vault, and its own workers
)


def _import_from() -> str:
    return os.pathsep.join(filter(None, (str(_SOURCE_ROOT), os.environ.get("PYTHONPATH"))))


class WorkerProcess:
    """A worker that was started."""

    def __init__(self, process: asyncio.subprocess.Process, line: Line, slot: int, seat: int) -> None:
        self.slot = slot
        self.seat = seat
        self.ways_in: list[str] = []
        self.problems: list[str] = ["it is starting"]
        self.problem: str | None = None  # why it ended, in its own words
        self.waits_for = ""  # before it can start
        self.ready = False
        self.leaving = False
        self.accepting = asyncio.Event()
        self.hung = ""  # how it was seen that it had to be killed
        self._process = process
        self._line = line
        self._started = self._heard = time.monotonic()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, order: Mapping[str, Any], descriptors: Iterable[int], cores: str) -> WorkerProcess:
        """Start one that serves as ``order`` says, with these file descriptors. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "outgate.gateway.worker",
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(*descriptors, theirs.fileno()),
                    process_group=0,  # what a terminal sends is the supervisor's to pass on
                    env=os.environ | {"PYTHONPATH": _import_from(), "OUTGATE_CORES": cores},
                )
            except BaseException:
                ours.close()
                raise
        line = await Line.over(ours)
        line.say(**order)
        return cls(process, line, order["number"], order["seat"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, order: Order) -> None:
        """Have it do something."""
        self.leaving = self.leaving or order != "reload"
        self._line.say(order=order)

    async def ended(self, stall: float) -> str:
        """Return when it has ended: how. It is killed when nothing was heard of it for ``stall`` seconds."""
        waiting = asyncio.create_task(self._process.wait())
        looked = time.monotonic()
        while not (await asyncio.wait({waiting}, timeout=min(1.0, stall / 4)))[0]:
            now = time.monotonic()
            if now - looked > stall / 2:  # it is we who did not listen
                self._heard = now
            looked = now
            silent = now - self._heard > (stall if self.accepting.is_set() else max(stall, _START))
            late = not self.accepting.is_set() and now - self._started > _START
            if silent or late:
                slow = f"it did not accept connections within {_START:g} seconds"
                self.hung = "it did not answer any more" if silent else slow
                self.kill()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._line.flushed()
        code = waiting.result()
        if self.hung:
            return self.hung
        return self.problem or (f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")

    async def end(self, order: Order, drain: float) -> None:
        """Have it end, and see to it that it does. ``drain``: the seconds it may take to."""
        self.tell(order)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), drain + _AFTER)
        self.kill()

    def kill(self) -> None:
        """At once. Its connections are reset; nothing of them was forwarded that was not inspected."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _listen(self) -> None:
        async for message in self._line.heard():
            self._heard = time.monotonic()
            self.ways_in = message.get("ways_in", self.ways_in)
            self.problem = message.get("problem", self.problem)
            self.waits_for = message.get("waits_for", "")
            if self.waits_for:
                self._started = self._heard
            if "ready" in message:
                self.ready, self.problems = message["ready"], message["problems"]
                if message["accepting"]:
                    self.accepting.set()
