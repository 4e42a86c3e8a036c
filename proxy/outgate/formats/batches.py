"""Requests within requests: a batch in one body (Anthropic), and a file of them, one a line (OpenAI and alike).

A line says in ``url`` which API its ``body`` is for (OpenAI API reference, "The request input object");
of one for any other API, and of any other line, every string is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from outgate.formats import (
    anthropic_messages,
    generic,
    openai_chat,
    openai_completions,
    openai_media,
    openai_responses,
)
from outgate.formats.shape import MODEL, Place
from outgate.model import Role

_BODIES: Mapping[str, Place] = {
    "/v1/chat/completions": openai_chat.ROOT,
    "/chat/completions": openai_chat.ROOT,
    "/v1/responses": openai_responses.ROOT,
    "/v1/completions": openai_completions.COMPLETIONS,
    "/v1/embeddings": openai_completions.EMBEDDINGS,
    "/v1/moderations": openai_completions.EMBEDDINGS,
    "/v1/images/generations": openai_media.IMAGES,
    "/v1/images/edits": openai_media.IMAGES,
}


def _within(place: Place) -> Place:
    return replace(place, members={**place.members, "model": MODEL})


def _line(body: Place) -> Place:
    return replace(generic.ROOT, members={"body": _within(body)})


LINE = replace(
    _line(generic.ROOT.others or generic.ROOT),
    kind="url",
    blocks={url: _line(place) for url, place in _BODIES.items()},
)
ANTHROPIC = Place(
    Role.METADATA,
    members={"requests": Place(items=Place(members={"params": _within(anthropic_messages.ROOT)}))},
)
