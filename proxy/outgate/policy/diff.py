"""What a change of policy lets out that was stopped before, and what it stops.

Both policies are asked about the same worlds (see there), and in each about every entity, role and
score that a rule tells apart. Worlds in which the same rules apply are asked about once, so it takes
milliseconds. What it cannot see, a pattern that finds less than before, it names. Commands are
not run for it: one that is not there any more is named, what it prints is not looked at.

Owns the comparison; says nothing in colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from outgate import model
from outgate.dlp import entities as dlp_entities
from outgate.dlp.config import DetectorConfig
from outgate.model import BODY, Action, Document, Facts, Finding, Provider, Role, Scope, Segment
from outgate.policy import accounts
from outgate.policy.accounts import Allowed
from outgate.policy.budget import Budget, lasting
from outgate.policy.decide import Policy
from outgate.policy.rule import Rule
from outgate.policy.schema import ANSWERING
from outgate.policy.worlds import Where, World, where, worlds

# To how many people a placeholder comes back as its value.
_FOR_FEWER: Mapping[Scope, int] = {"group": 0, "user": 1, "conversation": 2}
# How much of a value still leaves. Audit and allow let out the same.
_STRICTNESS = {
    Action.ALLOW: 0,
    Action.AUDIT: 0,
    Action.MASK: 1,
    Action.HASH: 2,
    Action.PSEUDONYMISE: 3,
    Action.REDACT: 4,
    Action.BLOCK: 5,
}


class Direction(StrEnum):
    """Which way a change goes."""

    LAXER = "laxer"
    STRICTER = "stricter"
    SAME = "same"  # as much leaves as before, but it is recorded otherwise


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of some findings, or (without ``entities``) of whole exchanges."""

    old: Action
    new: Action
    where: tuple[Where, ...]
    entities: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()  # () for all
    scores: str = ""  # "" for all
    of: model.Direction = model.Direction.REQUEST  # whether they are in requests or in answers

    @property
    def direction(self) -> Direction:
        """Whether more or less leaves."""
        return _direction(_STRICTNESS[self.old], _STRICTNESS[self.new])


@dataclass(frozen=True, slots=True)
class SettingChange:
    """Another value of a setting of the whole policy."""

    name: str
    old: str
    new: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, laxer ones first."""

    settings: tuple[SettingChange, ...]
    changes: tuple[Change, ...]
    detectors: tuple[str, ...]  # entities that are no longer found by all that found them

    @property
    def laxer(self) -> bool:
        """Whether anything leaves that was stopped before."""
        directions = (*(s.direction for s in self.settings), *(c.direction for c in self.changes))
        return Direction.LAXER in directions or bool(self.detectors)


def compare(old: Policy, new: Policy, providers: Iterable[Provider]) -> Comparison:
    """The differences between two policies for these providers (the catalogue's)."""
    settings = (*_settings(old, new), *_budgets(old, new))
    # The worlds tell no accounts: what is blocked for that alone would hide what the rules do.
    old, new = (replace(policy, allowed_accounts={}) for policy in (old, new))
    rules = (*old.rules, *new.rules)
    every = tuple(worlds(rules, tuple(providers)))
    groups: dict[tuple[bool, ...], list[World]] = {}
    for world in every:
        groups.setdefault(tuple(rule.applies(world.facts) for rule in rules), []).append(world)
    entities: dict[tuple[bool, ...], list[str]] = {}
    for entity in sorted(old.entities | new.entities):
        entities.setdefault(tuple(entity in (rule.entities or ()) for rule in rules), []).append(entity)
    found: dict[_Told, list[World]] = {}
    for alike in groups.values():
        for change, those in _changes(old, new, alike, list(entities.values())):
            found.setdefault(change, []).extend(those)
    changes = [
        Change(before, after, where(those, every), names, roles, scores, of)
        for (before, after, names, roles, scores, of), those in found.items()
    ]
    order = list(Direction)
    return Comparison(
        settings=tuple(sorted(settings, key=lambda change: order.index(change.direction))),
        changes=tuple(
            sorted(
                changes,
                key=lambda c: (order.index(c.direction), bool(c.entities), -_STRICTNESS[c.old], c.entities),
            )
        ),
        detectors=_detectors(old, new),
    )


def _budgets(old: Policy, new: Policy) -> Iterator[SettingChange]:
    """Budgets that are gone, new, or allow another amount; of whom it counts for nobody can say what that lets out."""
    before, after = ({one.name: one for one in policy.budgets} for policy in (old, new))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None and _same(was, now):
            continue
        lower = now is not None and (
            was is None
            or (
                (str(was.when), str(was.unless), was.per, was.window)
                == (str(now.when), str(now.unless), now.per, now.window)
                and (now.action is Action.BLOCK or was.action is Action.AUDIT)
                and all(now.limits.get(unit, most + 1) <= most for unit, most in was.limits.items())
            )
        )
        direction = Direction.STRICTER if lower else Direction.LAXER
        yield SettingChange(f"budget {name!r}", _limits(was), _limits(now), direction)


def _same(was: Budget, now: Budget) -> bool:
    told = ("per", "limits", "window", "action")
    return all(getattr(was, each) == getattr(now, each) for each in told) and all(
        str(getattr(was, each)) == str(getattr(now, each)) for each in ("when", "unless")
    )


def _limits(budget: Budget | None) -> str:
    if budget is None:
        return "none"
    amounts = ", ".join(f"{most} {unit.replace('_', ' ')}" for unit, most in budget.limits.items())
    whose = f", for each {', '.join(budget.per)}" if budget.per else ""
    return f"{budget.action} over {amounts} per {lasting(budget.window)}{whose}"


_Told = tuple[Action, Action, tuple[str, ...], tuple[Role, ...], str, model.Direction]
_ROLES: Mapping[model.Direction, tuple[Role, ...]] = {
    model.Direction.REQUEST: tuple(Role),
    model.Direction.RESPONSE: ANSWERING,
}


def _changes(
    old: Policy, new: Policy, alike: list[World], entities: list[list[str]]
) -> Iterator[tuple[_Told, list[World]]]:
    """What differs in worlds in which the same rules apply."""
    facts = alike[0].facts
    before, after = _gated(old, facts), _gated(new, facts)
    if before is not after:
        yield (before, after, (), (), "", model.Direction.REQUEST), alike
    if Action.BLOCK in (before, after):
        return  # nothing is looked for in what does not leave
    thresholds = sorted(
        {0.0, *(rule.min_score for rule in (*old.rules, *new.rules) if rule.entities is not None)}
    )
    for names, of in product(entities, _ROLES):
        differing: dict[tuple[Action, Action], dict[tuple[float, ...], list[Role]]] = {}
        for role in _ROLES[of]:
            by_actions: dict[tuple[Action, Action], list[float]] = {}
            for score in thresholds:
                pair = (
                    _decided(old, facts, names[0], role, score, of),
                    _decided(new, facts, names[0], role, score, of),
                )
                if pair[0] is not pair[1]:
                    by_actions.setdefault(pair, []).append(score)
            for pair, at in by_actions.items():
                differing.setdefault(pair, {}).setdefault(tuple(at), []).append(role)
        for (was, becomes), by_scores in differing.items():
            for scores, roles in by_scores.items():
                told = "" if len(scores) == len(thresholds) else _ranges(scores, thresholds)
                some = () if len(roles) == len(_ROLES[of]) else tuple(roles)
                yield (was, becomes, tuple(names), some, told, of), alike


def _gated(policy: Policy, facts: Facts) -> Action:
    """What becomes of an exchange with nothing in it: blocked, noted by a gate, or neither."""
    gate = policy.gate(facts)
    if gate.blocked_by is not None:
        return Action.BLOCK
    noting = {rule.name for rule in policy.rules if rule.action is Action.AUDIT}
    return Action.AUDIT if noting.intersection(gate.rules) or gate.would_block else Action.ALLOW


def _decided(
    policy: Policy, facts: Facts, entity: str, role: Role, score: float, of: model.Direction
) -> Action:
    segment = Segment("", role, "", BODY, 0, 0, "json_string")
    finding = Finding(0, 0, 0, entity, score, "")
    judge = policy.judge if of is model.Direction.REQUEST else policy.judge_answer
    return judge(facts, Document((segment,)), (finding,)).decisions[0].action


def _ranges(scores: Sequence[float], thresholds: Sequence[float]) -> str:
    """Scores from each threshold up to the next, run together: ``0.50 to 0.80``."""
    told: list[str] = []
    start: float | None = None
    for position, threshold in enumerate(thresholds):
        if threshold in scores and start is None:
            start = threshold
        end = thresholds[position + 1] if position + 1 < len(thresholds) else None
        if start is not None and (end is None or end not in scores):
            told.append(f"from {start:.2f}" if end is None else f"{start:.2f} to {end:.2f}")
            start = None
    return ", ".join(told)


def _settings(old: Policy, new: Policy) -> Iterator[SettingChange]:
    if old.mode != new.mode:
        laxer = new.mode == "audit"
        yield SettingChange("mode", old.mode, new.mode, Direction.LAXER if laxer else Direction.STRICTER)
    for name in ("on_error", "uninspectable"):
        before, after = getattr(old, name), getattr(new, name)
        if before is not after:
            direction = _direction(_STRICTNESS[before], _STRICTNESS[after])
            yield SettingChange(name, before.value, after.value, direction)
    yield from _accounts(old.allowed_accounts, new.allowed_accounts)
    if old.scope != new.scope and old.styles and new.styles:
        direction = _direction(_FOR_FEWER[old.scope], _FOR_FEWER[new.scope])
        yield SettingChange("pseudonymise.scope", old.scope, new.scope, direction)
    if old.note != new.note:
        before, after = (str(policy.note).lower() for policy in (old, new))
        yield SettingChange("pseudonymise.note", before, after, Direction.SAME)
    yield from _of_people(old, new)
    edits = {rule.name: rule.uneditable for rule in old.rules if rule.edits}
    for rule in new.rules:
        before, after = edits.get(rule.name, rule.uneditable), rule.uneditable
        if rule.edits and before is not after:
            direction = _direction(_STRICTNESS[before], _STRICTNESS[after])
            yield SettingChange(f"uneditable of {rule.name!r}", before.value, after.value, direction)
    styles = {rule.name: rule.style for rule in old.rules if rule.pseudonymises}
    for rule in new.rules:
        style = styles.get(rule.name, rule.style)
        if rule.pseudonymises and style is not rule.style:
            yield SettingChange(f"style of {rule.name!r}", style.value, rule.style.value, Direction.SAME)


def _accounts(old: Mapping[str, Allowed], new: Mapping[str, Allowed]) -> Iterator[SettingChange]:
    """Whose accounts may be used: per provider, and more of them is laxer."""
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        setting = f"{accounts.SETTING} of {name}"
        if before is None or after is None:
            stricter = [_STRICTNESS[one.unlisted if one else Action.ALLOW] for one in (before, after)]
            told = [", ".join(one.listed) or "none listed" if one else "anyone's" for one in (before, after)]
            yield SettingChange(setting, told[0], told[1], _direction(*stricter))
            continue
        blocks = before.unlisted is after.unlisted is Action.BLOCK
        added, removed = {*after.listed} - {*before.listed}, {*before.listed} - {*after.listed}
        if added:
            direction = Direction.LAXER if blocks else Direction.SAME
            yield SettingChange(setting, "without", ", ".join(sorted(added)), direction)
        if removed:
            # Of a kind of which none is listed any more, others are not looked at either.
            direction = Direction.LAXER if before.kinds - after.kinds else Direction.STRICTER
            direction = direction if blocks else Direction.SAME
            yield SettingChange(setting, ", ".join(sorted(removed)), "without", direction)
        for key, strict in (("unlisted", "block"), ("unknown", "unlisted")):
            was, becomes = str(getattr(before, key)), str(getattr(after, key))
            if was != becomes:
                direction = _direction(was == strict, becomes == strict)
                yield SettingChange(f"{setting}: {key}", was, becomes, direction)


def _of_people(old: Policy, new: Policy) -> Iterator[SettingChange]:
    """What people may do about a rule of both: give reasons, and have values excepted."""
    rules = {rule.name: rule for rule in old.rules}
    for rule in new.rules:
        was = rules.get(rule.name, rule)
        if was.exceptions != rule.exceptions:
            before, after = (str(one.exceptions).lower() for one in (was, rule))
            direction = _direction(was.exceptions < rule.exceptions, was.exceptions > rule.exceptions)
            yield SettingChange(f"exceptions of {rule.name!r}", before, after, direction)
        if was.coach != rule.coach and was.action is rule.action is Action.BLOCK:
            before, after = map(_coached, (was, rule))
            direction = Direction.LAXER if _reach(rule) > _reach(was) else Direction.STRICTER
            yield SettingChange(f"coach of {rule.name!r}", before, after, direction)


def _reach(rule: Rule) -> tuple[int, int]:
    """How much of what a blocking rule finds may leave for a reason, and for how long (seconds)."""
    return (
        (-_STRICTNESS[rule.coach.then], rule.coach.seconds) if rule.coach else (-_STRICTNESS[Action.BLOCK], 0)
    )


def _coached(rule: Rule) -> str:
    return f"{rule.coach.then} for {rule.coach.seconds} s" if rule.coach else "none"


def _direction(before: int, after: int) -> Direction:
    if before == after:
        return Direction.SAME
    return Direction.LAXER if after < before else Direction.STRICTER


def _detectors(old: Policy, new: Policy) -> tuple[str, ...]:
    """Entities whose own detectors of the old policy are not all in the new one."""
    before, after = old.detectors, new.detectors
    gone = {entity for entity, _ in _found_by(before) - _found_by(after)}
    models = {(before.language, before.ner_model), *before.ner_models}
    if models - {(after.language, after.ner_model), *after.ner_models}:
        gone |= dlp_entities.named(old.entities)
    return tuple(sorted(gone & old.entities & new.entities))


def _found_by(config: DetectorConfig) -> set[tuple[str, object]]:
    """Each entity with each thing of the policy's own that finds it; known values one by one."""
    found: set[tuple[str, object]] = {(pattern.entity, pattern) for pattern in config.patterns}
    found |= {(words.entity, words) for words in config.words}
    found |= {(recognizer.entity, recognizer) for recognizer in config.recognizers}
    for each in config.recognizer_classes:
        found |= {(entity, (each.path, each.min_score)) for entity in each.entities}
    for known in config.known:
        # Without a value read: a command that was not run.
        found |= {(known.entity, value) for value in known.values.entries or {known.source}}
    return found
