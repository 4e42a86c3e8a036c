"""What a catalogue file may hold: the shape of its YAML, checked.

Owns the keys and their types. What they mean together (who has which host) is for ``providers`` to
say.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from outgate.catalogue import paths
from outgate.catalogue.countries import country
from outgate.catalogue.source import Problem, Source, did_you_mean
from outgate.model_accounts import Place, Proof

Category = Literal["api", "chat", "assistant", "cloud", "aggregator", "self-hosted"]
Format = Literal[
    "openai_chat",
    "openai_responses",
    "openai_completions",
    "openai_embeddings",
    "openai_audio",
    "openai_images",
    "openai_files",
    "anthropic_messages",
    "anthropic_batches",
    "gemini",
    "gemini_interactions",
    "bedrock_converse",
    "bedrock_invoke",
    "openai_realtime",
    "gemini_live",
    "cohere_chat",
    "cohere_v1",
    "mistral_conversations",
    "ollama",
    "generic",
]
PLACES: tuple[Place, ...] = ("header", "query", "path", "host", "aws")
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Country = Annotated[str, AfterValidator(country)]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), AfterValidator(str.lower)]
Paths = dict[Annotated[str, AfterValidator(paths.check)], Format]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HostEntry(_Strict):
    """A host; one that needs no more than its name is written as a text."""

    host: Text
    region: Region | None = None  # where it processes, when the vendor says so
    regions: tuple[Region, ...] = ()  # for {region}: those that are known


def _host(value: Any) -> Any:
    return {"host": value} if isinstance(value, str) else value


def _pattern(expression: str) -> str:
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"{expression!r} is not a regular expression: {error}") from None
    return expression


Pattern = Annotated[Text, AfterValidator(_pattern)]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z-]*$")]


class AccountEntry(_Strict):
    """Where a request tells whose account it uses: one of ``header``, ``query``, ``path``, ``host``, ``aws``."""

    kind: Kind
    header: Header | None = None
    query: Text | None = None
    path: Text | None = None
    host: Literal["whole"] | None = None
    aws: Literal["signature"] | None = None
    prefix: str = ""
    like: Pattern | None = None
    proof: Proof = "credential"

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if sum(bool(getattr(self, place)) for place in PLACES) != 1:
            raise ValueError(f"one place is expected: {', '.join(PLACES)}")
        if self.prefix and not self.header:
            raise ValueError("`prefix` is for an item of a header")
        return self


class RestrictionEntry(_Strict):
    """A header by which the provider turns away other accounts than those in it."""

    header: Header
    kind: Kind
    like: Pattern
    form: Literal["list", "google"] = "list"
    separator: Literal[",", ", "] = ","
    source: Text


class ProviderEntry(_Strict):
    """One provider."""

    name: Text
    operator: Text
    jurisdiction: Country
    category: Category
    hosts: tuple[Annotated[HostEntry, BeforeValidator(_host)], ...] = Field(min_length=1)
    regions: tuple[Region, ...] = ()  # of all its hosts
    credentials: tuple[Header, ...] = ()
    accounts: tuple[AccountEntry, ...] = ()
    restrictions: tuple[RestrictionEntry, ...] = ()
    formats: Paths = Field(default_factory=dict)
    source: Text


class DeveloperEntry(_Strict):
    """One organisation that trains models."""

    origin: Country
    names: tuple[Text, ...] = ()
    vendors: tuple[Text, ...] = ()
    source: Text


class File(_Strict):
    """A whole file."""

    version: Literal["1"] = "1"
    paths: Paths = Field(default_factory=dict)
    providers: dict[Name, ProviderEntry] = Field(default_factory=dict)
    models: dict[Text, DeveloperEntry] = Field(default_factory=dict)
    remove: tuple[Name, ...] = ()


def validate(source: Source) -> tuple[File, list[Problem]]:
    """The file's content, and what is wrong with it in the order of its lines (then it is empty)."""
    try:
        return File.model_validate(source.plain()), []
    except ValidationError as error:
        problems = [_problem(source, found) for found in error.errors(include_url=False)]
        return File(), sorted(problems, key=lambda problem: problem.line)


_EXPECTED = {
    "string_type": "a text is expected",
    "model_type": "a mapping is expected, `key: value`",
    "dict_type": "a mapping is expected, `key: value`",
    "tuple_type": "a list is expected, `[item, item]`",
    "too_short": "at least one is needed",
    "string_too_short": "something is expected here",
}


def _problem(source: Source, found: Any) -> Problem:
    kind, value = found["type"], found["input"]
    place = [part for part in found["loc"] if part != "[key]"]
    of_key = len(place) < len(found["loc"])
    if kind == "extra_forbidden":
        hint = did_you_mean(str(place[-1]), _keys(place[:-1]))
        return source.problem(place, f"unknown key `{place[-1]}`{hint}", key=True)
    if kind == "missing":
        return source.problem(place[:-1], f"`{place[-1]}` is missing", key=True)
    if kind == "literal_error":
        expected = found["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        hint = did_you_mean(str(value), expected.split(", "))
        return source.problem(place, f"{value!r} is not one of: {expected}{hint}")
    if kind == "value_error":
        return source.problem(place, str(found["ctx"]["error"].args[0]), key=of_key)
    if kind == "string_pattern_mismatch":
        return source.problem(place, f"{value!r} does not look like {found['ctx']['pattern']}", key=of_key)
    message = _EXPECTED.get(kind, found["msg"])
    return source.problem(place, f"`{place[-1]}`: {message}" if place else message)


def _keys(place: list[str | int]) -> tuple[str, ...]:
    """The keys that are known at a place of a file."""
    model: type[BaseModel] = File
    if len(place) > 1:
        model = ProviderEntry if place[0] == "providers" else DeveloperEntry
    for key, item in (("hosts", HostEntry), ("accounts", AccountEntry), ("restrictions", RestrictionEntry)):
        if key in place[2:]:
            model = item
    return tuple(model.model_fields)
