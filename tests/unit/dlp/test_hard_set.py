"""The hard set: secrets in many surroundings, and what looks like one and is none, with floors for both.

``hard/tuned_on.yaml`` is what the detectors were tuned on, ``hard/scored_on.yaml`` is what they were scored
on. The first score on the second half, before anything was mended for it, was a recall of 0.976 and a
precision of 0.988 (November 2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from outgate.dlp import entities, examples
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine

HARD = Path(__file__).parent / "hard"
HALVES = ("tuned_on", "scored_on")


@dataclass
class Score:
    """Counts over one half."""

    wanted: int = 0
    found: int = 0
    exact: int = 0
    wrong: int = 0
    missed: tuple[str, ...] = ()
    false: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        return self.found / self.wanted

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DetectorConfig(entities=entities.groups()["secrets"]))


def marked(template: str) -> tuple[str, list[tuple[int, int]]]:
    """The text of a template without its marks, and the spans that they mark."""
    text = ""
    spans = []
    for part in re.split("([«»])", examples.expand(template)):
        if part == "«":
            start = len(text)
        elif part == "»":
            spans.append((start, len(text)))
        else:
            text += part
    return text, spans


def scored(engine: Engine, half: str) -> Score:
    cases = yaml.safe_load((HARD / f"{half}.yaml").read_text("utf-8"))
    score = Score()
    for template in [*cases["secrets"], *cases["harmless"]]:
        text, spans = marked(template)
        matches = engine.scan([text])[0]
        for start, end in spans:
            covered = sum(max(0, min(match.end, end) - max(match.start, start)) for match in matches)
            score.wanted += 1
            score.found += covered >= 0.9 * (end - start)
            score.exact += any((match.start, match.end) == (start, end) for match in matches)
            if covered < 0.9 * (end - start):
                score.missed += (template,)
        for match in matches:
            if not any(match.start < end and start < match.end for start, end in spans):
                score.wrong += 1
                score.false += (f"{text[match.start : match.end]!r} in {text!r}",)
    return score


@pytest.mark.parametrize("half", HALVES)
def test_secrets_are_found_and_nothing_else(engine: Engine, half: str) -> None:
    score = scored(engine, half)
    assert score.recall >= 0.97, score.missed
    assert score.precision >= 0.97, score.false
    assert score.exact >= 0.97 * score.wanted


def test_the_set_is_large_enough_and_its_halves_share_no_case() -> None:
    halves = [yaml.safe_load((HARD / f"{half}.yaml").read_text("utf-8")) for half in HALVES]
    assert sum(len(half["secrets"]) for half in halves) >= 150
    assert sum(len(half["harmless"]) for half in halves) >= 300
    for kind in ("secrets", "harmless"):
        assert not set(halves[0][kind]) & set(halves[1][kind])
