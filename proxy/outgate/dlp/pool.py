"""Detection in worker processes: the gateway's way to an Engine, with a deadline and a bounded queue.

The event loop only cuts texts, passes messages and waits. A request is cut into tasks of bounded size
that take turns with those of others; a worker that does not answer in time is killed and replaced, and
only the request that it was working for fails. Nothing here has an opinion on what a failure means: a
DetectionError is raised, and the policy's ``on_error`` decides. No text is logged, or put in an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from outgate.dlp import DetectionError, entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match
from outgate.dlp.overlaps import Ranks
from outgate.dlp.process import WorkerGoneError, WorkerProcess
from outgate.dlp.repeats import values
from outgate.dlp.schedule import Job, Schedule, Task
from outgate.dlp.texts import Texts
from outgate.dlp.windows import Piece, Stage, cut
from outgate.model import Finding, Segment

_logger = logging.getLogger(__name__)

_START = 120.0  # seconds in which a worker has to be ready; a large model on a busy machine needs many
_STUCK = 1.0  # seconds after which a task of a request that is over is more than slow
_BACK_OFF = (0.1, 30.0)  # seconds before another start: at first, at most
_GRACE = 30.0  # seconds beyond the deadline after which a worker whose parent has gone ends itself
# Cost of one code point, in those of the patterns; and of any text and task, however short.
_WEIGHT: dict[Stage, float] = {"patterns": 1.0, "names": 8.0}
_PER_TEXT = 50.0
_PER_TASK = 500.0
_TASK = 49_152.0  # cost of one task, about: what a worker does without looking up
_SETTLING = 262_144  # code points of one task that puts findings together
_SETTLE_WEIGHT = 0.1


class DetectionPool:
    """Workers for one configuration; another configuration is another pool."""

    def __init__(
        self,
        config: DetectorConfig,
        *,
        workers: int,
        deadline: float,
        queue_limit: int,
        memory: int | None = None,
    ) -> None:
        """``deadline`` is the seconds of one request, waiting included; ``memory`` bytes for each worker."""
        self.config = config
        self.problem: str | None = None
        self._deadline = deadline
        self._queue_limit = queue_limit
        self._hello = {"config": config.to_json(), "memory": memory, "seconds": deadline + _GRACE}
        self._stages = _stages(config)
        self._ranks = Ranks(config)
        self._count = workers if self._stages else 0
        self._schedule = Schedule()
        self._servants: list[asyncio.Task[None]] = []
        self._live: set[WorkerProcess] = set()
        self._ready = not self._count
        self._closing = False

    async def start(self) -> None:
        """Have the workers started. Returns at once; ``ready`` says when the first one is."""
        if not self._servants:
            self._servants = [asyncio.create_task(self._serve()) for _ in range(self._count)]

    @property
    def ready(self) -> bool:
        """Whether a request would be worked on. A worker that is being replaced does not change it."""
        return self._ready and self.problem is None and not self._closing

    @property
    def queue_depth(self) -> int:
        """Requests that wait for a worker, for all or for the rest of their tasks."""
        return len(self._schedule)

    async def detect(self, segments: Sequence[Segment]) -> tuple[Finding, ...]:
        """Every finding in ``segments``, in their order.

        Before the first worker is ready this waits, within the deadline. Cancelling it drops what of it
        is queued. Raises DetectionError.
        """
        texts = Texts(segments)
        if not texts.distinct or not self._stages:
            return ()
        if self._closing or (self.problem and not self._live):
            raise DetectionError("not_ready", self.problem or "detection is shutting down")
        if len(self._schedule) >= self._queue_limit:
            raise DetectionError("overload", f"{self._queue_limit} requests are waiting")
        now = asyncio.get_running_loop().time()
        job = Job(arrived=now, deadline=now + self._deadline)
        try:
            async with asyncio.timeout_at(job.deadline):
                with self._schedule.admit(job):
                    return texts.findings(await self._scan(job, texts.distinct))
        except TimeoutError:
            if self._ready:
                raise DetectionError("timeout", f"not done after {self._deadline:g} s") from None
            raise DetectionError("not_ready", "no worker is ready yet") from None

    async def close(self) -> None:
        """Take no more requests, let those that are in finish (within their deadlines), end the workers."""
        self._closing = True
        while self._schedule.busy:  # noqa: ASYNC110 - ends with the last deadline
            await asyncio.sleep(0.01)
        for servant in self._servants:
            servant.cancel()
        await asyncio.gather(*self._servants, return_exceptions=True)
        self._servants = []

    async def _scan(self, job: Job, texts: list[str]) -> list[list[Match]]:
        if self._cost_of(texts) <= _TASK:
            whole = Task({"stage": "all", "texts": texts}, self._cost_of(texts))
            return _matches((await self._schedule.run(job, [whole]))[0])
        batches = list(chain.from_iterable(_batches(stage, texts) for stage in self._stages))
        tasks = [
            Task({"stage": stage, "texts": [piece.of(texts) for piece in pieces]}, _cost(stage, pieces))
            for stage, pieces in batches
        ]
        found: list[list[Match]] = [[] for _ in texts]
        answers = await self._schedule.run(job, tasks)
        for (_, pieces), answer in zip(batches, answers, strict=True):
            for piece, own in zip(pieces, _matches(answer), strict=True):
                found[piece.text].extend(piece.place(own))
        if not any(found):
            return found
        return await self._settle(job, texts, found)

    async def _settle(self, job: Job, texts: list[str], found: list[list[Match]]) -> list[list[Match]]:
        repeating = [
            [value.text, value.entity, value.score, value.detector, value.inside]
            for value in values(texts, found, self._ranks)
        ]
        tasks = [
            Task(
                {
                    "stage": "settle",
                    "texts": texts[first:last],
                    "found": [[_row(match) for match in own] for own in found[first:last]],
                    "values": repeating,
                },
                _PER_TASK + _SETTLE_WEIGHT * sum(map(len, texts[first:last])),
            )
            for first, last in _runs(texts)
        ]
        answers = await self._schedule.run(job, tasks)
        return list(chain.from_iterable(map(_matches, answers)))

    def _cost_of(self, texts: Sequence[str]) -> float:
        weight = sum(_WEIGHT[stage] for stage in self._stages)
        return _PER_TASK + _PER_TEXT * len(texts) + weight * sum(map(len, texts))

    async def _serve(self) -> None:
        """Keep one worker running until the pool closes."""
        pause = _BACK_OFF[0]
        while True:
            worker: WorkerProcess | None = None
            try:
                worker = await WorkerProcess.start()
                problem = await self._greet(worker)
                if problem is None:
                    pause = _BACK_OFF[0]
                    self._ready, self.problem = True, None
                    self._live.add(worker)
                    await self._work(worker)
                else:
                    self._refuse(problem)
            except OSError as error:
                self._refuse(f"no worker process can be started: {error.strerror}")
            finally:
                if worker is not None:
                    self._live.discard(worker)
                    await asyncio.shield(worker.kill())
            await asyncio.sleep(pause)
            pause = min(2 * pause, _BACK_OFF[1])

    async def _greet(self, worker: WorkerProcess) -> str | None:
        """What keeps a new worker from being ready, or None."""
        try:
            answer = await asyncio.wait_for(worker.ask(self._hello), _START)
        except TimeoutError:
            return f"a worker was not ready after {_START:g} s"
        except WorkerGoneError:
            return "a worker ended while it was starting"
        problem = answer.get("problem")
        return None if problem is None else str(problem)

    def _refuse(self, problem: str) -> None:
        if problem != self.problem:
            _logger.error("detection cannot start: %s", problem)
        self.problem = problem
        if not self._live:
            self._schedule.fail_all(DetectionError("not_ready", problem))

    async def _work(self, worker: WorkerProcess) -> None:
        """Give ``worker`` tasks until it has to be replaced."""
        loop = asyncio.get_running_loop()
        ended = asyncio.create_task(worker.ended())
        try:
            while not ended.done():
                taken = self._schedule.take(loop.time())
                if taken is not None:
                    if not await self._do(worker, *taken):
                        return
                    continue
                changed = asyncio.create_task(self._schedule.changed())
                try:
                    await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
            _logger.warning("a detection worker ended while it was idle; it is replaced")
        finally:
            ended.cancel()

    async def _do(self, worker: WorkerProcess, job: Job, task: Task) -> bool:
        """Have one task done; whether the worker can be given another."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(max(job.deadline, now + min(_STUCK, self._deadline))):
                answer = await worker.ask(task.message)
        except TimeoutError:
            job.fail(DetectionError("timeout", "a worker did not answer"))
            _logger.warning("a detection worker is killed: it did not answer in time")
            return False
        except WorkerGoneError:
            job.fail(DetectionError("crash", "a worker ended"))
            _logger.warning("a detection worker ended while it was working; it is replaced")
            return False
        except asyncio.CancelledError:
            job.fail(DetectionError("not_ready", "detection is shutting down"))
            raise
        if "error" in answer:
            job.fail(DetectionError("detector_error", str(answer.get("detail", ""))))
        else:
            job.answer(task, answer)
        return True


def _stages(config: DetectorConfig) -> tuple[Stage, ...]:
    """The stages that a configuration has use for, without building a detector."""
    names = entities.named(config.entities)
    stages: list[Stage] = []
    if config.entities - names or names & entities.brought(config):
        stages.append("patterns")
    if names:
        stages.append("names")
    return tuple(stages)


def _batches(stage: Stage, texts: Sequence[str]) -> Iterator[tuple[Stage, list[Piece]]]:
    """All pieces of all texts, as many small ones together as make a task."""
    batch: list[Piece] = []
    cost = 0.0
    for piece in cut(stage, texts):
        own = _cost(stage, [piece])
        if batch and cost + own > _TASK:
            yield stage, batch
            batch, cost = [], 0.0
        batch.append(piece)
        cost += own
    if batch:
        yield stage, batch


def _cost(stage: Stage, pieces: Sequence[Piece]) -> float:
    return sum(_PER_TEXT + _WEIGHT[stage] * len(piece) for piece in pieces)


def _runs(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last index of runs of texts that are settled together."""
    first, size = 0, 0
    for index, text in enumerate(texts):
        if index > first and size + len(text) > _SETTLING:
            yield first, index
            first, size = index, 0
        size += len(text)
    if first < len(texts):
        yield first, len(texts)


def _matches(answer: dict[str, Any]) -> list[list[Match]]:
    return [[Match(*row) for row in rows] for rows in answer["found"]]


def _row(match: Match) -> list[Any]:
    return [match.start, match.end, match.entity, match.score, match.detector]
