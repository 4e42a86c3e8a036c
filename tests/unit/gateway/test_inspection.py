"""How long a judgement may take: what it waits for has deadlines of its own, which have to fit into that."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from mitmproxy.test import tflow

from outgate.gateway import inspection, restoring, signing
from outgate.gateway.inspection import Inspection
from outgate.gateway.judge import Judge
from outgate.model import Exchange, Outcome, Verdict
from outgate.settings.sections import Limits

EDITED = Verdict(Outcome.EDIT, body=b"edited")


class Slow:
    """A judge that waits for everything as long as it may."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def verdict(self, exchange: Exchange) -> Verdict:
        await asyncio.sleep(self.seconds)
        return EDITED


async def test_a_vault_a_budget_and_a_signature_that_take_all_their_time_do_not_end_the_judgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restoring, "PATIENCE", 0.1)
    monkeypatch.setattr(signing, "PATIENCE", 0.1)
    monkeypatch.setattr(inspection, "PATIENCE", 0.1)  # of budgets
    monkeypatch.setattr(inspection, "_BESIDES", 0.1)
    judging = Inspection(*[cast("Any", None)] * 3, deadline=0.1, limits=Limits())
    judge = cast("Judge", Slow(0.1 + 2 * 0.1 + 0.1 + 0.1))
    assert await judging._run(tflow.tflow(), judge, cast("Exchange", None)) is EDITED
