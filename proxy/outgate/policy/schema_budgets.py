"""The shape of a policy's ``budgets``: how much, of what, for whom, for how long."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from outgate.model import Unit, Window
from outgate.policy.message import BUDGET_FIELDS, Message
from outgate.policy.schema_conditions import ConditionSpec
from outgate.policy.schema_types import Name, OneOrMore, Spec, Zone

Part = Literal["identity.user", "identity.group", "provider", "model", "client"]
Action = Literal["block", "audit"]
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST = 366 * 86_400  # seconds
_MOST = 10**15


def _window(value: object) -> Window:
    """A length such as 1h, or the calendar's day or month."""
    if value == "day":
        return Window(calendar="day")
    if value == "month":
        return Window(calendar="month")
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value) if isinstance(value, str) else None
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST:
        raise ValueError(
            f"{value!r} is no window", "1m, 1h, 1d, 30d, or the calendar's day or month; 366d at most"
        )
    return Window(seconds)


def _template(text: str) -> str:
    Message.parse(text, BUDGET_FIELDS)
    return text


class BudgetSpec(Spec):
    """How much may be used in a while. What is over it is blocked, or noted, until the next window begins."""

    name: Name = Field(
        description="unique among rules and budgets; stands in answers, metrics and the audit log"
    )
    per: Annotated[tuple[Part, ...], OneOrMore()] = Field(
        (),
        description="whom it counts for, each by itself: identity.user, model, ...; without it, all together",
    )
    when: Annotated[tuple[ConditionSpec, ...], OneOrMore()] = Field(
        (), description="requests count if this holds; of a list, one is enough"
    )
    unless: Annotated[tuple[ConditionSpec, ...], OneOrMore()] = Field(
        (), description="... and this does not; of a list, one is enough"
    )
    limit: dict[Unit, Annotated[int, Field(ge=0, le=_MOST)]] = Field(
        min_length=1, description="how much of what: requests, input_bytes, tokens, ..."
    )
    window: Annotated[
        Window,
        PlainValidator(
            _window, json_schema_input_type=Annotated[str, Field(examples=["1m", "1h", "1d", "day", "month"])]
        ),
    ] = Field(description="1m, 1h, 1d, 30d, counted in UTC; or the calendar's day or month")
    zone: Zone = Field(UTC, description="IANA time zone of a calendar's day or month; without it, UTC")
    action: Action = Field("block", description="what is done with what is over it")
    message: Annotated[str, Field(max_length=1000), AfterValidator(_template)] = Field(
        "", description="for the person who is blocked; {limit}, {window}, {resets}, ... are filled in"
    )
    note: str = Field("", description="for whoever reads the policy; nothing is done with it")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.message and self.action != "block":
            raise ValueError("`message` is for who is blocked: this budget blocks nothing")
        if "zone" in self.model_fields_set and not self.window.calendar:
            raise ValueError("`zone` is of a calendar's day or month; other windows are counted in UTC")
        return self
