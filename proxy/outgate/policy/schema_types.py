"""What the values of a policy file may be: words, codes, networks, hours, and names that must be known.

Each type says what is wrong with a value in an administrator's words. Knows no key of a policy.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from outgate.catalogue.countries import country
from outgate.dlp import entities as dlp_entities
from outgate.dlp.known_values import ENTITY as KNOWN_SECRET
from outgate.model import Provider
from outgate.policy import values
from outgate.policy.error import near_miss
from outgate.policy.message import Message


class OneOrMore:
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


def known_entity(name: str, info: ValidationInfo) -> str:
    if isinstance(info.context, Known) and name not in info.context.entities:
        if name == KNOWN_SECRET:
            raise ValueError("there are no known secrets", "say in `detectors: known_values:` where they are")
        raise ValueError(f"no detector provides {name!r}", near_miss(name, info.context.entities))
    return name


def known_to_catalogue(fact: str) -> AfterValidator:
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


def known_locale(name: str) -> str:
    try:
        dlp_entities.locales([name])
    except dlp_entities.UnknownLocaleError as error:
        known = ", ".join(sorted(dlp_entities.known_locales()))
        raise ValueError(
            f"no detector is for the locale {name!r}", f"did you mean {error.hint}?" if error.hint else known
        ) from None
    return name


def template(text: str) -> str:
    Message.parse(text)
    return text


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_readable)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Texts = Annotated[tuple[Text, ...], OneOrMore()]
TextsOrUnknown = Annotated[tuple[Text | None, ...], OneOrMore()]
# The pattern is the editor's; `country` says better what is wrong.
Code = Annotated[str, AfterValidator(country), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$"})]
Codes = Annotated[tuple[Code, ...], OneOrMore()]
CodesOrUnknown = Annotated[tuple[Code | None, ...], OneOrMore()]
Method = Annotated[str, Field(pattern="^[A-Za-z]+$"), AfterValidator(str.upper)]
Network = Annotated[values.IPNetwork, _parsed(values.network, examples=["10.0.0.0/8", "2001:db8::/32"])]
Days = Annotated[frozenset[int], _parsed(values.days, examples=["mon-fri", "sat"])]
Hours = Annotated[tuple[int, int], _parsed(values.hours, examples=["08:00-18:00", "22:00-06:00"])]
Zone = Annotated[tzinfo, _parsed(values.zone, examples=["UTC", "Europe/Berlin"])]
EntityName = Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]{1,63}$")]
Language = Annotated[str, Field(pattern="^[a-z]{2}$")]
Score = Annotated[float, Field(ge=0, le=1)]


class Spec(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, protected_namespaces=()
    )
