"""What a worker process says of a detector that fails: which one, and with what kind of exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from outgate.dlp import worker
from outgate.dlp.config import CustomPattern, DetectorConfig
from outgate.dlp.engine import Engine

SECRET = "B-123456 hunter2"


def raises(error: type[BaseException]) -> Any:
    def find(text: str) -> Iterator[Any]:
        raise error(text)
        yield

    engine = Engine(
        DetectorConfig(entities=frozenset({"BADGE"}), patterns=(CustomPattern("BADGE", r"\bB-\d{6}\b"),))
    )
    engine._judged = lambda text: iter([("faulty", find(text))])  # type: ignore[method-assign]
    return engine


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError, UnicodeError])
@pytest.mark.parametrize("stage", ["all", "patterns"])
def test_an_exception_is_told_by_detector_and_class_and_never_by_its_text(
    error: type[BaseException], stage: str
) -> None:
    answer = worker._answer(raises(error), {"stage": stage, "stages": ["patterns"], "texts": [SECRET]})
    assert answer == {"error": "detector_error", "detail": f"faulty: {error.__name__}"}


def test_a_task_that_makes_no_sense_is_an_error_without_its_text() -> None:
    answer = worker._answer(raises(ValueError), {"stage": "settle", "texts": [SECRET], "found": [[[SECRET]]]})
    assert answer["error"] == "detector_error"
    assert SECRET not in str(answer)
