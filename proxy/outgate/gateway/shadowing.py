"""A policy that is only asked: beside each verdict, after it, and with no part in what leaves.

Exchanges that were judged wait here, in a queue of bounded length and size, and are judged once more, one at a time;
what does not fit is dropped and counted. Where the shadow policy has the detectors of the one in force, it judges what
was found for that one, and nothing is looked for again. Only requests are judged so, not what models answer.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from outgate.attachments import Extracted
from outgate.attachments.joining import Extract
from outgate.metrics_rollout import RolloutMetrics
from outgate.model import Exchange, Finding, Segment, Verdict
from outgate.pipeline import Detect, Rules, inspect
from outgate.rollout import KeepingError
from outgate.rollout.comparing import Kind, differences
from outgate.rollout.differences import Counted, Differences, Key

log = logging.getLogger("outgate")

_MOST = 256  # exchanges that wait
_MOST_BYTES = 64 * 2**20  # of their bodies
_MOST_ROWS = 1000  # differences that wait to be written
_DEADLINE = 60.0  # seconds for one judgement
_EVERY = 2.0  # seconds between writes


class Seen:
    """The detection of the policy in force, with what came of it kept for a second judgement."""

    __slots__ = ("_detect", "_extract", "_shared", "extracted", "files", "findings", "segments")

    def __init__(self, detect: Detect, extract: Extract | None, shared: bool) -> None:
        """``shared``: the shadow policy has the same detectors."""
        self._detect, self._extract, self._shared = detect, extract, shared
        self.segments: Sequence[Segment] | None = None
        self.findings: Sequence[Finding] = ()
        self.files: Sequence[bytes] | None = None
        self.extracted: Sequence[Extracted] = ()

    async def detect(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        """As the pipeline's."""
        found = await self._detect(segments)
        if self._shared:
            self.segments, self.findings = segments, found
        return found

    async def extract(self, files: Sequence[bytes]) -> Sequence[Extracted]:
        """As the pipeline's; only where there is one."""
        assert self._extract is not None
        self.extracted = await self._extract(files)
        self.files = files
        return self.extracted


@dataclass(frozen=True, slots=True)
class _Waiting:
    exchange: Exchange
    verdict: Verdict
    policy: str  # hash of the one that judged it
    seen: Seen


@dataclass(slots=True)
class Shadowing:
    """One shadow policy at work."""

    rules: Rules
    detect: Detect
    extract: Extract | None
    table: Differences
    metrics: RolloutMetrics
    _waiting: asyncio.Queue[_Waiting] = field(default_factory=lambda: asyncio.Queue(_MOST))
    _size: int = 0  # bytes of the bodies that wait
    _tally: dict[Key, Counted] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def beside(self, detect: Detect, extract: Extract | None) -> Seen:
        """What the policy in force is to look with."""
        return Seen(detect, extract, detect == self.detect)

    def offer(self, exchange: Exchange, verdict: Verdict, policy: str, seen: Seen) -> None:
        """Have an exchange judged once more, some time. ``policy``: hash of the one whose verdict it is."""
        size = len(exchange.body)
        if self._waiting.full() or self._size + size > _MOST_BYTES:
            self.metrics.shadowed("dropped")
            return
        self._size += size
        self._waiting.put_nowait(_Waiting(exchange, verdict, policy, seen))

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._judge()), asyncio.create_task(self._write())]

    async def close(self) -> None:
        """End. What waits is dropped, what was counted is written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(self._waiting.qsize()):
            self.metrics.shadowed("dropped")
        await self._flush()

    async def _judge(self) -> None:
        while True:
            one = await self._waiting.get()
            self._size -= len(one.exchange.body)
            try:
                await self._compare(one)
            except Exception:  # no text of it may be told, and no other exchange goes without
                self.metrics.shadowed("failed")
            await asyncio.sleep(0)  # whoever waits for an answer goes first

    async def _compare(self, one: _Waiting) -> None:
        seen = one.seen

        async def detect(segments: Sequence[Segment]) -> Sequence[Finding]:
            known = seen.segments is not None and tuple(seen.segments) == tuple(segments)
            return seen.findings if known else await self.detect(segments)

        async def extract(files: Sequence[bytes]) -> Sequence[Extracted]:
            if seen.files is not None and list(seen.files) == list(files):
                return seen.extracted
            assert self.extract is not None
            return await self.extract(files)

        async with asyncio.timeout(_DEADLINE):
            theirs = await inspect(
                one.exchange, self.rules, detect, extract=extract if self.extract else None
            )
        found = differences(one.verdict, theirs)
        self.metrics.shadowed(str(found[0].kind if found else Kind.SAME))
        for each in found:
            self.metrics.shadow_differs(str(each.kind), each.shadow_rule or each.rule, each.provider)
            key = self.rules.policy.hash, one.policy, each
            if key in self._tally or len(self._tally) < _MOST_ROWS:
                self._tally.setdefault(key, Counted()).add(one.exchange.id, time.time())

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self._flush()

    async def _flush(self) -> None:
        tally, self._tally = self._tally, {}
        if not tally:
            return
        try:
            await asyncio.shield(asyncio.to_thread(self.table.add, tally))
        except (sqlite3.Error, OSError, KeepingError) as error:
            log.error("what the shadow policy would do was not written: %s", type(error).__name__)
