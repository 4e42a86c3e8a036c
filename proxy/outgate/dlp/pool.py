"""Worker processes that detect, so that the event loop never waits on a detector.

A bounded queue, a deadline that includes the waiting, and a worker that is killed and replaced when
it misses one. Small jobs overtake large ones, but none waits for ever: a job's place is its arrival
plus a second for every 100,000 code points.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from outgate.dlp import DetectionError
from outgate.dlp.config import DetectorConfig
from outgate.model import Finding, Segment

_START_LIMIT = 60.0  # seconds for a worker to load its recognizers and model
_SIZE_PER_SECOND = 100_000
_BACK_OFF = (0.0, 0.2, 1.0, 5.0)


@dataclass(order=True)
class _Job:
    place: float
    number: int
    texts: list[str] = field(compare=False)
    deadline: float = field(compare=False)  # loop time
    answer: asyncio.Future[list[list[int | float | str]]] = field(compare=False)


class DetectionPool:
    """``detect`` is the door; ``start`` returns at once and ``ready`` turns true by itself."""

    def __init__(
        self,
        config: DetectorConfig,
        *,
        workers: int = 1,
        deadline: float = 10.0,
        queue_limit: int = 256,
        memory: int | None = None,
    ) -> None:
        self.config = config
        self.problem: str | None = None
        self._workers = workers
        self._deadline = deadline
        self._queue_limit = queue_limit
        self._memory = memory
        self._jobs: list[_Job] = []
        self._arrived = asyncio.Condition()
        self._first = asyncio.Event()
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: set[asyncio.subprocess.Process] = set()
        self._live = 0

    @property
    def ready(self) -> bool:
        """A worker stands ready, or none is needed."""
        return self._live > 0 or not self.config.entities

    @property
    def queue_depth(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._jobs)

    async def start(self) -> None:
        """Spawn the workers; they load while the caller goes on."""
        if self.config.entities:
            self._tasks = [asyncio.create_task(self._serve(), name="detection worker") for _ in range(self._workers)]

    async def close(self) -> None:
        """End the workers. Whoever still waits gets a DetectionError."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in list(self._processes):
            await _end(process)
        for job in self._jobs:
            _fail(job, "crash")
        self._jobs.clear()

    async def detect(self, segments: Sequence[Segment]) -> tuple[Finding, ...]:
        """The findings in ``segments``. Raises DetectionError."""
        if not segments or not self.config.entities:
            return ()
        if self._live == 0:
            await self._wait_for_a_worker()
        if len(self._jobs) >= self._queue_limit:
            raise DetectionError("overload")
        loop = asyncio.get_running_loop()
        texts = [segment.text for segment in segments]
        now = loop.time()
        size = sum(map(len, texts))
        place = now + size / _SIZE_PER_SECOND
        job = _Job(place, next(self._numbers), texts, now + self._deadline, loop.create_future())
        async with self._arrived:
            heapq.heappush(self._jobs, job)
            self._arrived.notify()
        try:
            rows = await asyncio.wait_for(job.answer, self._deadline)
        except TimeoutError:
            raise DetectionError("timeout") from None
        finally:
            job.answer.cancel()
            if job in self._jobs:
                self._jobs.remove(job)
                heapq.heapify(self._jobs)
        return tuple(Finding(*row) for row in rows)  # type: ignore[arg-type]

    async def _wait_for_a_worker(self) -> None:
        try:
            await asyncio.wait_for(self._first.wait(), min(self._deadline, _START_LIMIT))
        except TimeoutError:
            raise DetectionError("not_ready") from None
        if self._live == 0 and self.problem:
            raise DetectionError("not_ready")

    async def _serve(self) -> None:
        """One worker after another, for ever."""
        failures = 0
        while True:
            await asyncio.sleep(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])
            process = await self._spawn()
            try:
                if await self._greet(process):
                    failures = 0
                    self._live += 1
                    try:
                        await self._work(process)
                    finally:
                        self._live -= 1
                else:
                    failures += 1
            finally:
                await _end(process)
                self._processes.discard(process)

    async def _spawn(self) -> asyncio.subprocess.Process:
        environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LC_ALL": "C.UTF-8"}
        for name in ("PATH", "SYSTEMROOT"):
            if name in os.environ:
                environment[name] = os.environ[name]
        if self._memory:
            environment["OUTGATE_WORKER_MEMORY"] = str(self._memory)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "outgate.dlp.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=sys.platform != "win32",  # a Ctrl-C is for the parent alone
        )
        self._processes.add(process)
        return process

    async def _greet(self, process: asyncio.subprocess.Process) -> bool:
        try:
            async with asyncio.timeout(_START_LIMIT):
                await _send(process, self.config.to_json().encode())
                hello = await _receive(process)
        except (TimeoutError, OSError, EOFError, ValueError):
            hello = {"problem": "a detection worker does not start"}
        self.problem = str(hello["problem"]) if "problem" in hello else None
        self._first.set()
        return self.problem is None

    async def _work(self, process: asyncio.subprocess.Process) -> None:
        """Answer jobs until one breaks the worker."""
        loop = asyncio.get_running_loop()
        while True:
            async with self._arrived:
                await self._arrived.wait_for(lambda: bool(self._jobs))
                job = heapq.heappop(self._jobs)
            if job.answer.done():
                continue
            try:
                async with asyncio.timeout_at(max(job.deadline, loop.time() + 0.001)):
                    await _send(process, json.dumps(job.texts).encode("ascii"))
                    reply = await _receive(process)
            except TimeoutError:
                _fail(job, "timeout")
                return
            except (OSError, EOFError, ValueError):
                _fail(job, "crash")
                return
            except asyncio.CancelledError:
                _fail(job, "crash")
                raise
            if "findings" in reply:
                if not job.answer.done():
                    job.answer.set_result(reply["findings"])
            else:
                _fail(job, "detector_error")


def _fail(job: _Job, reason: str) -> None:
    if not job.answer.done():
        job.answer.set_exception(DetectionError(reason))


async def _send(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(len(data).to_bytes(4) + data)
    await process.stdin.drain()


async def _receive(process: asyncio.subprocess.Process) -> dict[str, list[list[int | float | str]]]:
    assert process.stdout is not None
    head = await process.stdout.readexactly(4)
    reply: dict[str, list[list[int | float | str]]] = json.loads(
        await process.stdout.readexactly(int.from_bytes(head))
    )
    return reply


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    with contextlib.suppress(ProcessLookupError):
        await process.wait()
