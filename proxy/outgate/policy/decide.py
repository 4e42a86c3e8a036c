"""A policy in force: what it says of an exchange and of each finding in it.

The order of things, once and for all:

1. Rules without ``detect`` are **gates**: they are about the exchange as a whole, and are read
   first, from top to bottom, before anything is looked for. ``audit`` is noted and reading goes on.
   The first ``allow`` or ``block`` whose conditions hold ends it: with ``block`` nothing leaves,
   with ``allow`` no gate below is asked. So an exception for some people stands *above* the block
   that it is an exception from. ``allow`` opens the gate and no more: what is then found in the
   exchange is judged like any other's.
2. Rules with ``detect`` decide for **findings**: for each one, the first rule from top to bottom
   that applies to the exchange and catches the finding. A finding that no rule catches is let
   through.
3. The exchange is blocked if any finding's rule says ``block``; the uppermost such rule names it.
   Otherwise each finding has its own rule's action, and ``uninspectable`` decides on what could not
   be read.

Two things stand before an action. A finding whose value an administrator excepted is allowed, by
``exception:ID``, unless its rule takes no exceptions. A finding that a coaching rule would block, and that
whoever asks has justified, gets what the rule says is ``then`` done, and ``justification:REFERENCE`` is noted.
Neither says anything of another finding: what another rule blocks stays blocked, and where both kinds block,
the rule that does not coach is the one that is named.

Rules of ``direction: response`` decide, by 2 and 3 alone, for what is found in the answer, and for nothing else;
no gate and no ``uninspectable`` is asked about an answer.

Before all of this ``allowed_accounts`` is asked whose account at the provider the request uses; no gate opens what it
blocks.

In audit mode nothing is blocked or changed: every action that would be becomes ``audit``, and
``would_block`` names the rule that would have blocked.

Owns this order, and nothing of files: see ``load``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from outgate.dlp.config import DetectorConfig
from outgate.model import (
    JUSTIFICATION,
    Action,
    Decision,
    Direction,
    Document,
    Facts,
    Finding,
    Headers,
    Judgement,
    Provider,
    Role,
    Scope,
    Style,
)
from outgate.policy import accounts
from outgate.policy.accounts import Allowed
from outgate.policy.budget import Budget
from outgate.policy.exceptions import EXCEPTION, NONE, Exceptions
from outgate.policy.message import DEFAULT_UNINSPECTABLE, HOW_TO_GO_ON
from outgate.policy.rule import Rule

# Stands where a rule's name does when the ``uninspectable`` setting decided.
UNINSPECTABLE = "uninspectable"
RESERVED = frozenset({UNINSPECTABLE, accounts.SETTING, "on_error"})  # no rule may be called so
Mode = Literal["enforce", "audit"]
Fingerprint = Callable[[Finding], str]
_NOTHING = Judgement(())  # no gate applied: most exchanges


def unknown(_finding: Finding) -> str:
    """The fingerprint of nothing, for who knows of no exceptions."""
    return ""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the rules say of findings."""

    decisions: tuple[Decision, ...]
    blocking: Rule | None
    justified: tuple[str, ...]  # what is noted of reasons that counted


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was loaded, immutable; a reload makes another."""

    name: str
    hash: str  # sha256, hex, over the content of all files
    files: tuple[Path, ...]  # in reading order, word lists and includes among them
    mode: Mode
    on_error: Action  # block, audit or allow
    uninspectable: Action  # block, audit or allow
    scope: Scope  # whose a placeholder is
    note: bool  # a line tells the model to copy tags as they are
    help_url: str
    detectors: DetectorConfig
    rules: tuple[Rule, ...]
    missing: Mapping[str, str]  # entity that nothing installed can find -> what to do about it
    allowed_accounts: Mapping[str, Allowed] = field(default_factory=dict)  # provider id -> whose
    asks_accounts: bool = field(init=False)  # whether anything here is about whose account a request uses
    budgets: tuple[Budget, ...] = ()
    _gates: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    _pseudonymising: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    # Entity -> the rules that can decide for it, in order, with their places in the policy.
    _deciding: Mapping[Direction, Mapping[str, tuple[tuple[int, Rule], ...]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        deciding: dict[Direction, dict[str, tuple[tuple[int, Rule], ...]]] = {way: {} for way in Direction}
        for position, rule in enumerate(self.rules):
            table = deciding[rule.direction]
            for entity in rule.entities or ():
                table[entity] = (*table.get(entity, ()), (position, rule))
        object.__setattr__(self, "_gates", tuple(rule for rule in self.rules if rule.entities is None))
        changing = self.rules if self.mode == "enforce" else ()
        making = tuple(rule for rule in changing if rule.pseudonymises)
        object.__setattr__(self, "_pseudonymising", making)
        object.__setattr__(self, "_deciding", deciding)
        asking = bool(self.allowed_accounts) or any(rule.asks("account") for rule in self.rules)
        object.__setattr__(self, "asks_accounts", asking)

    @property
    def entities(self) -> frozenset[str]:
        """What must be looked for, for any rule; empty: nothing."""
        return self.detectors.entities

    def sought(self, findings: Sequence[Finding], direction: Direction) -> Sequence[Finding]:
        """Those of the findings that some rule of this direction is about."""
        wanted = self._deciding[direction]
        return [finding for finding in findings if finding.entity in wanted]

    def seeks(self, direction: Direction) -> bool:
        """Whether any rule of this direction looks for something."""
        return bool(self._deciding[direction])

    @property
    def names(self) -> frozenset[str]:
        """Of all that can decide: rules and budgets."""
        return frozenset([rule.name for rule in self.rules] + [budget.name for budget in self.budgets])

    def on_answer(self, facts: Facts) -> frozenset[Action]:
        """What may become of findings in this exchange's answer; empty: it is not looked at."""
        return frozenset(
            self._in_mode(rule.action)
            for rule in self.rules
            if rule.direction is Direction.RESPONSE and rule.applies(facts)
        )

    @property
    def styles(self) -> frozenset[Style]:
        """The looks of the placeholders that it may make; empty: it makes none."""
        return frozenset(rule.style for rule in self._pseudonymising)

    @property
    def pseudonymised(self) -> frozenset[str]:
        """The entities that it may make placeholders for."""
        return frozenset().union(*(rule.entities or () for rule in self._pseudonymising))

    def restrictions(self, provider: Provider) -> Headers:
        """Headers of every request to a provider, in which it is told whose accounts it may serve."""
        allowed = self.allowed_accounts.get(provider.id)
        return allowed.headers(provider) if allowed and self.mode == "enforce" else ()

    def gate(self, facts: Facts) -> Judgement:
        """What the gates say, before anything is looked for: who blocks, who noted or let through."""
        noted: tuple[str, ...] = ()
        allowed = self.allowed_accounts.get(facts.provider.id)
        if allowed is not None and allowed.objection(facts):
            if allowed.unlisted is Action.BLOCK:
                message = allowed.message.fill(facts, rule=accounts.SETTING, help_url=self.help_url)
                return self._judgement((), accounts.SETTING, message, noted)
            noted = (accounts.SETTING,)
        for rule in self._gates:
            if rule.applies(facts):
                if rule.action is Action.BLOCK:
                    message = rule.message.fill(facts, rule=rule.name, help_url=self.help_url)
                    return self._judgement((), rule.name, message, noted)
                noted = (*noted, rule.name)
                if rule.action is Action.ALLOW:
                    break
        return Judgement((), rules=noted) if noted else _NOTHING

    def judge(
        self,
        facts: Facts,
        document: Document,
        findings: Sequence[Finding],
        gate: Judgement | None = None,
        *,
        exceptions: Exceptions = NONE,
        fingerprint: Fingerprint = unknown,
    ) -> Judgement:
        """The judgement of an exchange and of each of its findings, in their order.

        ``gate``: what ``gate`` said, where it has been asked already. ``fingerprint`` is asked only where there
        are ``exceptions``, once for each finding.
        """
        gate = gate or self.gate(facts)
        decided = self._decide(facts, document, findings, exceptions, fingerprint)
        blocking, coached = decided.blocking, False
        name, message, noted = gate.blocked_by or gate.would_block, gate.message, gate.rules
        noted = (*noted, *decided.justified) if decided.justified else noted
        if name is None and blocking is not None:
            name, coached = blocking.name, blocking.coach is not None
            message = self._message(blocking, facts, decided.decisions)
        if document.uninspectable and self.uninspectable is not Action.ALLOW:
            if self.uninspectable is Action.AUDIT:
                noted = (*noted, UNINSPECTABLE)
            elif name is None or coached:
                name, coached = UNINSPECTABLE, False
                message = DEFAULT_UNINSPECTABLE.fill(facts, rule=name, help_url=self.help_url)
        return self._judgement(decided.decisions, name, message, noted, coached)

    def judge_answer(
        self,
        facts: Facts,
        document: Document,
        findings: Sequence[Finding],
        *,
        exceptions: Exceptions = NONE,
        fingerprint: Fingerprint = unknown,
    ) -> Judgement:
        """The judgement of an answer, or of a piece of it, and of each of its findings, in their order."""
        decided = self._decide(facts, document, findings, exceptions, fingerprint, Direction.RESPONSE)
        if decided.blocking is None:
            return self._judgement(decided.decisions, None, "", ())
        message = self._message(decided.blocking, facts, decided.decisions)
        return self._judgement(decided.decisions, decided.blocking.name, message, ())

    def _message(self, rule: Rule, facts: Facts, decisions: Sequence[Decision]) -> str:
        """For whoever is blocked by a rule, about what it caught."""
        caught = {decision.finding.entity for decision in decisions if decision.rule == rule.name}
        message = rule.message.fill(facts, rule=rule.name, entities=caught, help_url=self.help_url)
        if rule.coach is None or rule.message.says_where:
            return message
        return message + HOW_TO_GO_ON.fill(facts, rule=rule.name)

    def _decide(
        self,
        facts: Facts,
        document: Document,
        findings: Sequence[Finding],
        exceptions: Exceptions,
        fingerprint: Fingerprint,
        direction: Direction = Direction.REQUEST,
    ) -> _Decided:
        """Each finding's decision, and the uppermost rule that blocks for one of them; those that coach come last."""
        decisions: list[Decision] = []
        justified: dict[str, None] = {}
        applies: dict[int, bool] = {}
        deciding = self._deciding[direction]
        segments = document.segments
        uppermost, blocking = (True, len(self.rules)), None
        for finding in findings:
            segment = segments[finding.segment]
            position, rule = _rule_for(deciding, finding, segment.role, facts, applies)
            if rule is None:
                decisions.append(Decision(finding, None, Action.ALLOW))
                continue
            wanted = rule.action
            if exceptions and wanted is not Action.ALLOW:
                known = fingerprint(finding)
                excepted = exceptions.exception(known, facts) if rule.exceptions else None
                if excepted is not None:
                    decisions.append(Decision(finding, f"{EXCEPTION}{excepted.id}", Action.ALLOW))
                    continue
                reason = exceptions.justification(known, rule.name, facts) if rule.coach else None
                if rule.coach and reason is not None:
                    justified[f"{JUSTIFICATION}{reason.reference}"] = None
                    wanted = rule.coach.then
            if wanted is Action.BLOCK and (rule.coach is not None, position) < uppermost:
                uppermost, blocking = (rule.coach is not None, position), rule
            action = self._in_mode(wanted)
            if action.edits and not segment.editable and rule.uneditable is Action.AUDIT:
                action = Action.AUDIT
            decisions.append(Decision(finding, rule.name, action, rule.style))
        return _Decided(tuple(decisions), blocking, tuple(justified))

    def _in_mode(self, action: Action) -> Action:
        return Action.AUDIT if self.mode == "audit" and action is not Action.ALLOW else action

    def _judgement(
        self,
        decisions: tuple[Decision, ...],
        name: str | None,
        message: str,
        noted: tuple[str, ...],
        coached: bool = False,
    ) -> Judgement:
        """In audit mode what would block does not, and is named all the same."""
        if self.mode == "audit":
            return Judgement(decisions, None, "", noted, would_block=name)
        return Judgement(decisions, name, message, noted, coached=coached)


def _rule_for(
    deciding: Mapping[str, tuple[tuple[int, Rule], ...]],
    finding: Finding,
    role: Role,
    facts: Facts,
    applies: dict[int, bool],
) -> tuple[int, Rule | None]:
    for position, rule in deciding.get(finding.entity, ()):
        if rule.catches(finding.entity, role, finding.score):
            holds = applies.get(position)
            if holds is None:
                holds = applies[position] = rule.applies(facts)
            if holds:
                return position, rule
    return -1, None
