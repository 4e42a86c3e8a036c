"""What a worker process says of a detector that fails: which one, and with what kind of exception."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from outgate.dlp import worker
from outgate.dlp.config import CustomPattern, DetectorConfig
from outgate.dlp.detector import Match
from outgate.dlp.engine import Engine

SECRET = "B-123456 hunter2"


def raises(error: type[BaseException]) -> Any:
    def find(text: str) -> Iterator[Any]:
        raise error(text)
        yield

    engine = Engine(
        DetectorConfig(entities=frozenset({"BADGE"}), patterns=(CustomPattern("BADGE", r"\bB-\d{6}\b"),))
    )
    engine._judged = lambda text, looked: iter([("faulty", find(text))])  # type: ignore[method-assign]
    return engine


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError, UnicodeError])
@pytest.mark.parametrize("stage", ["all", "patterns"])
def test_an_exception_is_told_by_detector_and_class_and_never_by_its_text(
    error: type[BaseException], stage: str
) -> None:
    task = {"stage": stage, "stages": ["patterns"], "texts": [SECRET], "ours": [len(SECRET)]}
    answer = worker._answer(raises(error), task)
    assert answer == {"error": "detector_error", "detail": f"faulty: {error.__name__}"}


class Faulty:
    """A detector of names that fails on the second text, and says so with the text."""

    name = "faulty"
    entities = frozenset({"PERSON"})

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def find_many(self, texts: Sequence[str]) -> list[list[Match]]:
        self.asked.append(list(texts))
        if SECRET in texts:
            raise ValueError(texts)
        return [[Match(0, len(text), "PERSON", 0.85, "faulty")] for text in texts]


@pytest.mark.parametrize("stage", ["all", "names"])
def test_names_are_looked_for_in_all_texts_at_once_and_a_failure_is_told_without_them(stage: str) -> None:
    engine, faulty = raises(ValueError), Faulty()
    engine._wanted, engine._names = faulty.entities, [faulty]
    task = {"stage": stage, "stages": ["names"], "texts": ["Jane", "Doe"], "ours": [4, 3]}
    assert worker._answer(engine, task) == {
        "found": [[(0, 4, "PERSON", 0.85, "faulty")], [(0, 3, "PERSON", 0.85, "faulty")]]
    }
    assert faulty.asked == [["Jane", "Doe"]]
    answer = worker._answer(engine, {**task, "texts": ["Jane", SECRET]})
    assert answer == {"error": "detector_error", "detail": "faulty: ValueError"}


def test_a_task_that_makes_no_sense_is_an_error_without_its_text() -> None:
    answer = worker._answer(raises(ValueError), {"stage": "settle", "texts": [SECRET], "found": [[[SECRET]]]})
    assert answer["error"] == "detector_error"
    assert SECRET not in str(answer)
