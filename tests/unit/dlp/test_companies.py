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
from outgate.dlp.engine import Engine
from outgate.dlp.overlaps import Ranks
from outgate.dlp.pool import DetectionPool
from outgate.dlp.repeats import Value, Values, marks
from outgate.dlp.schedule import Job, Schedule
from outgate.model import BODY, Role, Segment

CONFIG = DetectorConfig(entities=frozenset({"PASSWORD", "GENERIC_SECRET", "EMAIL_ADDRESS"}))
ENGINE = Engine(CONFIG)
RANKS = Ranks(CONFIG)
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
    return [own for _, own in asyncio.run(pool._scan(Job(arrived=0.0, deadline=1e9), texts))]


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
        return [{"found": done}]

    monkeypatch.setattr(Schedule, "run", worker)
    pool = pool_without_workers()

    async def scan(*texts: str) -> list[list[Match]]:
        return [own for _, own in await pool._scan(Job(arrived=0.0, deadline=1e9), list(texts))]

    shared = f"{VALUES[0]} and {VALUES[1]}"
    await scan(FRAGMENTS[0], shared)
    resent = asyncio.create_task(scan(FRAGMENTS[0], shared, "What now?"))
    await waiting.wait()
    assert await scan(FRAGMENTS[1], shared) == ENGINE.scan([FRAGMENTS[1], shared])
    released.set()
    assert await resent == ENGINE.scan([FRAGMENTS[0], shared, "What now?"])


@given(
    st.lists(
        st.lists(st.from_regex(r"[A-Z]{3}=[a-z]{4}", fullmatch=True), max_size=20, unique=True), max_size=30
    )
)
def test_memory_of_companies_is_bounded_and_no_value_is_kept(sets: list[list[str]]) -> None:
    companies = Companies(20 * 8 * 170)
    for texts in sets:
        matches = [Match(0, len(text), "PASSWORD", 1.0, "d") for text in texts]
        own = [marks(text, [match], RANKS) for text, match in zip(texts, matches, strict=True)]
        members = Values(texts, [[match] for match in matches], own).members
        assert len(members) == len(set(texts))
        companies.meet(members)
        assert sum(1 + len(members) for members in companies._sets.values()) == companies._size <= 20
        kept = repr([list(members.items()) for members in companies._sets.values()])
        assert not any(text in kept for text in texts)


async def test_a_text_that_stands_elsewhere_than_before_is_found_where_it_stands() -> None:
    pool = pool_without_workers()

    async def places(*texts: str) -> list[tuple[int, int]]:
        segments = [Segment(text, Role.USER, "t", BODY, 0, 0, "utf8") for text in texts]
        return [(finding.segment, finding.start) for finding in await pool.detect(segments)]

    secret = FRAGMENTS[0]
    assert await places(secret) == [(0, 11)]
    assert await places("nothing at all", secret, secret) == [(1, 11), (2, 11)]
    assert await places(secret, VALUES[0]) == [(0, 11), (1, 0)]
    assert await places(secret) == [(0, 11)]


def test_of_very_many_values_secrets_are_looked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgate.dlp.repeats._MOST", 2)
    texts = [*FRAGMENTS[:3], "write to ada@example.org", " ".join(VALUES), "ada@example.org again"]
    pool = pool_without_workers()
    assert scanned(pool, texts) == ENGINE.scan(texts)
    again = scanned(pool, [*texts, "more"])
    assert again == ENGINE.scan([*texts, "more"])
    assert len(again[4]) == 2
