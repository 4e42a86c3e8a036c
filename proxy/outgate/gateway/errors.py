"""Answers of our own, in the shape that the provider's clients understand.

The shapes are those of the vendors' API references (OpenAI "Error codes", Anthropic "Errors",
google.rpc.Status for Gemini and Vertex, ``x-amzn-errortype`` for Bedrock). ``x-should-retry: false``
is honoured by the official OpenAI and Anthropic SDKs. No text of the request is ever repeated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any

_STATUS = {
    400: ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    403: ("permission_error", "permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
    413: ("invalid_request_error", "request_too_large", "INVALID_ARGUMENT", "ValidationException"),
    415: ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    421: ("invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION", "ValidationException"),
    503: ("server_error", "api_error", "UNAVAILABLE", "ServiceUnavailableException"),
}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Status, headers and body of an HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer(format_name: str, status: int, message: str, reference: str, *, html: bool = False) -> ErrorAnswer:
    """The provider-shaped error for ``format_name``; an HTML page when a browser navigates."""
    if html:
        return _page(status, message, reference)
    openai, anthropic, google, aws = _STATUS[status]
    text = f"{message} (reference {reference})"
    extra: tuple[tuple[str, str], ...] = ()
    body: dict[str, Any]
    if format_name == "anthropic_messages":
        body = {"type": "error", "error": {"type": anthropic, "message": text}, "request_id": reference}
    elif format_name == "gemini":
        detail = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "OUTGATE",
            "domain": "outgate",
            "metadata": {"reference": reference},
        }
        body = {"error": {"code": status, "message": text, "status": google, "details": [detail]}}
    else:
        body = {"error": {"message": text, "type": openai, "param": None, "code": "outgate"}}
        if format_name == "generic":
            body["message"] = text  # where Bedrock's, Cohere's and most others' clients look
            extra = (("x-amzn-errortype", aws),)
    headers = (
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-should-retry", "false"),
        ("x-outgate-reference", reference),
    )
    return ErrorAnswer(status, headers + extra, json.dumps(body).encode())


def _page(status: int, message: str, reference: str) -> ErrorAnswer:
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;"
        "color:#1b1f24;background:#fff}code{background:#eef1f4;padding:.1em .3em;border-radius:3px}"
        "@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181c}code{background:#2a2f35}}"
    )
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Stopped by Outgate</title><style>{style}</style>"
        f"<h1>This request was stopped</h1><p>{escape(message)}</p>"
        f"<p>Reference <code>{escape(reference)}</code>: tell it to your security team if this looks wrong.</p>"
    )
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("x-outgate-reference", reference),
    )
    return ErrorAnswer(status, headers, page.encode())
