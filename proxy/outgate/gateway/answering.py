"""Answers that are inspected: which, in front of what is restored in them, and how a client is told of an end.

What a rule makes of an answer is the pipeline's; how its pieces come and go is the core's. Closed first: from its
head on nothing of an answer that a rule may be about goes on unless this says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mitmproxy import http

from outgate.answer_pipeline import AnswerInspection, holds_answer, inspect_answer
from outgate.gateway import core, errors, exchanges, restoring
from outgate.gateway.ahead import transport_of
from outgate.gateway.core_hooks import Piece
from outgate.gateway.report import Report, Reporter
from outgate.gateway.restoring import Stream
from outgate.gateway.running import ClientLeftError, Running
from outgate.model import Exchange, Finding, Segment, Verdict
from outgate.pipeline import Detect, Rules

if TYPE_CHECKING:
    from outgate.gateway.judge import Judge

_KEY = "outgate.answering"  # in a flow's metadata
MOST_RECORDED = 4 * 1024 * 1024  # bytes of an answer that is only recorded that are kept until its end
_SLICE = 64 * 1024  # bytes that are read at a time then
_CUT_OFF = "The provider ended the connection before its answer was over."
_BODILESS = frozenset({204, 205, 304})


@dataclass(slots=True)
class Answering:
    """One answer under way."""

    inspection: AnswerInspection
    reference: str
    format_name: str
    restored: Stream | None = None
    begun: bool = False  # something of it was told
    _kept: bytearray = field(default_factory=bytearray)
    _too_long: bool = False

    async def pass_on(self, piece: Piece, deadline: float) -> None:
        """Say what becomes of a piece. Raises nothing but CancelledError; then the answer ends."""
        inspection = self.inspection
        try:
            async with asyncio.timeout(deadline):
                told = await (inspection.finish() if piece.last else inspection.feed(piece.data))
        except Exception as error:
            told = inspection.fail("timeout" if isinstance(error, TimeoutError) else "exception")
        if inspection.stopped:
            self._stop(piece, inspection.stopped)
            return
        if self.restored:
            ends = [b""] if piece.last else []
            told = [back for one in (*told, *ends) for back in _pieces(self.restored(one))]
        if told and not self.begun:
            self.begun = True
            if not inspection.packed and piece.flow.response is not None:
                piece.flow.response.headers.pop("content-encoding", None)
        piece.told, piece.ends = told, False

    def keep(self, through: Stream | None) -> Stream:
        """A pass-through for an answer that is only recorded."""

        def kept(data: bytes) -> bytes | list[bytes]:
            self._too_long = self._too_long or len(self._kept) + len(data) > MOST_RECORDED
            if not self._too_long:
                self._kept += data
            return through(data) if through else data or []

        return kept

    async def review(self, deadline: float) -> None:
        """Judge what was kept. Raises nothing but CancelledError."""
        kept, self._kept = bytes(self._kept), bytearray()
        try:
            async with asyncio.timeout(deadline):
                for start in range(0, len(kept), _SLICE):
                    await self.inspection.feed(kept[start : start + _SLICE])
                    await asyncio.sleep(0)
                await self.inspection.finish()
            if self._too_long:
                self.inspection.fail("too_large")
        except Exception as error:
            self.inspection.fail("timeout" if isinstance(error, TimeoutError) else "exception")

    def _stop(self, piece: Piece, verdict: Verdict) -> None:
        """The error of the provider's shape: as the answer, or at the end of what of it was told."""
        message = verdict.message or "This answer is not allowed by policy."
        answer = errors.answer(self.format_name, verdict.status, message, self.reference)
        if self.begun:
            piece.told = [self.inspection.ending(answer.body)]
        else:
            piece.instead = exchanges.to_response(answer)


def _pieces(told: bytes | list[bytes]) -> list[bytes]:
    return [told] if isinstance(told, bytes) else told


class Answers:
    """The hooks of answers that are inspected, for every one under way."""

    def __init__(
        self, judge: Callable[[], Judge], reporter: Reporter, running: Running, deadline: float
    ) -> None:
        """``deadline``: seconds for a piece."""
        self._judge, self._reporter, self._running, self._deadline = judge, reporter, running, deadline
        self._waiting: dict[str, asyncio.Transport] = {}  # by flow: providers that are not read from
        self._reviews: set[asyncio.Task[None]] = set()

    @staticmethod
    def expect(flow: http.HTTPFlow, report: Report, rules: Rules) -> None:
        """A request leaves now. An answer that may be held has to come without a content encoding."""
        if holds_answer(report.exchange, report.verdict, rules):
            restoring.ask_for_plain(flow.request)

    async def begin(self, flow: http.HTTPFlow, report: Report) -> None:
        """The answer's head is there: what its body goes through. If that is not clear, nothing of it goes on."""
        assert flow.response is not None
        flow.response.stream = True
        flow.metadata[core.INSPECTED] = True
        try:
            await self._begin(flow, flow.response, report)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._reporter.error("exception")

    async def _begin(self, flow: http.HTTPFlow, response: http.Response, report: Report) -> None:
        judge = self._judge().of(report.exchange)
        restored = await restoring.restorer(flow, report.verdict, self._reporter.unrestored)
        answer = _begun(flow, report, judge.rules, partial(self._detect, report.exchange), restored)
        if answer is not None:
            flow.metadata[_KEY] = answer
        if answer is not None and answer.inspection.holds:
            response.stream = report.stream(self._reporter)
            return
        response.stream = report.stream(self._reporter, restored if answer is None else answer.keep(restored))
        del flow.metadata[core.INSPECTED]

    async def _detect(self, exchange: Exchange, segments: Sequence[Segment]) -> Sequence[Finding]:
        """By what is in force when a piece of a long answer comes."""
        return await self._judge().of(exchange).detect(segments)

    async def answer_piece(self, piece: Piece) -> None:
        """A piece of an answer: nothing of it goes on but by what is said here."""
        answer = piece.flow.metadata.get(_KEY)
        if not isinstance(answer, Answering):
            return
        try:
            await self._running.run(piece.flow, answer.pass_on(piece, self._deadline))
        except asyncio.CancelledError:
            raise
        except ClientLeftError:
            return
        except BaseException:
            self._reporter.error("exception")

    @staticmethod
    def has_begun(flow: http.HTTPFlow) -> bool:
        """Whether the client has been told the head of the answer that has come."""
        answer = flow.metadata.get(_KEY)
        return core.INSPECTED not in flow.metadata or (isinstance(answer, Answering) and answer.begun)

    @staticmethod
    def broken_off(flow: http.HTTPFlow, report: Report) -> list[bytes]:
        """What a client is told of an answer that it has had a part of, where the provider breaks off."""
        name = report.verdict.endpoint.format if report.verdict.endpoint else "generic"
        error = errors.answer(name, 502, _CUT_OFF, report.exchange.id).body
        try:
            told = restoring.broken_off(flow, error)
        except Exception:  # the exchange is told of all the same
            return []
        answer = flow.metadata.get(_KEY)
        if not told and isinstance(answer, Answering) and answer.inspection.holds:
            told = [answer.inspection.ending(error)]
        return [one for one in told if one]

    def answer_ahead(self, flow: http.HTTPFlow) -> None:
        """The provider is faster than the inspection: it has to wait."""
        transport = transport_of(flow.client_conn, flow.server_conn)
        if transport is not None:
            self._waiting[flow.id] = transport
            transport.pause_reading()

    def answer_caught_up(self, flow: http.HTTPFlow) -> None:
        """It may go on."""
        waiting = self._waiting.pop(flow.id, None)
        if waiting is not None and not waiting.is_closing():
            waiting.resume_reading()

    def over(self, flow: http.HTTPFlow, status: int, finish: Callable[[http.HTTPFlow, int], None]) -> None:
        """The answer is over: it is finished with, at once or, where it is only recorded, when it has been judged."""
        self.answer_caught_up(flow)
        answer = flow.metadata.get(_KEY)
        if not isinstance(answer, Answering) or answer.inspection.holds:
            finish(flow, status)
            return

        async def review() -> None:
            await answer.review(self._deadline)
            finish(flow, status)

        task = asyncio.create_task(review())  # the client need not wait for it
        self._reviews.add(task)
        task.add_done_callback(self._reviews.discard)

    @staticmethod
    def told(flow: http.HTTPFlow, verdict: Verdict) -> Verdict:
        """The exchange's verdict, with what is to be told of its answer."""
        answer = flow.metadata.pop(_KEY, None)
        return answer.inspection.told(verdict) if isinstance(answer, Answering) else verdict

    async def done(self) -> None:
        """The proxy ends: what is being judged is told of before."""
        await asyncio.gather(*self._reviews, return_exceptions=True)


def _begun(
    flow: http.HTTPFlow, report: Report, rules: Rules, detect: Detect, restored: Stream | None
) -> Answering | None:
    """What an answer goes through, its head made ready for that; None where no rule is about it."""
    response = flow.response
    if response is None or flow.request.method == "HEAD" or response.status_code in _BODILESS:
        return None
    headers = response.headers
    inspection = inspect_answer(
        report.exchange,
        report.verdict,
        rules,
        detect,
        headers.get("content-type", ""),
        headers.get("content-encoding", ""),
    )
    if inspection is None:
        return None
    if inspection.holds:
        restoring.reframe(flow)
    assert report.verdict.endpoint is not None
    return Answering(inspection, report.exchange.id, report.verdict.endpoint.format, restored)
