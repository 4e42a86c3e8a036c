"""OpenAI chat completions, and all that speak it (OpenAI API reference, "Create chat completion")."""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats.shape import MEDIA, OPAQUE, PLAIN, TOOL_CALL, TOOL_DEFINITION, USER, Place
from outgate.model import Role

SPEAKERS: Mapping[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL_RESULT,
    "function": Role.TOOL_RESULT,
}

FILE = Place(members={"file_id": OPAQUE, "file_data": MEDIA})
# Mistral's reasoning, as a block of its content.
THOUGHT = Place(members={"signature": OPAQUE}, signed=frozenset({"thinking"}))
BLOCK = Place(
    blocks={"thinking": THOUGHT},
    members={
        "image_url": Place(members={"url": MEDIA}, media=True),
        "video_url": Place(members={"url": MEDIA}),
        "input_audio": Place(members={"data": MEDIA}),
        "file": FILE,
    },
)
CONTENT = Place(items=BLOCK)
# What OpenRouter and others send back with an answer: signed or encrypted reasoning.
_REASONING = Place(
    members={"id": OPAQUE, "data": OPAQUE, "signature": OPAQUE}, signed=frozenset({"text", "summary"})
)
MESSAGE_MEMBERS: Mapping[str, Place] = {
    "content": CONTENT,
    "tool_calls": Place(Role.TOOL_CALL, items=Place(members={"id": OPAQUE})),
    "function_call": TOOL_CALL,
    "tool_call_id": OPAQUE,
    "audio": Place(members={"id": OPAQUE}),
    "reasoning_details": Place(items=_REASONING),
}
MESSAGE = Place(members=MESSAGE_MEMBERS, speakers=SPEAKERS)

ROOT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "messages": Place(Role.USER, items=MESSAGE),
        "tools": TOOL_DEFINITION,
        "functions": TOOL_DEFINITION,
        "response_format": TOOL_DEFINITION,
        "prediction": USER,
    },
)
