"""What a policy would have made of exchanges that are over: asked again about what the log has of each.

Exact for what the log has: findings with their entities, scores and whose words, and the facts that conditions ask
about. What the policy of that time did not look for is not in the log and cannot be asked about; nor are values, so
exceptions and reasons are left out, and budgets and lists of accounts, which are judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from outgate.audit import AuditEvent
from outgate.model import BODY, Direction, Document, Facts, Finding, Identity, Provider, Role, Segment
from outgate.policy import Policy
from outgate.reports.kinds import kind_of

_NOBODY = "0.0.0.0"  # noqa: S104 (an address that was erased)


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
    facts = _facts(event, event.provider, providers)
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


def _facts(event: AuditEvent, provider: str, providers: Mapping[str, Provider]) -> Facts:
    known = providers.get(provider) or Provider(provider, provider, "", event.jurisdiction or "", "api")
    try:
        client = ip_address(event.client)
    except ValueError:
        client = ip_address(_NOBODY)
    return Facts(
        provider=known,
        region=event.region,
        model=event.model,
        model_origin=event.model_origin,
        host=event.host,
        path=event.path,
        method=event.method,
        identity=Identity(event.user, event.groups, event.device),
        client=client,
        time=event.time,
    )
