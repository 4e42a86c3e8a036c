"""Policy files to a policy in force, or to everything that is wrong with them.

Reads like what happens: find the files, validate each, add up the detectors, compile the rules.
Slow (tens of milliseconds) and blocking: called at start, on a reload, and by commands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from outgate.dlp import entities as dlp_entities
from outgate.dlp import known_values
from outgate.dlp.config import DetectorConfig
from outgate.model import JUSTIFICATION, Action, Direction, Provider, Style
from outgate.policy import accounts, budget, own_detectors
from outgate.policy.condition import compiled
from outgate.policy.decide import RESERVED, Policy
from outgate.policy.error import PolicyError, Problem
from outgate.policy.exceptions import EXCEPTION
from outgate.policy.files import Files
from outgate.policy.message import DEFAULT, DEFAULT_ANSWER, DEFAULT_COACH, DEFAULT_FOUND, Message
from outgate.policy.rule import Coach, Rule
from outgate.policy.schema import PolicySpec, PseudonymiseSpec, RuleSpec
from outgate.policy.schema_detectors import DetectorsSpec
from outgate.policy.schema_types import Known
from outgate.policy.source import Node
from outgate.policy.validate import validate

CUSTOM = "custom"  # the group of entities that a policy has detectors of its own for
SECRETS = "secrets"
_Loaded = tuple[Path, Node, PolicySpec]


def load(
    paths: Sequence[Path],
    *,
    check_model: bool = False,
    run_commands: bool = True,
    providers: Iterable[Provider] = (),
) -> Policy:
    """The policy that ``paths`` and their includes make up, in that order.

    A setting (``mode``, ``on_error``, ...) is that of the first file that states it. With
    ``providers`` (the catalogue's), conditions that fit none of them are errors. An entity that
    needs a model that is not installed is told in ``Policy.missing``, and with ``check_model`` is
    an error, as is a recognizer class that cannot be imported. Without ``run_commands`` the policy's
    own commands are left alone, and what they would print is not known. Raises PolicyError with
    every problem of every file.
    """
    files = Files()
    files.add(paths)
    problems = files.problems
    own = list(_own(files.read))
    config, wrong, further = own_detectors.merged(own, run=run_commands, try_classes=check_model)
    problems += wrong
    groups = _groups(files.read, config)
    providers = tuple(providers)
    known = Known(dlp_entities.known() | groups.keys(), providers)
    loaded: list[_Loaded] = []
    for path, node in files.read:
        spec, wrong = validate(PolicySpec, node, path, known)
        problems += wrong
        if spec is not None:
            loaded.append((path, node, spec))
            problems += accounts.problems(spec, path, node, providers)
    problems += _name_clashes(files.read)
    seen = files.seen | set(further)
    if problems:
        raise PolicyError(_in_order(problems, files), seen)
    groups = _groups(files.read, config, own_detectors.locales(own, files.read[0][0]))
    pseudonymise = _stated(loaded, "pseudonymise", PseudonymiseSpec())
    rules = tuple(
        _compiled(rule, path, node, position, groups, pseudonymise.style)
        for path, node, spec in loaded
        for position, rule in enumerate(spec.rules)
    )
    spending = tuple(
        budget.compiled(spec, path, node.at(["budgets", position]))
        for path, node, policy in loaded
        for position, spec in enumerate(policy.budgets)
    )
    wanted = frozenset().union(*(rule.entities or () for rule in rules))
    config = replace(config, entities=wanted)
    missing = dlp_entities.missing(config)
    if check_model and missing:
        raise PolicyError(_missing(loaded, missing, groups), seen)
    return Policy(
        name=paths[0].stem,
        hash=_hash(files.read, config),
        files=(*(path for path, _ in files.read), *further),
        mode=_stated(loaded, "mode", "enforce"),
        on_error=Action(_stated(loaded, "on_error", "block")),
        uninspectable=Action(_stated(loaded, "uninspectable", "audit")),
        scope=pseudonymise.scope,
        note=pseudonymise.note,
        help_url=_stated(loaded, "help_url", ""),
        detectors=config,
        rules=rules,
        missing=missing,
        allowed_accounts=accounts.compiled(spec for _, _, spec in loaded),
        budgets=spending,
    )


def _own(read: Sequence[tuple[Path, Node]]) -> Iterator[tuple[Path, Node, DetectorsSpec]]:
    """Each file's ``detectors``, also of files that have something wrong elsewhere."""
    for path, node in read:
        inner = node.value.get("detectors") if isinstance(node.value, dict) else None
        if inner is not None:
            spec, _ = validate(DetectorsSpec, inner, path)
            if spec is not None:
                yield path, inner, spec


def _groups(
    read: Sequence[tuple[Path, Node]], config: DetectorConfig, locales: frozenset[str] | None = None
) -> Mapping[str, frozenset[str]]:
    """All groups of entities, with the policy's own; read before validation, which asks for them.

    Known values are secrets of the policy's own, whatever they are called.
    """
    own: set[str] = set(dlp_entities.brought(config))
    for _, node in read:
        plain = node.plain()
        detectors = plain.get("detectors") if isinstance(plain, dict) else None
        for kind in ("patterns", "words", "known_values"):
            entries = detectors.get(kind) if isinstance(detectors, dict) else None
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and isinstance(entry.get("entity"), str):
                    own.add(entry["entity"])
                elif kind == "known_values":
                    own.add(known_values.ENTITY)
    one_each = {entity: frozenset({entity}) for entity in own}
    shipped = dlp_entities.groups(locales)
    secrets = shipped[SECRETS] | {known.entity for known in config.known}
    return {**shipped, SECRETS: secrets, **one_each, **({CUSTOM: frozenset(own)} if own else {})}


def _name_clashes(read: Sequence[tuple[Path, Node]]) -> list[Problem]:
    """A name says which rule or budget decided, in answers and in the audit log: it must say it of one."""
    first: dict[str, str] = {}
    problems: list[Problem] = []
    for path, node in read:
        lists = [node.value.get(key) for key in ("rules", "budgets")] if isinstance(node.value, dict) else []
        named = (
            one for several in lists if several and isinstance(several.value, list) for one in several.value
        )
        for rule in named:
            name = rule.value.get("name") if isinstance(rule.value, dict) else None
            if name is None or not isinstance(name.value, str):
                continue
            if name.value in RESERVED or name.value.startswith((EXCEPTION, JUSTIFICATION)):
                problems.append(Problem(path, name.mark, f"{name.value!r} is a setting's name, not a rule's"))
            elif name.value in first:
                before = first[name.value]
                problems.append(
                    Problem(path, name.mark, f"a second rule is called {name.value!r}", f"first at {before}")
                )
            else:
                first[name.value] = f"{path}:{name.mark.line}"
    return problems


def _in_order(problems: Sequence[Problem], files: Files) -> list[Problem]:
    order = {path: position for position, (path, _) in enumerate(files.read)}
    return sorted(problems, key=lambda problem: (order.get(problem.file, -1), problem.mark))


def _stated(loaded: Sequence[_Loaded], setting: str, default: object) -> Any:
    return next(
        (getattr(spec, setting) for _, _, spec in loaded if setting in spec.model_fields_set), default
    )


def _compiled(
    rule: RuleSpec,
    path: Path,
    node: Node,
    position: int,
    groups: Mapping[str, frozenset[str]],
    style: Style,
) -> Rule:
    entities = frozenset().union(*(groups.get(name, {name}) for name in rule.detect)) if rule.detect else None
    return Rule(
        name=rule.name,
        action=rule.action,
        style=rule.style or style,
        uneditable=Action(rule.uneditable or "block"),
        when=compiled(rule.when),
        unless=compiled(rule.unless),
        entities=entities,
        min_score=rule.min_score,
        roles=frozenset(rule.roles) or None,
        message=Message.parse(rule.message)
        if rule.message
        else DEFAULT
        if entities is None
        else DEFAULT_COACH
        if rule.coach
        else DEFAULT_FOUND
        if rule.direction is Direction.REQUEST
        else DEFAULT_ANSWER,
        note=rule.note,
        file=path,
        mark=node.at(["rules", position]),
        direction=rule.direction,
        coach=Coach(rule.coach.then, rule.coach.for_) if rule.coach else None,
        exceptions=rule.exceptions,
    )


def _missing(
    loaded: Sequence[_Loaded], missing: Mapping[str, str], groups: Mapping[str, frozenset[str]]
) -> list[Problem]:
    """Each place in the policy that asks for what nothing installed can find."""
    problems = []
    for path, node, spec in loaded:
        for position, rule in enumerate(spec.rules):
            for index, name in enumerate(rule.detect):
                lacking = sorted(groups.get(name, frozenset({name})) & missing.keys())
                if lacking:
                    mark = node.at(["rules", position, "detect", index])
                    problems.append(Problem(path, mark, f"{', '.join(lacking)}: {missing[lacking[0]]}"))
    return problems


def _hash(read: Sequence[tuple[Path, Node]], config: DetectorConfig) -> str:
    """Over what the files say, not how they are written: comments, layout and paths do not count.

    Nor do known values: the hash is told to many, and whoever guesses one could try it.
    """
    content = [node.plain() for _, node in read]
    told = replace(config, known=()).to_json()
    canonical = json.dumps([content, told], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
