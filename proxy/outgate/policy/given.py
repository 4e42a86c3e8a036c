"""An exchange in a few words: what cases, ``policy explain`` and ``redact`` are given instead of bytes.

Owns how a description becomes a request's bytes. Knows nothing of what is expected of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from outgate.catalogue import Catalogue
from outgate.model import Exchange, Identity, Unit
from outgate.policy.error import near_miss
from outgate.policy.schema_types import Texts

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
    spent: dict[str, dict[Unit, int]] = Field(
        default_factory=dict,
        description="what was used of the policy's budgets before: budget -> unit -> how much",
    )
    text: str | None = Field(
        None, description="what the user says; the body is written in the provider's format"
    )
    messages: tuple[dict[str, Any], ...] | None = Field(
        None, description="several messages, `role` and `content`"
    )
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, description="the body as it is; a mapping as JSON"
    )
    excepted: Texts = Field((), description="entities: an administrator excepted their values that are in it")
    justified: bool = Field(
        False, description="whoever asks has given a reason for what coaching rules blocked in it"
    )
    answer: str | dict[str, Any] | list[Any] | None = Field(
        None, description="what the model says; a mapping is the answer's body as it is"
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if sum(value is not None for value in (self.text, self.messages, self.body)) > 1:
            raise ValueError("only one of `text`, `messages` and `body` can be given")
        if self.url and self.model_fields_set & {"provider", "path"}:
            raise ValueError("`url` says what `provider` and `path` would")
        return self


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


def answer_of(given: GivenSpec, format_name: str) -> bytes | None:
    """The body of the answer that is described, in an API's format; None where none is."""
    if given.answer is None:
        return None
    body: Any = given.answer
    if isinstance(body, str):
        text = {"type": "text", "text": body}
        match format_name:
            case "gemini":
                body = {"candidates": [{"content": {"role": "model", "parts": [{"text": body}]}, "index": 0}]}
            case "anthropic_messages" | "bedrock_invoke":
                body = {"type": "message", "role": "assistant", "model": given.model, "content": [text]}
            case "openai_responses":
                item = {"type": "message", "role": "assistant", "content": [text | {"type": "output_text"}]}
                body = {"object": "response", "model": given.model, "output": [item]}
            case "bedrock_converse":
                body = {"output": {"message": {"role": "assistant", "content": [{"text": body}]}}}
            case _:
                message = {"role": "assistant", "content": body}
                body = {"model": given.model, "choices": [{"index": 0, "message": message}]}
    return json.dumps(body, ensure_ascii=False).encode()


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
