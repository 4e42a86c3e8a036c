"""The shape of ``detectors:`` in a policy file: an administrator's own patterns, words, values and recognizers."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    field_validator,
    model_validator,
)

from outgate.dlp.known_values import ENTITY as KNOWN_SECRET
from outgate.policy.schema_types import (
    EntityName,
    Language,
    OneOrMore,
    Score,
    Spec,
    Text,
    Texts,
    known_locale,
)


class PatternSpec(Spec):
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


class WordsSpec(Spec):
    """Words and phrases of your own, found as whole words; inline, from a file, or both."""

    entity: EntityName = Field(description="what to call a finding, such as PROJECT_NAME")
    words: Texts = ()
    file: Text = Field("", description="one word or phrase a line, # comments; relative to this file")
    ignore_case: bool = True
    score: Score = 0.85


class KnownValuesSpec(Spec):
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


class RecognizerSpec(Spec):
    """A recognizer of Presidio's kind: a class that is installed here, or a YAML file in Presidio's own form."""

    class_: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+$")] = Field(
        "", alias="class", description="package.module:ClassName, made without arguments"
    )
    file: Text = Field("", description="Presidio's form of custom recognizers; relative to this file")
    entities: Annotated[tuple[EntityName, ...], OneOrMore()] = Field(
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


class DetectorsSpec(Spec):
    """What detection needs to know beyond the names of entities."""

    locales: Annotated[tuple[Annotated[Text, AfterValidator(known_locale)], ...], OneOrMore()] = Field(
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
