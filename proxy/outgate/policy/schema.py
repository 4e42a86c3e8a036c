"""The shape of a policy file: which keys there are and what each may hold.

Pydantic models, from which the JSON Schema for editors is generated (``policies/schema.json``).
What needs more than one value to judge (entities, includes, a rule without ``detect``) is
``load``'s business. The descriptions here are what an administrator reads in the editor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import CoreSchema, core_schema

from outgate.catalogue.countries import country
from outgate.dlp import entities as dlp_entities
from outgate.dlp.known_values import ENTITY as KNOWN_SECRET
from outgate.model import Action, Direction, Provider, Role, Scope, Style
from outgate.policy import values
from outgate.policy.error import near_miss
from outgate.policy.message import Message

Fallback = Literal["allow", "audit", "block"]
ANSWERING = (Role.ASSISTANT, Role.TOOL_CALL)  # whose words an answer holds
Category = Literal["api", "chat", "assistant", "cloud", "aggregator", "self-hosted"]


class _OneOrMore:
    """A list with at least one item; a single value stands for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        many = handler(schema) | {"minItems": 1}
        return {"anyOf": [many["items"], many]}


def _listed(value: Any) -> list[Any]:
    # An empty list would make a condition that never holds, or a rule about nothing: a slip.
    if value == []:
        raise ValueError("the list is empty")
    return value if isinstance(value, list) else [value]


def _readable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("a readable text is expected, without line breaks")
    return text


def _parsed(parse: Any, **schema: Any) -> PlainValidator:
    """A value that a function of ``values`` reads; ``schema`` is what an editor checks."""
    return PlainValidator(parse, json_schema_input_type=Annotated[str, Field(**schema)])


@dataclass(frozen=True, slots=True)
class Known:
    """What a policy may name, handed to validation as its context; without it, nothing is looked up."""

    entities: frozenset[str]  # and groups of them
    providers: tuple[Provider, ...] = ()  # none: the catalogue is not at hand


def _known_entity(name: str, info: ValidationInfo) -> str:
    if isinstance(info.context, Known) and name not in info.context.entities:
        if name == KNOWN_SECRET:
            raise ValueError("there are no known secrets", "say in `detectors: known_values:` where they are")
        raise ValueError(f"no detector provides {name!r}", near_miss(name, info.context.entities))
    return name


def _known_to_catalogue(fact: str) -> AfterValidator:
    """A mistyped provider would make a rule that never applies, in silence."""

    def check(pattern: str, info: ValidationInfo) -> str:
        providers = info.context.providers if isinstance(info.context, Known) else ()
        names = {getattr(provider, fact) for provider in providers}
        matches = values.glob((pattern,))
        if names and not any(map(matches, names)):
            raise ValueError(
                f"no provider of the catalogue has the {fact} {pattern!r}", near_miss(pattern, names)
            )
        return pattern

    return AfterValidator(check)


def _known_locale(name: str) -> str:
    try:
        dlp_entities.locales([name])
    except dlp_entities.UnknownLocaleError as error:
        known = ", ".join(sorted(dlp_entities.known_locales()))
        raise ValueError(
            f"no detector is for the locale {name!r}", f"did you mean {error.hint}?" if error.hint else known
        ) from None
    return name


def _template(text: str) -> str:
    Message.parse(text)
    return text


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_readable)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Texts = Annotated[tuple[Text, ...], _OneOrMore()]
TextsOrUnknown = Annotated[tuple[Text | None, ...], _OneOrMore()]
# The pattern is the editor's; `country` says better what is wrong.
Code = Annotated[str, AfterValidator(country), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$"})]
Codes = Annotated[tuple[Code, ...], _OneOrMore()]
CodesOrUnknown = Annotated[tuple[Code | None, ...], _OneOrMore()]
Method = Annotated[str, Field(pattern="^[A-Za-z]+$"), AfterValidator(str.upper)]
Network = Annotated[values.IPNetwork, _parsed(values.network, examples=["10.0.0.0/8", "2001:db8::/32"])]
Days = Annotated[frozenset[int], _parsed(values.days, examples=["mon-fri", "sat"])]
Hours = Annotated[tuple[int, int], _parsed(values.hours, examples=["08:00-18:00", "22:00-06:00"])]
Zone = Annotated[tzinfo, _parsed(values.zone, examples=["UTC", "Europe/Berlin"])]
EntityName = Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]{1,63}$")]
Language = Annotated[str, Field(pattern="^[a-z]{2}$")]
Score = Annotated[float, Field(ge=0, le=1)]


class _Spec(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, protected_namespaces=()
    )


class TimeSpec(_Spec):
    """Some hours of some days; what is left out is every day, or the whole day."""

    days: Annotated[tuple[Days, ...], _OneOrMore()] = Field(
        (), description="mon, tue, ... or a span such as mon-fri"
    )
    hours: Annotated[tuple[Hours, ...], _OneOrMore()] = Field(
        (), description="08:00-18:00, the end exclusive; 22:00-06:00 belongs to the day it begins on"
    )
    zone: Zone = Field(UTC, description="IANA time zone; without it, UTC")


class ConditionSpec(_Spec):
    """Facts about an exchange. All keys must hold; of a list, one value is enough. Case is ignored.

    `null` in a list of values means "not known".
    """

    provider_id: Annotated[tuple[Annotated[Text, _known_to_catalogue("id")], ...], _OneOrMore()] = Field(
        (), alias="provider.id", description="id in the catalogue, such as openai; * and ? are wild"
    )
    provider_name: Annotated[tuple[Annotated[Text, _known_to_catalogue("name")], ...], _OneOrMore()] = Field(
        (), alias="provider.name", description="name in the catalogue; * and ? are wild"
    )
    provider_jurisdiction: Codes = Field(
        (), alias="provider.jurisdiction", description="ISO country where the operator sits"
    )
    provider_category: Annotated[tuple[Category, ...], _OneOrMore()] = Field((), alias="provider.category")
    provider_operator: Annotated[
        tuple[Annotated[Text, _known_to_catalogue("operator")], ...], _OneOrMore()
    ] = Field((), alias="provider.operator", description="the company that operates it; * and ? are wild")
    region: TextsOrUnknown = Field(
        (), description="processing region, when the host name states it; * and ? are wild"
    )
    model: TextsOrUnknown = Field((), description="the model that is asked for; * and ? are wild")
    model_origin: CodesOrUnknown = Field(
        (), alias="model.origin", description="ISO country of the organisation that trained the model"
    )
    host: Texts = Field((), description="host name; * and ? are wild")
    path: Texts = Field((), description="path without the query, normalised; * and ? are wild")
    method: Annotated[tuple[Method, ...], _OneOrMore()] = Field((), description="HTTP method")
    identity_user: TextsOrUnknown = Field((), alias="identity.user", description="who asks; * and ? are wild")
    identity_groups: TextsOrUnknown = Field(
        (), alias="identity.groups", description="a group of who asks; * and ? are wild"
    )
    identity_device: TextsOrUnknown = Field(
        (), alias="identity.device", description="the device that asks; * and ? are wild"
    )
    client_network: Annotated[tuple[Network, ...], _OneOrMore()] = Field(
        (), alias="client.network", description="network that the client's address lies in"
    )
    time: Annotated[tuple[TimeSpec, ...], _OneOrMore()] = Field((), description="when the request is made")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("no condition is given")
        return self


class RuleSpec(_Spec):
    """Without `detect` a rule is about the exchange as a whole; with it, about what is found in it."""

    name: Name = Field(description="unique; stands in answers, metrics and the audit log")
    direction: Direction = Field(
        Direction.REQUEST, description="what the rule is about: requests, or (response) what models answer"
    )
    when: Annotated[tuple[ConditionSpec, ...], _OneOrMore()] = Field(
        (), description="the rule applies if this holds; of a list, one is enough"
    )
    unless: Annotated[tuple[ConditionSpec, ...], _OneOrMore()] = Field(
        (), description="... and this does not; of a list, one is enough to set the rule aside"
    )
    detect: Annotated[tuple[Annotated[Text, AfterValidator(_known_entity)], ...], _OneOrMore()] = Field(
        (), description="entities, or groups of them: secrets, pii, names, custom, ..."
    )
    min_score: Score = Field(0.0, description="findings that the detector is less sure of are not the rule's")
    roles: Annotated[tuple[Role, ...], _OneOrMore()] = Field(
        (), alias="in", description="whose words; default: anyone's"
    )
    action: Action = Field(
        description="what is done; pseudonymise: a placeholder leaves, and comes back as the value"
    )
    style: Style | None = Field(
        None, description="of this rule's placeholders; default: that of `pseudonymise:`"
    )
    uneditable: Literal["block", "audit"] | None = Field(
        None,
        description="what is done where the action cannot edit, as in a file or signed text; default: block",
    )
    message: Annotated[str, Field(max_length=1000), AfterValidator(_template)] = Field(
        "", description="for the person who is blocked; {provider.name}, {help_url}, ... are filled in"
    )
    note: str = Field("", description="for whoever reads the policy; nothing is done with it")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.message and self.action is not Action.BLOCK:
            raise ValueError("`message` is for who is blocked: this rule blocks nothing")
        if self.style and self.action is not Action.PSEUDONYMISE:
            raise ValueError("`style` is of placeholders: this rule makes none")
        if self.uneditable and not self.action.edits:
            raise ValueError("`uneditable` is for what an edit cannot be made in: this rule makes none")
        if self.direction is Direction.RESPONSE:
            self._fits_answers()
        if self.detect:
            return self
        if self.action.edits:
            raise ValueError(f"`{self.action}` changes what is found: say what with `detect`")
        stray = [key for key, stated in (("min_score", self.min_score), ("in", self.roles)) if stated]
        if stray:
            raise ValueError(f"`{stray[0]}` is about findings: it needs `detect`")
        return self

    def _fits_answers(self) -> None:
        if not self.detect:
            raise ValueError("a rule about answers says what it looks for: it needs `detect`")
        if self.action is Action.PSEUDONYMISE:
            raise ValueError(
                "`pseudonymise` is for requests: from an answer no value could come back",
                "redact, mask and hash take a value out of an answer",
            )
        strange = [role for role in self.roles if role not in ANSWERING]
        if strange:
            words = ", ".join(ANSWERING)
            raise ValueError(f"`in` of a rule about answers is one of: {words}; not {strange[0]}")


class PatternSpec(_Spec):
    """A regular expression of your own, with examples that are checked whenever the policy is loaded."""

    entity: EntityName = Field(description="what to call a finding, such as EMPLOYEE_ID")
    pattern: Text = Field(
        description="Python's dialect; a group named `value` is what is found, else all of it"
    )
    score: Score = Field(0.85, description="how sure a match is")
    ignore_case: bool = False
    context: Texts = Field((), description="words near a match; without one of them it scores half")
    match: Texts = Field(description="texts in which the pattern must find something")
    ignore: Texts = Field((), description="texts in which it must find nothing")


class WordsSpec(_Spec):
    """Words and phrases of your own, found as whole words; inline, from a file, or both."""

    entity: EntityName = Field(description="what to call a finding, such as PROJECT_NAME")
    words: Texts = ()
    file: Text = Field("", description="one word or phrase a line, # comments; relative to this file")
    ignore_case: bool = True
    score: Score = 0.85


class KnownValuesSpec(_Spec):
    """Secrets of your own, found exactly. They are read when the policy is loaded; only keyed hashes are kept."""

    entity: EntityName = Field(
        KNOWN_SECRET, description="what to call a finding; it is one of `secrets`, too"
    )
    file: Text = Field(
        "", description="one value a line, # comments; relative to this file; for you alone (0600)"
    )
    environment: Text = Field("", description="a variable of the proxy's environment; one value a line")
    command: tuple[Text, ...] = Field(
        (), description="a program and its arguments, without a shell; it prints one value a line within 10 s"
    )

    @field_validator("command")
    @classmethod
    def _is_found_from_anywhere(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and Path(command[0]).name != command[0] and not Path(command[0]).is_absolute():
            raise ValueError(
                f"{command[0]!r} depends on where the proxy is started",
                "write the whole path, or a name in PATH",
            )
        return command

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if bool(self.file) + bool(self.environment) + bool(self.command) != 1:
            raise ValueError("exactly one of `file`, `environment` and `command` is expected")
        return self


class RecognizerSpec(_Spec):
    """A recognizer of Presidio's kind: a class that is installed here, or a YAML file in Presidio's own form."""

    class_: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+$")] = Field(
        "", alias="class", description="package.module:ClassName, made without arguments"
    )
    file: Text = Field("", description="Presidio's form of custom recognizers; relative to this file")
    entities: Annotated[tuple[EntityName, ...], _OneOrMore()] = Field(
        (), description="what a class is asked for; a file says it itself"
    )
    min_score: Score = Field(0.4, description="what scores less, context words included, is not found")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.class_) is bool(self.file):
            raise ValueError("exactly one of `class` and `file` is expected")
        if self.class_ and not self.entities:
            raise ValueError("`entities` is missing: what the class is asked for")
        if self.file and self.entities:
            raise ValueError("`entities` is for a class; a file says itself what it finds")
        return self


class DetectorsSpec(_Spec):
    """What detection needs to know beyond the names of entities."""

    locales: Annotated[tuple[Annotated[Text, AfterValidator(_known_locale)], ...], _OneOrMore()] = Field(
        (),
        description="countries whose numbers a group such as pii or identity has: us, uk, de, ..., eea, default, all; "
        "an entity that is named itself is always looked for",
    )
    language: Language = Field(default="en", description="ISO 639-1 code")
    ner_model: str | None = Field(
        default=None, description="spaCy package that finds names; null: none is used"
    )
    ner_models: dict[Language, Text] = Field(
        default={}, description="the same for texts in further languages, such as {de: a_german_package}"
    )
    patterns: tuple[PatternSpec, ...] = ()
    words: tuple[WordsSpec, ...] = ()
    known_values: tuple[KnownValuesSpec, ...] = ()
    recognizers: tuple[RecognizerSpec, ...] = ()


class PseudonymiseSpec(_Spec):
    """What placeholders look like, and for whom they come back as their values."""

    style: Style = Field(
        Style.TAG,
        description="tag: EMAIL_ADDRESS_ab12cd34ef56; surrogate: an address, number or name that is nobody's, for "
        "code and schemas that check a value's shape (a tag for the kinds that have none)",
    )
    scope: Scope = Field(
        "user",
        description="whoever asks (where nobody is identified, the client's address), all people with the same "
        "groups, or one conversation of one person",
    )
    note: bool = Field(
        False,
        description="a line among the instructions tells the model to copy tags exactly (OpenAI Chat and Responses, "
        "Anthropic Messages, Gemini); it is in every request, found or not",
    )


class PolicySpec(_Spec):
    """An Outgate policy. Rules are read top to bottom; per finding the first match decides."""

    model_config = ConfigDict(title="Outgate policy")

    version: Literal[1] = Field(description="of the policy language")
    include: Texts = Field((), description="pack:NAME for a shipped pack, or a file relative to this one")
    mode: Literal["enforce", "audit"] = Field(
        "enforce", description="audit: nothing is blocked or changed, what would have been is recorded"
    )
    on_error: Fallback = Field("block", description="what happens when inspection itself fails")
    uninspectable: Fallback = Field("audit", description="what happens to files that nobody can read")
    help_url: Annotated[str, Field(pattern="^(https?://|mailto:)")] = Field(
        "", description="where people ask for access; {help_url} in messages"
    )
    pseudonymise: PseudonymiseSpec = PseudonymiseSpec()
    detectors: DetectorsSpec = DetectorsSpec()
    rules: tuple[RuleSpec, ...] = ()


class _Plain(GenerateJsonSchema):
    """Without the titles, which say each key a second time, and without a default that JSON cannot hold."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema(model: type[BaseModel] = PolicySpec) -> str:
    """The JSON Schema of a policy file (or of what ``model`` describes), as text for ``policies/schema.json``."""
    schema = model.model_json_schema(mode="validation", schema_generator=_Plain)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
