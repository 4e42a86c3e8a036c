"""A policy's judgement in this process, for its own test cases: the pipeline with an engine of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from outgate.answer_pipeline import inspect_answer
from outgate.attachments.config import ExtractorConfig
from outgate.attachments.extractor import Extractor
from outgate.budget_pipeline import as_spent, within
from outgate.catalogue import Catalogue
from outgate.dlp.engine import Engine
from outgate.dlp.inline import detect_with
from outgate.model import Exchange, Outcome, Verdict
from outgate.pipeline import Rules, inspect
from outgate.policy import Policy
from outgate.policy.exceptions import NONE, Exceptions

if TYPE_CHECKING:
    from outgate.policy.cases import Afford, Inspect, InspectAnswer, Spent

LIMIT = 64 * 2**20  # bytes of a decoded body
KEY = b"made-up key of outgate policy"  # hashes that are shown here are nobody's


def inspections(
    policy: Policy, catalogue: Catalogue, extraction: ExtractorConfig
) -> tuple[Inspect, InspectAnswer, Afford]:
    """What judges requests, their answers, and budgets. Builds the engine. Raises DetectionError."""
    rules, detect = Rules(catalogue, policy, KEY, LIMIT), detect_with(Engine(policy.detectors))

    async def judge(exchange: Exchange, exceptions: Exceptions = NONE) -> Verdict:
        async with Extractor(extraction) as extractor:
            told = replace(rules, exceptions=exceptions)
            return await inspect(exchange, told, detect, extract=extractor.extract)

    async def judge_answer(exchange: Exchange, verdict: Verdict, body: bytes) -> tuple[Verdict, bytes]:
        inspection = inspect_answer(exchange, verdict, rules, detect, "application/json", "")
        plain = replace(verdict, outcome=Outcome.FORWARD)  # whether the request was edited is its own matter
        if inspection is None:
            return plain, body
        told = b"".join([*await inspection.feed(body), *await inspection.finish()])
        return inspection.told(plain), told

    async def afford(exchange: Exchange, verdict: Verdict, spent: Spent) -> Verdict:
        return await within(exchange, verdict, rules, as_spent(spent, exchange.time))

    return judge, judge_answer, afford
