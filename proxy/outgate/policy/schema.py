"""The shape of a policy file: which keys there are and what each may hold.

Pydantic models, from which the JSON Schema for editors is generated (``policies/schema.json``).
What needs more than one value to judge (entities, includes, a rule without ``detect``) is
``load``'s business. The descriptions here are what an administrator reads in the editor.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from outgate.model import Action, Direction, Role, Scope, Style
from outgate.policy.schema_accounts import AllowedAccountsSpec
from outgate.policy.schema_budgets import BudgetSpec
from outgate.policy.schema_coach import CoachSpec, as_spec
from outgate.policy.schema_conditions import ConditionSpec
from outgate.policy.schema_detectors import DetectorsSpec
from outgate.policy.schema_types import Name, OneOrMore, Score, Spec, Text, Texts, known_entity, template

Fallback = Literal["allow", "audit", "block"]
ANSWERING = (Role.ASSISTANT, Role.TOOL_CALL)  # whose words an answer holds


class RuleSpec(Spec):
    """Without `detect` a rule is about the exchange as a whole; with it, about what is found in it."""

    name: Name = Field(description="unique; stands in answers, metrics and the audit log")
    direction: Direction = Field(
        Direction.REQUEST, description="what the rule is about: requests, or (response) what models answer"
    )
    when: Annotated[tuple[ConditionSpec, ...], OneOrMore()] = Field(
        (), description="the rule applies if this holds; of a list, one is enough"
    )
    unless: Annotated[tuple[ConditionSpec, ...], OneOrMore()] = Field(
        (), description="... and this does not; of a list, one is enough to set the rule aside"
    )
    detect: Annotated[tuple[Annotated[Text, AfterValidator(known_entity)], ...], OneOrMore()] = Field(
        (), description="entities, or groups of them: secrets, pii, names, custom, ..."
    )
    min_score: Score = Field(0.0, description="findings that the detector is less sure of are not the rule's")
    roles: Annotated[tuple[Role, ...], OneOrMore()] = Field(
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
    message: Annotated[str, Field(max_length=1000), AfterValidator(template)] = Field(
        "", description="for the person who is blocked; {provider.name}, {help_url}, ... are filled in"
    )
    coach: Annotated[
        CoachSpec | None, BeforeValidator(as_spec, json_schema_input_type=CoachSpec | bool | None)
    ] = Field(None, description="block, but let a repeat pass for which whoever asks has given a reason")
    exceptions: bool = Field(
        True, description="whether values that an administrator excepted (`outgate review`) are let through"
    )
    note: str = Field("", description="for whoever reads the policy; nothing is done with it")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.coach:
            self._fits_coaching(self.coach)
        if self.message and self.action is not Action.BLOCK:
            raise ValueError("`message` is for who is blocked: this rule blocks nothing")
        actions = {self.action, self.coach.then if self.coach else self.action}
        if self.style and Action.PSEUDONYMISE not in actions:
            raise ValueError("`style` is of placeholders: this rule makes none")
        if self.uneditable and not any(action.edits for action in actions):
            raise ValueError("`uneditable` is for what an edit cannot be made in: this rule makes none")
        if self.direction is Direction.RESPONSE:
            self._fits_answers()
        if self.detect:
            return self
        if self.action.edits:
            raise ValueError(f"`{self.action}` changes what is found: say what with `detect`")
        given = (("min_score", self.min_score), ("in", self.roles), ("exceptions", not self.exceptions))
        stray = [key for key, stated in given if stated]
        if stray:
            raise ValueError(f"`{stray[0]}` is about findings: it needs `detect`")
        return self

    def _fits_coaching(self, coach: CoachSpec) -> None:
        if self.action is not Action.BLOCK:
            raise ValueError(
                "`coach` is for a rule that blocks", "what a repeat does is `coach: {then: ...}`"
            )
        if not self.detect:
            raise ValueError("a reason is given for what was found: `coach` needs `detect`")
        if self.direction is Direction.RESPONSE:
            raise ValueError("`coach` is for requests: whoever asks gives no reasons for an answer")
        if coach.then is Action.BLOCK:
            raise ValueError("`then: block` would let no repeat pass")

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


class PseudonymiseSpec(Spec):
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


class PolicySpec(Spec):
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
    allowed_accounts: dict[Text, AllowedAccountsSpec] = Field(
        default_factory=dict,
        description="id of a provider in the catalogue -> whose accounts there may be used",
    )
    pseudonymise: PseudonymiseSpec = PseudonymiseSpec()
    detectors: DetectorsSpec = DetectorsSpec()
    rules: tuple[RuleSpec, ...] = ()
    budgets: tuple[BudgetSpec, ...] = Field(
        (), description="how much may be used in a while; see docs/budgets.md"
    )


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
