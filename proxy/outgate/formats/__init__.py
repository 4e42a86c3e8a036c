"""LLM API formats: which strings of a message are whose words.

``read`` is the door. A format file describes one API family; ``generic`` reads what none describes;
``target`` reads path, query and headers. Formats know nothing of detection or policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from outgate.formats import (
    anthropic_messages,
    batches,
    bedrock,
    cohere,
    gemini,
    gemini_interactions,
    generic,
    mistral,
    ollama,
    openai_chat,
    openai_completions,
    openai_media,
    openai_realtime,
    openai_responses,
    target,
)
from outgate.formats.shape import Place
from outgate.model import Document, Endpoint, Exchange
from outgate.wire import WireError

FORMATS: Mapping[str, Place] = {
    "openai_chat": openai_chat.ROOT,
    "openai_responses": openai_responses.ROOT,
    "openai_completions": openai_completions.COMPLETIONS,
    "openai_embeddings": openai_completions.EMBEDDINGS,
    "openai_audio": openai_media.AUDIO,
    "openai_images": openai_media.IMAGES,
    "openai_files": generic.ROOT,
    "anthropic_messages": anthropic_messages.ROOT,
    "anthropic_batches": batches.ANTHROPIC,
    "gemini": gemini.ROOT,
    "gemini_interactions": gemini_interactions.ROOT,
    "bedrock_converse": bedrock.CONVERSE,
    "bedrock_invoke": bedrock.INVOKE,
    "openai_realtime": openai_realtime.ROOT,
    "gemini_live": gemini.LIVE,
    "cohere_chat": cohere.CHAT,
    "cohere_v1": cohere.V1,
    "mistral_conversations": mistral.CONVERSATIONS,
    "ollama": ollama.ROOT,
    "generic": generic.ROOT,
}
_PARTS: Mapping[str, Place] = {"openai_files": batches.LINE}  # JSON in a part of a multipart body

MAX_MODELS = 100  # that one batch may name

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';,\s]*)""", re.IGNORECASE)
_READ = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_STREAMING = ("streamGenerateContent", "streamRawPredict", "-stream")


def read(exchange: Exchange, endpoint: Endpoint, body: bytes) -> Document:
    """Every string of a request with its role and place.

    ``body`` is decoded. Raises WireError when it cannot be read whole.
    """
    content_type = _content_type(exchange)
    if body and any(name.lower() not in _READ for name in _CHARSET.findall(content_type)):
        raise WireError(415, "bad_encoding", "The body is not UTF-8; send it as UTF-8.")
    reading = generic.read(
        body, content_type, FORMATS[endpoint.format], _PARTS.get(endpoint.format, generic.ROOT)
    )
    segments = reading.segments
    if not exchange.websocket:
        segments = [*target.read(exchange, endpoint), *segments]
    models = tuple(dict.fromkeys(reading.models))
    if len(models) > MAX_MODELS:
        raise WireError(413, "too_large", f"The requests of the batch are for more than {MAX_MODELS} models.")
    return Document(
        segments=tuple(segments),
        # Where the path names the model, that is the one that answers, whatever the body says.
        model=endpoint.model or reading.model or next(iter(models), None),
        models=models,
        stream=reading.stream or any(word in exchange.path for word in _STREAMING),
        attachments=tuple(reading.attachments),
    )


def _content_type(exchange: Exchange) -> str:
    """The one content type. Two that differ could be read as either."""
    values = {value.strip() for name, value in exchange.headers if name.lower() == b"content-type"}
    if len(values) > 1:
        raise WireError(400, "bad_encoding", "The request names two content types.")
    return values.pop().decode("latin-1") if values else ""
