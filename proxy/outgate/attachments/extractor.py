"""The event loop's way to what is in a file: remembered, or asked of a worker, within a deadline.

Workers are started when there is a first file to read. One that does not answer in time, or that says
something odd, is killed, and the next file has another. Nothing here has an opinion on what a failure
means: an ExtractionError is raised, and the policy's ``on_error`` decides. No text is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from outgate.attachments import Extracted, ExtractionError, Gap, Reason, messages
from outgate.attachments.cache import ExtractedCache
from outgate.attachments.config import ExtractorConfig
from outgate.attachments.kinds import kinds_of
from outgate.dlp.process import WorkerGoneError, WorkerProcess

_logger = logging.getLogger(__name__)

_START = 60.0  # seconds in which a worker has to be ready
_OWN = 0.8  # of its time, what a request's files may take a worker before it tells the rest as not read


class Extractor:
    """Reads attachments. Open it, use it in one event loop, close it."""

    def __init__(self, config: ExtractorConfig, told: Callable[[str, str], None] | None = None) -> None:
        """``told`` hears of every file: its kind, and what came of it."""
        self._config = config
        self._told = told or (lambda kind, outcome: None)
        self._cache = ExtractedCache(config.cache)
        self._turn = asyncio.Semaphore(config.workers)
        self._idle: list[WorkerProcess] = []
        self._inside = 0  # requests
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def extract(self, files: Sequence[bytes]) -> list[Extracted]:
        """What is in each file. Raises ExtractionError when one was not read to its end.

        When the request's files have taken a worker so long that little time is left, the others are told as gaps.
        """
        if self._closing:
            raise ExtractionError("not_ready", "it is shutting down")
        if self._inside >= self._config.queue_limit + self._config.workers:
            raise ExtractionError("overload", f"{self._config.queue_limit} requests are waiting")
        deadline = asyncio.get_running_loop().time() + self._config.deadline
        found: list[Extracted] = []
        left = _OWN * self._config.deadline  # seconds of a worker
        self._inside += 1
        try:
            async with asyncio.timeout_at(deadline):
                for content in files:
                    extracted, took = await self._one(content, left, deadline)
                    found.append(extracted)
                    left -= took
        except TimeoutError:
            raise ExtractionError("timeout", f"not done after {self._config.deadline:g} s") from None
        finally:
            self._inside -= 1
        for extracted in found:
            self._told(extracted.kind, extracted.outcome)
        return found

    async def close(self) -> None:
        """End the workers. Whoever still waits for one fails."""
        self._closing = True
        while self._idle:
            await self._idle.pop().kill()

    async def _one(self, content: bytes, left: float, deadline: float) -> tuple[Extracted, float]:
        """What is in a file, and the seconds that a worker took for it."""
        kinds = kinds_of(content)
        if not kinds:
            return _missed("unknown", content, "unknown"), 0
        if len(content) > self._config.limits.size:
            return _missed(kinds[0], content, "too_large"), 0
        digest = self._cache.digest(content)
        extracted = self._cache.get(digest)
        if extracted is not None:
            return extracted, 0
        if left <= 0:
            return _missed(kinds[0], content, "timed_out"), 0
        clock = asyncio.get_running_loop().time
        async with self._turn:
            began = clock()
            extracted = await self._ask(content, left, deadline)
            took = clock() - began
        self._cache.add(digest, extracted)
        return extracted, took

    async def _ask(self, content: bytes, left: float, deadline: float) -> Extracted:
        self._idle = [worker for worker in self._idle if worker.alive]
        worker = self._idle.pop() if self._idle else await self._start()
        kept = False
        try:
            seconds = max(0.1, min(left, _OWN * (deadline - asyncio.get_running_loop().time())))
            answer = await worker.ask({"size": len(content), "seconds": seconds}, content)
            if "error" in answer:
                kept = True
                timeout = answer["error"] == "timeout"
                raise ExtractionError("timeout" if timeout else "crash", "a file was not read to its end")
            extracted = messages.to_extracted(answer)
            kept = True
            return extracted
        except (WorkerGoneError, ValueError, KeyError, TypeError):
            _logger.warning("a worker that reads attachments has failed; it is replaced")
            raise ExtractionError("crash", "a worker ended") from None
        finally:
            if kept and not self._closing:
                self._idle.append(worker)
            else:
                await worker.kill()

    async def _start(self) -> WorkerProcess:
        try:
            worker = await WorkerProcess.start("outgate.attachments.worker")
        except OSError as error:
            raise ExtractionError("not_ready", f"no process can be started: {error.strerror}") from None
        ready = False
        try:
            answer = await asyncio.wait_for(worker.ask({"config": messages.of_config(self._config)}), _START)
            ready = answer.get("ready") is True
        except WorkerGoneError:
            raise ExtractionError("not_ready", "a worker ended while it was starting") from None
        finally:
            if not ready:
                await worker.kill()
        if not ready:
            raise ExtractionError("not_ready", "a worker could not start")
        return worker


def _missed(kind: str, content: bytes, reason: Reason) -> Extracted:
    """A file of which nothing was read."""
    return Extracted(kind, (), (Gap("", "", len(content), reason),))
