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
from outgate.model import Action, Decision, Document, Facts, Finding, Judgement, Role
from outgate.policy.message import DEFAULT_UNINSPECTABLE
from outgate.policy.rule import Rule

# Stands where a rule's name does when the ``uninspectable`` setting decided.
UNINSPECTABLE = "uninspectable"
RESERVED = frozenset({UNINSPECTABLE, "on_error"})  # no rule may be called so
Mode = Literal["enforce", "audit"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was loaded, immutable; a reload makes another."""

    name: str
    hash: str  # sha256, hex, over the content of all files
    files: tuple[Path, ...]  # in reading order, word lists and includes among them
    mode: Mode
    on_error: Action  # block, audit or allow
    uninspectable: Action  # block, audit or allow
    help_url: str
    detectors: DetectorConfig
    rules: tuple[Rule, ...]
    missing: Mapping[str, str]  # entity that nothing installed can find -> what to do about it
    _gates: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    # Entity -> the rules that can decide for it, in order, with their places in the policy.
    _deciding: Mapping[str, tuple[tuple[int, Rule], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table: dict[str, list[tuple[int, Rule]]] = {}
        for position, rule in enumerate(self.rules):
            for entity in rule.entities or ():
                table.setdefault(entity, []).append((position, rule))
        object.__setattr__(self, "_gates", tuple(rule for rule in self.rules if rule.entities is None))
        object.__setattr__(self, "_deciding", {entity: tuple(pairs) for entity, pairs in table.items()})

    @property
    def entities(self) -> frozenset[str]:
        """What must be looked for, for any rule; empty: nothing."""
        return self.detectors.entities

    def gate(self, facts: Facts) -> Judgement | None:
        """The judgement of an exchange that is blocked whatever is in it; None for all others."""
        if self.mode == "audit":
            return None
        blocked, noted = self._pass_gates(facts)
        if blocked is None:
            return None
        message = blocked.message.fill(facts, rule=blocked.name, help_url=self.help_url)
        return Judgement((), blocked.name, message, noted)

    def judge(self, facts: Facts, document: Document, findings: Sequence[Finding]) -> Judgement:
        """The judgement of an exchange and of each of its findings, in their order."""
        gate, noted = self._pass_gates(facts)
        decided: list[tuple[Finding, int, Rule | None]] = []
        if findings:
            applies: dict[int, bool] = {}
            segments = document.segments
            for finding in findings:
                decided.append(
                    (finding, *self._rule_for(finding, segments[finding.segment].role, facts, applies))
                )
        blocking = [(position, rule) for _, position, rule in decided if rule and rule.action is Action.BLOCK]
        name, message = "", ""
        if gate is not None:
            name = gate.name
            message = gate.message.fill(facts, rule=name, help_url=self.help_url)
        elif blocking:
            _, first = min(blocking, key=lambda pair: pair[0])
            name = first.name
            caught = {finding.entity for finding, _, rule in decided if rule is first}
            message = first.message.fill(facts, rule=name, entities=caught, help_url=self.help_url)
        elif document.uninspectable and self.uninspectable is Action.BLOCK:
            name = UNINSPECTABLE
            message = DEFAULT_UNINSPECTABLE.fill(facts, rule=name, help_url=self.help_url)
        if document.uninspectable and self.uninspectable is Action.AUDIT:
            noted = (*noted, UNINSPECTABLE)
        decisions = tuple(
            Decision(finding, rule.name, self._action(rule))
            if rule
            else Decision(finding, None, Action.ALLOW)
            for finding, _, rule in decided
        )
        if self.mode == "audit":
            return Judgement(decisions, None, "", noted, name or None)
        return Judgement(decisions, name or None, message, noted)

    def _pass_gates(self, facts: Facts) -> tuple[Rule | None, tuple[str, ...]]:
        """The gate that blocks, if one does, and the names of those that let through or noted."""
        noted: tuple[str, ...] = ()
        for rule in self._gates:
            if rule.applies(facts):
                if rule.action is Action.BLOCK:
                    return rule, noted
                noted = (*noted, rule.name)
                if rule.action is Action.ALLOW:
                    break
        return None, noted

    def _rule_for(
        self, finding: Finding, role: Role, facts: Facts, applies: dict[int, bool]
    ) -> tuple[int, Rule | None]:
        for position, rule in self._deciding.get(finding.entity, ()):
            if rule.catches(finding.entity, role, finding.score):
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
