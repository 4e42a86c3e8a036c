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

In audit mode nothing is blocked or changed: every action that would be becomes ``audit``, and
``would_block`` names the rule that would have blocked.

Owns this order, and nothing of files: see ``load``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from outgate.dlp.config import DetectorConfig
from outgate.model import Action, Decision, Document, Facts, Finding, Judgement, Role, Scope, Style
from outgate.policy.message import DEFAULT_UNINSPECTABLE
from outgate.policy.rule import Rule

# Stands where a rule's name does when the ``uninspectable`` setting decided.
UNINSPECTABLE = "uninspectable"
RESERVED = frozenset({UNINSPECTABLE, "on_error"})  # no rule may be called so
Mode = Literal["enforce", "audit"]
_NOTHING = Judgement(())  # no gate applied: most exchanges


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
    _gates: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    _pseudonymising: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    # Entity -> the rules that can decide for it, in order, with their places in the policy.
    _deciding: Mapping[str, tuple[tuple[int, Rule], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table: dict[str, list[tuple[int, Rule]]] = {}
        for position, rule in enumerate(self.rules):
            for entity in rule.entities or ():
                table.setdefault(entity, []).append((position, rule))
        object.__setattr__(self, "_gates", tuple(rule for rule in self.rules if rule.entities is None))
        changing = self.rules if self.mode == "enforce" else ()
        making = tuple(rule for rule in changing if rule.action is Action.PSEUDONYMISE)
        object.__setattr__(self, "_pseudonymising", making)
        object.__setattr__(self, "_deciding", {entity: tuple(pairs) for entity, pairs in table.items()})

    @property
    def entities(self) -> frozenset[str]:
        """What must be looked for, for any rule; empty: nothing."""
        return self.detectors.entities

    @property
    def styles(self) -> frozenset[Style]:
        """The looks of the placeholders that it may make; empty: it makes none."""
        return frozenset(rule.style for rule in self._pseudonymising)

    @property
    def pseudonymised(self) -> frozenset[str]:
        """The entities that it may make placeholders for."""
        return frozenset().union(*(rule.entities or () for rule in self._pseudonymising))

    def gate(self, facts: Facts) -> Judgement:
        """What the gates say, before anything is looked for: who blocks, who noted or let through."""
        noted: tuple[str, ...] = ()
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
        self, facts: Facts, document: Document, findings: Sequence[Finding], gate: Judgement | None = None
    ) -> Judgement:
        """The judgement of an exchange and of each of its findings, in their order.

        ``gate``: what ``gate`` said, where it has been asked already.
        """
        gate = gate or self.gate(facts)
        decisions, blocking = self._decide(facts, document, findings)
        name, message, noted = gate.blocked_by or gate.would_block, gate.message, gate.rules
        if name is None and blocking is not None:
            name = blocking.name
            caught = {decision.finding.entity for decision in decisions if decision.rule == name}
            message = blocking.message.fill(facts, rule=name, entities=caught, help_url=self.help_url)
        if document.uninspectable and self.uninspectable is not Action.ALLOW:
            if self.uninspectable is Action.AUDIT:
                noted = (*noted, UNINSPECTABLE)
            elif name is None:
                name = UNINSPECTABLE
                message = DEFAULT_UNINSPECTABLE.fill(facts, rule=name, help_url=self.help_url)
        return self._judgement(decisions, name, message, noted)

    def _decide(
        self, facts: Facts, document: Document, findings: Sequence[Finding]
    ) -> tuple[tuple[Decision, ...], Rule | None]:
        """Each finding's decision, and the uppermost rule that blocks for one of them."""
        decisions: list[Decision] = []
        applies: dict[int, bool] = {}
        segments = document.segments
        uppermost, blocking = len(self.rules), None
        for finding in findings:
            role = segments[finding.segment].role
            position, rule = self._rule_for(finding.entity, role, finding.score, facts, applies)
            if rule is None:
                decisions.append(Decision(finding, None, Action.ALLOW))
                continue
            if position < uppermost and rule.action is Action.BLOCK:
                uppermost, blocking = position, rule
            decisions.append(Decision(finding, rule.name, self._action(rule), rule.style))
        return tuple(decisions), blocking

    def _rule_for(
        self, entity: str, role: Role, score: float, facts: Facts, applies: dict[int, bool]
    ) -> tuple[int, Rule | None]:
        for position, rule in self._deciding.get(entity, ()):
            if rule.catches(entity, role, score):
                holds = applies.get(position)
                if holds is None:
                    holds = applies[position] = rule.applies(facts)
                if holds:
                    return position, rule
        return -1, None

    def _action(self, rule: Rule) -> Action:
        if self.mode == "audit" and rule.action is not Action.ALLOW:
            return Action.AUDIT
        return rule.action

    def _judgement(
        self, decisions: tuple[Decision, ...], name: str | None, message: str, noted: tuple[str, ...]
    ) -> Judgement:
        """In audit mode what would block does not, and is named all the same."""
        if self.mode == "audit":
            return Judgement(decisions, None, "", noted, would_block=name)
        return Judgement(decisions, name, message, noted)
