"""What providers say over WebSockets, where rules are about it: judged before values are put back in.

What becomes of a message is the pipeline's; how it goes out is ``messages``. Closed first: of a message that a rule may
edit or block nothing goes on but by what is said here. Where rules only record, a message goes on at once, and is
judged beside it in its turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.websocket import WebSocketMessage

from outgate.answer_pipeline import ConversationInspection, holds_answer, inspect_conversation
from outgate.gateway import errors, exchanges, messages
from outgate.gateway.answering import MOST_RECORDED
from outgate.gateway.messages import Said
from outgate.gateway.report import Report, Reporter
from outgate.gateway.running import ClientLeftError, Running
from outgate.model import Exchange, Finding, Segment, Verdict
from outgate.pipeline import Rules
from outgate.wire import frames

if TYPE_CHECKING:
    from outgate.gateway.judge import Judge

_KEY = "outgate.conversation"  # in a flow's metadata


_CLOSED = object()  # ... or this, while it is not known whether there is to be one


@dataclass(slots=True)
class _Conversation:
    """What a provider says over one WebSocket."""

    inspection: ConversationInspection
    format_name: str
    policy: str  # hash of the one that judges it
    reference: str = "og_none"  # of what was told of it last
    is_over: bool = False
    waiting: deque[bytes | None] = field(
        default_factory=deque
    )  # went on, and are to be judged; None: the end
    size: int = 0  # bytes of these
    review: asyncio.Task[None] | None = None

    async def judged(self, piece: bytes | None, deadline: float) -> list[bytes]:
        """What may go on after a message, or (None) at the end."""
        try:
            async with asyncio.timeout(deadline):
                return await (self.inspection.finish() if piece is None else self.inspection.feed(piece))
        except Exception as error:
            return self.inspection.fail("timeout" if isinstance(error, TimeoutError) else "exception")


class Conversations:
    """Every one that is under way."""

    def __init__(
        self,
        judge: Callable[[], Judge],
        reporter: Reporter,
        running: Running,
        deadline: float,
    ) -> None:
        """``deadline``: seconds for a message."""
        self._judge, self._reporter, self._running, self._deadline = judge, reporter, running, deadline
        self._reviews: set[asyncio.Task[None]] = set()

    def opened(self, flow: http.HTTPFlow, report: Report) -> None:
        """A WebSocket opens. If it is not clear what its provider's messages go through, none of them goes on."""
        try:
            exchange = report.exchange
            self.heard(flow, exchange, report.verdict, self._judge().of(exchange).rules)
        except BaseException:
            self._reporter.error("exception")

    def heard(self, flow: http.HTTPFlow, exchange: Exchange, verdict: Verdict, rules: Rules) -> None:
        """The client's words go on: what is answered is judged by the rules that judged them."""
        before = flow.metadata.get(_KEY)
        flow.metadata[_KEY] = _CLOSED
        if isinstance(before, _Conversation):
            if before.inspection.holds or not holds_answer(exchange, verdict, rules):
                before.inspection.heard(verdict, rules)
                before.policy = rules.policy.hash
                flow.metadata[_KEY] = before
                return
            self._later(flow, before, None)  # it went on, so it is judged by the rules of then
        detect = partial(self._detect, replace(exchange, body=b""))
        inspection = inspect_conversation(exchange, verdict, rules, detect)
        if inspection is None:
            del flow.metadata[_KEY]
            return
        name = verdict.endpoint.format if verdict.endpoint else "generic"
        flow.metadata[_KEY] = _Conversation(inspection, name, rules.policy.hash)

    async def said(self, flow: http.HTTPFlow, message: WebSocketMessage) -> Sequence[Said]:
        """What may be told where the provider says ``message``. What it raises means: nothing."""
        said = Said(message.content, message.is_text)
        if _KEY not in flow.metadata:
            return [said]
        piece = (frames.TEXT if said.is_text else frames.BINARY) + said.content
        held = await self._next(flow, piece)
        return [said] if held is None else held

    async def rest(self, flow: http.HTTPFlow) -> Sequence[Said]:
        """The connection closes: what may be told before. Raises as ``said``."""
        return (_KEY in flow.metadata and await self._next(flow, None)) or []

    def end(self, flow: http.HTTPFlow) -> None:
        """Where nothing more may go on, the client is told why behind what may, and the connection ends."""
        conversation = flow.metadata.get(_KEY)
        if not isinstance(conversation, _Conversation) or conversation.is_over:
            return
        if (stopped := conversation.inspection.stopped) is not None:
            conversation.is_over = True
            message = stopped.message or "This answer is not allowed by policy."
            error = errors.answer(conversation.format_name, stopped.status, message, conversation.reference)
            messages.end(
                flow,
                stopped.outcome,
                conversation.format_name,
                message,
                error.body,
                self._reporter.unrestored,
            )

    async def done(self) -> None:
        """The proxy ends: what is being judged is told of before."""
        await asyncio.gather(*self._reviews, return_exceptions=True)

    async def _next(self, flow: http.HTTPFlow, piece: bytes | None) -> list[Said] | None:
        """What may go on after a message or at the end; None where nothing is held."""
        conversation = flow.metadata[_KEY]
        if not isinstance(conversation, _Conversation):
            raise RuntimeError("nobody knows what is to become of it")
        if not conversation.inspection.holds:
            self._later(flow, conversation, piece)
            return None
        started = time.perf_counter()
        try:
            told = await self._running.run(flow, conversation.judged(piece, self._deadline))
        except ClientLeftError:
            told = []
        except Exception:  # what ends a whole process, say
            told = conversation.inspection.fail("exception")
        self._tell(flow, conversation, started, piece)
        return [Said(one[1:], one[:1] == frames.TEXT) for one in told]

    def _later(self, flow: http.HTTPFlow, conversation: _Conversation, piece: bytes | None) -> None:
        """Have what went on judged, after what went on before it."""
        conversation.size += len(piece or b"")
        if conversation.size > MOST_RECORDED:
            conversation.waiting.clear()
            conversation.size = len(piece or b"")
            conversation.inspection.fail("too_large")
        conversation.waiting.append(piece)
        if conversation.review is None or conversation.review.done():
            conversation.review = asyncio.create_task(self._review(flow, conversation))
            self._reviews.add(conversation.review)
            conversation.review.add_done_callback(self._reviews.discard)

    async def _review(self, flow: http.HTTPFlow, conversation: _Conversation) -> None:
        while conversation.waiting:
            started, piece = time.perf_counter(), conversation.waiting.popleft()
            await conversation.judged(piece, self._deadline)
            conversation.size -= len(piece or b"")
            self._tell(flow, conversation, started, piece)

    def _tell(
        self, flow: http.HTTPFlow, conversation: _Conversation, started: float, piece: bytes | None
    ) -> None:
        """Of what is new, as of a message of the client."""
        verdict = conversation.inspection.news()
        if verdict is None:
            return
        exchange = exchanges.to_exchange(flow, next(iter(exchanges.names_of(flow))), message=b"")
        conversation.reference = exchange.id
        size = len(piece or b" ") - 1
        report = Report(exchange, verdict, started, 0, conversation.policy, response_bytes=size)
        self._reporter.finish(report, 101, 0)

    async def _detect(self, exchange: Exchange, segments: Sequence[Segment]) -> Sequence[Finding]:
        """By what is in force when a message comes."""
        return await self._judge().of(exchange).detect(segments)
