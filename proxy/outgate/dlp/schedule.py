"""Whose turn it is: jobs made of small tasks, and the next task for an idle worker.

A job is one request's detection. The turn goes to the job that has had the least work done so far, so a
short message passes six long ones after one task of theirs (B48); what a job has waited counts in its
favour, so that a stream of short messages cannot hold up a long one for ever. Owns the order and the
count; knows no processes and no clock of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Cost units that a second of waiting is worth. A worker does some 300,000 of them in that time.
_WORTH_OF_A_SECOND = 100_000.0


@dataclass(eq=False, slots=True)
class Task:
    """One message for a worker, and what it costs: about the code points a pattern detector reads."""

    message: dict[str, Any]
    cost: float
    answer: dict[str, Any] | None = None


@dataclass(eq=False, slots=True)
class Job:
    """A request's detection, from its arrival to its deadline (both in the event loop's seconds)."""

    arrived: float
    deadline: float
    done: float = 0.0  # cost of the tasks that workers have taken
    waiting: deque[Task] = field(default_factory=deque)
    at_work: set[asyncio.Timeout] = field(default_factory=set)  # of the tasks that workers have now
    _open: int = 0
    _result: asyncio.Future[None] | None = None

    def answer(self, task: Task, message: dict[str, Any]) -> None:
        """A worker has done one of the tasks."""
        task.answer = message
        self._open -= 1
        if not self._open and self._result and not self._result.done():
            self._result.set_result(None)

    def abandon(self, until: float) -> None:
        """Nobody waits for it any more: its workers have until then, so that they are soon free for others."""
        for limit in self.at_work:
            end = limit.when()
            if end is None or end > until:
                limit.reschedule(until)

    def fail(self, error: Exception) -> None:
        """One of the tasks was not done, so the job is not; what is left of it is dropped."""
        self.waiting.clear()
        if self._result and not self._result.done():
            self._result.set_exception(error)


class Schedule:
    """The jobs that have tasks waiting."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._changed = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether any job is not over."""
        return bool(self._jobs)

    def __len__(self) -> int:
        """How many jobs have tasks that no worker has taken."""
        return sum(1 for job in self._jobs if job.waiting)

    @contextmanager
    def admit(self, job: Job) -> Iterator[None]:
        """Within, the job's tasks get their turns; after, none that is left does."""
        self._jobs.append(job)
        try:
            yield
        finally:
            self._jobs.remove(job)
            job.waiting.clear()

    async def run(self, job: Job, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        """The workers' answers to ``tasks``, in their order. Raises what ``Job.fail`` was given."""
        if not tasks:
            return []
        job.waiting.extend(tasks)
        job._open = len(tasks)
        job._result = asyncio.get_running_loop().create_future()
        self._changed.set()
        await job._result
        return [task.answer or {} for task in tasks]

    def take(self, now: float) -> tuple[Job, Task] | None:
        """The next task, which is the caller's to answer; None when there is none."""
        waiting = [job for job in self._jobs if job.waiting]
        if not waiting:
            self._changed.clear()
            return None
        job = min(waiting, key=lambda job: job.done - (now - job.arrived) * _WORTH_OF_A_SECOND)
        task = job.waiting.popleft()
        job.done += task.cost
        return job, task

    async def changed(self) -> None:
        """Return when something has come since ``take`` last had nothing to give."""
        await self._changed.wait()

    def fail_all(self, error: Exception) -> None:
        """There is nobody to do any of the jobs."""
        for job in self._jobs:
            job.fail(error)
