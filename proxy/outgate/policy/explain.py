"""Why a policy decided as it did: for each gate and each finding, every rule that was asked.

Tells by the same functions that ``decide`` uses, so that it cannot tell another story; a test holds
the two together. Never holds a value, only places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outgate.model import Action, Direction, Document, Facts, Finding, Judgement, Segment
from outgate.policy.budget import Budget
from outgate.policy.decide import Fingerprint, Policy, unknown
from outgate.policy.exceptions import EXCEPTION, NONE, Exceptions
from outgate.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked."""

    rule: Rule
    matched: bool
    why: str  # "provider.jurisdiction is US, not CN, RU"; "" when nothing is in the way


@dataclass(frozen=True, slots=True)
class FindingStory:
    """One finding, and the rules that were asked about it, down to the one that decided."""

    finding: Finding
    segment: Segment
    steps: tuple[Step, ...]
    action: Action
    excepted: str = ""  # "exception:ID": the value may leave, whatever the rule says

    @property
    def rule(self) -> Rule | None:
        """The rule that decided."""
        return self.steps[-1].rule if self.steps and self.steps[-1].matched else None


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """A budget, and whether the exchange counts for it."""

    budget: Budget
    counts: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole story of one exchange."""

    judgement: Judgement
    gates: tuple[Step, ...]
    budgets: tuple[BudgetStep, ...]
    findings: tuple[FindingStory, ...]
    accounts: str = ""  # why `allowed_accounts` lets the request on or not; "": it has none of its provider


def explain(
    policy: Policy,
    facts: Facts,
    document: Document,
    findings: Sequence[Finding],
    *,
    exceptions: Exceptions = NONE,
    fingerprint: Fingerprint = unknown,
) -> Explanation:
    """Judge an exchange, and say why; ``exceptions`` and ``fingerprint`` are those of ``Policy.judge``."""
    judgement = policy.judge(facts, document, findings, exceptions=exceptions, fingerprint=fingerprint)
    allowed = policy.allowed_accounts.get(facts.provider.id)
    accounts = (allowed.objection(facts) or "nothing is against it") if allowed else ""
    gates: list[Step] = []
    for rule in policy.rules:
        if rule.entities is None:
            gates.append(_gate_step(rule, facts))
            if gates[-1].matched and rule.action is not Action.AUDIT:
                break
    stories = [
        FindingStory(
            decision.finding,
            document.segments[decision.finding.segment],
            _steps(policy, facts, decision.finding, document.segments[decision.finding.segment]),
            decision.action,
            decision.rule if decision.rule and decision.rule.startswith(EXCEPTION) else "",
        )
        for decision in judgement.decisions
    ]
    budgets = (
        BudgetStep(budget, budget.applies(facts), _not_applying(budget, facts) or _applying(budget, facts))
        for budget in policy.budgets
    )
    return Explanation(judgement, tuple(gates), tuple(budgets), tuple(stories), accounts)


def _gate_step(rule: Rule, facts: Facts) -> Step:
    why = _not_applying(rule, facts)
    return Step(rule, rule.applies(facts), why or _applying(rule, facts))


def _steps(policy: Policy, facts: Facts, finding: Finding, segment: Segment) -> tuple[Step, ...]:
    steps: list[Step] = []
    for rule in policy.rules:
        if rule.entities is None or rule.direction is not Direction.REQUEST:
            continue
        matched = rule.catches(finding.entity, segment.role, finding.score) and rule.applies(facts)
        why = _not_catching(rule, finding, segment) or _not_applying(rule, facts) or _applying(rule, facts)
        steps.append(Step(rule, matched, why))
        if matched:
            break
    return tuple(steps)


def _not_catching(rule: Rule, finding: Finding, segment: Segment) -> str:
    """What keeps a finding from being a rule's; ``""`` when nothing does."""
    if rule.entities is None or finding.entity not in rule.entities:
        return f"detects other entities than {finding.entity}"
    if finding.score < rule.min_score:
        return f"score {finding.score:.2f} is under {rule.min_score:.2f}"
    if rule.roles is not None and segment.role not in rule.roles:
        return f"role is {segment.role}, not {', '.join(sorted(rule.roles))}"
    return ""


def _not_applying(rule: Rule | Budget, facts: Facts) -> str:
    """What keeps a rule from applying to an exchange; ``""`` when nothing does."""
    if rule.when is not None and (failing := rule.when.failing(facts)):
        return "; ".join(f"{c.key} is {c.actual(facts)}, not {' or '.join(c.wanted)}" for c in failing)
    if rule.unless is not None and (holding := rule.unless.holding(facts)):
        return "set aside, unless " + " and ".join(f"{c.key} is {c.actual(facts)}" for c in holding)
    return ""


def _applying(rule: Rule | Budget, facts: Facts) -> str:
    if rule.when is None:
        return ""
    return "because " + " and ".join(f"{c.key} is {c.actual(facts)}" for c in rule.when.holding(facts))
