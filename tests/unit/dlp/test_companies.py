"""What a text is settled to, when its request changes around it, is what it would be settled to from nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp.companies import Companies
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match
from outgate.dlp.division import row_of
from outgate.dlp.engine import Engine
from outgate.dlp.pool import DetectionPool
from outgate.dlp.repeats import Value
from outgate.dlp.schedule import Job, Schedule

CONFIG = DetectorConfig(entities=frozenset({"PASSWORD", "GENERIC_SECRET", "EMAIL_ADDRESS"}))
ENGINE = Engine(CONFIG)
VALUES = ("Zq7-unreal-Kw2x", "Hj4-unreal-Pv9c", "Mt1-unreal-Rb8d")
FRAGMENTS = (
    *(f"password = {value}" for value in VALUES),
    *(f"client_secret: '{value}'" for value in VALUES),
    *(f"say {value} twice, {value}" for value in VALUES),
    f"{VALUES[0]} and {VALUES[1]}",
    f"password = {VALUES[0]} and {VALUES[2]}",
    "write to ada@example.org",
    "ada@example.org again",
    "nothing at all",
)
requests = st.lists(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=6, unique=True), max_size=6)


def pool_without_workers(cache: int = 2**20) -> DetectionPool:
    pool = DetectionPool(CONFIG, workers=0, deadline=20, queue_limit=9, cache=cache, inline=2**17)
    pool._here = ENGINE
    return pool


def scanned(pool: DetectionPool, texts: list[str]) -> list[list[Match]]:
    return asyncio.run(pool._scan(Job(arrived=0.0, deadline=1e9), texts))


@settings(deadline=None)
@given(requests, st.sampled_from([0, 3_000, 2**20]))
def test_every_request_of_any_history_is_settled_as_if_it_were_the_first(
    history: list[list[str]], cache: int
) -> None:
    pool = pool_without_workers(cache)
    for texts in history:
        assert scanned(pool, texts) == ENGINE.scan(texts)


def test_a_conversation_that_goes_on_settles_only_what_its_new_values_touch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = pool_without_workers()
    settled: list[list[str]] = []
    run = Engine.settle

    def listening(texts: list[str], *rest: Any) -> Any:
        settled.append(list(texts))
        return run(ENGINE, texts, *rest[:-1])

    monkeypatch.setattr("outgate.dlp.pool.settle", listening)
    history = [FRAGMENTS[0], FRAGMENTS[7], "nothing at all"]
    scanned(pool, history)
    scanned(pool, [*history, "And what now?"])
    scanned(pool, [*history, FRAGMENTS[1]])
    assert settled == [history, ["And what now?"], [FRAGMENTS[7], FRAGMENTS[1]]]


async def test_two_requests_at_once_that_share_a_text_are_each_settled_in_their_own_company(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("outgate.dlp.pool._SETTLED_HERE", 0)  # by a worker, which takes time
    waiting, released = asyncio.Event(), asyncio.Event()

    async def worker(_: Schedule, __: Job, tasks: list[Any]) -> list[dict[str, Any]]:
        task = tasks[0].message
        if task["texts"] == ["What now?"]:
            waiting.set()
            await released.wait()
        found = [[Match(*row) for row in rows] for rows in task["found"]]
        done = ENGINE.settle(task["texts"], found, [Value(*row) for row in task["values"]])
        return [{"found": [[row_of(match) for match in own] for own in done]}]

    monkeypatch.setattr(Schedule, "run", worker)
    pool = pool_without_workers()

    def scan(*texts: str) -> Any:
        return pool._scan(Job(arrived=0.0, deadline=1e9), list(texts))

    shared = f"{VALUES[0]} and {VALUES[1]}"
    await scan(FRAGMENTS[0], shared)
    resent = asyncio.create_task(scan(FRAGMENTS[0], shared, "What now?"))
    await waiting.wait()
    assert await scan(FRAGMENTS[1], shared) == ENGINE.scan([FRAGMENTS[1], shared])
    released.set()
    assert await resent == ENGINE.scan([FRAGMENTS[0], shared, "What now?"])


@given(st.lists(st.lists(st.text(max_size=4), max_size=20), max_size=30))
def test_memory_of_companies_is_bounded_and_no_value_is_kept(sets: list[list[str]]) -> None:
    companies = Companies(20 * 8 * 170)
    for texts in sets:
        values = [Value(text, "SECRET", 1.0, "d") for text in dict.fromkeys(texts)]
        companies.meet(values)
        assert sum(1 + len(members) for members in companies._sets.values()) == companies._size <= 20
        assert all(isinstance(one, int) for members in companies._sets.values() for one in members)
