"""Answers of our own, in the shape that the provider's clients understand.

The shapes are those of the vendors' API references (OpenAI "Error codes", Anthropic "Errors",
google.rpc.Status for Gemini and Vertex, Ollama "Errors"; for Bedrock, AWS's restJson1 protocol: the kind in
``x-amzn-errortype``, the text in ``message``). ``x-should-retry: false`` is honoured by the official OpenAI
and Anthropic SDKs. No text of the request is ever repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outgate.gateway import block_page
from outgate.gateway.block_page import Stopped


@dataclass(frozen=True, slots=True)
class _Kind:
    """What each vendor calls an error of one status."""

    openai: str
    anthropic: str
    google: str
    aws: str


_KINDS: Mapping[int, _Kind] = {
    400: _Kind("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    401: _Kind(
        "authentication_error", "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException"
    ),
    403: _Kind("permission_error", "permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
    413: _Kind("invalid_request_error", "request_too_large", "INVALID_ARGUMENT", "ValidationException"),
    429: _Kind("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"),
    502: _Kind("server_error", "api_error", "UNAVAILABLE", "ServiceUnavailableException"),
    503: _Kind("server_error", "api_error", "UNAVAILABLE", "ServiceUnavailableException"),
}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Status, headers and body of an HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


# Status, its names, text, reference, and seconds until a person may try again (0: nobody knows).
_Shape = Callable[[int, _Kind, str, str, int], dict[str, Any]]


def _openai(status: int, kind: _Kind, text: str, _reference: str, wait: int) -> dict[str, Any]:
    # ``type`` and ``status`` on the outside are those of events over a WebSocket, of the Realtime API and of
    # Responses (Codex waits on after an error without a status); over HTTP nobody looks at them.
    error: dict[str, Any] = {"message": text, "type": kind.openai, "param": None, "code": "outgate"}
    if wait:
        error["resets_at"] = int(time.time()) + wait  # which Codex tells instead of the text
    return {"type": "error", "status": status, "error": error}


def _anthropic(_status: int, kind: _Kind, text: str, reference: str, _wait: int) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind.anthropic, "message": text}, "request_id": reference}


def _google(status: int, kind: _Kind, text: str, reference: str, wait: int) -> dict[str, Any]:
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "OUTGATE",
        "domain": "outgate",
        "metadata": {"reference": reference},
    }
    details: list[dict[str, Any]] = [detail]
    if wait:  # without it, the Gemini CLI tries ten times more
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"})
    return {"error": {"code": status, "message": text, "status": kind.google, "details": details}}


def _aws(_status: int, _kind: _Kind, text: str, _reference: str, _wait: int) -> dict[str, Any]:
    return {"message": text}


def _ollama(_status: int, _kind: _Kind, text: str, _reference: str, _wait: int) -> dict[str, Any]:
    return {"error": text}


def _any(status: int, kind: _Kind, text: str, reference: str, wait: int) -> dict[str, Any]:
    # ``message`` is where Cohere's and most others' clients look that do not look for OpenAI's.
    return _openai(status, kind, text, reference, wait) | {"message": text}


SHAPES: Mapping[str, _Shape] = {
    "openai_chat": _openai,
    "openai_responses": _openai,
    "openai_completions": _openai,
    "openai_embeddings": _openai,
    "openai_audio": _openai,
    "openai_images": _openai,
    "openai_files": _any,
    "anthropic_messages": _anthropic,
    "anthropic_batches": _anthropic,
    "gemini": _google,
    "gemini_interactions": _google,
    "bedrock_converse": _aws,
    "bedrock_invoke": _aws,
    "openai_realtime": _openai,
    "gemini_live": _google,
    "cohere_chat": _any,
    "cohere_v1": _any,
    "mistral_conversations": _any,
    "ollama": _ollama,
    "generic": _any,
}
# Codex speaks Responses alone, and asks five times more for whatever is refused with another status of 4xx.
_REFUSED: Mapping[str, int] = {"openai_responses": 400}
# A budget: Codex's word for one that is used up, and Bedrock's with its status; AWS's clients try again whatever is
# called throttling.
_OVERDRAWN = _Kind(
    "usage_limit_reached", "rate_limit_error", "RESOURCE_EXHAUSTED", "ServiceQuotaExceededException"
)
_USED_UP: Mapping[str, int] = {"bedrock_converse": 400, "bedrock_invoke": 400}
# Over a WebSocket these APIs have no event for an error: they end the connection with a code and a reason.
CLOSING = frozenset({"gemini_live"})
_AWS_HEADER = frozenset({"bedrock_converse", "bedrock_invoke", "generic"})


def answer(
    format_name: str,
    status: int,
    message: str,
    reference: str,
    *,
    html: Stopped | None = None,
    retry_after: int = 0,
    again: int | None = None,
) -> ErrorAnswer:
    """The provider-shaped error for ``format_name``; a page about what was stopped when a browser navigates.

    The official clients do not try again, unless it is the provider that could not be reached (502), or they are
    told to: ``again`` is the seconds until then. ``retry_after``: seconds until a person may.
    """
    if html:
        return _page(status, message, reference, html, again)
    if status < 500:
        status = (_USED_UP if retry_after else _REFUSED).get(format_name, status)
    kind = _KINDS.get(status) or _KINDS[400 if status < 500 else 503]
    if retry_after:
        kind = _OVERDRAWN
    text = f"{message} (reference {reference})"
    body = SHAPES.get(format_name, _any)(status, kind, text, reference, retry_after)
    headers = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-outgate-reference", reference),
    ]
    if again is not None:
        headers.append(("retry-after", str(again)))
    elif status != 502:
        headers.append(("x-should-retry", "false"))
    if retry_after:
        headers.append(("retry-after", str(retry_after)))
    if format_name in _AWS_HEADER:
        headers.append(("x-amzn-errortype", kind.aws))
    return ErrorAnswer(status, tuple(headers), json.dumps(body).encode())


def _page(status: int, message: str, reference: str, stopped: Stopped, again: int | None) -> ErrorAnswer:
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", block_page.POLICY),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-outgate-reference", reference),
    )
    later = () if again is None else (("retry-after", str(again)),)
    return ErrorAnswer(status, (*headers, *later), block_page.page(status, message, reference, stopped))
