"""Which kind of data an entity is, and what laws call it; read from policies/reports.

Owns the reading of those tables, and which countries a region's name stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml
from phonenumbers.geodata.locale import LOCALE_DATA

from outgate import shipped
from outgate.catalogue.countries import country
from outgate.dlp import entities
from outgate.reports.error import ReportError

COMPANY = "company"  # what no detector of Outgate's own finds


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data, as people are told of it."""

    id: str
    title: str
    personal: bool
    special: str  # article of the GDPR that makes it a special category; "": none
    entities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ccpa:
    """A category of 1798.140(v)(1)."""

    category: str
    section: str
    entities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Region:
    """What counts as home."""

    name: str
    countries: frozenset[str]
    adequate: frozenset[str]  # elsewhere, and decided to be as safe
    conditions: Mapping[str, str]  # ... where that holds for some recipients only


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by id, in the order in which an entity's is looked for."""
    found: dict[str, Kind] = {}
    taken: set[str] = set()
    for name, facts in _table("categories")["categories"].items():
        members = entities.expand(facts["entities"]) - taken
        taken |= members
        found[name] = Kind(name, facts["title"], facts["personal"], facts.get("special", ""), members)
    return MappingProxyType(found)


@cache
def kind_of(entity: str) -> str:
    """The id of an entity's kind."""
    return next((kind.id for kind in kinds().values() if entity in kind.entities), COMPANY)


@cache
def ccpa() -> tuple[Ccpa, ...]:
    """The categories that a finding can be in."""
    return tuple(
        Ccpa(
            row["category"],
            row["section"],
            entities.expand(row["entities"]) - entities.expand(row.get("except", ())),
        )
        for row in _table("categories")["ccpa"]
    )


def title_of(entity: str) -> str:
    """What a person calls it."""
    known = entities.catalogue().get(entity)
    return known.title if known else entity.replace("_", " ").lower()


def region(names: Iterable[str]) -> Region:
    """What names of regions and codes of countries stand for together. Raises ReportError."""
    table = _table("regions")
    countries: set[str] = set()
    adequate: set[str] = set()
    asked = list(names)
    for name in asked:
        known = table["regions"].get(name.upper())
        if known is not None:
            countries |= set(known)
        else:
            try:
                countries.add(country(name))
            except ValueError:
                choice = ", ".join(table["regions"])
                raise ReportError(
                    f"region: {name!r} is neither one of {choice} nor an ISO country code"
                ) from None
        if name.upper() in table["adequate"]["for"]:
            adequate |= set(table["adequate"]["countries"])
    conditions = table["adequate"]["condition"]
    return Region(
        ", ".join(name.upper() for name in asked),
        frozenset(countries),
        frozenset(adequate - countries),
        MappingProxyType({code: conditions[code] for code in sorted(adequate & conditions.keys())}),
    )


def country_name(code: str | None) -> str:
    """In English; the code where there is none."""
    if code is None:
        return "not known"
    names = LOCALE_DATA.get(code, {})
    name = names.get("en", code)
    return str(names.get(name[1:], code) if name.startswith("*") else name)  # "*aa": as in the language aa


@cache
def _table(name: str) -> dict[str, Any]:
    with (shipped.policies() / "reports" / f"{name}.yaml").open("rb") as stream:
        table: dict[str, Any] = yaml.safe_load(stream)
    return table
