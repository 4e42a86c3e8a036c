"""Test cases of a policy: given this exchange, expect this verdict. Kept beside it as NAME.test.yaml.

    cases:
      - name: a key in a prompt is blocked
        given:
          provider: anthropic                 # or url: https://api.anthropic.com/v1/messages
          text: "deploy with {{fake:GITHUB_TOKEN}}"
        expect:
          outcome: block
          rule: credentials never leave

``{{fake:ENTITY}}`` stands for a made-up value that the detectors find, the same wherever it is
written in a case; ``{{fake:ENTITY:2}}`` for another one. So no file holds anything like a live key.

Owns the form of the cases and the comparison. What judges an exchange is handed in, since the
pipeline is above this room.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from outgate.catalogue import Catalogue
from outgate.dlp import examples
from outgate.model import Action, Exchange, Identity, Outcome, Verdict
from outgate.policy import source
from outgate.policy.error import Mark, PolicyError, Problem, near_miss
from outgate.policy.schema import Name, Texts
from outgate.policy.source import Node
from outgate.policy.validate import validate

Inspect = Callable[[Exchange], Awaitable[Verdict]]

SUFFIX = ".test.yaml"
_FAKE = re.compile(r"\{\{fake:([A-Z0-9_]+)(?::([0-9]{1,4}))?\}\}")
_SOMEDAY = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday
# Where a provider's conversation goes, for cases that give no path; all others speak OpenAI's.
_PATHS = {"anthropic": "/v1/messages", "google-ai": "/v1beta/models/{model}:generateContent"}


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentitySpec(_Spec):
    """Who asks."""

    user: str | None = None
    groups: tuple[str, ...] = ()
    device: str | None = None


class GivenSpec(_Spec):
    """An exchange, as much of it as matters."""

    provider: str = Field("openai", description="id in the catalogue")
    url: str = Field("", description="instead of `provider` and `path`")
    path: str = ""
    method: str = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    model: str = "some-model"
    identity: IdentitySpec = IdentitySpec()
    client: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    time: AwareDatetime = _SOMEDAY
    text: str | None = Field(
        None, description="what the user says; the body is written in the provider's format"
    )
    messages: tuple[dict[str, Any], ...] | None = Field(
        None, description="several messages, `role` and `content`"
    )
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, description="the body as it is; a mapping as JSON"
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if sum(value is not None for value in (self.text, self.messages, self.body)) > 1:
            raise ValueError("only one of `text`, `messages` and `body` can be given")
        if self.url and self.model_fields_set & {"provider", "path"}:
            raise ValueError("`url` says what `provider` and `path` would")
        return self


class BodySpec(_Spec):
    """What the provider receives."""

    contains: Texts = ()
    lacks: Texts = ()


class ExpectSpec(_Spec):
    """A verdict, as much of it as matters. What is left out is not compared."""

    outcome: Literal["forward", "edit", "block", "refuse"] | None = None
    rule: str | None = Field(None, description="the rule that blocks")
    would_block: str | None = Field(None, description="in audit mode, the rule that would")
    status: int | None = None
    message: Texts = Field((), description="texts that the message to the client holds")
    findings: dict[str, Action] | None = Field(None, description="all that is found: entity -> action")
    body: BodySpec = BodySpec()

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


class CasesSpec(_Spec):
    """A file of cases."""

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


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case."""

    case: Case
    verdict: Verdict
    failures: tuple[str, ...]  # empty: as expected


def beside(policy: Path) -> Path:
    """Where the cases of a policy are kept."""
    return policy.with_name(policy.stem + SUFFIX)


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
            cases.append(Case(case.name, file, node.at(["cases", position]), exchange, case.expect))
    if problems or spec is None:
        raise PolicyError(problems)
    own = file.with_name(file.name.removesuffix(SUFFIX) + ".yaml")
    return tuple(file.parent / name for name in spec.policy) or (own,), tuple(cases)


async def run(cases: Iterable[Case], inspect: Inspect) -> tuple[Result, ...]:
    """Judge each case's exchange and compare."""
    results = []
    for case in cases:
        verdict = await inspect(case.exchange)
        results.append(Result(case, verdict, tuple(_failures(case, verdict))))
    return tuple(results)


def _failures(case: Case, verdict: Verdict) -> list[str]:
    expect = case.expect
    failures: list[str] = []
    got: Mapping[str, object] = {
        "outcome": verdict.outcome.value,
        "rule": verdict.rule,
        "would_block": verdict.would_block,
        "status": verdict.status,
    }
    for key, value in got.items():
        if key in expect.model_fields_set and getattr(expect, key) != value:
            failures.append(f"{key}: expected {getattr(expect, key)}, got {value}{_why(verdict)}")
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


def _other_findings(expected: Mapping[str, Action], verdict: Verdict) -> list[str]:
    got: dict[str, set[str]] = {}
    for record in verdict.records:
        got.setdefault(record.entity, set()).add(record.action.value)
    failures = []
    for entity in sorted(expected.keys() | got.keys()):
        actions = " and ".join(sorted(got.get(entity, ()))) or "nothing found"
        wanted = expected[entity].value if entity in expected else "nothing found"
        if actions != wanted:
            failures.append(f"findings: {entity}: expected {wanted}, got {actions}")
    return failures


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
    return [Problem(file, node.mark, f"there is no made-up {entity}") for entity in unknown]


def exchange_of(identifier: str, given: GivenSpec, catalogue: Catalogue) -> Exchange:
    """The exchange that is described. Raises ValueError: what is wrong, and a hint."""
    if given.url:
        url = urlsplit(given.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"{given.url!r} is not a URL such as https://api.openai.com/v1/chat/completions")
        host, scheme = url.hostname, url.scheme
        port = url.port or (443 if scheme == "https" else 80)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    else:
        if given.provider not in catalogue.providers:
            hint = near_miss(given.provider, catalogue.providers)
            raise ValueError(f"no provider of the catalogue is called {given.provider!r}", hint)
        known = catalogue.base_host(given.provider)
        if known is None:
            raise ValueError(f"{given.provider} has a host for each customer", "give a `url` instead")
        host, scheme, port = known, "https", 443
        target = given.path or _PATHS.get(given.provider, "/v1/chat/completions").replace(
            "{model}", given.model
        )
    body = _body(given, catalogue, host, target)
    headers = {"content-type": "application/json"} if body else {}
    headers |= {name.lower(): value for name, value in given.headers.items()}
    return Exchange(
        id=identifier,
        time=given.time.astimezone(UTC),
        client=given.client,
        method=given.method,
        scheme=scheme,
        host=host,
        port=port,
        target=target.encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in headers.items()),
        body=body,
        identity=Identity(given.identity.user, given.identity.groups, given.identity.device),
    )


def _body(given: GivenSpec, catalogue: Catalogue, host: str, target: str) -> bytes:
    if given.body is not None:
        return (
            given.body if isinstance(given.body, str) else json.dumps(given.body, ensure_ascii=False)
        ).encode()
    messages = given.messages
    if messages is None:
        if given.text is None:
            return b""
        messages = ({"role": "user", "content": given.text},)
    endpoint = catalogue.identify(host, target, given.method)
    return conversation(endpoint.format if endpoint else "generic", given.model, messages)


def conversation(format_name: str, model: str, messages: Sequence[Mapping[str, Any]]) -> bytes:
    """Messages (``role``, ``content``) as a request's body in an API's format."""
    body: dict[str, Any]
    match format_name:
        case "gemini":
            roles = {"assistant": "model"}
            body = {
                "contents": [
                    {"role": roles.get(m["role"], m["role"]), "parts": [{"text": m["content"]}]}
                    for m in messages
                    if m["role"] != "system"
                ]
            }
            system = [{"text": m["content"]} for m in messages if m["role"] == "system"]
            if system:
                body["systemInstruction"] = {"parts": system}
        case "anthropic_messages":
            system = [{"type": "text", "text": m["content"]} for m in messages if m["role"] == "system"]
            rest = [dict(m) for m in messages if m["role"] != "system"]
            body = {
                "model": model,
                "max_tokens": 1024,
                **({"system": system} if system else {}),
                "messages": rest,
            }
        case "openai_responses":
            body = {"model": model, "input": [dict(m) for m in messages]}
        case "openai_completions":
            body = {"model": model, "prompt": "\n".join(str(m["content"]) for m in messages)}
        case "openai_embeddings":
            body = {"model": model, "input": [m["content"] for m in messages]}
        case _:
            body = {"model": model, "messages": [dict(m) for m in messages]}
    return json.dumps(body, ensure_ascii=False).encode()
