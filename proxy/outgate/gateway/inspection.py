"""The enforcing hooks: nothing of an opened connection goes on unless a verdict said so.

A request is closed before it is looked at: its answer is set to "not inspected" first and taken
away only by a verdict that forwards. So whatever goes wrong in between, an exception of any kind
included, the provider receives nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.websocket import WebSocketMessage

from outgate.budgets import PATIENCE
from outgate.gateway import core, errors, exchanges, messages, restoring, signing, websocket
from outgate.gateway.ahead import Speakers
from outgate.gateway.answering import Answers
from outgate.gateway.block_page import Stopped
from outgate.gateway.conversations import Conversations
from outgate.gateway.judge import Judge
from outgate.gateway.load import Load
from outgate.gateway.report import Report, Reporter
from outgate.gateway.running import ClientLeftError, Running
from outgate.gateway.spending import Spending
from outgate.model import Exchange, Outcome, Verdict
from outgate.pipeline import uninspected
from outgate.settings.sections import Limits
from outgate.vault import VaultError

_KEY = "outgate"
# What stands in for an answer while a request is looked at; one for all, since nobody writes to it.
_CLOSED = exchanges.closed()
# Requests that never reached a judge, by the reason that the core gives: status, and what the client is told.
_UNREAD = {
    "too_large": (413, "The request is too large to be inspected."),
    "overload": (503, "Too many requests are being sent at the moment."),
    "bad_request": (400, "The head of the request can be read in more than one way, or in none."),
}
_SOON = 2  # seconds after which a client that was one too many may ask again
_BESIDES = 3.0  # seconds of a judgement for all that has no deadline of its own
_FAILED = Verdict(Outcome.REFUSE, 503, message="The inspection failed.", reason="exception")


class Inspection:
    """Judges every request and every WebSocket message to a host of the catalogue."""

    def __init__(
        self,
        judge: Callable[[], Judge],
        reporter: Reporter,
        load: Load,
        *,
        deadline: float,
        limits: Limits,
    ) -> None:
        self._judge = judge
        self._reporter = reporter
        self._load = load
        # Detection and attachments have theirs; the vault is asked twice, budgets once, and a request may be signed.
        self._deadline = deadline + 2 * restoring.PATIENCE + PATIENCE + signing.PATIENCE + _BESIDES
        self._limits = limits
        self._look_ups = restoring.LookUps()
        self._running = Running()
        self._answers = Answers(judge, reporter, self._running, self._deadline)
        self._conversations = Conversations(judge, reporter, self._running, self._deadline)
        self._spending = Spending(judge, reporter)
        # They get what hooks they have.
        self.addons = [self._answers, self._conversations, self._spending, Speakers()]

    def load(self, loader: Loader) -> None:
        """Tell the core its limits."""
        loader.add_option(core.BUFFER, int, self._limits.buffered, "Bytes of unfinished requests.")
        loader.add_option(
            websocket.MESSAGE, int, self._limits.websocket_message, "Bytes of a WebSocket message."
        )

    # --- requests ----------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Plain HTTP to hosts that are not in the catalogue streams through, unread."""
        try:
            passed = flow.response is None and not self._is_known(flow)
        except BaseException:
            passed = False  # then it is looked at, and refused there
        if passed:
            flow.metadata[exchanges.PASSED] = True
            flow.request.headers.pop("proxy-authorization", None)  # it was for us, and for nobody further on
            flow.request.stream = True

    async def request(self, flow: http.HTTPFlow) -> None:
        """Closed first; opened by a verdict alone."""
        if flow.metadata.get(exchanges.PASSED):
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
        exchange, names, judge = self._begin(flow)
        if len(names) != 1:
            message = "The host asked for, the TLS server name and the Host header differ."
            verdict = Verdict(Outcome.REFUSE, 421, message=message, reason="host_mismatch")
        elif not exchanges.is_readable(flow):
            verdict = self._unread(judge, exchange, "bad_request")
        elif not self._load.admit(flow):
            verdict = self._unread(judge, exchange, "overload")
        else:
            verdict = await self._run(flow, judge, exchange)
        flow.metadata[_KEY].verdict = verdict
        if verdict.outcome in (Outcome.FORWARD, Outcome.EDIT):
            if not self._reporter.may_forward():
                self._fail(flow, "audit_unavailable")
                return
            exchanges.apply(flow, verdict)
            # By what the request is for, not by what became of it: also where inspection failed and it goes on.
            provider = judge.rules.catalogue.provider_of(exchange.host)
            exchanges.restrict(flow.request, judge.rules.policy.restrictions(provider) if provider else ())
            restoring.expect(flow, verdict, judge.vault, self._look_ups, self._reporter.unrestored)
            self._answers.expect(flow, flow.metadata[_KEY], judge.rules)
            flow.response = None
        else:
            flow.response = self._answer(flow, verdict, exchange)

    def _begin(self, flow: http.HTTPFlow) -> tuple[Exchange, set[str], Judge]:
        """The exchange of a flow, reported as failed until there is a verdict; the names it goes by, and its judge."""
        started, judge = time.perf_counter(), self._judge()
        exchanges.tidy(flow.request)
        names = exchanges.names_of(flow)
        catalogue = judge.rules.catalogue
        host = min(names, key=lambda name: (catalogue.provider_of(name) is None, name))
        exchange = exchanges.to_exchange(flow, host)
        judge = judge.of(exchange)
        endpoint = catalogue.identify(exchange.host, exchange.path, exchange.method)
        flow.metadata[_KEY] = Report(
            replace(exchange, body=b""),
            replace(_FAILED, endpoint=endpoint),
            started,
            len(exchange.body),
            judge.rules.policy.hash,
        )
        return exchange, names, judge

    async def _run(self, flow: http.HTTPFlow, judge: Judge, exchange: Exchange) -> Verdict:
        """The pipeline, as a task that ends when its client leaves, and within its deadline."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._running.run(flow, judge.verdict(exchange))
        except ClientLeftError:
            return Verdict(Outcome.REFUSE, 503, message="The client has left.", reason="client_left")
        except Exception as error:
            reasons = {TimeoutError: "timeout", VaultError: "vault"}
            return self._on_error(judge, exchange, reasons.get(type(error), "exception"))

    @staticmethod
    def _on_error(judge: Judge, exchange: Exchange, reason: str) -> Verdict:
        endpoint = judge.rules.catalogue.identify(exchange.host, exchange.path, exchange.method)
        if endpoint is None or judge.blocks:
            return replace(_FAILED, reason=reason, endpoint=endpoint)
        return uninspected(exchange, judge.rules, endpoint, _FAILED.status, reason, _FAILED.message)

    def _fail(self, flow: http.HTTPFlow, reason: str) -> None:
        """Something of ours broke: the answer is closed, and it is counted."""
        report = flow.metadata.get(_KEY)
        if isinstance(report, Report):
            report.verdict = replace(
                report.verdict, outcome=Outcome.REFUSE, status=503, message=_FAILED.message, reason=reason
            )
            flow.response = self._answer(flow, report.verdict, report.exchange)
        else:
            flow.response = exchanges.closed()
            self._reporter.error(reason)

    @staticmethod
    def _answer(flow: http.HTTPFlow, verdict: Verdict, exchange: Exchange) -> http.Response:
        name = verdict.endpoint.format if verdict.endpoint else "generic"
        message = verdict.message or "This request is not allowed by policy."
        html = Stopped.of(verdict, exchange) if exchanges.wants_html(flow.request) else None
        again = _SOON if verdict.reason == "overload" else None
        answer = errors.answer(
            name,
            verdict.status,
            message,
            exchange.id,
            html=html,
            retry_after=verdict.retry_after,
            again=again,
        )
        return exchanges.to_response(answer, head=flow.request.method == "HEAD")

    def _is_known(self, flow: http.HTTPFlow) -> bool:
        catalogue = self._judge().rules.catalogue
        return any(catalogue.provider_of(name) for name in exchanges.names_of(flow))

    # --- answers -----------------------------------------------------------------------------

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Answers are passed on as they come, event by event; their bytes are counted, placeholders restored."""
        response = flow.response
        if response is None:
            return
        if response.status_code == 101:
            report = flow.metadata.get(_KEY)
            if isinstance(report, Report):
                messages.begin(flow, response, report.verdict)
                self._spending.heard(flow, report.verdict)
                self._conversations.opened(flow, report)
            return
        response.headers.pop("alt-svc", None)  # no hint to leave for QUIC, which goes round the proxy
        if flow.metadata.get(exchanges.PASSED):
            response.stream = True
            return
        report = flow.metadata.get(_KEY)
        if isinstance(report, Report) and flow.server_conn.timestamp_start:
            flow.request.data.content = None  # it is sent; the answer may take long
            self._spending.begin(flow, report)
            await self._answers.begin(flow, report)

    def response(self, flow: http.HTTPFlow) -> None:
        """The exchange is over: told once, and its bodies let go."""
        if flow.response is not None and not flow.request.is_http2:
            flow.response.trailers = None  # HTTP/1 would have to have announced them
        self._answers.over(flow, flow.response.status_code if flow.response else 0, self._finish)

    def error(self, flow: http.HTTPFlow) -> None:
        """It broke on one side or the other, or was refused by the core: what the client is told, if it can be."""
        report = flow.metadata.get(_KEY)
        left = core.LEFT in flow.metadata
        if left and not isinstance(report, Report):
            return  # before it had sent its request
        status = 0
        if not left:
            answer = self._answer_of_error(flow)
            streaming = isinstance(report, Report) and report.streaming and self._answers.has_begun(flow)
            status = flow.response.status_code if streaming and flow.response else answer.status_code
            flow.metadata[core.ANSWER] = answer
            if streaming and isinstance(report, Report):
                flow.metadata[core.LAST] = self._answers.broken_off(flow, report)
        self._answers.over(flow, status, self._finish)

    def _answer_of_error(self, flow: http.HTTPFlow) -> http.Response:
        """Of a request whose provider could not be reached, or that was not read to its end."""
        report = flow.metadata.get(_KEY)
        if isinstance(report, Report):
            verdict = replace(report.verdict, status=502, message=_unreached(flow))
            return self._answer(flow, verdict, report.exchange)
        passed, refused = flow.metadata.get(exchanges.PASSED), flow.metadata.get(core.REFUSED)
        exchange, _, judge = self._begin(flow)
        if passed and not refused:
            verdict = Verdict(Outcome.FORWARD, 502, message=_unreached(flow))
        else:
            verdict = self._unread(judge, exchange, refused or "bad_request")
        if passed:
            del flow.metadata[_KEY]  # what is not opened is not recorded
        else:
            flow.metadata[_KEY].verdict = verdict
        return self._answer(flow, verdict, exchange)

    @staticmethod
    def _unread(judge: Judge, exchange: Exchange, reason: str) -> Verdict:
        endpoint = judge.rules.catalogue.identify(exchange.host, exchange.path, exchange.method)
        status, message = _UNREAD[reason]
        return Verdict(Outcome.REFUSE, status, message=message, reason=reason, endpoint=endpoint)

    def client_refused(self, client: Client) -> None:
        """The core cut off a client that sent no HTTP."""
        self._reporter.error("bad_request")

    def _finish(self, flow: http.HTTPFlow, status: int) -> None:
        self._load.leave(flow)
        report = flow.metadata.pop(_KEY, None)
        if isinstance(report, Report):
            report.verdict = self._answers.told(flow, report.verdict)
            self._spending.over(flow, report)
            own = flow.response.raw_content if flow.response and not report.streaming else None
            self._reporter.finish(report, status, len(own or b""))
        if not flow.websocket:
            flow.request.data.content = None

    # --- WebSocket ---------------------------------------------------------------------------

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Each message of the client is judged like a body, those of the provider as an answer; none is kept."""
        assert flow.websocket is not None
        message = flow.websocket.messages[-1]
        del flow.websocket.messages[:-1]
        if flow.metadata.get(exchanges.PASSED):
            return
        if not message.from_client:
            self._spending.said(flow, message.content)
            await self._inspect_said(flow, message)
            return
        content, message.content = message.content, b""
        try:
            await self._inspect_message(flow, content)
        except asyncio.CancelledError:
            message.drop()
            raise
        except BaseException:
            message.drop()
            self._reporter.error("exception")

    async def _inspect_message(self, flow: http.HTTPFlow, content: bytes) -> None:
        assert flow.websocket is not None
        message, started = flow.websocket.messages[-1], time.perf_counter()
        whole = len(content) <= self._limits.websocket_message
        host = next(iter(exchanges.names_of(flow)))
        exchange = exchanges.to_exchange(flow, host, message=content if whole else b"")
        judge = self._judge().of(exchange)
        if whole:
            verdict = await self._run(flow, judge, exchange)
        else:
            verdict = self._unread(judge, exchange, "too_large")
        forwards = verdict.outcome in (Outcome.FORWARD, Outcome.EDIT)
        if forwards and not self._reporter.may_forward():
            forwards = False
            verdict = replace(
                verdict, outcome=Outcome.REFUSE, message=_FAILED.message, reason="audit_unavailable"
            )
        if forwards:
            message.content = content if verdict.body is None else verdict.body
            messages.heard(flow, verdict)
            self._spending.heard(flow, verdict)
            self._conversations.heard(flow, exchange, verdict, judge.rules)
        else:
            message.drop()
            messages.refuse(flow, verdict, self._answer(flow, verdict, exchange))
        if verdict.records or verdict.outcome is not Outcome.FORWARD or verdict.reason:
            report = Report(
                replace(exchange, body=b""), verdict, started, len(content), judge.rules.policy.hash
            )
            self._reporter.finish(report, 101, 0)

    async def _inspect_said(self, flow: http.HTTPFlow, message: WebSocketMessage | None) -> None:
        """By the provider; None: it is at its end. If that breaks, nothing more is told and the connection ends."""
        if message is not None:
            message.drop()
        try:
            talk = self._conversations
            said = await (talk.rest(flow) if message is None else talk.said(flow, message))
            vault, failed = self._judge().vault, self._reporter.unrestored
            await messages.tell(flow, message, said, vault, self._look_ups, failed)
            talk.end(flow)
        except asyncio.CancelledError:
            raise
        except BaseException:
            messages.break_off(flow, message)
            self._reporter.error("exception")

    async def websocket_closing(self, flow: http.HTTPFlow) -> None:
        """What was held is told before the connection closes."""
        if not flow.metadata.get(exchanges.PASSED):
            await self._inspect_said(flow, None)

    # --- clients that leave ------------------------------------------------------------------

    def request_abandoned(self, flow: http.HTTPFlow) -> None:
        """Nobody waits for this answer any more: stop looking."""
        self._running.abandon(flow)

    def client_disconnected(self, client: Client) -> None:
        """Nor for any of these."""
        self._running.left(client)


def _unreached(flow: http.HTTPFlow) -> str:
    """In fixed words: what the library says of it may hold the provider's bytes."""
    told = flow.error.msg if flow.error is not None else ""
    unreached = "The provider could not be reached, or ended the connection."
    return next((words for sign, words in _SIGNS.items() if sign in told), unreached)


# What the library's words for a broken connection hold -> ours.
_SIGNS = {
    "ertificate verify failed": "The certificate there is not one that Outgate trusts (`extra_roots` in its settings).",
    "the parent proxy": "The parent proxy (`parent` in Outgate's settings) cannot be reached.",
    "refused HTTP CONNECT request": "The parent proxy (`parent` in Outgate's settings) does not let this host through.",
}
