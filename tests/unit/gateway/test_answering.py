"""What becomes of one piece of an answer: it goes on, or the answer ends, and nothing in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy.test import tflow

from outgate.gateway.answering import Answering
from outgate.gateway.core_hooks import Piece
from outgate.model import Outcome, Verdict


class Inspection:
    """One that hangs, or raises what is no Exception of ours; ``on_error`` stops or lets go on."""

    def __init__(self, *, stops: bool, error: Exception | None = None) -> None:
        self.stopped: Verdict | None = None
        self.packed = False
        self.reasons: list[str] = []
        self._stops, self._error = stops, error

    async def feed(self, data: bytes) -> list[bytes]:
        if self._error:
            raise self._error
        await asyncio.sleep(60)
        return [data]

    finish = feed

    def fail(self, reason: str) -> list[bytes]:
        self.reasons.append(reason)
        if self._stops:
            self.stopped = Verdict(Outcome.REFUSE, 503, message="not inspected")
        return [] if self._stops else [b"as it came"]


def pass_on(inspection: Any, **more: Any) -> Piece:
    flow = tflow.tflow(resp=True)
    piece = Piece(flow, b"secret")
    asyncio.run(Answering(inspection, "og_1", "openai_chat", **more).pass_on(piece, 0.02))
    return piece


@pytest.mark.parametrize(("error", "reason"), [(None, "timeout"), (KeyError("secret"), "exception")])
def test_what_takes_too_long_or_breaks_is_on_errors_to_decide(error: Exception | None, reason: str) -> None:
    stopping = Inspection(stops=True, error=error)
    piece = pass_on(stopping)
    assert (piece.told, piece.ends, stopping.reasons) == ([], True, [reason])
    assert piece.instead is not None
    assert piece.instead.status_code == 503
    assert b"not inspected" in (piece.instead.raw_content or b"")
    piece = pass_on(Inspection(stops=False, error=error))
    assert (piece.told, piece.ends) == ([b"as it came"], False)


def test_what_goes_on_is_restored_after_it_was_judged() -> None:
    piece = pass_on(Inspection(stops=False), restored=lambda data: [data.upper()] if data else [])
    assert piece.told == [b"AS IT CAME"]


def test_a_piece_that_nobody_has_looked_at_ends_the_answer() -> None:
    piece = Piece(tflow.tflow(resp=True), b"secret")
    assert piece.ends
    assert piece.told == []
