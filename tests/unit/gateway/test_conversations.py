"""What becomes of a provider's messages where rules are about them: who is asked, what is kept, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from outgate.gateway import conversations, exchanges
from outgate.gateway.conversations import Conversations
from outgate.gateway.report import Report
from outgate.gateway.running import Running
from outgate.gateway.websocket import to_client
from outgate.model import Outcome, Verdict

MESSAGE = to_client(b"words")
VERDICT = Verdict(Outcome.FORWARD)


class Inspection:
    """Waits for a gate; lets everything go on, and has something to tell of each message."""

    def __init__(self, *, holds: bool) -> None:
        self.holds, self.stopped = holds, None
        self.gate = asyncio.Event()
        self.fed: list[bytes] = []
        self.failed: list[str] = []

    async def feed(self, piece: bytes) -> list[bytes]:
        await self.gate.wait()
        self.fed.append(piece)
        return [piece]

    async def finish(self) -> list[bytes]:
        self.fed.append(b"the end")
        return []

    def fail(self, reason: str) -> list[bytes]:
        self.failed.append(reason)
        return []

    def news(self) -> Verdict:
        return VERDICT

    def heard(self, *_: Any) -> None:
        """The client's words matter to nobody here."""


class Told:
    """Who is told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.errors: list[str] = []

    def finish(self, report: Report, status: int, own_bytes: int) -> None:
        self.reports.append(report)

    def error(self, reason: str) -> None:
        self.errors.append(reason)


def opened(
    monkeypatch: pytest.MonkeyPatch, inspection: Inspection, told: Told, deadline: float = 20
) -> tuple[Conversations, Any]:
    monkeypatch.setattr(conversations, "inspect_conversation", lambda *_: inspection)
    rules = SimpleNamespace(policy=SimpleNamespace(hash="h"))
    judge = SimpleNamespace(rules=rules)
    judge.of = lambda _: judge
    talk = Conversations(lambda: judge, told, Running(), deadline)  # type: ignore[arg-type,return-value]
    flow = tflow.twebsocketflow()
    exchange = exchanges.to_exchange(flow, "api.example", message=b"")
    talk.opened(flow, Report(exchange, VERDICT, 0.0, 0, "h"))
    return talk, flow


async def test_what_only_records_keeps_no_message_and_judges_them_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inspection, told = Inspection(holds=False), Told()
    talk, flow = opened(monkeypatch, inspection, told)
    for word in (b"one", b"two"):
        assert [one.content for one in await talk.said(flow, to_client(word))] == [word]
    assert await talk.rest(flow) == []
    assert inspection.fed == []
    inspection.gate.set()
    await talk.done()
    assert inspection.fed == [b"\x01one", b"\x01two", b"the end"]
    assert [report.response_bytes for report in told.reports] == [3, 3, 0]


async def test_of_what_comes_faster_than_it_is_judged_so_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_RECORDED", 10)
    inspection = Inspection(holds=False)
    talk, flow = opened(monkeypatch, inspection, Told())
    for word in (b"one", b"two", b"three"):
        await talk.said(flow, to_client(word))
    assert inspection.failed == ["too_large"]
    inspection.gate.set()
    await talk.done()
    assert inspection.fed == [b"\x01three"]


async def test_what_is_judged_too_long_is_on_errors_to_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = Inspection(holds=True)
    talk, flow = opened(monkeypatch, inspection, Told(), 0.02)
    assert await talk.said(flow, MESSAGE) == []
    assert inspection.failed == ["timeout"]


async def test_where_it_is_not_known_what_a_message_goes_through_none_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Sequence[Any]:
        raise SystemExit

    inspection, told = Inspection(holds=True), Told()
    talk, flow = opened(monkeypatch, inspection, told)
    monkeypatch.setattr(inspection, "heard", broken)
    talk.opened(flow, Report(exchanges.to_exchange(flow, "api.example", message=b""), VERDICT, 0.0, 0, "h"))
    assert told.errors == ["exception"]
    for said in (talk.said(flow, MESSAGE), talk.rest(flow)):
        with pytest.raises(RuntimeError):
            await said
