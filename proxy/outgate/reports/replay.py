"""What a policy would have made of exchanges that are over: asked again about what the log has of each.

Exact for what the log has: findings with their entities, scores and whose words, and the facts that conditions ask
about. What the policy of that time did not look for is not in the log and cannot be asked about; nor are values, so
exceptions and reasons are left out, and budgets and lists of accounts, which are judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outgate.audit import AuditEvent
from outgate.model import BODY, Direction, Document, Finding, Provider, Role, Segment
from outgate.policy import Policy
from outgate.reports.kinds import kind_of


@dataclass(frozen=True, slots=True)
class Asked:
    """One finding, and what becomes of it."""

    entity: str
    kind: str
    score: float
    role: Role
    rule: str | None
    fate: str  # stopped, taken_out, left


@dataclass(frozen=True, slots=True)
class Replayed:
    """One exchange, judged again."""

    blocked_by: str | None
    edited: bool
    findings: tuple[Asked, ...]

    @property
    def outcome(self) -> str:
        """block, edit or forward."""
        return "block" if self.blocked_by else "edit" if self.edited else "forward"


def replay(event: AuditEvent, policy: Policy, providers: Mapping[str, Provider]) -> Replayed | None:
    """What ``policy`` makes of it; None for an exchange that was refused before it was judged."""
    if event.provider is None or event.outcome == "refuse":
        return None
    facts = event.facts(
        providers.get(event.provider)
        or Provider(event.provider, event.provider, "", event.jurisdiction or "", "api")
    )
    records = [record for record in event.findings if record.direction is Direction.REQUEST]
    segments = tuple(Segment("", record.role, record.place, BODY, 0, 0, "plain") for record in records)
    findings = [
        Finding(position, 0, 0, record.entity, record.score, "") for position, record in enumerate(records)
    ]
    judged = policy.judge(facts, Document(segments, event.model, uninspectable=event.uninspectable), findings)
    blocked = judged.blocked_by is not None
    asked = tuple(
        Asked(
            decision.finding.entity,
            kind_of(decision.finding.entity),
            decision.finding.score,
            record.role,
            decision.rule,
            "stopped" if blocked else "taken_out" if decision.action.edits else "left",
        )
        for decision, record in zip(judged.decisions, records, strict=True)
    )
    return Replayed(judged.blocked_by, any(one.fate == "taken_out" for one in asked), asked)
