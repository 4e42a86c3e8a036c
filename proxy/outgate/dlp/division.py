"""How a request's texts become tasks of bounded size for workers, and answers become matches again.

Owns what a task costs and says. The unit of cost is about the time in which a model reads an eighth of
a character. Knows no queue and no process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from outgate.dlp.detector import Match
from outgate.dlp.repeats import Value
from outgate.dlp.schedule import Task
from outgate.dlp.windows import Piece, Stage, cut

_WEIGHT: dict[Stage, float] = {"patterns": 0.4, "names": 8.0}  # cost of one code point, dense with findings
_PER_TEXT = 50.0  # of any text, however short
_PER_TASK = 500.0
_TASK = 49_152.0  # cost of one task, about: what a worker does without looking up
_SETTLING = 262_144  # code points of one task that puts findings together
_SETTLE_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Division:
    """The tasks that find everything in some texts."""

    tasks: tuple[Task, ...]
    pieces: tuple[tuple[Piece, ...], ...]  # of each task; none: the one task has the texts whole

    def gathered(self, texts: Sequence[str], answers: Sequence[dict[str, Any]]) -> list[list[Match]]:
        """Per text, what the tasks' answers tell of it."""
        if not self.pieces:
            return matches_of(answers[0])
        found: list[list[Match]] = [[] for _ in texts]
        for pieces, answer in zip(self.pieces, answers, strict=True):
            for piece, own in zip(pieces, matches_of(answer), strict=True):
                found[piece.text].extend(piece.place(own))
        return found


def divide(texts: Sequence[str], stages: Sequence[Stage]) -> Division:
    """One task for small requests; else one for so many pieces, stage by stage."""
    weight = sum(_WEIGHT[stage] for stage in stages)
    cost = _PER_TASK + _PER_TEXT * len(texts) + weight * sum(map(len, texts))
    if cost <= _TASK:
        return Division((Task({"stage": "all", "stages": stages, "texts": texts}, cost),), ())
    batches = [batch for stage in stages for batch in _batches(stage, texts)]
    tasks = [
        Task(
            {
                "stage": stage,
                "texts": [piece.of(texts) for piece in pieces],
                "ours": [piece.ours for piece in pieces],
            },
            _cost(stage, pieces),
        )
        for stage, pieces in batches
    ]
    return Division(tuple(tasks), tuple(tuple(pieces) for _, pieces in batches))


def settling(texts: Sequence[str], found: Sequence[Sequence[Match]], values: Sequence[Value]) -> list[Task]:
    """The tasks that make one answer of the findings of all stages and pieces, and find ``values`` again."""
    repeating = list(values)
    return [
        Task(
            {
                "stage": "settle",
                "texts": texts[first:last],
                "found": found[first:last],
                "values": repeating,
            },
            _PER_TASK + _SETTLE_WEIGHT * sum(map(len, texts[first:last])),
        )
        for first, last in _runs(texts)
    ]


def matches_of(answer: dict[str, Any]) -> list[list[Match]]:
    """The matches in a worker's answer."""
    return [[Match(*row) for row in rows] for rows in answer["found"]]


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
