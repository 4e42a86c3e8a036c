"""One worker process as the event loop sees it: start it, ask it, kill it.

Owns the child's environment and the pipes. Knows nothing of queues, requests or what an answer means.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from outgate.dlp import frames
from outgate.dlp.child import CORES

# What an interpreter may need to start, and nothing that can hold a credential.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ", CORES)
_SOURCE_ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """What a child that detects is given of our environment, and what it needs beyond that."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {"PYTHONPATH": str(_SOURCE_ROOT)}


class WorkerGoneError(Exception):
    """The process ended, or wrote something that is no answer."""


class WorkerProcess:
    """A child that answers one message at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str) -> Self:
        """Start a child that runs ``module``; it has imported nothing yet. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the folder it happens to run in is no place to import from
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(),
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def ended(self) -> None:
        """Return when the child has ended."""
        await self._process.wait()

    async def ask(self, message: dict[str, Any], content: bytes = b"") -> dict[str, Any]:
        """Send a message, and ``content`` behind it, and wait for the answer. Raises WorkerGoneError.

        After a cancellation the child may still answer: kill it, or an answer is taken for another's.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise WorkerGoneError
        try:
            stdin.write(frames.pack(message))
            stdin.write(content)
            await stdin.drain()
            header = await stdout.readexactly(frames.LENGTH_SIZE)
            return frames.parse(await stdout.readexactly(frames.length(header)))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            raise WorkerGoneError from None

    async def kill(self) -> None:
        """End the child now, whatever it is doing; it holds nothing that would have to be saved.

        Who is cancelled meanwhile is so when the child has ended, which is soon: nothing of it is left behind.
        """
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        ended = asyncio.create_task(self._process.wait())
        cancelled: asyncio.CancelledError | None = None
        while not ended.done():
            try:
                await asyncio.wait({ended})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
