"""The shape of ``when`` and ``unless``: which facts of an exchange a condition may ask about."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from outgate.policy.schema_types import (
    Codes,
    CodesOrUnknown,
    Days,
    Hours,
    Method,
    Network,
    OneOrMore,
    Spec,
    Text,
    Texts,
    TextsOrUnknown,
    Zone,
    known_to_catalogue,
)

Category = Literal["api", "chat", "assistant", "cloud", "aggregator", "self-hosted"]


class TimeSpec(Spec):
    """Some hours of some days; what is left out is every day, or the whole day."""

    days: Annotated[tuple[Days, ...], OneOrMore()] = Field(
        (), description="mon, tue, ... or a span such as mon-fri"
    )
    hours: Annotated[tuple[Hours, ...], OneOrMore()] = Field(
        (), description="08:00-18:00, the end exclusive; 22:00-06:00 belongs to the day it begins on"
    )
    zone: Zone = Field(UTC, description="IANA time zone; without it, UTC")


class ConditionSpec(Spec):
    """Facts about an exchange. All keys must hold; of a list, one value is enough. Case is ignored.

    `null` in a list of values means "not known".
    """

    provider_id: Annotated[tuple[Annotated[Text, known_to_catalogue("id")], ...], OneOrMore()] = Field(
        (), alias="provider.id", description="id in the catalogue, such as openai; * and ? are wild"
    )
    provider_name: Annotated[tuple[Annotated[Text, known_to_catalogue("name")], ...], OneOrMore()] = Field(
        (), alias="provider.name", description="name in the catalogue; * and ? are wild"
    )
    provider_jurisdiction: Codes = Field(
        (), alias="provider.jurisdiction", description="ISO country where the operator sits"
    )
    provider_category: Annotated[tuple[Category, ...], OneOrMore()] = Field((), alias="provider.category")
    provider_operator: Annotated[tuple[Annotated[Text, known_to_catalogue("operator")], ...], OneOrMore()] = (
        Field((), alias="provider.operator", description="the company that operates it; * and ? are wild")
    )
    region: TextsOrUnknown = Field(
        (), description="processing region, when the host name states it; * and ? are wild"
    )
    model: TextsOrUnknown = Field((), description="the model that is asked for; * and ? are wild")
    model_origin: CodesOrUnknown = Field(
        (), alias="model.origin", description="ISO country of the organisation that trained the model"
    )
    host: Texts = Field((), description="host name; * and ? are wild")
    path: Texts = Field((), description="path without the query, normalised; * and ? are wild")
    method: Annotated[tuple[Method, ...], OneOrMore()] = Field((), description="HTTP method")
    identity_user: TextsOrUnknown = Field((), alias="identity.user", description="who asks; * and ? are wild")
    identity_groups: TextsOrUnknown = Field(
        (), alias="identity.groups", description="a group of who asks; * and ? are wild"
    )
    identity_device: TextsOrUnknown = Field(
        (), alias="identity.device", description="the device that asks; * and ? are wild"
    )
    client_network: Annotated[tuple[Network, ...], OneOrMore()] = Field(
        (), alias="client.network", description="network that the client's address lies in"
    )
    account: TextsOrUnknown = Field(
        (),
        description="KIND:ID of an account that the request tells, such as organization:org-...; * and ? are wild",
    )
    time: Annotated[tuple[TimeSpec, ...], OneOrMore()] = Field((), description="when the request is made")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("no condition is given")
        return self
