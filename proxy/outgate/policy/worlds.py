"""The worlds in which two policies are compared: who asks whom for what, from where and when.

Every provider and model origin that a rule tells apart, crossed with every set of circumstances (a
group, a network, a model, hours, ...) under which some rule applies or is set aside. Not made are
circumstances of two unrelated rules at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import chain, product
from typing import Any

from outgate.model import Facts, Identity, Provider
from outgate.model_accounts import Account
from outgate.policy.condition import NOT_KNOWN, Condition
from outgate.policy.rule import Rule

OTHER_ORIGIN = "any other"
_CROSSED = frozenset({"provider.id", "provider.name", "provider.operator", "provider.category"}) | {
    "provider.jurisdiction",
    "model.origin",
}
_NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """Facts, and what to call them."""

    provider: str
    origin: str
    circumstances: str  # "" for none in particular
    facts: Facts


@dataclass(frozen=True, slots=True)
class Where:
    """Some worlds: all combinations of these. Empty stands for every one there is."""

    providers: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    circumstances: tuple[str, ...] = ()


def worlds(rules: Sequence[Rule], providers: Sequence[Provider]) -> Iterator[World]:
    """All worlds that the rules can tell apart."""
    conditions = [c for rule in rules for c in _of(rule)]
    origins = {
        None,
        *(text for c in conditions if c.key == "model.origin" for text in c.wanted if text != NOT_KNOWN),
    }
    circumstances: dict[str, Mapping[str, Any]] = {"": {}}
    for rule in rules:
        circumstances |= _circumstances(rule)
    for provider, origin, (label, values) in product(
        providers, sorted(origins, key=str), circumstances.items()
    ):
        facts = Facts(
            provider=provider,
            region=None,
            model="some-model",
            model_origin=origin,
            host=f"{provider.id}.invalid",
            path="/v1/chat/completions",
            method="POST",
            identity=Identity(),
            client=ip_address("192.0.2.1"),
            time=_NOON,
        )
        yield World(provider.id, origin or OTHER_ORIGIN, label, replace(facts, **values))


def _of(rule: Rule) -> Iterator[Condition]:
    for conditions in (rule.when, rule.unless):
        if conditions is not None:
            yield from chain.from_iterable(conditions.alternatives)


def _circumstances(rule: Rule) -> dict[str, Mapping[str, Any]]:
    """Label -> facts, for each way in which a rule's ``when`` holds, its ``unless`` holds, and both do."""
    whens = rule.when.alternatives if rule.when else ((),)
    unlesses = ((), *(rule.unless.alternatives if rule.unless else ()))
    found: dict[str, Mapping[str, Any]] = {}
    for when, unless in product(whens, unlesses):
        for chosen in (when, unless, (*when, *unless)):
            for sample in _samples([c for c in chosen if c.key not in _CROSSED]):
                label = ", ".join(f"{key}: {text}" for key, (text, _) in sample.items())
                found[label] = _facts_of(sample)
    return found


def _samples(conditions: Sequence[Condition]) -> Iterator[dict[str, tuple[str, Any]]]:
    """Values under which all conditions hold: each of a condition's values once, the others' first."""
    options = {condition.key: list(_values(condition)) for condition in conditions}
    for key, values in options.items():
        for value in values:
            yield {**{other: found[0] for other, found in options.items() if found}, key: value}


def _values(condition: Condition) -> Iterator[tuple[str, Any]]:
    for text in condition.wanted:
        if condition.key == "client.network":
            network = ip_network(text)
            yield text, network[min(1, network.num_addresses - 1)]
        elif condition.key == "time":
            yield from _times(condition)
            return
        elif text == NOT_KNOWN:
            yield text, None
        else:
            yield text, text.replace("*", "").replace("?", "x") or "x"
    if condition.unknown:
        yield "anything", "anything"


def _times(condition: Condition) -> Iterator[tuple[str, datetime]]:
    """A time of the week at which a condition holds, and one at which it does not."""
    week = [_NOON + timedelta(minutes=30 * step) for step in range(7 * 48)]
    base = Facts(
        Provider("", "", "", "", "api"), None, None, None, "", "", "", Identity(), ip_address("::"), _NOON
    )
    for wanted, label in ((True, str(condition).removeprefix("time: ")), (False, "at other times")):
        time = next((t for t in week if condition.holds(replace(base, time=t)) is wanted), None)
        if time is not None:
            yield label, time


def _facts_of(sample: Mapping[str, tuple[str, Any]]) -> Mapping[str, Any]:
    facts: dict[str, Any] = {}
    who: dict[str, Any] = {}
    for key, (_, value) in sample.items():
        if key == "identity.groups":
            who["groups"] = () if value is None else (value,)
        elif key == "account":
            kind, _, told = (value or "").partition(":")
            facts["accounts"] = () if value is None else (Account(kind, told),)
        elif key.startswith("identity."):
            who[key.removeprefix("identity.")] = value
        else:
            facts["client" if key == "client.network" else key] = value
    return {**facts, **({"identity": Identity(**who)} if who else {})}


def where(some: Sequence[World], every: Sequence[World]) -> tuple[Where, ...]:
    """Worlds as few combinations: those with the same providers are told together."""
    all_ids, all_origins, all_circumstances = (
        {getattr(world, name) for world in every} for name in ("provider", "origin", "circumstances")
    )
    providers: dict[tuple[str, str], set[str]] = {}
    for world in some:
        providers.setdefault((world.origin, world.circumstances), set()).add(world.provider)
    by_providers: dict[frozenset[str], dict[str, set[str]]] = {}
    for (origin, circumstances), ids in providers.items():
        by_providers.setdefault(frozenset(ids), {}).setdefault(circumstances, set()).add(origin)
    found: list[Where] = []
    for who, origins_of in by_providers.items():
        merged: dict[frozenset[str], set[str]] = {}
        for circumstances, origins in origins_of.items():
            merged.setdefault(frozenset(origins), set()).add(circumstances)
        found += [
            Where(_told(who, all_ids), _told(origins, all_origins), _told(labels, all_circumstances))
            for origins, labels in merged.items()
        ]
    return tuple(found)


def _told(some: Set[str], every: Set[str]) -> tuple[str, ...]:
    return () if some == every else tuple(sorted(some))
