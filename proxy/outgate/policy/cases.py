"""Test cases of a policy: given this exchange, expect this verdict. Kept beside it as NAME.test.yaml.

    cases:
      - name: a key in a prompt is blocked
        given:
          provider: anthropic                 # or url: https://api.anthropic.com/v1/messages
          text: "deploy with {{fake:GITHUB_TOKEN}}"
        expect:
          outcome: block
          rule: credentials never leave
          findings: {GITHUB_TOKEN: block}      # or {GITHUB_TOKEN: {block: credentials never leave}}

What was used of a budget is given as ``spent: {a person's day: {tokens: 1000000}}``; without it, nothing was.
What a model answers is given as ``answer:``, and what becomes of it is expected as ``answer: {outcome: edit}``.

``{{fake:ENTITY}}`` stands for a made-up value that the detectors find, the same wherever it is
written in a case; ``{{fake:ENTITY:2}}`` for another one. So no file holds anything like a live key.

Owns the form of the cases and the comparison. What judges an exchange is handed in, since the
pipeline is above this room.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from outgate.catalogue import Catalogue
from outgate.dlp import entities, examples
from outgate.model import Action, Direction, Exchange, Outcome, Unit, Verdict
from outgate.policy import source
from outgate.policy.error import Mark, PolicyError, Problem, near_miss
from outgate.policy.exceptions import EVERYONE, NONE, Excepted, Exceptions, Justified, person
from outgate.policy.given import GivenSpec, answer_of, exchange_of
from outgate.policy.schema_types import Name, Texts
from outgate.policy.source import Node
from outgate.policy.validate import validate


class Inspect(Protocol):
    """What judges an exchange."""

    def __call__(self, exchange: Exchange, exceptions: Exceptions = NONE) -> Awaitable[Verdict]: ...


# An exchange, its request's verdict and its answer: the answer's verdict, and what the client receives of it.
InspectAnswer = Callable[[Exchange, Verdict, bytes], Awaitable[tuple[Verdict, bytes]]]
Spent = Mapping[str, Mapping[Unit, int]]
# An exchange, its request's verdict, and what was used of budgets before: the verdict once budgets were asked.
Afford = Callable[[Exchange, Verdict, Spent], Awaitable[Verdict]]

SUFFIX = ".test.yaml"
_FAKE = re.compile(r"\{\{fake:([A-Z0-9_]+)(?::([0-9]{1,4}))?\}\}")


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BodySpec(_Spec):
    """What the provider receives."""

    contains: Texts = ()
    lacks: Texts = ()


def _by_action(value: object) -> object:
    """An action, or several, are a mapping that leaves open which rule it was."""
    if isinstance(value, str):
        return {value: None}
    return dict.fromkeys(value) if isinstance(value, list) else value


# What becomes of an entity's findings: each action, and the rule that decided on it where that matters.
_Spelled = Action | list[Action] | dict[Action, Name | None]
Decided = Annotated[dict[Action, Name | None], BeforeValidator(_by_action, json_schema_input_type=_Spelled)]


class ExpectAnswerSpec(_Spec):
    """What becomes of the answer, as much of it as matters."""

    outcome: Literal["forward", "edit", "block", "refuse"] | None = None
    rule: str | None = Field(None, description="the rule that blocks")
    findings: dict[str, Decided] | None = Field(None, description="all that is found in it")
    contains: Texts = ()
    lacks: Texts = ()


class ExpectSpec(_Spec):
    """A verdict, as much of it as matters. What is left out is not compared."""

    outcome: Literal["forward", "edit", "block", "refuse"] | None = None
    rule: str | None = Field(None, description="the rule that blocks")
    rules: tuple[Name, ...] | None = Field(
        None, description="all rules about the request as a whole that noted it or let it through"
    )
    would_block: str | None = Field(None, description="in audit mode, the rule that would")
    coached: bool | None = Field(None, description="it is blocked, and would not be if a reason were given")
    status: int | None = None
    reason: str | None = Field(None, description="why it could not be inspected, such as bad_json")
    message: Texts = Field((), description="texts that the message to the client holds")
    findings: dict[str, Decided] | None = Field(
        None, description="all that is found: entity -> action, actions, or {action: rule}"
    )
    body: BodySpec = BodySpec()
    answer: ExpectAnswerSpec | None = Field(None, description="of what is given as `answer`")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is expected")
        return self


class CaseSpec(_Spec):
    """One case."""

    name: Name
    given: GivenSpec
    expect: ExpectSpec

    @model_validator(mode="after")
    def _expects_what_is_given(self) -> Self:
        if self.expect.answer is not None and self.given.answer is None:
            raise ValueError("something is expected of an answer, and none is given")
        return self


class CasesSpec(_Spec):
    """Cases of an Outgate policy: given this exchange, expect this verdict."""

    model_config = ConfigDict(title="Cases of an Outgate policy")

    policy: Texts = Field(
        (), description="the policy's files, relative to this one; default: NAME.yaml beside it"
    )
    cases: Annotated[tuple[CaseSpec, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Case:
    """An exchange and the verdict that is expected of it."""

    name: str
    file: Path
    mark: Mark
    exchange: Exchange
    expect: ExpectSpec
    answer: bytes | None = None
    spent: Spent = field(default_factory=dict)
    excepted: frozenset[str] = frozenset()  # entities whose values in it an administrator excepted
    justified: bool = False  # whoever asks gave a reason


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case."""

    case: Case
    verdict: Verdict
    failures: tuple[str, ...]  # empty: as expected


def beside(path: Path) -> Path:
    """Where the cases of a policy are kept; of a file of cases, itself."""
    return path if path.name.endswith(SUFFIX) else path.with_name(path.stem + SUFFIX)


def of(path: Path) -> Path:
    """The file of cases of a policy, or ``path`` itself where it is one. Raises PolicyError: there is none."""
    file = beside(path)
    if file.is_file():
        return file
    wrong = f"there are no cases beside it ({file.name})" if path.is_file() else "there is no such file"
    raise PolicyError([Problem(path, Mark(), wrong)])


def read(file: Path, catalogue: Catalogue) -> tuple[tuple[Path, ...], tuple[Case, ...]]:
    """The files of the policy that a file's cases are about, and the cases. Raises PolicyError."""
    node, problems = source.read(file)
    problems += _fill(node, file)
    spec, wrong = validate(CasesSpec, node, file)
    problems += wrong
    cases: list[Case] = []
    for position, case in enumerate(spec.cases if spec else ()):
        try:
            exchange = exchange_of(f"case-{position + 1}", case.given, catalogue)
        except ValueError as error:
            key = "url" if case.given.url else "provider"
            hint = error.args[1] if len(error.args) > 1 else ""
            problems.append(Problem(file, node.at(["cases", position, "given", key]), error.args[0], hint))
        else:
            endpoint = catalogue.identify(exchange.host, exchange.path, exchange.method)
            answer = answer_of(case.given, endpoint.format if endpoint else "generic")
            mark = node.at(["cases", position])
            cases.append(
                Case(
                    case.name,
                    file,
                    mark,
                    exchange,
                    case.expect,
                    answer,
                    case.given.spent,
                    frozenset(case.given.excepted),
                    case.given.justified,
                )
            )
    if problems or spec is None:
        raise PolicyError(problems)
    own = file.with_name(file.name.removesuffix(SUFFIX) + ".yaml")
    return tuple(file.parent / name for name in spec.policy) or (own,), tuple(cases)


async def run(
    cases: Iterable[Case],
    inspect: Inspect,
    inspect_answer: InspectAnswer | None = None,
    afford: Afford | None = None,
) -> tuple[Result, ...]:
    """Judge each case's exchange, and its answer, and compare."""
    results = []
    for case in cases:
        verdict = await inspect(case.exchange)
        if case.excepted or case.justified:
            verdict = await inspect(case.exchange, _exceptions(case, verdict))
        if afford is not None:
            verdict = await afford(case.exchange, verdict, case.spent)
        failures = _failures(case, verdict)
        if case.answer is not None and inspect_answer is not None:
            if verdict.outcome in (Outcome.BLOCK, Outcome.REFUSE):
                failures.append("answer: there is none, since the request does not leave")
            else:
                verdict, told = await inspect_answer(case.exchange, verdict, case.answer)
                failures += _answer_failures(case.expect.answer, verdict, told)
        results.append(Result(case, verdict, tuple(failures)))
    return tuple(results)


def _exceptions(case: Case, verdict: Verdict) -> Exceptions:
    """What a case says was said before, of what is found in it."""
    exchange, until = case.exchange, case.exchange.time + timedelta(days=1)
    provider = verdict.endpoint.provider.id if verdict.endpoint else ""
    who = person(exchange.identity, exchange.client)
    return Exceptions(
        [
            Excepted(number, record.fingerprint, EVERYONE, None, until)
            for number, record in enumerate(verdict.records, 1)
            if record.entity in case.excepted
        ],
        [
            Justified(exchange.id, who, provider, record.rule or "", record.fingerprint, until)
            for record in verdict.records
            if case.justified
        ],
    )


def _answer_failures(expect: ExpectAnswerSpec | None, verdict: Verdict, told: bytes) -> list[str]:
    if expect is None:
        return []
    failures: list[str] = []
    if expect.outcome not in (None, verdict.outcome.value):
        failures.append(f"answer: expected {expect.outcome}, got {verdict.outcome.value}{_why(verdict)}")
    if "rule" in expect.model_fields_set and expect.rule != verdict.rule:
        failures.append(f"answer: rule: expected {expect.rule}, got {verdict.rule}")
    if expect.findings is not None:
        found = _other_findings(expect.findings, verdict, Direction.RESPONSE)
        failures += [f"answer: {failure}" for failure in found]
    text = told.decode("utf-8", "replace")
    failures += [f"answer: {wanted!r} did not arrive" for wanted in expect.contains if wanted not in text]
    failures += [f"answer: {wanted!r} arrived" for wanted in expect.lacks if wanted in text]
    return failures


def untried(rules: Iterable[str], results: Iterable[Result]) -> tuple[str, ...]:
    """Those of a policy's rules that decided in no case: whatever they say, no case would notice."""
    deciding: set[str | None] = set()
    for verdict in (result.verdict for result in results):
        deciding |= {verdict.rule, verdict.would_block, *verdict.rules}
        deciding |= {record.rule for record in verdict.records}
    return tuple(rule for rule in rules if rule not in deciding)


def _failures(case: Case, verdict: Verdict) -> list[str]:
    expect = case.expect
    failures: list[str] = []
    got: Mapping[str, object] = {
        "outcome": verdict.outcome.value,
        "rule": verdict.rule,
        "would_block": verdict.would_block,
        "coached": verdict.coached,
        "status": verdict.status,
        "reason": verdict.reason,
    }
    for key, value in got.items():
        if key in expect.model_fields_set and getattr(expect, key) != value:
            failures.append(f"{key}: expected {getattr(expect, key)}, got {value}{_why(verdict)}")
    if expect.rules is not None and set(expect.rules) != set(verdict.rules):
        failures.append(f"rules: expected {_listed(expect.rules)}, got {_listed(verdict.rules)}")
    failures += [
        f"message: {text!r} is not in {verdict.message!r}"
        for text in expect.message
        if text not in verdict.message
    ]
    if expect.findings is not None:
        failures += _other_findings(expect.findings, verdict)
    sent = _sent(case.exchange, verdict)
    failures += [
        f"body: {text!r} did not leave" for text in expect.body.contains if sent is None or text not in sent
    ]
    failures += [f"body: {text!r} left" for text in expect.body.lacks if sent is not None and text in sent]
    return failures


def _why(verdict: Verdict) -> str:
    told = ", ".join(filter(None, (verdict.rule, verdict.reason, verdict.message)))
    return f" ({told})" if told and verdict.outcome in (Outcome.BLOCK, Outcome.REFUSE) else ""


def _other_findings(
    expected: Mapping[str, Mapping[Action, str | None]],
    verdict: Verdict,
    direction: Direction = Direction.REQUEST,
) -> list[str]:
    got: dict[str, dict[Action, set[str | None]]] = {}
    for record in verdict.records:
        if record.direction is not direction:
            continue
        got.setdefault(record.entity, {}).setdefault(record.action, set()).add(record.rule)
    failures = []
    for entity in sorted(expected.keys() | got.keys()):
        wanted, decided = expected.get(entity, {}), got.get(entity, {})
        if wanted.keys() != decided.keys() or any(
            rule is not None and decided[action] != {rule} for action, rule in wanted.items()
        ):
            asked = {action: {rule} if rule else set() for action, rule in wanted.items()}
            failures.append(f"findings: {entity}: expected {_told(asked)}, got {_told(decided)}")
    return failures


def _told(decided: Mapping[Action, Iterable[str | None]]) -> str:
    by_action = [
        f"{action}" + "".join(f" by {rule!r}" for rule in sorted(filter(None, rules)))
        for action, rules in sorted(decided.items())
    ]
    return " and ".join(by_action) or "nothing found"


def _listed(rules: Iterable[str]) -> str:
    return ", ".join(map(repr, rules)) or "none"


def _sent(exchange: Exchange, verdict: Verdict) -> str | None:
    """The body that the provider receives; None when it receives nothing."""
    if verdict.outcome in (Outcome.BLOCK, Outcome.REFUSE):
        return None
    return (exchange.body if verdict.body is None else verdict.body).decode("utf-8", "replace")


def _fill(node: Node, file: Path) -> list[Problem]:
    """Replace every ``{{fake:ENTITY}}`` in place."""
    if isinstance(node.value, dict):
        return [problem for child in node.value.values() for problem in _fill(child, file)]
    if isinstance(node.value, list):
        return [problem for child in node.value for problem in _fill(child, file)]
    if not isinstance(node.value, str):
        return []
    unknown: list[str] = []

    def fake(found: re.Match[str]) -> str:
        try:
            return examples.fake(found[1], int(found[2] or 0))
        except KeyError:
            unknown.append(found[1])
            return found[0]

    node.value = _FAKE.sub(fake, node.value)
    return [
        Problem(file, node.mark, f"there is no made-up {entity}", _instead_of(entity)) for entity in unknown
    ]


def _instead_of(entity: str) -> str:
    if entity in entities.known():
        return "write out a value that is found, and nobody's"
    return near_miss(entity, entities.known())
