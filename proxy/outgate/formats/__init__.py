"""LLM API formats: which strings of a message are whose words.

``read`` is the door. A format file describes one API family; ``generic`` reads what none describes;
``target`` reads path, query and headers. Formats know nothing of detection or policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats import anthropic_messages, gemini, generic, openai, target
from outgate.formats.roles import Shape
from outgate.model import Document, Endpoint, Exchange
from outgate.wire import WireError

FORMATS: Mapping[str, Shape] = {
    "openai_chat": openai.CHAT,
    "openai_responses": openai.RESPONSES,
    "openai_completions": openai.COMPLETIONS,
    "openai_embeddings": openai.EMBEDDINGS,
    "anthropic_messages": anthropic_messages.SHAPE,
    "gemini": gemini.SHAPE,
    "generic": generic.SHAPE,
}


def read(exchange: Exchange, endpoint: Endpoint, body: bytes) -> Document:
    """Every string of a request with its role and place.

    ``body`` is decoded. Raises WireError when it cannot be read whole.
    """
    content_type = exchange.header("content-type")
    if "charset" in content_type.lower() and not _is_utf8(content_type) and body:
        raise WireError(415, "bad_encoding", "The body is not UTF-8; send it as UTF-8.")
    reading = generic.read(body, content_type, FORMATS[endpoint.format])
    segments = reading.segments
    if not exchange.websocket:
        segments = [*target.read(exchange, endpoint), *segments]
    return Document(
        segments=tuple(segments),
        model=reading.model or endpoint.model,
        stream=reading.stream or "streamGenerateContent" in exchange.path,
        uninspectable=tuple(reading.uninspectable),
    )


def _is_utf8(content_type: str) -> bool:
    charset = content_type.lower().partition("charset")[2].lstrip(" =\"'").partition(";")[0].strip(" \"'")
    return charset in ("utf-8", "utf8", "us-ascii", "ascii")
