"""A YAML file of recognizers in Presidio's own form, as what detection needs of it.

The form is that of Presidio's recognizer registry ("Customizing recognizer registry from file" in its documentation,
and ``CustomRecognizerConfig`` in its code): patterns and lists of words, called custom there. Recognizers that Presidio
brings are not made from here, since their entities are named in rules. Languages do not limit where something is
looked for: a text says nothing of its language, and nothing leaves for being in another; context words of all count.

Owns that form. Nothing in it is code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from outgate.dlp.config import RecognizerData
from outgate.policy import source
from outgate.policy.error import PolicyError, Problem
from outgate.policy.schema_types import EntityName, Score, Text
from outgate.policy.validate import validate

_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL


def _compiles(expression: str) -> str:
    try:
        regex.compile(expression, _FLAGS)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return expression


def _custom(value: Any) -> Any:
    if value == "predefined":
        raise ValueError(
            "Presidio's own recognizers are there already",
            "name their entities in `detect`, and remove this one",
        )
    return value


def _plain_flags(flags: int) -> int:
    if flags & ~int(_FLAGS):
        raise ValueError(f"{flags} has other flags than IGNORECASE (2), MULTILINE (8) and DOTALL (16)")
    return flags


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Pattern(_Spec):
    name: Text
    regex: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_compiles)]
    score: Score


class _Language(_Spec):
    language: Text
    context: tuple[Text, ...] = ()


class _Recognizer(_Spec):
    name: Text
    type: Annotated[Literal["custom"], BeforeValidator(_custom)] = "custom"
    enabled: bool = True
    supported_entity: EntityName | None = None
    supported_entities: Annotated[tuple[EntityName, ...], Field(max_length=1)] = ()
    supported_language: Text = ""
    supported_languages: tuple[Text | _Language, ...] = ()
    patterns: tuple[_Pattern, ...] = ()
    context: tuple[Text, ...] = ()
    deny_list: tuple[Text, ...] = ()
    deny_list_score: Score = 1.0
    version: str = ""
    country_code: str = ""

    @model_validator(mode="after")
    def _says_what_it_finds(self) -> Self:
        if (self.supported_entity is None) is (not self.supported_entities):
            raise ValueError("`supported_entity` is missing, or is there twice")
        if not self.patterns and not self.deny_list:
            raise ValueError("`patterns` or a `deny_list` is missing")
        return self


class _File(_Spec):
    recognizers: tuple[_Recognizer, ...]
    supported_languages: tuple[Text, ...] = ()
    global_regex_flags: Annotated[int, AfterValidator(_plain_flags)] = int(_FLAGS)


def read(file: Path, min_score: float) -> tuple[tuple[RecognizerData, ...], list[Problem]]:
    """The recognizers of ``file`` that are enabled, and what is wrong with it, by line and column."""
    try:
        node, problems = source.read(file)
    except PolicyError as error:
        return (), list(error.problems)
    spec, wrong = validate(_File, node, file)
    if spec is None:
        return (), problems + wrong
    found = tuple(_data(each, spec, min_score) for each in spec.recognizers if each.enabled)
    if not found:
        problems.append(Problem(file, node.mark, "no recognizer is enabled in it"))
    return found, problems


def _data(recognizer: _Recognizer, spec: _File, min_score: float) -> RecognizerData:
    return RecognizerData(
        entity=recognizer.supported_entity or recognizer.supported_entities[0],
        name=recognizer.name,
        patterns=tuple((pattern.regex, pattern.score) for pattern in recognizer.patterns),
        deny_list=recognizer.deny_list,
        deny_list_score=recognizer.deny_list_score,
        context=tuple(dict.fromkeys(_context(recognizer))),
        flags=spec.global_regex_flags,
        min_score=min_score,
    )


def _context(recognizer: _Recognizer) -> Iterator[str]:
    yield from recognizer.context
    for language in recognizer.supported_languages:
        if isinstance(language, _Language):
            yield from language.context
