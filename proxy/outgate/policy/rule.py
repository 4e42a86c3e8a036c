"""One rule, ready to be asked.

Owns when a rule is about an exchange and when it is about a finding. Knows nothing of the other
rules: what comes first is ``decide``'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from outgate.model import Action, Direction, Facts, Role, Style
from outgate.policy.condition import Conditions
from outgate.policy.error import Mark
from outgate.policy.message import Message


@dataclass(frozen=True, slots=True)
class Coach:
    """What becomes of what a coaching rule blocked, once there is a reason for it."""

    then: Action
    seconds: int  # that the reason counts


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a policy. Without ``entities`` it is a gate: about the exchange as a whole."""

    name: str
    action: Action
    style: Style  # of the placeholders that it makes, if it makes any
    when: Conditions | None
    unless: Conditions | None
    entities: frozenset[str] | None  # groups already replaced by their members
    min_score: float
    roles: frozenset[Role] | None  # None: anyone's words
    message: Message
    note: str
    file: Path
    mark: Mark
    direction: Direction = Direction.REQUEST  # of what it judges
    uneditable: Action = Action.BLOCK  # in place of an edit, where nothing can be edited: block or audit
    coach: Coach | None = None
    exceptions: bool = True  # whether excepted values are let through

    @property
    def edits(self) -> bool:
        """Whether it may change the bytes that leave."""
        return self.action.edits or (self.coach is not None and self.coach.then.edits)

    @property
    def pseudonymises(self) -> bool:
        """Whether it may make placeholders."""
        return Action.PSEUDONYMISE in (self.action, self.coach.then if self.coach else self.action)

    def applies(self, facts: Facts) -> bool:
        """Whether ``when`` holds and ``unless`` does not."""
        if self.when is not None and not self.when.holds(facts):
            return False
        return self.unless is None or not self.unless.holds(facts)

    def asks(self, key: str) -> bool:
        """Whether a condition is about this fact."""
        conditions = [conditions for conditions in (self.when, self.unless) if conditions is not None]
        return any(c.key == key for one in conditions for all_of in one.alternatives for c in all_of)

    def catches(self, entity: str, role: Role, score: float) -> bool:
        """Whether a finding is this rule's, provided that the rule applies to its exchange."""
        if self.entities is None or entity not in self.entities or score < self.min_score:
            return False
        return self.roles is None or role in self.roles
