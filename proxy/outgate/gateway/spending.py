"""Budgets at the gateway: asked before a request leaves, charged with the tokens of its answer once that is over.

Owns when that is, and what becomes of a request when nobody can say what is left. What a budget says is
``budget_pipeline``'s, how tokens are read along is ``formats.usage``. A proxy whose policy has no budget pays a look
into an empty tuple.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mitmproxy import http

from outgate.budget_pipeline import within
from outgate.budgets import BudgetError, Ledger
from outgate.catalogue import normalise_path
from outgate.formats import usage
from outgate.formats.usage import Meter, Tally
from outgate.gateway import core
from outgate.gateway.report import Report, Reporter
from outgate.model import Action, Charge, Exchange, Outcome, Usage, Verdict
from outgate.pipeline import Rules

if TYPE_CHECKING:
    from outgate.gateway.judge import Judge

log = logging.getLogger("outgate")

_SAID = "outgate.spending"  # in a WebSocket's metadata: the verdict on what its client said last, and who is charged
_MOST_OWED = 200  # counters that one WebSocket's answers are charged to; the newest come first
_BODILESS = frozenset({204, 205, 304})
_FAILED = "Nobody can say what is left of a budget."


async def afforded(
    exchange: Exchange, verdict: Verdict, rules: Rules, ledger: Ledger | None, *, blocks: bool
) -> Verdict:
    """The verdict once budgets have been asked. If they cannot be, and ``on_error`` ``blocks``, nothing leaves."""
    if not rules.policy.budgets:
        return verdict
    try:
        if ledger is None:
            raise BudgetError("nothing counts budgets")
        return await within(exchange, verdict, rules, ledger.admit)
    except Exception as error:  # of whatever kind: what has been edited stays so
        _tell(error)
        if not blocks:
            return replace(verdict, reason="budget")
        return verdict.stopped(Outcome.REFUSE, 503, _FAILED, reason="budget")


class Spending:
    """What answers take, for every exchange under way."""

    def __init__(self, judge: Callable[[], Judge], reporter: Reporter) -> None:
        self._judge, self._reporter = judge, reporter
        self._settling: set[asyncio.Task[None]] = set()

    @staticmethod
    def begin(flow: http.HTTPFlow, report: Report) -> None:
        """The answer's head is there: its bytes are to be read along, if anything is charged for them.

        An error takes nothing.
        """
        response = flow.response
        if not report.verdict.charges or response is None:
            return
        if response.status_code < 400 and response.status_code not in _BODILESS:
            report.meter = Meter(_format_of(report.verdict), response.headers)

    def over(self, flow: http.HTTPFlow, report: Report) -> None:
        """The exchange is over, or has been broken off: what it took is charged, in the background."""
        verdict = report.verdict
        if not verdict.charges:
            return
        exchange, name, left = report.exchange, _format_of(verdict), core.LEFT in flow.metadata
        path = normalise_path(exchange.path)
        if report.meter is None and not left:
            return  # there was no answer, or none that takes something
        if not usage.takes_tokens(exchange.method, path):
            return
        asked = verdict.decoded_size or report.request_bytes
        # Of an answer that nobody waited for, only what was asked is known.
        meter = report.meter or Meter(name, {})
        stopped = verdict.outcome not in (Outcome.FORWARD, Outcome.EDIT)  # by a rule about answers
        complete = flow.error is None and not left and not stopped
        tally = meter.finish(asked, complete=complete, words=usage.answers_in_words(path))
        self._settle(verdict, tally)

    # --- WebSocket -------------------------------------------------------------------------------

    @staticmethod
    def heard(flow: http.HTTPFlow, verdict: Verdict) -> None:
        """The client's words go on: what the provider says next is charged to the budgets that let them in.

        And to those of words before them whose answers have not come: nobody can tell which answer comes first.
        """
        if verdict.charges:
            _, owed = flow.metadata.get(_SAID, (None, ()))
            charges = tuple(dict.fromkeys((*verdict.charges, *owed)))[:_MOST_OWED]
            flow.metadata[_SAID] = verdict, charges

    def said(self, flow: http.HTTPFlow, message: bytes) -> None:
        """The provider says something, and at times what it took. Raises nothing."""
        if _SAID not in flow.metadata:
            return
        verdict, owed = flow.metadata[_SAID]
        try:
            told = usage.said(_format_of(verdict), message)
            if told is not None:
                flow.metadata[_SAID] = verdict, verdict.charges
                self._settle(replace(verdict, charges=owed), Tally(told.input or 0, told.output or 0))
        except Exception as error:
            self._failed(error)

    # --- charging --------------------------------------------------------------------------------

    def _settle(self, verdict: Verdict, tally: Tally) -> None:
        if not tally.input and not tally.output:
            return
        provider = verdict.endpoint.provider if verdict.endpoint else None
        metrics = self._reporter.metrics
        metrics.tokens(provider, "input", tally.input, estimated=tally.input_estimated)
        metrics.tokens(provider, "output", tally.output, estimated=tally.output_estimated)
        task = asyncio.create_task(self._charge(verdict.charges, Usage(tally.input, tally.output)))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _charge(self, charges: Sequence[Charge], used: Usage) -> None:
        ledger = self._judge().ledger
        try:
            if ledger is not None:
                await ledger.settle(charges, used)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """The tokens are counted nowhere, which ``outgate_on_error_total`` tells."""
        _tell(error)
        self._reporter.metrics.on_error("budget", Action.ALLOW)

    async def done(self) -> None:
        """The proxy ends: what is being charged is charged before."""
        await asyncio.gather(*self._settling, return_exceptions=True)


def _format_of(verdict: Verdict) -> str:
    return verdict.endpoint.format if verdict.endpoint else "generic"


def _tell(error: Exception) -> None:
    """By its message only where that is made to be told."""
    log.error("budgets: %s", error if isinstance(error, BudgetError) else type(error).__name__)
