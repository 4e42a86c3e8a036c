"""Texts that come again cost a look-up; nothing of a text is kept, and memory is bounded."""

from __future__ import annotations

import pickle
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp.cache import FoundCache
from outgate.dlp.config import DetectorConfig, WordList
from outgate.dlp.detector import Match
from outgate.dlp.pool import DetectionPool
from outgate.dlp.schedule import Schedule
from outgate.model import BODY, Role, Segment

MATCH = Match(0, 4, "WORD", 1.0, "words:WORD")


def test_what_was_found_is_known_again_and_counted() -> None:
    cache = FoundCache(10_000)
    digest = cache.digest("blue bird")
    assert cache.get(digest) is None
    cache.add(digest, [MATCH])
    known = cache.get(cache.digest("blue bird"))
    assert known is not None and known.found == [MATCH]
    assert cache.counted() == (1, 1)
    assert cache.counted() == (0, 0)


def test_no_text_is_kept_and_another_cache_has_other_names() -> None:
    cache = FoundCache(10_000)
    cache.add(cache.digest("the secret text"), [MATCH])
    assert b"secret" not in pickle.dumps(list(cache._known.items()))
    assert cache.digest("a") != FoundCache(10_000).digest("a")


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 30)), max_size=60))
def test_memory_stays_within_its_bound_and_is_counted_right(steps: list[tuple[str, int]]) -> None:
    cache = FoundCache(5_000)
    for text, count in steps:
        digest = cache.digest(text)
        known = cache.get(digest) or cache.add(digest, [MATCH] * count)
        cache.settle(digest, known, 1, [MATCH] * (count // 2))
        assert cache._size == sum(one.size for one in cache._known.values()) <= 5_000


def test_the_longest_unused_goes_first() -> None:
    cache = FoundCache(1_600)
    names = [cache.digest(text) for text in "abcd"]
    for name in names[:3]:
        cache.add(name, [])
    cache.get(names[0])
    cache.add(names[3], [])
    assert [cache.get(name) is not None for name in names] == [True, False, True, True]


def segments(*texts: str) -> list[Segment]:
    return [Segment(text, Role.USER, f"t{n}", BODY, 0, 0, "utf8") for n, text in enumerate(texts)]


async def test_a_resent_conversation_asks_about_its_new_part_only(
    tmp_path: Path, monkeypatch: object
) -> None:
    config = DetectorConfig(entities=frozenset({"PROJECT"}), words=(WordList("PROJECT", ("Bluebird",)),))
    pool = DetectionPool(config, workers=1, deadline=20, queue_limit=9, cache=2**20, folder=tmp_path / "p")
    asked: list[list[str]] = []
    run = Schedule.run

    async def listening(self: Schedule, job: object, tasks: object) -> object:
        asked.extend(task.message["texts"] for task in tasks)  # type: ignore[attr-defined]
        return await run(self, job, tasks)  # type: ignore[arg-type]

    monkeypatch.setattr(Schedule, "run", listening)  # type: ignore[attr-defined]
    await pool.start()
    try:
        first = await pool.detect(segments("We are on Bluebird.", "Good."))
        again = await pool.detect(segments("We are on Bluebird.", "Good.", "More of Bluebird"))
        assert asked == [["We are on Bluebird.", "Good."], ["More of Bluebird"]]
        assert [(f.segment, f.start, f.end) for f in first] == [(0, 10, 18)]
        assert [(f.segment, f.start, f.end) for f in again] == [(0, 10, 18), (2, 8, 16)]
    finally:
        await pool.close()


async def test_a_value_of_a_new_text_is_found_again_in_a_known_one(tmp_path: Path) -> None:
    from outgate.dlp.config import CustomPattern

    config = DetectorConfig(
        entities=frozenset({"BADGE"}), patterns=(CustomPattern("BADGE", r"badge (?P<value>[A-Z]{8})"),)
    )
    pool = DetectionPool(config, workers=1, deadline=20, queue_limit=9, cache=2**20, folder=tmp_path / "p")
    await pool.start()
    try:
        assert await pool.detect(segments("It is QWERTYUI here.")) == ()
        found = await pool.detect(segments("It is QWERTYUI here.", "badge QWERTYUI"))
        assert [(f.segment, f.start, f.end) for f in found] == [(0, 6, 14), (1, 6, 14)]
        assert await pool.detect(segments("It is QWERTYUI here.")) == ()
    finally:
        await pool.close()
