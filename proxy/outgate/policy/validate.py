"""A YAML tree against a schema: the values, or every problem with its line and column.

Owns how pydantic's findings are said to a person. Serves policies and their test cases alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from outgate.policy.error import Problem, near_miss
from outgate.policy.source import Node

_QUOTED = re.compile(r"'([^']+)'")
_EXPECTED = {
    "string_type": "a text is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "model_type": "a mapping is expected, `key: value`",
    "model_attributes_type": "a mapping is expected, `key: value`",
    "dict_type": "a mapping is expected, `key: value`",
    "tuple_type": "a list is expected, `- item`",
    "list_type": "a list is expected, `- item`",
}


def validate[M: BaseModel](
    model: type[M], node: Node, file: Path, context: object = None
) -> tuple[M | None, list[Problem]]:
    """The validated model, or None and what is wrong with it, in the order of the file."""
    try:
        return model.model_validate(node.plain(), context=context), []
    except ValidationError as error:
        problems = [_problem(model, found, node, file) for found in error.errors(include_url=False)]
        return None, sorted(problems, key=lambda problem: problem.mark)


def _problem(model: type[BaseModel], found: Any, node: Node, file: Path) -> Problem:
    kind, path, value = found["type"], found["loc"], found["input"]
    mark = node.at(path)
    if kind == "extra_forbidden":
        known = _keys(model, path[:-1])
        hint = near_miss(str(path[-1]), known) or f"known here: {', '.join(known)}"
        return Problem(file, node.at(path, key=True), f"unknown key `{path[-1]}`", hint)
    if kind == "missing":
        return Problem(file, mark, f"`{path[-1]}` is missing")
    if kind in ("literal_error", "enum"):
        expected = _QUOTED.findall(found["ctx"]["expected"]) or [found["ctx"]["expected"]]
        hint = near_miss(value, expected) if isinstance(value, str) else ""
        return Problem(file, mark, f"{_shown(value)} is not one of: {', '.join(expected)}", hint)
    if kind == "value_error":
        reasons = found["ctx"]["error"].args
        return Problem(file, mark, str(reasons[0]), reasons[1] if len(reasons) > 1 else "")
    if kind == "string_pattern_mismatch":
        return Problem(file, mark, f"{_shown(value)} does not look like {found['ctx']['pattern']}")
    if kind in _EXPECTED:
        hint = "put it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
        return Problem(file, mark, f"{_EXPECTED[kind]}, not {_shown(value)}", hint)
    return Problem(file, mark, f"{_shown(value)}: {found['msg'][:1].lower()}{found['msg'][1:]}")


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that are known at ``path``."""
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for name, f in model.model_fields.items() if (f.alias or name) == part), None)
        inner = next(_models(field.annotation), None) if field else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
