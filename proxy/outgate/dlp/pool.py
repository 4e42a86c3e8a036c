"""Detection in worker processes: the gateway's way to an Engine, with a deadline and a bounded queue.

The event loop only cuts texts, passes messages and waits. A request is cut into tasks of bounded size
that take turns with those of others; a worker that does not answer in time is killed and replaced, and
only the request that it was working for fails. Nothing here has an opinion on what a failure means: a
DetectionError is raised, and the policy's ``on_error`` decides. No text is logged, or put in an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from outgate.dlp import DetectionError, entities
from outgate.dlp.at_once import found_at_once
from outgate.dlp.cache import FoundCache, Known
from outgate.dlp.companies import Companies
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match
from outgate.dlp.division import divide, matches_of, settling
from outgate.dlp.engine import Engine
from outgate.dlp.overlaps import Ranks
from outgate.dlp.process import WorkerGoneError, WorkerProcess
from outgate.dlp.repeats import SHORT, Mark, Values, marks, settle
from outgate.dlp.schedule import Job, Schedule, Task
from outgate.dlp.texts import Texts
from outgate.dlp.windows import Stage
from outgate.model import Finding, Segment

_logger = logging.getLogger(__name__)

_START = 120.0  # seconds in which a worker has to be ready; a large model on a busy machine needs many
_STUCK = 1.0  # seconds after which a task of a request that is over, or abandoned, is more than slow
_BACK_OFF = (0.1, 30.0)  # seconds before another start: at first, at most
_GRACE = 30.0  # seconds beyond the deadline after which a worker whose parent has gone ends itself
_SETTLED_HERE = 60_000  # code points that the event loop settles by itself: a few milliseconds;
_VALUE = 20  # as many as a value counts for


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
        cache: int = 0,
        inline: int = 0,
        folder: Path | None = None,
        compiling: bool = True,
    ) -> None:
        """``deadline`` is the seconds of one request, waiting included; ``memory`` bytes for each worker.

        ``cache``: bytes, about, for what was found in texts that may come again. ``inline``: code points
        of new text in which the patterns are looked for here, in the event loop, which takes less time
        than to ask a worker; where much has to be judged a worker does it, and where a policy has patterns
        or recognizers of its own, which may take any time. ``folder``
        keeps compiled patterns; without ``compiling``, Python's own expressions look for all of them.
        """
        self.config = config
        self.problem: str | None = None
        self._deadline = deadline
        self._queue_limit = queue_limit
        self._hello = {
            "config": config.to_json(),
            "memory": memory,
            "seconds": deadline + _GRACE,
            "folder": str(folder) if folder else None,
            "compiling": "later" if compiling else "never",
        }
        self.cache = FoundCache(cache)
        self._companies = Companies(cache)
        own = config.patterns or config.recognizers or config.recognizer_classes
        self._inline = 0 if not compiling or own or "patterns" not in _stages(config) else inline
        self._folder = folder
        self._here: Engine | None = None
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
            if self._inline:
                self._servants.append(asyncio.create_task(self._settle_in()))

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
        is queued, and soon what is at work. Raises DetectionError.
        """
        texts = Texts(segments)
        if not texts.distinct or not self._stages:
            return ()
        if self._closing or (self.problem and not self._live):
            raise DetectionError("not_ready", self.problem or "detection is shutting down")
        if len(self._schedule) >= self._queue_limit:
            raise DetectionError("overload", f"{self._queue_limit} requests are waiting")
        loop = asyncio.get_running_loop()
        job = Job(arrived=loop.time(), deadline=loop.time() + self._deadline)
        try:
            async with asyncio.timeout_at(job.deadline):
                with self._schedule.admit(job):
                    return texts.findings(await self._scan(job, texts.distinct))
        except TimeoutError:
            if self._ready:
                raise DetectionError("timeout", f"not done after {self._deadline:g} s") from None
            raise DetectionError("not_ready", "no worker is ready yet") from None
        finally:
            job.abandon(loop.time() + _STUCK)

    async def close(self) -> None:
        """Take no more requests, let those that are in finish (within their deadlines), end the workers."""
        self._closing = True
        while self._schedule.busy:  # noqa: ASYNC110 - ends with the last deadline
            await asyncio.sleep(0.01)
        for servant in self._servants:
            servant.cancel()
        await asyncio.gather(*self._servants, return_exceptions=True)
        self._servants = []

    async def _scan(self, job: Job, texts: list[str]) -> list[tuple[Known, list[Match]]]:
        """Only what is new is looked at; what is known is known as it was found, by itself."""
        digests = [self.cache.digest(text) for text in texts]
        known = [self.cache.get(digest) for digest in digests]
        new = [index for index, one in enumerate(known) if one is None]
        if new:
            fresh = [texts[index] for index in new]
            found = await self._find(job, fresh)
            for index, own in zip(new, found, strict=True):
                known[index] = self.cache.add(digests[index], own)
        all_known = [one for one in known if one is not None]
        return list(zip(all_known, await self._settle(job, texts, digests, all_known), strict=True))

    async def _find(self, job: Job, texts: list[str]) -> list[list[Match]]:
        """What every stage finds in each text by itself: the patterns here if they are few, else by workers."""
        stages = self._stages
        here: list[list[Match]] = [[] for _ in texts]
        if self._here is not None and sum(map(len, texts)) <= self._inline:
            few = await found_at_once(self._here, texts)
            if few is not None:
                here = few
                stages = tuple(stage for stage in stages if stage != "patterns")
        if not stages:
            return here
        division = divide(texts, stages)
        found = division.gathered(texts, await self._schedule.run(job, division.tasks))
        return [[*mine, *theirs] for mine, theirs in zip(here, found, strict=True)]

    async def _settle_in(self) -> None:
        """Build an engine of our own, for the patterns, once a worker has compiled them."""
        while not self._ready:  # noqa: ASYNC110 - until a first worker is, there is no hurry
            await asyncio.sleep(0.05)
        config = replace(self.config, entities=self.config.entities - entities.named(self.config.entities))
        try:
            engine = await asyncio.to_thread(Engine, config, self._folder, "now")
        except DetectionError:
            return  # the workers say why, and what it means
        if engine.scanner == "hyperscan":
            self._here = engine

    async def _settle(
        self, job: Job, texts: list[str], digests: list[bytes], known: list[Known]
    ) -> list[list[Match]]:
        """One answer for each character, and each value found wherever it stands in the request."""
        if not any(one.found for one in known):
            return [[] for _ in texts]
        values = self._values(texts, known)
        company = self._companies.meet(values.members)
        answers = self._settled_before(company, texts, known, values)
        open_ = [i for i, answer in enumerate(answers) if answer is None]
        these = [texts[i] for i in open_]
        found = [known[i].found for i in open_]
        size = sum(map(len, these))
        if _VALUE * len(values.members) + size <= _SETTLED_HERE:
            repeating = values.standing_in(these) if size <= SHORT else values.all()
            settled = settle(these, found, repeating, self._ranks)
        else:
            told = await self._schedule.run(job, settling(these, found, values.all()))
            settled = list(chain.from_iterable(map(matches_of, told)))
        for i, own in zip(open_, settled, strict=True):
            answers[i] = own
            self.cache.settle(digests[i], known[i], company, own)
        return [answer or [] for answer in answers]

    def _values(self, texts: Sequence[str], known: Sequence[Known]) -> Values:
        own: list[Mapping[int, Mark]] = []
        for text, one in zip(texts, known, strict=True):
            if one.marks is None:
                one.marks = marks(text, one.found, self._ranks)
            own.append(one.marks)
        return Values(texts, [one.found for one in known], own)

    def _settled_before(
        self, company: int, texts: Sequence[str], known: Sequence[Known], values: Values
    ) -> list[list[Match] | None]:
        """Of each text what it was settled to, if what has changed in its company makes no difference to it.

        Told now, because another request may settle a text that it shares with this one before this one is done.
        """
        before = {one.company for one in known if one.settled is not None}
        changes = {number: self._companies.change(number, company, values) for number in before}
        answers: list[list[Match] | None] = []
        for text, one in zip(texts, known, strict=True):
            change = changes.get(one.company) if one.settled is not None else None
            if change is None or (change.left and one.touched) or change.touches(text):
                answers.append(None)
            else:
                answers.append(one.settled)
                one.company = company
        for number, change in changes.items():
            if change is not None and not change.left:
                self._companies.part(number)
        return answers

    async def _serve(self) -> None:
        """Keep one worker running until the pool closes."""
        pause = _BACK_OFF[0]
        while True:
            worker: WorkerProcess | None = None
            try:
                worker = await WorkerProcess.start("outgate.dlp.worker")
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
                    await worker.kill()
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
        limit = asyncio.timeout_at(max(job.deadline, now + min(_STUCK, self._deadline)))
        try:
            async with limit:
                job.at_work.add(limit)
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
        finally:
            job.at_work.discard(limit)
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
