"""The enforcing hooks: nothing of an opened connection goes on unless a verdict said so.

A request is closed before it is looked at: its answer is set to "not inspected" first and taken
away only by a verdict that forwards. So whatever goes wrong in between, an exception of any kind
included, the provider receives nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import ctx, http
from mitmproxy.connection import Client

from outgate.gateway import errors, exchanges
from outgate.gateway.report import Report, Reporter
from outgate.model import Action, Exchange, Outcome, Verdict
from outgate.pipeline import Detect, Rules, inspect

_KEY = "outgate"
_PASSED = "outgate.passed"


@dataclass(frozen=True, slots=True)
class Judge:
    """What an exchange is judged with, taken once per exchange: rules and their detectors."""

    rules: Rules
    detect: Detect


class Inspection:
    """Judges every request and every WebSocket message to a host of the catalogue."""

    def __init__(
        self, judge: Callable[[], Judge], reporter: Reporter, *, deadline: float, message_limit: int
    ) -> None:
        self._judge = judge
        self._reporter = reporter
        self._deadline = deadline + 5  # detection has its own; this one is for all the rest
        self._message_limit = message_limit
        self._running: dict[str, set[asyncio.Task[Verdict]]] = {}

    # --- requests ----------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Plain HTTP to hosts that are not in the catalogue streams through, unread."""
        if flow.response is None and not self._is_known(flow):
            flow.metadata[_PASSED] = True
            flow.request.stream = True

    async def request(self, flow: http.HTTPFlow) -> None:
        """Closed first; opened by a verdict alone."""
        if flow.metadata.get(_PASSED):
            return
        own = flow.response
        flow.response = _CLOSED
        try:
            if own is not None:
                flow.response = own
                return
            await self._inspect_request(flow)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._fail(flow, "exception")

    async def _inspect_request(self, flow: http.HTTPFlow) -> None:
        started = time.perf_counter()
        exchanges.tidy(flow.request)
        names = exchanges.names_of(flow)
        host = next(iter(names))
        exchange = exchanges.to_exchange(flow, host)
        if len(names) != 1:
            message = "The host asked for, the TLS server name and the Host header differ."
            verdict = Verdict(Outcome.REFUSE, 421, message=message, reason="host_mismatch")
        else:
            verdict = await self._run(flow.client_conn.id, exchange)
        flow.metadata[_KEY] = Report(exchange, verdict, started, len(exchange.body))
        if verdict.outcome in (Outcome.FORWARD, Outcome.EDIT):
            if not self._reporter.may_forward():
                self._fail(flow, "audit_unavailable")
                return
            exchanges.apply(flow, verdict)
            flow.response = None
        else:
            flow.response = self._answer(flow, verdict, exchange)

    async def _run(self, client_id: str, exchange: Exchange) -> Verdict:
        """The pipeline, as a task that ends when its client leaves, and within its deadline."""
        judge = self._judge()
        task = asyncio.ensure_future(inspect(exchange, judge.rules, judge.detect))
        running = self._running.setdefault(client_id, set())
        running.add(task)
        try:
            async with asyncio.timeout(self._deadline):
                return await task
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                return Verdict(Outcome.REFUSE, 503, message="The client has left.", reason="client_left")
            raise
        except Exception as error:
            reason = "timeout" if isinstance(error, TimeoutError) else "exception"
            return self._on_error(judge.rules, exchange, reason)
        finally:
            running.discard(task)

    @staticmethod
    def _on_error(rules: Rules, exchange: Exchange, reason: str) -> Verdict:
        endpoint = rules.catalogue.identify(exchange.host, exchange.path)
        policy = rules.policy
        outcome = (
            Outcome.REFUSE
            if policy.on_error is Action.BLOCK and policy.mode == "enforce"
            else Outcome.FORWARD
        )
        return Verdict(outcome, 503, message="The inspection failed.", reason=reason, endpoint=endpoint)

    def _fail(self, flow: http.HTTPFlow, reason: str) -> None:
        """Something of ours broke: the answer is closed, and it is counted."""
        report = flow.metadata.get(_KEY)
        verdict = Verdict(Outcome.REFUSE, 503, message="The inspection failed.", reason=reason)
        if isinstance(report, Report):
            report.verdict = verdict
            flow.response = self._answer(flow, verdict, report.exchange)
        else:
            flow.response = _closed()
            self._reporter.error(reason)

    @staticmethod
    def _answer(flow: http.HTTPFlow, verdict: Verdict, exchange: Exchange) -> http.Response:
        name = verdict.endpoint.format if verdict.endpoint else "generic"
        message = verdict.message or "This request is not allowed by policy."
        html = exchanges.wants_html(flow.request)
        return exchanges.to_response(errors.answer(name, verdict.status, message, exchange.id, html=html))

    def _is_known(self, flow: http.HTTPFlow) -> bool:
        catalogue = self._judge().rules.catalogue
        return any(catalogue.provider_of(name) for name in exchanges.names_of(flow))

    # --- answers -----------------------------------------------------------------------------

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Answers are passed on as they come, event by event; only their bytes are counted."""
        response = flow.response
        if response is None or response.status_code == 101:
            return
        response.headers.pop("alt-svc", None)  # no hint to leave for QUIC, which goes round the proxy
        if flow.metadata.get(_PASSED):
            response.stream = True
            return
        report = flow.metadata.get(_KEY)
        if isinstance(report, Report) and flow.server_conn.timestamp_start:
            response.stream = report.stream(self._reporter)

    def response(self, flow: http.HTTPFlow) -> None:
        """The exchange is over: told once, and its bodies let go."""
        self._finish(flow, flow.response.status_code if flow.response else 0)

    def error(self, flow: http.HTTPFlow) -> None:
        """It broke on one side or the other."""
        self._finish(flow, 0)

    def _finish(self, flow: http.HTTPFlow, status: int) -> None:
        report = flow.metadata.pop(_KEY, None)
        if isinstance(report, Report):
            own = flow.response.raw_content if flow.response and not report.streaming else None
            self._reporter.finish(report, status, len(own or b""))
        if not flow.websocket:
            flow.request.data.content = None

    # --- WebSocket ---------------------------------------------------------------------------

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Each message of the client is judged like a body; none is kept."""
        assert flow.websocket is not None
        message = flow.websocket.messages[-1]
        del flow.websocket.messages[:-1]
        if not message.from_client or message.injected:
            return
        content, message.content = message.content, b""
        try:
            if len(content) > self._message_limit:
                verdict = Verdict(
                    Outcome.REFUSE, 413, message="The message is too large.", reason="too_large"
                )
                exchange = exchanges.to_exchange(flow, next(iter(exchanges.names_of(flow))), message=b"")
            else:
                exchange = exchanges.to_exchange(flow, next(iter(exchanges.names_of(flow))), message=content)
                verdict = await self._run(flow.client_conn.id, exchange)
            if verdict.outcome in (Outcome.FORWARD, Outcome.EDIT) and self._reporter.may_forward():
                message.content = content if verdict.body is None else verdict.body
            else:
                message.drop()
                answer = self._answer(flow, verdict, exchange)
                ctx.master.commands.call("inject.websocket", flow, True, answer.raw_content, True)
            told = verdict.records or verdict.rules or verdict.would_block or verdict.reason
            if told or verdict.outcome is not Outcome.FORWARD:
                report = Report(exchange, verdict, time.perf_counter(), len(content))
                self._reporter.finish(report, 101, 0)
        except asyncio.CancelledError:
            message.drop()
            raise
        except BaseException:
            message.drop()
            self._reporter.error("exception")

    # --- clients that leave ------------------------------------------------------------------

    def client_disconnected(self, client: Client) -> None:
        """Nobody waits any more: stop looking."""
        for task in self._running.pop(client.id, ()):
            task.cancel()


def _closed() -> http.Response:
    """The answer of a request that no verdict has opened."""
    return exchanges.to_response(errors.answer("generic", 503, "The request was not inspected.", "og_none"))


def _being_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


# What stands in for an answer while a request is looked at; one for all, since nobody writes to it.
_CLOSED = _closed()
