"""``when`` and ``unless`` as functions of the facts of an exchange.

Owns what each key looks at and how it compares. Compiled once at load; ``holds`` is called for
every exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outgate.model import Facts
from outgate.policy import values
from outgate.policy.schema_conditions import ConditionSpec

Test = Callable[[Facts], bool]
_Get = Callable[[Facts], str | None]

# How explanations call a fact that there is none of.
NOT_KNOWN = "not known"

# Keys that compare with one text, and where it comes from. All take globs: what has no star or
# question mark in it is compared as it is, by a set look-up.
_TEXTS: Mapping[str, _Get] = {
    "provider.id": lambda facts: facts.provider.id,
    "provider.name": lambda facts: facts.provider.name,
    "provider.jurisdiction": lambda facts: facts.provider.jurisdiction,
    "provider.category": lambda facts: facts.provider.category,
    "provider.operator": lambda facts: facts.provider.operator,
    "region": lambda facts: facts.region,
    "model": lambda facts: facts.model,
    "model.origin": lambda facts: facts.model_origin,
    "host": lambda facts: facts.host,
    "path": lambda facts: facts.path,
    "method": lambda facts: facts.method,
    "identity.user": lambda facts: facts.identity.user,
    "identity.device": lambda facts: facts.identity.device,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of ``when`` or ``unless``."""

    key: str
    wanted: tuple[str, ...]  # as the policy spells it, for explanations
    holds: Test
    unknown: bool = False  # also holds when the fact is not known

    def actual(self, facts: Facts) -> str:
        """The fact that it looks at, for explanations."""
        if self.key in _TEXTS:
            value = _TEXTS[self.key](facts)
            return NOT_KNOWN if value is None else value
        if self.key == "account":
            return ", ".join(map(str, facts.accounts)) or NOT_KNOWN
        if self.key == "identity.groups":
            return ", ".join(facts.identity.groups) or NOT_KNOWN
        return str(facts.client) if self.key == "client.network" else facts.time.isoformat(timespec="minutes")

    def __str__(self) -> str:
        return f"{self.key}: {', '.join(self.wanted)}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of a ``when`` or an ``unless``: of the alternatives one must hold, in it every key."""

    alternatives: tuple[tuple[Condition, ...], ...]

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, all_of)) for all_of in self.alternatives)

    def holds(self, facts: Facts) -> bool:
        """Whether some alternative holds as a whole."""
        for alternative in self.alternatives:
            for condition in alternative:
                if not condition.holds(facts):
                    break
            else:
                return True
        return False

    def failing(self, facts: Facts) -> tuple[Condition, ...]:
        """The first key that does not hold of each alternative; empty if one holds."""
        failing = [next((c for c in all_of if not c.holds(facts)), None) for all_of in self.alternatives]
        return () if None in failing else tuple(c for c in failing if c is not None)

    def holding(self, facts: Facts) -> tuple[Condition, ...]:
        """The keys of the first alternative that holds; empty if none does."""
        return next((all_of for all_of in self.alternatives if all(c.holds(facts) for c in all_of)), ())


def compiled(specs: Sequence[ConditionSpec]) -> Conditions | None:
    """The conditions of a ``when`` or ``unless``; None when there are none."""
    if not specs:
        return None
    return Conditions(tuple(tuple(_conditions(spec)) for spec in specs))


def _conditions(spec: ConditionSpec) -> list[Condition]:
    made: list[Condition] = []
    for name, field in ConditionSpec.model_fields.items():
        wanted = getattr(spec, name)
        if name not in spec.model_fields_set:
            continue
        key = field.alias or name
        made.append(Condition(key, tuple(map(_spelled, wanted)), _test(key, wanted), None in wanted))
    # Cheap ones first: a date in a time zone is only reckoned for who it may concern.
    return sorted(made, key=lambda condition: condition.key == "time")


def _test(key: str, wanted: tuple[Any, ...]) -> Test:
    if key == "time":
        windows = tuple(_window(spec) for spec in wanted)
        return lambda facts: any(window.holds(facts.time) for window in windows)
    if key == "client.network":
        return lambda facts: values.within(facts.client, wanted)
    unknown = None in wanted
    matches = values.glob(tuple(text for text in wanted if text is not None))
    if key == "identity.groups":
        return lambda facts: (
            any(matches(group) for group in facts.identity.groups) if facts.identity.groups else unknown
        )
    if key == "account":
        return lambda facts: any(matches(str(one)) for one in facts.accounts) if facts.accounts else unknown
    get = _TEXTS[key]

    def holds(facts: Facts) -> bool:
        value = get(facts)
        return unknown if value is None else matches(value)

    return holds


def _window(spec: Any) -> values.Window:
    days = frozenset().union(*spec.days) if spec.days else frozenset(range(7))
    return values.Window(days, spec.hours or ((0, values.MINUTES),), spec.zone)


def _spelled(value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    if hasattr(value, "days") and hasattr(value, "zone"):
        days = ", ".join(values.DAYS[day] for day in sorted(frozenset().union(*value.days)))
        hours = ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in value.hours)
        return " ".join(filter(None, (days, hours, str(value.zone))))
    return str(value)
