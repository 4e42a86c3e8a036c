"""Which entities there are, in which groups, and who finds them; read from policies/detectors.

Cheap on purpose: policies are checked and commands complete names without loading a recognizer,
so neither Presidio nor spaCy is imported here, and of each file only the first YAML document is
read (the entities; the rules follow in the second).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from outgate import shipped
from outgate.dlp.config import DetectorConfig

# libyaml where it is built in: ten times faster, the same result.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Not a kind of data but of writing: more encodings in each other, or more of them, than are undone.
DEEPLY_ENCODED = "DEEPLY_ENCODED"

By = Literal["presidio", "ner", "rules"]

# Countries whose numbers a group has when nobody says which: where most people who write to these services in
# English, German, French, Spanish, Italian, Dutch, Polish or Hindi live. Each country more costs time, and some false
# findings: a tax number of one is an order number in another.
DEFAULT_LOCALES = frozenset({"us", "uk", "ca", "au", "in", "de", "fr", "es", "it", "nl", "pl"})
# Names of several: the European Economic Area (those of its members that have a number here).
LOCALE_SETS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "eea": frozenset(
            """at be bg cy cz de dk ee es fi fr gr hr hu ie is it lt lu lv mt nl no pl pt ro se si sk""".split()
        ),
        "default": DEFAULT_LOCALES,
    }
)


class UnknownEntityError(ValueError):
    """A name that is neither a group nor an entity; ``hint`` is the nearest that is, or ``""``."""

    def __init__(self, name: str, hint: str) -> None:
        suggestion = f"; did you mean {hint}?" if hint else ""
        super().__init__(f"no detector provides {name!r}{suggestion}")
        self.name = name
        self.hint = hint


class UnknownLocaleError(ValueError):
    """A name that is neither a country with numbers of its own nor a set of them; ``hint`` is the nearest."""

    def __init__(self, name: str, hint: str) -> None:
        suggestion = f"; did you mean {hint}?" if hint else ""
        super().__init__(f"no detector is for the locale {name!r}{suggestion}")
        self.name = name
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of sensitive data, and who finds it."""

    name: str
    title: str  # for people: "payment card number"
    by: By
    recognizers: tuple[str, ...] = ()  # classes of presidio_analyzer.predefined_recognizers
    country: str | None = None  # Presidio's country code; None: found anywhere
    groups: frozenset[str] = frozenset()
    min_score: float = 0.0  # findings below it are noise
    needs_context: bool = False  # its pattern or checksum alone fits too many harmless numbers
    context: tuple[str, ...] = ()  # whole words, in place of those of the recognizer


def detector_file(name: str) -> Path:
    """The path of a shipped file of rules: ``secrets`` or ``pii``."""
    return shipped.policies() / "detectors" / f"{name}.yaml"


@cache
def catalogue() -> Mapping[str, Entity]:
    """Every entity that Outgate itself can find, by name."""
    found: dict[str, Entity] = {}
    for name in ("secrets", "pii"):
        with detector_file(name).open("rb") as stream:
            header = next(yaml.load_all(stream, Loader=_LOADER))
        for entity, facts in header["entities"].items():
            found[entity] = _entity(entity, facts, header["group"])
    return MappingProxyType(found)


def _entity(name: str, facts: str | Mapping[str, Any], group: str) -> Entity:
    if isinstance(facts, str):
        return Entity(name, facts, by="rules", groups=frozenset({group}))
    recognizer = facts.get("recognizer")
    by: By = "ner" if facts.get("ner") else "presidio" if recognizer else "rules"
    country = facts.get("country")
    groups = set(facts.get("groups", ()))
    if country:
        groups.add(f"{group}_{country}")
    return Entity(
        name,
        facts["title"],
        by=by,
        recognizers=(recognizer,) if recognizer else (),
        country=country,
        groups=frozenset(groups),
        min_score=facts.get("min_score", 0.4 if by == "presidio" else 0.0),
        needs_context=facts.get("needs_context", False),
        context=tuple(facts.get("context", ())),
    )


@cache
def groups(locales: frozenset[str] | None = None) -> Mapping[str, frozenset[str]]:
    """The names that stand for several entities: ``secrets``, ``pii``, ``names``, ``pii_de``, ...

    With ``locales``, without the entities of other countries; ``pii_de`` names its country, and keeps them.
    """
    members: dict[str, set[str]] = {}
    for entity in catalogue().values():
        for group in entity.groups:
            there = members.setdefault(group, set())
            if locales is None or entity.country in (None, *locales) or group.endswith(f"_{entity.country}"):
                there.add(entity.name)
    return MappingProxyType({group: frozenset(members[group]) for group in sorted(members)})


@cache
def known_locales() -> frozenset[str]:
    """Every country that has an entity of its own, by its lower-case ISO code (the United Kingdom is ``uk``)."""
    return frozenset(entity.country for entity in catalogue().values() if entity.country)


def locales(names: Iterable[str]) -> frozenset[str]:
    """The countries that ``names`` stand for: codes, ``eea``, ``default``, ``all``. Raises UnknownLocaleError."""
    found: set[str] = set()
    for name in names:
        code = {"gb": "uk"}.get(name.casefold(), name.casefold())
        if code == "all":
            found |= known_locales()
        elif code in LOCALE_SETS:
            found |= LOCALE_SETS[code]
        elif code in known_locales():
            found.add(code)
        else:
            raise UnknownLocaleError(name, _nearest(code, known_locales() | LOCALE_SETS.keys() | {"all"}))
    return frozenset(found)


def known(config: DetectorConfig | None = None) -> frozenset[str]:
    """Every entity there is: Outgate's own, and those that ``config`` brings detectors for."""
    return frozenset(catalogue()) | (brought(config) if config else frozenset())


def brought(config: DetectorConfig) -> frozenset[str]:
    """The entities that ``config`` itself has patterns, words, values or recognizers for."""
    return frozenset(
        [
            *(pattern.entity for pattern in config.patterns),
            *(words.entity for words in config.words),
            *(known.entity for known in config.known),
            *(recognizer.entity for recognizer in config.recognizers),
            *(entity for each in config.recognizer_classes for entity in each.entities),
        ]
    )


def expand(
    names: Iterable[str], config: DetectorConfig | None = None, locales: frozenset[str] | None = None
) -> frozenset[str]:
    """The entities that group names and entity names stand for; raises UnknownEntityError.

    ``locales``: the countries that a group is of; None: all of them.
    """
    entities = known(config)
    wanted: set[str] = set()
    for name in names:
        if name in groups():
            wanted |= groups(locales)[name]
        elif name in entities:
            wanted.add(name)
        else:
            raise UnknownEntityError(name, _nearest(name, entities | groups().keys()))
    return frozenset(wanted)


def _nearest(name: str, candidates: Iterable[str]) -> str:
    folded = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def recognizers(entities: Iterable[str]) -> frozenset[str]:
    """Presidio's pattern recognizer classes that ``entities`` need; none for NER or own rules."""
    facts = catalogue()
    return frozenset(
        recognizer for name in entities if name in facts for recognizer in facts[name].recognizers
    )


def named(entities: Iterable[str]) -> frozenset[str]:
    """Those of ``entities`` that only a named-entity model finds."""
    facts = catalogue()
    return frozenset(name for name in entities if name in facts and facts[name].by == "ner")


def missing(config: DetectorConfig) -> Mapping[str, str]:
    """Each wanted entity that nothing installed can find, with what to do about it."""
    problems: dict[str, str] = {}
    for name in sorted(config.entities - known(config)):
        problems[name] = str(UnknownEntityError(name, _nearest(name, known(config))))
    models = [config.ner_model, *(model for _, model in config.ner_models)] if config.ner_model else [None]
    reason = next(filter(None, map(_model_problem, models)), None)
    if reason:
        for name in sorted(named(config.entities) - brought(config)):
            problems[name] = reason
    return problems


def _model_problem(model: str | None) -> str | None:
    if model is None:
        return "it needs a named-entity model, and the settings name none"
    if model.endswith((".yaml", ".yml")):
        return None if Path(model).is_file() else f"there is no configuration of an NLP engine at {model!r}"
    # A dotted name would be imported to be looked up; a spaCy package has none.
    if "." in model or find_spec(model) is None:
        return f"it needs the named-entity model {model!r}, which is not installed (extra: outgate[ner])"
    return None
