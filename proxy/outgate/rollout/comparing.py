"""How the verdict of a policy that is only asked differs from that of the policy in force: kinds, and by which rule.

Verdicts in, plain data out, without a value: names of rules, providers and entities, all of them from fixed sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from outgate.model import Action, Direction, Outcome, Verdict

_STOPS = (Outcome.BLOCK, Outcome.REFUSE)
# Of several findings at one place, what becomes of the place: the first of these.
_STRONGEST = (
    *(Action.BLOCK, Action.REDACT, Action.MASK, Action.HASH, Action.PSEUDONYMISE),
    *(Action.AUDIT, Action.ALLOW),
)


class Kind(StrEnum):
    """What the other policy would have done with an exchange."""

    SAME = "same"
    WOULD_BLOCK = "would_block"  # what left
    WOULD_ALLOW = "would_allow"  # what was stopped
    OTHER_ACTION = "other_action"  # it leaves in either case, but something in it is treated in another way


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which two verdicts differ; the exchange has each at most once."""

    kind: Kind
    rule: str  # of the policy in force: what decided; "": none did
    shadow_rule: str  # of the other
    provider: str  # id; "": not in the catalogue
    entity: str = ""  # "": it is about the exchange as a whole
    action: str = ""  # what was done with the entity, where that is the difference
    shadow_action: str = ""


def differences(ours: Verdict, theirs: Verdict) -> tuple[Difference, ...]:
    """Everything in which ``theirs`` differs; empty: nothing. Linear in their findings."""
    provider = ours.endpoint.provider.id if ours.endpoint else ""
    stopped, would_stop = ours.outcome in _STOPS, theirs.outcome in _STOPS
    if stopped and would_stop:
        return ()
    if stopped or would_stop:
        kind = Kind.WOULD_BLOCK if would_stop else Kind.WOULD_ALLOW
        deciding = theirs if would_stop else ours
        entities = {record.entity for record in deciding.records if record.rule == deciding.rule}
        if deciding.outcome is Outcome.REFUSE or not deciding.rule:
            entities = set()
        rules = (_decided(ours) if stopped else "", _decided(theirs) if would_stop else "")
        return tuple(Difference(kind, *rules, provider, entity) for entity in sorted(entities) or [""])
    return tuple(dict.fromkeys(_otherwise_treated(ours, theirs, provider)))


def _decided(verdict: Verdict) -> str:
    """What stopped an exchange: a rule, or that it could not be inspected."""
    return verdict.rule or "on_error"


def _otherwise_treated(ours: Verdict, theirs: Verdict, provider: str) -> Iterator[Difference]:
    before, after = _by_place(ours), _by_place(theirs)
    for place in sorted(before.keys() | after.keys()):
        action, rule = before.get(place, (Action.ALLOW, ""))
        shadow_action, shadow_rule = after.get(place, (Action.ALLOW, ""))
        if action is not shadow_action:
            yield Difference(
                Kind.OTHER_ACTION, rule, shadow_rule, provider, place[0], str(action), str(shadow_action)
            )


def _by_place(verdict: Verdict) -> dict[tuple[str, str, str], tuple[Action, str]]:
    """Entity, place and fingerprint -> what becomes of it, and by which rule."""
    found: dict[tuple[str, str, str], tuple[Action, str]] = {}
    for record in verdict.records:
        if record.direction is Direction.RESPONSE:
            continue
        place = record.entity, record.place, record.fingerprint
        known = found.get(place)
        if known is None or _STRONGEST.index(record.action) < _STRONGEST.index(known[0]):
            found[place] = record.action, record.rule or ""
    return found
