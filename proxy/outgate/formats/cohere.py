"""Cohere: chat of its API's versions 2 and 1, and generate (Cohere API reference, and its Python client's types)."""

from __future__ import annotations

from outgate.formats.openai_chat import SPEAKERS
from outgate.formats.shape import (
    MEDIA,
    OPAQUE,
    PLAIN,
    SYSTEM,
    TOOL_DEFINITION,
    TOOL_RESULT,
    USER,
    Place,
)
from outgate.model import Role

_call = Place(Role.TOOL_CALL, items=Place(members={"id": OPAQUE}))
_block = Place(members={"image_url": Place(members={"url": MEDIA}), "document": TOOL_RESULT})
_message = Place(
    members={
        "content": Place(items=_block),
        "tool_calls": _call,
        "tool_call_id": OPAQUE,
        "citations": TOOL_RESULT,
    },
    speakers=SPEAKERS,
)
CHAT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "messages": Place(Role.USER, items=_message),
        "documents": TOOL_RESULT,
        "tools": TOOL_DEFINITION,
        "response_format": TOOL_DEFINITION,
    },
)

_said = Place(
    members={"tool_calls": _call, "tool_results": TOOL_RESULT},
    speakers={
        "USER": Role.USER,
        "CHATBOT": Role.ASSISTANT,
        "SYSTEM": Role.SYSTEM,
        "TOOL": Role.TOOL_RESULT,
    },
)
V1 = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "message": USER,
        "prompt": USER,
        "preamble": SYSTEM,
        "chat_history": Place(Role.USER, items=_said),
        "documents": TOOL_RESULT,
        "tool_results": TOOL_RESULT,
        "tools": TOOL_DEFINITION,
        "response_format": TOOL_DEFINITION,
    },
)
