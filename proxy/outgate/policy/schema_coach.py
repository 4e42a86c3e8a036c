"""What a policy file says of coaching: a block that whoever is blocked can answer with a reason."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from outgate.model import Action
from outgate.policy import values
from outgate.policy.schema_types import Spec

Span = Annotated[
    int, BeforeValidator(values.span, json_schema_input_type=Annotated[str, Field(examples=["8h", "7d"])])
]


class CoachSpec(Spec):
    """What a justified repeat may do."""

    for_: Span = Field(
        values.span("8h"), alias="for", description="how long a reason counts: 30m, 8h, 7d; at most 90d"
    )
    then: Action = Field(
        Action.AUDIT, description="what is done with the findings of a justified repeat; not block"
    )


def as_spec(value: Any) -> Any:
    """``true`` stands for coaching as it is by default, ``false`` for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value
