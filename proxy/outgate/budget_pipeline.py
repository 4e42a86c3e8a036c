"""What budgets say of a request that everything else lets through: the last that is asked before it leaves.

The third door beside ``pipeline`` and ``answer_pipeline``, sans-I/O like those: what was used is asked of a coroutine
that is handed in, once a request. A request that is blocked takes nothing from any budget; one that a budget lets in
has taken its share before it leaves.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from outgate.budgets import Ask, BudgetError, Demand, Standing, counter, key_of
from outgate.budgets.windows import span
from outgate.model import Action, Charge, Document, Exchange, Facts, Outcome, Unit, Verdict
from outgate.pipeline import Rules, facts_of, of_models
from outgate.policy import Policy
from outgate.policy.budget import MOST_HOLDERS, Budget, Holder

Admit = Callable[[Sequence[Demand]], Awaitable[Sequence[Standing]]]
TOKENS = frozenset({Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOKENS})


@dataclass(frozen=True, slots=True)
class Over:
    """A budget that has too little left for a request."""

    budget: Budget
    facts: Facts
    unit: Unit
    ends: datetime


async def within(exchange: Exchange, verdict: Verdict, rules: Rules, admit: Admit) -> Verdict:
    """The verdict once budgets have been asked. Raises BudgetError, and what ``admit`` does."""
    policy = rules.policy
    if not policy.budgets or verdict.outcome not in (Outcome.FORWARD, Outcome.EDIT):
        return verdict
    if verdict.endpoint is None or not exchange.body:
        return verdict  # what has no body asks nothing of a model
    facts = verdict.facts or facts_of(exchange, verdict.endpoint, Document(()), rules)
    each = of_models(facts, verdict.models, rules.catalogue)
    asked = list(_asked(policy, each, needs(exchange, verdict), rules.key))
    if not asked:
        return verdict
    standings = await admit([one.demand for one in asked])
    over = list(_over(asked, standings))
    verdict = replace(verdict, overdrawn=tuple(dict.fromkeys(one.budget.name for one in over)))
    blocking = [one for one in over if one.budget.action is Action.BLOCK]
    if blocking and policy.mode == "enforce":
        return _blocked(verdict, blocking, exchange.time, policy.help_url)
    noted = (one.budget.name for one in over if one.budget.action is Action.AUDIT)
    return replace(
        verdict,
        rules=tuple(dict.fromkeys((*verdict.rules, *noted))),
        would_block=verdict.would_block or next((one.budget.name for one in blocking), None),
        charges=tuple(one.demand.charge for one in asked if not TOKENS.isdisjoint(one.budget.limits)),
    )


def as_spent(spent: Mapping[str, Mapping[Unit, int]], now: datetime) -> Admit:
    """What answers that so much was used of budgets, by name: for whoever tries a policy."""

    async def admit(demands: Sequence[Demand]) -> Sequence[Standing]:
        return [Standing(spent.get(one.budget, {}), span(one.charge.window, now)[1]) for one in demands]

    return admit


def needs(exchange: Exchange, verdict: Verdict) -> dict[Unit, int]:
    """What is known of a request before it leaves."""
    found = sum(one.rule is not None and one.action is not Action.ALLOW for one in verdict.records)
    return {
        Unit.REQUESTS: 1,
        Unit.INPUT_BYTES: verdict.decoded_size or len(exchange.body),
        Unit.FINDINGS: found,
    }


def charge_of(budget: Budget, holder: Holder, key: bytes) -> Charge:
    """Where a budget counts for a holder. A budget with another window or ``per`` begins anew, one with another limit
    goes on."""
    return Charge(counter(key, budget.name, str(budget.window), budget.per, holder), budget.window)


def asks_of(budget: Budget, needed: dict[Unit, int]) -> tuple[Ask, ...]:
    """What a request asks of a budget. Of tokens, of which nobody knows yet how many, there has to be one left."""
    return tuple(
        Ask(unit, 1, 0, most) if unit in TOKENS else Ask(unit, needed[unit], needed[unit], most)
        for unit, most in budget.limits.items()
    )


class _Asked(NamedTuple):
    """One counter of a budget, and the facts that it counts for."""

    budget: Budget
    facts: Facts
    demand: Demand


def _asked(policy: Policy, each: Sequence[Facts], needed: dict[Unit, int], secret: bytes) -> Iterator[_Asked]:
    """``each``: the facts of a request, of every model that it is for. No counter is asked twice."""
    key = key_of(secret)
    for budget in policy.budgets:
        holders: dict[Holder, Facts] = {}
        for facts in each:
            if budget.applies(facts):
                for holder in budget.holders(facts):
                    holders.setdefault(holder, facts)
            if len(holders) > MOST_HOLDERS:
                raise BudgetError(
                    f"budget {budget.name!r}: a request counts for more than {MOST_HOLDERS} groups and models."
                )
        asks, blocks = asks_of(budget, needed), budget.action is Action.BLOCK and policy.mode == "enforce"
        for holder, facts in holders.items():
            yield _Asked(budget, facts, Demand(budget.name, charge_of(budget, holder, key), asks, blocks))


def _over(asked: Iterable[_Asked], standings: Sequence[Standing]) -> Iterator[Over]:
    """The first unit of each counter that has too little left."""
    for (budget, facts, demand), standing in zip(asked, standings, strict=True):
        unit = next((ask.unit for ask in demand.asks if ask.exceeds(standing.used)), None)
        if unit is not None:
            yield Over(budget, facts, unit, standing.ends)


def _blocked(verdict: Verdict, blocking: Sequence[Over], now: datetime, help_url: str) -> Verdict:
    """The uppermost budget names itself; to try again makes sense when the last of them has begun anew."""
    first = blocking[0]
    wait = max((one.ends - now).total_seconds() for one in blocking)
    message = first.budget.told(first.facts, first.unit, first.ends, help_url)
    blocked = verdict.stopped(Outcome.BLOCK, 429, message, rule=first.budget.name)
    return replace(blocked, retry_after=max(1, math.ceil(wait)))
