"""Gemini's interactions (Gemini API reference, "Interactions"): steps, and the contents of a turn."""

from __future__ import annotations

from outgate.formats.shape import MEDIA, OPAQUE, PLAIN, SYSTEM, TOOL_CALL, TOOL_DEFINITION, TOOL_RESULT, Place
from outgate.model import Role

_IDS = {"id": OPAQUE, "call_id": OPAQUE, "signature": OPAQUE}
_content = Place(members={"data": MEDIA})
_contents = Place(items=_content)
_CALL = Place(Role.TOOL_CALL, members=_IDS)
_RESULT = Place(Role.TOOL_RESULT, members={**_IDS, "result": Place(items=_content)})
_step = Place(
    members={**_IDS, "data": MEDIA, "content": _contents, "arguments": TOOL_CALL, "result": TOOL_RESULT},
    speakers={"user": Role.USER, "model": Role.ASSISTANT},
    blocks={
        "model_output": Place(Role.ASSISTANT, members={"content": _contents}),
        "thought": Place(Role.ASSISTANT, members=_IDS, signed=frozenset({"summary"})),
    },
    endings=(("_result", _RESULT), ("_call", _CALL)),
)
ROOT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "input": Place(Role.USER, items=_step, members=_content.members),
        "system_instruction": SYSTEM,
        "tools": TOOL_DEFINITION,
        "response_format": TOOL_DEFINITION,
        "previous_interaction_id": OPAQUE,
        "cached_content": OPAQUE,
    },
)
