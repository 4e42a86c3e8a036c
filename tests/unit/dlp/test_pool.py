"""The pool with real worker processes: a failure fails its own request, and is never 'nothing found'."""

from __future__ import annotations

import asyncio
import logging

import pytest

from outgate.dlp import DetectionError
from outgate.dlp.config import CustomPattern, DetectorConfig
from outgate.dlp.pool import DetectionPool
from outgate.dlp.process import WorkerProcess
from outgate.model import BODY, Finding, Role, Segment

# One entity that is found at once, and one whose pattern takes for ever on the right text.
CONFIG = DetectorConfig(
    entities=frozenset({"BADGE", "SLOW"}),
    patterns=(CustomPattern("BADGE", r"\bB-\d{6}\b"), CustomPattern("SLOW", r"(?:a|aa)+(?<=b)")),
)
HANGS = "a" * 60
BADGE = "\U0001f600\ud800\x00\u2028 B-123456"


def segment(text: str) -> Segment:
    return Segment(text, Role.USER, "text", BODY, 0, 0, "utf8")


async def running(deadline: float = 10.0, queue_limit: int = 64) -> DetectionPool:
    pool = DetectionPool(CONFIG, workers=1, deadline=deadline, queue_limit=queue_limit)
    await pool.start()
    while not pool.ready:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return pool


async def find(pool: DetectionPool, text: str) -> tuple[Finding, ...]:
    return await pool.detect([segment(text)])


async def test_offsets_are_code_points_of_the_segment() -> None:
    pool = await running()
    try:
        (finding,) = await find(pool, BADGE)
        assert BADGE[finding.start : finding.end] == "B-123456"
    finally:
        await pool.close()


async def test_a_text_that_hangs_a_pattern_times_out_and_the_next_request_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    pool = await running(deadline=2.0)
    try:
        with pytest.raises(DetectionError) as caught:
            await find(pool, HANGS)
        assert caught.value.reason == "timeout"
        await asyncio.sleep(1.5)
        assert await find(pool, BADGE)
    finally:
        await pool.close()
    assert HANGS not in caplog.text


async def test_more_requests_than_the_queue_holds_are_refused() -> None:
    pool = await running(deadline=2.0, queue_limit=1)
    try:
        work = []
        for _ in range(2):  # one at work, then one in the queue
            work.append(asyncio.create_task(find(pool, HANGS)))
            await asyncio.sleep(0.3)
        with pytest.raises(DetectionError) as caught:
            await find(pool, BADGE)
        assert caught.value.reason == "overload"
        await asyncio.gather(*work, return_exceptions=True)
    finally:
        await pool.close()


async def test_a_cancelled_request_leaves_the_queue() -> None:
    pool = await running(deadline=2.0)
    try:
        first = asyncio.create_task(find(pool, HANGS))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(find(pool, BADGE))
        await asyncio.sleep(0.1)
        assert pool.queue_depth == 1
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert pool.queue_depth == 0
        await asyncio.gather(first, return_exceptions=True)
    finally:
        await pool.close()


async def test_a_cancelled_request_soon_frees_the_worker_that_is_at_it() -> None:
    pool = await running(deadline=60.0)
    try:
        hanging = asyncio.create_task(find(pool, HANGS))
        await asyncio.sleep(0.3)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        async with asyncio.timeout(10):  # a second until it is given up, and some for another worker to start
            assert await find(pool, BADGE)
    finally:
        await pool.close()


async def test_a_cancelled_request_does_not_cost_a_worker_that_is_soon_done() -> None:
    pool = await running()
    try:
        (before,) = pool._live
        slow = asyncio.create_task(find(pool, "B-123456 " * 5000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        assert await find(pool, BADGE)
        await asyncio.sleep(1.5)
        assert pool._live == {before}
    finally:
        await pool.close()


async def test_a_model_that_is_absent_is_not_ready_and_says_so() -> None:
    config = DetectorConfig(entities=frozenset({"PERSON"}), ner_model="no_such_model")
    pool = DetectionPool(config, workers=1, deadline=30.0, queue_limit=4)
    await pool.start()
    try:
        with pytest.raises(DetectionError) as caught:
            await find(pool, "Ada Lovelace")
        assert caught.value.reason == "not_ready"
        assert not pool.ready
        assert pool.problem
    finally:
        await pool.close()


async def test_who_is_cancelled_while_a_worker_is_killed_has_waited_for_its_end() -> None:
    worker = await WorkerProcess.start("outgate.dlp.worker")
    killing = asyncio.create_task(worker.kill())
    await asyncio.sleep(0)
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    assert killing.cancelled()
    assert not worker.alive


async def test_a_pool_that_is_closed_leaves_no_worker_that_is_about_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending, kill = asyncio.Queue[WorkerProcess](), WorkerProcess.kill

    async def told(worker: WorkerProcess) -> None:
        ending.put_nowait(worker)
        await kill(worker)

    monkeypatch.setattr(WorkerProcess, "kill", told)
    config = DetectorConfig(entities=frozenset({"PERSON"}), ner_model="no_such_model")
    pool = DetectionPool(config, workers=1, deadline=30.0, queue_limit=4)
    await pool.start()
    worker = await ending.get()
    await pool.close()
    assert not worker.alive
