"""From what was recorded to a policy that is proposed: rules for what would still leave, and what they would do.

A proposal includes the policy in force and puts its rules before it. It is never weaker: the two are compared, in
every world that their rules tell apart, and what would be weaker is taken out of the proposal and named. It says
nothing about what the log has never seen.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import yaml

from outgate.audit import AuditEvent
from outgate.model import Action, Provider
from outgate.policy import Policy, load
from outgate.policy.diff import Direction, compare
from outgate.reports.crowd import Crowd, Numbering
from outgate.reports.error import ReportError
from outgate.reports.kinds import Region, kinds
from outgate.reports.replay import Replayed, replay

Events = Callable[[], Iterable[AuditEvent]]  # the same ones, each time it is called
# What a kind of data is worth, where the findings are sure enough. What is not here is for people to decide: a name or
# an address of a machine is in every second prompt, and no number says which of them matter.
_ACTIONS: Final = {
    "credentials": (Action.BLOCK, 0.8),
    "payment": (Action.REDACT, 0.5),
    "health": (Action.REDACT, 0.5),
    "identity": (Action.REDACT, 0.5),
    "contact": (Action.HASH, 0.5),
}
_MOST_BLOCKED: Final = 0.02  # of all exchanges, by a rule for one kind; more is edited instead
_MOST_TOUCHED: Final = 0.1  # ... more is doubted
_MOST_ENTITIES: Final = 60  # of one rule


@dataclass(slots=True)
class Effect:
    """What a policy, or one rule of it, would have done in that time."""

    outcomes: Counter[str] = field(default_factory=Counter)  # exchanges
    fates: Counter[str] = field(default_factory=Counter)  # findings
    people: Crowd = field(default_factory=Crowd)  # of whom something was blocked or changed

    @property
    def touched(self) -> int:
        """Exchanges that it blocks or changes."""
        return self.outcomes["block"] + self.outcomes["edit"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """One rule."""

    name: str
    kind: str
    entities: tuple[str, ...]
    min_score: float
    action: Action
    note: str
    jurisdictions: tuple[str, ...] = ()

    def to_yaml(self) -> dict[str, object]:
        """As it stands in a policy."""
        when = {"when": {"provider.jurisdiction": list(self.jurisdictions)}} if self.jurisdictions else {}
        return {
            "name": self.name,
            **when,
            "detect": list(self.entities),
            "min_score": self.min_score,
            "action": str(self.action),
        }


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The proposal and what it would have done."""

    rules: tuple[Proposed, ...]
    include: tuple[Path, ...]
    exchanges: int
    people: int
    before: Effect  # of the policy in force, enforced
    after: Effect
    by_rule: dict[str, Effect]
    remains: Counter[str]  # kind -> findings that would still leave
    dropped: tuple[str, ...]  # entities that a rule would have made weaker


def suggest(
    events: Events, policy: Policy, files: Sequence[Path], providers: dict[str, Provider], home: Region
) -> Suggestion:
    """Propose, for a policy in force that was loaded from ``files``. Reads the events two or three times.

    Raises ReportError when there is nothing to go by.
    """
    include = tuple(path.resolve() for path in files)
    enforced = replace(policy, mode="enforce")
    before = _Tried(enforced, providers)
    for event in events():
        before.add(event)
    if not before.exchanges:
        raise ReportError(
            "In this time the log has no exchange that a policy judged: there is nothing to go by."
        )
    rules, dropped = _not_weaker(_rules(before, home), include, enforced, providers)
    after = _tried(events, rules, include, providers)
    softer = tuple(_softened(rule, after) for rule in rules)
    if softer != rules:
        rules, more = _not_weaker(softer, include, enforced, providers)
        dropped = (*dropped, *more)
        after = _tried(events, rules, include, providers)
    return Suggestion(
        tuple(_doubted(rule, after) for rule in rules),
        include,
        after.exchanges,
        len(after.people),
        before.all,
        after.all,
        after.by_rule,
        after.remains,
        tuple(sorted(set(dropped))),
    )


def written(suggestion: Sequence[Proposed], include: Sequence[Path]) -> str:
    """The policy without its comments."""
    values = {
        "version": 1,
        "mode": "enforce",
        "include": [str(path) for path in include],
        "rules": [rule.to_yaml() for rule in suggestion],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


class _Tried:
    """A policy, over all events."""

    def __init__(self, policy: Policy, providers: dict[str, Provider]) -> None:
        self._policy, self._providers = policy, providers
        self.exchanges = 0
        self.people = Numbering()
        self.all = Effect()
        self.by_rule: dict[str, Effect] = {}
        self.remains: Counter[str] = Counter()
        self.left: dict[tuple[str, str], Counter[str]] = {}  # (kind, jurisdiction) -> entity

    def add(self, event: AuditEvent) -> None:
        judged = replay(event, self._policy, self._providers)
        if judged is None:
            return
        self.exchanges += 1
        who = self.people.of(event.user or event.client)
        self._count(self.all, judged.outcome, who)
        self.all.fates.update(one.fate for one in judged.findings)
        for rule, outcome in _rules_of(judged).items():
            self._count(self.by_rule.setdefault(rule, Effect()), outcome, who)
        for one in judged.findings:
            if one.rule is not None:
                self.by_rule.setdefault(one.rule, Effect()).fates[one.fate] += 1
            if one.fate == "left":
                self.remains[one.kind] += 1
                wanted = _ACTIONS.get(one.kind)
                if wanted and one.score >= wanted[1]:
                    where = (one.kind, event.jurisdiction or "")
                    self.left.setdefault(where, Counter())[one.entity] += 1

    def _count(self, effect: Effect, outcome: str, who: int | None) -> None:
        effect.outcomes[outcome] += 1
        if outcome != "forward":
            effect.people.add(who)


def _rules_of(judged: Replayed) -> dict[str, str]:
    """Each rule that had a part in it, and what came of that part."""
    found = {one.rule: "edit" for one in judged.findings if one.rule and one.fate == "taken_out"}
    return found | ({judged.blocked_by: "block"} if judged.blocked_by else {})


def _rules(before: _Tried, home: Region) -> tuple[Proposed, ...]:
    """First what goes to countries with nothing to rest on, then each kind."""
    found = []
    unsafe = sorted(
        {
            code
            for kind, code in before.left
            if kinds()[kind].personal and code and code not in home.countries | home.adequate
        }
    )
    if unsafe:
        entities = Counter[str]()
        for (kind, code), counted in before.left.items():
            if code in unsafe and kinds()[kind].personal:
                entities += counted
        found.append(
            Proposed(
                f"suggested: personal data to {', '.join(unsafe)}"[:120],
                "transfers",
                _most(entities),
                0.5,
                Action.BLOCK,
                f"{entities.total():,} findings left for operators there; no decision of adequacy covers them.",
                tuple(unsafe),
            )
        )
    for kind, (action, score) in _ACTIONS.items():
        counted = Counter[str]()
        for (other, _), entities in before.left.items():
            if other == kind:
                counted += entities
        if counted:
            note = f"{counted.total():,} findings left as they were."
            name = f"suggested: {kinds()[kind].title.lower()}"
            found.append(Proposed(name, kind, _most(counted), score, action, note))
    return tuple(found)


def _most(entities: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, _ in entities.most_common(_MOST_ENTITIES)))


def _policy(rules: Sequence[Proposed], include: Sequence[Path], providers: dict[str, Provider]) -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "suggested.yaml"
        path.write_text(written(rules, include), encoding="utf-8")
        return load([path], run_commands=False, providers=providers.values())


def _not_weaker(
    rules: tuple[Proposed, ...], include: Sequence[Path], enforced: Policy, providers: dict[str, Provider]
) -> tuple[tuple[Proposed, ...], tuple[str, ...]]:
    """The rules without the entities that they would be weaker for, somewhere, and these entities."""
    dropped: set[str] = set()
    while rules:
        found = compare(enforced, _policy(rules, include, providers), providers.values())
        weaker = {name for one in found.changes if one.direction is Direction.LAXER for name in one.entities}
        weaker -= dropped
        if not weaker:
            if found.laxer:
                raise ReportError(
                    "What is proposed would be weaker than the policy in force; nothing is proposed."
                )
            return rules, tuple(dropped)
        dropped |= weaker
        kept = (replace(rule, entities=tuple(e for e in rule.entities if e not in dropped)) for rule in rules)
        rules = tuple(rule for rule in kept if rule.entities)
    return (), tuple(dropped)


def _tried(
    events: Events, rules: Sequence[Proposed], include: Sequence[Path], providers: dict[str, Provider]
) -> _Tried:
    tried = _Tried(_policy(rules, include, providers), providers)
    for event in events():
        tried.add(event)
    return tried


def _softened(rule: Proposed, tried: _Tried) -> Proposed:
    """A block that would hit too many is an edit instead: people go around what stops them all day."""
    blocked = tried.by_rule.get(rule.name, Effect()).outcomes["block"]
    if rule.action is Action.BLOCK and not rule.jurisdictions and blocked > tried.exchanges * _MOST_BLOCKED:
        note = f"{rule.note} Blocking would stop {blocked:,} requests: taken out instead."
        return replace(rule, action=Action.REDACT, note=note)
    return rule


def _doubted(rule: Proposed, tried: _Tried) -> Proposed:
    touched = tried.by_rule.get(rule.name, Effect()).touched
    if touched > tried.exchanges * _MOST_TOUCHED:
        share = 100 * touched // tried.exchanges
        return replace(
            rule, note=f"{rule.note} It touches {share} % of all requests: begin with `action: audit`."
        )
    return rule
