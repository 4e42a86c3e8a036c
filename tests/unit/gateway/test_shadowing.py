"""A policy that is only asked: bounded in what waits for it, and with no part in what becomes of an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import prometheus_client as prometheus
import pytest

from made_exchanges import EXCHANGE, chat
from outgate.catalogue import Catalogue
from outgate.gateway import shadowing
from outgate.gateway.shadowing import Seen, Shadowing
from outgate.metrics_rollout import RolloutMetrics
from outgate.model import Exchange, Finding, Outcome, Segment, Verdict
from outgate.pipeline import Rules, inspect
from outgate.policy import load
from outgate.rollout.differences import Differences
from outgate.rollout.store import Store

CATALOGUE = Catalogue.load()


class Detector:
    """Finds a project in every text, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.breaks = False

    async def detect(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        self.asked += 1
        await self.gate.wait()
        if self.breaks:
            raise RuntimeError("Bluebird")
        return [
            Finding(n, 0, len(s.text), "PROJECT", 1.0, "words")
            for n, s in enumerate(segments)
            if s.text == "Bluebird"
        ]


def rules(tmp_path: Path, action: str) -> Rules:
    file = tmp_path / f"{action}.yaml"
    file.write_text(
        f"version: 1\nrules: [{{name: {action} it, detect: [PROJECT], action: {action}}}]\n"
        "detectors: {words: [{entity: PROJECT, words: [Bluebird]}]}\n"
    )
    return Rules(CATALOGUE, load([file]), b"k" * 32, 2**20)


def exchange(number: int = 0, text: str = "Bluebird") -> Exchange:
    return replace(EXCHANGE, id=f"og_{number:016x}", time=datetime.now(UTC), body=chat(text))


class Shadow:
    """One at work, beside a policy that redacts."""

    def __init__(self, tmp_path: Path) -> None:
        self.detector, self.registry = Detector(), prometheus.CollectorRegistry()
        self.ours = rules(tmp_path, "redact")
        words = frozenset({"block it"}), frozenset({"openai"})
        self.table = Differences(Store(tmp_path))
        metrics = RolloutMetrics(self.registry, lambda: words)
        self.one = Shadowing(rules(tmp_path, "block"), self.detector.detect, None, self.table, metrics)

    async def judged(
        self, number: int = 0, text: str = "Bluebird", *, other: Detector | None = None
    ) -> Verdict:
        seen = self.one.beside((other or self.detector).detect, None)
        found = await inspect(exchange(number, text), self.ours, seen.detect)
        self.one.offer(exchange(number, text), found, self.ours.policy.hash, seen)
        return found

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("outgate_shadow_exchanges_total", {"result": result}) or 0

    async def until(self, result: str, count: int) -> None:
        async with asyncio.timeout(20):
            while self.counted(result) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
def shadow(tmp_path: Path) -> Shadow:
    return Shadow(tmp_path)


async def test_with_the_same_detectors_nothing_is_looked_for_again_and_with_others_it_is(
    shadow: Shadow,
) -> None:
    shadow.one.start()
    assert (await shadow.judged()).outcome is Outcome.EDIT
    await shadow.until("would_block", 1)
    assert shadow.detector.asked == 1
    other = Detector()
    await shadow.judged(other=other)
    await shadow.until("would_block", 2)
    assert (other.asked, shadow.detector.asked) == (1, 2)
    await shadow.one.close()
    ((_, counted),) = shadow.table.read()
    assert counted.count == 2


async def test_what_does_not_fit_is_dropped_and_counted_and_the_verdict_waits_for_nothing(
    shadow: Shadow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadowing, "_MOST_BYTES", 1000)
    other = Detector()
    shadow.detector.gate.clear()  # the shadow's own detection hangs
    shadow.one.start()
    for number in range(300):
        assert (await shadow.judged(number, other=other)).outcome is Outcome.EDIT
    assert shadow.counted("dropped") > 250
    shadow.detector.gate.set()
    await shadow.until("would_block", 300 - int(shadow.counted("dropped")))
    assert shadow.one._size == 0
    await shadow.one.close()


async def test_no_more_wait_than_the_queue_holds_and_what_waits_at_the_end_is_counted(shadow: Shadow) -> None:
    seen = Seen(shadow.detector.detect, None, True)
    for number in range(shadowing._MOST + 7):
        shadow.one.offer(exchange(number), Verdict(Outcome.FORWARD), "h", seen)
    assert shadow.counted("dropped") == 7
    await shadow.one.close()
    assert shadow.counted("dropped") == shadowing._MOST + 7


async def test_a_shadow_that_breaks_or_hangs_is_counted_and_the_next_exchange_is_judged(
    shadow: Shadow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shadowing, "_DEADLINE", 0.2)
    shadow.one.start()
    shadow.detector.breaks = True
    await shadow.judged(other=Detector())
    await shadow.until("failed", 1)
    shadow.detector.breaks = False
    shadow.detector.gate.clear()
    await shadow.judged(other=Detector())
    await shadow.until("failed", 2)
    shadow.detector.gate.set()
    await shadow.judged(other=Detector())
    await shadow.until("would_block", 1)
    await shadow.one.close()
    assert "Bluebird" not in caplog.text
